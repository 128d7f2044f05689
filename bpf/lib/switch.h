/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_SWITCH_H
#define SV_BPF_SWITCH_H

#include "count.h"
#include "neigh.h"

#include "maps/attach.h"
#include "maps/learn.bpf.h"

#define SV_SWITCH_HAIRPIN 256 /* no member has this number */

/* Notes behind which member the sender is; 1 when that is new. */
static __always_inline int sv_switch_learn(const struct sv_attach *a, const struct sv_eth *eth)
{
	struct sv_fdb_key key = { .segment = a->segment };
	struct sv_fdb fresh = { .member = a->member };
	struct sv_fdb *old;

	if (!sv_mac_unicast(eth->src))
		return 0;
	sv_copy(key.mac, eth->src, 6);
	old = bpf_map_lookup_elem(&sv_fdb, &key);
	if (old && old->member == fresh.member)
		return 0;
	return !bpf_map_update_elem(&sv_fdb, &key, &fresh, BPF_ANY);
}

/* The member a frame is for; 0 = all of them (unknown or multicast). */
static __always_inline __u32 sv_switch_member(const struct sv_attach *a, const struct sv_eth *eth)
{
	struct sv_fdb_key key = { .segment = a->segment };
	struct sv_fdb *to;

	if (eth->dst[0] & 1)
		return 0;
	sv_copy(key.mac, eth->dst, 6);
	to = bpf_map_lookup_elem(&sv_fdb, &key);
	if (!to || to->member > a->members)
		return 0;
	return to->member == a->member ? SV_SWITCH_HAIRPIN : to->member;
}

#endif
