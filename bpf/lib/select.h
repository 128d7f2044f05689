/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_SELECT_H
#define SV_BPF_SELECT_H

#include "maps/attach.h"
#include "maps/reason.h"
#include "maps/session.h"

/* Which sessions of an attachment see a frame, by mask bit. */
struct sv_selection {
	__u8 matched;
	__u8 mask; /* of those, the ones that get a copy */
	__u8 down; /* of those, the ones whose target is down */
};

/* May this session have a copy of a frame of len bytes (without the VNet's tag; 0 = any length will
 * do)? */
static inline enum sv_scount_reason sv_select_session(const struct sv_session *s, __u32 len)
{
	if (!s->up)
		return SV_SCOUNT_SHED_DOWN;
	if (len > s->max_len)
		return SV_SCOUNT_SHED_LONG;
	return SV_SCOUNT_COPIED;
}

static inline __attribute__((always_inline)) void
sv_select_add(struct sv_selection *sel, __u32 bit, const struct sv_session *s, __u32 len)
{
	enum sv_scount_reason r = sv_select_session(s, len);

	sel->matched |= 1 << bit;
	if (r == SV_SCOUNT_COPIED)
		sel->mask |= 1 << bit;
	else if (r == SV_SCOUNT_SHED_DOWN)
		sel->down |= 1 << bit;
}

/* What becomes of a matched session's copy: `delivered` are the bits handed over, `lost` why others
 * were not. */
static inline enum sv_scount_reason sv_select_fate(const struct sv_selection *sel, __u32 bit,
						   __u32 delivered, enum sv_scount_reason lost)
{
	if (sel->mask >> bit & 1)
		return delivered >> bit & 1 ? SV_SCOUNT_COPIED : lost;
	return sel->down >> bit & 1 ? SV_SCOUNT_SHED_DOWN : SV_SCOUNT_SHED_LONG;
}

#endif
