// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "voice.h"

#define ROWS_MAX 16384
#define SLOTS (2 * ROWS_MAX) /* a power of two */

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

/* ---- points --------------------------------------------------------------------------------- */

void sv_voice_place_name(const struct sv_voice_place *place, char *text, size_t size)
{
	char name[SV_CLI_POINT_MAX];

	sv_cli_point_name(&place->point, name);
	snprintf(text, size, "%s", place->point.vnet[0] || !place->file[0] ? name : place->file);
}

/* A point is what it is called: in files that follow one another it is the same. */
static const struct sv_voice_place *place_of(struct sv_voice_table *table,
					     const struct sv_point *point, const char *file)
{
	struct sv_voice_place *place;
	char name[sizeof(place->file)] = "";

	if (!point->vnet[0] && file)
		snprintf(name, sizeof(name), "%s", file);
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
	memcpy(place->file, name, sizeof(name));
	place->next = table->places;
	table->places = place;
	return place;
}

/* ---- rows ----------------------------------------------------------------------------------- */

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

/* What looked like RTP and was not goes first. */
static void drop_strangers(struct sv_voice_table *table)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n; i++)
		if (table->row[i]->stream.established)
			table->row[n++] = table->row[i];
		else
			free_row(table->row[i]);
	table->n = n;
	index_rows(table);
}

static struct sv_voice_row *add_row(struct sv_voice_table *table,
				    const struct sv_voice_place *place, const struct sv_flow *flow,
				    uint32_t ssrc)
{
	struct sv_voice_row *row;

	if (table->n == ROWS_MAX)
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

	table->packets++;
	if (!udp || !sv_rtp_parse(&rtp, udp, have, len))
		return 0;
	table->rtp++;
	place = place_of(table, point, file);
	if (!place)
		return -ENOMEM;
	slot = *find(table, place, &flow, rtp.ssrc);
	row = slot ? table->row[slot - 1] : add_row(table, place, &flow, rtp.ssrc);
	if (!row) {
		table->ignored++;
		return 0;
	}
	return sv_voice_stream_add(&row->stream, &rtp, at_ns);
}

/* ---- all of them ---------------------------------------------------------------------------- */

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

/* Does the stream come to `to` by way of `from`, and how long does that take? */
static bool comes_by(const struct sv_voice_row *from, const struct sv_voice_row *to, double *ms)
{
	const char *a = from->place->point.vnet, *b = to->place->point.vnet;

	if (from == to || from->ssrc != to->ssrc || !from->stream.established ||
	    (*a && *b && strcmp(a, b)) || !sv_voice_path_delay(&to->stream, &from->stream, ms))
		return false;
	return *ms > SAME_MS || (*ms > -SAME_MS && from->born < to->born);
}

static void find_entry(struct sv_voice_table *table, struct sv_voice_row *to)
{
	double ms, longest_ms = 0;

	for (size_t i = 0; i < table->n; i++) {
		const struct sv_voice_row *from = table->row[i];

		if (!comes_by(from, to, &ms))
			continue;
		if (!to->entry || ms > longest_ms + SAME_MS ||
		    (ms > longest_ms - SAME_MS && from->born < to->entry->born)) {
			longest_ms = ms;
			to->entry = from;
		}
	}
}

void sv_voice_table_match(struct sv_voice_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		struct sv_voice_row *to = table->row[i];

		if (!to->stream.established)
			continue;
		if (!to->entry)
			find_entry(table, to);
		if (to->entry)
			sv_voice_path_match(&to->stream, &to->entry->stream);
	}
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
}
