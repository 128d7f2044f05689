// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

static bool is_zero(const struct sv_session *session)
{
	static const struct sv_session none;

	return !memcmp(session, &none, sizeof(none));
}

static bool has_rings(const struct sv_session *session)
{
	return session->kind == SV_SESSION_RING;
}

static bool same_rings(const struct sv_session *a, const struct sv_session *b)
{
	return has_rings(a) && has_rings(b) && a->tap == b->tap;
}

/* A ring has one writer's records: those of one session. */
static int check_tap(const struct sv_session *all, __u32 number, const struct sv_session *session,
		     struct sv_err *err)
{
	if (session->tap >= SV_TAP_MAX)
		return sv_err_set(err, -EINVAL, "session %u: tap %u is out of range", number,
				  session->tap);
	for (__u32 i = 1; i < SV_SESSION_MAX; i++) {
		if (i != number && same_rings(&all[i], session))
			return sv_err_set(err, -EEXIST, "session %u: tap %u belongs to session %u",
					  number, session->tap, i);
	}
	return 0;
}

static int write_entry(struct sv_plane *plane, __u32 number, const struct sv_session *session,
		       enum sv_session_kind kind, struct sv_err *err)
{
	struct sv_session entry = *session;

	entry.kind = kind;
	return sv_map_set(plane, SV_MAP_SESSION, &number, &entry, err);
}

/*
 * Frames read the entry while it is written. One that saw RING with another session's tap would be
 * recorded for the wrong reader, so the kind goes first and comes last.
 */
static int replace(struct sv_plane *plane, __u32 number, const struct sv_session *was,
		   const struct sv_session *session, struct sv_err *err)
{
	int rc = 0;

	if (has_rings(was) && !same_rings(was, session)) {
		rc = write_entry(plane, number, was, SV_SESSION_NONE, err);
		rc = rc ?: sv_map_grace(plane, err);
	}
	if (!rc && has_rings(session) && !same_rings(was, session))
		rc = write_entry(plane, number, session, SV_SESSION_NONE, err);
	return rc ?: write_entry(plane, number, session, session->kind, err);
}

static int begin(struct sv_plane *plane, __u32 number, struct sv_err *err)
{
	static const struct sv_budget full;
	int rc = sv_scount_clear(plane, number, err);

	return rc ?: sv_map_set(plane, SV_MAP_BUDGET, &number, &full, err);
}

static int make_rings(struct sv_plane *plane, const struct sv_session *all, __u32 number,
		      const struct sv_session *session, struct sv_err *err)
{
	int rc = check_tap(all, number, session, err);

	if (rc)
		return rc;
	rc = sv_ring_make(plane, session->tap, !same_rings(&all[number], session), err);
	return rc ? sv_err_prefix(err, rc, "session %u", number) : 0;
}

static int set(struct sv_plane *plane, const struct sv_session *all, __u32 number,
	       const struct sv_session *session, struct sv_err *err)
{
	const struct sv_session *was = &all[number];
	int rc = has_rings(session) ? make_rings(plane, all, number, session, err) : 0;

	if (rc)
		return rc;
	if (is_zero(was) && !is_zero(session))
		rc = begin(plane, number, err);
	rc = rc ?: replace(plane, number, was, session, err);
	if (rc && has_rings(session) && !same_rings(was, session))
		sv_ring_drop(plane, session->tap, NULL);
	if (!rc && has_rings(was) && !same_rings(was, session))
		rc = sv_ring_drop(plane, was->tap, err);
	return rc;
}

int sv_session_set(struct sv_plane *plane, __u16 number, const struct sv_session *session,
		   struct sv_err *err)
{
	_cleanup_free_ void *keys = NULL, *all = NULL;
	size_t n = 0;
	int rc;

	if (!number || number >= SV_SESSION_MAX)
		return sv_err_set(err, -EINVAL, "session number %u is out of range", number);
	rc = sv_map_dump(plane, SV_MAP_SESSION, &keys, &all, &n, err);
	if (!rc && n != SV_SESSION_MAX)
		rc = sv_err_set(err, -EIO, "map sv_session has %zu entries of %d", n,
				SV_SESSION_MAX);
	rc = rc ?: sv_sweep_rings(plane, all, err);
	return rc ?: set(plane, all, number, session, err);
}

int sv_session_get(struct sv_plane *plane, __u16 number, struct sv_session *session,
		   struct sv_err *err)
{
	__u32 key = number;

	return sv_map_get(plane, SV_MAP_SESSION, &key, session, err);
}
