/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_TAP_INTERNAL_H
#define SV_LOADER_TAP_INTERNAL_H

#include <stdbool.h>

#include "cleanup.h"
#include "tap.h"

/* What the files of libsvtap share; nobody else includes this. */

#define SV_TAP_BYTES ((size_t)SV_TAP_SLOTS * SV_TAP_SLOT)

struct sv_tap_ring {
	const __u8 *base; /* mapped twice in a row */
	struct sv_tap_ctl *ctl;
	__u64 pos; /* slots read, up to the present batch's end */
	__u64 given; /* slots given back: what ctl->tail says */
	__u64 head; /* as seen last */
	__u64 until_ns; /* what is younger is held back */
	__u64 read, lost, lost_before;
	__u32 cpu;
	__u32 id; /* of the map */
};

struct sv_tap_known {
	struct sv_point point;
	struct sv_tap_known *older;
};

struct sv_tap {
	char pin[256];
	__u16 number;
	__u16 tap;
	int lock, rings_fd, points_fd;
	void *ctl_map;
	size_t n;
	struct sv_tap_ring *ring;
	bool stale;
	__u64 checked_ns; /* when the rings were last compared with the plane's */
	bool drained; /* the last batch left nothing */
	__u64 sleep_ns;

	__u64 wall_offset; /* CLOCK_REALTIME - CLOCK_BOOTTIME */
	__u64 wall_at; /* when that was sampled */

	/* by attachment; NULL: not asked for yet */
	struct sv_tap_known *point[SV_ATTACH_MAX];
	struct sv_tap_known *points; /* all that were ever given out */
	__u64 points_at;
};

/* ---- tap_point.c ---- */
const struct sv_point *sv_tap_point_get(struct sv_tap *tap, __u32 attach);
/* Looks again at what is known: an attachment's number may have been given again. */
void sv_tap_point_refresh(struct sv_tap *tap);
void sv_tap_point_fini(struct sv_tap *tap);

/* ---- tap_clock.c ---- */
__u64 sv_tap_now_ns(void); /* CLOCK_BOOTTIME */
void sv_tap_clock_sample(struct sv_tap *tap, __u64 now_ns);

/* ---- tap.c ---- */
/* Of the map that is a CPU's ring now; 0: none. */
__u32 sv_tap_ring_id(const struct sv_tap *tap, __u32 cpu);
/* Are the rings still the session's? Sets tap->stale. */
void sv_tap_check(struct sv_tap *tap);

#endif
