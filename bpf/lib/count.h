/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_COUNT_H
#define SV_BPF_COUNT_H

#include "helpers.h"

#include "maps/count.bpf.h"

/* How much one frame counts: a GSO frame is several. */
struct sv_weight {
	__u32 packets;
	__u32 bytes;
};

static __always_inline void sv_count_add(struct sv_counter *c, const struct sv_weight *w)
{
	c->packets += w->packets;
	c->bytes += w->bytes;
}

static __always_inline struct sv_count *sv_count_row(__u32 attach)
{
	return bpf_map_lookup_elem(&sv_count, &attach);
}

/* A device that has no row is not ours: nothing is counted. */
static __always_inline void sv_count_dev(__u32 ifindex, enum sv_dev_reason reason, __u64 n)
{
	struct sv_dcount *row = bpf_map_lookup_elem(&sv_dcount, &ifindex);

	if (row)
		row->r[reason] += n;
}

#endif
