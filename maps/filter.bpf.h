/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_FILTER_BPF_H
#define SV_MAPS_FILTER_BPF_H

#include "filter.h"

/* Slot 0: the delivery stage, sv_xdp_deliver and sv_tc_deliver. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SV_FILTER_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sv_filter_xdp SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SV_FILTER_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sv_filter_tc SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sv_scratch);
} sv_scratch SEC(".maps");

#endif
