/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_EXIT_H
#define SV_BPF_EXIT_H

#include "maps/fanout.h"
#include "maps/port.h"
#include "parse.h"

/*
 * May a frame leave by an exit? Decided from the exit's row, the SV_META_* flags of the frame, and
 * the tag it would have outside.
 */

/* In one load: an element of a hash may become another's between two. */
static inline __attribute__((always_inline)) struct sv_port sv_exit_read(const struct sv_port *port)
{
	union {
		__u32 word;
		struct sv_port how;
	} exit = { .word = *(const volatile __u32 *)port };

	return exit.how;
}

static inline int sv_exit_opens(struct sv_port how, __u32 meta)
{
	return !(how.flags & SV_PORT_GATED) || meta & SV_META_OPEN;
}

/* Does it leave an edge with no tag of ours? Then a tag of the sender's chooses the VLAN outside.
 */
static inline int sv_exit_bare(struct sv_port how, __u32 meta)
{
	return (how.flags & (SV_PORT_GATED | SV_PORT_PUSH)) == SV_PORT_GATED &&
	       !(meta & SV_META_KEPT);
}

/* The VLAN a frame would be in outside, 0 = the untagged one; -1: a cut tag, which padding would
 * make whole. */
static inline __attribute__((always_inline)) int sv_exit_vid(const void *data, const void *end)
{
	struct sv_frame f;

	return sv_parse(data, end, 0, &f) ? -1 : f.vlan;
}

/* The same where the kernel keeps the outermost tag beside the frame (TC). */
static inline int sv_exit_vid_beside(int tagged, __be16 tag_proto, __u16 tci)
{
	return tagged && tag_proto == bpf_htons(SV_ETH_8021Q) ? tci & SV_VID_MASK : 0;
}

#endif
