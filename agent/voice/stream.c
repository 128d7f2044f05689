// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

/* RFC 3550 A.1 */
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100
/* A longer gap is loss as well, if the time that went by fits its packets within this factor. */
#define GAP_FIT 2
#define JITTER_GAIN (1.0 / 16) /* RFC 3550 A.8 */
#define EARLIER_MS 0.001 /* less is rounding */

void sv_voice_stream_init(struct sv_voice_stream *stream, const struct sv_voice_profile *profile)
{
	*stream = (struct sv_voice_stream){ .profile = profile };
	sv_voice_buffer_init(&stream->buffer, &profile->buffer);
}

void sv_voice_stream_fini(struct sv_voice_stream *stream)
{
	free(stream->slot);
	stream->slot = NULL;
	stream->n = stream->max = 0;
}

/* ---- slots ---- */

static int reserve(struct sv_voice_stream *stream, size_t more)
{
	size_t max = stream->max ?: 64;
	struct sv_voice_slot *slot;

	while (max < stream->n + more)
		max *= 2;
	if (max == stream->max)
		return 0;
	slot = reallocarray(stream->slot, max, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	stream->slot = slot;
	stream->max = max;
	return 0;
}

/* `count` slots of nothing behind the last, or (front) before the first. */
static int grow(struct sv_voice_stream *stream, size_t count, bool front)
{
	struct sv_voice_slot *slot;
	int rc = reserve(stream, count);

	if (rc)
		return rc;
	slot = stream->slot + (front ? 0 : stream->n);
	if (front)
		memmove(stream->slot + count, stream->slot, stream->n * sizeof(*slot));
	memset(slot, 0, count * sizeof(*slot));
	stream->n += count;
	return 0;
}

static struct sv_voice_slot *last(struct sv_voice_stream *stream)
{
	return &stream->slot[stream->n - 1];
}

/* ---- where a packet belongs ---- */

#define NOWHERE (-1)

static bool time_explains(const struct sv_voice_stream *stream, int gap, int64_t at_ns)
{
	double expected_ms = gap * stream->step_ms, went_ms = (at_ns - stream->seen_ns) / 1e6;

	return expected_ms > 0 && went_ms > expected_ms / GAP_FIT &&
	       went_ms < expected_ms * GAP_FIT;
}

/* 0 and the slot's index, NOWHERE, or -ENOMEM. */
static int find_place(struct sv_voice_stream *stream, uint16_t seq, int64_t at_ns, ssize_t *index)
{
	int ahead = (int16_t)(seq - last(stream)->seq), rc = 0;

	*index = NOWHERE;
	if (ahead > 0 && (ahead < MAX_DROPOUT || time_explains(stream, ahead, at_ns)))
		rc = grow(stream, ahead, false);
	else if (ahead > 0 || ahead <= -MAX_MISORDER)
		return 0;
	else if (-ahead >= (ssize_t)stream->n && stream->trimmed)
		return 0;
	else if (-ahead >= (ssize_t)stream->n)
		rc = grow(stream, -ahead - stream->n + 1, true);
	if (!rc)
		*index = ahead > 0 ? (ssize_t)stream->n - 1 : (ssize_t)stream->n - 1 + ahead;
	return rc;
}

/* ---- times ---- */

/* Media time since the last packet. */
static double elapsed_ms(const struct sv_voice_stream *stream, const struct sv_rtp *rtp)
{
	const struct sv_voice_payload *type = &stream->profile->payload[rtp->pt];

	return (int32_t)(rtp->ts - stream->prev_ts) * 1000.0 / type->clock;
}

/*
 * Which packets count in mean and maximum of the jitter: all but those that begin a talkspurt or
 * have to do with comfort noise. RFC 3550 defines neither mean nor maximum; this is what
 * Wireshark's stream analysis counts.
 */
static bool jitter_counts(const struct sv_voice_stream *stream, const struct sv_rtp *rtp)
{
	return !rtp->marker && !stream->prev_noise &&
	       !stream->profile->payload[rtp->pt].comfort_noise;
}

static void vote_step(struct sv_voice_stream *stream, const struct sv_voice_slot *slot,
		      double step_ms)
{
	const struct sv_voice_slot *before = slot - 1;

	if (slot == stream->slot || !(before->flags & SV_VOICE_RECEIVED) ||
	    slot->flags & (SV_VOICE_MARK | SV_VOICE_NOISE) || step_ms <= 0)
		return;
	if (fabs(stream->step_ms - step_ms) < 0.01) {
		stream->step_votes += stream->step_votes < 1000;
	} else if (stream->step_votes) {
		stream->step_votes--;
	} else {
		stream->step_ms = step_ms;
		stream->step_votes = 1;
	}
}

static void judge(struct sv_voice_stream *stream, struct sv_voice_slot *slot, double media_ms)
{
	double transit_ms = (slot->at_ns - stream->origin_ns) / 1e6 - media_ms;

	switch (sv_voice_buffer_take(&stream->buffer, &stream->profile->buffer, transit_ms,
				     media_ms, slot->flags & SV_VOICE_MARK)) {
	case SV_VOICE_LATE:
		slot->flags |= SV_VOICE_IS_LATE;
		break;
	case SV_VOICE_EARLY:
		slot->flags |= SV_VOICE_IS_EARLY;
		break;
	default:
		break;
	}
	slot->buffer_ms = stream->buffer.delay_ms;
}

/*
 * RFC 3550 A.8, from every packet to the next that comes, copies too. As in Wireshark, what is
 * older than the first packet has no part in it.
 */
static void move_jitter(struct sv_voice_stream *stream, struct sv_voice_slot *slot,
			const struct sv_rtp *rtp, int64_t at_ns, double step_ms)
{
	double difference_ms = fabs((at_ns - stream->prev_ns) / 1e6 - step_ms);

	stream->jitter_ms += (difference_ms - stream->jitter_ms) * JITTER_GAIN;
	if (!slot->copies || stream->jitter_ms > slot->jitter_ms)
		slot->jitter_ms = stream->jitter_ms;
	if (jitter_counts(stream, rtp))
		slot->flags |= SV_VOICE_JITTER;
}

/* Packets' times begin with this one. */
static void begin_times(struct sv_voice_stream *stream, int64_t at_ns)
{
	stream->begun = true;
	stream->origin_ns = at_ns;
	sv_voice_buffer_init(&stream->buffer, &stream->profile->buffer);
}

/* The newest packet, with a time from before the first one's: the sender has set its clock. */
static bool is_set_back(struct sv_voice_stream *stream, const struct sv_voice_slot *slot,
			const struct sv_rtp *rtp)
{
	return slot == last(stream) && !slot->copies &&
	       stream->prev_media_ms + elapsed_ms(stream, rtp) <= -EARLIER_MS;
}

static void time_packet(struct sv_voice_stream *stream, struct sv_voice_slot *slot,
			const struct sv_rtp *rtp, int64_t at_ns)
{
	double step_ms = 0, media_ms = 0;

	if (!stream->profile->payload[rtp->pt].clock)
		return;
	if (!stream->begun || is_set_back(stream, slot, rtp)) {
		begin_times(stream, at_ns);
	} else {
		step_ms = elapsed_ms(stream, rtp);
		media_ms = stream->prev_media_ms + step_ms;
		if (media_ms > -EARLIER_MS)
			move_jitter(stream, slot, rtp, at_ns, step_ms);
		if (!slot->copies)
			vote_step(stream, slot, step_ms);
	}
	if (!slot->copies)
		judge(stream, slot, media_ms);
	if (media_ms <= -EARLIER_MS)
		return;
	stream->prev_ns = at_ns;
	stream->prev_ts = rtp->ts;
	stream->prev_media_ms = media_ms;
	stream->prev_noise = slot->flags & SV_VOICE_NOISE;
}

/* ---- packets ---- */

static void fill(struct sv_voice_stream *stream, size_t index, const struct sv_rtp *rtp,
		 int64_t at_ns)
{
	struct sv_voice_slot *slot = &stream->slot[index];

	/* Where the numbers began anew, its place is another's. */
	if (slot->flags & SV_VOICE_RECEIVED && slot->seq != rtp->seq) {
		stream->strays++;
		return;
	}
	stream->types[rtp->pt]++;
	if (slot->flags & SV_VOICE_RECEIVED) {
		slot->copies += slot->copies < UINT8_MAX;
		time_packet(stream, slot, rtp, at_ns);
		return;
	}
	if (index && stream->slot[index - 1].flags & SV_VOICE_RECEIVED && index + 1 == stream->n)
		stream->established = true;
	slot->at_ns = at_ns;
	slot->ts = rtp->ts;
	slot->seq = rtp->seq;
	slot->pt = rtp->pt;
	slot->flags = SV_VOICE_RECEIVED | (index + 1 < stream->n ? SV_VOICE_REORDERED : 0) |
		      (rtp->marker ? SV_VOICE_MARK : 0) |
		      (stream->profile->payload[rtp->pt].comfort_noise ? SV_VOICE_NOISE : 0);
	time_packet(stream, slot, rtp, at_ns);
}

/* A place behind everything, whatever the numbers say. */
static int start_over(struct sv_voice_stream *stream, const struct sv_rtp *rtp, int64_t at_ns)
{
	int rc;

	if (!stream->established) {
		stream->n = 0;
		memset(stream->types, 0, sizeof(stream->types));
	}
	rc = grow(stream, 1, false);
	if (rc)
		return rc;
	stream->begun = false;
	stream->jitter_ms = 0;
	fill(stream, stream->n - 1, rtp, at_ns);
	return 0;
}

/* Of a jump, the first packet waits for a second that follows it. */
static int take_odd(struct sv_voice_stream *stream, const struct sv_rtp *rtp, int64_t at_ns)
{
	int rc;

	if (stream->established &&
	    !(stream->has_odd && rtp->seq == (uint16_t)(stream->odd.seq + 1))) {
		stream->strays += stream->has_odd;
		stream->odd = *rtp;
		stream->odd_ns = at_ns;
		stream->has_odd = true;
		return 0;
	}
	if (!stream->established)
		return start_over(stream, rtp, at_ns);
	stream->has_odd = false;
	stream->restarts++;
	rc = start_over(stream, &stream->odd, stream->odd_ns);
	return rc ?: sv_voice_stream_add(stream, rtp, at_ns);
}

int sv_voice_stream_add(struct sv_voice_stream *stream, const struct sv_rtp *rtp, int64_t at_ns)
{
	ssize_t index;
	int rc;

	if (!stream->n && !stream->trimmed) {
		stream->seen_ns = at_ns;
		return start_over(stream, rtp, at_ns);
	}
	rc = find_place(stream, rtp->seq, at_ns, &index);
	if (!rc && index == NOWHERE)
		rc = take_odd(stream, rtp, at_ns);
	else if (!rc)
		fill(stream, index, rtp, at_ns);
	stream->seen_ns = at_ns;
	return rc;
}

uint8_t sv_voice_stream_type(const struct sv_voice_stream *stream)
{
	int best = -1;

	for (int pt = 0; pt < SV_VOICE_PAYLOADS; pt++)
		if (stream->types[pt] && !stream->profile->payload[pt].comfort_noise &&
		    (best < 0 || stream->types[pt] > stream->types[best]))
			best = pt;
	return best < 0 ? 13 : best;
}

void sv_voice_stream_trim(struct sv_voice_stream *stream, int64_t before_ns)
{
	size_t n = 0;

	/* The last stays: later numbers are counted from it. */
	for (size_t i = 0; i + 1 < stream->n; i++)
		if (stream->slot[i].flags & SV_VOICE_RECEIVED) {
			if (stream->slot[i].at_ns >= before_ns)
				break;
			n = i;
		}
	memmove(stream->slot, stream->slot + n, (stream->n - n) * sizeof(*stream->slot));
	stream->n -= n;
	stream->trimmed += n;
}
