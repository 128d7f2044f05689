/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_SPEND_H
#define SV_BPF_SPEND_H

#include "budget.h"
#include "event.h"
#include "offer.h"

#include "maps/attach.bpf.h"

static __always_inline void sv_spend_tell(struct sv_budget *b, __u32 number, __u64 now_ns,
					  struct sv_offer *o)
{
	struct sv_event event = {
		.type = SV_EVENT_BUDGET,
		.attach = o->attach,
		.group = number,
	};
	__u64 told = *(volatile __u64 *)&b->told_ns;

	if (likely(!sv_budget_tells(told, now_ns)) ||
	    __sync_val_compare_and_swap(&b->told_ns, told, now_ns) != told)
		return;
	event.at_ns = sv_offer_now(o);
	sv_event_emit(&event);
}

#define SV_SPEND_TRIES 4 /* as many CPUs at the same instant */

/*
 * Has the session's budget room for a copy? Then it is taken. Who cannot decide says no. The clock
 * is the tick's: a frame over the budget must not cost what reading the exact one does.
 */
__noinline int sv_spend(const struct sv_session *s, __u32 number, struct sv_offer *o)
{
	struct sv_budget *b = bpf_map_lookup_elem(&sv_budget, &number);
	__u64 now_ns, cost;

	if (!s || !o || !b)
		return 0;
	now_ns = bpf_ktime_get_coarse_ns();
	cost = sv_budget_cost(s, o->w.packets, sv_select_len(s, o->view.len));
	for (int i = 0; i < SV_SPEND_TRIES; i++) {
		__u64 until = *(volatile __u64 *)&b->until_ns;
		__u64 next = sv_budget_next(until, now_ns, cost);

		if (!sv_budget_fits(s, until, now_ns))
			break;
		if (__sync_val_compare_and_swap(&b->until_ns, until, next) == until)
			return 1;
	}
	sv_spend_tell(b, number, now_ns, o);
	return 0;
}

#endif
