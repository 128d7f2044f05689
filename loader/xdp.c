// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include "internal.h"

enum sv_xdp_how sv_xdp_how(const struct sv_record *rec)
{
	if (sv_record_has(rec, "dispatcher"))
		return SV_XDP_DISPATCHER;
	return sv_record_has(rec, "xdp") ? SV_XDP_LINK : SV_XDP_NONE;
}

/* Needs CAP_SYS_ADMIN for the name; without, the number has to do. */
static void prog_name(__u32 id, char *buf, size_t size)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || !info.name[0])
		snprintf(buf, size, "program %u", id);
	else
		snprintf(buf, size, "program %s (id %u)", info.name, id);
}

int sv_xdp_explain(const struct sv_netdev *dev, int rc, struct sv_err *err)
{
	char other[64], driver[64];
	__u32 id = 0;

	if (rc == -EBUSY || rc == -EEXIST) {
		bpf_xdp_query_id(dev->ifindex, 0, &id);
		prog_name(id, other, sizeof(other));
		return sv_err_set(
			err, -EBUSY,
			"%s already runs the XDP %s, and this kernel cannot run two: remove "
			"it (ip link set dev %s xdp off) or use datapath tc",
			dev->name, other, dev->name);
	}
	sv_netdev_driver(dev, driver, sizeof(driver));
	if (rc == -EOPNOTSUPP)
		return sv_err_set(err, rc, "%s: its driver %s has no native XDP: use datapath tc",
				  dev->name, driver);
	return sv_err_set(err, rc, "%s: its driver %s refuses the XDP program: %s", dev->name,
			  driver, strerror(-rc));
}

static int attach_link(struct sv_plane *plane, const char *path, const struct sv_record *rec,
		       const struct sv_netdev *dev, struct sv_err *err)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	_cleanup_close_ int link =
		bpf_link_create(plane->xdp[rec->role], dev->ifindex, BPF_XDP, &opts);

	if (link < 0)
		return sv_xdp_explain(dev, -errno, err);
	return sv_pin_new(link, path, err);
}

int sv_xdp_attach(struct sv_plane *plane, const struct sv_record *rec, const struct sv_netdev *dev,
		  struct sv_err *err)
{
	char path[PATH_MAX];
	int rc = sv_record_path(path, sizeof(path), rec, "xdp", err);

	if (rc)
		return rc;
	rc = sv_link_replace(path, plane->xdp[rec->role]);
	if (!rc)
		return 0;
	if (rc == -ENOLINK)
		rc = sv_link_drop(path, err);
	else if (rc != -ENOENT)
		return sv_err_set(err, rc, "%s: cannot replace the XDP program: %s", dev->name,
				  strerror(-rc));
	else
		rc = 0;
	if (!rc && sv_dispatcher_works(plane))
		return sv_dispatcher_attach(plane, rec, dev, err);
	return rc ?: attach_link(plane, path, rec, dev, err);
}

int sv_xdp_detach(const struct sv_record *rec, struct sv_err *err)
{
	char path[PATH_MAX];
	int rc = sv_record_path(path, sizeof(path), rec, "xdp", err);

	rc = rc ?: sv_link_drop(path, err);
	return rc ?: sv_dispatcher_detach(rec, err);
}
