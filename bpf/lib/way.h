/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_WAY_H
#define SV_BPF_WAY_H

#include "maps/attach.h"
#include "maps/gate.h"
#include "maps/reason.h"

/* Where a frame goes: the coordinates of its fan-out, and what the gate said. */
struct sv_way {
	__u32 member; /* as in struct sv_attach */
	__u32 variant;
	__u32 reason; /* of the gate, when it is why the frame has no primary destination; else 0 */
	__u8 open; /* it may leave through an exit that is SV_EXIT_GATED */
	__u8 muted; /* closed towards the edge, but others on the segment get it */
};

/* GATED: may a frame meet the edge? Whether one for another member passes is none of its gate's
 * business.
 */
static inline int sv_way_meets_edge(const struct sv_attach *a, __u32 member)
{
	return !(a->flags & SV_ATTACH_FDB) || member == 0 || member == a->edge_member;
}

/* Is this VNet the one that is heard where the gate has a say? */
static inline int sv_way_is_heard(const struct sv_attach *a, __u8 live)
{
	return !(a->flags & SV_ATTACH_GATED) || (live != SV_GATE_HOLD && live == a->role);
}

/*
 * The way of a frame from attachment `a` for `member`; GATED and LIVE: with `live` from the gate.
 * Only a role that is live, that is this VNet's and that has an open variant opens anything.
 */
static inline __attribute__((always_inline)) struct sv_way sv_way_choose(const struct sv_attach *a,
									 __u32 member, __u8 live)
{
	struct sv_way way = { .member = member <= a->members ? member : 0 };
	__u32 closed = live == SV_GATE_HOLD ? SV_REASON_GATE_HOLD : SV_REASON_GATE_SHADOW;

	if (a->flags & SV_ATTACH_GATED) {
		if (!sv_way_meets_edge(a, way.member))
			return way;
		if (sv_way_is_heard(a, live) && a->variants > 1) {
			way.variant = 1;
			way.open = 1;
			return way;
		}
		way.reason = closed;
		way.muted = a->flags & SV_ATTACH_OTHERS && way.member == 0;
		return way;
	}
	way.open = 1;
	if (a->flags & SV_ATTACH_LIVE) {
		way.variant = live < a->variants ? live : 0;
		way.reason = way.variant ? 0 : closed;
	}
	return way;
}

#endif
