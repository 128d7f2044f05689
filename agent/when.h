/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_WHEN_H
#define SV_AGENT_WHEN_H

#include <linux/types.h>

#include "loader/err.h"

/* An instant as operators write it. Pure. */
struct sv_when {
	__u64 boot_us; /* CLOCK_BOOTTIME; 0 = at once */
	__u64 wall_us; /* CLOCK_REALTIME when the text named a wall-clock time, else 0 */
};

/* "now", "now+2s", "+500ms", "@1700000000.25", "2026-11-22T10:00:00.5Z", "…+01:00". -EINVAL */
int sv_when_parse(const char *text, __u64 now_wall_us, __u64 now_boot_us, struct sv_when *when,
		  struct sv_err *err);
/* "500us", "20ms", "60s", "2m", "1h"; a bare number is seconds. */
int sv_when_parse_duration(const char *text, __u64 *us, struct sv_err *err);

#endif
