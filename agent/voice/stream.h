/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_STREAM_H
#define SV_AGENT_VOICE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "codec.h"
#include "rtp.h"

/*
 * One RTP stream (one SSRC between two sockets, seen at one point) as a line of slots, one a
 * sequence number from the first to the highest that came. Pure.
 */
enum {
	SV_VOICE_RECEIVED = 1 << 0,
	SV_VOICE_REORDERED = 1 << 1, /* came behind a higher number: RFC 4737 section 3 */
	SV_VOICE_IS_LATE = 1 << 2, /* the de-jitter buffer had no use for it any more */
	SV_VOICE_IS_EARLY = 1 << 3, /* or no room yet */
	SV_VOICE_NOISE = 1 << 4, /* comfort noise: RFC 3389 */
	SV_VOICE_JITTER = 1 << 5, /* its jitter counts in mean and maximum */
	SV_VOICE_DELAY = 1 << 6, /* delay_us is known */
	SV_VOICE_MARK = 1 << 7, /* marker bit */
};

struct sv_voice_slot {
	int64_t at_ns; /* arrival; a lost packet's is interpolated when sums are made */
	int32_t delay_us; /* since the entry of the path: path.h */
	uint32_t ts;
	float jitter_ms; /* after this packet */
	float buffer_ms; /* the de-jitter buffer's nominal delay then */
	uint16_t seq; /* of a packet that came */
	uint8_t flags;
	uint8_t copies; /* beyond the first; at most 255 */
	uint8_t pt;
	uint8_t pad[3];
};

/* What is declared, for all streams alike. */
struct sv_voice_profile {
	struct sv_voice_payload payload[SV_VOICE_PAYLOADS];
	struct sv_voice_buffer_profile buffer;
};

struct sv_voice_stream {
	const struct sv_voice_profile *profile;
	struct sv_voice_slot *slot;
	size_t n, max;
	size_t trimmed; /* slots that are gone at the front */
	/*
	 * Two packets with successive numbers have come (RFC 3550 A.1, MIN_SEQUENTIAL): these are
	 * RTP. Until then they only may be.
	 */
	bool established;
	uint32_t restarts; /* jumps that neither loss nor order explains: RFC 3550 A.1 */
	uint32_t strays; /* packets that belong nowhere: single ones of such a jump */
	uint32_t types[SV_VOICE_PAYLOADS]; /* packets by payload type */

	/* the last packet that came with a known clock and was no older than the first */
	int64_t prev_ns, seen_ns; /* its arrival; that of any packet */
	uint32_t prev_ts;
	double prev_media_ms; /* media time since the beginning */
	double jitter_ms;
	int64_t origin_ns;
	bool begun, prev_noise;
	struct sv_voice_buffer buffer;

	/* the first packet of a jump that may be a restart */
	struct sv_rtp odd;
	int64_t odd_ns;
	bool has_odd;

	/* packet time: the majority's timestamp step */
	double step_ms;
	unsigned int step_votes;
};

void sv_voice_stream_init(struct sv_voice_stream *stream, const struct sv_voice_profile *profile);
void sv_voice_stream_fini(struct sv_voice_stream *stream);
/* The next packet by arrival; at_ns of any clock that does not step. 0 or -ENOMEM. */
int sv_voice_stream_add(struct sv_voice_stream *stream, const struct sv_rtp *rtp, int64_t at_ns);
/* The payload type that most packets have, comfort noise left out. */
uint8_t sv_voice_stream_type(const struct sv_voice_stream *stream);
/* Lets go what came before; sums of later times are the same without it. */
void sv_voice_stream_trim(struct sv_voice_stream *stream, int64_t before_ns);

#endif
