// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

static struct sv_point_key key_of(const struct sv_attach *val, int bit)
{
	return (struct sv_point_key){ .attach = val->id, .session = val->session[bit] };
}

bool sv_point_same(const struct sv_point *a, const struct sv_point *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int sv_point_get(struct sv_plane *plane, const struct sv_attach *val,
		 struct sv_point point[SV_SESSION_BITS], struct sv_err *err)
{
	for (int i = 0; i < SV_SESSION_BITS; i++) {
		struct sv_point_key key = key_of(val, i);

		memset(&point[i], 0, sizeof(point[i]));
		if (!key.session || !bpf_map_lookup_elem(plane->map[SV_MAP_POINT], &key, &point[i]))
			continue;
		if (errno != ENOENT)
			return sv_err_set(err, -errno, "cannot read map sv_point: %s",
					  strerror(errno));
	}
	return 0;
}

static bool has(const struct sv_attach_spec *spec, int bit)
{
	return spec->val.session[bit] && spec->point[bit].vnet[0];
}

int sv_point_put(struct sv_plane *plane, const struct sv_attach_spec *spec, struct sv_err *err)
{
	int rc = 0;

	for (int i = 0; i < SV_SESSION_BITS && !rc; i++) {
		struct sv_point_key key = key_of(&spec->val, i);

		if (has(spec, i))
			rc = sv_map_set(plane, SV_MAP_POINT, &key, &spec->point[i], err);
	}
	return rc;
}

static bool keeps(const struct sv_attach_spec *spec, const struct sv_point_key *key)
{
	if (!spec || spec->val.id != key->attach)
		return false;
	for (int i = 0; i < SV_SESSION_BITS; i++) {
		if (has(spec, i) && spec->val.session[i] == key->session)
			return true;
	}
	return false;
}

int sv_point_drop(struct sv_plane *plane, const struct sv_attach *val,
		  const struct sv_attach_spec *but, struct sv_err *err)
{
	int rc = 0;

	for (int i = 0; i < SV_SESSION_BITS && !rc; i++) {
		struct sv_point_key key = key_of(val, i);

		if (key.session && !keeps(but, &key))
			rc = sv_map_del(plane, SV_MAP_POINT, &key, err);
	}
	return rc;
}
