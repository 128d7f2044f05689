// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "path.h"

static bool same(const struct sv_voice_slot *a, const struct sv_voice_slot *b)
{
	return a->flags & b->flags & SV_VOICE_RECEIVED && a->seq == b->seq && a->ts == b->ts;
}

/* As many packets in a row may be looked for everywhere, and not be found. */
#define SEARCHES 100

struct match {
	const struct sv_voice_stream *from;
	ptrdiff_t offset; /* index there minus index here */
	unsigned int searched; /* in vain, since the last that was found */
};

static const struct sv_voice_slot *search(struct match *m, const struct sv_voice_slot *slot,
					  size_t index)
{
	if (m->searched > SEARCHES)
		return NULL;
	for (size_t i = 0; i < m->from->n; i++)
		if (same(&m->from->slot[i], slot)) {
			m->offset = (ptrdiff_t)i - (ptrdiff_t)index;
			return &m->from->slot[i];
		}
	m->searched++;
	return NULL;
}

/* One offset holds from a packet to the next, until one of the two streams restarts. */
static const struct sv_voice_slot *find(struct match *m, const struct sv_voice_slot *slot,
					size_t index)
{
	const struct sv_voice_slot *entry = NULL;
	ptrdiff_t at = (ptrdiff_t)index + m->offset;

	if (at >= 0 && (size_t)at < m->from->n && same(&m->from->slot[at], slot))
		entry = &m->from->slot[at];
	else
		entry = search(m, slot, index);
	if (entry)
		m->searched = 0;
	return entry;
}

size_t sv_voice_path_match(struct sv_voice_stream *to, const struct sv_voice_stream *from)
{
	struct match m = { .from = from };
	size_t matched = 0;

	for (size_t i = 0; i < to->n; i++) {
		struct sv_voice_slot *slot = &to->slot[i];
		const struct sv_voice_slot *entry;
		int64_t delay_us;

		if (!(slot->flags & SV_VOICE_RECEIVED))
			continue;
		entry = find(&m, slot, i);
		delay_us = entry ? (slot->at_ns - entry->at_ns) / 1000 : -1;
		if (delay_us < 0 || delay_us > INT32_MAX)
			continue;
		slot->delay_us = delay_us;
		slot->flags |= SV_VOICE_DELAY;
		matched++;
	}
	return matched;
}
