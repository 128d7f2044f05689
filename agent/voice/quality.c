// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <string.h>

#include "emodel.h"
#include "quality.h"

#define BURST_RATIO_MAX 8

/* ---- sums ---- */

/* Boyer and Moore's majority vote. */
static void vote(struct sv_voice_sum *sum, uint8_t type)
{
	if (!sum->votes)
		sum->type = type;
	if (sum->type == type)
		sum->votes++;
	else
		sum->votes--;
}

static void add_received(struct sv_voice_sum *sum, const struct sv_voice_slot *slot)
{
	if (!sum->received || slot->at_ns < sum->first_ns)
		sum->first_ns = slot->at_ns;
	if (!sum->received || slot->at_ns > sum->last_ns)
		sum->last_ns = slot->at_ns;
	sum->received++;
	sum->duplicated += slot->copies;
	sum->reordered += !!(slot->flags & SV_VOICE_REORDERED);
	sum->late += !!(slot->flags & SV_VOICE_IS_LATE);
	sum->early += !!(slot->flags & SV_VOICE_IS_EARLY);
	if (slot->flags & SV_VOICE_NOISE)
		sum->comfort_noise++;
	else
		vote(sum, slot->pt);
	if (slot->flags & SV_VOICE_JITTER) {
		sum->jitters++;
		sum->jitter_sum_ms += slot->jitter_ms;
		sum->jitter_max_ms = fmax(sum->jitter_max_ms, slot->jitter_ms);
	}
	if (slot->buffer_ms > 0) {
		sum->buffers++;
		sum->buffer_sum_ms += slot->buffer_ms;
	}
}

static void add_delay(struct sv_voice_sum *sum, const struct sv_voice_slot *slot)
{
	double ms = slot->delay_us / 1e3;

	if (!(slot->flags & SV_VOICE_DELAY))
		return;
	sum->delay_min_ms = sum->delays ? fmin(sum->delay_min_ms, ms) : ms;
	sum->delay_max_ms = sum->delays ? fmax(sum->delay_max_ms, ms) : ms;
	sum->delay_sum_ms += ms;
	sum->delays++;
}

/* Index of the next slot that was received; there always is one behind a lost one. */
static size_t next_received(const struct sv_voice_stream *stream, size_t i)
{
	while (!(stream->slot[i].flags & SV_VOICE_RECEIVED))
		i++;
	return i;
}

/* When slot `i` came, or was due; `before` and `after` are the nearest that came. */
static int64_t time_of(const struct sv_voice_stream *stream, size_t i, size_t before, size_t after)
{
	const struct sv_voice_slot *slot = stream->slot;

	if (i == after)
		return slot[i].at_ns;
	return slot[before].at_ns + (slot[after].at_ns - slot[before].at_ns) *
					    (int64_t)(i - before) / (int64_t)(after - before);
}

static bool usable(const struct sv_voice_slot *slot)
{
	return slot->flags & SV_VOICE_RECEIVED &&
	       !(slot->flags & (SV_VOICE_IS_LATE | SV_VOICE_IS_EARLY));
}

static void add_slot(struct sv_voice_sum *sum, const struct sv_voice_slot *slot)
{
	sum->expected++;
	if (slot->flags & SV_VOICE_RECEIVED) {
		add_received(sum, slot);
		add_delay(sum, slot);
	} else {
		sum->lost++;
	}
	sum->run = usable(slot) ? 0 : sum->run + 1;
	sum->bursts += sum->run == 1;
	if (sum->run > sum->burst_max)
		sum->burst_max = sum->run;
}

ssize_t sv_voice_interval(const int64_t *edge_ns, size_t n, int64_t at_ns)
{
	size_t low = 0, high = n;

	if (at_ns < edge_ns[0] || at_ns >= edge_ns[n])
		return -1;
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (at_ns < edge_ns[middle])
			high = middle;
		else
			low = middle;
	}
	return low;
}

void sv_voice_sums(const struct sv_voice_stream *stream, const int64_t *edge_ns, size_t n,
		   struct sv_voice_sum *sum)
{
	size_t before = 0, after = 0;

	memset(sum, 0, n * sizeof(*sum));
	for (size_t i = 0; i < stream->n; i++) {
		ssize_t at;

		if (i > after) {
			before = after;
			after = next_received(stream, i);
		}
		at = sv_voice_interval(edge_ns, n, time_of(stream, i, before, after));
		if (at >= 0)
			add_slot(&sum[at], &stream->slot[i]);
	}
}

void sv_voice_sum(const struct sv_voice_stream *stream, int64_t from_ns, int64_t to_ns,
		  struct sv_voice_sum *sum)
{
	const int64_t edge_ns[] = { from_ns, to_ns };

	sv_voice_sums(stream, edge_ns, 1, sum);
}

static uint64_t missing(const struct sv_voice_sum *sum)
{
	return sum->lost + sum->late + sum->early;
}

double sv_voice_sum_missing(const struct sv_voice_sum *sum)
{
	return sum->expected ? 100.0 * missing(sum) / sum->expected : 0;
}

double sv_voice_sum_burst_ratio(const struct sv_voice_sum *sum)
{
	if (!sum->bursts || missing(sum) == sum->expected)
		return 1;
	return (double)missing(sum) / sum->bursts * (1 - sv_voice_sum_missing(sum) / 100);
}

/* ---- rating ---- */

void sv_voice_rate(const struct sv_voice_stream *stream, const struct sv_voice_sum *sum,
		   double network_ms, struct sv_voice_quality *quality)
{
	const uint8_t type = sum->votes ? sum->type : sv_voice_stream_type(stream);
	const struct sv_voice_codec *codec = stream->profile->payload[type].codec;
	struct sv_emodel model = sv_emodel_default;

	*quality = (struct sv_voice_quality){ .r = NAN, .mos = NAN };
	if (sum->delays)
		network_ms += sum->delay_sum_ms / sum->delays;
	if (sum->buffers)
		network_ms += sum->buffer_sum_ms / sum->buffers;
	quality->mouth_to_ear_ms = network_ms;
	if (!codec || !sum->expected)
		return;
	quality->mouth_to_ear_ms += sv_voice_codec_delay(codec, stream->step_ms);
	sv_emodel_delay(&model, quality->mouth_to_ear_ms);
	model.ie = codec->ie;
	model.bpl = codec->bpl;
	model.ppl = sv_voice_sum_missing(sum);
	model.burst_r = fmin(fmax(sv_voice_sum_burst_ratio(sum), 1), BURST_RATIO_MAX);
	quality->r = sv_emodel_r(&model);
	quality->mos = sv_emodel_mos(quality->r);
	quality->word = sv_emodel_word(quality->r);
	quality->codec = codec->name;
}
