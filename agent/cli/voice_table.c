// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "voice.h"

#define ROWS_MAX SV_VOICE_STREAMS
#define SLOTS (2 * ROWS_MAX) /* a power of two */
/* Streams may have as many slots (stream.h), and so many more for every packet: a number that jumps
 * takes thousands. */
#define STREAM_SLOTS (4 << 20)
#define STREAM_SLOTS_A_PACKET 20
#define ENDED_NS 60000000000LL /* a stream has ended when nothing came for so long */

int sv_voice_table_init(struct sv_voice_table *table, const struct sv_voice_profile *profile)
{
	*table = (struct sv_voice_table){ .profile = profile, .mask = SLOTS - 1 };
	table->row = calloc(ROWS_MAX, sizeof(*table->row));
	table->slot = calloc(SLOTS, sizeof(*table->slot));
	if (table->row && table->slot)
		return 0;
	sv_voice_table_fini(table);
	return -ENOMEM;
}

static void free_row(struct sv_voice_row *row)
{
	sv_voice_stream_fini(&row->stream);
	free(row);
}

void sv_voice_table_fini(struct sv_voice_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free_row(table->row[i]);
	while (table->places) {
		struct sv_voice_place *next = table->places->next;

		free(table->places);
		table->places = next;
	}
	free(table->row);
	free(table->slot);
	*table = (struct sv_voice_table){ 0 };
}

/* ---- points ---- */

void sv_voice_place_name(const struct sv_voice_place *place, char *text, size_t size)
{
	char name[SV_CLI_POINT_MAX];

	sv_cli_point_name(&place->point, name);
	snprintf(text, size, "%s", *place->file ? place->file : name);
}

/* A point is what it is called: in files that follow one another it is the same. */
static const struct sv_voice_place *place_of(struct sv_voice_table *table,
					     const struct sv_point *point, const char *file)
{
	const char *name = point->vnet[0] || !file ? "" : file;
	struct sv_voice_place *place;

	/* What was looked for last is first. */
	for (struct sv_voice_place **at = &table->places; *at; at = &(*at)->next) {
		place = *at;
		if (memcmp(&place->point, point, sizeof(*point)) || strcmp(place->file, name))
			continue;
		*at = place->next;
		place->next = table->places;
		return table->places = place;
	}
	place = calloc(1, sizeof(*place));
	if (!place)
		return NULL;
	place->point = *point;
	place->file = name;
	place->next = table->places;
	table->places = place;
	return place;
}

/* ---- rows ---- */

static uint32_t hash(const struct sv_voice_place *place, const struct sv_flow *flow, uint32_t ssrc)
{
	return (sv_flow_hash(flow) ^ ssrc) * 0x9e3779b1 ^
	       (uint32_t)((uintptr_t)place >> 4) * 0x85ebca6b;
}

/* Where it is, or where it would go. */
static uint32_t *find(struct sv_voice_table *table, const struct sv_voice_place *place,
		      const struct sv_flow *flow, uint32_t ssrc)
{
	for (uint32_t at = hash(place, flow, ssrc);; at++) {
		uint32_t *slot = &table->slot[at & table->mask];
		const struct sv_voice_row *row = *slot ? table->row[*slot - 1] : NULL;

		if (!row || (row->place == place && row->ssrc == ssrc &&
			     !memcmp(&row->flow, flow, sizeof(*flow))))
			return slot;
	}
}

static void index_rows(struct sv_voice_table *table)
{
	memset(table->slot, 0, (table->mask + 1) * sizeof(*table->slot));
	for (size_t i = 0; i < table->n; i++) {
		const struct sv_voice_row *row = table->row[i];

		*find(table, row->place, &row->flow, row->ssrc) = i + 1;
	}
}

/* Those that are gone. */
static void drop_rows(struct sv_voice_table *table)
{
	size_t n = 0;

	table->slots = 0;
	for (size_t i = 0; i < table->n; i++) {
		struct sv_voice_row *row = table->row[i];

		if (row->gone) {
			free_row(row);
			continue;
		}
		table->slots += row->stream.n;
		table->row[n++] = row;
	}
	table->n = n;
	index_rows(table);
}

/* What looked like RTP and was not goes first. Where that makes little room it is not
 * tried again. */
static void drop_strangers(struct sv_voice_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		table->row[i]->gone = !table->row[i]->stream.established;
	drop_rows(table);
	table->full = table->n > ROWS_MAX - ROWS_MAX / 16;
}

static struct sv_voice_row *add_row(struct sv_voice_table *table,
				    const struct sv_voice_place *place, const struct sv_flow *flow,
				    uint32_t ssrc)
{
	struct sv_voice_row *row;

	if (table->n == ROWS_MAX && !table->full)
		drop_strangers(table);
	if (table->n == ROWS_MAX)
		return NULL;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	*row = (struct sv_voice_row){
		.place = place, .flow = *flow, .ssrc = ssrc, .born = table->packets
	};
	sv_voice_stream_init(&row->stream, table->profile);
	table->row[table->n++] = row;
	*find(table, place, flow, ssrc) = table->n;
	return row;
}

static bool is_roomy(const struct sv_voice_table *table)
{
	return table->slots < STREAM_SLOTS + STREAM_SLOTS_A_PACKET * table->fresh;
}

int sv_voice_table_add(struct sv_voice_table *table, const struct sv_point *point, const char *file,
		       const uint8_t *frame, size_t cap, int64_t at_ns)
{
	const struct sv_voice_place *place;
	struct sv_voice_row *row;
	struct sv_flow flow;
	struct sv_rtp rtp;
	size_t have, len;
	const uint8_t *udp = sv_flow_parse_udp(&flow, frame, cap, &have, &len);
	uint32_t slot;
	int rc;

	table->packets++;
	if (!udp || !sv_rtp_parse(&rtp, udp, have, len))
		return 0;
	table->rtp++;
	table->fresh++;
	place = place_of(table, point, file);
	if (!place)
		return -ENOMEM;
	slot = *find(table, place, &flow, rtp.ssrc);
	row = slot ? table->row[slot - 1] : add_row(table, place, &flow, rtp.ssrc);
	if (!row || !is_roomy(table)) {
		table->ignored++;
		return 0;
	}
	table->slots -= row->stream.n;
	rc = sv_voice_stream_add(&row->stream, &rtp, at_ns);
	table->slots += row->stream.n;
	return rc;
}

/* ---- all of them ---- */

static int64_t begin_ns(const struct sv_voice_row *row)
{
	return row->stream.n ? row->stream.slot[0].at_ns : 0;
}

static int compare(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_place(const void *a, const void *b)
{
	const struct sv_voice_row *x = *(void *const *)a, *y = *(void *const *)b;

	return compare(y->stream.established, x->stream.established) ?:
		       strcmp(x->place->point.vnet, y->place->point.vnet) ?:
		       strcmp(x->place->file, y->place->file) ?:
		       memcmp(&x->place->point, &y->place->point, sizeof(x->place->point)) ?:
		       compare(begin_ns(x), begin_ns(y)) ?:
		       compare(x->ssrc, y->ssrc);
}

size_t sv_voice_table_sort(struct sv_voice_table *table)
{
	size_t n = 0;

	qsort(table->row, table->n, sizeof(*table->row), by_place);
	index_rows(table);
	while (n < table->n && table->row[n]->stream.established)
		n++;
	return n;
}

/* Less than this is none: what a record's time is good for (maps/tap.h). */
#define SAME_MS 0.02

/* Are the same packets seen there, at another point? *ms: how long they take from there. */
static bool is_same(const struct sv_voice_row *from, const struct sv_voice_row *to, double *ms)
{
	const char *a = from->place->point.vnet, *b = to->place->point.vnet;

	return from->place != to->place && from->ssrc == to->ssrc && from->stream.established &&
	       (!*a || !*b || !strcmp(a, b)) && sv_voice_path_delay(&to->stream, &from->stream, ms);
}

/* The stream of the same addresses, or (translated) of others, from which it takes longest. */
static const struct sv_voice_row *find_first(const struct sv_voice_table *table,
					     const struct sv_voice_row *to, bool translated,
					     bool *seen)
{
	const struct sv_voice_row *first = NULL, *other[8];
	double ms, longest_ms = 0;
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct sv_voice_row *from = table->row[i];

		if (translated == !memcmp(&from->flow, &to->flow, sizeof(to->flow)) ||
		    !is_same(from, to, &ms))
			continue;
		*seen = true;
		/* Two at one point: an echo, or calls that play the same file. */
		for (size_t j = 0; j < n; j++)
			if (other[j]->place == from->place)
				return NULL;
		if (n == sizeof(other) / sizeof(*other))
			return NULL;
		other[n++] = from;
		if (ms <= -SAME_MS || (ms <= SAME_MS && from->born > to->born))
			continue;
		if (!first || ms > longest_ms + SAME_MS ||
		    (ms > longest_ms - SAME_MS && from->born < first->born)) {
			longest_ms = ms;
			first = from;
		}
	}
	return first;
}

static const struct sv_voice_row *find_entry(const struct sv_voice_table *table,
					     const struct sv_voice_row *to)
{
	bool seen = false;
	const struct sv_voice_row *entry = find_first(table, to, false, &seen);

	return seen ? entry : find_first(table, to, true, &seen);
}

void sv_voice_table_match(struct sv_voice_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		struct sv_voice_row *to = table->row[i];

		if (!to->stream.established)
			continue;
		if (!to->entry)
			to->entry = find_entry(table, to);
		if (to->entry)
			sv_voice_path_match(&to->stream, &to->entry->stream);
	}
}

/* Streams that have ended, and whose entry has: what that has is still missed. */
static void drop_ended(struct sv_voice_table *table, int64_t now_ns)
{
	size_t before = table->n;

	for (size_t i = 0; i < table->n; i++)
		table->row[i]->gone = table->row[i]->stream.seen_ns < now_ns - ENDED_NS;
	for (size_t i = 0; i < table->n; i++) {
		struct sv_voice_row *row = table->row[i];

		if (row->gone && row->entry && !row->entry->gone)
			row->gone = false;
	}
	for (size_t i = 0; i < table->n; i++)
		if (table->row[i]->entry && table->row[i]->entry->gone)
			table->row[i]->entry = NULL;
	drop_rows(table);
	table->full &= table->n == before;
}

void sv_voice_table_shown(struct sv_voice_table *table, int64_t to_ns, int64_t before_ns)
{
	for (size_t i = 0; i < table->n; i++) {
		struct sv_voice_row *row = table->row[i];
		const struct sv_voice_stream *stream = &row->stream;
		int64_t last_ns = stream->n ? stream->slot[stream->n - 1].at_ns : 0;

		if (last_ns >= to_ns)
			row->shown_ns = to_ns;
		else if (last_ns + 1 > row->shown_ns)
			row->shown_ns = last_ns + 1;
		sv_voice_stream_trim(&row->stream, before_ns);
	}
	drop_ended(table, to_ns);
	table->fresh = 0;
}
