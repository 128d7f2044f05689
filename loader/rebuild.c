// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "internal.h"

static bool guarded(const struct sv_dests *dests)
{
	for (__u32 i = 0; i < dests->n && i < SV_DEST_MAX; i++) {
		if (dests->dest[i].flags & SV_DEST_GUARDED)
			return true;
	}
	return false;
}

static int rebuild_fans(struct sv_plane *plane, const struct sv_attach_spec *specs, size_t n,
			bool all, struct sv_err *err)
{
	_cleanup_free_ struct sv_fan *fans = NULL;
	size_t max = 0, k = 0;

	for (size_t i = 0; i < n; i++)
		max += specs[i].n_fan;
	fans = calloc(max + 1, sizeof(*fans));
	if (!fans)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < specs[i].n_fan; j++) {
			if (!all && !guarded(&specs[i].fan[j]))
				continue;
			fans[k].number = specs[i].val.fanout + j;
			fans[k++].dests = &specs[i].fan[j];
		}
	}
	return sv_fanout_rebuild(plane, fans, k, err);
}

/* sv_self: who had a devmap program has the new one. */
static int rebuild_self(struct sv_plane *plane, struct sv_err *err)
{
	__u32 key, *at = NULL;
	struct bpf_devmap_val val;
	int rc = 0;

	while (!rc && !bpf_map_get_next_key(plane->map[SV_MAP_SELF], at, &key)) {
		at = &key;
		if (bpf_map_lookup_elem(plane->map[SV_MAP_SELF], &key, &val) || !val.bpf_prog.id)
			continue;
		val.bpf_prog.fd = plane->egress;
		if (bpf_map_update_elem(plane->map[SV_MAP_SELF], &key, &val, BPF_ANY) &&
		    errno != EINVAL)
			rc = sv_err_set(err, -errno, "cannot write map sv_self: %s",
					strerror(errno));
	}
	return rc;
}

int sv_attach_rebuild(struct sv_plane *plane, bool all, struct sv_err *err)
{
	struct sv_attach_spec *specs;
	size_t n;
	int rc = sv_attach_list(plane, &specs, &n, err);

	if (rc)
		return rc;
	rc = rebuild_fans(plane, specs, n, all, err);
	rc = rc ?: rebuild_self(plane, err);
	for (size_t i = 0; i < n; i++)
		sv_attach_spec_fini(&specs[i]);
	free(specs);
	return rc;
}
