/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's receive polls tell of a CPU: maps/cpu.h. An object of its own, since a kernel
 * that does not take it forwards all the same. */
#include "lib/netdev.h"
#include "lib/shed.h"

struct napi_struct {
	struct net_device *dev;
} __attribute__((preserve_access_index));

/* The device's number if it is a port of ours that production comes in by; 0: the CPU's backlog,
 * which has none; or -1: not to be looked at, like what copies go through on their way to a
 * collector. */
static __always_inline long sv_poll_dev(struct napi_struct *napi)
{
	struct net_device *dev = napi->dev;
	const struct sv_dcount *row;
	__u32 ifindex;

	if (!dev)
		return 0;
	if (sv_netns_inum && dev->nd_net.net->ns.inum != sv_netns_inum)
		return -1;
	ifindex = dev->ifindex;
	row = bpf_map_lookup_elem(&sv_dcount, &ifindex);
	return row && row->role != SV_ROLE_EXPORT ? (long)ifindex : -1;
}

static __always_inline void sv_poll_look(struct sv_cpu *cpu, struct napi_struct *napi, int full)
{
	long dev = sv_poll_dev(napi);

	if (dev < 0)
		return;
	sv_busy_poll(cpu, dev, full);
	if (sv_busy_is_behind(cpu) && sv_shed_share() < SV_SHARE_ALL)
		sv_busy_begin(cpu, bpf_ktime_get_ns(), bpf_jiffies64());
}

/* napi, work, budget: a poll has ended. */
SEC("tp_btf/napi_poll")
int sv_poll_done(__u64 *ctx)
{
	struct napi_struct *napi = (void *)ctx[0];
	int full = sv_busy_is_full((int)ctx[1], (int)ctx[2]);
	struct sv_cpu *cpu = sv_shed_cpu();

	if (!cpu)
		return 0;
	cpu->polls += cpu->polls == ~0u ? 2 : 1;
	if (full || cpu->full || cpu->full_backlog)
		sv_poll_look(cpu, napi, full);
	if (cpu->until_ns)
		sv_shed_pay(cpu);
	return 0;
}

char _license[] SEC("license") = "GPL";
