// SPDX-License-Identifier: GPL-2.0-only
/* Attachments and their fan-outs: what is written, what stays out, and that traffic
 * never notices. */
#include "loader_lab.h"

#include <bpf/libbpf.h>

static void ports(bool xdp, enum sv_port_role to)
{
	OK(sv_port_attach(plane, if_nametoindex("pa"), SV_ROLE_VNODE, xdp, &err));
	OK(sv_port_attach(plane, if_nametoindex("pb"), to, xdp, &err));
	OK(sv_port_attach(plane, if_nametoindex("pc"), SV_ROLE_VNODE, xdp, &err));
}

static void reopen(void)
{
	bool fresh;

	sv_plane_close(plane);
	plane = NULL;
	OK(sv_plane_open(&plane, PIN, &fresh, &err));
	assert_false(fresh);
}

/* ---- a path ---- */

static void forwards(bool xdp)
{
	struct sv_count count;
	struct simple s;
	struct flow f;

	ports(xdp, SV_ROLE_VNODE);
	simple_init(&s, "pa", 1, "pb", xdp ? SV_ATTACH_XDP | SV_ATTACH_SINGLE : 0, false);
	OK(sv_attach_set(plane, &s.spec, 1, &err));
	assert_listed(&s.spec, 1);
	flow_start(&f, "ea", "eb", NULL);
	flow_stop(&f, false);
	OK(sv_count_get(plane, 1, &count, &err));
	assert_true(count.r[SV_REASON_RECEIVED].packets > 100);
	assert_int_equal(count.r[SV_REASON_FORWARDED].packets, count.r[SV_REASON_RECEIVED].packets);
	OK(sv_attach_del(plane, &s.spec.key, 1, &err));
	OK(sv_attach_del(plane, &s.spec.key, 1, &err));
	assert_listed(NULL, 0);
	OK(sv_count_get(plane, 1, &count, &err));
	assert_int_equal(count.r[SV_REASON_RECEIVED].packets, 0);
}

static void test_forwards_xdp(void **state)
{
	(void)state;
	forwards(true);
}

static void test_forwards_tc(void **state)
{
	(void)state;
	forwards(false);
}

/* The guard: with its exit a frame leaves, without it stays, is counted and told. */
static void on_event(void *arg, const struct sv_event *event)
{
	if (event->type == SV_EVENT_GUARD && event->ifindex == if_nametoindex("pb"))
		++*(int *)arg;
}

static void guard(bool xdp)
{
	struct sv_dcount count;
	int in, out, events = 0;
	struct simple s;

	ports(xdp, SV_ROLE_TRUNK);
	in = packet_socket("ea");
	out = packet_socket("eb");
	simple_init(&s, "pa", 1, "pb", xdp ? SV_ATTACH_XDP | SV_ATTACH_META | SV_ATTACH_SINGLE : 0,
		    true);
	OK(sv_attach_set(plane, &s.spec, 1, &err));
	assert_listed(&s.spec, 1);
	send_seq(in, 1);
	assert_int_equal(recv_seq(out, 500), 1);
	s.spec.n_port = 0;
	OK(sv_attach_set(plane, &s.spec, 1, &err));
	assert_listed(&s.spec, 1);
	send_seq(in, 2);
	assert_int_equal(recv_seq(out, 100), -1);
	OK(sv_dcount_get(plane, if_nametoindex("pb"), &count, &err));
	assert_int_equal(count.r[SV_DEV_GUARD], 1);
	assert_true(sv_event_fd(plane, &err) >= 0);
	assert_int_equal(sv_event_read(plane, on_event, &events, &err), 1);
	assert_int_equal(events, 1);
	assert_int_equal(sv_event_read(plane, on_event, &events, &err), 0);
	close(in);
	close(out);
	free(s.spec.port);
}

static void test_guard_xdp(void **state)
{
	(void)state;
	guard(true);
}

static void test_guard_tc(void **state)
{
	(void)state;
	guard(false);
}

/* ---- production does not notice ---- */

static void restarts(bool xdp)
{
	struct sv_plane *other;
	__u32 key = 0, schema;
	__u32 before = 0, after = 0;
	double worst = 0, at;
	struct simple s;
	struct flow f;
	bool fresh;

	ports(xdp, SV_ROLE_TRUNK);
	simple_init(&s, "pa", 1, "pb", xdp ? SV_ATTACH_XDP | SV_ATTACH_META | SV_ATTACH_SINGLE : 0,
		    true);
	OK(sv_attach_set(plane, &s.spec, 1, &err));
	flow_start(&f, "ea", "eb", NULL);
	for (int i = 0, n = 20; i < n; i++) {
		/* In turn: the same build; the same programs of another; another devmap program. */
		if (i % 3 == 1)
			run("rm -r %s/progs/build-*", PIN);
		else if (i % 3 == 2)
			run("rm %s/progs/sv_egress", PIN);
		bpf_xdp_query_id(if_nametoindex("pa"), 0, &before);
		at = seconds();
		reopen();
		at = seconds() - at;
		bpf_xdp_query_id(if_nametoindex("pa"), 0, &after);
		if (xdp && !sv_check_ext())
			assert_int_equal(before == after, i % 3 == 0);
		worst = at > worst ? at : worst;
		n = i == 1 ? rounds(at) : n;
	}
	schema = SV_SCHEMA + 1;
	OK(sv_map_set(plane, SV_MAP_SCHEMA, &key, &schema, &err));
	assert_int_equal(sv_plane_open(&other, PIN, &fresh, &err), -EPROTO);
	assert_int_equal(sv_plane_open_maps(&other, PIN, &err), -EPROTO);
	schema = SV_SCHEMA;
	OK(sv_map_set(plane, SV_MAP_SCHEMA, &key, &schema, &err));
	flow_stop(&f, false);
	assert_listed(&s.spec, 1);
	print_message("# slowest restart: %.0f ms\n", worst * 1000);
	free(s.spec.port);
}

static void test_restarts_xdp(void **state)
{
	(void)state;
	restarts(true);
}

static void test_restarts_tc(void **state)
{
	(void)state;
	restarts(false);
}

/* A copy comes and goes 20 times; its id, its exits and its fan-outs change with it. */
static void changes(bool xdp)
{
	__u16 path = xdp ? SV_ATTACH_XDP | SV_ATTACH_META : 0;
	struct simple one, two;
	struct flow f;

	ports(xdp, SV_ROLE_TRUNK);
	simple_init(&one, "pa", 1, "pb", path, true);
	simple_init(&two, "pa", 2, "pb", path, true);
	two.fan[0].n = 2;
	two.fan[0].dest[1] = two.fan[0].dest[0];
	two.fan[0].dest[1].ifindex = if_nametoindex("pc");
	two.fan[0].dest[1].kind = SV_DEST_SHADOW;
	two.fan[0].dest[1].flags = 0;
	OK(sv_attach_set(plane, &one.spec, 1, &err));
	flow_start(&f, "ea", "eb", NULL);
	for (int i = 0; i < 20; i++) {
		struct simple *s = i % 2 ? &one : &two;

		OK(sv_attach_set(plane, &s->spec, 1, &err));
		assert_listed(&s->spec, 1);
	}
	flow_stop(&f, false);
	free(one.spec.port);
	free(two.spec.port);
}

static void test_changes_xdp(void **state)
{
	(void)state;
	changes(true);
}

static void test_changes_tc(void **state)
{
	(void)state;
	changes(false);
}

/* ---- what is in the maps ---- */

static __u32 fanout_of(const struct sv_attach_key *key)
{
	struct sv_attach val;

	OK(sv_map_get(plane, SV_MAP_ATTACH, key, &val, &err));
	return val.fanout;
}

/* -1: no inner map; else how many destinations it has, the ifindex at its highest key in *last. */
static int inner_size(__u32 number, __u32 *last)
{
	struct bpf_devmap_val val;
	__u32 id, key;
	int fd, n = 0;

	if (bpf_map_lookup_elem(plane->map[SV_MAP_FANOUT], &number, &id))
		return -1;
	fd = bpf_map_get_fd_by_id(id);
	assert_true(fd >= 0);
	for (key = 0; !bpf_map_lookup_elem(fd, &key, &val); key++, n++)
		*last = val.ifindex;
	close(fd);
	return n;
}

static void test_fanouts(void **state)
{
	struct sv_dest pb = { .ifindex = if_nametoindex("pb"), .kind = SV_DEST_PRIMARY };
	struct sv_dest pc = { .ifindex = if_nametoindex("pc"), .kind = SV_DEST_SHADOW };
	struct sv_dests dests;
	__u32 first, old, last = 0;
	struct simple s;

	(void)state;
	ports(true, SV_ROLE_VNODE);
	simple_init(&s, "pa", 1, "pb", SV_ATTACH_XDP, false);
	s.spec.val.variants = 2;
	s.spec.n_fan = 2;
	s.fan[0] = (struct sv_dests){};
	s.fan[1] = (struct sv_dests){ .n = 2, .dest = { pb, pc } };
	OK(sv_attach_set(plane, &s.spec, 1, &err));
	old = first = fanout_of(&s.spec.key);
	assert_true(first > 0);
	assert_int_equal(inner_size(first, &last), -1);
	assert_int_equal(inner_size(first + 1, &last), 2);
	assert_int_equal(last, pb.ifindex);
	/* equal: left alone */
	OK(sv_attach_set(plane, &s.spec, 1, &err));
	assert_int_equal(fanout_of(&s.spec.key), first);
	/* changed: other numbers, and the old ones are cleared */
	s.fan[1].n = 1;
	OK(sv_attach_set(plane, &s.spec, 1, &err));
	first = fanout_of(&s.spec.key);
	assert_true(first >= old + 2 || old >= first + 2);
	assert_int_equal(inner_size(first + 1, &last), 1);
	OK(sv_map_get(plane, SV_MAP_DEST, &(__u32){ old + 1 }, &dests, &err));
	assert_int_equal(dests.n, 0);
	assert_int_equal(inner_size(old + 1, &last), -1);
}

/* Stale inner maps under a closed gate would swallow frames uncounted. */
static void test_reused_numbers(void **state)
{
	struct simple *many = calloc(64, sizeof(*many));
	struct sv_attach_spec *specs = calloc(64, sizeof(*specs));
	__u32 last, first;

	(void)state;
	ports(true, SV_ROLE_VNODE);
	for (int i = 0; i < 64; i++) {
		simple_init(&many[i], "pa", i + 1, "pb", SV_ATTACH_XDP, false);
		many[i].spec.key.vlan = i;
		specs[i] = many[i].spec;
	}
	OK(sv_attach_set(plane, specs, 64, &err));
	for (int i = 0; i < 64; i++)
		OK(sv_attach_del(plane, &specs[i].key, 1, &err));
	OK(sv_attach_set(plane, specs, 64, &err));
	first = fanout_of(&specs[0].key);
	assert_int_equal(inner_size(first, &last), 1);
	{
		struct sv_attach_key keys[64];

		for (int i = 0; i < 64; i++)
			keys[i] = specs[i].key;
		OK(sv_attach_del(plane, keys, 64, &err));
	}
	for (int i = 0; i < 64; i++)
		specs[i].fan->n = 0;
	OK(sv_attach_set(plane, specs, 64, &err));
	for (int i = 0; i < 64; i++)
		assert_int_equal(inner_size(fanout_of(&specs[i].key), &last), -1);
	free(many);
	free(specs);
}

static size_t exits(void)
{
	struct sv_port row;
	size_t n = 0;

	OK(sv_exit_open(plane, &err));
	for (__u32 id = 0; id < SV_ATTACH_MAX; id++) {
		sv_exit_read(plane, id, &row);
		for (int i = 0; i < SV_EXIT_MAX; i++)
			n += !!row.exit[i].ifindex;
	}
	return n;
}

static void test_failure_changes_nothing(void **state)
{
	struct simple was[2], s[3];
	struct sv_attach_spec specs[3], old[2];

	(void)state;
	ports(true, SV_ROLE_TRUNK);
	for (int i = 0; i < 3; i++) {
		simple_init(&s[i], "pa", i + 1, "pb", SV_ATTACH_XDP | SV_ATTACH_META, true);
		s[i].spec.key.vlan = i;
		specs[i] = s[i].spec;
		if (i < 2) {
			was[i] = s[i];
			was[i].spec.fan = was[i].fan;
			old[i] = was[i].spec;
		}
	}
	OK(sv_attach_set(plane, specs, 2, &err));
	assert_listed(old, 2);
	/* two changed, one new; the last destination does not exist */
	specs[0].port[0].ifindex = if_nametoindex("pc");
	specs[1].val.id = 77;
	s[2].fan[0].dest[0].ifindex = 9999;
	specs[1].val.role = 4;
	assert_int_equal(sv_attach_set(plane, specs, 3, &err), -ENODEV);
	assert_non_null(strstr(err.text, "9999"));
	specs[0].port[0].ifindex = if_nametoindex("pb");
	assert_listed(old, 2);
	assert_int_equal(exits(), 2);
	/* and when the kernel has no room: sv_attach is full long before the last */
	s[2].fan[0].dest[0].ifindex = if_nametoindex("pb");
	specs[2].val.id = 1;
	assert_int_equal(sv_attach_set(plane, specs, 3, &err), -EEXIST);
	specs[2].val.id = 3;
	specs[2].key.vlan = 1;
	assert_int_equal(sv_attach_set(plane, specs, 3, &err), -EINVAL);
	specs[2].key.vlan = 2;
	specs[2].n_fan = 2;
	assert_int_equal(sv_attach_set(plane, specs, 3, &err), -EINVAL);
	assert_listed(old, 2);
	for (int i = 0; i < 3; i++)
		free(specs[i].port);
}

static void test_no_room(void **state)
{
	struct sv_dests *fan = calloc(251 << 4, sizeof(*fan));
	struct sv_attach_spec specs[17];

	(void)state;
	for (int i = 0; i < 17; i++)
		specs[i] = (struct sv_attach_spec){
			.key = { .ifindex = if_nametoindex("pa"), .vlan = i },
			.val = { .id = i + 1, .variants = 251, .bits = 4, .sessions = 4 },
			.n_fan = 251 << 4,
			.fan = fan,
		};
	assert_int_equal(sv_attach_set(plane, specs, 17, &err), -ENOSPC);
	assert_listed(NULL, 0);
	OK(sv_attach_set(plane, specs, 16, &err));
	assert_listed(specs, 16);
	remove_attachments();
	free(fan);
}

/* ---- many ---- */

#define MANY 4000

static void test_many(void **state)
{
	struct simple *many = calloc(MANY, sizeof(*many));
	struct sv_attach_spec *specs = calloc(MANY, sizeof(*specs));
	struct sv_attach_key *keys = calloc(MANY, sizeof(*keys));
	double at[6];

	(void)state;
	ports(true, SV_ROLE_TRUNK);
	for (int i = 0; i < MANY; i++) {
		simple_init(&many[i], i % 2 ? "pa" : "pc", i + 1, "pb",
			    SV_ATTACH_XDP | SV_ATTACH_META, true);
		many[i].spec.key.vlan = i;
		many[i].spec.port[0].arg = i + 1;
		many[i].spec.port[0].flags = SV_EXIT_PUSH;
		specs[i] = many[i].spec;
		keys[i] = specs[i].key;
	}
	at[0] = seconds();
	OK(sv_attach_set(plane, specs, MANY, &err));
	at[1] = seconds();
	assert_listed(specs, 0 + MANY);
	at[2] = seconds();
	reopen();
	at[3] = seconds();
	run("rm %s/progs/sv_egress", PIN);
	reopen();
	at[4] = seconds();
	OK(sv_attach_del(plane, keys, MANY, &err));
	at[5] = seconds();
	assert_listed(NULL, 0);
	assert_int_equal(exits(), 0);
	print_message(
		"# %d attachments: set %.0f ms, restart %.0f ms, upgrade %.0f ms, del %.0f ms\n",
		MANY, (at[1] - at[0]) * 1e3, (at[3] - at[2]) * 1e3, (at[4] - at[3]) * 1e3,
		(at[5] - at[4]) * 1e3);
	assert_true(at[1] - at[0] < 5);
	for (int i = 0; i < MANY; i++)
		free(specs[i].port);
	free(many);
	free(specs);
	free(keys);
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB(test_forwards_xdp),
		LAB(test_forwards_tc),
		LAB(test_guard_xdp),
		LAB(test_guard_tc),
		LAB(test_restarts_xdp),
		LAB(test_restarts_tc),
		LAB(test_changes_xdp),
		LAB(test_changes_tc),
		LAB(test_fanouts),
		LAB(test_reused_numbers),
		LAB(test_failure_changes_nothing),
		LAB(test_no_room),
		LAB(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
