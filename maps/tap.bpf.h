/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_TAP_BPF_H
#define SV_MAPS_TAP_BPF_H

#include "tap.h"

/* clang 14 cannot describe a struct inside a map of maps: sizes instead of types. */
struct sv_tap_inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SV_TAP_SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, 4);
	__uint(value_size, SV_TAP_SLOT);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SV_TAP_MAX *SV_TAP_CPUS);
	__type(key, __u32);
	__array(values, struct sv_tap_inner);
} sv_tap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SV_TAP_MAX *SV_TAP_CPUS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sv_tap_ctl);
} sv_tap_ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SV_SESSION_BITS *SV_ATTACH_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sv_point_key);
	__type(value, struct sv_point);
} sv_point SEC(".maps");

#endif
