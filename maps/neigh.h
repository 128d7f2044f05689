/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_NEIGH_H
#define SV_MAPS_NEIGH_H

#include "schema.h"

/*
 * sv_neigh: LRU hash, what edges learn from ARP and neighbour discovery, and what the gate answers
 * a silent shadow with. The scope is the edge, not the group: fe80::1 may live behind two edges.
 */
struct sv_neigh_key {
	__u32 edge; /* sv_attach.id of the edge */
	__u8 addr[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d */
};
SV_ASSERT_SIZE(sv_neigh_key, 20);

struct sv_neigh {
	__u8 mac[6];
	__u16 pad;
};
SV_ASSERT_SIZE(sv_neigh, 8);

#endif
