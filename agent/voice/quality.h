/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_QUALITY_H
#define SV_AGENT_VOICE_QUALITY_H

#include <sys/types.h>

#include "stream.h"

/*
 * What became of a stream's packets in an interval, and how it sounds. Pure.
 *
 * A sequence number belongs to the interval in which its first packet came; a lost one to the
 * instant between its neighbours' arrivals at which it was due. So intervals that meet share
 * nothing and leave nothing out:
 *
 *	expected = received + lost     discarded = late + early, of received
 *
 * What is missing at the end of a stream is not known to be missing.
 */
struct sv_voice_sum {
	int64_t first_ns, last_ns; /* arrivals */
	uint64_t expected, received, lost;
	uint64_t duplicated; /* copies beyond the first */
	uint64_t reordered, late, early;
	uint64_t comfort_noise; /* of received */
	/* The payload type of more than half of the others; none of it is that common: votes is 0,
	 * or a guess. */
	uint64_t votes;
	uint8_t type;
	/* Runs of packets that the decoder lacks, lost or discarded. */
	uint64_t bursts, burst_max;
	uint64_t run; /* of the one that is not over */
	uint64_t jitters, delays; /* packets that have one */
	double jitter_sum_ms, jitter_max_ms;
	double delay_sum_ms, delay_min_ms, delay_max_ms;
	uint64_t buffers;
	double buffer_sum_ms;
};

/* Interval i of `n` is edge_ns[i] … edge_ns[i + 1], the latter not itself; edges go up. */
void sv_voice_sums(const struct sv_voice_stream *stream, const int64_t *edge_ns, size_t n,
		   struct sv_voice_sum *sum);
/* The interval that holds at_ns, or -1. */
ssize_t sv_voice_interval(const int64_t *edge_ns, size_t n, int64_t at_ns);
/* Of what came, or was due, in from_ns … to_ns. */
void sv_voice_sum(const struct sv_voice_stream *stream, int64_t from_ns, int64_t to_ns,
		  struct sv_voice_sum *sum);

/* The decoder's loss: lost and discarded, percent of expected. */
double sv_voice_sum_missing(const struct sv_voice_sum *sum);
/*
 * G.107 clause 7.5: the mean length of the bursts seen over that of a random loss of the same
 * rate, which is 1 / (1 - Ppl). 1 where nothing, or all, is missing.
 */
double sv_voice_sum_burst_ratio(const struct sv_voice_sum *sum);

struct sv_voice_quality {
	double mouth_to_ear_ms; /* coder and packet, network, de-jitter buffer */
	double r, mos; /* NAN: cannot be said (no packets, or no published values for the codec) */
	const char *word; /* of G.107 annex B; NULL likewise */
	const char *codec; /* as which it was rated; NULL: not */
};
/*
 * `network_ms` is the one-way delay before the point (or beyond it) that nobody measured; the
 * measured one is added. The burst ratio is taken within 1 … 8, its range in
 * G.107 clause 7.7.
 */
void sv_voice_rate(const struct sv_voice_stream *stream, const struct sv_voice_sum *sum,
		   double network_ms, struct sv_voice_quality *quality);

#endif
