// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

/*
 * A hash map hands the element that an update replaced to the next update, without waiting for
 * programs that still read it: with two replacements in a row a frame could be treated as another
 * VNet's. So between two of them we wait, and after the last. New entries and batches need no wait.
 */
struct pace {
	struct sv_plane *plane;
	bool dirty; /* something was replaced or removed since the last wait */
};

static int pace_wait(struct pace *pace, struct sv_err *err)
{
	int rc = pace->dirty ? sv_map_grace(pace->plane, err) : 0;

	if (!rc)
		pace->dirty = false;
	return rc;
}

struct change {
	const struct sv_attach_spec *spec;
	const struct sv_attach_row *old; /* NULL: new */
	struct sv_attach_spec was; /* of old */
	__u32 fanout;
	__u32 slot; /* of its filters */
	bool same_fans; /* it goes on with the fan-outs it has */
	bool done;
};

struct set {
	struct sv_snapshot snap;
	size_t n;
	struct change *change;
	size_t n_fan;
	struct sv_fan *fan;
	struct sv_slots *slots;
};

static void set_fini(struct set *set)
{
	for (size_t i = 0; i < set->n; i++)
		sv_attach_spec_fini(&set->change[i].was);
	sv_snapshot_fini(&set->snap);
	free(set->change);
	free(set->fan);
	free(set->slots);
}

/* The same row of sv_port and sv_point as before, or one that nobody had. */
static bool same_id(const struct change *c)
{
	return c->old && c->old->val.id == c->spec->val.id;
}

/* ---- what has to change ---- */

static int cmp_key(const void *a, const void *b)
{
	const struct sv_attach_key *x = a, *y = b;

	return x->ifindex != y->ifindex ? (x->ifindex > y->ifindex ? 1 : -1) : x->vlan - y->vlan;
}

/* An id is one attachment's at any time: its exits and counters hang from it. */
static int check_ids(const struct sv_snapshot *snap, const struct sv_attach_spec *specs, size_t n,
		     struct sv_err *err)
{
	_cleanup_free_ struct sv_attach_key *owner = calloc(SV_ATTACH_MAX, sizeof(*owner));
	_cleanup_free_ struct sv_attach_key *keys = calloc(n + 1, sizeof(*keys));

	if (!owner || !keys)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < snap->n; i++)
		owner[snap->row[i].val.id % SV_ATTACH_MAX] = snap->row[i].key;
	for (size_t i = 0; i < n; i++) {
		struct sv_attach_key *own = &owner[specs[i].val.id];

		keys[i] = specs[i].key;
		if (own->ifindex && cmp_key(own, &specs[i].key))
			return sv_err_set(
				err, -EEXIST,
				"attachment id %u belongs to device %u, VLAN %u, and not to "
				"device %u, VLAN %u",
				specs[i].val.id, own->ifindex, own->vlan, specs[i].key.ifindex,
				specs[i].key.vlan);
		*own = specs[i].key;
	}
	qsort(keys, n, sizeof(*keys), cmp_key);
	for (size_t i = 1; i < n; i++) {
		if (!cmp_key(&keys[i - 1], &keys[i]))
			return sv_err_set(err, -EINVAL, "device %u, VLAN %u is attached twice",
					  keys[i].ifindex, keys[i].vlan);
	}
	return 0;
}

/* 1: the kernel does not hold just that; *c is the change. */
static int compare(struct sv_plane *plane, const struct sv_snapshot *snap,
		   const struct sv_attach_spec *spec, struct change *c, struct sv_err *err)
{
	int rc;

	*c = (struct change){ .spec = spec, .old = sv_snapshot_find(snap, &spec->key) };
	if (!c->old)
		return 1;
	rc = sv_snapshot_spec(plane, c->old, &c->was, err);
	if (rc)
		return rc;
	c->same_fans = sv_attach_spec_same_fans(&c->was, spec);
	if (!sv_attach_spec_equal(&c->was, spec))
		return 1;
	sv_attach_spec_fini(&c->was);
	return 0;
}

static int find_changes(struct sv_plane *plane, struct set *set, const struct sv_attach_spec *specs,
			size_t n, struct sv_err *err)
{
	int rc;

	set->change = calloc(n + 1, sizeof(*set->change));
	if (!set->change)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		rc = compare(plane, &set->snap, &specs[i], &set->change[set->n], err);
		if (rc < 0)
			return rc;
		set->n += rc;
	}
	return 0;
}

static void add_fans(struct set *set, const struct change *c)
{
	for (size_t i = 0; i < c->spec->n_fan; i++) {
		set->fan[set->n_fan].number = c->fanout + i;
		set->fan[set->n_fan++].dests = &c->spec->fan[i];
	}
}

static int choose_numbers(struct set *set, struct sv_err *err)
{
	_cleanup_free_ struct sv_ranges *ranges = malloc(sizeof(*ranges));
	size_t fans = 0;

	for (size_t i = 0; i < set->n; i++)
		fans += set->change[i].same_fans ? 0 : set->change[i].spec->n_fan;
	set->fan = calloc(fans + 1, sizeof(*set->fan));
	if (!ranges || !set->fan)
		return sv_err_set(err, -ENOMEM, "out of memory");
	sv_ranges_init(ranges);
	for (size_t i = 0; i < set->snap.n; i++)
		sv_ranges_take(ranges, set->snap.row[i].val.fanout,
			       sv_attach_fanouts(&set->snap.row[i].val));
	for (size_t i = 0; i < set->n; i++) {
		struct change *c = &set->change[i];

		c->fanout =
			c->same_fans ? c->old->val.fanout : sv_ranges_find(ranges, c->spec->n_fan);
		if (!c->fanout)
			return sv_err_set(err, -ENOSPC,
					  "no room for %zu more fan-outs: the host has %u", fans,
					  SV_FANOUT_MAX);
		if (!c->same_fans)
			add_fans(set, c);
	}
	return 0;
}

static int choose_slots(struct set *set, struct sv_err *err)
{
	set->slots = malloc(sizeof(*set->slots));
	if (!set->slots)
		return sv_err_set(err, -ENOMEM, "out of memory");
	sv_slots_init(set->slots, &set->snap);
	for (size_t i = 0; i < set->n; i++) {
		struct change *c = &set->change[i];

		if (!(c->spec->val.flags & SV_ATTACH_FILTER))
			continue;
		c->slot = sv_slots_find(set->slots, c->spec->val.digest);
		if (!c->slot)
			return sv_err_set(err, -ENOSPC,
					  "no room for another set of filters: the host has %u",
					  SV_FILTER_MAX - 1);
	}
	return 0;
}

/* ---- writing it ---- */

static int where(const struct change *c, int rc, struct sv_err *err)
{
	const struct sv_attach_spec *s = c->spec;

	return sv_err_prefix(err, rc, "attachment %u (device %u, VLAN %u)", s->val.id,
			     s->key.ifindex, s->key.vlan);
}

static int put_exits(struct sv_plane *plane, const struct change *c, struct sv_err *err)
{
	const struct sv_attach_spec *s = c->spec;
	struct sv_port row = {};

	if (same_id(c))
		sv_exit_read(plane, s->val.id, &row);
	if (sv_exit_merge(&row, s->port, s->n_port))
		return sv_err_set(err, -ENOSPC,
				  "no room for its new ways out beside the old ones, %d in all: "
				  "remove it first",
				  SV_EXIT_MAX);
	sv_exit_write(plane, s->val.id, &row);
	return 0;
}

/* Only what it is now, or (undo) what it was; no frame needs the rest any more. */
static void drop_exits(struct sv_plane *plane, const struct change *c, bool undo)
{
	const struct sv_attach_spec *keep = undo ? &c->was : c->spec;
	struct sv_port row = {};

	if (!undo || same_id(c)) {
		sv_exit_read(plane, c->spec->val.id, &row);
		sv_exit_prune(&row, keep->port, keep->n_port);
	}
	sv_exit_write(plane, c->spec->val.id, &row);
}

static int put_filter(struct sv_plane *plane, struct set *set, const struct change *c,
		      struct sv_err *err)
{
	int rc;

	if (!c->slot)
		return 0;
	/* A slot of ours may still have the programs of a call that died. */
	if (set->slots->fresh[c->slot] ? set->slots->loaded[c->slot]
				       : sv_slot_filled(plane, c->slot))
		return 0;
	rc = sv_slot_load(plane, c->slot, c->spec->filter, err);
	set->slots->loaded[c->slot] = !rc;
	return rc;
}

/* All that an attachment needs but its fan-outs. */
static int put_rest(struct sv_plane *plane, struct set *set, struct sv_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < set->n && !rc; i++) {
		const struct change *c = &set->change[i];

		rc = put_exits(plane, c, err);
		rc = rc ?: put_filter(plane, set, c, err);
		rc = rc ?: sv_point_put(plane, c->spec, err);
		rc = rc ? where(c, rc, err) : 0;
	}
	return rc;
}

static int put_attach(struct pace *pace, struct change *c, const struct sv_attach *val,
		      struct sv_err *err)
{
	int rc = c->old ? pace_wait(pace, err) : 0;

	rc = rc ?: sv_map_set(pace->plane, SV_MAP_ATTACH, &c->spec->key, val, err);
	if (!rc)
		pace->dirty |= !!c->old;
	return rc;
}

static int put_attaches(struct pace *pace, struct set *set, struct sv_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < set->n && !rc; i++) {
		struct change *c = &set->change[i];
		struct sv_attach val = c->spec->val;

		if (!c->old || c->old->val.id != val.id)
			rc = sv_count_clear(pace->plane, val.id, err);
		if (rc)
			return rc;
		val.fanout = c->fanout;
		val.filter = c->slot;
		rc = put_attach(pace, c, &val, err);
		c->done = !rc;
	}
	return rc;
}

/* ---- taking it back ---- */

static void clear_new_fans(struct sv_plane *plane, struct set *set)
{
	_cleanup_free_ __u32 *numbers = calloc(set->n_fan + 1, sizeof(*numbers));

	for (size_t i = 0; numbers && i < set->n_fan; i++)
		numbers[i] = set->fan[i].number;
	if (numbers)
		sv_fanout_clear(plane, numbers, set->n_fan, NULL);
}

/* Best effort: the first error is the one to report. */
static void undo(struct pace *pace, struct set *set)
{
	struct sv_plane *plane = pace->plane;

	for (size_t i = 0; i < set->n; i++) {
		struct change *c = &set->change[i];

		if (!c->done)
			continue;
		if (c->old)
			put_attach(pace, c, &c->old->val, NULL);
		else
			sv_map_del(plane, SV_MAP_ATTACH, &c->spec->key, NULL);
		pace->dirty = true;
	}
	pace_wait(pace, NULL);
	for (size_t i = 0; i < set->n; i++) {
		const struct change *c = &set->change[i];

		drop_exits(plane, c, true);
		if (c->old)
			sv_point_put(plane, &c->was, NULL);
		sv_point_drop(plane, &c->spec->val, c->old ? &c->was : NULL, NULL);
	}
	sv_slots_empty(plane, set->slots, true, NULL);
	clear_new_fans(plane, set);
}

/* ---- what nobody refers to any more ---- */

static int drop_row(struct sv_plane *plane, __u32 id, struct sv_err *err)
{
	static const struct sv_port none;

	sv_exit_write(plane, id, &none);
	return sv_count_clear(plane, id, err);
}

static size_t add_numbers(__u32 *numbers, size_t n, const struct sv_attach *val)
{
	for (__u32 i = 0; i < sv_attach_fanouts(val); i++)
		numbers[n++] = val->fanout + i;
	return n;
}

static int drop_old(struct sv_plane *plane, struct set *set, struct sv_err *err)
{
	_cleanup_free_ __u32 *numbers = calloc(SV_FANOUT_MAX, sizeof(*numbers));
	size_t n = 0;
	int rc = numbers ? 0 : sv_err_set(err, -ENOMEM, "out of memory");

	for (size_t i = 0; i < set->n && !rc; i++) {
		const struct change *c = &set->change[i];

		drop_exits(plane, c, false);
		if (!c->old)
			continue;
		sv_slots_drop(set->slots, &c->old->val);
		if (!c->same_fans)
			n = add_numbers(numbers, n, &c->old->val);
		rc = sv_point_drop(plane, &c->old->val, c->spec, err);
		if (!same_id(c))
			rc = rc ?: drop_row(plane, c->old->val.id, err);
	}
	rc = rc ?: sv_slots_empty(plane, set->slots, false, err);
	return rc ?: sv_fanout_clear(plane, numbers, n, err);
}

/* ---- the operations ---- */

static int take_snapshot(struct sv_plane *plane, struct sv_snapshot *snap, struct sv_err *err)
{
	int rc = sv_exit_open(plane, err);

	rc = rc ?: sv_snapshot_take(plane, snap, err);
	return rc ?: sv_sweep(plane, snap, err);
}

static int plan(struct sv_plane *plane, struct set *set, const struct sv_attach_spec *specs,
		size_t n, struct sv_err *err)
{
	int rc = 0;

	if (!plane->programs)
		return sv_err_set(err, -EINVAL, "this plane was only opened to look");
	for (size_t i = 0; i < n && !rc; i++)
		rc = sv_attach_spec_check(&specs[i], err);
	rc = rc ?: take_snapshot(plane, &set->snap, err);
	rc = rc ?: check_ids(&set->snap, specs, n, err);
	rc = rc ?: find_changes(plane, set, specs, n, err);
	rc = rc ?: choose_numbers(set, err);
	return rc ?: choose_slots(set, err);
}

int sv_attach_set(struct sv_plane *plane, const struct sv_attach_spec *specs, size_t n,
		  struct sv_err *err)
{
	_cleanup_(set_fini) struct set set = {};
	struct pace pace = { .plane = plane };
	int rc = plan(plane, &set, specs, n, err);

	if (rc || !set.n)
		return rc;
	rc = put_rest(plane, &set, err);
	rc = rc ?: sv_fanout_write(plane, set.fan, set.n_fan, err);
	rc = rc ?: put_attaches(&pace, &set, err);
	rc = rc ?: pace_wait(&pace, err);
	if (rc) {
		undo(&pace, &set);
		return rc;
	}
	return drop_old(plane, &set, err);
}

/* The rows of keys that are there, each once. */
static int find_rows(const struct sv_snapshot *snap, const struct sv_attach_key *keys, size_t n,
		     const struct sv_attach_row ***rows, size_t *n_rows, struct sv_err *err)
{
	_cleanup_free_ bool *seen = calloc(snap->n + 1, sizeof(*seen));
	const struct sv_attach_row *row;

	*n_rows = 0;
	*rows = calloc(n + 1, sizeof(**rows));
	if (!*rows || !seen)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		row = sv_snapshot_find(snap, &keys[i]);
		if (!row || seen[row - snap->row])
			continue;
		seen[row - snap->row] = true;
		(*rows)[(*n_rows)++] = row;
	}
	return 0;
}

static int drop_rows(struct sv_plane *plane, const struct sv_snapshot *snap,
		     const struct sv_attach_row *const *rows, size_t n, struct sv_err *err)
{
	_cleanup_free_ __u32 *numbers = calloc(SV_FANOUT_MAX, sizeof(*numbers));
	_cleanup_free_ struct sv_slots *slots = malloc(sizeof(*slots));
	size_t n_numbers = 0;
	int rc = 0;

	if (!numbers || !slots)
		return sv_err_set(err, -ENOMEM, "out of memory");
	sv_slots_init(slots, snap);
	for (size_t i = 0; i < n && !rc; i++) {
		const struct sv_attach *val = &rows[i]->val;

		sv_slots_drop(slots, val);
		n_numbers = add_numbers(numbers, n_numbers, val);
		rc = sv_point_drop(plane, val, NULL, err);
		rc = rc ?: drop_row(plane, val->id, err);
	}
	rc = rc ?: sv_slots_empty(plane, slots, false, err);
	return rc ?: sv_fanout_clear(plane, numbers, n_numbers, err);
}

int sv_attach_del(struct sv_plane *plane, const struct sv_attach_key *keys, size_t n,
		  struct sv_err *err)
{
	_cleanup_(sv_snapshot_fini) struct sv_snapshot snap = {};
	_cleanup_free_ const struct sv_attach_row **rows = NULL;
	struct pace pace = { .plane = plane };
	size_t n_rows = 0;
	int rc = take_snapshot(plane, &snap, err);

	rc = rc ?: find_rows(&snap, keys, n, &rows, &n_rows, err);
	for (size_t i = 0; i < n_rows && !rc; i++) {
		rc = sv_map_del(plane, SV_MAP_ATTACH, &rows[i]->key, err);
		pace.dirty = true;
	}
	rc = rc ?: pace_wait(&pace, err);
	return rc ?: drop_rows(plane, &snap, rows, n_rows, err);
}
