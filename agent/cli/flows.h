/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_FLOWS_H
#define SV_AGENT_CLI_FLOWS_H

#include "flow.h"

/*
 * The flows of a session, each at the point where it was seen. A bounded table: when it is full the
 * smallest quarter goes, and is remembered as a sum. Pure.
 */
struct sv_flow_sum {
	uint64_t packets, bytes;
};

struct sv_flow_row {
	struct sv_flow flow;
	const void *point; /* told apart by its address */
	struct sv_flow_sum now; /* since the last sv_flows_tick() */
	struct sv_flow_sum total;
};

struct sv_flows {
	struct sv_flow_row *row;
	size_t n, max;
	uint32_t *slot; /* 1 + row, 0 = free; open addressing */
	uint32_t mask;
	struct sv_flow_sum now, total; /* of everything that was added */
	struct sv_flow_sum evicted; /* totals of flows that went */
	uint64_t evictions;
};

int sv_flows_init(struct sv_flows *flows, size_t max);
void sv_flows_fini(struct sv_flows *flows);
void sv_flows_add(struct sv_flows *flows, const struct sv_flow *flow, const void *point,
		  uint64_t packets, uint64_t bytes);
/* Puts the biggest of now first; returns how many had a packet. */
size_t sv_flows_sort(struct sv_flows *flows);
/* A new interval. */
void sv_flows_tick(struct sv_flows *flows);

#endif
