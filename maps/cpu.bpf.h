/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_CPU_BPF_H
#define SV_MAPS_CPU_BPF_H

#include "cpu.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sv_cpu);
} sv_cpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sv_share SEC(".maps");

#endif
