/* SPDX-License-Identifier: GPL-2.0-only */
/* XDP ingress of every port. */
#include "lib/deliver_xdp.h"
#include "lib/stage.h"

/* Rare frames, out of the way of the others; the verifier checks these functions by themselves. */
__noinline int sv_xdp_learn(struct xdp_md *ctx, __u32 l3, __u32 proto, __u32 edge)
{
	return sv_proxy_learn((void *)(long)ctx->data, (void *)(long)ctx->data_end, l3, proto,
			      edge);
}

/* Does the proxy know what the frame asks for? */
__noinline int sv_xdp_asks(struct xdp_md *ctx, __u32 l3, __u32 proto, __u32 edge)
{
	return !!sv_proxy_find((void *)(long)ctx->data, (void *)(long)ctx->data_end, l3, proto,
			       edge);
}

__noinline int sv_xdp_answer(struct xdp_md *ctx, __u32 l3, __u32 proto, __u32 edge)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	const struct sv_neigh *to = sv_proxy_find(data, end, l3, proto, edge);

	return to && !sv_neigh_answer(data, end, l3, proto, to->mac);
}

/*
 * The gate is closed: perhaps it is a question that the proxy can answer. With sessions on the
 * attachment TC does it, which can copy the question before it turns it. XDP_ABORTED: no.
 */
static __always_inline int sv_xdp_proxy(struct xdp_md *ctx, const struct sv_pass *p, int role)
{
	int rc;

	if (p->a->sessions)
		return sv_xdp_asks(ctx, p->f.l3, p->f.proto, p->a->edge) ? XDP_PASS : XDP_ABORTED;
	if (!sv_xdp_answer(ctx, p->f.l3, p->f.proto, p->a->edge))
		return XDP_ABORTED;
	sv_pass_count(p, SV_REASON_RECEIVED);
	if (role != SV_ROLE_VNODE && sv_xdp_meta(ctx, p->a->id, SV_META_REPLY, 0))
		return sv_xdp_drop(p, SV_REASON_TAG_FAIL);
	rc = bpf_redirect_map(&sv_self, ctx->ingress_ifindex, XDP_DROP);
	sv_xdp_drop(p, rc == XDP_REDIRECT ? SV_REASON_PROXIED : SV_REASON_NO_DEST);
	return rc;
}

/* By way of the attachment's filter to sv_xdp_deliver; it comes back when there is no filter. */
static __always_inline void sv_xdp_filter(struct xdp_md *ctx, const struct sv_pass *p)
{
	struct sv_view view = sv_xdp_view(p);

	sv_stage_leave(p, &view, 0);
	bpf_tail_call(ctx, &sv_filter_xdp, p->a->filter);
	sv_pass_count(p, SV_REASON_NO_FILTER);
}

static __always_inline int sv_xdp_ingress(struct xdp_md *ctx, int role)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct sv_pass p = {};
	int truncated, rc;
	__u32 matched;

	truncated = sv_parse(data, end, role == SV_ROLE_VNODE, &p.f);
	p.a = sv_classify(ctx->ingress_ifindex, p.f.vlan);
	if (unlikely(!p.a)) {
		if (role != SV_ROLE_VNODE)
			return XDP_PASS;
		sv_classify_stray(1, bpf_xdp_get_buff_len(ctx));
		return XDP_DROP;
	}
	if (!(p.a->flags & SV_ATTACH_XDP))
		return XDP_PASS;
	p.row = sv_count_row(p.a->id);
	if (unlikely(!p.row))
		return XDP_DROP;
	p.w = (struct sv_weight){ .packets = 1, .bytes = bpf_xdp_get_buff_len(ctx) };
	if (unlikely(truncated)) {
		sv_pass_count(&p, SV_REASON_RECEIVED);
		return sv_xdp_drop(&p, SV_REASON_SHORT);
	}
	if (unlikely(p.a->flags & SV_ATTACH_LEARN && sv_neigh_may(p.f.proto)) &&
	    sv_xdp_learn(ctx, p.f.l3, p.f.proto, p.a->edge))
		sv_pass_count(&p, SV_REASON_LEARNED);
	sv_pass_choose(&p, data, end);
	if (unlikely(p.way.reason && p.a->flags & SV_ATTACH_GATED && sv_neigh_may(p.f.proto))) {
		rc = sv_xdp_proxy(ctx, &p, role);
		if (rc != XDP_ABORTED)
			return rc;
	}
	sv_pass_count(&p, SV_REASON_RECEIVED);
	if (unlikely(p.way.member == SV_SWITCH_HAIRPIN))
		return sv_xdp_drop(&p, SV_REASON_HAIRPIN);
	matched = sv_shed(p.a, &p.w) ? 0 : sv_select_all(p.a);
	if (unlikely(matched && p.a->flags & SV_ATTACH_FILTER)) {
		sv_xdp_filter(ctx, &p);
		matched = 0;
	}
	return sv_deliver_xdp(ctx, &p, matched);
}

SEC("xdp.frags")
int sv_xdp_trunk(struct xdp_md *ctx)
{
	return sv_xdp_ingress(ctx, SV_ROLE_TRUNK);
}

SEC("xdp.frags")
int sv_xdp_edge(struct xdp_md *ctx)
{
	return sv_xdp_ingress(ctx, SV_ROLE_EDGE);
}

SEC("xdp.frags")
int sv_xdp_vnode(struct xdp_md *ctx)
{
	return sv_xdp_ingress(ctx, SV_ROLE_VNODE);
}

/* The delivery stage, slot 0 of sv_filter_xdp: the filter has said which sessions want
 * the frame. */
SEC("xdp.frags")
int sv_xdp_deliver(struct xdp_md *ctx)
{
	struct sv_attach a;
	struct sv_pass p;
	__u32 matched;

	if (sv_stage_take(&a, &p, &matched) < 0)
		return XDP_DROP;
	return sv_deliver_xdp(ctx, &p, matched);
}

char _license[] SEC("license") = "GPL";
