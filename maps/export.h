/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_EXPORT_H
#define SV_MAPS_EXPORT_H

#include "schema.h"

/*
 * sv_export: hash, ifindex of an export port (SV_ROLE_EXPORT) -> the collector its frames go to.
 * A session's copies reach it through a veth pair, off production's path; the port's TC program
 * puts the outer headers on and sends by the host's own routes, never by an edge of ours.
 */
enum sv_export_kind {
	SV_EXPORT_VXLAN = 1, /* RFC 7348 */
	SV_EXPORT_ERSPAN = 2, /* type II over GRE with sequence numbers: draft-foschiano-erspan */
};

/* Bytes of an outer packet before the copy: IPv4, UDP and VXLAN, or IPv4, GRE with a sequence
 * number and ERSPAN II: the same for both. */
#define SV_EXPORT_OUTER_LEN 36

struct sv_export {
	__be32 local, remote; /* IPv4 */
	__u32 id; /* VXLAN: VNI, 24 bits; ERSPAN: session, 10 bits */
	__be16 port; /* VXLAN: UDP destination port */
	__u8 kind; /* enum sv_export_kind */
	__u8 ttl;
	__u32 mtu; /* longest outer packet, its IPv4 header included, its Ethernet header not */
	/* The only device they may leave by: the agent has looked at what it stands on, and that no
	 * edge is among it. A route that leads elsewhere is no route. */
	__u32 dev;
	/* Packets sent, counted up by the data plane: ERSPAN: GRE sequence number of the next one;
	 * its lower half is the IPv4 identification of both kinds. */
	__u32 seq;
};
SV_ASSERT_SIZE(sv_export, 28);

#endif
