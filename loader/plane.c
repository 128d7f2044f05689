// SPDX-License-Identifier: GPL-2.0-only
#include "plane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

enum pinned {
	PINNED_NONE, /* nothing, or what a crash left half-made */
	PINNED_OURS,
};

static void cleanup_plane(struct sv_plane **plane)
{
	sv_plane_close(*plane);
}

static struct sv_plane *plane_new(const char *pin)
{
	struct sv_plane *plane = calloc(1, sizeof(*plane));

	if (!plane)
		return NULL;
	snprintf(plane->pin, sizeof(plane->pin), "%s", pin);
	memset(plane->map, -1, sizeof(plane->map));
	memset(plane->xdp, -1, sizeof(plane->xdp));
	memset(plane->tc, -1, sizeof(plane->tc));
	plane->egress = -1;
	plane->stage_xdp = -1;
	plane->stage_tc = -1;
	plane->tcx = -1;
	plane->dispatcher = -1;
	return plane;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void sv_plane_close(struct sv_plane *plane)
{
	if (!plane)
		return;
	ring_buffer__free(plane->ring);
	sv_exit_close(plane);
	for (int i = 0; i < SV_MAP__COUNT; i++)
		close_fd(&plane->map[i]);
	for (int i = 0; i < SV_ROLE__COUNT; i++) {
		close_fd(&plane->xdp[i]);
		close_fd(&plane->tc[i]);
	}
	for (size_t i = 0; i < plane->n_trace; i++)
		close_fd(&plane->trace[i].fd);
	close_fd(&plane->egress);
	close_fd(&plane->stage_xdp);
	close_fd(&plane->stage_tc);
	free(plane);
}

/* ---- what is pinned ---- */

static int map_path(char *path, const struct sv_plane *plane, enum sv_map map, struct sv_err *err)
{
	int rc = sv_pin_path(path, PATH_MAX, plane->pin, "maps/%s", sv_map_name(map));

	return rc ? sv_err_set(err, rc, "the pin folder's name is too long") : 0;
}

static int get_map(struct sv_plane *plane, enum sv_map map, struct sv_err *err)
{
	char path[PATH_MAX];
	int fd, rc = map_path(path, plane, map, err);

	if (rc)
		return rc;
	fd = sv_pin_get(path);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return sv_err_set(err, fd, "cannot open %s: %s", path, strerror(-fd));
	plane->map[map] = fd;
	return 0;
}

static int get_maps(struct sv_plane *plane, struct sv_err *err)
{
	int rc = 0;

	for (int i = 0; i < SV_MAP__COUNT && !rc; i++) {
		if (plane->map[i] < 0)
			rc = get_map(plane, i, err);
	}
	return rc;
}

/* Ports and links are made only under a complete set of maps. */
static bool has_links(const struct sv_plane *plane)
{
	static const char *const folders[] = { "links", "ports" };
	char path[PATH_MAX];
	struct dirent *de;
	bool found = false;
	DIR *dir;

	for (int i = 0; i < 2 && !found; i++) {
		if (sv_pin_path(path, sizeof(path), plane->pin, "%s", folders[i]))
			return true;
		dir = opendir(path);
		while (dir && (de = readdir(dir)))
			found |= de->d_name[0] != '.';
		if (dir)
			closedir(dir);
	}
	return found;
}

static int look(struct sv_plane *plane, enum pinned *pinned, struct sv_err *err)
{
	__u32 key = 0, schema = 0;
	int rc = get_map(plane, SV_MAP_SCHEMA, err);

	if (!rc && plane->map[SV_MAP_SCHEMA] >= 0)
		rc = sv_map_get(plane, SV_MAP_SCHEMA, &key, &schema, err);
	if (rc)
		return rc;
	*pinned = schema == SV_SCHEMA ? PINNED_OURS : PINNED_NONE;
	if (schema == SV_SCHEMA || (!schema && !has_links(plane)))
		return 0;
	return sv_err_set(err, -EPROTO,
			  "the data plane at %s has schema %u, this program needs %u; it is left "
			  "running: use the matching svnetd, or remove it with svnetd --purge",
			  plane->pin, schema, SV_SCHEMA);
}

static int remove_below(const char *pin, const char *what, struct sv_err *err)
{
	char path[PATH_MAX];

	if (sv_pin_path(path, sizeof(path), pin, "%s", what))
		return sv_err_set(err, -ENAMETOOLONG, "the pin folder's name is too long");
	return sv_pin_remove(path, err);
}

static int make_folders(const struct sv_plane *plane, struct sv_err *err)
{
	static const char *const folders[] = { "maps", "progs", "links", "ports" };
	char path[PATH_MAX];
	int rc = 0;

	for (int i = 0; i < 4 && !rc; i++) {
		rc = sv_pin_path(path, sizeof(path), plane->pin, "%s", folders[i]);
		rc = rc ?: sv_pin_mkdir(path, err);
	}
	return rc;
}

/* ---- making one ---- */

static int pin_maps(struct sv_plane *plane, bool fresh, struct sv_err *err)
{
	__u32 key = 0, schema = SV_SCHEMA;
	char path[PATH_MAX];
	int rc = fresh ? sv_share_set(plane, SV_SHARE_DEFAULT, err) : 0;

	for (int i = 0; i < SV_MAP__COUNT && !rc; i++) {
		rc = map_path(path, plane, i, err);
		if (!rc && !sv_pin_exists(path))
			rc = sv_pin_put(plane->map[i], path, err);
	}
	/* The number goes in last: a plane without it is half-made, and nobody trusts it. */
	return rc ?: sv_map_set(plane, SV_MAP_SCHEMA, &key, &schema, err);
}

/* The program that is pinned as name, or -1. */
static int pinned_prog(const struct sv_plane *plane, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (sv_pin_path(path, sizeof(path), plane->pin, "progs/%s", name))
		return -1;
	fd = sv_pin_get(path);
	return fd < 0 ? -1 : fd;
}

static int pin_prog(const struct sv_plane *plane, const char *name, int fd, struct sv_err *err)
{
	char path[PATH_MAX];
	int rc = sv_pin_path(path, sizeof(path), plane->pin, "progs/%s", name);

	return rc ?: sv_pin_put(fd, path, err);
}

/*
 * Every entry of a device must carry the same devmap program (the kernel runs one for a whole
 * bulk). So an unchanged one stays, and with a changed one all fan-outs are made anew.
 */
static int put_egress(struct sv_plane *plane, struct sv_err *err)
{
	_cleanup_close_ int old = pinned_prog(plane, "sv_egress");
	int rc;

	if (old >= 0 && sv_prog_same(old, plane->egress) == 1) {
		close_fd(&plane->egress);
		plane->egress = TAKE_FD(old);
		return 0;
	}
	rc = sv_attach_rebuild(plane, false, err);
	return rc ?: pin_prog(plane, "sv_egress", plane->egress, err);
}

/* All pins NAME-… in one of our folders. */
static int drop_named(const struct sv_plane *plane, const char *where, const char *name,
		      struct sv_err *err)
{
	char folder[PATH_MAX], path[PATH_MAX];
	size_t len = strlen(name);
	struct dirent *de;
	int rc = sv_pin_path(folder, sizeof(folder), plane->pin, "%s", where);
	DIR *dir = rc ? NULL : opendir(folder);

	if (!dir)
		return sv_err_set(err, rc ?: -errno, "cannot read %s/%s", plane->pin, where);
	while (!rc && (de = readdir(dir))) {
		if (strncmp(de->d_name, name, len) || de->d_name[len] != '-')
			continue;
		rc = sv_pin_path(path, sizeof(path), folder, "%s", de->d_name);
		rc = rc ?: sv_pin_remove(path, err);
	}
	closedir(dir);
	return rc;
}

/* Tracepoints that kernels have by one name or another, or not at all. */
static bool optional(const char *tracepoint)
{
	return !strcmp(tracepoint, "xdp_redirect_map_err");
}

/* A raw tracepoint's link takes no other program: out with the old, in with the new. The program
 * counts only its own network namespace, so the pin is named after that, too. */
static int put_trace(struct sv_plane *plane, const struct sv_tracer *trace, struct sv_err *err)
{
	_cleanup_close_ int old = pinned_prog(plane, trace->name);
	_cleanup_close_ int link = -1;
	char path[PATH_MAX];
	int rc;

	if (sv_pin_path(path, sizeof(path), plane->pin, "links/%s-%u", trace->name,
			sv_netns_inum()))
		return sv_err_set(err, -ENAMETOOLONG, "the pin folder's name is too long");
	if (old >= 0 && sv_prog_same(old, trace->fd) == 1 && sv_pin_exists(path))
		return 0;
	/* Links of an older program, or made in another network namespace. */
	rc = drop_named(plane, "links", trace->name, err);
	if (rc)
		return rc;
	link = bpf_raw_tracepoint_open(trace->typed ? NULL : trace->tracepoint, trace->fd);
	if (link < 0 && (trace->spare || (errno == ENOENT && optional(trace->tracepoint))))
		return 0;
	if (link < 0)
		return sv_err_set(
			err, -errno,
			"cannot attach %s to the kernel's tracepoint %s (CONFIG_BPF_EVENTS): %s",
			trace->name, trace->tracepoint, strerror(errno));
	rc = sv_pin_new(link, path, err);
	return rc ?: pin_prog(plane, trace->name, trace->fd, err);
}

/*
 * PIN/progs/build-HASH-NETNS is there while everything that runs comes from this build: then a
 * restart takes the pinned programs, instead of the verifier's time and replacing like by like.
 */
static int build_path(const struct sv_plane *plane, char *path)
{
	return sv_pin_path(path, PATH_MAX, plane->pin, "progs/build-%016llx-%u",
			   (unsigned long long)sv_object_build(), sv_netns_inum());
}

static bool get_slots(struct sv_plane *plane)
{
	const char *name;
	int *fd;

	for (size_t i = 0; (fd = sv_object_slot(plane, i, &name)); i++) {
		*fd = pinned_prog(plane, name);
		if (*fd < 0)
			return false;
	}
	return true;
}

static bool adopt_programs(struct sv_plane *plane)
{
	char path[PATH_MAX];
	const char *name;
	int *fd;

	if (build_path(plane, path) || !sv_pin_exists(path))
		return false;
	for (int i = 0; i < SV_MAP__COUNT; i++) {
		if (plane->map[i] < 0)
			return false;
	}
	if (get_slots(plane))
		return true;
	for (size_t i = 0; (fd = sv_object_slot(plane, i, &name)); i++)
		close_fd(fd);
	return false;
}

static int pin_slots(struct sv_plane *plane, struct sv_err *err)
{
	const char *name;
	int *fd, rc = 0;

	for (size_t i = 0; !rc && (fd = sv_object_slot(plane, i, &name)); i++)
		rc = pin_prog(plane, name, *fd, err);
	return rc;
}

static int put_all(struct sv_plane *plane, struct sv_err *err)
{
	char path[PATH_MAX];
	int rc = drop_named(plane, "progs", "build", err);

	rc = rc ?: sv_slot_put_stage(plane, err);
	rc = rc ?: put_egress(plane, err);
	for (size_t i = 0; i < plane->n_trace && !rc; i++)
		rc = put_trace(plane, &plane->trace[i], err);
	rc = rc ?: sv_ports_update(plane, err);
	rc = rc ?: pin_slots(plane, err);
	rc = rc ?: build_path(plane, path);
	return rc ?: sv_pin_mkdir(path, err);
}

static int explain(struct sv_err *err, int rc)
{
	struct sv_err missing = {};
	int bad = sv_plane_check(&missing);

	return bad ? sv_err_set(err, bad, "%s", missing.text) : rc;
}

static int fill(struct sv_plane *plane, bool *fresh, struct sv_err *err)
{
	enum pinned pinned;
	int rc = look(plane, &pinned, err);

	if (!rc && pinned == PINNED_NONE) {
		close_fd(&plane->map[SV_MAP_SCHEMA]);
		rc = remove_below(plane->pin, "maps", err)
			     ?: remove_below(plane->pin, "progs", err);
	}
	rc = rc ?: make_folders(plane, err);
	rc = rc ?: get_maps(plane, err);
	if (rc)
		return rc;
	if (pinned == PINNED_OURS && adopt_programs(plane)) {
		plane->programs = true;
		*fresh = false;
		return sv_slot_put_stage(plane, err);
	}
	rc = sv_object_load_all(plane, err);
	if (rc)
		return explain(err, rc);
	plane->programs = true;
	*fresh = pinned == PINNED_NONE;
	rc = pin_maps(plane, *fresh, err);
	rc = rc ?: put_all(plane, err);
	if (rc && *fresh)
		sv_pin_remove(plane->pin, NULL);
	return rc;
}

int sv_plane_open(struct sv_plane **out, const char *pin, bool *fresh, struct sv_err *err)
{
	_cleanup_(cleanup_plane) struct sv_plane *plane = NULL;
	bool made = false;
	int rc = sv_pin_check(pin, true, err);

	if (rc)
		return rc;
	plane = plane_new(pin);
	if (!plane)
		return sv_err_set(err, -ENOMEM, "out of memory");
	rc = fill(plane, &made, err);
	if (rc)
		return rc;
	*fresh = made;
	*out = TAKE_PTR(plane);
	return 0;
}

int sv_plane_open_maps(struct sv_plane **out, const char *pin, struct sv_err *err)
{
	_cleanup_(cleanup_plane) struct sv_plane *plane = NULL;
	enum pinned pinned;
	int rc = sv_pin_check(pin, false, err);

	if (rc)
		return rc;
	plane = plane_new(pin);
	if (!plane)
		return sv_err_set(err, -ENOMEM, "out of memory");
	rc = look(plane, &pinned, err);
	if (!rc && pinned == PINNED_NONE)
		rc = sv_err_set(err, -ENOENT, "no data plane is pinned at %s", pin);
	rc = rc ?: get_maps(plane, err);
	for (int i = 0; i < SV_MAP__COUNT && !rc; i++) {
		if (plane->map[i] < 0)
			rc = sv_err_set(err, -ENOENT, "map %s is not pinned at %s", sv_map_name(i),
					pin);
	}
	if (rc)
		return rc;
	*out = TAKE_PTR(plane);
	return 0;
}

/* ---- removing one ---- */

static int purge_ports(const char *pin, struct sv_err *err)
{
	_cleanup_free_ struct sv_record *recs = NULL;
	size_t n = 0;
	int rc = sv_record_list(pin, &recs, &n, err);

	for (size_t i = 0; i < n && !rc; i++)
		rc = sv_record_detach(&recs[i], err);
	return rc;
}

/* "…/svnet" when its last host goes; what is not ours or not empty stays. */
static void remove_parent(const char *pin)
{
	_cleanup_free_ char *parent = strdup(pin);
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash || slash == parent)
		return;
	*slash = 0;
	if (strcmp(parent, "/sys/fs/bpf"))
		rmdir(parent);
}

int sv_plane_purge(const char *pin, struct sv_err *err)
{
	int rc = sv_pin_check(pin, false, err);

	if (rc == -ENOENT)
		return 0;
	rc = rc ?: purge_ports(pin, err);
	rc = rc ?: sv_pin_remove(pin, err);
	if (!rc)
		remove_parent(pin);
	return rc;
}
