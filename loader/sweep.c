// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

/*
 * A call that died half-way leaves what nobody refers to: ways out, points, filters, rings. No
 * frame comes to any of it, but it would take room for ever; fan-outs are reused.
 */

static void sweep_exits(struct sv_plane *plane, const struct sv_attach *const owner[SV_ATTACH_MAX])
{
	static const struct sv_port none;

	for (__u32 id = 0; id < SV_ATTACH_MAX; id++) {
		if (!owner[id])
			sv_exit_write(plane, id, &none);
	}
}

static bool has_session(const struct sv_attach *val, __u16 session)
{
	for (int i = 0; val && i < SV_SESSION_BITS; i++) {
		if (val->session[i] == session)
			return true;
	}
	return false;
}

static int sweep_points(struct sv_plane *plane, const struct sv_attach *const owner[SV_ATTACH_MAX],
			struct sv_err *err)
{
	_cleanup_free_ void *keys = NULL, *vals = NULL;
	size_t n = 0;
	int rc = sv_map_dump(plane, SV_MAP_POINT, &keys, &vals, &n, err);

	for (size_t i = 0; i < n && !rc; i++) {
		const struct sv_point_key *key = &((struct sv_point_key *)keys)[i];

		if (!has_session(owner[key->attach % SV_ATTACH_MAX], key->session))
			rc = sv_map_del(plane, SV_MAP_POINT, key, err);
	}
	return rc;
}

static int sweep_slots(struct sv_plane *plane, const struct sv_snapshot *snap, struct sv_err *err)
{
	_cleanup_free_ struct sv_slots *slots = malloc(sizeof(*slots));

	if (!slots)
		return sv_err_set(err, -ENOMEM, "out of memory");
	sv_slots_init(slots, snap);
	for (__u32 i = 1; i < SV_FILTER_MAX; i++) {
		if (!slots->users[i])
			slots->digest[i] = 1; /* somebody's who is no more */
	}
	return sv_slots_empty(plane, slots, false, err);
}

int sv_sweep_rings(struct sv_plane *plane, const struct sv_session all[SV_SESSION_MAX],
		   struct sv_err *err)
{
	bool used[SV_TAP_MAX] = {};
	int rc = 0;

	if (plane->swept_rings)
		return 0;
	for (__u32 i = 1; i < SV_SESSION_MAX; i++) {
		if (all[i].kind == SV_SESSION_RING && all[i].tap < SV_TAP_MAX)
			used[all[i].tap] = true;
	}
	for (__u16 tap = 0; tap < SV_TAP_MAX && !rc; tap++)
		rc = used[tap] ? 0 : sv_ring_drop(plane, tap, err);
	plane->swept_rings = !rc;
	return rc;
}

int sv_sweep(struct sv_plane *plane, const struct sv_snapshot *snap, struct sv_err *err)
{
	_cleanup_free_ const struct sv_attach **owner = NULL;
	int rc;

	if (plane->swept)
		return 0;
	owner = calloc(SV_ATTACH_MAX, sizeof(*owner));
	if (!owner)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < snap->n; i++)
		owner[snap->row[i].val.id % SV_ATTACH_MAX] = &snap->row[i].val;
	sweep_exits(plane, owner);
	rc = sweep_points(plane, owner, err);
	rc = rc ?: sweep_slots(plane, snap, err);
	plane->swept = !rc;
	return rc;
}
