/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_SESSION_H
#define SV_MAPS_SESSION_H

#include "schema.h"

/*
 * sv_session: array, session number -> its target and what it may have. A zeroed entry copies
 * nothing. What it wants to see is the attachment's business (sv_attach.filter).
 */
enum sv_session_kind {
	SV_SESSION_NONE = 0,
	SV_SESSION_DEVICE = 1, /* a monitor's interface, or the outer end of an export pair */
	SV_SESSION_RING = 2, /* tap.h */
};

enum {
	SV_SESSION_FLOWS = 1 << 0, /* sample flows, not packets: bpf/lib/flow.h */
};

struct sv_session {
	__u32 ifindex; /* DEVICE: the target's device */
	__u16 max_len; /* DEVICE: longest frame it takes: MTU + 14 (+ 4 for a tag inside) */
	__u8 up; /* 1: the device is up and its other end can receive; kept by the agent. RING: 1 */
	__u8 kind; /* enum sv_session_kind */
	__u16 snap; /* bytes kept of a copy, 0 = all. DEVICE: sv_port says it, this is for people */
	__u16 tap; /* RING: which rings, below SV_TAP_MAX */
	__u32 keep; /* sampling: kept when a 32-bit number drawn is below it; 0 = every frame */
	/*
	 * Budget (GCRA, ITU-T I.371 annex A): each copy costs per_frame + bytes * per_byte, in
	 * 2^-16 ns; shed when the costs run more than burst_ns ahead of the clock. Both 0: none.
	 * The clock goes by ticks (4 ms at 250 Hz): burst_ns below one is less than the budget.
	 */
	__u64 per_frame;
	__u64 per_byte;
	__u32 burst_ns;
	__u32 flags; /* SV_SESSION_* flags */
};
SV_ASSERT_SIZE(sv_session, 40);

/* sv_budget: array, session number -> where its costs stand; all CPUs share it. */
struct sv_budget {
	__u64 until_ns; /* CLOCK_MONOTONIC_COARSE; the theoretical arrival time */
	__u64 told_ns; /* last SV_EVENT_BUDGET: at most one a second */
	__u8 pad[48]; /* a cache line of its own */
};
SV_ASSERT_SIZE(sv_budget, 64);

#endif
