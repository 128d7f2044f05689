/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_RTP_H
#define SV_AGENT_VOICE_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fixed header of RTP, RFC 3550 section 5.1, in host byte order. Pure. */
struct sv_rtp {
	uint32_t ssrc, ts;
	uint16_t seq;
	uint8_t pt;
	bool marker;
	uint32_t payload_len; /* behind CSRCs, extension and padding */
};

/*
 * Can these bytes of a UDP datagram be RTP? `len` is what the datagram has, `cap` what of it is
 * here. Version 2; CSRCs, extension and padding that fit; no payload type that RTCP would look
 * like (RFC 5761 section 4: 64 … 95). One packet is no proof: see sv_voice_stream.established.
 */
bool sv_rtp_parse(struct sv_rtp *rtp, const uint8_t *bytes, size_t cap, size_t len);

#endif
