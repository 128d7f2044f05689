/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_COUNT_H
#define SV_MAPS_COUNT_H

#include "reason.h"
#include "schema.h"

/* Per CPU; readers add up. Bytes are the frame as received, the VNet's own tag included. At TC a
 * GSO frame counts as the segments it stands for. */
struct sv_counter {
	__u64 packets;
	__u64 bytes;
};
SV_ASSERT_SIZE(sv_counter, 16);

/* sv_count: per-CPU array, row = sv_attach.id; row 0 = frames of VNode ports without
 * an attachment. */
struct sv_count {
	struct sv_counter r[SV_REASON__COUNT];
};

/* sv_scount: per-CPU array, row = session number. */
struct sv_scount {
	struct sv_counter r[SV_SCOUNT__COUNT];
};

/* sv_dcount: per-CPU hash, ifindex of every owned port (made when the port is attached)
 * -> packets. */
struct sv_dcount {
	__u64 r[SV_DEV__COUNT];
	/* What the guard dropped in the bulk now being sent: the transmit tracepoint, which reports
	 * these among the driver's losses, leaves them out and sets it to 0. */
	__u64 guarded;
	__u64 role; /* enum sv_port_role */
};

#endif
