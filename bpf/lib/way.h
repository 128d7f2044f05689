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

/* Must the gate be asked? A frame for another member of the segment is none of its business. */
static inline int sv_way_asks(const struct sv_attach *a, __u32 member)
{
	if (a->flags & SV_ATTACH_LIVE)
		return 1;
	if (!(a->flags & SV_ATTACH_GATED))
		return 0;
	return !(a->flags & SV_ATTACH_FDB) || member == 0 || member == a->edge_member;
}

/*
 * The way of a frame from attachment `a` for `member`, with `live` from the gate when
 * sv_way_asks(). Only a role that is live, that is this VNet's and that has an open variant opens
 * anything.
 */
static inline __attribute__((always_inline)) struct sv_way sv_way_choose(const struct sv_attach *a,
									 __u32 member, __u8 live)
{
	struct sv_way way = { .member = member <= a->members ? member : 0 };
	__u32 closed = live == SV_GATE_HOLD ? SV_REASON_GATE_HOLD : SV_REASON_GATE_SHADOW;

	if (a->flags & SV_ATTACH_GATED) {
		if (!sv_way_asks(a, way.member))
			return way;
		if (live != SV_GATE_HOLD && live == a->role && a->variants > 1) {
			way.variant = 1;
			way.open = 1;
			return way;
		}
		way.reason = closed;
		way.muted = a->flags & SV_ATTACH_FDB && way.member == 0 && a->members > 2;
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
