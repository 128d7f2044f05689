// SPDX-License-Identifier: GPL-2.0-only
/* The loader's pure parts: texts, names, specs, fan-out numbers, the gate's word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/internal.h"

static void test_err(void **state)
{
	struct sv_err err;
	char big[600];

	(void)state;
	assert_int_equal(sv_err_set(&err, -EPERM, "%s %d", "no", 1), -EPERM);
	assert_string_equal(err.text, "no 1");
	assert_int_equal(sv_err_prefix(&err, -EIO, "port %s", "e1"), -EIO);
	assert_string_equal(err.text, "port e1: no 1");
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	sv_err_prefix(&err, 0, "%s", big);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	sv_err_set(&err, 0, "%s", big);
	sv_err_prefix(&err, 0, "head");
	assert_int_equal(strncmp(err.text, "head: xxx", 9), 0);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(sv_err_set(NULL, -EIO, "nobody listens"), -EIO);
	assert_int_equal(sv_err_prefix(NULL, -EIO, "nobody listens"), -EIO);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(sv_reason_name(SV_REASON_RECEIVED), "received");
	assert_string_equal(sv_reason_name(SV_REASON__COUNT - 1), "no-filter");
	assert_null(sv_reason_name(SV_REASON__COUNT));
	assert_string_equal(sv_scount_name(SV_SCOUNT_SHED_TX), "shed-tx");
	assert_null(sv_scount_name(SV_SCOUNT__COUNT));
	assert_string_equal(sv_dev_name(SV_DEV_SENT), "xdp-sent");
	assert_null(sv_dev_name(SV_DEV__COUNT));
	assert_string_equal(sv_map_name(SV_MAP_GATE), "sv_gate");
}

/* ---- specs ---- */

struct example {
	struct sv_attach_spec spec;
	struct sv_dests fan[2];
};

static void example(struct example *e)
{
	memset(e, 0, sizeof(*e));
	e->spec.key = (struct sv_attach_key){ .ifindex = 3, .vlan = 30 };
	e->spec.val = (struct sv_attach){ .id = 5, .variants = 2, .flags = SV_ATTACH_GATED };
	e->spec.n_fan = 2;
	e->spec.fan = e->fan;
	e->fan[1].n = 1;
	e->fan[1].dest[0] = (struct sv_dest){ .ifindex = 4, .kind = SV_DEST_PRIMARY };
	e->spec.n_port = 2;
	e->spec.port = calloc(2, sizeof(*e->spec.port));
	e->spec.port[0].ifindex = 4;
	e->spec.port[0].arg = 7;
	e->spec.port[1].ifindex = 6;
}

static void test_spec_equal(void **state)
{
	struct example a, b;

	(void)state;
	example(&a);
	example(&b);
	b.spec.val.fanout = 99; /* are the loader's */
	b.spec.val.filter = 98;
	b.fan[1].dest[1].ifindex = 9; /* is beyond n */
	assert_true(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.port[0] = a.spec.port[1]; /* in another order */
	b.spec.port[1] = a.spec.port[0];
	assert_true(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.port[1].arg = 8;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	free(b.spec.port);
	example(&b);
	b.fan[1].dest[0].flags = SV_DEST_GUARDED;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	b.fan[1] = a.fan[1];
	b.spec.val.session[3] = 1;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.val.session[3] = 0;
	b.spec.val.digest = 5;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.val.digest = 0;
	strcpy(b.spec.point[0].vnet, "A");
	assert_true(sv_attach_spec_equal(&a.spec, &b.spec)); /* of no session */
	a.spec.val.session[0] = b.spec.val.session[0] = 9;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	strcpy(a.spec.point[0].vnet, "A");
	assert_true(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.key.vlan = 31;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	free(a.spec.port);
	free(b.spec.port);
}

static void refused(int rc, void (*break_it)(struct sv_attach_spec *spec), const char *why)
{
	struct sv_err err = {};
	struct example e;

	example(&e);
	break_it(&e.spec);
	assert_int_equal(sv_attach_spec_check(&e.spec, &err), rc);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	sv_attach_spec_fini(
		&(struct sv_attach_spec){ .port = e.spec.port, .filter = { e.spec.filter[0] } });
}

#define BREAK(name, what)                                                                          \
	static void break_##name(struct sv_attach_spec *spec)                                      \
	{                                                                                          \
		what;                                                                              \
	}
BREAK(id, spec->val.id = SV_ATTACH_MAX)
BREAK(no_id, spec->val.id = 0)
BREAK(vlan, spec->key.vlan = 4095)
BREAK(bits, spec->val.bits = 5)
BREAK(variants, spec->val.variants = 0)
BREAK(group, spec->val.group = SV_GROUP_MAX)
BREAK(both, spec->val.flags |= SV_ATTACH_LIVE)
BREAK(fans, spec->n_fan = 1)
BREAK(dests, spec->fan[0].n = SV_DEST_MAX + 1)
BREAK(session, spec->val.session[0] = SV_SESSION_MAX)
BREAK(sessions, spec->val.bits = 1)
BREAK(port, spec->port[1].ifindex = 0)
BREAK(twice, spec->port[1].ifindex = 4)
BREAK(digest, spec->val.digest = 1)
BREAK(flag, spec->val.flags |= SV_ATTACH_FILTER)
BREAK(filter, spec->filter[0] = strdup("udp"))
BREAK(other, spec->filter[0] = strdup("udp"); spec->val.digest = 1;
      spec->val.flags |= SV_ATTACH_FILTER)
BREAK(ways, spec->n_port = SV_EXIT_MAX + 1)

static void test_spec_check(void **state)
{
	struct example e;

	(void)state;
	example(&e);
	assert_int_equal(sv_attach_spec_check(&e.spec, NULL), 0);
	free(e.spec.port);
	refused(-EINVAL, break_id, "id");
	refused(-EINVAL, break_no_id, "id");
	refused(-EINVAL, break_vlan, "VLAN");
	refused(-EINVAL, break_bits, "sessions");
	refused(-EINVAL, break_variants, "variants");
	refused(-EINVAL, break_group, "group");
	refused(-EINVAL, break_both, "GATED");
	refused(-EINVAL, break_fans, "fan-outs");
	refused(-EINVAL, break_dests, "destinations");
	refused(-EINVAL, break_session, "session");
	refused(-EINVAL, break_sessions, "sessions");
	refused(-EINVAL, break_port, "no device");
	refused(-EINVAL, break_twice, "twice");
	refused(-EINVAL, break_digest, "disagree");
	refused(-EINVAL, break_flag, "disagree");
	refused(-EINVAL, break_filter, "not that of its filters");
	refused(-EINVAL, break_other, "not that of its filters");
	refused(-ENOSPC, break_ways, "ways out");
}

static void test_spec_filter(void **state)
{
	struct example e;

	(void)state;
	example(&e);
	e.spec.filter[1] = strdup("udp");
	e.spec.val.digest = sv_filter_digest(e.spec.filter);
	e.spec.val.flags |= SV_ATTACH_FILTER;
	assert_int_equal(sv_attach_spec_check(&e.spec, NULL), 0);
	free(e.spec.filter[1]);
	free(e.spec.port);
}

/* ---- ways out ---- */

static void test_exit_places(void **state)
{
	struct sv_exit first[] = { { .ifindex = 4, .arg = 1, .flags = SV_EXIT_PUSH },
				   { .ifindex = 5, .flags = SV_EXIT_GATED },
				   { .ifindex = 4, .arg = 2, .flags = SV_EXIT_PUSH, .nth = 1 } };
	struct sv_exit then[] = { { .ifindex = 6 },
				  { .ifindex = 4, .arg = 3, .flags = SV_EXIT_PUSH, .nth = 1 },
				  { .ifindex = 5 } };
	struct sv_port row = {}, was;

	(void)state;
	assert_int_equal(sv_exit_merge(&row, first, 3), 0);
	assert_memory_equal(row.exit, first, sizeof(first));
	was = row;
	assert_int_equal(sv_exit_merge(&row, then, 3), 0);
	assert_memory_equal(&row.exit[0], &first[0], sizeof(first[0])); /* needed until later */
	assert_memory_equal(&row.exit[2], &then[1], sizeof(then[1])); /* changed in its place */
	assert_memory_equal(&row.exit[3], &then[0], sizeof(then[0])); /* beside */
	assert_int_equal(row.exit[1].flags, SV_EXIT_GATED); /* the gate is asked until later */
	sv_exit_prune(&row, then, 3);
	assert_int_equal(row.exit[0].ifindex, 0);
	assert_int_equal(row.exit[1].flags, 0);
	assert_memory_equal(&row.exit[2], &then[1], sizeof(then[1]));
	assert_memory_equal(&row.exit[3], &then[0], sizeof(then[0]));
	/* and back: just what it was */
	row = was;
	sv_exit_merge(&row, then, 3);
	sv_exit_prune(&row, first, 3);
	assert_memory_equal(&row, &was, sizeof(row));
}

static void test_exit_room(void **state)
{
	struct sv_exit many[SV_EXIT_MAX + 1] = {};
	struct sv_port row = {};

	(void)state;
	for (int i = 0; i <= SV_EXIT_MAX; i++)
		many[i].ifindex = i + 1;
	assert_int_equal(sv_exit_merge(&row, many, SV_EXIT_MAX), 0);
	assert_int_equal(sv_exit_merge(&row, many, SV_EXIT_MAX), 0);
	assert_int_equal(sv_exit_merge(&row, many, SV_EXIT_MAX + 1), -ENOSPC);
}

/* ---- slots of filters ---- */

static void test_slots(void **state)
{
	struct sv_attach_row rows[2] = {
		{ .val = { .flags = SV_ATTACH_FILTER, .filter = 2, .digest = 22 } },
		{ .val = { .filter = 3, .digest = 33 } }, /* has none */
	};
	struct sv_snapshot snap = { .n = 2, .row = rows };
	struct sv_slots *s = malloc(sizeof(*s));

	(void)state;
	sv_slots_init(s, &snap);
	assert_int_equal(sv_slots_find(s, 22), 2);
	assert_false(s->fresh[2]);
	assert_int_equal(sv_slots_find(s, 44), 1); /* 0 is the delivery stage */
	assert_int_equal(sv_slots_find(s, 44), 1);
	assert_int_equal(sv_slots_find(s, 55), 3);
	assert_true(s->fresh[1] && s->fresh[3]);
	sv_slots_drop(s, &rows[0].val);
	assert_int_equal(s->users[2], 1);
	for (__u64 d = 100; d < 100 + SV_FILTER_MAX - 4; d++)
		assert_int_not_equal(sv_slots_find(s, d), 0);
	assert_int_equal(sv_slots_find(s, 5), 0);
	assert_int_equal(sv_slots_find(s, 22), 2);
	free(s);
}

/* ---- fan-out numbers ---- */

static void test_ranges(void **state)
{
	struct sv_ranges *r = malloc(sizeof(*r));
	__u32 a, b;

	(void)state;
	sv_ranges_init(r);
	a = sv_ranges_find(r, 1);
	assert_int_equal(a, 1); /* 0 is nobody's */
	sv_ranges_take(r, 2, 100);
	b = sv_ranges_find(r, 10);
	assert_true(b >= 102);
	assert_int_equal(sv_ranges_find(r, 0), 0);
	assert_int_equal(sv_ranges_find(r, SV_FANOUT_MAX), 0);
	/* round the end: what lies before what is in use is found, too */
	sv_ranges_init(r);
	sv_ranges_take(r, 100, SV_FANOUT_MAX - 100);
	assert_int_equal(sv_ranges_find(r, 100), 0);
	assert_int_equal(sv_ranges_find(r, 99), 1);
	assert_int_equal(sv_ranges_find(r, 1), 0);
	free(r);
}

static void test_ranges_never_overlap(void **state)
{
	struct sv_ranges *r = malloc(sizeof(*r));
	__u8 *seen = calloc(SV_FANOUT_MAX, 1);
	__u32 first, total = 0, n = 1;

	(void)state;
	sv_ranges_init(r);
	while ((first = sv_ranges_find(r, n))) {
		for (__u32 i = 0; i < n; i++)
			assert_int_equal(seen[first + i]++, 0);
		total += n;
		n = n % 37 + 1;
	}
	assert_true(total > SV_FANOUT_MAX - 64);
	assert_int_equal(seen[0], 0);
	free(seen);
	free(r);
}

static void test_gate_role(void **state)
{
	__u64 word[2] = { sv_gate_word(10, 1, SV_GATE_NEXT), sv_gate_word(20, 2, 1) };

	(void)state;
	assert_int_equal(sv_gate_role(word, 9), 1);
	assert_int_equal(sv_gate_role(word, 10), 2);
	assert_int_equal(sv_gate_role(word, 20), 1);
	word[1] = sv_gate_word(0, SV_GATE_NEXT, SV_GATE_NEXT);
	assert_int_equal(sv_gate_role(word, 10), SV_GATE_HOLD);
	word[0] = sv_gate_word(0, 252, 252);
	assert_int_equal(sv_gate_role(word, 10), SV_GATE_HOLD);
	assert_true(sv_gate_now_us() > 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err),	    cmocka_unit_test(test_names),
		cmocka_unit_test(test_spec_equal),  cmocka_unit_test(test_spec_check),
		cmocka_unit_test(test_ranges),	    cmocka_unit_test(test_ranges_never_overlap),
		cmocka_unit_test(test_gate_role),   cmocka_unit_test(test_spec_filter),
		cmocka_unit_test(test_exit_places), cmocka_unit_test(test_exit_room),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
