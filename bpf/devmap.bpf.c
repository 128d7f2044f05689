/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one program of every trunk and edge in a devmap: the guard. The kernel runs one program for a
 * whole bulk of a device, so everything that differs between frames is in their metadata.
 */
#include "lib/guard_xdp.h"

SEC("xdp.frags/devmap")
int sv_egress(struct xdp_md *ctx)
{
	struct sv_meta *meta = (void *)(long)ctx->data_meta;
	__u32 ifindex = ctx->egress_ifindex, attach;
	const struct sv_port *row;
	struct sv_exit how;
	__u8 flags, pcp_dei;

	if (unlikely((void *)(meta + 1) > (void *)(long)ctx->data || meta->magic != SV_META_MAGIC))
		return sv_guard_drop(ifindex, 0);
	attach = meta->attach;
	flags = meta->flags;
	pcp_dei = meta->pcp_dei;
	if (unlikely(bpf_xdp_adjust_meta(ctx, sizeof(*meta))))
		return sv_guard_drop(ifindex, attach);
	if (unlikely(flags & SV_META_REPLY)) {
		if (ctx->ingress_ifindex == ifindex)
			return XDP_PASS;
		return sv_guard_drop(ifindex, attach);
	}
	row = bpf_map_lookup_elem(&sv_port, &attach);
	if (unlikely(!row))
		return sv_guard_drop(ifindex, attach);
	how = sv_exit_find(row, ifindex, 0);
	if (unlikely(!how.ifindex || !sv_guard_xdp_allows(ctx, how, flags)))
		return sv_guard_drop(ifindex, attach);
	if (how.flags & SV_EXIT_PUSH && unlikely(sv_guard_push(ctx, how.arg, pcp_dei)))
		return sv_guard_drop(ifindex, attach);
	if (how.flags & SV_EXIT_SNAP && unlikely(sv_guard_snap(ctx, how.arg)))
		return sv_guard_drop(ifindex, attach);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
