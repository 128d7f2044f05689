// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "path.h"
#include "quality.h"

static bool same(const struct sv_voice_slot *a, const struct sv_voice_slot *b)
{
	return a->flags & b->flags & SV_VOICE_RECEIVED && a->seq == b->seq && a->ts == b->ts;
}

/* After as many packets in a row that were looked for everywhere in vain, one of as many is. */
#define SEARCHES 100
#define NUMBERS 65536

struct match {
	const struct sv_voice_stream *from;
	ptrdiff_t offset; /* index there minus index here */
	bool settled; /* the offset was right for some packet */
	unsigned int searched; /* in vain, since the last that was found */
};

/* Where its number has its place; everywhere, where numbers began anew. */
static const struct sv_voice_slot *search(struct match *m, const struct sv_voice_slot *slot,
					  size_t index)
{
	const struct sv_voice_stream *from = m->from;
	const bool anew = from->restarts;
	size_t i = 0;

	if (anew && m->searched > SEARCHES && m->searched++ % SEARCHES)
		return NULL;
	/* The first slot always holds a packet. */
	if (!anew && from->n)
		i = (uint16_t)(slot->seq - from->slot[0].seq);
	for (; i < from->n; i += anew ? 1 : NUMBERS)
		if (same(&from->slot[i], slot)) {
			m->offset = (ptrdiff_t)i - (ptrdiff_t)index;
			return &from->slot[i];
		}
	m->searched++;
	return NULL;
}

/* One offset holds from a packet to the next, until one of the two streams restarts. */
static const struct sv_voice_slot *find(struct match *m, const struct sv_voice_slot *slot,
					size_t index)
{
	const struct sv_voice_slot *there = NULL;
	ptrdiff_t at = (ptrdiff_t)index + m->offset;

	if (at >= 0 && (size_t)at < m->from->n)
		there = &m->from->slot[at];
	/* It never came there. */
	if (there && m->settled && !(there->flags & SV_VOICE_RECEIVED))
		return NULL;
	if (!there || !same(there, slot))
		there = search(m, slot, index);
	if (there) {
		m->settled = true;
		m->searched = 0;
	}
	return there;
}

/* The delay of slot `i` of `to`. false: it was not seen at `from`. */
static bool delay_of(struct match *m, const struct sv_voice_stream *to, size_t i, int64_t *ns)
{
	const struct sv_voice_slot *slot = &to->slot[i], *entry = NULL;

	if (slot->flags & SV_VOICE_RECEIVED)
		entry = find(m, slot, i);
	if (entry)
		*ns = slot->at_ns - entry->at_ns;
	return entry;
}

size_t sv_voice_path_delay(const struct sv_voice_stream *to, const struct sv_voice_stream *from,
			   double *mean_ms)
{
	struct match m = { .from = from };
	size_t matched = 0;
	double sum_ms = 0;
	int64_t ns;

	for (size_t i = 0; i < to->n; i++)
		if (delay_of(&m, to, i, &ns)) {
			sum_ms += ns / 1e6;
			matched++;
		}
	*mean_ms = matched ? sum_ms / matched : 0;
	return matched;
}

void sv_voice_path_match(struct sv_voice_stream *to, const struct sv_voice_stream *from)
{
	struct match m = { .from = from };
	int64_t ns;

	for (size_t i = 0; i < to->n; i++)
		if (delay_of(&m, to, i, &ns) && ns / 1000 <= INT32_MAX) {
			to->slot[i].delay_us = ns > 0 ? ns / 1000 : 0;
			to->slot[i].flags |= SV_VOICE_DELAY;
		}
}

void sv_voice_path_missed(const struct sv_voice_stream *to, const struct sv_voice_stream *from,
			  const int64_t *edge_ns, size_t n, struct sv_voice_missed *missed)
{
	struct match m = { .from = to };

	memset(missed, 0, n * sizeof(*missed));
	for (size_t i = 0; i < from->n; i++) {
		const struct sv_voice_slot *slot = &from->slot[i];
		ssize_t at = -1;

		if (slot->flags & SV_VOICE_RECEIVED)
			at = sv_voice_interval(edge_ns, n, slot->at_ns);
		if (at < 0)
			continue;
		missed[at].sent++;
		missed[at].missed += !find(&m, slot, i);
	}
}
