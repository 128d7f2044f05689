/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_BUDGET_H
#define SV_BPF_BUDGET_H

#include "maps/session.h"

/* The arithmetic of a copy budget: the generic cell rate algorithm, virtual scheduling (ITU-T
 * I.371, annex A). No maps, no clock. */

static inline int sv_budget_has(const struct sv_session *s)
{
	return s->per_frame || s->per_byte;
}

/* n times a cost in 2^-16 ns, in ns; in two parts, since one product would overflow. */
static inline __u64 sv_budget_times(__u64 cost, __u32 n)
{
	return (cost >> 16) * n + ((cost & 0xffff) * n >> 16);
}

static inline __u64 sv_budget_cost(const struct sv_session *s, __u32 packets, __u32 bytes)
{
	return sv_budget_times(s->per_frame, packets) + sv_budget_times(s->per_byte, bytes);
}

/* Does a copy fit, where costs stand at `until`? */
static inline int sv_budget_fits(const struct sv_session *s, __u64 until, __u64 now_ns)
{
	return until <= now_ns + s->burst_ns;
}

/* Where costs stand after it: what was not used in time is lost. */
static inline __u64 sv_budget_next(__u64 until, __u64 now_ns, __u64 cost)
{
	return (until > now_ns ? until : now_ns) + cost;
}

#define SV_BUDGET_TELL_NS 1000000000ULL

static inline int sv_budget_tells(__u64 told_ns, __u64 now_ns)
{
	return !told_ns || now_ns - told_ns >= SV_BUDGET_TELL_NS;
}

#endif
