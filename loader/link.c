// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "vendor-headers/tcx.h"

__u32 sv_link_ifindex(int fd, bool tcx)
{
	union {
		struct bpf_link_info info;
		struct sv_bpf_link_info_tcx tcx;
	} u = {};
	__u32 len = sizeof(u.info);

	if (bpf_obj_get_info_by_fd(fd, &u.info, &len))
		return 0;
	return tcx ? u.tcx.ifindex : u.info.xdp.ifindex;
}

int sv_link_replace(const char *path, int prog)
{
	_cleanup_close_ int fd = sv_pin_get(path);

	if (fd < 0)
		return fd;
	return bpf_link_update(fd, prog, NULL) ? -errno : 0;
}

int sv_link_drop(const char *path, struct sv_err *err)
{
	_cleanup_close_ int fd = sv_pin_get(path);

	if (fd == -ENOENT)
		return 0;
	/* Others may hold the link open: detach it, do not wait for the last reference. Links that
	 * cannot be detached (raw tracepoints), or whose device is gone, only lose their pin. */
	if (fd >= 0)
		bpf_link_detach(fd);
	return sv_pin_remove(path, err);
}
