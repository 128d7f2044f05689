/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_SINK_H
#define SV_AGENT_CLI_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/err.h"

/*
 * Where pcapng blocks go: a file, numbered files, or standard output. A thread of its own writes,
 * so that a slow disk costs the reader of the rings nothing until SV_SINK_CHUNKS chunks wait.
 * One thread may call these functions.
 */
#define SV_SINK_CHUNK (1 << 20)
#define SV_SINK_CHUNKS 128

struct sv_sink;

/*
 * `path` "-" is standard output. With `numbered`, NAME.pcapng stands for NAME_00001.pcapng … of
 * which the newest `keep` stay (0: all). Opens the first.
 */
int sv_sink_open(struct sv_sink **out, const char *path, bool numbered, unsigned int keep,
		 struct sv_err *err);

/* Room for one more block of up to `len` bytes. NULL: none just now, or writing has failed. */
uint8_t *sv_sink_room(struct sv_sink *sink, size_t len);
/* The block that was put there. */
void sv_sink_add(struct sv_sink *sink, size_t len, bool packet);
/* What is there is written soon. */
void sv_sink_flush(struct sv_sink *sink);
/* What follows goes into the next file. */
void sv_sink_next(struct sv_sink *sink);
/* Waits up to `ms` for room. */
void sv_sink_wait(struct sv_sink *sink, int ms);
/* 0, or why nothing is written any more, as -errno; -EPIPE: nobody reads. */
int sv_sink_failed(struct sv_sink *sink);

struct sv_sink_result {
	uint64_t packets, bytes; /* written, of all files */
	unsigned int files;
	char last[4096]; /* the file written last */
};
/*
 * Writes what is left, then the blocks of `trailer`, and closes. When the disk was full the file is
 * cut behind its last whole block, or a little before, so that the trailer finds room.
 * Releases the sink, but for -ETIMEDOUT: nobody reads what is written, and the writer waits for it;
 * the process is to end.
 */
int sv_sink_close(struct sv_sink *sink, const uint8_t *trailer, size_t len,
		  struct sv_sink_result *result, struct sv_err *err);

#endif
