/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_GATE_H
#define SV_BPF_GATE_H

#include "maps/gate.h"

/* The gate's arithmetic, for the kernel and for user space alike: no maps, no clock. */

static inline int sv_gate_timed(__u64 word)
{
	return sv_gate_before(word) != sv_gate_after(word);
}

static inline int sv_gate_asks_next(__u64 word)
{
	return sv_gate_before(word) == SV_GATE_NEXT || sv_gate_after(word) == SV_GATE_NEXT;
}

static inline __u8 sv_gate_say(__u64 word, __u64 now_us)
{
	return now_us < sv_gate_at(word) ? sv_gate_before(word) : sv_gate_after(word);
}

/*
 * The live role at now_us: 1 … 250, or SV_GATE_HOLD. `next` is the group's second slot. now_us may
 * be anything when neither word is timed. Reserved roles, and NEXT in the second slot, hold.
 */
static inline __u8 sv_gate_decide(__u64 word, __u64 next, __u64 now_us)
{
	__u8 role = sv_gate_say(word, now_us);

	if (role == SV_GATE_NEXT)
		role = sv_gate_say(next, now_us);
	return role <= SV_GATE_ROLE_MAX ? role : SV_GATE_HOLD;
}

#endif
