/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_GATE_H
#define SV_MAPS_GATE_H

#include "schema.h"

/*
 * sv_gate: array, slots 2 * group (asked first) and 2 * group + 1 (asked for SV_GATE_NEXT).
 * One aligned u64, written by a single map update:
 *
 *	63                16 15      8 7       0
 *	|       at (us)     |  before |  after  |
 *
 * Before CLOCK_BOOTTIME reaches `at` the word says `before`, from then on `after`.
 * before == after needs no clock. A zeroed word is HOLD for ever.
 */
#define SV_GATE_HOLD 0 /* nothing leaves */
#define SV_GATE_ROLE_MAX 250 /* 1 … 250: a member of the group */
#define SV_GATE_NEVER 254 /* no gate says this: the role of who is never heard */
#define SV_GATE_NEXT 255 /* ask the second slot; there it means HOLD. 251 … 254 reserved: HOLD */

#define SV_GATE_AT_MAX ((1ULL << 48) - 1)

static inline __u64 sv_gate_word(__u64 at_us, __u8 before, __u8 after)
{
	return at_us << 16 | (__u64)before << 8 | after;
}

static inline __u64 sv_gate_at(__u64 word)
{
	return word >> 16;
}

static inline __u8 sv_gate_before(__u64 word)
{
	return word >> 8;
}

static inline __u8 sv_gate_after(__u64 word)
{
	return word;
}

/* sv_gate_seen: array, group -> what the data plane saw last, so that a change makes one event. */
struct sv_gate_seen {
	__u64 at_ns; /* CLOCK_BOOTTIME of the first frame let out in this role */
	__u32 role;
	__u32 pad;
};
SV_ASSERT_SIZE(sv_gate_seen, 16);

#endif
