/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_SELECT_H
#define SV_BPF_SELECT_H

#include "maps/attach.h"
#include "maps/reason.h"
#include "maps/session.h"
#include "maps/tap.h"
#include "way.h"

/* Which sessions of an attachment see a frame, and what becomes of its copies, by mask bit. */

static inline __u32 sv_select_all(const struct sv_attach *a)
{
	return (1u << (a->sessions & 7)) - 1;
}

/* Is the frame in the sample? `number` is drawn anew for a packet, and the same for a flow. */
static inline int sv_select_sampled(const struct sv_session *s, __u32 number)
{
	return !s->keep || number < s->keep;
}

/* How long the copy of a frame of len bytes is. */
static inline __u32 sv_select_len(const struct sv_session *s, __u32 len)
{
	return s->snap && s->snap < len ? s->snap : len;
}

/* Can its device take a frame of len bytes (without the VNet's tag; 0 = any length will do)? */
static inline enum sv_scount_reason sv_select_device(const struct sv_session *s, __u32 len)
{
	if (!s->up)
		return SV_SCOUNT_SHED_DOWN;
	if (len > s->max_len)
		return SV_SCOUNT_SHED_LONG;
	return SV_SCOUNT_COPIED;
}

/* What became of the copy that a fan-out was to make: `left` are the bits that it had no
 * destination for, and `lost` why; `refused` those whose destination did not take it. */
static inline __u32 sv_select_fate(__u32 bit, __u32 left, __u32 lost, __u32 refused)
{
	if (left >> bit & 1)
		return lost;
	return refused >> bit & 1 ? SV_SCOUNT_SHED_TX : SV_SCOUNT_COPIED;
}

/* Would the frame have left through the edge? */
static inline enum sv_tap_verdict sv_select_verdict(const struct sv_attach *a,
						    const struct sv_way *way)
{
	if (!(a->flags & SV_ATTACH_GATED))
		return SV_TAP_INSIDE;
	if (way->open)
		return SV_TAP_OPEN;
	if (way->reason == SV_REASON_GATE_SHADOW)
		return SV_TAP_SHADOW;
	return way->reason == SV_REASON_GATE_HOLD ? SV_TAP_HELD : SV_TAP_INSIDE;
}

#endif
