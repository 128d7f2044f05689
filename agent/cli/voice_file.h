/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_VOICE_FILE_H
#define SV_AGENT_CLI_VOICE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/err.h"
#include "maps/tap.h"

/*
 * Packets of a capture file, one after the other: pcap and pcapng, either byte order, Ethernet,
 * raw IP or Linux cooked. Not libpcap, which does not say which interface of a pcapng file a packet
 * came by: those that `svnet capture` wrote are named after their point.
 */
struct sv_voice_file;

struct sv_voice_packet {
	const uint8_t *frame; /* as Ethernet; the file's, until the next is read */
	uint32_t cap; /* bytes of it that are there */
	int64_t at_ns; /* Unix time */
	struct sv_point point; /* all empty: not known */
};

/* "-" is standard input. */
int sv_voice_file_open(struct sv_voice_file **out, const char *path, struct sv_err *err);
/*
 * 1 and a packet, 0 at the end, -EBADMSG: what follows cannot be read; everything before it has
 * been returned.
 */
int sv_voice_file_next(struct sv_voice_file *file, struct sv_voice_packet *packet,
		       struct sv_err *err);
void sv_voice_file_close(struct sv_voice_file *file);

/* "A/exit r3:eth1 out" (sv_cli_point_name) -> a point; false: it is no point's name. */
bool sv_voice_file_point(const char *name, struct sv_point *point);

#endif
