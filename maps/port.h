/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_PORT_H
#define SV_MAPS_PORT_H

#include "schema.h"

/*
 * sv_port: hash, (egress device, attachment the frame came in by) -> how it leaves there.
 * Only trunks and edges are listed. No entry: it may not leave there at all (the guard).
 */
struct sv_port_key {
	__u32 ifindex; /* egress device */
	__u16 attach; /* sv_attach.id */
	__u16 nth; /* sv_dest.nth: another way to leave by the same device (TC only), else 0 */
};
SV_ASSERT_SIZE(sv_port_key, 8);

enum {
	SV_PORT_PUSH =
		1 << 0, /* push an 802.1Q tag with `vlan`; otherwise the frame leaves as it is */
	SV_PORT_GATED = 1 << 1, /* an edge: only with the gate's yes (SV_META_OPEN) */
};

struct sv_port {
	__u16 vlan; /* 1 … 4094 */
	__u16 flags; /* SV_PORT_* */
};
SV_ASSERT_SIZE(sv_port, 4);

#endif
