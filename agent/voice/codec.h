/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_CODEC_H
#define SV_AGENT_VOICE_CODEC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What the E-model has to know of a codec: the provisional planning values of ITU-T G.113
 * appendix I for the equipment impairment factor Ie and the packet-loss robustness factor Bpl. A
 * codec that has no published pair (Opus is none of G.113's, GSM full rate has no Bpl) is not
 * here, and its streams are not rated. Pure.
 */
struct sv_voice_codec {
	const char *name;
	double ie, bpl;
	double frame_ms, lookahead_ms; /* G.114 appendix I */
};
/* NULL: none of that name. Not case sensitive. */
const struct sv_voice_codec *sv_voice_codec_find(const char *name);
/* "G.711, G.711+PLC, …" */
const char *sv_voice_codec_names(void);

/* What a payload type means. */
struct sv_voice_payload {
	char name[24];
	uint32_t clock; /* Hz; 0: not known, then there is neither jitter nor playout */
	const struct sv_voice_codec *codec; /* NULL: not rated */
	bool comfort_noise;
};

#define SV_VOICE_PAYLOADS 128
/* RFC 3551 table 4 and 5. G.711 without or with concealment (G.711 appendix I). */
void sv_voice_payloads_init(struct sv_voice_payload payload[SV_VOICE_PAYLOADS], bool concealment);

/* G.114 appendix I: what the coder and the packet need, (frames + 1) * frame + look-ahead, ms. */
double sv_voice_codec_delay(const struct sv_voice_codec *codec, double packet_ms);

#endif
