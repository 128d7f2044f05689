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

/* In one load: the loader may put another exit in its place between two. */
static inline __attribute__((always_inline)) struct sv_exit sv_exit_read(const struct sv_exit *row)
{
	union {
		__u64 word;
		struct sv_exit how;
	} exit = { .word = *(const volatile __u64 *)row };

	return exit.how;
}

/* The way of a row that leaves by a device; ifindex 0: there is none. */
static inline __attribute__((always_inline)) struct sv_exit sv_exit_find(const struct sv_port *row,
									 __u32 ifindex, __u32 nth)
{
	for (__u32 i = 0; i < SV_EXIT_MAX; i++) {
		struct sv_exit how = sv_exit_read(&row->exit[i]);

		if (how.ifindex == ifindex && how.nth == nth)
			return how;
	}
	return (struct sv_exit){};
}

static inline int sv_exit_opens(struct sv_exit how, __u32 meta)
{
	return !(how.flags & SV_EXIT_GATED) || meta & SV_META_OPEN;
}

/* Does it leave an edge with no tag of ours? Then a tag of the sender's chooses the
 * VLAN outside. */
static inline int sv_exit_bare(struct sv_exit how, __u32 meta)
{
	return (how.flags & (SV_EXIT_GATED | SV_EXIT_PUSH)) == SV_EXIT_GATED &&
	       !(meta & SV_META_KEPT);
}

/* Of a frame that is tagged with `vid`: who takes a priority tag off may take the tag behind it,
 * the frame's `inner` type, for the frame's own. */
static inline int sv_exit_vid_of_tag(__u16 vid, __be16 inner)
{
	int is_tag = inner == bpf_htons(SV_ETH_8021Q) || inner == bpf_htons(SV_ETH_8021AD);

	return !vid && is_tag ? -1 : vid;
}

/* The VLAN a frame would be in outside, 0 = the untagged one; -1: nobody knows, since a tag is cut,
 * which padding would make whole, or behind a priority tag. */
static inline __attribute__((always_inline)) int sv_exit_vid(const void *data, const void *end)
{
	struct sv_frame f;

	if (sv_parse(data, end, 0, &f))
		return -1;
	return f.l3 == SV_ETH_LEN ? 0 : sv_exit_vid_of_tag(f.vlan, f.proto);
}

/* The same where the kernel keeps the outermost tag beside the frame (TC). */
static inline int sv_exit_vid_beside(int tagged, __be16 tag_proto, __u16 tci, __be16 inner)
{
	if (!tagged || tag_proto != bpf_htons(SV_ETH_8021Q))
		return 0;
	return sv_exit_vid_of_tag(tci & SV_VID_MASK, inner);
}

#endif
