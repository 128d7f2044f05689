// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "internal.h"

/*
 * libxdp's dispatcher runs several XDP programs on one device. It wants each as an extension
 * program (BPF_PROG_TYPE_EXT) of its own, so ours is loaded once more for every device. Replacing
 * is: the new one goes in, then the old one out; each step swaps the whole dispatcher atomically.
 */

bool sv_dispatcher_works(struct sv_plane *plane)
{
	if (plane->dispatcher < 0)
		plane->dispatcher = sv_check_ext();
	return plane->dispatcher;
}

static void cleanup_object(struct bpf_object **obj)
{
	bpf_object__close(*obj);
}

static bool bad(const void *p)
{
	return !p || libxdp_get_error(p);
}

static void cleanup_program(struct xdp_program **prog)
{
	if (!bad(*prog))
		xdp_program__close(*prog);
}

static struct bpf_object *open_only(struct sv_plane *plane, const char *name, struct sv_err *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "sv_xdp");
	struct bpf_program *prog;
	struct bpf_object *obj;
	const void *bytes;
	size_t size;

	bytes = sv_object_xdp_bytes(&size);
	obj = bpf_object__open_mem(bytes, size, &opts);
	if (!obj) {
		sv_log_err(err, -errno, "cannot read the BPF object sv_xdp");
		return NULL;
	}
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	if (sv_object_share_maps(plane, obj, err)) {
		bpf_object__close(obj);
		return NULL;
	}
	return obj;
}

/* One of our programs on the device, other than `but`; *mp owns it. */
static struct xdp_program *find_ours(struct xdp_multiprog *mp, __u32 but)
{
	struct xdp_program *prog = NULL;

	if (bad(mp) || xdp_multiprog__is_legacy(mp))
		return NULL;
	while ((prog = xdp_multiprog__next_prog(prog, mp))) {
		if (!strncmp(xdp_program__name(prog), "sv_xdp_", 7) && xdp_program__id(prog) != but)
			return prog;
	}
	return NULL;
}

/* By name, so that what a crash left without a pin goes as well. */
static int drop_ours(__u32 ifindex, __u32 but, struct sv_err *err)
{
	struct xdp_multiprog *mp;
	struct xdp_program *prog;
	int rc = 0, more = 1;

	while (more && !rc) {
		mp = xdp_multiprog__get_from_ifindex(ifindex);
		prog = find_ours(mp, but);
		more = !!prog;
		if (prog)
			rc = xdp_program__detach(prog, ifindex, XDP_MODE_NATIVE, 0);
		if (!bad(mp))
			xdp_multiprog__close(mp);
	}
	return rc ? sv_log_err(err, rc, "device %u: libxdp cannot detach a program: %s", ifindex,
			       strerror(-rc))
		  : 0;
}

/* libxdp falls back to a single program without a word. */
static bool is_alone(__u32 ifindex)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(ifindex);
	bool legacy = bad(mp) || xdp_multiprog__is_legacy(mp);

	if (!bad(mp))
		xdp_multiprog__close(mp);
	return legacy;
}

static int put(struct xdp_program *prog, const char *path, const struct sv_netdev *dev,
	       struct sv_err *err)
{
	int rc = xdp_program__attach(prog, dev->ifindex, XDP_MODE_NATIVE, 0);

	/* A device that runs a program without the dispatcher, or whose driver has no XDP. */
	if (rc == -EBUSY || rc == -EEXIST || rc == -EOPNOTSUPP)
		return sv_xdp_explain(dev, rc, err);
	if (rc)
		return sv_log_err(err, rc, "%s: libxdp cannot attach the program: %s", dev->name,
				  strerror(-rc));
	if (is_alone(dev->ifindex)) {
		xdp_program__detach(prog, dev->ifindex, XDP_MODE_NATIVE, 0);
		return sv_err_set(err, -EOPNOTSUPP, "%s: libxdp's dispatcher does not work here",
				  dev->name);
	}
	rc = sv_pin_put(xdp_program__fd(prog), path, err);
	if (rc)
		xdp_program__detach(prog, dev->ifindex, XDP_MODE_NATIVE, 0);
	return rc;
}

/* Is just this program there already? Then nothing is loaded, and no dispatcher swapped. */
static bool is_current(const char *path, __u32 ifindex, int prog)
{
	_cleanup_close_ int fd = sv_pin_get(path);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	struct xdp_multiprog *mp;
	struct xdp_program *p = NULL;
	bool found = false;

	if (fd < 0 || sv_prog_same(fd, prog) != 1 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return false;
	mp = xdp_multiprog__get_from_ifindex(ifindex);
	while (!bad(mp) && !found && (p = xdp_multiprog__next_prog(p, mp)))
		found = xdp_program__id(p) == info.id;
	if (!bad(mp))
		xdp_multiprog__close(mp);
	return found;
}

int sv_dispatcher_attach(struct sv_plane *plane, const struct sv_record *rec,
			 const struct sv_netdev *dev, struct sv_err *err)
{
	static const char *const names[] = {
		[SV_ROLE_TRUNK] = "sv_xdp_trunk",
		[SV_ROLE_EDGE] = "sv_xdp_edge",
		[SV_ROLE_VNODE] = "sv_xdp_vnode",
	};
	_cleanup_(cleanup_object) struct bpf_object *obj = NULL;
	_cleanup_(cleanup_program) struct xdp_program *prog = NULL;
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .prog_name = names[rec->role]);
	char path[PATH_MAX];
	int rc = sv_record_path(path, sizeof(path), rec, "dispatcher", err);

	if (rc)
		return rc;
	sv_log_start();
	if (is_current(path, dev->ifindex, plane->xdp[rec->role]))
		return 0;
	obj = open_only(plane, names[rec->role], err);
	if (!obj)
		return -EINVAL;
	opts.obj = obj;
	prog = xdp_program__create(&opts);
	if (bad(prog))
		return sv_log_err(err, prog ? libxdp_get_error(prog) : -EINVAL,
				  "%s: libxdp refuses the program", dev->name);
	/* libxdp does not read it off an object that somebody else opened; without it, the
	 * dispatcher is refused on a port with a jumbo MTU. */
	rc = xdp_program__set_xdp_frags_support(prog, true);
	if (rc)
		return sv_log_err(err, rc, "%s: libxdp refuses the program", dev->name);
	rc = put(prog, path, dev, err);
	return rc ?: drop_ours(dev->ifindex, xdp_program__id(prog), err);
}

int sv_dispatcher_detach(const struct sv_record *rec, struct sv_err *err)
{
	struct sv_netdev dev;
	char path[PATH_MAX];
	int rc = sv_record_path(path, sizeof(path), rec, "dispatcher", err);

	if (rc || !sv_pin_exists(path))
		return rc;
	sv_log_start();
	if (sv_record_alive(rec, &dev))
		rc = drop_ours(rec->ifindex, 0, err);
	return rc ?: sv_pin_remove(path, err);
}
