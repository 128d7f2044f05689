/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "netns.h"

int sv_clone_copy(const struct sv_vn *from, int from_ns, const struct sv_vn *to, int to_ns,
		  FILE *report, struct sv_err *err)
{
	(void)from;
	(void)from_ns;
	(void)to;
	(void)to_ns;
	(void)report;
	return sv_err_set(err, -ENOTSUP, "clone");
}
int sv_snapshot_write(const struct sv_vn *vn, int netns, FILE *file, struct sv_err *err)
{
	(void)vn;
	(void)netns;
	(void)file;
	return sv_err_set(err, -ENOTSUP, "snapshot");
}
