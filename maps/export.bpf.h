/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_EXPORT_BPF_H
#define SV_MAPS_EXPORT_BPF_H

#include "export.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SV_SESSION_MAX);
	__type(key, __u32);
	__type(value, struct sv_export);
} sv_export SEC(".maps");

#endif
