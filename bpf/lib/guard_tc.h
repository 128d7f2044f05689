/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_GUARD_TC_H
#define SV_BPF_GUARD_TC_H

#include "event.h"
#include "guard.h"

/* What the guard says at TC: the VLAN to push or the bytes to keep in the lower bits, and these. */
enum {
	SV_TC_PUSH = 1 << 16,
	SV_TC_REFUSED = 1 << 17,
	SV_TC_SNAP = 1 << 18,
};

static __always_inline int sv_guard_tc_allows(struct __sk_buff *skb, __u32 ifindex,
					      struct sv_exit how, __u32 meta)
{
	if (!sv_exit_opens(how, meta))
		return 0;
	return !sv_exit_bare(how, meta) ||
	       !sv_guard_hops(ifindex, sv_exit_vid_beside(skb->vlan_present, skb->vlan_proto,
							  skb->vlan_tci, skb->protocol));
}

/* `meta`: SV_META_* of the frame. */
static __noinline __u32 sv_guard_tc(struct __sk_buff *skb, __u32 ifindex, __u32 attach, __u32 nth,
				    __u32 meta)
{
	const struct sv_port *row = bpf_map_lookup_elem(&sv_port, &attach);
	struct sv_exit how = {};

	if (row)
		how = sv_exit_find(row, ifindex, nth);
	if (!how.ifindex || !sv_guard_tc_allows(skb, ifindex, how, meta)) {
		sv_event_guard(ifindex, attach);
		return SV_TC_REFUSED;
	}
	if (how.flags & SV_EXIT_SNAP)
		return SV_TC_SNAP | how.arg;
	return how.flags & SV_EXIT_PUSH ? SV_TC_PUSH | how.arg : 0;
}

#endif
