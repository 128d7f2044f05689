/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_DELIVER_XDP_H
#define SV_BPF_DELIVER_XDP_H

#include "hook_xdp.h"
#include "pick.h"

/* Takes the VNet's tag out: the addresses move up by four bytes. 0 or -errno. */
static __always_inline int sv_xdp_pop(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u64 first;
	__u32 rest;

	if (data + SV_ETH_LEN + SV_TAG_LEN > end)
		return -1;
	first = *(__u64 *)(data);
	rest = *(__u32 *)(data + 8);
	*(__u64 *)(data + SV_TAG_LEN) = first;
	*(__u32 *)(data + SV_TAG_LEN + 8) = rest;
	return bpf_xdp_adjust_head(ctx, SV_TAG_LEN);
}

/* Makes the metadata exactly a struct sv_meta, whatever was there. 0 or -errno. */
static __always_inline int sv_xdp_meta(struct xdp_md *ctx, __u32 attach, __u8 flags, __u8 pcp_dei)
{
	long have = (long)ctx->data - (long)ctx->data_meta;
	struct sv_meta *meta;

	if (bpf_xdp_adjust_meta(ctx, (int)have - (int)sizeof(*meta)))
		return -1;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return -1;
	meta->attach = attach;
	meta->magic = SV_META_MAGIC;
	meta->flags = flags;
	meta->pcp_dei = pcp_dei;
	return 0;
}

/* LIVE: how many shadows share the frame; returns whether anyone else does. */
static __always_inline int sv_xdp_count_shadows(const struct sv_pass *p, __u32 index)
{
	struct sv_dests *dests = bpf_map_lookup_elem(&sv_dest, &index);
	int primary = 0;

	if (!dests)
		return 0;
	/* Nobody but the first and sessions: the walk would find nothing else. */
	if (p->a->flags & SV_ATTACH_SINGLE && dests->n && dests->dest[0].kind == SV_DEST_PRIMARY)
		return 1;
	for (__u32 i = 0; i < SV_DEST_MAX; i++) {
		if (i >= dests->n)
			break;
		if (dests->dest[i].kind == SV_DEST_SHADOW)
			sv_pass_count(p, SV_REASON_SHADOW_COPY);
		else if (dests->dest[i].kind == SV_DEST_PRIMARY)
			primary = 1;
	}
	return primary;
}

static __always_inline int sv_xdp_drop(const struct sv_pass *p, __u32 reason)
{
	if (reason < SV_REASON__COUNT)
		sv_pass_count(p, reason);
	return XDP_DROP;
}

/* Brings the frame into the shape that the fan-out's devices expect. 0, or it cannot be. */
static __always_inline int sv_xdp_shape(struct xdp_md *ctx, const struct sv_pass *p)
{
	__u16 flags = p->a->flags;
	int popped = flags & SV_ATTACH_POP && p->f.vlan;

	if (popped && sv_xdp_pop(ctx))
		return -1;
	if (!(flags & SV_ATTACH_META))
		return 0;
	return sv_xdp_meta(ctx, p->a->id, sv_pass_meta(p), popped ? sv_pcp_dei(p->f.tci) : 0);
}

/* How the filters and taps see the frame. */
static __always_inline struct sv_view sv_xdp_view(const struct sv_pass *p)
{
	__u32 cut = p->f.vlan ? SV_TAG_LEN : 0;

	return (struct sv_view){ .cut = cut, .len = p->w.bytes - cut };
}

/*
 * Production and all copies at once: the fan-out of (attachment, member, variant, mask). `matched`:
 * the sessions that want the frame, by mask bit; rings have their records before it goes.
 */
static __always_inline int sv_deliver_xdp(struct xdp_md *ctx, const struct sv_pass *p,
					  __u32 matched)
{
	struct sv_attach *a = p->a;
	__u32 mask = 0, wants = 0, index,
	      none = p->way.reason ? p->way.reason : SV_REASON_NO_FANOUT;
	int live = a->flags & SV_ATTACH_LIVE;
	int closed = p->way.reason && !live && !p->way.muted;
	int primary = !closed, rc;
	struct sv_offer o;
	void *to = 0;

	if (unlikely(matched)) {
		struct sv_view view = sv_xdp_view(p);

		sv_offer_begin(&o, p, &view, matched);
		sv_pick_run(ctx, a, &o);
		mask = wants = sv_offer_mask(&o);
	}
	index = sv_attach_fanout(a, p->way.member, p->way.variant, mask);
	if (likely(!closed || mask))
		to = bpf_map_lookup_elem(&sv_fanout, &index);
	if (unlikely(!to && mask)) {
		mask = 0;
		index = sv_attach_fanout(a, p->way.member, p->way.variant, 0);
		if (!closed)
			to = bpf_map_lookup_elem(&sv_fanout, &index);
	}
	if (unlikely(!to)) {
		if (wants)
			sv_pick_settle(a, &o, wants, SV_SCOUNT_SHED_NO_FANOUT, 0);
		return sv_xdp_drop(p, none);
	}
	if (unlikely(sv_xdp_shape(ctx, p))) {
		if (wants)
			sv_pick_settle(a, &o, 0, 0, wants);
		return sv_xdp_drop(p, SV_REASON_TAG_FAIL);
	}
	if (likely(a->flags & SV_ATTACH_SINGLE && !mask))
		rc = bpf_redirect_map(to, 0, XDP_DROP);
	else
		rc = bpf_redirect_map(to, 0, BPF_F_BROADCAST);
	if (unlikely(wants))
		sv_pick_settle(a, &o, wants ^ mask, SV_SCOUNT_SHED_NO_FANOUT, 0);
	if (unlikely(rc != XDP_REDIRECT))
		return sv_xdp_drop(p, SV_REASON_NO_DEST);

	sv_pass_note(p, ctx->ingress_ifindex);
	if (live)
		primary = sv_xdp_count_shadows(p, index);
	if (likely(primary))
		sv_pass_count(p, SV_REASON_FORWARDED);
	else
		sv_xdp_drop(p, none);
	if (unlikely(p->way.muted))
		sv_pass_count(p, SV_REASON_MUTED);
	return rc;
}

#endif
