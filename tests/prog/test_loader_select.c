// SPDX-License-Identifier: GPL-2.0-only
/* What selection adds: slots of filters, ways out in a row, points, rings, export ports; and that a
 * filter changes between two frames.
 */
#include "loader_lab.h"

#include <bpf/libbpf.h>

#define EVEN "ether[17] & 1 = 0" /* of our frames' number */
#define ODD "ether[17] & 1 = 1"

static void ports(bool xdp)
{
	OK(sv_port_attach(plane, if_nametoindex("pa"), SV_ROLE_VNODE, xdp, &err));
	OK(sv_port_attach(plane, if_nametoindex("pb"), SV_ROLE_VNODE, xdp, &err));
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

/* ---- an attachment with sessions ---- */

struct watched {
	struct sv_attach_spec spec;
	struct sv_dests fan[4];
};

/* From "pa" to "pb"; the sessions `first`, `first` + 1 … copy to "pc". */
static void watched_init(struct watched *w, __u32 id, __u16 vlan, __u16 first, int sessions,
			 __u16 flags)
{
	*w = (struct watched){
		.spec = { .key = { .ifindex = if_nametoindex("pa"), .vlan = vlan },
			  .val = { .id = id,
				   .flags = flags,
				   .port_role = SV_ROLE_VNODE,
				   .variants = 1,
				   .bits = sessions,
				   .sessions = sessions },
			  .n_fan = 1 << sessions },
	};
	w->spec.fan = w->fan;
	for (int i = 0; i < sessions; i++) {
		w->spec.val.session[i] = first + i;
		snprintf(w->spec.point[i].vnet, sizeof(w->spec.point[i].vnet), "V%d", first + i);
	}
	for (int mask = 0; mask < 1 << sessions; mask++) {
		struct sv_dests *d = &w->fan[mask];

		d->dest[d->n++] = (struct sv_dest){ .ifindex = if_nametoindex("pb"),
						    .kind = SV_DEST_PRIMARY };
		for (int i = 0; i < sessions; i++) {
			if (mask >> i & 1)
				d->dest[d->n++] = (struct sv_dest){ .ifindex = if_nametoindex("pc"),
								    .kind = SV_DEST_SESSION,
								    .bit = i,
								    .nth = d->n > 2 };
		}
	}
}

/* The strings stay the test's own. */
static void watched_filter(struct watched *w, char *first, char *second)
{
	w->spec.filter[0] = first;
	w->spec.filter[1] = second;
	w->spec.val.digest = sv_filter_digest(w->spec.filter);
	if (w->spec.val.digest)
		w->spec.val.flags |= SV_ATTACH_FILTER;
	else
		w->spec.val.flags &= ~SV_ATTACH_FILTER;
}

static struct sv_attach row_of(const struct watched *w)
{
	struct sv_attach val;

	OK(sv_map_get(plane, SV_MAP_ATTACH, &w->spec.key, &val, &err));
	return val;
}

static int set_rc(const struct watched *w)
{
	return sv_attach_set(plane, &w->spec, 1, &err);
}

static __u32 program_in(enum sv_map map, __u32 slot)
{
	__u32 id;

	return bpf_map_lookup_elem(plane->map[map], &slot, &id) ? 0 : id;
}

static int filled(void)
{
	int n = 0;

	for (__u32 i = 1; i < SV_FILTER_MAX; i++)
		n += !!program_in(SV_MAP_FILTER_XDP, i) + !!program_in(SV_MAP_FILTER_TC, i);
	return n;
}

/* The map that stands in fan-out 0: another one after every wait for running programs. */
static __u32 waited(void)
{
	return program_in(SV_MAP_FANOUT, 0);
}

/* ---- slots ---- */

static void test_slots_are_shared(void **state)
{
	struct sv_attach_spec specs[3];
	struct watched w[3];
	__u32 slot, fanout, wait;

	(void)state;
	ports(true);
	for (int i = 0; i < 3; i++) {
		watched_init(&w[i], i + 1, i, 1, 1, SV_ATTACH_XDP);
		watched_filter(&w[i], i < 2 ? "udp" : "tcp", NULL);
		specs[i] = w[i].spec;
	}
	OK(sv_attach_set(plane, specs, 3, &err));
	assert_listed(specs, 3);
	slot = row_of(&w[0]).filter;
	assert_int_not_equal(slot, 0);
	assert_int_equal(row_of(&w[1]).filter, slot);
	assert_int_not_equal(row_of(&w[2]).filter, slot);
	assert_true(sv_slot_filled(plane, slot));
	assert_int_equal(filled(), 4);
	/* a change is another slot, the same fan-outs; who shared goes on */
	fanout = row_of(&w[0]).fanout;
	watched_filter(&w[0], "icmp", NULL);
	wait = waited();
	OK(set_rc(&w[0]));
	assert_int_not_equal(waited(), wait); /* before anything of the old one is emptied */
	assert_int_not_equal(row_of(&w[0]).filter, slot);
	assert_int_equal(row_of(&w[0]).fanout, fanout);
	assert_int_equal(filled(), 6);
	/* joins one that is there */
	watched_filter(&w[0], "tcp", NULL);
	OK(set_rc(&w[0]));
	assert_int_equal(row_of(&w[0]).filter, row_of(&w[2]).filter);
	assert_int_equal(filled(), 4);
	wait = waited();
	OK(sv_attach_del(plane, &w[1].spec.key, 1, &err));
	assert_int_not_equal(waited(), wait);
	assert_int_equal(filled(), 2);
	OK(sv_attach_del(plane, &w[0].spec.key, 1, &err));
	assert_int_equal(filled(), 2);
	watched_filter(&w[2], NULL, NULL);
	OK(set_rc(&w[2]));
	assert_int_equal(row_of(&w[2]).filter, 0);
	assert_int_equal(filled(), 0);
}

static void test_slot_failure_changes_nothing(void **state)
{
	struct sv_attach_spec specs[2];
	struct watched w[2], was;

	(void)state;
	ports(true);
	for (int i = 0; i < 2; i++)
		watched_init(&w[i], i + 1, i, 1, 1, SV_ATTACH_XDP);
	watched_filter(&w[0], "udp", NULL);
	was = w[0];
	was.spec.fan = was.fan;
	OK(set_rc(&was));
	watched_filter(&w[0], "tcp", NULL);
	strcpy(w[0].spec.point[0].vnode, "r2");
	w[0].spec.port = &(struct sv_exit){ .ifindex = if_nametoindex("pb") };
	w[0].spec.n_port = 1;
	watched_filter(&w[1], "no such thing", NULL);
	specs[0] = w[0].spec;
	specs[1] = w[1].spec;
	assert_true(sv_attach_set(plane, specs, 2, &err) < 0);
	assert_non_null(strstr(err.text, "attachment 2"));
	assert_listed(&was.spec, 1);
	assert_int_equal(filled(), 2);
	/* later than the filters: a destination that is not there */
	watched_filter(&w[1], "icmp", NULL);
	w[1].fan[0].dest[0].ifindex = 9999;
	specs[1] = w[1].spec;
	assert_int_equal(sv_attach_set(plane, specs, 2, &err), -ENODEV);
	assert_listed(&was.spec, 1);
	assert_int_equal(filled(), 2);
	/* digest, flag and filter */
	w[0] = was;
	w[0].spec.fan = w[0].fan;
	w[0].spec.val.digest++;
	assert_int_equal(set_rc(&w[0]), -EINVAL);
	w[0].spec.val.digest--;
	w[0].spec.val.flags &= ~SV_ATTACH_FILTER;
	assert_int_equal(set_rc(&w[0]), -EINVAL);
	assert_listed(&was.spec, 1);
}

static void test_lost_programs_come_back(void **state)
{
	struct sv_attach_spec specs[2], *list;
	struct watched w[2];
	__u32 slot;
	size_t n;

	(void)state;
	ports(true);
	for (int i = 0; i < 2; i++) {
		watched_init(&w[i], i + 1, i, 1, 1, SV_ATTACH_XDP);
		watched_filter(&w[i], "udp", NULL);
		specs[i] = w[i].spec;
	}
	OK(sv_attach_set(plane, specs, 2, &err));
	slot = row_of(&w[0]).filter;
	OK(sv_map_del(plane, SV_MAP_FILTER_TC, &slot, &err));
	OK(sv_attach_list(plane, &list, &n, &err));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		assert_false(sv_attach_spec_equal(&list[i], &specs[list[i].val.id - 1]));
		sv_attach_spec_fini(&list[i]);
	}
	free(list);
	OK(set_rc(&w[0]));
	assert_int_equal(row_of(&w[0]).filter, slot);
	assert_listed(specs, 2);
}

static void test_stage(void **state)
{
	__u32 zero = 0, id = program_in(SV_MAP_FILTER_XDP, 0);

	(void)state;
	assert_int_not_equal(id, 0);
	assert_int_not_equal(program_in(SV_MAP_FILTER_TC, 0), 0);
	reopen();
	assert_int_equal(program_in(SV_MAP_FILTER_XDP, 0), id);
	OK(sv_map_del(plane, SV_MAP_FILTER_XDP, &zero, &err)); /* somebody's hand */
	reopen();
	assert_int_equal(program_in(SV_MAP_FILTER_XDP, 0), id);
	run("rm -r %s/progs/build-*", PIN); /* another build */
	reopen();
	assert_int_not_equal(program_in(SV_MAP_FILTER_XDP, 0), 0);
	assert_int_not_equal(program_in(SV_MAP_FILTER_XDP, 0), id);
}

/* ---- what a dead call left ---- */

static int points(void)
{
	void *keys, *vals;
	size_t n;

	OK(sv_map_dump(plane, SV_MAP_POINT, &keys, &vals, &n, &err));
	free(keys);
	free(vals);
	return n;
}

static void test_leftovers(void **state)
{
	struct sv_point_key key = { .attach = 1, .session = 7 };
	struct sv_port row = { .exit[5] = { .ifindex = if_nametoindex("pb") } };
	struct sv_point point = { .vnet = "gone" };
	struct watched w;
	int prog;

	(void)state;
	ports(true);
	watched_init(&w, 1, 0, 1, 1, SV_ATTACH_XDP);
	watched_filter(&w, "udp", NULL);
	OK(set_rc(&w));
	prog = bpf_prog_get_fd_by_id(program_in(SV_MAP_FILTER_XDP, row_of(&w).filter));
	assert_true(prog >= 0);
	OK(sv_map_set(plane, SV_MAP_FILTER_XDP, &(__u32){ 1000 }, &prog, &err));
	OK(sv_map_set(plane, SV_MAP_POINT, &key, &point, &err)); /* not its session */
	key.attach = 2; /* nobody's */
	OK(sv_map_set(plane, SV_MAP_POINT, &key, &point, &err));
	sv_exit_write(plane, 2, &row);
	row.exit[6].ifindex = if_nametoindex("pc");
	sv_exit_write(plane, 1, &row); /* of one that lives: set again, since it differs */
	close(prog);
	reopen();
	assert_int_equal(filled(), 3);
	OK(set_rc(&w));
	assert_int_equal(filled(), 2);
	assert_int_equal(points(), 1);
	assert_listed(&w.spec, 1);
	sv_exit_read(plane, 2, &row);
	assert_int_equal(row.exit[5].ifindex, 0);
}

static void test_ring_leftovers(void **state)
{
	struct sv_session s = { .kind = SV_SESSION_DEVICE, .up = 1 };
	__u32 id, number = 9 * SV_TAP_CPUS;

	(void)state;
	OK(sv_ring_make(plane, 9, true, &err));
	reopen();
	assert_int_equal(bpf_map_lookup_elem(plane->map[SV_MAP_TAP], &number, &id), 0);
	OK(sv_session_set(plane, 3, &s, &err));
	assert_int_not_equal(bpf_map_lookup_elem(plane->map[SV_MAP_TAP], &number, &id), 0);
	OK(sv_session_set(plane, 3, &(struct sv_session){}, &err));
}

/* ---- ways out ---- */

static void test_exit_room(void **state)
{
	struct sv_exit exits[SV_EXIT_MAX + 1] = {};
	struct sv_port before, after;
	struct watched w;

	(void)state;
	ports(true);
	watched_init(&w, 1, 0, 1, 0, SV_ATTACH_XDP);
	for (int i = 0; i <= SV_EXIT_MAX; i++)
		exits[i].ifindex = 1000 + i;
	w.spec.port = exits;
	w.spec.n_port = SV_EXIT_MAX + 1;
	assert_int_equal(set_rc(&w), -ENOSPC);
	assert_non_null(strstr(err.text, "25 ways out"));
	assert_listed(NULL, 0);
	w.spec.n_port = SV_EXIT_MAX;
	OK(set_rc(&w));
	assert_listed(&w.spec, 1);
	/* one goes, the others stay where they are */
	sv_exit_read(plane, 1, &before);
	w.spec.port = exits + 1;
	w.spec.n_port = SV_EXIT_MAX - 1;
	OK(set_rc(&w));
	sv_exit_read(plane, 1, &after);
	assert_int_equal(after.exit[0].ifindex, 0);
	assert_memory_equal(&after.exit[1], &before.exit[1], sizeof(after) - sizeof(after.exit[0]));
	/* old and new side by side do not fit */
	w.spec.port = exits;
	exits[0].ifindex = 1;
	exits[1].ifindex = 2;
	w.spec.n_port = SV_EXIT_MAX;
	assert_int_equal(set_rc(&w), -ENOSPC);
	assert_non_null(strstr(err.text, "beside the old ones"));
	sv_exit_read(plane, 1, &before);
	assert_memory_equal(&before, &after, sizeof(after));
}

/* ---- points ---- */

static void test_points(void **state)
{
	struct watched w;

	(void)state;
	ports(true);
	watched_init(&w, 1, 0, 5, 2, SV_ATTACH_XDP);
	OK(set_rc(&w));
	assert_listed(&w.spec, 1);
	assert_int_equal(points(), 2);
	strcpy(w.spec.point[0].vnode, "r2");
	w.spec.point[1] = (struct sv_point){};
	OK(set_rc(&w));
	assert_listed(&w.spec, 1);
	assert_int_equal(points(), 1);
	w.spec.val.id = 2; /* another id: other rows */
	OK(set_rc(&w));
	assert_listed(&w.spec, 1);
	assert_int_equal(points(), 1);
	OK(sv_attach_del(plane, &w.spec.key, 1, &err));
	assert_int_equal(points(), 0);
}

/* ---- rings ---- */

static __u32 ring_id(__u16 tap, int cpu)
{
	__u32 number = tap * SV_TAP_CPUS + cpu, id;

	return bpf_map_lookup_elem(plane->map[SV_MAP_TAP], &number, &id) ? 0 : id;
}

static int rings(__u16 tap)
{
	int n = 0;

	for (int cpu = 0; cpu < SV_TAP_CPUS; cpu++)
		n += !!ring_id(tap, cpu);
	return n;
}

static void assert_ring_shape(__u32 id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_map_get_fd_by_id(id);

	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	assert_int_equal(info.max_entries, SV_TAP_SLOTS);
	assert_int_equal(info.value_size, SV_TAP_SLOT);
	assert_true(info.map_flags & BPF_F_MMAPABLE);
	close(fd);
}

static void test_rings(void **state)
{
	struct sv_session s = { .kind = SV_SESSION_RING, .up = 1, .tap = 5 }, got;
	struct sv_tap_ctl ctl = { .head = 100, .tail = 90, .lost = 5 };
	struct sv_budget budget = { .until_ns = ~0ULL };
	int cpus = libbpf_num_possible_cpus();
	__u32 number = 5 * SV_TAP_CPUS, key = 4, id;
	double at = seconds();

	(void)state;
	OK(sv_map_set(plane, SV_MAP_TAP_CTL, &number, &ctl, &err));
	OK(sv_map_set(plane, SV_MAP_BUDGET, &key, &budget, &err));
	OK(sv_session_set(plane, 4, &s, &err));
	print_message("# %d rings made in %.0f ms\n", cpus, (seconds() - at) * 1e3);
	assert_int_equal(rings(5), cpus);
	id = ring_id(5, 0);
	assert_ring_shape(id);
	OK(sv_map_get(plane, SV_MAP_TAP_CTL, &number, &ctl, &err));
	assert_int_equal(ctl.head + ctl.tail + ctl.lost, 0);
	OK(sv_map_get(plane, SV_MAP_BUDGET, &key, &budget, &err));
	assert_int_equal(budget.until_ns, 0);
	/* its rings are its own */
	assert_int_equal(sv_session_set(plane, 6, &s, &err), -EEXIST);
	s.tap = SV_TAP_MAX;
	assert_int_equal(sv_session_set(plane, 6, &s, &err), -EINVAL);
	/* another field: the same rings, the budget goes on */
	budget.until_ns = 77;
	OK(sv_map_set(plane, SV_MAP_BUDGET, &key, &budget, &err));
	s = (struct sv_session){ .kind = SV_SESSION_RING, .up = 1, .tap = 5, .snap = 128 };
	OK(sv_session_set(plane, 4, &s, &err));
	assert_int_equal(ring_id(5, 0), id);
	OK(sv_map_get(plane, SV_MAP_BUDGET, &key, &budget, &err));
	assert_int_equal(budget.until_ns, 77);
	/* a lost one comes back, the others stay */
	number++;
	OK(sv_map_del(plane, SV_MAP_TAP, &number, &err));
	OK(sv_session_set(plane, 4, &s, &err));
	assert_int_equal(ring_id(5, 0), id);
	assert_int_equal(rings(5), cpus);
	/* another tap; another kind; none */
	s.tap = 6;
	OK(sv_session_set(plane, 4, &s, &err));
	assert_int_equal(rings(5), 0);
	assert_int_equal(rings(6), cpus);
	OK(sv_session_get(plane, 4, &got, &err));
	assert_memory_equal(&got, &s, sizeof(s));
	s.kind = SV_SESSION_DEVICE;
	OK(sv_session_set(plane, 4, &s, &err));
	assert_int_equal(rings(6), 0);
	s.kind = SV_SESSION_RING;
	OK(sv_session_set(plane, 4, &s, &err));
	at = seconds();
	OK(sv_session_set(plane, 4, &(struct sv_session){}, &err));
	print_message("# dropped in %.0f ms\n", (seconds() - at) * 1e3);
	assert_int_equal(rings(6), 0);
}

static void test_rings_that_do_not_fit(void **state)
{
	struct sv_session s = { .kind = SV_SESSION_RING, .up = 1, .tap = 5 }, got, none = {};
	struct rlimit all, few;
	int rc;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &all);
	few = all;
	few.rlim_cur = dup(0);
	close(few.rlim_cur);
	few.rlim_cur++; /* room for one descriptor */
	setrlimit(RLIMIT_NOFILE, &few);
	rc = sv_session_set(plane, 4, &s, &err);
	setrlimit(RLIMIT_NOFILE, &all);
	if (libbpf_num_possible_cpus() > 1) {
		assert_int_equal(rc, -EMFILE);
		assert_non_null(strstr(err.text, "session 4"));
		assert_non_null(strstr(err.text, "KiB in all"));
		assert_int_equal(rings(5), 0);
		OK(sv_session_get(plane, 4, &got, &err));
		assert_memory_equal(&got, &none, sizeof(none));
	}
	OK(sv_session_set(plane, 4, &none, &err));
}

/* ---- ports ---- */

static void test_roles(void **state)
{
	__u32 pa = if_nametoindex("pa"), pb = if_nametoindex("pb");
	struct sv_port_info *list;
	struct sv_dcount count;
	size_t n;

	(void)state;
	assert_int_equal(sv_port_attach(plane, pa, SV_ROLE_EXPORT, true, &err), -EINVAL);
	OK(sv_port_attach(plane, pa, SV_ROLE_EXPORT, false, &err));
	OK(sv_port_attach(plane, pb, SV_ROLE_EDGE, true, &err));
	OK(sv_dcount_get(plane, pa, &count, &err));
	assert_int_equal(count.role, SV_ROLE_EXPORT);
	OK(sv_dcount_get(plane, pb, &count, &err));
	assert_int_equal(count.role, SV_ROLE_EDGE);
	OK(sv_port_list(plane, &list, &n, &err));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		if (list[i].ifindex == pa) {
			assert_int_equal(list[i].role, SV_ROLE_EXPORT);
			assert_int_equal(list[i].xdp, SV_XDP_NONE);
			assert_int_not_equal(list[i].tc, SV_TC_NONE);
		}
	}
	free(list);
	reopen();
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, true, &err));
	OK(sv_dcount_get(plane, pa, &count, &err));
	assert_int_equal(count.role, SV_ROLE_VNODE);
}

/* ---- frames ---- */

static void session_to_pc(__u16 number)
{
	struct sv_session s = {
		.kind = SV_SESSION_DEVICE, .ifindex = if_nametoindex("pc"), .max_len = 1518, .up = 1
	};

	OK(sv_session_set(plane, number, &s, &err));
}

static void no_session(__u16 number)
{
	OK(sv_session_set(plane, number, &(struct sv_session){}, &err));
}

static void filters(bool xdp)
{
	int in, out, tap;
	struct watched w;

	ports(xdp);
	session_to_pc(1);
	in = packet_socket("ea");
	out = packet_socket("eb");
	tap = packet_socket("ec");
	watched_init(&w, 1, 0, 1, 1, xdp ? SV_ATTACH_XDP | SV_ATTACH_SINGLE : 0);
	watched_filter(&w, ODD, NULL);
	OK(set_rc(&w));
	for (__u32 seq = 0; seq < 6; seq++) {
		send_seq(in, seq);
		assert_int_equal(recv_seq(out, 500), seq);
	}
	assert_int_equal(recv_seq(tap, 500), 1);
	assert_int_equal(recv_seq(tap, 500), 3);
	assert_int_equal(recv_seq(tap, 500), 5);
	assert_int_equal(recv_seq(tap, 100), -1);
	close(in);
	close(out);
	close(tap);
	OK(sv_attach_del(plane, &w.spec.key, 1, &err));
	no_session(1);
}

static void test_filters_xdp(void **state)
{
	(void)state;
	filters(true);
}

static void test_filters_tc(void **state)
{
	(void)state;
	filters(false);
}

/*
 * Two sessions with complementary filters, which are exchanged again and again: every frame is
 * seen by exactly one of them, whichever filters it met, if it met both of one and none of the
 * other set.
 */
static void exchange(bool xdp)
{
	struct sv_count count;
	struct watched w;
	struct flow f;
	double at, cost = 0;
	int n = 200;

	ports(xdp);
	session_to_pc(1);
	session_to_pc(2);
	watched_init(&w, 1, 0, 1, 2, xdp ? SV_ATTACH_XDP | SV_ATTACH_SINGLE : 0);
	watched_filter(&w, EVEN, ODD);
	OK(set_rc(&w));
	flow_start(&f, "ea", "eb", "ec");
	at = seconds();
	for (int i = 0; i < n; i++) {
		watched_filter(&w, i % 2 ? EVEN : ODD, i % 2 ? ODD : EVEN);
		OK(set_rc(&w));
		cost = (seconds() - at) / (i + 1);
		if (i == 4 && cost > 0.1) {
			n = 20;
			print_message("# 20 changes instead of 200: one takes %.2f s\n", cost);
		}
	}
	print_message("# %d changes, %.0f ms each\n", n, cost * 1e3);
	flow_stop(&f, true);
	OK(sv_count_get(plane, 1, &count, &err));
	assert_int_equal(count.r[SV_REASON_NO_FILTER].packets, 0);
	OK(sv_attach_del(plane, &w.spec.key, 1, &err));
	no_session(1);
	no_session(2);
}

static void test_exchange_xdp(void **state)
{
	(void)state;
	exchange(true);
}

static void test_exchange_tc(void **state)
{
	(void)state;
	exchange(false);
}

/* An upgrade replaces entries and delivery stage under a filtered session. */
static void upgrade(bool xdp)
{
	struct watched w;
	struct flow f;
	double at;

	ports(xdp);
	session_to_pc(1);
	watched_init(&w, 1, 0, 1, 1, xdp ? SV_ATTACH_XDP | SV_ATTACH_SINGLE : 0);
	watched_filter(&w, "ether proto 0x88b5", NULL);
	OK(set_rc(&w));
	flow_start(&f, "ea", "eb", "ec");
	for (int i = 0, n = 6; i < n; i++) {
		at = seconds();
		if (i % 2)
			run("rm -r %s/progs/build-*", PIN);
		reopen();
		n = seconds() - at > 5 ? 2 : n;
	}
	flow_stop(&f, true);
	assert_listed(&w.spec, 1);
	OK(sv_attach_del(plane, &w.spec.key, 1, &err));
	no_session(1);
}

static void test_upgrade_xdp(void **state)
{
	(void)state;
	upgrade(true);
}

static void test_upgrade_tc(void **state)
{
	(void)state;
	upgrade(false);
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB(test_slots_are_shared),
		LAB(test_slot_failure_changes_nothing),
		LAB(test_lost_programs_come_back),
		LAB(test_stage),
		LAB(test_leftovers),
		LAB(test_ring_leftovers),
		LAB(test_exit_room),
		LAB(test_points),
		LAB(test_rings),
		LAB(test_rings_that_do_not_fit),
		LAB(test_roles),
		LAB(test_filters_xdp),
		LAB(test_filters_tc),
		LAB(test_exchange_xdp),
		LAB(test_exchange_tc),
		LAB(test_upgrade_xdp),
		LAB(test_upgrade_tc),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
