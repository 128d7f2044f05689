// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "tap_internal.h"

static const struct sv_point unknown;

static struct sv_tap_known *remember(struct sv_tap *tap, const struct sv_point *point)
{
	struct sv_tap_known *known;

	for (known = tap->points; known; known = known->older)
		if (!memcmp(&known->point, point, sizeof(*point)))
			return known;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	known->point = *point;
	known->older = tap->points;
	tap->points = known;
	return known;
}

/* An attachment that is gone keeps the point it had: its last records may still come. */
static void look(struct sv_tap *tap, __u32 attach)
{
	struct sv_point_key key = { .attach = attach, .session = tap->number };
	struct sv_point point;
	struct sv_tap_known *known;

	if (bpf_map_lookup_elem(tap->points_fd, &key, &point)) {
		if (tap->point[attach])
			return;
		point = unknown;
	}
	known = remember(tap, &point);
	if (known)
		tap->point[attach] = known;
}

const struct sv_point *sv_tap_point_get(struct sv_tap *tap, __u32 attach)
{
	if (attach >= SV_ATTACH_MAX)
		return &unknown;
	if (!tap->point[attach])
		look(tap, attach);
	return tap->point[attach] ? &tap->point[attach]->point : &unknown;
}

void sv_tap_point_refresh(struct sv_tap *tap)
{
	for (__u32 attach = 0; attach < SV_ATTACH_MAX; attach++)
		if (tap->point[attach])
			look(tap, attach);
}

void sv_tap_point_fini(struct sv_tap *tap)
{
	struct sv_tap_known *known = tap->points, *older;

	for (; known; known = older) {
		older = known->older;
		free(known);
	}
	tap->points = NULL;
}

static bool listed(const struct sv_point *const *point, size_t n, const struct sv_point *one)
{
	for (size_t i = 0; i < n; i++)
		if (point[i] == one)
			return true;
	return false;
}

int sv_tap_points(struct sv_tap *tap, const struct sv_point **point, size_t max, struct sv_err *err)
{
	struct sv_point_key key, next;
	size_t n = 0;

	/* A table that is changed meanwhile may send us round again: hence the limit. */
	for (size_t i = 0; i < 2 * SV_SESSION_BITS * SV_ATTACH_MAX; i++) {
		const struct sv_point *one;

		if (bpf_map_get_next_key(tap->points_fd, i ? &key : NULL, &next)) {
			if (errno != ENOENT)
				return sv_err_set(err, -errno,
						  "cannot read the session's points: %s",
						  strerror(errno));
			break;
		}
		key = next;
		if (key.session != tap->number)
			continue;
		one = sv_tap_point_get(tap, key.attach);
		if (one == &unknown || (n <= max && listed(point, n, one)))
			continue;
		if (n < max)
			point[n] = one;
		n++;
	}
	return n;
}
