/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_PORT_H
#define SV_MAPS_PORT_H

#include "schema.h"

/*
 * sv_port: array, sv_attach.id of the attachment a frame came in by -> the guarded ways it may
 * leave by: trunks, edges, and monitor interfaces that want only the head of a copy. A device that
 * is not listed may not be left by (the guard).
 *
 * The loader changes a row in place while frames read it: each way is one aligned word, written by
 * one store (the array is memory-mapped), keeps its place as long as it stays, is added before an
 * attachment needs it and zeroed after none does.
 */
enum {
	SV_EXIT_PUSH = 1 << 0, /* push an 802.1Q tag with VID `arg`; else it leaves as it is */
	SV_EXIT_GATED = 1 << 1, /* an edge: only with the gate's yes (SV_META_OPEN) */
	SV_EXIT_SNAP = 1 << 2, /* keep the first `arg` bytes; never with PUSH */
};

struct sv_exit {
	__u32 ifindex; /* egress device; 0: free */
	__u16 arg;
	__u8 flags; /* SV_EXIT_* */
	__u8 nth; /* sv_dest.nth: another way to leave by the same device (TC only), else 0 */
};
SV_ASSERT_SIZE(sv_exit, 8);

struct sv_port {
	struct sv_exit exit[SV_EXIT_MAX];
} __attribute__((aligned(8)));
SV_ASSERT_SIZE(sv_port, 8 * SV_EXIT_MAX);

#endif
