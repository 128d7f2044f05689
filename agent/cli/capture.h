/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_CAPTURE_H
#define SV_AGENT_CLI_CAPTURE_H

#include "sink.h"
#include "tap.h"

/* ---- capture_options.c ---- */
struct sv_capture_options {
	const char *path; /* "-": standard output */
	uint64_t max_ns, max_packets; /* 0: no limit */
	uint64_t rotate_bytes, rotate_ns; /* 0: no rotation */
	unsigned int files; /* 0: all are kept */
};
int sv_capture_options_parse(const cJSON *params, struct sv_capture_options *options,
			     struct sv_err *err);
/* "100M", "64k", "1G", "1500": powers of 1000. */
int sv_capture_parse_size(const char *text, uint64_t *bytes, struct sv_err *err);

/* ---- capture_file.c: records -> blocks of the files of one capture ---- */
struct sv_capture_face {
	const struct sv_point *point;
	uint64_t received; /* in this file */
};

struct sv_capture_file {
	struct sv_sink *sink;
	struct sv_capture_options options;
	const char *session, *host; /* for the interfaces' descriptions; may be NULL */

	struct sv_capture_face *face; /* by interface number */
	size_t n_face;
	uint8_t last[256]; /* interface by a hash of its point, to be verified */

	uint64_t bytes, packets; /* of this file */
	uint64_t start_ns; /* of this file, CLOCK_REALTIME */
	uint64_t lost_before; /* what had been lost when it began */
};

/* Section and interfaces; `point` are those that are known. -ECANCELED: the sink has failed. */
int sv_capture_file_begin(struct sv_capture_file *file, const struct sv_point *const *point,
			  size_t n);
/* One record. -EAGAIN: no room just now. */
int sv_capture_file_add(struct sv_capture_file *file, const struct sv_tap_item *item);
/* Would one more packet of `cap` bytes make it longer than it may get? */
bool sv_capture_file_full(const struct sv_capture_file *file, uint32_t cap);
/* Ends this file and begins the next. -EAGAIN: no room just now. */
int sv_capture_file_rotate(struct sv_capture_file *file, uint64_t lost);
/* The statistics of all interfaces; *out is the caller's to free(). */
size_t sv_capture_file_trailer(const struct sv_capture_file *file, uint64_t lost, uint8_t **out);
void sv_capture_file_fini(struct sv_capture_file *file);

#endif
