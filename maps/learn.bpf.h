/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_LEARN_BPF_H
#define SV_MAPS_LEARN_BPF_H

#include "fdb.h"
#include "neigh.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SV_NEIGH_MAX);
	__type(key, struct sv_neigh_key);
	__type(value, struct sv_neigh);
} sv_neigh SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SV_FDB_MAX);
	__type(key, struct sv_fdb_key);
	__type(value, struct sv_fdb);
} sv_fdb SEC(".maps");

#endif
