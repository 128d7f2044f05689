// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "voice.h"

#define BINS_MAX 100000

/* ---- bins ---- */

/* First and last arrival of all streams in the view. false: nothing came. */
static bool span(const struct sv_voice_view *view, int64_t *first_ns, int64_t *last_ns)
{
	bool any = false;

	for (size_t i = 0; i < view->table->n; i++) {
		const struct sv_voice_stream *stream = &view->table->row[i]->stream;
		struct sv_voice_sum sum;

		sv_voice_sum(stream, view->from_ns, view->to_ns, &sum);
		if (!stream->established || !sum.received)
			continue;
		if (!any || sum.first_ns < *first_ns)
			*first_ns = sum.first_ns;
		if (!any || sum.last_ns > *last_ns)
			*last_ns = sum.last_ns;
		any = true;
	}
	return any;
}

static int64_t *cuts(const struct sv_voice_options *options, size_t *n)
{
	int64_t *edge = calloc(options->cuts, sizeof(*edge));

	if (!edge)
		return NULL;
	memcpy(edge, options->cut_ns, options->cuts * sizeof(*edge));
	*n = options->cuts - 1;
	return edge;
}

static int of_length(const struct sv_voice_view *view, int64_t **edge_ns, size_t *n,
		     struct sv_err *err)
{
	const int64_t bin_ns = view->options->bin_ns;
	int64_t first_ns, last_ns, bins, *edge;

	if (!span(view, &first_ns, &last_ns))
		return 0;
	if (view->from_ns != INT64_MIN)
		first_ns = view->from_ns;
	else
		first_ns -= first_ns % bin_ns;
	bins = (last_ns - first_ns) / bin_ns + 1;
	if (bins > BINS_MAX)
		return sv_err_set(err, -ERANGE,
				  "--bin: from the first packet to the last it would be %lld bins, "
				  "and %d is the most: take longer ones, or --from and --to",
				  (long long)bins, BINS_MAX);
	edge = calloc(bins + 1, sizeof(*edge));
	if (!edge)
		return -ENOMEM;
	for (int64_t i = 0; i <= bins; i++)
		edge[i] = first_ns + i * bin_ns;
	if (edge[bins] > view->to_ns)
		edge[bins] = view->to_ns;
	*edge_ns = edge;
	*n = bins;
	return 0;
}

int sv_voice_bins(const struct sv_voice_view *view, int64_t **edge_ns, size_t *n,
		  struct sv_err *err)
{
	const struct sv_voice_options *options = view->options;

	*edge_ns = NULL;
	*n = 0;
	if (options->cuts) {
		*edge_ns = cuts(options, n);
		return *edge_ns ? 0 : -ENOMEM;
	}
	return options->bin_ns && !options->watch ? of_length(view, edge_ns, n, err) : 0;
}

bool sv_voice_bin_is_shown(const struct sv_voice_view *view, const struct sv_voice_figures *figures)
{
	return !view->options->bin_ns || figures->sum.expected || figures->missed.missed;
}

/* ---- figures ---- */

bool sv_voice_figure(const struct sv_voice_view *view, const struct sv_voice_row *row,
		     struct sv_voice_figures *figures)
{
	*figures = (struct sv_voice_figures){ .from_ns = view->from_ns, .to_ns = view->to_ns };
	if (row->shown_ns && row->shown_ns < view->from_ns)
		figures->from_ns = row->shown_ns;
	sv_voice_sum(&row->stream, figures->from_ns, figures->to_ns, &figures->sum);
	/* What the entry had needs no next packet to be known. */
	figures->from_ns = view->from_ns;
	if (row->entry)
		sv_voice_path_missed(&row->stream, &row->entry->stream,
				     (const int64_t[]){ view->from_ns, view->to_ns }, 1,
				     &figures->missed);
	sv_voice_rate(&row->stream, &figures->sum, view->options->network_ms, &figures->quality);
	return figures->sum.expected || figures->missed.missed;
}

void sv_voice_figure_bins(const struct sv_voice_view *view, const struct sv_voice_row *row,
			  struct sv_voice_figures *figures)
{
	const int64_t *edge_ns = view->edge_ns;
	const size_t n = view->bins;
	struct sv_voice_missed *missed = calloc(n, sizeof(*missed));
	struct sv_voice_sum *sum = calloc(n, sizeof(*sum));

	if (sum)
		sv_voice_sums(&row->stream, edge_ns, n, sum);
	if (missed && row->entry)
		sv_voice_path_missed(&row->stream, &row->entry->stream, edge_ns, n, missed);
	for (size_t i = 0; i < n; i++) {
		figures[i] =
			(struct sv_voice_figures){ .from_ns = edge_ns[i], .to_ns = edge_ns[i + 1] };
		if (sum)
			figures[i].sum = sum[i];
		if (missed)
			figures[i].missed = missed[i];
		sv_voice_rate(&row->stream, &figures[i].sum, view->options->network_ms,
			      &figures[i].quality);
	}
	free(sum);
	free(missed);
}

/* ---- points ---- */

static void summarize(struct sv_voice_summary *summary, const struct sv_voice_figures *figures)
{
	const struct sv_voice_quality *quality = &figures->quality;

	summary->streams++;
	summary->expected += figures->sum.expected;
	summary->lost += figures->sum.lost;
	summary->discarded += figures->sum.late + figures->sum.early;
	if (isnan(quality->mos))
		return;
	if (!summary->rated || quality->mos < summary->mos_min)
		summary->mos_min = quality->mos;
	if (!summary->rated || quality->r < summary->r_min)
		summary->r_min = quality->r;
	summary->rated++;
	summary->mos_sum += quality->mos;
}

size_t sv_voice_summarize(const struct sv_voice_view *view, struct sv_voice_summary *summary,
			  size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < view->table->n; i++) {
		const struct sv_voice_row *row = view->table->row[i];
		struct sv_voice_figures figures;

		if (!row->stream.established || !sv_voice_figure(view, row, &figures))
			continue;
		if (!n || summary[n - 1].place != row->place) {
			if (n == max)
				break;
			summary[n++] = (struct sv_voice_summary){ .place = row->place };
		}
		summarize(&summary[n - 1], &figures);
	}
	return n;
}
