/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_COUNT_BPF_H
#define SV_MAPS_COUNT_BPF_H

#include "count.h"
#include "event.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SV_ATTACH_MAX);
	__type(key, __u32);
	__type(value, struct sv_count);
} sv_count SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SV_SESSION_MAX);
	__type(key, __u32);
	__type(value, struct sv_scount);
} sv_scount SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, SV_PORT_MAX);
	__type(key, __u32);
	__type(value, struct sv_dcount);
} sv_dcount SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SV_EVENT_BYTES);
} sv_event SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sv_event_lost SEC(".maps");

#endif
