/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_PROXY_H
#define SV_BPF_PROXY_H

#include "helpers.h"
#include "neigh.h"

#include "maps/learn.bpf.h"

/* The table of external neighbours: edges fill it, the gate's proxy reads it. */

/* Learns what the frame teaches under `edge`; 1 when that is new. */
static __always_inline int sv_proxy_learn(const void *data, const void *end, __u32 l3, __be16 proto,
					  __u32 edge)
{
	struct sv_neigh_key key = { .edge = edge };
	struct sv_neigh fresh = {}, *old;

	if (!sv_neigh_teaches(data, end, l3, proto, key.addr, fresh.mac))
		return 0;
	old = bpf_map_lookup_elem(&sv_neigh, &key);
	if (old && sv_mac_equal(old->mac, fresh.mac))
		return 0;
	return !bpf_map_update_elem(&sv_neigh, &key, &fresh, BPF_ANY);
}

/* The neighbour behind `edge` that the frame asks for, or NULL: not a question, or not known. */
static __always_inline const struct sv_neigh *sv_proxy_find(const void *data, const void *end,
							    __u32 l3, __be16 proto, __u32 edge)
{
	struct sv_neigh_key key = { .edge = edge };

	if (!sv_neigh_asks(data, end, l3, proto, key.addr))
		return 0;
	return bpf_map_lookup_elem(&sv_neigh, &key);
}

#endif
