/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_SESSION_H
#define SV_MAPS_SESSION_H

#include "schema.h"

/* sv_session: array, session number -> its target. A zeroed entry copies nothing. */
struct sv_session {
	__u32 ifindex; /* the target's device */
	__u16 max_len; /* longest frame it takes: MTU + 14 (+ 4 for a tag inside) */
	__u8 up; /* 1: the device is up and its other end can receive; kept by the agent */
	__u8 pad;
};
SV_ASSERT_SIZE(sv_session, 8);

#endif
