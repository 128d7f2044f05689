/* SPDX-License-Identifier: GPL-2.0-only */
/* What happens to XDP frames after the last program: per device, from the kernel's own
 * tracepoints. */
#include "lib/count.h"
#include "lib/netdev.h"

#include <bpf/bpf_core_read.h>

/* The row of a device of ours, or NULL. */
static __always_inline struct sv_dcount *sv_trace_row(__u64 arg)
{
	struct net_device *dev = (void *)arg;
	__u32 ifindex;

	if (!dev)
		return 0;
	if (sv_netns_inum && BPF_CORE_READ(dev, nd_net.net, ns.inum) != sv_netns_inum)
		return 0;
	ifindex = BPF_CORE_READ(dev, ifindex);
	return bpf_map_lookup_elem(&sv_dcount, &ifindex);
}

static __always_inline int sv_trace_count(__u64 dev, enum sv_dev_reason reason)
{
	struct sv_dcount *row = sv_trace_row(dev);

	if (row)
		row->r[reason]++;
	return 0;
}

/*
 * from_dev, to_dev, sent, drops, err: one bulk of a device. The one tracepoint that every frame
 * pays for, so it is typed: the verifier knows the devices and reads them without a call.
 */
SEC("tp_btf/xdp_devmap_xmit")
int sv_trace_xmit(__u64 *ctx)
{
	struct net_device *dev = (void *)ctx[1];
	__u64 drops = (__u32)ctx[3];
	struct sv_dcount *row;
	__u32 ifindex;

	if (sv_netns_inum && dev->nd_net.net->ns.inum != sv_netns_inum)
		return 0;
	ifindex = dev->ifindex;
	row = bpf_map_lookup_elem(&sv_dcount, &ifindex);
	if (!row)
		return 0;
	row->r[SV_DEV_SENT] += (__u32)ctx[2];
	row->r[SV_DEV_LOST] += drops > row->guarded ? drops - row->guarded : 0;
	row->guarded = 0;
	return 0;
}

/* dev, prog, … */
SEC("raw_tp/xdp_redirect_err")
int sv_trace_redirect_err(struct bpf_raw_tracepoint_args *ctx)
{
	return sv_trace_count(ctx->args[0], SV_DEV_REDIRECT_ERR);
}

/* Not on every kernel. */
SEC("raw_tp/xdp_redirect_map_err")
int sv_trace_redirect_map_err(struct bpf_raw_tracepoint_args *ctx)
{
	return sv_trace_count(ctx->args[0], SV_DEV_REDIRECT_ERR);
}

/* dev, prog, act */
SEC("raw_tp/xdp_exception")
int sv_trace_exception(struct bpf_raw_tracepoint_args *ctx)
{
	return sv_trace_count(ctx->args[0], SV_DEV_EXCEPTION);
}

char _license[] SEC("license") = "GPL";
