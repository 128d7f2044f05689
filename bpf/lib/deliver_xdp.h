/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_DELIVER_XDP_H
#define SV_BPF_DELIVER_XDP_H

#include "classify.h"

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

/* A matched session is counted together with what became of its copy: one look at its row. */
__noinline int sv_xdp_count_sessions(const struct sv_attach *a, __u32 selection, __u32 delivered,
				     __u32 lost, __u32 bytes)
{
	struct sv_selection sel = sv_selection_unpack(selection);
	struct sv_weight w = { .packets = 1, .bytes = bytes };

	if (!a)
		return 0;
	for (__u32 bit = 0; bit < SV_SESSION_BITS; bit++) {
		__u32 number = a->session[bit];
		__u32 fate;
		struct sv_scount *row;

		if (!(sel.matched >> bit))
			break;
		if (!(sel.matched >> bit & 1))
			continue;
		row = bpf_map_lookup_elem(&sv_scount, &number);
		if (!row)
			continue;
		fate = sv_select_fate(&sel, bit, delivered, lost);
		sv_count_add(&row->r[SV_SCOUNT_MATCHED], &w);
		sv_count_at(row->r, SV_SCOUNT__COUNT, fate, &w);
	}
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

/* Production and all copies at once: the fan-out of (attachment, member, variant, mask). */
static __always_inline int sv_deliver_xdp(struct xdp_md *ctx, const struct sv_pass *p)
{
	struct sv_attach *a = p->a;
	__u32 sel = 0, mask, index, none = p->way.reason ? p->way.reason : SV_REASON_NO_FANOUT;
	int live = a->flags & SV_ATTACH_LIVE;
	int closed = p->way.reason && !live && !p->way.muted;
	int primary = !closed, rc;
	void *to = 0;

	if (unlikely(a->bits))
		sel = sv_pass_select(a, p->w.bytes - (p->f.vlan ? SV_TAG_LEN : 0));
	mask = sv_selection_mask(sel);
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
		sv_xdp_count_sessions(a, sel, 0, SV_SCOUNT_SHED_NO_FANOUT, p->w.bytes);
		return sv_xdp_drop(p, none);
	}
	if (unlikely(sv_xdp_shape(ctx, p))) {
		sv_xdp_count_sessions(a, sel, 0, SV_SCOUNT_SHED_TX, p->w.bytes);
		return sv_xdp_drop(p, SV_REASON_TAG_FAIL);
	}
	if (likely(a->flags & SV_ATTACH_SINGLE && !mask))
		rc = bpf_redirect_map(to, 0, XDP_DROP);
	else
		rc = bpf_redirect_map(to, 0, BPF_F_BROADCAST);
	if (unlikely(sel))
		sv_xdp_count_sessions(a, sel, mask, SV_SCOUNT_SHED_NO_FANOUT, p->w.bytes);
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
