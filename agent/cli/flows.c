// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flows.h"

int sv_flows_init(struct sv_flows *flows, size_t max)
{
	size_t slots = 16;

	while (slots < 2 * max)
		slots *= 2;
	*flows = (struct sv_flows){ .max = max, .mask = slots - 1 };
	flows->row = calloc(max, sizeof(*flows->row));
	flows->slot = calloc(slots, sizeof(*flows->slot));
	if (flows->row && flows->slot)
		return 0;
	sv_flows_fini(flows);
	return -ENOMEM;
}

void sv_flows_fini(struct sv_flows *flows)
{
	free(flows->row);
	free(flows->slot);
	*flows = (struct sv_flows){ 0 };
}

static void count(struct sv_flow_sum *sum, uint64_t packets, uint64_t bytes)
{
	sum->packets += packets;
	sum->bytes += bytes;
}

static uint32_t hash(const struct sv_flow *flow, const void *point)
{
	return sv_flow_hash(flow) ^ (uint32_t)((uintptr_t)point >> 4) * 0x9e3779b1;
}

static bool is(const struct sv_flow_row *row, const struct sv_flow *flow, const void *point)
{
	return row->point == point && !memcmp(&row->flow, flow, sizeof(*flow));
}

/* Where it is, or where it would go. */
static uint32_t *find(struct sv_flows *flows, const struct sv_flow *flow, const void *point)
{
	for (uint32_t at = hash(flow, point);; at++) {
		uint32_t *slot = &flows->slot[at & flows->mask];

		if (!*slot || is(&flows->row[*slot - 1], flow, point))
			return slot;
	}
}

static void index_rows(struct sv_flows *flows)
{
	memset(flows->slot, 0, (flows->mask + 1) * sizeof(*flows->slot));
	for (size_t i = 0; i < flows->n; i++)
		*find(flows, &flows->row[i].flow, flows->row[i].point) = i + 1;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int biggest_first(const void *a, const void *b)
{
	const struct sv_flow_row *x = a, *y = b;

	return compare(x->now.bytes, y->now.bytes) ?: compare(x->total.bytes, y->total.bytes);
}

size_t sv_flows_sort(struct sv_flows *flows)
{
	size_t n = 0;

	qsort(flows->row, flows->n, sizeof(*flows->row), biggest_first);
	index_rows(flows);
	while (n < flows->n && flows->row[n].now.packets)
		n++;
	return n;
}

static void evict(struct sv_flows *flows)
{
	size_t keep = flows->max - (flows->max + 3) / 4;

	sv_flows_sort(flows);
	for (size_t i = keep; i < flows->n; i++)
		count(&flows->evicted, flows->row[i].total.packets, flows->row[i].total.bytes);
	flows->evictions += flows->n - keep;
	flows->n = keep;
	index_rows(flows);
}

void sv_flows_add(struct sv_flows *flows, const struct sv_flow *flow, const void *point,
		  uint64_t packets, uint64_t bytes)
{
	uint32_t *slot = find(flows, flow, point);
	struct sv_flow_row *row;

	if (!*slot && flows->n == flows->max) {
		evict(flows);
		slot = find(flows, flow, point);
	}
	if (!*slot) {
		flows->row[flows->n] = (struct sv_flow_row){ .flow = *flow, .point = point };
		*slot = ++flows->n;
	}
	row = &flows->row[*slot - 1];
	count(&row->now, packets, bytes);
	count(&row->total, packets, bytes);
	count(&flows->now, packets, bytes);
	count(&flows->total, packets, bytes);
}

void sv_flows_tick(struct sv_flows *flows)
{
	for (size_t i = 0; i < flows->n; i++)
		flows->row[i].now = (struct sv_flow_sum){ 0 };
	flows->now = (struct sv_flow_sum){ 0 };
}
