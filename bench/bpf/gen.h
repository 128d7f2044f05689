/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_GEN_H
#define SV_BENCH_GEN_H

#include <linux/types.h>

/* Room for Ethernet, one tag, IPv4 and UDP, in words that are written one by one. */
#define GEN_HEAD_WORDS 8
#define GEN_LEN_MIN 60

/* What a generator's program writes into every frame; filled in before it is loaded. */
struct gen_config {
	__u64 head[GEN_HEAD_WORDS]; /* the frame's first 64 bytes */
	__u32 ifindex; /* where it leaves */
	__u32 flows; /* UDP source ports used, one after another */
	__u32 vlans; /* VIDs used, one after another; 0 = untagged */
	__u16 sport; /* first source port */
	__u16 vid; /* first VID */
};

/* Which flow and which VLAN are next. Only one CPU sends. */
struct gen_turn {
	__u32 flow, vlan;
};

#endif
