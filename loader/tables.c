// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "maps/fdb.h"
#include "maps/neigh.h"

static bool is_zero(const struct sv_session *session)
{
	static const struct sv_session none;

	return !memcmp(session, &none, sizeof(none));
}

int sv_session_set(struct sv_plane *plane, __u16 number, const struct sv_session *session,
		   struct sv_err *err)
{
	struct sv_session now;
	__u32 key = number;
	int rc;

	if (!number || number >= SV_SESSION_MAX)
		return sv_err_set(err, -EINVAL, "session number %u is out of range", number);
	rc = sv_map_get(plane, SV_MAP_SESSION, &key, &now, err);
	if (!rc && is_zero(&now) && !is_zero(session))
		rc = sv_scount_clear(plane, number, err);
	return rc ?: sv_map_set(plane, SV_MAP_SESSION, &key, session, err);
}

int sv_session_get(struct sv_plane *plane, __u16 number, struct sv_session *session,
		   struct sv_err *err)
{
	__u32 key = number;

	return sv_map_get(plane, SV_MAP_SESSION, &key, session, err);
}

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
