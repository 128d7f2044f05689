/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_AWAY_H
#define SV_BENCH_AWAY_H

#include <linux/types.h>

#define AWAY_PERIOD_NS 100000 /* a timer's; it takes some 1 % of a CPU */

/* Of one CPU, while frames leave. */
struct away {
	__u64 last_ns, ticks;
	__u64 longest_ns; /* between two ticks: it was away no longer than that at a time */
};

#endif
