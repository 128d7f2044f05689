// SPDX-License-Identifier: GPL-2.0-only
/* The kernel tells us of its receive polls: which make a CPU busy, and when it is so no longer. */
#include "dp.h"
#include "frames.h"

#include "bpf/poll.skel.h"

static struct lab lab;
static struct dp dp;
static struct sv_poll *poll_obj;

/* Sends all that it is given into q0, so that it arrives at p0. */
static int sender(void)
{
	struct bpf_insn code[] = {
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, lab.q[0]),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 0),
		DP_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect),
		DP_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "lab_sender", "GPL", code, 4, NULL);
}

/* n frames in batches, which a poll takes 64 at a time of. */
static void flood(int prog, uint32_t n, uint32_t batch)
{
	uint8_t bytes[LAB_FRAME];
	struct pkt pkt = {};
	uint32_t len = frame_build(bytes, &pkt);
	struct xdp_md ctx = { .data_end = len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = n, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = batch);

	assert_int_equal(bpf_prog_test_run_opts(prog, &opts), 0);
	usleep(20000);
}

/* Of the first CPU, which we run on. */
static struct sv_cpu look(void)
{
	struct sv_cpu *cpu = calloc(libbpf_num_possible_cpus(), sizeof(*cpu)), first;
	uint32_t zero = 0;

	lab_must(!bpf_map_lookup_elem(DP_TABLE(&dp, sv_cpu), &zero, cpu), "sv_cpu");
	first = cpu[0];
	free(cpu);
	return first;
}

/* p0 has this role; SV_ROLE_NONE: it is not ours. */
static void start(uint32_t share, int role)
{
	int cpus = libbpf_num_possible_cpus();
	struct sv_dcount *rows = calloc(cpus, sizeof(*rows));
	uint32_t zero = 0;

	dp_zero(DP_TABLE(&dp, sv_cpu), &zero, sizeof(struct sv_cpu));
	dp_set(DP_TABLE(&dp, sv_share), &zero, &share);
	bpf_map_delete_elem(DP_MAP(&dp, sv_dcount), &lab.p[0]);
	for (int i = 0; i < cpus; i++)
		rows[i].role = role;
	if (role)
		dp_set(DP_MAP(&dp, sv_dcount), &lab.p[0], rows);
	free(rows);
}

/* The CPU's backlog is everybody's, and others may fill it meanwhile: nobody did, in one try of
 * many.
 */
static void expect_idle(int prog, uint32_t share, int role, uint32_t batch)
{
	struct sv_cpu seen = {};

	for (int i = 0; i < 50; i++) {
		start(share, role);
		flood(prog, 8 * batch, batch);
		seen = look();
		assert_true(seen.polls);
		if (!seen.times)
			return;
	}
	fail_msg("busy %u times", seen.times);
}

static void test_polls(void **state)
{
	int prog = sender();

	(void)state;
	assert_true(prog >= 0);
	expect_idle(prog, SV_SHARE_DEFAULT, SV_ROLE_EDGE, 1);
	start(SV_SHARE_DEFAULT, SV_ROLE_EDGE);
	flood(prog, 16 * 192, 192);
	assert_true(look().times);
	expect_idle(prog, SV_SHARE_DEFAULT, SV_ROLE_NONE, 192);
	expect_idle(prog, SV_SHARE_DEFAULT, SV_ROLE_EXPORT, 192);
	expect_idle(prog, SV_SHARE_ALL, SV_ROLE_EDGE, 192);
	close(prog);
}

/* It ends with the first poll after its time. */
static void test_busy_ends(void **state)
{
	int prog = sender();
	bool ended = false;

	(void)state;
	for (int i = 0; i < 10 && !ended; i++) {
		start(SV_SHARE_DEFAULT, SV_ROLE_EDGE);
		flood(prog, 16 * 192, 192);
		assert_true(look().times);
		usleep(SV_CPU_BUSY_NS / 1000);
		flood(prog, 1, 1);
		ended = !look().until_ns;
	}
	assert_true(ended);
	close(prog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_polls),
		cmocka_unit_test(test_busy_ends),
	};
	struct bpf_link *link;
	cpu_set_t one;
	int failed;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	lab_must(!sched_setaffinity(0, sizeof(one), &one), "one CPU");
	lab_open(&lab);
	dp_open(&dp);
	poll_obj = sv_poll__open();
	lab_must(poll_obj, "poll.bpf.o");
	poll_obj->rodata->sv_netns_inum = dp.trace->rodata->sv_netns_inum;
	dp_share(poll_obj->obj, dp.xdp->obj);
	lab_must(!sv_poll__load(poll_obj), "poll.bpf.o");
	link = bpf_program__attach(poll_obj->progs.sv_poll_done);
	lab_must(link, "the tracepoint napi_poll");
	lab_must(!bpf_xdp_attach(lab.p[0], lab.pass, XDP_FLAGS_DRV_MODE, NULL), "XDP on p0");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	bpf_link__destroy(link);
	sv_poll__destroy(poll_obj);
	dp_close(&dp);
	return failed;
}
