// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "voice.h"

#define BINS_MAX 100000

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

int64_t *sv_voice_bins(const struct sv_voice_view *view, size_t *n)
{
	const struct sv_voice_options *options = view->options;
	int64_t first_ns, last_ns, *edge;

	*n = 0;
	if (options->cuts)
		return cuts(options, n);
	if (!options->bin_ns || options->watch || !span(view, &first_ns, &last_ns))
		return NULL;
	if (view->from_ns != INT64_MIN)
		first_ns = view->from_ns;
	else
		first_ns -= first_ns % options->bin_ns;
	*n = (last_ns - first_ns) / options->bin_ns + 1;
	if (*n > BINS_MAX)
		*n = BINS_MAX;
	edge = calloc(*n + 1, sizeof(*edge));
	for (size_t i = 0; edge && i <= *n; i++)
		edge[i] = first_ns + (int64_t)i * options->bin_ns;
	if (edge && edge[*n] > view->to_ns)
		edge[*n] = view->to_ns;
	if (!edge)
		*n = 0;
	return edge;
}
