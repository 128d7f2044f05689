/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_GUARD_H
#define SV_BPF_GUARD_H

#include "event.h"
#include "exit.h"

#include "maps/attach.bpf.h"

/* Is `vid` outside of an edge somebody's own VLAN? From sv_exit_vid(). */
static __always_inline int sv_guard_hops(__u32 ifindex, int vid)
{
	struct sv_attach_key key = { .ifindex = ifindex, .vlan = vid };

	if (likely(!vid))
		return 0;
	return vid < 0 || bpf_map_lookup_elem(&sv_attach, &key);
}

#endif
