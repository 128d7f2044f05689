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
	assert_string_equal(sv_reason_name(SV_REASON__COUNT - 1), "learned");
	assert_null(sv_reason_name(SV_REASON__COUNT));
	assert_string_equal(sv_scount_name(SV_SCOUNT_SHED_TX), "shed-tx");
	assert_null(sv_scount_name(SV_SCOUNT__COUNT));
	assert_string_equal(sv_dev_name(SV_DEV_SENT), "xdp-sent");
	assert_null(sv_dev_name(SV_DEV__COUNT));
	assert_string_equal(sv_map_name(SV_MAP_GATE), "sv_gate");
}

/* ---- specs ------------------------------------------------------------------------------- */

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
	e->spec.port[0].how.vlan = 7;
	e->spec.port[1].ifindex = 6;
}

static void test_spec_equal(void **state)
{
	struct example a, b;

	(void)state;
	example(&a);
	example(&b);
	b.spec.val.fanout = 99; /* is the loader's */
	b.fan[1].dest[1].ifindex = 9; /* is beyond n */
	assert_true(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.port[0] = a.spec.port[1]; /* in another order */
	b.spec.port[1] = a.spec.port[0];
	assert_true(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.port[1].how.vlan = 8;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	free(b.spec.port);
	example(&b);
	b.fan[1].dest[0].flags = SV_DEST_GUARDED;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	b.fan[1] = a.fan[1];
	b.spec.val.session[3] = 1;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	b.spec.val.session[3] = 0;
	b.spec.key.vlan = 31;
	assert_false(sv_attach_spec_equal(&a.spec, &b.spec));
	free(a.spec.port);
	free(b.spec.port);
}

static void refused(void (*break_it)(struct sv_attach_spec *spec), const char *why)
{
	struct sv_err err = {};
	struct example e;

	example(&e);
	break_it(&e.spec);
	assert_int_equal(sv_attach_spec_check(&e.spec, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	free(e.spec.port);
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

static void test_spec_check(void **state)
{
	struct example e;

	(void)state;
	example(&e);
	assert_int_equal(sv_attach_spec_check(&e.spec, NULL), 0);
	free(e.spec.port);
	refused(break_id, "id");
	refused(break_no_id, "id");
	refused(break_vlan, "VLAN");
	refused(break_bits, "sessions");
	refused(break_variants, "variants");
	refused(break_group, "group");
	refused(break_both, "GATED");
	refused(break_fans, "fan-outs");
	refused(break_dests, "destinations");
	refused(break_session, "session");
}

/* ---- fan-out numbers ------------------------------------------------------------------------ */

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
		cmocka_unit_test(test_err),	   cmocka_unit_test(test_names),
		cmocka_unit_test(test_spec_equal), cmocka_unit_test(test_spec_check),
		cmocka_unit_test(test_ranges),	   cmocka_unit_test(test_ranges_never_overlap),
		cmocka_unit_test(test_gate_role),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
