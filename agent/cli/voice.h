/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_VOICE_H
#define SV_AGENT_CLI_VOICE_H

#include "agent/voice/path.h"
#include "agent/voice/quality.h"
#include "cli.h"
#include "flow.h"
#include "maps/tap.h"

/* ---- voice_options.c ---- */
#define SV_VOICE_CUTS 1024

struct sv_voice_options {
	const cJSON *files; /* array of paths; NULL: a session's rings */
	bool watch, json;
	int64_t from_ns, to_ns; /* Unix time */
	int64_t bin_ns; /* 0: none, or by cut */
	int64_t cut_ns[SV_VOICE_CUTS]; /* bins between these instants */
	size_t cuts;
	int64_t max_ns; /* how long rings are read; 0: until somebody asks */
	double network_ms;
	bool concealment;
	struct sv_voice_profile profile;
};
int sv_voice_options_parse(const cJSON *params, struct sv_voice_options *options,
			   struct sv_err *err);
/* "fixed:60/120", "adaptive:20-200" */
int sv_voice_buffer_parse(const char *text, struct sv_voice_buffer_profile *profile,
			  struct sv_err *err);

/* ---- voice_table.c: the streams of a session or of capture files ---- */
struct sv_voice_place {
	struct sv_point point; /* all empty: a capture file without points */
	const char *file; /* its path, whose it is that gave it; "": a point */
	struct sv_voice_place *next;
};

struct sv_voice_row {
	const struct sv_voice_place *place;
	struct sv_flow flow;
	uint32_t ssrc;
	uint64_t born; /* which frame of the table was its first */
	struct sv_voice_stream stream;
	const struct sv_voice_row *entry; /* where its delays are measured from; NULL: nowhere */
	/* --watch: all that was due before has been shown; 0: nothing yet. */
	int64_t shown_ns;
	bool gone; /* to be dropped */
};

#define SV_VOICE_STREAMS 16384

struct sv_voice_table {
	const struct sv_voice_profile *profile;
	struct sv_voice_place *places;
	struct sv_voice_row **row;
	size_t n;
	uint32_t *slot; /* 1 + row, 0 = free; open addressing */
	uint32_t mask;
	uint64_t packets, rtp; /* frames seen; of them, what may be RTP */
	uint64_t ignored; /* of that, what the full table had no place for */
	bool full; /* of streams, until some end */
	size_t slots; /* of all streams, stream.h */
	uint64_t fresh; /* of rtp, since an interval was shown last */
};
int sv_voice_table_init(struct sv_voice_table *table, const struct sv_voice_profile *profile);
void sv_voice_table_fini(struct sv_voice_table *table);
/* A frame that came at this point; `file` stays the caller's, and may be NULL. 0 or -ENOMEM. */
int sv_voice_table_add(struct sv_voice_table *table, const struct sv_point *point, const char *file,
		       const uint8_t *frame, size_t cap, int64_t at_ns);
/*
 * Finds every stream's entry: the other point of the same VNet (or of none) from which it takes
 * longest to come. Its addresses may be others there, but only when they are at no other point what
 * they are here, and one stream there has its packets. Then packets get their delays.
 */
void sv_voice_table_match(struct sv_voice_table *table);
/* Established streams first, by VNet, point and first packet; returns how many. */
size_t sv_voice_table_sort(struct sv_voice_table *table);
/*
 * An interval that ends with to_ns was shown; what is older than before_ns may go, and so may a
 * stream of which nothing has come for a minute, there or where it enters.
 */
void sv_voice_table_shown(struct sv_voice_table *table, int64_t to_ns, int64_t before_ns);

/* ---- voice_figures.c, voice_json.c, voice_print.c: what has been seen from_ns … to_ns ---- */
struct sv_voice_view {
	struct sv_voice_table *table;
	const struct sv_voice_options *options;
	const char *session; /* NULL: files */
	int64_t from_ns, to_ns;
	const int64_t *edge_ns; /* of the bins that were asked for; NULL: none */
	size_t bins;
	uint64_t lost; /* records that found their ring full */
	/* Frames that sessions were not asked about, or shed for another reason; -1: not known. */
	int64_t unrecorded;
};
struct sv_voice_figures {
	int64_t from_ns, to_ns;
	struct sv_voice_sum sum;
	struct sv_voice_missed missed; /* since the entry; all 0 without one */
	struct sv_voice_quality quality;
};
/*
 * A row's part of the view. An interval of --watch begins for a stream where its last one ended to
 * be known: what is missing shows when the next packet comes. false: nothing is known of the row.
 */
bool sv_voice_figure(const struct sv_voice_view *view, const struct sv_voice_row *row,
		     struct sv_voice_figures *figures);
/* The same for the view's bins, in order. */
void sv_voice_figure_bins(const struct sv_voice_view *view, const struct sv_voice_row *row,
			  struct sv_voice_figures *figures);
/* Is there anything to say of a bin? Of bins of a length, others are left out. */
bool sv_voice_bin_is_shown(const struct sv_voice_view *view,
			   const struct sv_voice_figures *figures);

/* All streams of a point together. */
struct sv_voice_summary {
	const struct sv_voice_place *place;
	uint64_t streams, rated, expected, lost, discarded;
	double mos_sum, mos_min, r_min;
};
/* Up to `max`, in the order of rows, which are sorted; returns how many. */
size_t sv_voice_summarize(const struct sv_voice_view *view, struct sv_voice_summary *summary,
			  size_t max);
#define SV_VOICE_SUMMARIES 4096

void sv_voice_print_json(const struct sv_voice_view *view);
void sv_voice_print_table(const struct sv_voice_view *view);
/* "A/exit r3:eth1 out", or the file */
void sv_voice_place_name(const struct sv_voice_place *place, char *text, size_t size);
/*
 * The edges of the bins that were asked for, the caller's to free(), or NULL; *n bins, one edge
 * more. Bins of a length begin at --from, else at a multiple of their length, and end with the last
 * packet. -ERANGE: too many.
 */
int sv_voice_bins(const struct sv_voice_view *view, int64_t **edge_ns, size_t *n,
		  struct sv_err *err);

#endif
