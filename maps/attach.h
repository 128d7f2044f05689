/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_ATTACH_H
#define SV_MAPS_ATTACH_H

#include "schema.h"

/* sv_attach: what a (port, VLAN) pair means. Hash, one entry an attachment. */
struct sv_attach_key {
	__u32 ifindex; /* the port a frame came in by */
	__u16 vlan; /* VID of the VNet's own tag, 0 = untagged or priority tag; VNode ports: always
		       0 */
	__u16 pad;
};
SV_ASSERT_SIZE(sv_attach_key, 8);

/* What kind of port the attachment is on. */
enum sv_port_role {
	SV_ROLE_NONE = 0,
	SV_ROLE_TRUNK = 1, /* VLAN-tagged, to other hosts */
	SV_ROLE_EDGE = 2, /* external users and legacy networks */
	SV_ROLE_VNODE = 3, /* host side of a VNode's interface */
	SV_ROLE_EXPORT = 4, /* inner end of a pair through which copies leave for a collector */
};

enum {
	SV_ATTACH_XDP = 1 << 0, /* XDP delivers; otherwise TC does */
	SV_ATTACH_POP = 1 << 1, /* frames carry the VNet's tag and lose it before delivery */
	SV_ATTACH_META =
		1 << 2, /* XDP: some destination has a devmap program and needs struct sv_meta */
	SV_ATTACH_GATED =
		1 << 3, /* frames may be bound for an edge: ask the gate; variant 0 = closed */
	SV_ATTACH_LIVE = 1 << 4, /* ingress of a shared edge: variant = role that is live now */
	SV_ATTACH_LEARN = 1 << 5, /* ingress of an edge: learn neighbours under `edge` */
	SV_ATTACH_FDB = 1 << 6, /* segment of three or more members: switch by MAC */
	SV_ATTACH_SINGLE =
		1 << 7, /* XDP: fan-outs of mask 0 have one destination, key 0: unicast */
	SV_ATTACH_FILTER = 1 << 8, /* `filter` says which sessions match; otherwise all do */
	SV_ATTACH_OTHERS = 1 << 9, /* GATED: a flood reaches others than the edge, closed or not */
};

/*
 * Value. All counts are small and dense. The fan-outs of an attachment are numbered
 *
 *	fanout + ((member * variants + variant) << bits) + mask
 *
 * member   0: flood, or the only other end; n: the segment's member n (SV_ATTACH_FDB)
 * variant  GATED: 0 = the gate is closed (no edge in it), 1 = open
 *          LIVE:  the live role, 0 when none is; a role >= variants counts as 0
 *          else   0
 * mask     bit i set: session[i] gets a copy on its device, i < bits
 *
 * An attachment is never both GATED and LIVE: the first comes from a VNode (or a trunk towards the
 * edge), the second from an edge.
 */
struct sv_attach {
	__u32 id; /* row in sv_count and sv_port; 1 … SV_ATTACH_MAX - 1 */
	__u32 fanout; /* first fan-out */
	__u32 segment; /* FDB: which segment, unique on the host */
	__u32 edge; /* LEARN, GATED: id of the edge's attachment, the scope of its neighbours */
	__u16 flags; /* SV_ATTACH_* */
	__u16 group; /* GATED, LIVE: slot, below SV_GROUP_MAX */
	__u8 role; /* this VNet's role in its group, 1 … 250 */
	__u8 port_role; /* enum sv_port_role */
	__u8 variants; /* fan-outs per member and mask, 1 … 251 */
	__u8 bits; /* of the sessions here, those that copy to a device: they come first */
	__u8 members; /* FDB: members of the segment, numbered 1 … members; else 0 */
	__u8 member; /* FDB: this attachment's own number; else 0 */
	__u8 edge_member; /* FDB and GATED: the member that is the edge */
	__u8 sessions; /* sessions here, bits … SV_SESSION_BITS; from `bits` on they have rings */
	__u16 session[SV_SESSION_BITS]; /* sv_session numbers, by mask bit; 0 = none */
	__u32 filter; /* FILTER: slot in sv_filter_xdp and sv_filter_tc; chosen by the loader */
	__u64 digest; /* FILTER: sv_filter_digest() of the expressions, by mask bit; else 0 */
};
SV_ASSERT_SIZE(sv_attach, 48);
SV_ASSERT_AT(sv_attach, flags, 16);
SV_ASSERT_AT(sv_attach, session, 28);
SV_ASSERT_AT(sv_attach, digest, 40);

static inline __u32 sv_attach_fanouts(const struct sv_attach *a)
{
	return (((__u32)a->members + 1) * a->variants) << a->bits;
}

static inline __u32 sv_attach_fanout(const struct sv_attach *a, __u32 member, __u32 variant,
				     __u32 mask)
{
	return a->fanout + ((member * a->variants + variant) << a->bits) + mask;
}

#endif
