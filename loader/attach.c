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
	__u32 fanout;
	bool done;
};

struct set {
	struct sv_snapshot snap;
	size_t n;
	struct change *change;
	size_t n_fan;
	struct sv_fan *fan;
	size_t n_exit; /* written so far: to be undone */
	struct exit_undo {
		struct sv_exit exit;
		bool was;
		struct sv_port how;
	} * exit;
};

static void set_fini(struct set *set)
{
	sv_snapshot_fini(&set->snap);
	free(set->change);
	free(set->fan);
	free(set->exit);
}

/* ---- what has to change -------------------------------------------------------------------- */

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

/* 1: the kernel holds just that. */
static int is_current(struct sv_plane *plane, const struct sv_snapshot *snap,
		      const struct sv_attach_row *old, const struct sv_attach_spec *spec,
		      struct sv_err *err)
{
	_cleanup_(sv_attach_spec_fini) struct sv_attach_spec now = {};
	int rc = old ? sv_snapshot_spec(plane, snap, old, &now, err) : 0;

	return rc ?: old && sv_attach_spec_equal(&now, spec);
}

static int find_changes(struct sv_plane *plane, struct set *set, const struct sv_attach_spec *specs,
			size_t n, struct sv_err *err)
{
	int rc;

	set->change = calloc(n + 1, sizeof(*set->change));
	if (!set->change)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const struct sv_attach_row *old = sv_snapshot_find(&set->snap, &specs[i].key);

		rc = is_current(plane, &set->snap, old, &specs[i], err);
		if (rc < 0)
			return rc;
		if (!rc)
			set->change[set->n++] = (struct change){ .spec = &specs[i], .old = old };
	}
	return 0;
}

static int choose_numbers(struct set *set, struct sv_err *err)
{
	_cleanup_free_ struct sv_ranges *ranges = malloc(sizeof(*ranges));
	size_t fans = 0;

	for (size_t i = 0; i < set->n; i++)
		fans += set->change[i].spec->n_fan;
	set->fan = calloc(fans + 1, sizeof(*set->fan));
	if (!ranges || !set->fan)
		return sv_err_set(err, -ENOMEM, "out of memory");
	sv_ranges_init(ranges);
	for (size_t i = 0; i < set->snap.n; i++)
		sv_ranges_take(ranges, set->snap.row[i].val.fanout,
			       sv_attach_fanouts(&set->snap.row[i].val));
	for (size_t i = 0; i < set->n; i++) {
		struct change *c = &set->change[i];

		c->fanout = sv_ranges_find(ranges, c->spec->n_fan);
		if (!c->fanout)
			return sv_err_set(err, -ENOSPC,
					  "no room for %zu more fan-outs: the host has %u", fans,
					  SV_FANOUT_MAX);
		for (size_t j = 0; j < c->spec->n_fan; j++) {
			set->fan[set->n_fan].number = c->fanout + j;
			set->fan[set->n_fan++].dests = &c->spec->fan[j];
		}
	}
	return 0;
}

/* ---- writing it ---------------------------------------------------------------------------- */

static int put_exit(struct pace *pace, struct set *set, const struct sv_exit *exit,
		    struct sv_err *err)
{
	struct exit_undo *undo = &set->exit[set->n_exit];
	struct sv_plane *plane = pace->plane;
	int rc = 0;

	*undo = (struct exit_undo){ .exit = *exit };
	undo->was = !bpf_map_lookup_elem(plane->map[SV_MAP_PORT], &exit->key, &undo->how);
	if (undo->was && !memcmp(&undo->how, &exit->how, sizeof(undo->how)))
		return 0;
	if (undo->was)
		rc = pace_wait(pace, err);
	rc = rc ?: sv_map_set(plane, SV_MAP_PORT, &exit->key, &exit->how, err);
	if (rc)
		return rc;
	pace->dirty |= undo->was;
	set->n_exit++;
	return 0;
}

static int put_exits(struct pace *pace, struct set *set, struct sv_err *err)
{
	size_t max = 0;
	int rc = 0;

	for (size_t i = 0; i < set->n; i++)
		max += set->change[i].spec->n_port;
	set->exit = calloc(max + 1, sizeof(*set->exit));
	if (!set->exit)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < set->n; i++) {
		const struct sv_attach_spec *s = set->change[i].spec;

		for (size_t j = 0; j < s->n_port && !rc; j++) {
			struct sv_exit exit = { { s->port[j].ifindex, s->val.id, s->port[j].nth },
						s->port[j].how };

			rc = put_exit(pace, set, &exit, err);
		}
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
		val.pad = 0;
		rc = put_attach(pace, c, &val, err);
		c->done = !rc;
	}
	return rc;
}

/* ---- taking it back ------------------------------------------------------------------------ */

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
	for (size_t i = set->n_exit; i-- > 0;) {
		if (set->exit[i].was)
			sv_map_set(plane, SV_MAP_PORT, &set->exit[i].exit.key, &set->exit[i].how,
				   NULL);
		else
			sv_map_del(plane, SV_MAP_PORT, &set->exit[i].exit.key, NULL);
		pace->dirty = true;
		pace_wait(pace, NULL);
	}
	clear_new_fans(plane, set);
}

/* ---- what nobody refers to any more -------------------------------------------------------- */

static bool keeps_exit(const struct sv_attach_spec *spec, const struct sv_exit *exit)
{
	if (!spec || spec->val.id != exit->key.attach)
		return false;
	for (size_t i = 0; i < spec->n_port; i++) {
		if (spec->port[i].ifindex == exit->key.ifindex &&
		    spec->port[i].nth == exit->key.nth)
			return true;
	}
	return false;
}

static int drop_exits(struct sv_plane *plane, const struct sv_snapshot *snap, __u32 id,
		      const struct sv_attach_spec *now, struct sv_err *err)
{
	size_t n;
	const struct sv_exit *exit = sv_snapshot_exits(snap, id, &n);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		if (!keeps_exit(now, &exit[i]))
			rc = sv_map_del(plane, SV_MAP_PORT, &exit[i].key, err);
	}
	return rc;
}

static int drop_row(struct sv_plane *plane, const struct sv_snapshot *snap, __u32 id,
		    struct sv_err *err)
{
	int rc = drop_exits(plane, snap, id, NULL, err);

	return rc ?: sv_count_clear(plane, id, err);
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
		const struct sv_attach_row *old = set->change[i].old;
		const struct sv_attach_spec *now = set->change[i].spec;

		/* What an interrupted call may have left under a new id goes, too. */
		rc = drop_exits(plane, &set->snap, now->val.id, now, err);
		if (rc || !old)
			continue;
		n = add_numbers(numbers, n, &old->val);
		if (old->val.id != now->val.id)
			rc = drop_row(plane, &set->snap, old->val.id, err);
	}
	return rc ?: sv_fanout_clear(plane, numbers, n, err);
}

/* ---- the operations ------------------------------------------------------------------------ */

static int plan(struct sv_plane *plane, struct set *set, const struct sv_attach_spec *specs,
		size_t n, struct sv_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = sv_attach_spec_check(&specs[i], err);
	rc = rc ?: sv_snapshot_take(plane, &set->snap, err);
	rc = rc ?: check_ids(&set->snap, specs, n, err);
	rc = rc ?: find_changes(plane, set, specs, n, err);
	return rc ?: choose_numbers(set, err);
}

int sv_attach_set(struct sv_plane *plane, const struct sv_attach_spec *specs, size_t n,
		  struct sv_err *err)
{
	_cleanup_(set_fini) struct set set = {};
	struct pace pace = { .plane = plane };
	int rc = plan(plane, &set, specs, n, err);

	if (rc || !set.n)
		return rc;
	rc = put_exits(&pace, &set, err);
	rc = rc ?: sv_fanout_write(plane, set.fan, set.n_fan, err);
	rc = rc ?: put_attaches(&pace, &set, err);
	rc = rc ?: pace_wait(&pace, err);
	if (rc) {
		undo(&pace, &set);
		return rc;
	}
	return drop_old(plane, &set, err);
}

int sv_attach_del(struct sv_plane *plane, const struct sv_attach_key *keys, size_t n,
		  struct sv_err *err)
{
	_cleanup_(sv_snapshot_fini) struct sv_snapshot snap = {};
	_cleanup_free_ __u32 *numbers = calloc(SV_FANOUT_MAX, sizeof(*numbers));
	struct pace pace = { .plane = plane };
	const struct sv_attach_row *row;
	size_t n_numbers = 0;
	int rc = numbers ? 0 : sv_err_set(err, -ENOMEM, "out of memory");

	rc = rc ?: sv_snapshot_take(plane, &snap, err);
	for (size_t i = 0; i < n && !rc; i++) {
		row = sv_snapshot_find(&snap, &keys[i]);
		if (!row)
			continue;
		rc = sv_map_del(plane, SV_MAP_ATTACH, &keys[i], err);
		n_numbers = add_numbers(numbers, n_numbers, &row->val);
		pace.dirty = true;
	}
	rc = rc ?: pace_wait(&pace, err);
	for (size_t i = 0; i < n && !rc; i++) {
		row = sv_snapshot_find(&snap, &keys[i]);
		rc = row ? drop_row(plane, &snap, row->val.id, err) : 0;
	}
	return rc ?: sv_fanout_clear(plane, numbers, n_numbers, err);
}
