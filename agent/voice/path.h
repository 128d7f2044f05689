/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_PATH_H
#define SV_AGENT_VOICE_PATH_H

#include "stream.h"

/*
 * One stream at two points whose clocks are the same: packets are matched by sequence number and
 * timestamp. Pure.
 *
 * A record's time may be some microseconds late (at TC it is made when the frame is on its way), so
 * that a single packet can come out before it went in: which point is the first, the mean decides.
 */

/* How many packets of `to` were seen at `from` too, and the mean of their delays; it has a sign. */
size_t sv_voice_path_delay(const struct sv_voice_stream *to, const struct sv_voice_stream *from,
			   double *mean_ms);
/* Gives every one of them its one-way delay: delay_us, at least 0, and SV_VOICE_DELAY. */
void sv_voice_path_match(struct sv_voice_stream *to, const struct sv_voice_stream *from);

/*
 * Of what came to `from` in each of `n` intervals, as sv_voice_sums() has them, how much never came
 * to `to`: also when `to` has ended since, where its own numbers say nothing.
 */
struct sv_voice_missed {
	uint64_t sent, missed;
};
void sv_voice_path_missed(const struct sv_voice_stream *to, const struct sv_voice_stream *from,
			  const int64_t *edge_ns, size_t n, struct sv_voice_missed *missed);

#endif
