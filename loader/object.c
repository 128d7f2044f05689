// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/devmap.skel.h"
#include "bpf/encap.skel.h"
#include "bpf/poll.skel.h"
#include "bpf/tc.skel.h"
#include "bpf/trace.skel.h"
#include "bpf/xdp.skel.h"
#include "internal.h"

struct object {
	const char *name;
	const void *(*bytes)(size_t *size);
	bool extended; /* its programs are extensions where there is a dispatcher */
	bool spare; /* a kernel that refuses it forwards all the same */
	void (*tune)(struct bpf_object *obj); /* before loading */
	int (*keep)(struct sv_plane *plane, struct bpf_object *obj, struct sv_err *err);
};

static void cleanup_object(struct bpf_object **obj)
{
	bpf_object__close(*obj);
}

__u32 sv_netns_inum(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

const char *sv_map_name(enum sv_map map)
{
#define NAME(id, name) #name,
	static const char *const names[] = { SV_MAPS(NAME) };

	return names[map];
}

static int check_layout(const struct bpf_map *map, int fd, struct sv_err *err)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return sv_err_set(err, -errno, "map %s: %s", bpf_map__name(map), strerror(errno));
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    info.max_entries == bpf_map__max_entries(map))
		return 0;
	return sv_err_set(err, -EPROTO,
			  "the pinned map %s has another layout under the same schema number %u; "
			  "the running data plane is left alone",
			  bpf_map__name(map), SV_SCHEMA);
}

int sv_object_share_maps(struct sv_plane *plane, struct bpf_object *obj, struct sv_err *err)
{
	struct bpf_map *map;
	int rc;

	for (int i = 0; i < SV_MAP__COUNT; i++) {
		map = bpf_object__find_map_by_name(obj, sv_map_name(i));
		if (!map || plane->map[i] < 0)
			continue;
		rc = check_layout(map, plane->map[i], err);
		if (rc)
			return rc;
		rc = bpf_map__reuse_fd(map, plane->map[i]);
		if (rc)
			return sv_log_err(err, rc, "cannot share map %s", sv_map_name(i));
	}
	return 0;
}

static int dup_fd(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

static int keep_maps(struct sv_plane *plane, struct bpf_object *obj, struct sv_err *err)
{
	struct bpf_map *map;

	for (int i = 0; i < SV_MAP__COUNT; i++) {
		map = bpf_object__find_map_by_name(obj, sv_map_name(i));
		if (!map || plane->map[i] >= 0)
			continue;
		plane->map[i] = dup_fd(bpf_map__fd(map));
		if (plane->map[i] < 0)
			return sv_err_set(err, plane->map[i], "map %s: %s", sv_map_name(i),
					  strerror(-plane->map[i]));
	}
	return 0;
}

static int keep_prog(int *fd, struct bpf_object *obj, const char *name, struct sv_err *err)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	*fd = prog ? dup_fd(bpf_program__fd(prog)) : -ENOENT;
	return *fd < 0 ? sv_err_set(err, *fd, "program %s: %s", name, strerror(-*fd)) : 0;
}

static const struct slot {
	const char *name;
	size_t at; /* its descriptor in struct sv_plane */
} slots[] = {
	{ "sv_egress", offsetof(struct sv_plane, egress) },
	{ "sv_xdp_trunk", offsetof(struct sv_plane, xdp[SV_ROLE_TRUNK]) },
	{ "sv_xdp_edge", offsetof(struct sv_plane, xdp[SV_ROLE_EDGE]) },
	{ "sv_xdp_vnode", offsetof(struct sv_plane, xdp[SV_ROLE_VNODE]) },
	{ "sv_tc_trunk", offsetof(struct sv_plane, tc[SV_ROLE_TRUNK]) },
	{ "sv_tc_edge", offsetof(struct sv_plane, tc[SV_ROLE_EDGE]) },
	{ "sv_tc_vnode", offsetof(struct sv_plane, tc[SV_ROLE_VNODE]) },
	{ "sv_tc_export", offsetof(struct sv_plane, tc[SV_ROLE_EXPORT]) },
	{ "sv_xdp_deliver", offsetof(struct sv_plane, stage_xdp) },
	{ "sv_tc_deliver", offsetof(struct sv_plane, stage_tc) },
};

int *sv_object_slot(struct sv_plane *plane, size_t i, const char **name)
{
	if (i >= sizeof(slots) / sizeof(slots[0]))
		return NULL;
	*name = slots[i].name;
	return (int *)((char *)plane + slots[i].at);
}

/* The object's programs that have a place in struct sv_plane. */
static int keep_slots(struct sv_plane *plane, struct bpf_object *obj, struct sv_err *err)
{
	const char *name;
	int *fd, rc = 0;

	for (size_t i = 0; !rc && (fd = sv_object_slot(plane, i, &name)); i++) {
		if (bpf_object__find_program_by_name(obj, name))
			rc = keep_prog(fd, obj, name, err);
	}
	return rc;
}

static int keep_trace(struct sv_plane *plane, struct bpf_object *obj, struct sv_err *err)
{
	struct bpf_program *prog;
	struct sv_tracer *trace;
	const char *slash;
	int rc;

	bpf_object__for_each_program(prog, obj)
	{
		slash = strrchr(bpf_program__section_name(prog), '/');
		if (!slash || plane->n_trace == SV_TRACE_MAX)
			return sv_err_set(err, -EINVAL, "program %s: no tracepoint in its section",
					  bpf_program__name(prog));
		trace = &plane->trace[plane->n_trace];
		snprintf(trace->name, sizeof(trace->name), "%s", bpf_program__name(prog));
		snprintf(trace->tracepoint, sizeof(trace->tracepoint), "%s", slash + 1);
		trace->typed = bpf_program__type(prog) == BPF_PROG_TYPE_TRACING;
		trace->spare = !strcmp(trace->tracepoint, "napi_poll");
		rc = keep_prog(&trace->fd, obj, trace->name, err);
		if (rc)
			return rc;
		plane->n_trace++;
	}
	return 0;
}

static void tune_trace(struct bpf_object *obj)
{
	struct bpf_map *rodata = NULL, *map;
	__u32 inum = sv_netns_inum();

	bpf_object__for_each_map(map, obj)
	{
		if (strstr(bpf_map__name(map), ".rodata"))
			rodata = map;
	}
	if (rodata)
		bpf_map__set_initial_value(rodata, &inum, sizeof(inum));
}
#define ONE_CONSTANT(skel)                                                                         \
	_Static_assert(sizeof(*((struct skel *)0)->rodata) == sizeof(__u32) &&                     \
			       sizeof(((struct skel *)0)->rodata->sv_netns_inum) == sizeof(__u32), \
		       "the object has one constant")
ONE_CONSTANT(sv_trace);
ONE_CONSTANT(sv_poll);

/*
 * A program array takes, and serves, only programs that were loaded alike. libxdp loads our entries
 * as extension programs: without the frags flag, and without an expected attach type, as the target
 * of an extension, its dispatcher, has none. So where there is a dispatcher, everything that shares
 * sv_filter_xdp is loaded like that, by a handler for the section. Frames of several buffers come
 * all the same: it is the dispatcher that has the flag.
 */
static int as_extension(struct sv_plane *plane, const struct object *object)
{
	/* Never given back: libbpf 1.1 frees its list of handlers twice once it was empty again. */
	static int handler;

	if (!object->extended || handler > 0 || !sv_dispatcher_works(plane))
		return 0;
	handler = libbpf_register_prog_handler("xdp.frags", BPF_PROG_TYPE_XDP, 0, NULL);
	return handler < 0 ? handler : 0;
}

static int load(struct sv_plane *plane, const struct object *object, struct sv_err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = object->name);
	_cleanup_(cleanup_object) struct bpf_object *obj = NULL;
	const void *bytes;
	size_t size;
	int rc = as_extension(plane, object);

	if (rc)
		return sv_log_err(err, rc, "cannot prepare the BPF object %s", object->name);
	bytes = object->bytes(&size);
	obj = bpf_object__open_mem(bytes, size, &opts);
	if (!obj)
		return sv_log_err(err, -errno, "cannot read the BPF object %s", object->name);
	rc = sv_object_share_maps(plane, obj, err);
	if (rc)
		return rc;
	if (object->tune)
		object->tune(obj);
	rc = bpf_object__load(obj);
	if (rc)
		return sv_log_err(err, rc, "the kernel refuses the BPF object %s: %s", object->name,
				  strerror(-rc));
	rc = keep_maps(plane, obj, err);
	return rc ?: object->keep(plane, obj, err);
}

static const struct object objects[] = {
	{ "sv_devmap", sv_devmap__elf_bytes, .keep = keep_slots },
	{ "sv_xdp", sv_xdp__elf_bytes, .extended = true, .keep = keep_slots },
	{ "sv_tc", sv_tc__elf_bytes, .keep = keep_slots },
	{ "sv_encap", sv_encap__elf_bytes, .keep = keep_slots },
	{ "sv_trace", sv_trace__elf_bytes, .tune = tune_trace, .keep = keep_trace },
	{ "sv_poll", sv_poll__elf_bytes, .spare = true, .tune = tune_trace, .keep = keep_trace },
};

__u64 sv_object_build(void)
{
	__u64 h = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		const __u8 *bytes;
		size_t size;

		bytes = objects[i].bytes(&size);
		for (size_t j = 0; j < size; j++)
			h = (h ^ bytes[j]) * 0x100000001b3;
	}
	return h;
}

static int check_slots(struct sv_plane *plane, struct sv_err *err)
{
	const char *name;
	int *fd;

	for (size_t i = 0; (fd = sv_object_slot(plane, i, &name)); i++) {
		if (*fd < 0)
			return sv_err_set(err, -ENOENT, "program %s is in no BPF object", name);
	}
	return 0;
}

int sv_object_load_all(struct sv_plane *plane, struct sv_err *err)
{
	int rc;

	sv_log_start();
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		rc = load(plane, &objects[i], objects[i].spare ? NULL : err);
		if (rc && !objects[i].spare)
			return rc;
	}
	for (int i = 0; i < SV_MAP__COUNT; i++) {
		if (plane->map[i] < 0)
			return sv_err_set(err, -ENOENT, "map %s is in no BPF object",
					  sv_map_name(i));
	}
	return check_slots(plane, err);
}

const void *sv_object_xdp_bytes(size_t *size)
{
	return sv_xdp__elf_bytes(size);
}

int sv_prog_same(int a, int b)
{
	struct bpf_prog_info ia = {}, ib = {};
	__u32 len = sizeof(ia);

	if (bpf_obj_get_info_by_fd(a, &ia, &len))
		return -errno;
	len = sizeof(ib);
	if (bpf_obj_get_info_by_fd(b, &ib, &len))
		return -errno;
	return !memcmp(ia.tag, ib.tag, sizeof(ia.tag));
}
