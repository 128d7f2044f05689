// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "codec.h"

enum { PLAIN, CONCEALED, G729, G723, EFR, CODECS };

static const struct sv_voice_codec codecs[CODECS] = {
	[PLAIN] = { "G.711", 0, 4.3, 0.125, 0 },
	[CONCEALED] = { "G.711+PLC", 0, 25.1, 0.125, 0 },
	[G729] = { "G.729A+VAD", 11, 19.0, 10, 5 },
	[G723] = { "G.723.1+VAD", 15, 16.1, 30, 7.5 },
	[EFR] = { "GSM-EFR", 5, 10.0, 20, 0 },
};

const struct sv_voice_codec *sv_voice_codec_find(const char *name)
{
	for (int i = 0; i < CODECS; i++)
		if (!strcasecmp(codecs[i].name, name))
			return &codecs[i];
	return NULL;
}

const char *sv_voice_codec_names(void)
{
	return "G.711, G.711+PLC, G.729A+VAD, G.723.1+VAD, GSM-EFR";
}

void sv_voice_payloads_init(struct sv_voice_payload payload[SV_VOICE_PAYLOADS], bool concealment)
{
	const struct sv_voice_codec *g711 = &codecs[concealment ? CONCEALED : PLAIN];
	const struct {
		uint8_t pt;
		struct sv_voice_payload is;
	} known[] = {
		{ 0, { "PCMU", 8000, g711, false } },
		{ 3, { "GSM", 8000, NULL, false } },
		{ 4, { "G723", 8000, &codecs[G723], false } },
		{ 5, { "DVI4", 8000, NULL, false } },
		{ 6, { "DVI4", 16000, NULL, false } },
		{ 7, { "LPC", 8000, NULL, false } },
		{ 8, { "PCMA", 8000, g711, false } },
		{ 9, { "G722", 8000, NULL, false } },
		{ 10, { "L16", 44100, NULL, false } },
		{ 11, { "L16", 44100, NULL, false } },
		{ 12, { "QCELP", 8000, NULL, false } },
		{ 13, { "CN", 8000, NULL, true } },
		{ 14, { "MPA", 90000, NULL, false } },
		{ 15, { "G728", 8000, NULL, false } },
		{ 16, { "DVI4", 11025, NULL, false } },
		{ 17, { "DVI4", 22050, NULL, false } },
		{ 18, { "G729", 8000, &codecs[G729], false } },
		{ 19, { "CN", 8000, NULL, true } },
		{ 25, { "CelB", 90000, NULL, false } },
		{ 26, { "JPEG", 90000, NULL, false } },
		{ 28, { "nv", 90000, NULL, false } },
		{ 31, { "H261", 90000, NULL, false } },
		{ 32, { "MPV", 90000, NULL, false } },
		{ 33, { "MP2T", 90000, NULL, false } },
		{ 34, { "H263", 90000, NULL, false } },
	};

	for (int pt = 0; pt < SV_VOICE_PAYLOADS; pt++) {
		payload[pt] = (struct sv_voice_payload){ 0 };
		snprintf(payload[pt].name, sizeof(payload[pt].name), "type %d", pt);
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		payload[known[i].pt] = known[i].is;
}

double sv_voice_codec_delay(const struct sv_voice_codec *codec, double packet_ms)
{
	return packet_ms + codec->frame_ms + codec->lookahead_ms;
}
