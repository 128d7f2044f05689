/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_RING_H
#define SV_BPF_RING_H

#include "maps/session.h"
#include "maps/tap.h"

/* The arithmetic of a ring: no maps. */

static inline __u32 sv_ring_cap(const struct sv_session *s, __u32 len)
{
	__u32 cap = s->snap && s->snap < SV_TAP_CAP_MAX ? s->snap : SV_TAP_CAP_MAX;

	return len < cap ? len : cap;
}

static inline __u32 sv_ring_slots(__u32 cap)
{
	return (sizeof(struct sv_tap_rec) + cap + SV_TAP_SLOT - 1) / SV_TAP_SLOT;
}

/* A tail that the reader cannot have reached leaves no room either. */
static inline int sv_ring_fits(__u64 head, __u64 tail, __u32 slots)
{
	return head - tail <= SV_TAP_SLOTS - slots;
}

/* Which ring, or a number that no ring has. */
static inline __u32 sv_ring_number(const struct sv_session *s, __u32 cpu)
{
	if (s->kind != SV_SESSION_RING || s->tap >= SV_TAP_MAX || cpu >= SV_TAP_CPUS)
		return ~0u;
	return (__u32)s->tap * SV_TAP_CPUS + cpu;
}

#endif
