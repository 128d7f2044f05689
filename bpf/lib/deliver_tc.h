/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_DELIVER_TC_H
#define SV_BPF_DELIVER_TC_H

#include <linux/pkt_cls.h>

#include "guard_tc.h"
#include "hook_tc.h"
#include "pick.h"

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
	__u32 refused; /* those whose destination did not */
	/* what it came to */
	__u32 verdict;
	__u32 sent; /* a primary got it */
	__u32 failed; /* why one did not */
	__u32 shadows, shed; /* copies handed to shadows, or refused */
	__u32 broken; /* carries a tag that could not be taken out again */
	__u32 cut; /* is no longer whole: only sessions may have it */
	__u32 gone; /* handed on itself, since there was no memory for a clone */
};

#define SV_ENODEV 19
#define SV_ENOMEM 12
#define SV_EINVAL 22

static __always_inline __u32 sv_tc_reason(int rc)
{
	return rc == -SV_EINVAL || rc == -SV_ENODEV ? SV_REASON_NO_DEST : SV_REASON_TX_FAIL;
}

/* Keeps what a copy shall have, a tag beside it included; the frame is needed by nobody else any
 * more, and sessions come in the order of falling lengths. 0, or it cannot be. */
static __always_inline int sv_tc_trim(struct __sk_buff *skb, __u32 keep, struct sv_tc_walk *k)
{
	__u32 len = keep - (skb->vlan_present ? SV_TAG_LEN : 0);

	if (skb->len <= len)
		return 0;
	if (k->keep || len > keep || bpf_skb_change_tail(skb, len, 0))
		return -1;
	k->cut = 1;
	return 0;
}

/* As the last: the frame itself goes. 0, or why not. */
static __always_inline __u32 sv_tc_hand_on(const struct sv_dest *d, struct sv_tc_walk *k)
{
	k->verdict = bpf_redirect(d->ifindex, 0);
	return k->verdict == TC_ACT_REDIRECT ? 0 : SV_REASON_TX_FAIL;
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
	if (how & SV_TC_SNAP && (d->kind != SV_DEST_SESSION || sv_tc_trim(skb, how & 0xffff, k)))
		return SV_REASON_TX_FAIL;
	if (how & SV_TC_PUSH &&
	    bpf_skb_vlan_push(skb, bpf_htons(SV_ETH_8021Q), sv_tci(how, k->pcp_dei)))
		return SV_REASON_TAG_FAIL;
	if (last && !k->keep)
		return sv_tc_hand_on(d, k);
	rc = bpf_clone_redirect(skb, d->ifindex, 0);
	/* No memory for a clone: production gets the frame, and copies are shed. */
	if (rc == -SV_ENOMEM && d->kind == SV_DEST_PRIMARY) {
		k->gone = 1;
		return sv_tc_hand_on(d, k);
	}
	if (how & SV_TC_PUSH && bpf_skb_vlan_pop(skb))
		k->broken = 1;
	return rc ? sv_tc_reason(rc) : 0;
}

__noinline int sv_tc_step(struct __sk_buff *skb, const struct sv_dest *d, struct sv_tc_walk *k,
			  int last)
{
	__u32 why, bit;

	if (!d || !k)
		return 0;
	if (d->kind != SV_DEST_SESSION && k->keep)
		return 0;
	bit = d->bit & (SV_SESSION_BITS - 1);
	why = k->gone || (k->cut && d->kind != SV_DEST_SESSION) ? SV_REASON_TX_FAIL
								: sv_tc_send(skb, d, last, k);
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
		k->refused |= (__u32) !!why << bit;
	}
	return 0;
}

/* All destinations in turn: production first. */
static __always_inline void sv_tc_walk(struct __sk_buff *skb, const struct sv_dests *dests,
				       struct sv_tc_walk *k)
{
	for (__u32 i = 0; i < SV_DEST_MAX; i++) {
		if (i >= dests->n)
			break;
		sv_tc_step(skb, &dests->dest[i], k, i + 1 >= dests->n);
	}
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

/* How the filters and taps see the frame: a tag beside it that is not the VNet's own is in it. */
static __always_inline struct sv_view sv_tc_view(struct __sk_buff *skb, const struct sv_pass *p)
{
	__u32 put = 0;

	if (skb->vlan_present && !p->f.vlan)
		put = (__u32)bpf_ntohs(skb->vlan_proto) << 16 | (skb->vlan_tci & 0xffff);
	return (struct sv_view){ .put = put, .len = skb->len + (put ? SV_TAG_LEN : 0) };
}

/* Which sessions get a copy; rings have their records afterwards. */
static __always_inline void sv_tc_pick(struct __sk_buff *skb, const struct sv_pass *p,
				       __u32 matched, struct sv_offer *o)
{
	struct sv_view view = sv_tc_view(skb, p);

	sv_offer_begin(o, p, &view, matched);
	if (matched)
		sv_pick_run(skb, p->a, o);
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

/* What delivery keeps on its way. */
struct sv_tc_job {
	struct sv_offer o;
	struct sv_tc_walk k;
};

/* Only the sessions, and the frame is as before afterwards. */
static __always_inline void sv_tc_copy(struct __sk_buff *skb, const struct sv_pass *p,
				       struct sv_tc_job *job)
{
	__u32 mask = sv_offer_mask(&job->o);
	const struct sv_dests *dests;

	dests = mask ? sv_tc_dests(p, mask) : 0;
	sv_tc_begin(&job->k, p, mask, 1);
	if (dests && sv_tc_pops(p) && bpf_skb_vlan_pop(skb)) {
		job->k.left = 0;
		job->k.refused = mask;
	} else if (dests) {
		sv_tc_walk(skb, dests, &job->k);
		if (sv_tc_pops(p))
			bpf_skb_vlan_push(skb, bpf_htons(SV_ETH_8021Q), p->f.tci);
	}
	sv_pick_settle(p->a, &job->o, job->k.left, SV_SCOUNT_SHED_NO_FANOUT, job->k.refused);
}

static __always_inline void sv_tc_times(const struct sv_pass *p, enum sv_reason reason, __u32 n)
{
	struct sv_weight w = { .packets = p->w.packets * n, .bytes = p->w.bytes * n };

	if (n)
		sv_count_add(&p->row->r[reason], &w);
}

static __always_inline int sv_deliver_tc(struct __sk_buff *skb, const struct sv_pass *p,
					 struct sv_tc_job *job)
{
	int live = p->a->flags & SV_ATTACH_LIVE;
	int closed = p->way.reason && !live && !p->way.muted;
	__u32 none = p->way.reason ? p->way.reason : SV_REASON_NO_FANOUT;
	__u32 mask = sv_offer_mask(&job->o);
	const struct sv_dests *dests = 0;

	if (!closed || mask)
		dests = sv_tc_dests(p, mask);
	if (!dests && mask && !closed)
		dests = sv_tc_dests(p, 0);
	if (!dests) {
		sv_pick_settle(p->a, &job->o, mask, SV_SCOUNT_SHED_NO_FANOUT, 0);
		return sv_tc_drop(p, none);
	}
	if (sv_tc_pops(p) && bpf_skb_vlan_pop(skb)) {
		sv_pick_settle(p->a, &job->o, 0, 0, mask);
		return sv_tc_drop(p, SV_REASON_TAG_FAIL);
	}
	sv_pass_note(p, skb->ifindex);
	sv_tc_begin(&job->k, p, mask, 0);
	sv_tc_walk(skb, dests, &job->k);
	if (mask)
		sv_pick_settle(p->a, &job->o, job->k.left, SV_SCOUNT_SHED_NO_FANOUT,
			       job->k.refused);
	sv_tc_times(p, SV_REASON_SHADOW_COPY, job->k.shadows);
	sv_tc_times(p, SV_REASON_SHADOW_SHED, job->k.shed);
	if (job->k.sent) {
		sv_pass_count(p, SV_REASON_FORWARDED);
		if (p->way.muted)
			sv_pass_count(p, SV_REASON_MUTED);
	} else {
		sv_tc_drop(p, job->k.failed ? job->k.failed : none);
	}
	return job->k.verdict == TC_ACT_REDIRECT ? TC_ACT_REDIRECT : TC_ACT_SHOT;
}

#endif
