/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_DELAY_H
#define SV_BENCH_DELAY_H

#include <linux/types.h>

/* Where the sender's clock stands in the frame: in UDP's payload, with or without a tag before. */
#define DELAY_STAMP_AT 48

/*
 * Histogram of delays, three scales of 2,048 buckets: 64 ns up to 131 us, 4 us up to 8 ms, 262 us
 * up to half a second; the last bucket has all that is longer.
 */
#define DELAY_SCALE 2048
#define DELAY_BUCKETS (3 * DELAY_SCALE)
#define DELAY_STEP_SHIFT 6
#define DELAY_SCALE_SHIFT 6

static inline __u32 delay_bucket(__u64 ns)
{
	__u32 shift = DELAY_STEP_SHIFT, base = 0;

	if (ns >> shift >= DELAY_SCALE)
		shift += DELAY_SCALE_SHIFT, base += DELAY_SCALE;
	if (ns >> shift >= DELAY_SCALE)
		shift += DELAY_SCALE_SHIFT, base += DELAY_SCALE;
	return ns >> shift >= DELAY_SCALE ? DELAY_BUCKETS - 1 : base + (__u32)(ns >> shift);
}

/* The middle of a bucket. */
static inline __u64 delay_of_bucket(__u32 bucket)
{
	__u32 shift = DELAY_STEP_SHIFT + bucket / DELAY_SCALE * DELAY_SCALE_SHIFT;

	return ((__u64)(bucket % DELAY_SCALE) << shift) + (1ull << shift) / 2;
}

/* What the paced sender says of itself. */
struct paced_config {
	__u64 interval_ns; /* 0: as fast as it can */
	__u64 stall_ns; /* later than this, the rest of the schedule is shifted */
};

struct paced_state {
	__u64 next_ns; /* when the next frame is due */
	__u64 sent, first_ns, last_ns;
	__u64 stalls, stalled_ns; /* how often, and by how much in all, the schedule was shifted */
};

#endif
