/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_GUARD_XDP_H
#define SV_BPF_GUARD_XDP_H

#include "guard.h"
#include "parse.h"

/* Noted in `guarded` too, because the kernel reports the frame once more as lost by the driver. */
static __noinline int sv_guard_drop(__u32 ifindex, __u32 attach)
{
	struct sv_dcount *row = bpf_map_lookup_elem(&sv_dcount, &ifindex);

	if (row)
		row->guarded++;
	sv_event_guard(ifindex, attach);
	return XDP_DROP;
}

static __always_inline int sv_guard_xdp_allows(struct xdp_md *ctx, struct sv_exit how, __u32 meta)
{
	if (unlikely(!sv_exit_opens(how, meta)))
		return 0;
	return !sv_exit_bare(how, meta) ||
	       !sv_guard_hops(ctx->egress_ifindex,
			      sv_exit_vid((void *)(long)ctx->data, (void *)(long)ctx->data_end));
}

/* Keeps the first `snap` bytes. 0 or -errno. */
static __always_inline int sv_guard_snap(struct xdp_md *ctx, __u16 snap)
{
	__u64 len = bpf_xdp_get_buff_len(ctx);

	return len > snap ? bpf_xdp_adjust_tail(ctx, (int)snap - (int)len) : 0;
}

/* Puts the VNet's tag in: the addresses move down by four bytes. 0 or -errno. */
static __always_inline int sv_guard_push(struct xdp_md *ctx, __u16 vlan, __u8 pcp_dei)
{
	struct sv_tag *tag;
	void *data, *end;
	__u64 first;
	__u32 rest;

	if (bpf_xdp_adjust_head(ctx, -SV_TAG_LEN))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	tag = data + 12;
	if (data + SV_ETH_LEN + SV_TAG_LEN > end)
		return -1;
	first = *(__u64 *)(data + SV_TAG_LEN);
	rest = *(__u32 *)(data + SV_TAG_LEN + 8);
	*(__u64 *)(data) = first;
	*(__u32 *)(data + 8) = rest;
	/* struct sv_tag is a TCI and the type behind it; in the frame 0x8100 comes before them. */
	tag->tci = bpf_htons(SV_ETH_8021Q);
	tag->proto = bpf_htons(sv_tci(vlan, pcp_dei));
	return 0;
}

#endif
