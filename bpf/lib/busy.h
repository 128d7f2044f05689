/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_BUSY_H
#define SV_BPF_BUSY_H

#include "maps/cpu.h"

/* When a CPU is busy, and what selection may then take of its time. No maps, no clock. */

/* Busy polling asks for a few frames at a time: its polls say nothing. */
#define SV_BUSY_POLL_MIN 16

/*
 * Not more is saved up than this: it comes on top of production's work at one go. At half of a
 * CPU's rate on 64-byte frames it is a tenth of a veth's ring.
 */
#define SV_BUSY_SAVED_NS 20000

/* What is charged, in ns (bench/README.md): for asking a frame's sessions, for a copy to a device
 * with what receives it, and for a record. */
#define SV_BUSY_ASK_NS 100
#define SV_BUSY_COPY_NS 600
#define SV_BUSY_RECORD_NS 100

_Static_assert(SV_CPU_BUSY_NS / 100 >= SV_BUSY_SAVED_NS, "a share of 1 % is never paid");

static inline int sv_busy_is_full(int work, int budget)
{
	return work >= budget && budget >= SV_BUSY_POLL_MIN;
}

static inline int sv_busy_is_behind(const struct sv_cpu *cpu)
{
	return cpu->full >= SV_CPU_FULL || cpu->full_backlog >= SV_CPU_FULL_BACKLOG;
}

/* A poll of one of our devices has ended, dev 0: of the backlog; the one that breaks a row is the
 * same device's. */
static inline void sv_busy_poll(struct sv_cpu *cpu, __u32 dev, int full)
{
	if (!dev) {
		cpu->full_backlog = full ? cpu->full_backlog + 1 : 0;
	} else if (full) {
		cpu->full++;
		cpu->full_dev = dev;
	} else if (cpu->full_dev == dev) {
		cpu->full = 0;
	}
}

/* Busy from now on, or still. */
static inline void sv_busy_begin(struct sv_cpu *cpu, __u64 now_ns, __u64 tick)
{
	if (!cpu->until_ns) {
		cpu->times++;
		cpu->credit_ns = 0;
		cpu->paid_ns = now_ns;
		cpu->paid_tick = tick;
	}
	cpu->until_ns = now_ns + SV_CPU_BUSY_NS;
	cpu->full = cpu->full_backlog = 0;
}

/*
 * Pays selection its share of the time since it was last paid, once that is all that can be saved:
 * copies that come together wake who takes them once, and a wake costs more than a copy. Ends what
 * is over.
 */
static inline void sv_busy_pay(struct sv_cpu *cpu, __u64 now_ns, __u64 tick, __u32 share)
{
	__u64 since = now_ns - cpu->paid_ns;
	__s64 due, credit = cpu->credit_ns;

	if (share >= SV_SHARE_ALL || now_ns >= cpu->until_ns) {
		cpu->until_ns = 0;
		return;
	}
	/* Of so long one percent is all that can be saved; and no product overflows. */
	due = (since < SV_CPU_BUSY_NS ? since : SV_CPU_BUSY_NS) * share / 100;
	cpu->paid_tick = tick;
	if (due < SV_BUSY_SAVED_NS)
		return;
	credit += due;
	cpu->credit_ns = credit < SV_BUSY_SAVED_NS ? credit : SV_BUSY_SAVED_NS;
	cpu->paid_ns = now_ns;
}

static inline void sv_busy_charge(struct sv_cpu *cpu, __u32 copies, __u32 records)
{
	cpu->credit_ns -= (__s64)copies * SV_BUSY_COPY_NS + (__s64)records * SV_BUSY_RECORD_NS;
}

#endif
