/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_CLOCK_H
#define SV_BPF_CLOCK_H

#include "maps/cpu.h"
#include "maps/tap.h"

/*
 * One reading of the clock for several frames of a poll; what a record's time means then is said in
 * maps/tap.h. No maps, no clock. `tick` is jiffies, which costs nothing to read.
 */

/* May the frame have the time that was read last? Takes it. */
static inline int sv_clock_take(struct sv_cpu *cpu, __u64 tick)
{
	if (!cpu->polls || cpu->clock_polls != cpu->polls || cpu->clock_tick != tick ||
	    !cpu->clock_left)
		return 0;
	cpu->clock_left--;
	return 1;
}

/* The clock has been read. Where a tick passes and no poll ends frames do not come by polls, and
 * might be far apart. */
static inline void sv_clock_keep(struct sv_cpu *cpu, __u64 tick, __u64 now_ns)
{
	int same = cpu->clock_polls == cpu->polls;

	cpu->clock_alone = same && (cpu->clock_alone || cpu->clock_tick != tick);
	cpu->clock_left = cpu->clock_alone ? 0 : SV_TAP_SHARED - 1;
	cpu->clock_polls = cpu->polls;
	cpu->clock_tick = tick;
	cpu->clock_ns = now_ns;
}

#endif
