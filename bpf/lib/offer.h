/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_OFFER_H
#define SV_BPF_OFFER_H

#include "classify.h"
#include "select.h"

#include "maps/filter.h"

/* One frame as it is offered to the sessions of its attachment. */
struct sv_offer {
	struct sv_view view; /* with who matches in it */
	struct sv_weight w;
	__u64 now_ns; /* CLOCK_BOOTTIME; 0: not read yet */
	__u32 attach; /* sv_attach.id */
	__u32 flow; /* its number, once `hashed` */
	__u32 hashed;
	__u32 verdict; /* enum sv_tap_verdict */
	__u32 mask; /* out: the sessions whose copies a fan-out makes */
};

/* Nobody has answered yet. */
static __always_inline void sv_offer_begin(struct sv_offer *o, const struct sv_pass *p,
					   const struct sv_view *view, __u32 matched)
{
	*o = (struct sv_offer){ .view = *view, .w = p->w, .attach = p->a->id };
	o->view.matched = matched & sv_select_all(p->a);
	o->verdict = sv_select_verdict(p->a, &p->way);
}

/* Read only when something wants it, and once a frame. */
static __always_inline __u64 sv_offer_now(struct sv_offer *o)
{
	if (!o->now_ns)
		o->now_ns = bpf_ktime_get_boot_ns();
	return o->now_ns;
}

static __always_inline __u32 sv_offer_mask(const struct sv_offer *o)
{
	return o->mask & ((1 << SV_SESSION_BITS) - 1);
}

#endif
