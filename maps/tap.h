/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_TAP_H
#define SV_MAPS_TAP_H

#include "schema.h"

/*
 * Rings: one a (session with a ring target, CPU), numbered tap * SV_TAP_CPUS + cpu.
 *
 *   sv_tap      array of maps, ring -> memory-mapped array of SV_TAP_SLOTS slots; no map: no ring
 *   sv_tap_ctl  memory-mapped array, ring -> struct sv_tap_ctl
 *
 * A record is a struct sv_tap_rec and `cap` bytes of the view (filter.h), in `slots` slots one
 * behind the other; the ring wraps anywhere between two slots, so a reader maps it twice in a row.
 * The data plane writes the record, then head; the only reader reads up to head, then writes tail.
 * A record that does not fit is counted in `lost`, and by the session; nobody ever waits.
 *
 * Size, measured (bench) at 1.9 million records a second beside a busy machine's other work: 16384
 * slots lost none of 4.8 million, 8192 lost 0.5 %, 4096 lost 4 %; the smaller ones were not faster.
 */
#define SV_TAP_SLOT 256
#define SV_TAP_SLOTS 16384 /* a power of two, and whole pages */
#define SV_TAP_CAP_MAX (SV_TAP_SLOT - 32 + 36 * SV_TAP_SLOT) /* a jumbo frame */

struct sv_tap_slot {
	__u8 byte[SV_TAP_SLOT];
} __attribute__((aligned(8)));
SV_ASSERT_SIZE(sv_tap_slot, SV_TAP_SLOT);

/* What the gate said: would the frame have left through the edge? */
enum sv_tap_verdict {
	SV_TAP_INSIDE = 0, /* it was not bound for an edge */
	SV_TAP_OPEN = 1, /* the gate let it out */
	SV_TAP_SHADOW = 2, /* silenced: its VNet is not live */
	SV_TAP_HELD = 3, /* silenced: the gate holds */
};

/*
 * A record's time is when its frame was offered, or a little earlier: up to SV_TAP_SHARED frames
 * one behind the other in one receive poll (NAPI) of a CPU have the time of the first. That is as
 * much too early as the frames before it took, a few microseconds; less than the frames of one poll
 * have waited for it. Frames that come otherwise (from a tap device) have their own, but for those
 * within a tick (4 ms at 250 Hz) after a poll on that CPU. Times in a ring never go back.
 */
#define SV_TAP_SHARED 8

struct sv_tap_rec {
	__u64 at_ns; /* CLOCK_BOOTTIME */
	__u32 attach; /* sv_attach.id; with `session` the key of sv_point */
	__u16 session;
	__u8 verdict; /* enum sv_tap_verdict */
	__u8 pad;
	__u32 len; /* of the view */
	__u32 cap; /* bytes of it that follow */
	__u16 slots;
	__u16 packets; /* TC: segments that a GSO frame stands for; else 1 */
	__u32 pad2;
};
SV_ASSERT_SIZE(sv_tap_rec, 32);

struct sv_tap_ctl {
	__u64 head; /* slots ever written; the data plane's */
	__u64 records;
	__u64 lost;
	__u8 pad[40];
	__u64 tail; /* slots ever read; the reader's, in a cache line of its own */
	__u8 pad2[56];
};
SV_ASSERT_SIZE(sv_tap_ctl, 128);

/*
 * sv_point: hash, where a record was taken: for people and file formats. Written before the
 * attachment is, so that every record has one.
 */
struct sv_point_key {
	__u32 attach;
	__u16 session;
	__u16 pad;
};
SV_ASSERT_SIZE(sv_point_key, 8);

enum { /* the same as agent/net/net.h's SV_DIR_* */
       SV_POINT_IN = 1 << 0,
       SV_POINT_OUT = 1 << 1,
};

struct sv_point {
	char vnet[32];
	char vnode[32]; /* the VNode that received or sent the frame */
	char iface[16]; /* of it */
	char point[32]; /* edge or virtual link */
	__u8 direction; /* SV_POINT_*, seen from the VNode */
	__u8 pad[7];
};
SV_ASSERT_SIZE(sv_point, 120);

#endif
