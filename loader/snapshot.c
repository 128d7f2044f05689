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

static int cmp_exit(const void *a, const void *b)
{
	const struct sv_exit *x = a, *y = b;

	return cmp_u32(x->key.attach, y->key.attach) ?:
	       cmp_u32(x->key.ifindex, y->key.ifindex) ?:
	       cmp_u32(x->key.nth, y->key.nth);
}

static int take_rows(struct sv_plane *plane, struct sv_snapshot *snap, struct sv_err *err)
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

static int take_exits(struct sv_plane *plane, struct sv_snapshot *snap, struct sv_err *err)
{
	_cleanup_free_ void *keys = NULL, *vals = NULL;
	size_t n;
	int rc = sv_map_dump(plane, SV_MAP_PORT, &keys, &vals, &n, err);

	if (rc)
		return rc;
	snap->exit = calloc(n + 1, sizeof(*snap->exit));
	if (!snap->exit)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		snap->exit[i].key = ((struct sv_port_key *)keys)[i];
		snap->exit[i].how = ((struct sv_port *)vals)[i];
	}
	snap->n_exit = n;
	qsort(snap->exit, n, sizeof(*snap->exit), cmp_exit);
	return 0;
}

int sv_snapshot_take(struct sv_plane *plane, struct sv_snapshot *snap, struct sv_err *err)
{
	int rc = take_rows(plane, snap, err);

	return rc ?: take_exits(plane, snap, err);
}

void sv_snapshot_fini(struct sv_snapshot *snap)
{
	free(snap->row);
	free(snap->exit);
	*snap = (struct sv_snapshot){};
}

const struct sv_attach_row *sv_snapshot_find(const struct sv_snapshot *snap,
					     const struct sv_attach_key *key)
{
	struct sv_attach_row want = { .key = *key };

	return bsearch(&want, snap->row, snap->n, sizeof(want), cmp_row);
}

const struct sv_exit *sv_snapshot_exits(const struct sv_snapshot *snap, __u32 id, size_t *n)
{
	size_t lo = 0, hi = snap->n_exit, end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (snap->exit[mid].key.attach < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < snap->n_exit && snap->exit[end].key.attach == id;)
		end++;
	*n = end - lo;
	return &snap->exit[lo];
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

static int read_ports(const struct sv_snapshot *snap, struct sv_attach_spec *spec,
		      struct sv_err *err)
{
	const struct sv_exit *exit = sv_snapshot_exits(snap, spec->val.id, &spec->n_port);

	spec->port = calloc(spec->n_port + 1, sizeof(*spec->port));
	if (!spec->port)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < spec->n_port; i++) {
		spec->port[i].ifindex = exit[i].key.ifindex;
		spec->port[i].nth = exit[i].key.nth;
		spec->port[i].how = exit[i].how;
	}
	return 0;
}

int sv_snapshot_spec(struct sv_plane *plane, const struct sv_snapshot *snap,
		     const struct sv_attach_row *row, struct sv_attach_spec *spec,
		     struct sv_err *err)
{
	struct sv_attach_spec s = { .key = row->key, .val = row->val };
	int rc = read_fans(plane, &s, err);

	rc = rc ?: read_ports(snap, &s, err);
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
		rc = sv_snapshot_spec(plane, &snap, &snap.row[i], &list[i], err);
	if (rc) {
		specs_free(list, snap.n);
		return rc;
	}
	*specs = list;
	*n = snap.n;
	return 0;
}
