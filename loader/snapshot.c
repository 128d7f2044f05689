// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

static int cmp_u32(__u32 a, __u32 b)
{
	return (a > b) - (a < b);
}

static int cmp_row(const void *a, const void *b)
{
	const struct sv_attach_row *x = a, *y = b;

	return cmp_u32(x->key.ifindex, y->key.ifindex) ?: cmp_u32(x->key.vlan, y->key.vlan);
}

int sv_snapshot_take(struct sv_plane *plane, struct sv_snapshot *snap, struct sv_err *err)
{
	_cleanup_free_ void *keys = NULL, *vals = NULL;
	size_t n;
	int rc = sv_map_dump(plane, SV_MAP_ATTACH, &keys, &vals, &n, err);

	if (rc)
		return rc;
	snap->row = calloc(n + 1, sizeof(*snap->row));
	if (!snap->row)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		snap->row[i].key = ((struct sv_attach_key *)keys)[i];
		snap->row[i].val = ((struct sv_attach *)vals)[i];
	}
	snap->n = n;
	qsort(snap->row, n, sizeof(*snap->row), cmp_row);
	return 0;
}

void sv_snapshot_fini(struct sv_snapshot *snap)
{
	free(snap->row);
	*snap = (struct sv_snapshot){};
}

const struct sv_attach_row *sv_snapshot_find(const struct sv_snapshot *snap,
					     const struct sv_attach_key *key)
{
	struct sv_attach_row want = { .key = *key };

	return bsearch(&want, snap->row, snap->n, sizeof(want), cmp_row);
}

static int read_fans(struct sv_plane *plane, struct sv_attach_spec *spec, struct sv_err *err)
{
	__u32 number;
	int rc = 0;

	spec->n_fan = sv_attach_fanouts(&spec->val);
	spec->fan = calloc(spec->n_fan + 1, sizeof(*spec->fan));
	if (!spec->fan)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < spec->n_fan && !rc; i++) {
		number = spec->val.fanout + i;
		rc = sv_map_get(plane, SV_MAP_DEST, &number, &spec->fan[i], err);
	}
	return rc;
}

static int read_ports(struct sv_plane *plane, struct sv_attach_spec *spec, struct sv_err *err)
{
	struct sv_port row;
	int rc = sv_exit_open(plane, err);

	if (rc)
		return rc;
	spec->port = calloc(SV_EXIT_MAX, sizeof(*spec->port));
	if (!spec->port)
		return sv_err_set(err, -ENOMEM, "out of memory");
	sv_exit_read(plane, spec->val.id % SV_ATTACH_MAX, &row);
	for (size_t i = 0; i < SV_EXIT_MAX; i++) {
		if (row.exit[i].ifindex)
			spec->port[spec->n_port++] = row.exit[i];
	}
	return 0;
}

int sv_snapshot_spec(struct sv_plane *plane, const struct sv_attach_row *row,
		     struct sv_attach_spec *spec, struct sv_err *err)
{
	struct sv_attach_spec s = { .key = row->key, .val = row->val };
	int rc = read_fans(plane, &s, err);

	rc = rc ?: read_ports(plane, &s, err);
	rc = rc ?: sv_point_get(plane, &s.val, s.point, err);
	/* Filters whose programs are lost equal nobody's: so the agent sets them again. */
	if (!rc && s.val.flags & SV_ATTACH_FILTER && !sv_slot_filled(plane, s.val.filter))
		s.val.digest = 0;
	if (rc)
		sv_attach_spec_fini(&s);
	else
		*spec = s;
	return rc;
}

static void specs_free(struct sv_attach_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sv_attach_spec_fini(&specs[i]);
	free(specs);
}

int sv_attach_list(struct sv_plane *plane, struct sv_attach_spec **specs, size_t *n,
		   struct sv_err *err)
{
	_cleanup_(sv_snapshot_fini) struct sv_snapshot snap = {};
	struct sv_attach_spec *list;
	int rc = sv_snapshot_take(plane, &snap, err);

	if (rc)
		return rc;
	list = calloc(snap.n + 1, sizeof(*list));
	if (!list)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < snap.n && !rc; i++)
		rc = sv_snapshot_spec(plane, &snap.row[i], &list[i], err);
	if (rc) {
		specs_free(list, snap.n);
		return rc;
	}
	*specs = list;
	*n = snap.n;
	return 0;
}
