// SPDX-License-Identifier: GPL-2.0-only
#include <time.h>

#include "tap_internal.h"

#define RESAMPLE_NS 10000000ULL
#define JITTER_NS 1000

static __u64 clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (__u64)ts.tv_sec * 1000000000ULL + (__u64)ts.tv_nsec;
}

__u64 sv_tap_now_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/* The tightest of a few tries: we may be interrupted between the clocks. */
static __u64 sample(void)
{
	__u64 best = 0, width = ~0ULL;

	for (int i = 0; i < 3; i++) {
		__u64 before = sv_tap_now_ns();
		__u64 wall = clock_ns(CLOCK_REALTIME);
		__u64 after = sv_tap_now_ns();

		if (after - before < width) {
			width = after - before;
			best = wall - before - width / 2;
		}
	}
	return best;
}

/* The error of a sample is not to shuffle records: small differences wait until they are real. */
void sv_tap_clock_sample(struct sv_tap *tap, __u64 now_ns)
{
	__s64 change;
	__u64 offset;

	if (tap->wall_at && now_ns - tap->wall_at < RESAMPLE_NS)
		return;
	offset = sample();
	change = (__s64)(offset - tap->wall_offset);
	if (!tap->wall_at || change > JITTER_NS || change < -JITTER_NS)
		tap->wall_offset = offset;
	tap->wall_at = now_ns;
}
