/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_CPU_H
#define SV_MAPS_CPU_H

#include "schema.h"

/*
 * sv_cpu: per-CPU array, one entry: what the receive polls (NAPI) of a CPU tell of it. Kept by
 * sv_poll_done (bpf/poll.bpf.c), which the kernel calls after every poll, and by the frames that
 * are offered to sessions.
 *
 * A poll of one of our devices that used up its budget has left frames waiting. SV_CPU_FULL of them
 * in a row (a veth's ring has 256 places, a poll takes 64), or SV_CPU_FULL_BACKLOG of the CPU's
 * backlog (1,000 places; at TC a frame and its copies go through it several times): the CPU is
 * busy, and for SV_CPU_BUSY_NS from the last such time on selection gets no more of its time than
 * sv_share says. Frames beyond that are offered to no session (SV_SCOUNT_UNOFFERED); shadows'
 * copies are not concerned.
 *
 * A CPU that cannot keep up stays busy, since its polls stay full. One that is only too slow for
 * the copies as well is asked anew every SV_CPU_BUSY_NS, at the price of a few polls' copies: 0.4 %
 * of its time. A burst costs sessions no more than that long.
 */
struct sv_cpu {
	__u32 polls; /* that ended here, never 0; 0: sv_poll_done is not attached */
	__u16 full; /* of our devices', in a row and up to now, those that used up their budget */
	__u16 full_backlog; /* the same of the backlog's */
	__u32 full_dev; /* ifindex of the last of `full` */
	__u32 times; /* how often the CPU became busy */
	__u64 until_ns; /* busy until then (CLOCK_MONOTONIC); 0: not busy */
	__u64 paid_ns; /* busy: up to when the credit was paid */
	__s64 credit_ns; /* busy: what selection may still take */
	__u64 paid_tick; /* jiffies when it was last looked at */
	/* The clock that records share, see tap.h. */
	__u64 clock_ns; /* CLOCK_BOOTTIME, as it was last read */
	__u64 clock_tick; /* jiffies then */
	__u32 clock_polls; /* `polls` then */
	__u16 clock_left; /* how many more frames may have it */
	__u16 clock_alone; /* this poll's frames have it read for each of them */
};
SV_ASSERT_SIZE(sv_cpu, 72);

#define SV_CPU_FULL 3
#define SV_CPU_FULL_BACKLOG 8
#define SV_CPU_BUSY_NS 20000000ULL

/* sv_share: array, one entry, u32: percent of a busy CPU's time for selection and its copies;
 * SV_SHARE_ALL: all it takes, no CPU is ever busy. Kept by the loader. */
#define SV_SHARE_DEFAULT 2
#define SV_SHARE_ALL 100

#endif
