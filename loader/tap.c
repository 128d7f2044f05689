// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "maps/session.h"
#include "tap_internal.h"

/* ---- the plane's maps ---- */

static int get_map(const char *pin, const char *name, struct sv_err *err)
{
	char path[320];
	int fd;

	snprintf(path, sizeof(path), "%s/maps/%s", pin, name);
	fd = bpf_obj_get(path);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return sv_err_set(err, -ENOENT, "no data plane is pinned at %s (%s)", pin, name);
	return sv_err_set(err, errno == EACCES ? -EPERM : -errno, "%s: %s", path, strerror(errno));
}

/* bpffs lets anybody make folders: rings of another user's making are not to be trusted. */
static int check_pin(const char *pin, struct sv_err *err)
{
	struct stat st;

	if (stat(pin, &st))
		return errno == EACCES
			       ? sv_err_set(err, -EPERM, "%s is not for us", pin)
			       : sv_err_set(err, -errno, "no data plane is pinned at %s", pin);
	if (st.st_uid && st.st_uid != geteuid())
		return sv_err_set(err, -EPERM, "%s belongs to user %u", pin, st.st_uid);
	return 0;
}

static int check_schema(const char *pin, struct sv_err *err)
{
	_cleanup_close_ int fd = get_map(pin, "sv_schema", err);
	__u32 key = 0, schema = 0;

	if (fd < 0)
		return fd;
	if (!bpf_map_lookup_elem(fd, &key, &schema) && schema == SV_SCHEMA)
		return 0;
	return sv_err_set(err, -EPROTO, "the data plane at %s has schema %u, this program reads %u",
			  pin, schema, SV_SCHEMA);
}

static int find_rings(struct sv_tap *tap, struct sv_err *err)
{
	_cleanup_close_ int fd = get_map(tap->pin, "sv_session", err);
	struct sv_session session = { 0 };
	__u32 key = tap->number;

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &key, &session) || session.kind != SV_SESSION_RING ||
	    session.tap >= SV_TAP_MAX)
		return sv_err_set(err, -ENOENT, "session %u at %s has no rings on this host",
				  tap->number, tap->pin);
	tap->tap = session.tap;
	return 0;
}

/* ---- one reader ---- */

/* A lock on a folder beside the pins: it ends with its process, whatever namespace that is in. */
static int take(struct sv_tap *tap, struct sv_err *err)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/readers", tap->pin);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/readers/%u", tap->pin, tap->tap);
	mkdir(path, 0700);
	tap->lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (tap->lock < 0)
		return sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!flock(tap->lock, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return sv_err_set(err, -EBUSY,
				  "session %u is being read already: a session has one reader",
				  tap->number);
	return sv_err_set(err, -errno, "cannot lock %s: %s", path, strerror(errno));
}

/* ---- mapping ---- */

/* Twice in a row, so that no record wraps. */
static const __u8 *map_twice(int fd)
{
	__u8 *base = mmap(NULL, 2 * SV_TAP_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	for (int i = 0; i < 2; i++)
		if (mmap(base + i * SV_TAP_BYTES, SV_TAP_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED,
			 fd, 0) == MAP_FAILED) {
			munmap(base, 2 * SV_TAP_BYTES);
			return NULL;
		}
	return base;
}

__u32 sv_tap_ring_id(const struct sv_tap *tap, __u32 cpu)
{
	__u32 key = tap->tap * SV_TAP_CPUS + cpu, id;

	return bpf_map_lookup_elem(tap->rings_fd, &key, &id) ? 0 : id;
}

static void start_here(struct sv_tap_ring *ring)
{
	ring->head = __atomic_load_n(&ring->ctl->head, __ATOMIC_ACQUIRE);
	ring->pos = ring->given = ring->head;
	ring->lost = ring->lost_before = __atomic_load_n(&ring->ctl->lost, __ATOMIC_RELAXED);
	__atomic_store_n(&ring->ctl->tail, ring->head, __ATOMIC_RELEASE);
}

static int map_ring(struct sv_tap *tap, __u32 cpu, __u32 id, struct sv_err *err)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct sv_tap_ring *ring = &tap->ring[tap->n];

	if (fd < 0)
		return sv_err_set(err, -errno, "cannot open the ring of CPU %u: %s", cpu,
				  strerror(errno));
	ring->base = map_twice(fd);
	if (!ring->base)
		return sv_err_set(err, -errno, "cannot map the ring of CPU %u: %s", cpu,
				  strerror(errno));
	ring->cpu = cpu;
	ring->id = id;
	ring->ctl = (struct sv_tap_ctl *)tap->ctl_map + tap->tap * SV_TAP_CPUS + cpu;
	tap->n++;
	start_here(ring);
	return 0;
}

#define CTL_BYTES (SV_TAP_MAX * SV_TAP_CPUS * sizeof(struct sv_tap_ctl))

static int map_ctl(struct sv_tap *tap, struct sv_err *err)
{
	_cleanup_close_ int fd = get_map(tap->pin, "sv_tap_ctl", err);
	void *map;

	if (fd < 0)
		return fd;
	map = mmap(NULL, CTL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return sv_err_set(err, -errno, "cannot map sv_tap_ctl: %s", strerror(errno));
	tap->ctl_map = map;
	return 0;
}

static int map_rings(struct sv_tap *tap, struct sv_err *err)
{
	int cpus = libbpf_num_possible_cpus(), rc;

	if (cpus < 0 || cpus > SV_TAP_CPUS)
		cpus = SV_TAP_CPUS;
	tap->ring = calloc(cpus, sizeof(*tap->ring));
	if (!tap->ring)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (int cpu = 0; cpu < cpus; cpu++) {
		__u32 id = sv_tap_ring_id(tap, cpu);

		rc = id ? map_ring(tap, cpu, id, err) : 0;
		if (rc)
			return rc;
	}
	if (!tap->n)
		return sv_err_set(err, -ENOENT, "session %u at %s has no rings", tap->number,
				  tap->pin);
	return 0;
}

/* ---- opening and closing ---- */

static int open_maps(struct sv_tap *tap, struct sv_err *err)
{
	int rc = map_ctl(tap, err);

	if (rc)
		return rc;
	tap->points_fd = get_map(tap->pin, "sv_point", err);
	if (tap->points_fd < 0)
		return tap->points_fd;
	tap->rings_fd = get_map(tap->pin, "sv_tap", err);
	return tap->rings_fd < 0 ? tap->rings_fd : 0;
}

static void cleanup_tap(struct sv_tap **tap)
{
	sv_tap_close(*tap);
}

int sv_tap_open(struct sv_tap **out, const char *pin, __u16 number, struct sv_err *err)
{
	_cleanup_(cleanup_tap) struct sv_tap *tap = calloc(1, sizeof(*tap));
	int rc;

	if (!tap)
		return sv_err_set(err, -ENOMEM, "out of memory");
	tap->lock = tap->rings_fd = tap->points_fd = -1;
	tap->number = number;
	if (snprintf(tap->pin, sizeof(tap->pin), "%s", pin) >= (int)sizeof(tap->pin))
		return sv_err_set(err, -ENAMETOOLONG, "the pin folder's name is too long");
	rc = check_pin(pin, err);
	rc = rc ?: check_schema(pin, err);
	rc = rc ?: find_rings(tap, err);
	rc = rc ?: take(tap, err);
	rc = rc ?: open_maps(tap, err);
	rc = rc ?: map_rings(tap, err);
	if (rc)
		return rc;
	*out = TAKE_PTR(tap);
	return 0;
}

void sv_tap_close(struct sv_tap *tap)
{
	if (!tap)
		return;
	for (size_t i = 0; i < tap->n; i++)
		munmap((void *)tap->ring[i].base, 2 * SV_TAP_BYTES);
	if (tap->ctl_map)
		munmap(tap->ctl_map, CTL_BYTES);
	sv_tap_point_fini(tap);
	sv_cleanup_fd(&tap->rings_fd);
	sv_cleanup_fd(&tap->points_fd);
	sv_cleanup_fd(&tap->lock); /* last: from now on somebody else may read */
	free(tap->ring);
	free(tap);
}

/* The plane may have been removed whole: then its folders are, and the maps we hold say nothing. */
void sv_tap_check(struct sv_tap *tap)
{
	struct stat st;

	if (fstat(tap->lock, &st) || !st.st_nlink)
		tap->stale = true;
	for (size_t i = 0; i < tap->n && !tap->stale; i++)
		tap->stale = sv_tap_ring_id(tap, tap->ring[i].cpu) != tap->ring[i].id;
}
