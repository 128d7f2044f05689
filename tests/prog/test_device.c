// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beside the table of test_path: what ingress writes for the devmap program, what is counted by
 * device after the last program, and events when nobody reads them.
 */
#include "dp.h"
#include "frames.h"

#define ID 7
#define FAN 100

static struct lab lab;
static struct dp dp;
static const struct sv_exit no_exit;

/* p0 to p1, untagged and with VLAN 5. */
static void plan(uint16_t flags, bool guarded, struct sv_exit how)
{
	struct sv_attach a = { .id = ID, .fanout = FAN, .flags = flags, .variants = 1 };
	struct sv_dests dests = { .n = 1,
				  .dest = { { .ifindex = lab.p[1],
					      .kind = SV_DEST_PRIMARY,
					      .flags = guarded ? SV_DEST_GUARDED : 0 } } };
	struct sv_port row = { .exit = { how } };
	struct sv_attach_key key = { .ifindex = lab.p[0] };
	uint32_t id = ID;

	dp_clear_hash(DP_MAP(&dp, sv_attach));
	dp_fanout(&dp, FAN, &dests);
	if (how.flags)
		row.exit[0].ifindex = lab.p[1];
	dp_set(DP_MAP(&dp, sv_port), &id, &row);
	dp_set(DP_MAP(&dp, sv_attach), &key, &a);
	key.vlan = 5;
	dp_set(DP_MAP(&dp, sv_attach), &key, &a);
	dp_zero(DP_MAP(&dp, sv_count), &id, sizeof(struct sv_count));
	for (int i = 0; i < LAB_PORTS; i++)
		dp_zero(DP_MAP(&dp, sv_dcount), &lab.p[i], sizeof(struct sv_dcount));
	dp_events(&dp);
	lab_drain(&lab);
}

static void xdp_on(uint32_t ifindex, int prog)
{
	lab_must(!bpf_xdp_attach(ifindex, prog, XDP_FLAGS_DRV_MODE, NULL), "XDP attach");
}

static void send_pkt(struct pkt pkt)
{
	uint8_t bytes[LAB_FRAME];

	lab_send(&lab, 0, bytes, frame_build(bytes, &pkt));
}

/* ---- metadata ---- */

/* What is in front of the frame afterwards, in *meta; returns its length. The frame must
 * be `out`. */
static size_t run_meta(size_t before, const struct pkt *in, const struct pkt *out,
		       struct sv_meta *meta)
{
	uint8_t bytes[512] = {}, result[512], want[512];
	uint32_t len = frame_build(bytes + before, in), want_len = frame_build(want, out);
	struct xdp_md ctx = { .data = before,
			      .data_end = before + len,
			      .ingress_ifindex = lab.p[0] };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = before + len,
		    .data_out = result, .data_size_out = sizeof(result), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .ctx_out = &ctx, .ctx_size_out = sizeof(ctx));

	memset(bytes, 0xee, before);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(dp.xdp->progs.sv_xdp_trunk), &opts),
			 0);
	assert_int_equal(opts.retval, XDP_REDIRECT);
	assert_int_equal(ctx.data_end - ctx.data, want_len);
	assert_memory_equal(result + ctx.data, want, want_len);
	memcpy(meta, result, sizeof(*meta));
	return ctx.data - ctx.data_meta;
}

static void test_metadata(void **state)
{
	static const size_t before[] = { 0, 4, 8, 16, 32 };
	struct pkt tagged = { .tpid = 0x8100, .tci = 0xb005 }, plain = {};
	struct sv_meta meta;

	(void)state;
	xdp_on(lab.p[0], lab.pass);
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		plan(SV_ATTACH_XDP | SV_ATTACH_META | SV_ATTACH_POP, true, no_exit);
		assert_int_equal(run_meta(before[i], &tagged, &plain, &meta), sizeof(meta));
		assert_int_equal(meta.attach, ID);
		assert_int_equal(meta.magic, SV_META_MAGIC);
		assert_int_equal(meta.flags, SV_META_OPEN);
		assert_int_equal(meta.pcp_dei, 0xb0);
		plan(SV_ATTACH_XDP | SV_ATTACH_META, true, no_exit);
		assert_int_equal(run_meta(before[i], &tagged, &tagged, &meta), sizeof(meta));
		assert_int_equal(meta.pcp_dei, 0);
		assert_int_equal(run_meta(before[i], &plain, &plain, &meta), sizeof(meta));
		plan(SV_ATTACH_XDP, false, no_exit);
		assert_int_equal(run_meta(before[i], &tagged, &tagged, &meta), before[i]);
	}
}

/* ---- devices ---- */

static void expect_dev(int port, const char *what, enum sv_dev_reason reason, uint64_t want)
{
	struct sv_dcount d = {};

	for (int i = 0; i < 200; i++) {
		d = dp_dcount(&dp, lab.p[port]);
		if (d.r[reason] == want)
			break;
		usleep(1000);
	}
	if (d.r[reason] != want)
		fail_msg("p%d %s is %llu, wanted %llu", port, what, (unsigned long long)d.r[reason],
			 (unsigned long long)want);
}

#define EXPECT(port, reason, n) expect_dev(port, #reason, SV_DEV_##reason, n)

static void attach_trace(struct bpf_program *prog, const char *tracepoint, bool optional,
			 struct bpf_link **link)
{
	*link = bpf_program__attach(prog);
	if (*link)
		return;
	if (!optional)
		fail_msg("tracepoint %s: %s", tracepoint, strerror(errno));
	print_message("# this kernel has no tracepoint %s\n", tracepoint);
}

static void trace_all(struct sv_trace *t, struct bpf_link *links[4])
{
	attach_trace(t->progs.sv_trace_xmit, "xdp_devmap_xmit", false, &links[0]);
	attach_trace(t->progs.sv_trace_redirect_err, "xdp_redirect_err", false, &links[1]);
	attach_trace(t->progs.sv_trace_redirect_map_err, "xdp_redirect_map_err", true, &links[2]);
	attach_trace(t->progs.sv_trace_exception, "xdp_exception", false, &links[3]);
}

static void trace_none(struct bpf_link *links[4])
{
	for (int i = 0; i < 4; i++)
		bpf_link__destroy(links[i]);
}

static void mtu(char side, int port, int bytes)
{
	char name[16];

	lab_name(name, side, port);
	lab_ioctl(name, SIOCSIFMTU, bytes);
}

static void check_devices(void)
{
	static const struct sv_exit push = { .arg = 9, .flags = SV_EXIT_PUSH };
	struct sv_port row = { .exit = { [SV_EXIT_MAX - 1] = push } };
	int aborts = lab_xdp_return(XDP_ABORTED);
	uint32_t id = ID;
	int trunk = bpf_program__fd(dp.xdp->progs.sv_xdp_trunk);

	/* Taken by the driver, by unicast and by broadcast. */
	xdp_on(lab.p[0], trunk);
	plan(SV_ATTACH_XDP | SV_ATTACH_SINGLE, false, no_exit);
	for (int i = 0; i < 3; i++)
		send_pkt((struct pkt){});
	EXPECT(1, SENT, 3);
	plan(SV_ATTACH_XDP, false, no_exit);
	send_pkt((struct pkt){});
	EXPECT(1, SENT, 1);
	EXPECT(1, LOST, 0);

	/* Kept in by the guard: not also lost by the driver. */
	plan(SV_ATTACH_XDP | SV_ATTACH_META, true, no_exit);
	send_pkt((struct pkt){});
	EXPECT(1, GUARD, 1);
	assert_int_equal(dp_events(&dp), 1);
	assert_int_equal(dp.event.type, SV_EVENT_GUARD);
	assert_int_equal(dp.event.ifindex, lab.p[1]);
	assert_int_equal(dp.event.attach, ID);
	EXPECT(1, LOST, 0);
	EXPECT(1, SENT, 0);

	/* What the guard kept in earlier does not hide what the driver refuses later. */
	row.exit[SV_EXIT_MAX - 1].ifindex = lab.p[1];
	dp_set(DP_MAP(&dp, sv_port), &id, &row);
	mtu('q', 1, 500);
	send_pkt((struct pkt){ .body = BODY_LONG });
	EXPECT(1, LOST, 1);
	EXPECT(1, GUARD, 1);
	mtu('q', 1, 1500);
	plan(SV_ATTACH_XDP | SV_ATTACH_META, true, push);
	send_pkt((struct pkt){});
	EXPECT(1, SENT, 1);
	EXPECT(1, GUARD, 0);

	/* Refused by the driver: longer than its other end takes. */
	plan(SV_ATTACH_XDP | SV_ATTACH_SINGLE, false, no_exit);
	mtu('q', 1, 500);
	send_pkt((struct pkt){ .body = BODY_LONG });
	EXPECT(1, LOST, 1);
	EXPECT(1, SENT, 0);

	/* Refused before the driver: longer than the device takes. */
	plan(SV_ATTACH_XDP | SV_ATTACH_SINGLE, false, no_exit);
	mtu('p', 1, 500);
	send_pkt((struct pkt){ .body = BODY_LONG });
	EXPECT(0, REDIRECT_ERR, 1);
	EXPECT(1, LOST, 0);
	lab_mtu(1, 1500);

	/* A program, not ours, gives up. */
	plan(SV_ATTACH_XDP, false, no_exit);
	xdp_on(lab.p[0], aborts);
	send_pkt((struct pkt){});
	EXPECT(0, EXCEPTION, 1);
	close(aborts);
}

static void test_devices(void **state)
{
	struct bpf_link *links[4];

	(void)state;
	trace_all(dp.trace, links);
	check_devices();
	trace_none(links);
}

/* Interface numbers repeat in other namespaces, whose events are not ours. */
static void test_other_namespace(void **state)
{
	struct sv_trace *other = sv_trace__open();
	struct bpf_link *links[4];

	(void)state;
	other->rodata->sv_netns_inum = dp.trace->rodata->sv_netns_inum + 1;
	dp_share(other->obj, dp.devmap->obj);
	assert_int_equal(sv_trace__load(other), 0);
	trace_all(other, links);
	xdp_on(lab.p[0], bpf_program__fd(dp.xdp->progs.sv_xdp_trunk));
	plan(SV_ATTACH_XDP, false, no_exit);
	send_pkt((struct pkt){});
	assert_true(lab_next(&lab, &(struct lab_frame){}, 500));
	EXPECT(1, SENT, 0);
	trace_none(links);
	sv_trace__destroy(other);
}

/* A device without a row in sv_dcount is somebody else's. */
static void test_device_without_row(void **state)
{
	struct sv_dcount none = {};
	struct bpf_link *links[4];

	(void)state;
	trace_all(dp.trace, links);
	xdp_on(lab.p[0], bpf_program__fd(dp.xdp->progs.sv_xdp_trunk));
	plan(SV_ATTACH_XDP, false, no_exit);
	bpf_map_delete_elem(DP_MAP(&dp, sv_dcount), &lab.p[1]);
	send_pkt((struct pkt){});
	assert_true(lab_next(&lab, &(struct lab_frame){}, 500));
	none = dp_dcount(&dp, lab.p[1]);
	assert_int_equal(none.r[SV_DEV_SENT], 0);
	trace_none(links);
}

/* ---- events ---- */

static void test_events_lost(void **state)
{
	enum { RUNS = 20000 };
	struct pkt pkt = {};
	struct __sk_buff ctx = { .ifindex = lab.p[0] };
	uint8_t bytes[128];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = RUNS);
	__u64 lost;
	uint32_t zero = 0;

	(void)state;
	plan(0, true, no_exit);
	opts.data_size_in = frame_build(bytes, &pkt);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(dp.tc->progs.sv_tc_trunk), &opts),
			 0);
	assert_int_equal(opts.retval, TC_ACT_SHOT);
	dp_sum(DP_MAP(&dp, sv_event_lost), &zero, &lost, sizeof(lost));
	assert_true(lost > 0);
	assert_int_equal(dp_events(&dp) + lost, RUNS);
	EXPECT(1, GUARD, RUNS);
}

/* A GSO frame counts as what it will be. */
static void test_gso(void **state)
{
	struct pkt pkt = { .body = BODY_LONG };
	struct __sk_buff ctx = { .ifindex = lab.p[0], .gso_segs = 3, .gso_size = 466 };
	uint8_t bytes[2048];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	struct sv_count c;

	(void)state;
	plan(0, false, no_exit);
	opts.data_size_in = frame_build(bytes, &pkt);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(dp.tc->progs.sv_tc_trunk), &opts),
			 0);
	assert_int_equal(opts.retval, TC_ACT_REDIRECT);
	c = dp_count(&dp, ID);
	assert_int_equal(c.r[SV_REASON_RECEIVED].packets, 3);
	assert_int_equal(c.r[SV_REASON_FORWARDED].packets, 3);
	assert_int_equal(c.r[SV_REASON_FORWARDED].bytes, opts.data_size_in);
}

static int group_setup(void **state)
{
	(void)state;
	lab_open(&lab);
	dp_open(&dp);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	dp_close(&dp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata),	cmocka_unit_test(test_devices),
		cmocka_unit_test(test_other_namespace), cmocka_unit_test(test_device_without_row),
		cmocka_unit_test(test_events_lost),	cmocka_unit_test(test_gso),
	};

	return cmocka_run_group_tests_name("devices", tests, group_setup, group_teardown);
}
