/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_CLASSIFY_H
#define SV_BPF_CLASSIFY_H

#include "live.h"
#include "parse.h"
#include "proxy.h"
#include "switch.h"
#include "way.h"

/* What both hooks do alike, from the attachment to the way; the frame is not touched. */

static __always_inline struct sv_attach *sv_classify(__u32 ifindex, __u16 vlan)
{
	struct sv_attach_key key = { .ifindex = ifindex, .vlan = vlan };

	return bpf_map_lookup_elem(&sv_attach, &key);
}

/* A frame of a VNode port without an attachment, in row 0 so that its sums close too. */
static __noinline int sv_classify_stray(__u32 packets, __u32 bytes)
{
	struct sv_weight w = { .packets = packets, .bytes = bytes };
	struct sv_count *row = sv_count_row(0);

	if (row) {
		sv_count_add(&row->r[SV_REASON_RECEIVED], &w);
		sv_count_add(&row->r[SV_REASON_UNATTACHED], &w);
	}
	return 0;
}

/* One frame of an attachment on its way through the program. */
struct sv_pass {
	struct sv_attach *a;
	struct sv_count *row;
	struct sv_frame f;
	struct sv_weight w;
	struct sv_way way;
};

static __always_inline void sv_pass_count(const struct sv_pass *p, enum sv_reason reason)
{
	sv_count_add(&p->row->r[reason], &p->w);
}

/* What the guard has to know of the frame: SV_META_* flags. */
static __always_inline __u8 sv_pass_meta(const struct sv_pass *p)
{
	__u8 kept = p->f.vlan && !(p->a->flags & SV_ATTACH_POP) ? SV_META_KEPT : 0;

	return kept | (p->way.open ? SV_META_OPEN : 0);
}

/*
 * Learns from the frame and chooses its way; p->way.member is SV_SWITCH_HAIRPIN for a hairpin. Who
 * is not heard at an edge teaches nothing there: the table is production's.
 */
static __always_inline void sv_pass_choose(struct sv_pass *p, const void *data, const void *end)
{
	struct sv_attach *a = p->a;
	const struct sv_eth *eth = data;
	__u32 member = 0;
	__u8 live = SV_GATE_HOLD;

	if (a->flags & (SV_ATTACH_GATED | SV_ATTACH_LIVE))
		live = sv_live_role(a->group);
	if (a->flags & SV_ATTACH_FDB && (const void *)(eth + 1) <= end) {
		if (sv_way_is_heard(a, live) && sv_switch_learn(a, eth))
			sv_pass_count(p, SV_REASON_LEARNED);
		member = sv_switch_member(a, eth);
	}
	if (member == SV_SWITCH_HAIRPIN) {
		p->way = (struct sv_way){ .member = member };
		return;
	}
	p->way = sv_way_choose(a, member, live);
}

/* The gate's yes is used: the first time in a new role makes an event. */
static __always_inline void sv_pass_note(const struct sv_pass *p, __u32 ifindex)
{
	if (p->a->flags & SV_ATTACH_GATED && p->way.open)
		sv_live_note(p->a->group, p->a->role, ifindex, p->a->id);
}

#endif
