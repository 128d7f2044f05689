/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_FILTER_H
#define SV_MAPS_FILTER_H

#include "schema.h"

/*
 * Filters run as programs of their own, made by loader/filter*.c from pcap-filter expressions:
 *
 *	entry ─ tail call ─► sv_filter_xdp/tc[sv_attach.filter] ─ tail call ─► slot 0: delivery
 *
 * What crosses is in sv_scratch, per-CPU array, one entry. The generated program reads and writes
 * only the first part; the rest is the data plane's own (bpf/lib/stage.h).
 *
 * A filter sees the view: the frame without the VNet's own tag, with every other tag in its place,
 * alike at XDP and TC. So the bytes of the frame are shifted from offset SV_VIEW_AT on:
 *   cut = 4  the VNet's tag is in the frame's bytes and not in the view (XDP)
 *   put != 0 a tag that stands beside the frame is in the view (TC): TPID << 16 | TCI
 * Never both.
 */
#define SV_VIEW_AT 12

struct sv_view {
	__u32 cut; /* 0 or 4 */
	__u32 put;
	__u32 len; /* of the view, as on the wire: what `len` in an expression means */
	__u32 matched; /* out: by mask bit of the attachment */
};
SV_ASSERT_SIZE(sv_view, 16);

struct sv_scratch {
	struct sv_view view;
	__u8 state[144];
} __attribute__((aligned(8)));
SV_ASSERT_SIZE(sv_scratch, 160);

#endif
