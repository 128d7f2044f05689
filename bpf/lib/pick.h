/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_PICK_H
#define SV_BPF_PICK_H

/* Which of the sessions that match get a copy. Include hook_xdp.h or hook_tc.h before. */
#include "flow.h"
#include "shed.h"
#include "spend.h"
#include "tap.h"

#include "maps/filter.bpf.h"

_Static_assert(sizeof(struct sv_flow_head) <= sizeof(((struct sv_scratch *)0)->state),
	       "a flow's head");

/*
 * The flow's number, found once a frame. The head of the view is looked at in sv_scratch, whose
 * state is no longer needed (lib/stage.h): the stack is too small.
 */
__noinline int sv_pick_flow(SV_CTX *ctx, struct sv_offer *o)
{
	__u32 zero = 0, n;
	struct sv_scratch *scratch = bpf_map_lookup_elem(&sv_scratch, &zero);
	struct sv_flow_head *head;

	if (!o || !scratch)
		return 0;
	head = (struct sv_flow_head *)scratch->state;
	*head = (struct sv_flow_head){};
	n = o->view.len < SV_FLOW_HEAD ? o->view.len : SV_FLOW_HEAD;
	if (n >= SV_ETH_LEN && !sv_view_head(ctx, &o->view, head, n, SV_FLOW_HEAD))
		o->flow = sv_flow_hash(head, n);
	o->hashed = 1;
	return 0;
}

static __always_inline int sv_pick_sampled(SV_CTX *ctx, const struct sv_session *s,
					   struct sv_offer *o)
{
	if (likely(!s->keep))
		return 1;
	if (!(s->flags & SV_SESSION_FLOWS))
		return sv_select_sampled(s, bpf_get_prandom_u32());
	if (!o->hashed)
		sv_pick_flow(ctx, o);
	return sv_select_sampled(s, o->flow);
}

/* The length that the session's device has to take; 0: a GSO frame, whose segments fit wherever it
 * came from. */
static __always_inline __u32 sv_pick_len(const struct sv_session *s, const struct sv_offer *o)
{
	__u32 len = o->view.len, cut = sv_select_len(s, len);

	if (SV_CUT_AFTER_CHECK)
		return len;
	return o->w.packets > 1 && cut == len ? 0 : cut;
}

/* Sampled, then its target can take it, then within its budget: the fate of one session's copy. */
static __always_inline __u32 sv_pick_fate(SV_CTX *ctx, const struct sv_session *s, __u32 number,
					  __u32 ring, struct sv_offer *o)
{
	__u32 fate;

	if (!sv_pick_sampled(ctx, s, o))
		return SV_SCOUNT_SHED_SAMPLE;
	if (!ring) {
		fate = sv_select_device(s, sv_pick_len(s, o));
		if (fate != SV_SCOUNT_COPIED)
			return fate;
	} else if (!s->up) {
		return SV_SCOUNT_SHED_DOWN;
	}
	if (sv_budget_has(s) && !sv_spend(s, number, o))
		return SV_SCOUNT_SHED_BUDGET;
	return ring ? sv_tap_write(ctx, s, number, o) : SV_SCOUNT_COPIED;
}

/* A session that matched, together with what became of its copy. */
static __always_inline void sv_pick_count(__u32 number, __u32 fate, const struct sv_weight *w)
{
	struct sv_scount *row = bpf_map_lookup_elem(&sv_scount, &number);

	if (!row)
		return;
	sv_count_add(&row->r[SV_SCOUNT_MATCHED], w);
	barrier_var(fate); /* the bound is learned of the register that is then used */
	if (fate < SV_SCOUNT__COUNT)
		sv_count_add(&row->r[fate], w);
}

/* All that matched; what is left to the fan-out is in o->mask, the rest is counted. The verifier
 * checks these functions once, and not for every path that leads to them. */
__noinline int sv_pick_run(SV_CTX *ctx, const struct sv_attach *a, struct sv_offer *o)
{
	__u32 copies = 0, records = 0;

	if (!a || !o)
		return 0;
	for (__u32 bit = 0; bit < SV_SESSION_BITS; bit++) {
		__u32 number = a->session[bit], ring = bit >= a->bits, fate;
		struct sv_session *s;

		if (!(o->view.matched >> bit))
			break;
		if (!(o->view.matched >> bit & 1) || !number)
			continue;
		s = bpf_map_lookup_elem(&sv_session, &number);
		if (!s)
			continue;
		fate = sv_pick_fate(ctx, s, number, ring, o);
		records += ring && fate == SV_SCOUNT_COPIED;
		copies += !ring && fate == SV_SCOUNT_COPIED;
		if (!ring && fate == SV_SCOUNT_COPIED)
			o->mask |= 1 << bit;
		else
			sv_pick_count(number, fate, &o->w);
	}
	sv_shed_charge(copies, records);
	return 0;
}

/* What the fan-out made of the mask: see sv_select_fate(). */
__noinline int sv_pick_settle(const struct sv_attach *a, const struct sv_offer *o, __u32 left,
			      __u32 lost, __u32 refused)
{
	if (!a || !o)
		return 0;
	for (__u32 bit = 0; bit < SV_SESSION_BITS; bit++) {
		if (!(o->mask >> bit))
			break;
		if (o->mask >> bit & 1)
			sv_pick_count(a->session[bit], sv_select_fate(bit, left, lost, refused),
				      &o->w);
	}
	return 0;
}

#endif
