// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "pcapng.h"

enum {
	SECTION = 0x0a0d0d0a,
	INTERFACE = 1,
	STATISTICS = 5,
	PACKET = 6,
};

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_HARDWARE = 2,
	SHB_OS = 3,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_TSRESOL = 9,
	EPB_FLAGS = 2,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define LINKTYPE_ETHERNET 1

/* ---- pieces: each appends at p and returns what follows ---- */

static uint8_t *put16(uint8_t *p, uint16_t value)
{
	memcpy(p, &value, 2);
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, 4);
	return p + 4;
}

/* Times are two words, the high one first, in every byte order. */
static uint8_t *put_time(uint8_t *p, uint64_t ns)
{
	return put32(put32(p, ns >> 32), ns);
}

/* Up to a multiple of four. */
static uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t len)
{
	memcpy(p, bytes, len);
	memset(p + len, 0, -len & 3);
	return p + len + (-len & 3);
}

static uint8_t *put_option(uint8_t *p, uint16_t code, const void *value, size_t len)
{
	return put_bytes(put16(put16(p, code), len), value, len);
}

/* Cut between two characters of UTF-8. */
static size_t text_len(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len <= max)
		return len;
	for (len = max; len && ((uint8_t)text[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

static uint8_t *put_text(uint8_t *p, uint16_t code, const char *text)
{
	return text && *text ? put_option(p, code, text, text_len(text, SV_PCAPNG_TEXT_MAX)) : p;
}

static uint8_t *put_u64(uint8_t *p, uint16_t code, uint64_t value)
{
	return put_option(p, code, &value, 8);
}

static uint8_t *begin(uint8_t *out, uint32_t type)
{
	return put32(out, type) + 4;
}

static size_t end(uint8_t *out, uint8_t *p)
{
	uint32_t len = p - out + 4;

	put32(p, len);
	put32(out + 4, len);
	return len;
}

/* ---- blocks ---- */

size_t sv_pcapng_section(uint8_t *out, const char *hardware, const char *os, const char *program)
{
	uint8_t *p = put32(begin(out, SECTION), BYTE_ORDER_MAGIC);
	const uint64_t unknown_length = ~0ULL;

	p = put16(put16(p, 1), 0);
	p = put_bytes(p, &unknown_length, 8);
	p = put_text(p, SHB_HARDWARE, hardware);
	p = put_text(p, SHB_OS, os);
	p = put_text(p, SHB_USERAPPL, program);
	return end(out, put_option(p, OPT_END, "", 0));
}

size_t sv_pcapng_interface(uint8_t *out, const struct sv_pcapng_interface *interface)
{
	uint8_t *p = put16(put16(begin(out, INTERFACE), LINKTYPE_ETHERNET), 0);
	const uint8_t nanoseconds = 9;

	p = put32(p, interface->snap);
	p = put_text(p, IF_NAME, interface->name);
	p = put_text(p, IF_DESCRIPTION, interface->description);
	p = put_option(p, IF_TSRESOL, &nanoseconds, 1);
	return end(out, put_option(p, OPT_END, "", 0));
}

size_t sv_pcapng_packet(uint8_t *out, const struct sv_pcapng_packet *packet)
{
	uint8_t *p = put32(begin(out, PACKET), packet->interface);
	const uint32_t flags = packet->direction;

	p = put_time(p, packet->wall_ns);
	p = put32(put32(p, packet->cap), packet->len);
	p = put_bytes(p, packet->bytes, packet->cap);
	p = put_text(p, OPT_COMMENT, packet->comment);
	p = put_option(p, EPB_FLAGS, &flags, 4);
	return end(out, put_option(p, OPT_END, "", 0));
}

static uint8_t *put_time_option(uint8_t *p, uint16_t code, uint64_t ns)
{
	return put_time(put16(put16(p, code), 8), ns);
}

size_t sv_pcapng_statistics(uint8_t *out, const struct sv_pcapng_statistics *statistics)
{
	uint8_t *p = put32(begin(out, STATISTICS), statistics->interface);

	p = put_time(p, statistics->wall_ns);
	p = put_text(p, OPT_COMMENT, statistics->comment);
	p = put_time_option(p, ISB_STARTTIME, statistics->start_ns);
	p = put_time_option(p, ISB_ENDTIME, statistics->end_ns);
	p = put_u64(p, ISB_IFRECV, statistics->received);
	p = put_u64(p, ISB_IFDROP, statistics->dropped);
	return end(out, put_option(p, OPT_END, "", 0));
}

size_t sv_pcapng_whole(const uint8_t *blocks, size_t len, size_t limit, uint64_t *packets)
{
	uint32_t head[2];
	size_t at = 0;

	*packets = 0;
	while (at + 12 <= len) {
		memcpy(head, blocks + at, 8);
		if (head[1] < 12 || head[1] > len - at || at + head[1] > limit)
			break;
		*packets += head[0] == PACKET;
		at += head[1];
	}
	return at;
}
