/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_SELECT_H
#define SV_BPF_SELECT_H

#include "maps/attach.h"
#include "maps/reason.h"
#include "maps/session.h"
#include "maps/tap.h"
#include "way.h"

/* What becomes of a frame for the sessions of its attachment, by mask bit. */
struct sv_selection {
	__u8 fate[SV_SESSION_BITS]; /* enum sv_scount_reason; 0 (MATCHED): it did not match */
	__u32 mask; /* of those that are COPIED, the ones whose copy a fan-out makes */
};

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

/* What finally became of a session's copy: `left` are the bits that no destination took, `lost`
 * why. */
static inline __u32 sv_select_fate(const struct sv_selection *sel, __u32 bit, __u32 left,
				   enum sv_scount_reason lost)
{
	return left >> bit & 1 ? lost : sel->fate[bit];
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
