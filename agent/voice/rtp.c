// SPDX-License-Identifier: GPL-2.0-only
#include "rtp.h"

#define HEADER 12

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* Where the payload begins; 0: nowhere. What a short capture cuts off counts as empty. */
static size_t skip_headers(const uint8_t *bytes, size_t cap, size_t len)
{
	size_t at = HEADER + (bytes[0] & 15) * 4;

	if (at > len)
		return 0;
	if (!(bytes[0] & 0x10))
		return at;
	if (at + 4 > len)
		return 0;
	if (at + 4 <= cap)
		at += get16(bytes + at + 2) * 4;
	return at + 4 <= len ? at + 4 : 0;
}

bool sv_rtp_parse(struct sv_rtp *rtp, const uint8_t *bytes, size_t cap, size_t len)
{
	size_t start, padding = 0;

	if (cap > len)
		cap = len;
	if (cap < HEADER || bytes[0] >> 6 != 2)
		return false;
	*rtp = (struct sv_rtp){ .pt = bytes[1] & 0x7f,
				.marker = bytes[1] & 0x80,
				.seq = get16(bytes + 2),
				.ts = get32(bytes + 4),
				.ssrc = get32(bytes + 8) };
	if (rtp->pt >= 64 && rtp->pt < 96)
		return false;
	start = skip_headers(bytes, cap, len);
	if (!start)
		return false;
	if (bytes[0] & 0x20 && cap == len) {
		padding = bytes[len - 1];
		if (!padding || padding > len - start)
			return false;
	}
	rtp->payload_len = len - start - padding;
	return true;
}
