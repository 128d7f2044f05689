/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_EVENT_H
#define SV_BPF_EVENT_H

#include "count.h"

/* A ring buffer says nothing when it is full: we do. */
static __always_inline void sv_event_emit(const struct sv_event *event)
{
	__u32 zero = 0;
	__u64 *lost;

	if (!bpf_ringbuf_output(&sv_event, (void *)event, sizeof(*event), 0))
		return;
	lost = bpf_map_lookup_elem(&sv_event_lost, &zero);
	if (lost)
		*lost += 1;
}

/* The guard kept a frame of `attach` from leaving by `ifindex`. */
static __always_inline void sv_event_guard(__u32 ifindex, __u32 attach)
{
	struct sv_event event = {
		.at_ns = bpf_ktime_get_boot_ns(),
		.type = SV_EVENT_GUARD,
		.ifindex = ifindex,
		.attach = attach,
	};

	sv_count_dev(ifindex, SV_DEV_GUARD, 1);
	sv_event_emit(&event);
}

#endif
