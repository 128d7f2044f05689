/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_DELIVER_TC_H
#define SV_BPF_DELIVER_TC_H

#include <linux/pkt_cls.h>

#include "classify.h"
#include "guard_tc.h"

/*
 * The functions that are neither static nor inline are checked by the verifier once, by themselves:
 * it would not get to the end of sixteen destinations otherwise. State crosses them in this.
 */
struct sv_tc_walk {
	struct sv_weight w;
	__u32 attach; /* sv_attach.id */
	__u32 meta; /* SV_META_*, as XDP would tell the guard */
	__u32 keep; /* the frame is still needed afterwards, and only sessions get it */
	__u32 pcp_dei; /* of the tag that was popped */
	__u32 left; /* bits of the mask that no destination has taken yet */
	/* what it came to */
	__u32 verdict;
	__u32 sent; /* a primary got it */
	__u32 failed; /* why one did not */
	__u32 shadows, shed; /* copies handed to shadows, or refused */
	__u32 broken; /* carries a tag that could not be taken out again */
};

static __always_inline __u32 sv_tc_reason(int rc)
{
	return rc == -22 || rc == -19 ? SV_REASON_NO_DEST : SV_REASON_TX_FAIL;
}

/* One destination: tag in, transmit, tag out. 0, or why not. */
static __always_inline __u32 sv_tc_send(struct __sk_buff *skb, const struct sv_dest *d, int last,
					struct sv_tc_walk *k)
{
	__u32 how = 0;
	int rc;

	if (k->broken)
		return SV_REASON_TAG_FAIL;
	if (d->flags & SV_DEST_GUARDED)
		how = sv_guard_tc(skb, d->ifindex, k->attach, d->nth, k->meta);
	if (how & SV_TC_REFUSED)
		return SV_REASON_TX_FAIL;
	if (how & SV_TC_PUSH &&
	    bpf_skb_vlan_push(skb, bpf_htons(SV_ETH_8021Q), sv_tci(how, k->pcp_dei)))
		return SV_REASON_TAG_FAIL;
	if (last && !k->keep) {
		k->verdict = bpf_redirect(d->ifindex, 0);
		return k->verdict == TC_ACT_REDIRECT ? 0 : SV_REASON_TX_FAIL;
	}
	rc = bpf_clone_redirect(skb, d->ifindex, 0);
	if (how & SV_TC_PUSH && bpf_skb_vlan_pop(skb))
		k->broken = 1;
	return rc ? sv_tc_reason(rc) : 0;
}

/* A matched session together with what became of its copy. */
static __always_inline void sv_tc_count_session(const struct sv_attach *a, __u32 bit, __u32 fate,
						const struct sv_weight *w)
{
	struct sv_scount *row;
	__u32 number;

	if (bit >= SV_SESSION_BITS)
		return;
	number = a->session[bit];
	row = bpf_map_lookup_elem(&sv_scount, &number);
	if (!row)
		return;
	sv_count_add(&row->r[SV_SCOUNT_MATCHED], w);
	sv_count_at(row->r, SV_SCOUNT__COUNT, fate, w);
}

__noinline int sv_tc_step(struct __sk_buff *skb, const struct sv_attach *a, const struct sv_dest *d,
			  struct sv_tc_walk *k, int last)
{
	__u32 why, bit;

	if (!a || !d || !k || (k->keep && d->kind != SV_DEST_SESSION))
		return 0;
	bit = d->bit & (SV_SESSION_BITS - 1);
	why = sv_tc_send(skb, d, last, k);
	if (d->kind == SV_DEST_PRIMARY) {
		if (why)
			k->failed = why;
		else
			k->sent = 1;
	} else if (d->kind == SV_DEST_SHADOW) {
		k->shadows += !why;
		k->shed += !!why;
	} else if (k->left >> bit & 1) {
		k->left &= ~(1 << bit);
		sv_tc_count_session(a, bit, why ? SV_SCOUNT_SHED_TX : SV_SCOUNT_COPIED, &k->w);
	}
	return 0;
}

/* All destinations in turn: production first. */
static __always_inline void sv_tc_walk(struct __sk_buff *skb, const struct sv_attach *a,
				       const struct sv_dests *dests, struct sv_tc_walk *k)
{
	for (__u32 i = 0; i < SV_DEST_MAX; i++) {
		if (i >= dests->n)
			break;
		sv_tc_step(skb, a, &dests->dest[i], k, i + 1 >= dests->n);
	}
}

/* Sessions that got no copy: those whose target cannot take it, and the bits in `left`, for the
 * reason `lost`. */
__noinline int sv_tc_shed(const struct sv_attach *a, __u32 selection, __u32 left, __u32 lost,
			  const struct sv_weight *w)
{
	struct sv_selection sel = sv_selection_unpack(selection);

	if (!a || !w)
		return 0;
	for (__u32 bit = 0; bit < SV_SESSION_BITS; bit++) {
		if (!(sel.matched >> bit & 1) || (sel.mask >> bit & 1 && !(left >> bit & 1)))
			continue;
		sv_tc_count_session(a, bit, sv_select_fate(&sel, bit, 0, lost), w);
	}
	return 0;
}

static __always_inline int sv_tc_drop(const struct sv_pass *p, __u32 reason)
{
	if (reason < SV_REASON__COUNT)
		sv_pass_count(p, reason);
	return TC_ACT_SHOT;
}

static __always_inline const struct sv_dests *sv_tc_dests(const struct sv_pass *p, __u32 mask)
{
	__u32 index = sv_attach_fanout(p->a, p->way.member, p->way.variant, mask);
	const struct sv_dests *dests = bpf_map_lookup_elem(&sv_dest, &index);

	return dests && dests->n ? dests : 0;
}

static __always_inline __u32 sv_tc_select(const struct sv_pass *p, __u32 len)
{
	return p->a->bits ? sv_pass_select(p->a, len) : 0;
}

static __always_inline int sv_tc_pops(const struct sv_pass *p)
{
	return p->a->flags & SV_ATTACH_POP && p->f.vlan;
}

static __always_inline void sv_tc_begin(struct sv_tc_walk *k, const struct sv_pass *p, __u32 mask,
					__u32 keep)
{
	*k = (struct sv_tc_walk){
		.w = p->w,
		.attach = p->a->id,
		.meta = sv_pass_meta(p),
		.keep = keep,
		.pcp_dei = sv_tc_pops(p) ? sv_pcp_dei(p->f.tci) : 0,
		.left = mask,
		.verdict = TC_ACT_SHOT,
	};
}

/* Only the sessions, and the frame is as before afterwards. */
static __always_inline void sv_tc_copy(struct __sk_buff *skb, const struct sv_pass *p, __u32 len)
{
	__u32 sel = sv_tc_select(p, len);
	__u32 mask = sv_selection_mask(sel), lost = SV_SCOUNT_SHED_NO_FANOUT;
	const struct sv_dests *dests = mask ? sv_tc_dests(p, mask) : 0;
	struct sv_tc_walk k;

	sv_tc_begin(&k, p, mask, 1);
	if (dests && sv_tc_pops(p) && bpf_skb_vlan_pop(skb)) {
		lost = SV_SCOUNT_SHED_TX;
	} else if (dests) {
		sv_tc_walk(skb, p->a, dests, &k);
		if (sv_tc_pops(p))
			bpf_skb_vlan_push(skb, bpf_htons(SV_ETH_8021Q), p->f.tci);
	}
	sv_tc_shed(p->a, sel, k.left, lost, &p->w);
}

static __always_inline void sv_tc_times(const struct sv_pass *p, enum sv_reason reason, __u32 n)
{
	struct sv_weight w = { .packets = p->w.packets * n, .bytes = p->w.bytes * n };

	if (n)
		sv_count_add(&p->row->r[reason], &w);
}

static __always_inline int sv_deliver_tc(struct __sk_buff *skb, const struct sv_pass *p, __u32 len)
{
	int live = p->a->flags & SV_ATTACH_LIVE;
	int closed = p->way.reason && !live && !p->way.muted;
	__u32 none = p->way.reason ? p->way.reason : SV_REASON_NO_FANOUT;
	__u32 sel = sv_tc_select(p, len);
	__u32 mask = sv_selection_mask(sel);
	const struct sv_dests *dests = 0;
	struct sv_tc_walk k;

	if (!closed || mask)
		dests = sv_tc_dests(p, mask);
	if (!dests && mask && !closed)
		dests = sv_tc_dests(p, 0);
	if (!dests) {
		sv_tc_shed(p->a, sel, mask, SV_SCOUNT_SHED_NO_FANOUT, &p->w);
		return sv_tc_drop(p, none);
	}
	if (sv_tc_pops(p) && bpf_skb_vlan_pop(skb)) {
		sv_tc_shed(p->a, sel, mask, SV_SCOUNT_SHED_TX, &p->w);
		return sv_tc_drop(p, SV_REASON_TAG_FAIL);
	}
	sv_pass_note(p, skb->ifindex);
	sv_tc_begin(&k, p, mask, 0);
	sv_tc_walk(skb, p->a, dests, &k);
	if (sel)
		sv_tc_shed(p->a, sel, k.left, SV_SCOUNT_SHED_NO_FANOUT, &p->w);
	sv_tc_times(p, SV_REASON_SHADOW_COPY, k.shadows);
	sv_tc_times(p, SV_REASON_SHADOW_SHED, k.shed);
	if (k.sent) {
		sv_pass_count(p, SV_REASON_FORWARDED);
		if (p->way.muted)
			sv_pass_count(p, SV_REASON_MUTED);
	} else {
		sv_tc_drop(p, k.failed ? k.failed : none);
	}
	return k.verdict == TC_ACT_REDIRECT ? TC_ACT_REDIRECT : TC_ACT_SHOT;
}

#endif
