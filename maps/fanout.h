/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_FANOUT_H
#define SV_MAPS_FANOUT_H

#include "schema.h"

/*
 * A fan-out is the list of destinations of one (attachment, member, variant, mask); attach.h has
 * the numbering. It stands in two maps under the same number, written by one function of the
 * loader:
 *
 *   sv_fanout  array of devmap-hashes, for XDP. Keys 0 … n-1, production at the highest (a
 * broadcast delivers it first, as the original). max_entries = the next power of two of n. sv_dest
 * array of struct sv_dests, for TC, which cannot read a devmap. Index 0 is production.
 *
 * Neither is edited while an attachment refers to it: a changed attachment gets new numbers.
 */
enum sv_dest_kind {
	SV_DEST_PRIMARY = 1, /* where production (or the VNet itself) goes; several when flooded */
	SV_DEST_SHADOW = 2, /* a shadow of the group */
	SV_DEST_SESSION = 3, /* a session's target */
};

enum {
	SV_DEST_GUARDED =
		1 << 0, /* trunk, edge, or a target with a snap length: sv_port says how */
};

struct sv_dest {
	__u32 ifindex;
	__u8 kind; /* enum sv_dest_kind */
	__u8 bit; /* SV_DEST_SESSION: which bit of the mask */
	__u8 flags; /* SV_DEST_* flags */
	__u8 nth; /* TC: guarded: sv_exit.nth; else how often the device came before. XDP: 0 */
};
SV_ASSERT_SIZE(sv_dest, 8);

struct sv_dests {
	__u32 n; /* 0: no such fan-out */
	__u32 pad;
	struct sv_dest dest[SV_DEST_MAX]; /* primaries, then shadows, then sessions */
};
SV_ASSERT_SIZE(sv_dests, 8 + 8 * SV_DEST_MAX);

/*
 * XDP: what ingress tells the devmap program of the egress device, as frame metadata. It is present
 * exactly while SV_ATTACH_META is set, is stripped there, and a frame without it does not leave.
 */
#define SV_META_MAGIC 0x5356 /* "SV" */

enum {
	SV_META_OPEN = 1 << 0, /* the gate said yes, or the attachment does not ask one */
	SV_META_REPLY = 1 << 1, /* the neighbour proxy's: leaves only by the port it came in by */
	SV_META_KEPT = 1 << 2, /* the outermost tag is the VNet's own, left in place */
};

struct sv_meta {
	__u32 attach; /* sv_attach.id */
	__u16 magic; /* SV_META_MAGIC */
	__u8 flags; /* SV_META_* */
	__u8 pcp_dei; /* PCP and DEI of a popped tag: TCI bits 15 … 12, here in bits 7 … 4 */
};
SV_ASSERT_SIZE(sv_meta, 8);

#endif
