// SPDX-License-Identifier: GPL-2.0-only
/*
 * The open-loop sender: each frame leaves when the clock says so, whatever became of the others,
 * and carries the time at which it did. A short delay is made up for; after a stall (somebody else
 * had the CPU) the schedule is shifted, since a burst would be the sender's doing, and the stall is
 * told.
 */
#include <linux/bpf_perf_event.h>

#include "away.h"
#include "delay.h"
#include "frame.h"

#define SPINS_MAX (1 << 20)

const volatile struct gen_config config;
const volatile struct paced_config pace;

struct paced_state state;
struct gen_turn turn;

struct wait {
	__u64 until, now;
};

static int spin(__u32 i, struct wait *wait)
{
	(void)i;
	wait->now = bpf_ktime_get_ns();
	return wait->now >= wait->until;
}

/* The time at which the frame leaves. */
static __always_inline __u64 wait_turn(void)
{
	struct wait wait = { .now = bpf_ktime_get_ns() };

	if (!state.next_ns)
		state.next_ns = wait.now;
	wait.until = state.next_ns;
	if (pace.interval_ns && wait.now < wait.until)
		bpf_loop(SPINS_MAX, spin, &wait, 0);
	if (pace.interval_ns && wait.now > wait.until + pace.stall_ns) {
		state.stalls++;
		state.stalled_ns += wait.now - wait.until;
		state.next_ns = wait.now;
	}
	state.next_ns += pace.interval_ns;
	return wait.now;
}

SEC("xdp")
int paced(struct xdp_md *ctx)
{
	__u8 *data;
	__u64 now;

	if (gen_write(ctx, &config, &turn))
		return XDP_ABORTED;
	now = wait_turn();
	data = (void *)(long)ctx->data;
	if (data + GEN_LEN_MIN > (__u8 *)(long)ctx->data_end)
		return XDP_ABORTED;
	*(__u64 *)(data + DELAY_STAMP_AT) = now;
	if (!state.sent)
		state.first_ns = now;
	state.last_ns = now;
	state.sent++;
	return bpf_redirect(config.ifindex, 0);
}

/*
 * How long at a time a CPU was taken from all that runs on it: not even a timer's interrupt got
 * through. Softirqs do not keep that up, so no forwarding looks like it; a hypervisor's own account
 * (steal time) leaves out what its host took from it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct away);
} aways SEC(".maps");

SEC("perf_event")
int away(struct bpf_perf_event_data *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	struct away *a;
	__u32 zero = 0;

	(void)ctx;
	a = bpf_map_lookup_elem(&aways, &zero);
	if (!a)
		return 0;
	/* Making and unmaking the run is none of it. */
	if (state.sent && a->last_ns >= state.first_ns && a->last_ns <= state.last_ns) {
		if (now - a->last_ns > a->longest_ns)
			a->longest_ns = now - a->last_ns;
		a->ticks++;
	}
	a->last_ns = now;
	return 0;
}

char _license[] SEC("license") = "GPL";
