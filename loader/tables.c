// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"
#include "maps/fdb.h"
#include "maps/neigh.h"

int sv_neigh_flush(struct sv_plane *plane, __u32 edge, struct sv_err *err)
{
	_cleanup_free_ void *keys = NULL, *vals = NULL;
	struct sv_neigh_key *key;
	size_t n = 0;
	int rc = sv_map_dump(plane, SV_MAP_NEIGH, &keys, &vals, &n, err);

	key = keys;
	for (size_t i = 0; i < n && !rc; i++) {
		if (key[i].edge == edge)
			rc = sv_map_del(plane, SV_MAP_NEIGH, &key[i], err);
	}
	return rc;
}

int sv_fdb_flush(struct sv_plane *plane, __u32 segment, struct sv_err *err)
{
	_cleanup_free_ void *keys = NULL, *vals = NULL;
	struct sv_fdb_key *key;
	size_t n = 0;
	int rc = sv_map_dump(plane, SV_MAP_FDB, &keys, &vals, &n, err);

	key = keys;
	for (size_t i = 0; i < n && !rc; i++) {
		if (key[i].segment == segment)
			rc = sv_map_del(plane, SV_MAP_FDB, &key[i], err);
	}
	return rc;
}
