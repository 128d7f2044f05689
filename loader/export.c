// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "internal.h"

int sv_export_set(struct sv_plane *plane, __u32 ifindex, const struct sv_export *export,
		  struct sv_err *err)
{
	struct sv_export now, next;
	int rc;

	if (!export) {
		rc = sv_map_del(plane, SV_MAP_EXPORT, &ifindex, err);
		return rc == -ENOENT ? 0 : rc;
	}
	next = *export;
	/* The sequence goes on. Packets sent meanwhile repeat their numbers, which a collector
	 * takes for packets out of order, and not for others. */
	next.seq = sv_export_get(plane, ifindex, &now, NULL) ? 0 : now.seq;
	return sv_map_set(plane, SV_MAP_EXPORT, &ifindex, &next, err);
}

int sv_export_get(struct sv_plane *plane, __u32 ifindex, struct sv_export *export,
		  struct sv_err *err)
{
	return sv_map_get(plane, SV_MAP_EXPORT, &ifindex, export, err);
}
