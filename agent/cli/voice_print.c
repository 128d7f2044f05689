// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "agent/json.h"
#include "agent/voice/emodel.h"
#include "voice.h"

#define SCREEN_BEGIN "\033[H\033[J\033[?7l"
#define SCREEN_END "\033[?7h"

static void add_percent(struct sv_table *table, uint64_t n, uint64_t of)
{
	sv_table_add(table, "%llu (%.2f%%)", (unsigned long long)n, of ? 100.0 * n / of : 0.0);
}

static void add_pair(struct sv_table *table, double mean, double max, uint64_t n)
{
	if (n)
		sv_table_add(table, "%.1f/%.1f", mean / n, max);
	else
		sv_table_add(table, "-");
}

/* What an interval and a stream have in common. */
static void add_figures(struct sv_table *table, const struct sv_voice_figures *figures)
{
	const struct sv_voice_quality *quality = &figures->quality;
	const struct sv_voice_sum *sum = &figures->sum;

	sv_table_add(table, "%llu", (unsigned long long)sum->received);
	add_percent(table, sum->lost, sum->expected);
	add_percent(table, sum->late + sum->early, sum->expected);
	sv_table_add(table, "%.2f", sv_voice_sum_burst_ratio(sum));
	sv_table_add(table, "%llu/%llu", (unsigned long long)sum->reordered,
		     (unsigned long long)sum->duplicated);
	add_pair(table, sum->jitter_sum_ms, sum->jitter_max_ms, sum->jitters);
	add_pair(table, sum->delay_sum_ms, sum->delay_max_ms, sum->delays);
	if (figures->missed.sent)
		add_percent(table, figures->missed.missed, figures->missed.sent);
	else
		sv_table_add(table, "-");
	if (isnan(quality->mos)) {
		sv_table_add(table, "-");
		sv_table_add(table, "-");
		sv_table_add(table, "%s", sum->expected ? "its codec has no rating" : "-");
		return;
	}
	sv_table_add(table, "%.1f", quality->r);
	sv_table_add(table, "%.2f", quality->mos);
	sv_table_add(table, "%s", quality->word);
}

static void add_row(struct sv_table *table, const struct sv_voice_row *row,
		    const struct sv_voice_figures *figures)
{
	char text[256];

	sv_voice_place_name(row->place, text, sizeof(text));
	sv_table_add(table, "%s", text);
	sv_flow_source(&row->flow, text);
	sv_table_add(table, "%s", text);
	sv_flow_destination(&row->flow, text);
	sv_table_add(table, "%s", text);
	sv_table_add(table, "%08x", row->ssrc);
	sv_table_add(table, "%s %.0f ms",
		     row->stream.profile->payload[sv_voice_stream_type(&row->stream)].name,
		     row->stream.step_ms);
	add_figures(table, figures);
}

static void add_bin_rows(struct sv_table *table, const struct sv_voice_view *view,
			 const struct sv_voice_row *row)
{
	_cleanup_free_ struct sv_voice_figures *figures = calloc(view->bins, sizeof(*figures));
	const int64_t *edge = view->edge_ns;

	if (!figures)
		return;
	sv_voice_figure_bins(view, row, figures);
	for (size_t i = 0; i < view->bins; i++) {
		time_t s = edge[i] / 1000000000;
		char text[32];
		struct tm tm;

		if (!sv_voice_bin_is_shown(view, &figures[i]))
			continue;
		strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&s, &tm));
		sv_table_add(table, "  %s +%g s", text, (edge[i + 1] - edge[i]) / 1e9);
		for (int cell = 0; cell < 4; cell++)
			sv_table_add(table, "%s", "");
		add_figures(table, &figures[i]);
	}
}

static void print_points(const struct sv_voice_view *view)
{
	static const char *const names[] = { "POINT",	  "STREAMS", "EXPECTED", "LOST",
					     "DISCARDED", "MOS",     "WORST",	 "" };
	const size_t columns = sizeof(names) / sizeof(*names);
	_cleanup_free_ struct sv_voice_summary *summary =
		calloc(SV_VOICE_SUMMARIES, sizeof(*summary));
	size_t n = summary ? sv_voice_summarize(view, summary, SV_VOICE_SUMMARIES) : 0;
	struct sv_table table;

	sv_table_init(&table, columns);
	for (size_t i = 0; i < columns; i++)
		sv_table_add(&table, "%s", names[i]);
	for (size_t i = 0; i < n; i++) {
		const struct sv_voice_summary *s = &summary[i];
		char text[256];

		sv_voice_place_name(s->place, text, sizeof(text));
		sv_table_add(&table, "%s", text);
		sv_table_add(&table, "%llu", (unsigned long long)s->streams);
		sv_table_add(&table, "%llu", (unsigned long long)s->expected);
		add_percent(&table, s->lost, s->expected);
		add_percent(&table, s->discarded, s->expected);
		sv_table_add(&table, s->rated ? "%.2f" : "-", s->mos_sum / (s->rated ?: 1));
		sv_table_add(&table, s->rated ? "%.2f" : "-", s->mos_min);
		sv_table_add(&table, "%s", s->rated ? sv_emodel_word(s->r_min) : "not rated");
	}
	sv_table_print(&table);
}

/* What makes the figures something else than what the network did. */
static void print_caveats(const struct sv_voice_view *view, size_t rows)
{
	const struct sv_voice_table *table = view->table;

	if (view->lost)
		printf("%llu records lost: the rings were full\n", (unsigned long long)view->lost);
	if (view->unrecorded > 0)
		printf("%lld frames of the session not recorded (sample, budget, a busy CPU: svnet "
		       "monitor list): if they were voice, they count as lost\n",
		       (long long)view->unrecorded);
	if (table->ignored)
		printf("%llu packets ignored: there are more than %d streams, or their numbers "
		       "jump\n",
		       (unsigned long long)table->ignored, SV_VOICE_STREAMS);
	if (!rows && !view->options->watch)
		printf("no RTP stream in %llu frames, of which %llu may be RTP\n",
		       (unsigned long long)table->packets, (unsigned long long)table->rtp);
}

void sv_voice_print_table(const struct sv_voice_view *view)
{
	static const char *const names[] = { "POINT",  "SOURCE",    "DESTINATION", "SSRC",
					     "CODEC",  "RECEIVED",  "LOST",	   "DISCARDED",
					     "BURST",  "REORD/DUP", "JITTER",	   "DELAY",
					     "MISSED", "R",	    "MOS",	   "RATING" };
	const bool screen = view->options->watch && isatty(STDOUT_FILENO);
	const size_t columns = sizeof(names) / sizeof(*names);
	const size_t rows = sv_voice_table_sort(view->table);
	struct sv_table table;

	printf("%s", screen ? SCREEN_BEGIN : "");
	print_caveats(view, rows);
	fflush(stdout);
	print_points(view);
	printf("\n");
	sv_table_init(&table, columns);
	for (size_t i = 0; i < columns; i++)
		sv_table_add(&table, "%s", names[i]);
	for (size_t i = 0; i < rows; i++) {
		const struct sv_voice_row *row = view->table->row[i];
		struct sv_voice_figures figures;

		if (!sv_voice_figure(view, row, &figures))
			continue;
		add_row(&table, row, &figures);
		if (view->edge_ns)
			add_bin_rows(&table, view, row);
	}
	sv_table_print(&table);
	printf("%s", screen ? SCREEN_END : view->options->watch ? "\n" : "");
}
