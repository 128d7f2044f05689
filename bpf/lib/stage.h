/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_STAGE_H
#define SV_BPF_STAGE_H

#include "classify.h"

#include "maps/filter.bpf.h"

/*
 * What goes from an entry by way of the filter's program to the delivery stage: the data plane's
 * part of sv_scratch. The attachment goes by value, so that both ends see the same one whatever the
 * loader does in between.
 */
struct sv_stage {
	struct sv_attach a;
	struct sv_frame f;
	struct sv_weight w;
	struct sv_way way;
	__u32 question; /* TC: of a neighbour, which the proxy answers */
};
_Static_assert(sizeof(struct sv_stage) <= sizeof(((struct sv_scratch *)0)->state), "the stage");

/* Leaves the frame's state for the filter and the delivery stage: nothing matches yet. */
static __always_inline void sv_stage_leave(const struct sv_pass *p, const struct sv_view *view,
					   __u32 question)
{
	__u32 zero = 0;
	struct sv_scratch *scratch = bpf_map_lookup_elem(&sv_scratch, &zero);
	struct sv_stage *stage;

	if (!scratch)
		return;
	scratch->view = *view;
	stage = (struct sv_stage *)scratch->state;
	stage->a = *p->a;
	stage->f = p->f;
	stage->w = p->w;
	stage->way = p->way;
	stage->question = question;
}

/*
 * Takes it out again, before anything is transmitted: the attachment into *a, the rest into *p as
 * it was in the entry, and who matches into *matched. Returns the question, or -1: there is
 * nothing.
 */
static __always_inline int sv_stage_take(struct sv_attach *a, struct sv_pass *p, __u32 *matched)
{
	__u32 zero = 0;
	const struct sv_scratch *scratch = bpf_map_lookup_elem(&sv_scratch, &zero);
	const struct sv_stage *stage;

	if (!scratch)
		return -1;
	stage = (const struct sv_stage *)scratch->state;
	*matched = scratch->view.matched;
	*a = stage->a;
	p->a = a;
	p->f = stage->f;
	p->w = stage->w;
	p->way = stage->way;
	p->row = sv_count_row(a->id);
	return p->row ? (int)(stage->question & 1) : -1;
}

#endif
