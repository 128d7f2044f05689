/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_PCAPNG_H
#define SV_AGENT_CLI_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), in host byte order. Pure: each function
 * writes one block at `out` and returns its length; `out` has room for SV_PCAPNG_BLOCK_MAX bytes,
 * for a packet sv_pcapng_packet_max() of them.
 */
#define SV_PCAPNG_BLOCK_MAX 4096
#define SV_PCAPNG_TEXT_MAX 512 /* longer texts are cut */

/* Section header: what wrote the file. */
size_t sv_pcapng_section(uint8_t *out, const char *hardware, const char *os, const char *program);

/* An interface; the first of a section is number 0. Ethernet, nanoseconds. */
struct sv_pcapng_interface {
	const char *name, *description;
	uint32_t snap;
};
size_t sv_pcapng_interface(uint8_t *out, const struct sv_pcapng_interface *interface);

enum sv_pcapng_direction {
	SV_PCAPNG_UNKNOWN = 0,
	SV_PCAPNG_IN = 1,
	SV_PCAPNG_OUT = 2,
};

struct sv_pcapng_packet {
	uint32_t interface;
	uint64_t wall_ns; /* Unix time */
	uint32_t len; /* on the wire */
	uint32_t cap;
	const uint8_t *bytes; /* cap of them */
	enum sv_pcapng_direction direction;
	const char *comment; /* or NULL */
};
size_t sv_pcapng_packet(uint8_t *out, const struct sv_pcapng_packet *packet);

static inline size_t sv_pcapng_packet_max(uint32_t cap)
{
	return 28 + cap + 3 + 12 + 4 + SV_PCAPNG_TEXT_MAX + 8;
}

struct sv_pcapng_statistics {
	uint32_t interface;
	uint64_t wall_ns; /* when they were taken */
	uint64_t start_ns, end_ns; /* of the capture, Unix time */
	uint64_t received, dropped;
	const char *comment; /* or NULL */
};
size_t sv_pcapng_statistics(uint8_t *out, const struct sv_pcapng_statistics *statistics);

/*
 * What can be kept of `len` bytes of blocks when only the first `limit` were written: the end of
 * the last whole block. *packets: how many of the blocks before it are packets.
 */
size_t sv_pcapng_whole(const uint8_t *blocks, size_t len, size_t limit, uint64_t *packets);

#endif
