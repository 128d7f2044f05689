/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_ATTACH_BPF_H
#define SV_MAPS_ATTACH_BPF_H

#include "attach.h"
#include "fanout.h"
#include "gate.h"
#include "port.h"
#include "session.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sv_schema SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SV_ATTACH_MAX);
	__type(key, struct sv_attach_key);
	__type(value, struct sv_attach);
} sv_attach SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * SV_GROUP_MAX);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u64);
} sv_gate SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SV_GROUP_MAX);
	__type(key, __u32);
	__type(value, struct sv_gate_seen);
} sv_gate_seen SEC(".maps");

/* clang 14 cannot describe a struct bpf_devmap_val inside a map of maps: sizes instead of types. */
struct sv_fanout_inner {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 8);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SV_FANOUT_MAX);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__array(values, struct sv_fanout_inner);
} sv_fanout SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SV_FANOUT_MAX);
	__type(key, __u32);
	__type(value, struct sv_dests);
} sv_dest SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SV_ATTACH_MAX);
	__uint(map_flags, BPF_F_MMAPABLE); /* so that the loader can store single words */
	__type(key, __u32);
	__type(value, struct sv_port);
} sv_port SEC(".maps");

/* Every port to itself: how XDP answers out of the port a frame came in by (trap: never XDP_TX). */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, SV_PORT_MAX);
	__uint(key_size, 4);
	__uint(value_size, 8);
} sv_self SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SV_SESSION_MAX);
	__type(key, __u32);
	__type(value, struct sv_session);
} sv_session SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SV_SESSION_MAX);
	__type(key, __u32);
	__type(value, struct sv_budget);
} sv_budget SEC(".maps");

#endif
