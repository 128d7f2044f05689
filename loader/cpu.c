// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/libbpf.h>
#include <errno.h>

#include "internal.h"

int sv_share_set(struct sv_plane *plane, __u32 percent, struct sv_err *err)
{
	__u32 key = 0;

	return sv_map_set(plane, SV_MAP_SHARE, &key, &percent, err);
}

/* The link's name has the network namespace in it: see plane.c. */
static bool watched(const struct sv_plane *plane)
{
	char path[PATH_MAX];

	return !sv_pin_path(path, sizeof(path), plane->pin, "links/sv_poll_done-%u",
			    sv_netns_inum()) &&
	       sv_pin_exists(path);
}

int sv_cpu_get(struct sv_plane *plane, struct sv_cpu_info *info, struct sv_err *err)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	_cleanup_free_ struct sv_cpu *rows = cpus > 0 ? calloc(cpus, sizeof(*rows)) : NULL;
	struct sv_cpu_info out = { .watched = watched(plane) };
	__u32 key = 0;

	if (!rows)
		return sv_err_set(err, -ENOMEM, "out of memory");
	rc = sv_map_get(plane, SV_MAP_SHARE, &key, &out.share, err);
	rc = rc ?: sv_map_get(plane, SV_MAP_CPU, &key, rows, err);
	if (rc)
		return rc;
	for (int i = 0; i < cpus; i++) {
		out.busy += !!rows[i].until_ns;
		out.times += rows[i].times;
	}
	*info = out;
	return 0;
}
