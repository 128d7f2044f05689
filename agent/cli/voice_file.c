// SPDX-License-Identifier: GPL-2.0-only
#include <byteswap.h>
#include <errno.h>
#include <net/ethernet.h>
#include <string.h>

#include "loader/cleanup.h"
#include "voice_file.h"

#define BLOCK_MAX (16u << 20)
#define FACES_MAX 65536
#define ETHER 14

enum {
	PCAPNG_SECTION = 0x0a0d0d0a,
	PCAPNG_INTERFACE = 1,
	PCAPNG_SIMPLE = 3,
	PCAPNG_PACKET = 6,
	PCAPNG_BYTE_ORDER = 0x1a2b3c4d,
	IF_NAME = 2,
	IF_TSRESOL = 9,
	IF_TSOFFSET = 14,
};

#define PCAP_US 0xa1b2c3d4
#define PCAP_NS 0xa1b23c4d

enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

struct face {
	struct sv_point point;
	uint32_t link;
	uint8_t resolution; /* of its times: 10^-n s, or 2^-n with the high bit */
	int64_t offset_s;
};

struct sv_voice_file {
	FILE *stream;
	const char *path;
	bool swapped, pcapng;
	struct face *face; /* pcapng: of this section; pcap: one */
	size_t faces;
	uint8_t *block; /* ETHER bytes of room, then the block's body */
	size_t room;
};

/* ---- words ---- */

static uint32_t get32(const struct sv_voice_file *file, const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, 4);
	return file->swapped ? bswap_32(value) : value;
}

static uint16_t get16(const struct sv_voice_file *file, const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, 2);
	return file->swapped ? bswap_16(value) : value;
}

static int cut(const struct sv_voice_file *file, struct sv_err *err)
{
	return sv_err_set(err, -EBADMSG, "%s: cut short, or no capture file: read up to there",
			  file->path);
}

/* `len` bytes behind the room for a header. */
static int read_body(struct sv_voice_file *file, size_t len, uint8_t **body, struct sv_err *err)
{
	if (len > BLOCK_MAX)
		return cut(file, err);
	if (ETHER + len > file->room) {
		uint8_t *block = realloc(file->block, ETHER + len);

		if (!block)
			return sv_err_set(err, -ENOMEM, "%s: no memory", file->path);
		file->block = block;
		file->room = ETHER + len;
	}
	*body = file->block + ETHER;
	return fread(*body, 1, len, file->stream) == len ? 0 : cut(file, err);
}

/* ---- frames ---- */

/* What the link layer is long, and the type of what follows; -1: nothing to be read. */
static int link_header(const struct sv_voice_file *file, uint32_t link, const uint8_t *frame,
		       uint32_t cap, uint16_t *type)
{
	switch (link) {
	case LINK_NULL:
	case LINK_LOOP:
		if (cap < 5)
			return -1;
		*type = frame[4] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
		return 4;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_IPV4:
	case LINK_IPV6:
		if (!cap)
			return -1;
		*type = frame[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP;
		return 0;
	case LINK_SLL:
		if (cap < 16)
			return -1;
		*type = frame[14] << 8 | frame[15];
		return 16;
	case LINK_SLL2:
		if (cap < 20)
			return -1;
		*type = frame[0] << 8 | frame[1];
		return 20;
	default:
		(void)file;
		return -1;
	}
}

/* Puts an Ethernet header in the place of another one; there is room for it before `frame`. */
static void as_ethernet(const struct sv_voice_file *file, uint32_t link, uint8_t *frame,
			struct sv_voice_packet *packet)
{
	uint16_t type = 0;
	int len;

	packet->frame = frame;
	if (link == LINK_ETHERNET)
		return;
	len = link_header(file, link, frame, packet->cap, &type);
	if (len < 0) {
		packet->cap = 0;
		return;
	}
	frame += len - ETHER;
	memset(frame, 0, 12);
	frame[12] = type >> 8;
	frame[13] = type;
	packet->frame = frame;
	packet->cap += ETHER - len;
}

static int64_t time_ns(const struct face *face, uint64_t ticks)
{
	unsigned int n = face->resolution & 0x7f;
	uint64_t per_s = 1, s, rest;

	if (face->resolution & 0x80) {
		n = n < 62 ? n : 62;
		per_s <<= n;
	} else {
		for (n = n < 18 ? n : 18; n; n--)
			per_s *= 10;
	}
	s = ticks / per_s;
	rest = ticks % per_s;
	return (int64_t)((s + face->offset_s) * 1000000000ULL +
			 (uint64_t)((__uint128_t)rest * 1000000000ULL / per_s));
}

/* ---- pcapng ---- */

/* What may be in a name; a terminal shows it as it is. */
#define NAME "A-Za-z0-9_.@-"

bool sv_voice_file_point(const char *name, struct sv_point *point)
{
	struct sv_point out = { 0 };
	char side[6] = "";
	int n = 0;

	if (sscanf(name, "%31[" NAME "]/%31[" NAME "] %31[" NAME "]:%15[" NAME "]%n %5s%n",
		   out.vnet, out.point, out.vnode, out.iface, &n, side, &n) < 4 ||
	    name[n])
		return false;
	if (!strcmp(side, "in"))
		out.direction = SV_POINT_IN;
	else if (!strcmp(side, "out"))
		out.direction = SV_POINT_OUT;
	else if (!strcmp(side, "both"))
		out.direction = SV_POINT_IN | SV_POINT_OUT;
	else if (*side)
		return false;
	*point = out;
	return true;
}

static void read_option(const struct sv_voice_file *file, struct face *face, uint16_t code,
			const uint8_t *value, uint16_t len)
{
	char name[256];

	if (code == IF_NAME && len < sizeof(name)) {
		memcpy(name, value, len);
		name[len] = 0;
		sv_voice_file_point(name, &face->point);
	} else if (code == IF_TSRESOL && len == 1) {
		face->resolution = value[0];
	} else if (code == IF_TSOFFSET && len == 8) {
		memcpy(&face->offset_s, value, 8);
		if (file->swapped)
			face->offset_s = bswap_64(face->offset_s);
	}
}

static int add_face(struct sv_voice_file *file, const struct face *face)
{
	struct face *faces;

	if (file->faces == FACES_MAX)
		return -EBADMSG;
	faces = reallocarray(file->face, file->faces + 1, sizeof(*faces));
	if (!faces)
		return -ENOMEM;
	file->face = faces;
	file->face[file->faces++] = *face;
	return 0;
}

static int read_interface(struct sv_voice_file *file, const uint8_t *body, size_t len,
			  struct sv_err *err)
{
	struct face face = { .resolution = 6 };

	if (len < 8)
		return cut(file, err);
	face.link = get16(file, body);
	for (size_t at = 8; at + 4 <= len;) {
		uint16_t code = get16(file, body + at), size = get16(file, body + at + 2);

		if (!code || at + 4 + size > len)
			break;
		read_option(file, &face, code, body + at + 4, size);
		at += 4 + size + (-size & 3);
	}
	return add_face(file, &face) ? cut(file, err) : 0;
}

static int read_packet(struct sv_voice_file *file, uint8_t *body, size_t len,
		       struct sv_voice_packet *packet, struct sv_err *err)
{
	const struct face *face;

	if (len < 20 || get32(file, body) >= file->faces || get32(file, body + 12) > len - 20)
		return cut(file, err);
	face = &file->face[get32(file, body)];
	*packet = (struct sv_voice_packet){
		.cap = get32(file, body + 12),
		.at_ns = time_ns(face,
				 (uint64_t)get32(file, body + 4) << 32 | get32(file, body + 8)),
		.point = face->point,
	};
	as_ethernet(file, face->link, body + 20, packet);
	return 1;
}

/* The section's byte order, from the word behind its header; the header's type reads alike. */
static int read_section(struct sv_voice_file *file, uint8_t head[8], struct sv_err *err)
{
	uint8_t magic[4];
	uint32_t order;

	if (fread(magic, 1, 4, file->stream) != 4)
		return cut(file, err);
	memcpy(&order, magic, 4);
	if (order != PCAPNG_BYTE_ORDER && bswap_32(order) != PCAPNG_BYTE_ORDER)
		return cut(file, err);
	file->swapped = order != PCAPNG_BYTE_ORDER;
	file->faces = 0;
	return get32(file, head + 4) < 16 ? cut(file, err) : 4;
}

/* 1: a packet, 0: another block, or -EBADMSG. *end: there is no more. */
static int next_block(struct sv_voice_file *file, struct sv_voice_packet *packet, bool *end,
		      struct sv_err *err)
{
	uint8_t head[8], *body;
	uint32_t type, len;
	size_t n = fread(head, 1, 8, file->stream);
	int read = 0, rc;

	if (n < 8) {
		*end = true;
		return n ? cut(file, err) : 0;
	}
	type = get32(file, head);
	if (type == PCAPNG_SECTION) {
		read = read_section(file, head, err);
		if (read < 0)
			return read;
	}
	len = get32(file, head + 4);
	if (len < 12 || len % 4)
		return cut(file, err);
	rc = read_body(file, len - 8 - read, &body, err);
	if (rc)
		return rc;
	if (type == PCAPNG_INTERFACE)
		return read_interface(file, body, len - 12, err);
	if (type == PCAPNG_PACKET)
		return read_packet(file, body, len - 12, packet, err);
	if (type == PCAPNG_SIMPLE)
		return sv_err_set(err, -EBADMSG, "%s: its packets have no times", file->path);
	return 0;
}

/* ---- pcap ---- */

static int next_record(struct sv_voice_file *file, struct sv_voice_packet *packet,
		       struct sv_err *err)
{
	const struct face *face = &file->face[0];
	uint8_t head[16], *body;
	size_t n = fread(head, 1, 16, file->stream);
	int rc;

	if (n < 16)
		return n ? cut(file, err) : 0;
	*packet = (struct sv_voice_packet){
		.cap = get32(file, head + 8),
		.at_ns = (int64_t)get32(file, head) * 1000000000LL +
			 (int64_t)get32(file, head + 4) * (face->resolution == 9 ? 1 : 1000),
	};
	rc = read_body(file, packet->cap, &body, err);
	if (rc)
		return rc;
	as_ethernet(file, face->link, body, packet);
	return 1;
}

/* ---- files ---- */

static int begin_pcap(struct sv_voice_file *file, uint32_t magic)
{
	struct face face = { .resolution = 6 };
	uint8_t head[20];

	file->swapped = magic != PCAP_US && magic != PCAP_NS;
	if (file->swapped)
		magic = bswap_32(magic);
	if ((magic != PCAP_US && magic != PCAP_NS) || fread(head, 1, 20, file->stream) != 20)
		return -EBADMSG;
	if (magic == PCAP_NS)
		face.resolution = 9;
	face.link = get32(file, head + 16) & 0xffff;
	return add_face(file, &face);
}

static int begin(struct sv_voice_file *file, struct sv_err *err)
{
	uint32_t magic;
	int rc = -EBADMSG;

	if (fread(&magic, 1, 4, file->stream) == 4) {
		file->pcapng = magic == PCAPNG_SECTION;
		/* A pipe cannot seek, but takes back what was just read. */
		for (int i = 3; i >= 0 && file->pcapng; i--)
			ungetc(((uint8_t *)&magic)[i], file->stream);
		rc = file->pcapng ? 0 : begin_pcap(file, magic);
	}
	return rc ? sv_err_set(err, rc, "%s: neither pcap nor pcapng", file->path) : 0;
}

int sv_voice_file_open(struct sv_voice_file **out, const char *path, struct sv_err *err)
{
	struct sv_voice_file *file = calloc(1, sizeof(*file));
	int rc;

	if (!file)
		return -ENOMEM;
	file->path = path;
	file->stream = strcmp(path, "-") ? fopen(path, "re") : stdin;
	rc = file->stream ? begin(file, err)
			  : sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (rc)
		sv_voice_file_close(file);
	else
		*out = file;
	return rc;
}

int sv_voice_file_next(struct sv_voice_file *file, struct sv_voice_packet *packet,
		       struct sv_err *err)
{
	bool end = false;
	int rc = 0;

	if (!file->pcapng)
		return next_record(file, packet, err);
	while (!rc && !end)
		rc = next_block(file, packet, &end, err);
	return rc;
}

void sv_voice_file_close(struct sv_voice_file *file)
{
	if (!file)
		return;
	if (file->stream && file->stream != stdin)
		fclose(file->stream);
	free(file->block);
	free(file->face);
	free(file);
}
