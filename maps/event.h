/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_EVENT_H
#define SV_MAPS_EVENT_H

#include "schema.h"

/* sv_event: ring buffer of rare events. sv_event_lost[0] counts those that found it full. */
enum sv_event_type {
	SV_EVENT_GATE = 1, /* first frame let out in a new role: group, role, at_ns */
	SV_EVENT_GUARD = 2, /* the guard kept a frame in: ifindex, attach */
	SV_EVENT_BUDGET =
		3, /* a session is over its budget, at most once a second: group = its number */
};

struct sv_event {
	__u64 at_ns; /* CLOCK_BOOTTIME */
	__u32 type; /* enum sv_event_type */
	__u32 ifindex;
	__u32 attach;
	__u16 group;
	__u8 role;
	__u8 pad;
};
SV_ASSERT_SIZE(sv_event, 24);

#endif
