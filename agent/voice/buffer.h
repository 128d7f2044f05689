/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_BUFFER_H
#define SV_AGENT_VOICE_BUFFER_H

#include <stdbool.h>

/*
 * The receiver's de-jitter buffer, in the words of RFC 3611 section 4.7.7: a packet that arrives
 * exactly on time waits for the nominal delay; one that is later than that is discarded (late),
 * and so is one that would have to wait longer than the maximum delay (early).
 *
 * "On time" is the mean transit time, estimated as in Ramjee et al., "Adaptive playout mechanisms
 * for packetized audio applications in wide-area networks" (INFOCOM 1994), algorithm 1: d and v,
 * weight 0.998002, begun as a plain mean. An adaptive buffer's nominal delay is 4 v, at least min
 * and at most half of max, chosen anew at the beginning of a talkspurt and else every second of
 * speech. After 25 discarded packets in a row every buffer begins again at the packet it has.
 * Pure.
 */
struct sv_voice_buffer_profile {
	bool adaptive;
	double nominal_ms; /* fixed */
	double min_ms; /* adaptive */
	double max_ms;
};
extern const struct sv_voice_buffer_profile sv_voice_buffer_default; /* fixed, 60 of 120 ms */

struct sv_voice_buffer {
	double delay_ms; /* nominal, now */
	double mean_ms, variation_ms; /* d and v */
	double changed_ms; /* media time of the last change */
	unsigned int packets, discarded; /* the latter in a row */
};

enum sv_voice_verdict { SV_VOICE_PLAYED = 0, SV_VOICE_LATE, SV_VOICE_EARLY };

void sv_voice_buffer_init(struct sv_voice_buffer *buffer,
			  const struct sv_voice_buffer_profile *profile);
/*
 * A packet, in the order of arrival. `transit_ms` is arrival minus media time, from any origin;
 * `media_ms` the media time; `start` says that a talkspurt begins with it.
 */
enum sv_voice_verdict sv_voice_buffer_take(struct sv_voice_buffer *buffer,
					   const struct sv_voice_buffer_profile *profile,
					   double transit_ms, double media_ms, bool start);

#endif
