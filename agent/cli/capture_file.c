// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "capture.h"
#include "pcapng.h"

#define NO_FACE SIZE_MAX
#define TRAILER_MAX 320 /* of one interface */

static uint64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int added(struct sv_capture_file *file, size_t len, bool packet)
{
	sv_sink_add(file->sink, len, packet);
	file->bytes += len;
	file->packets += packet;
	return 0;
}

/* For what a file cannot be without. */
static uint8_t *must_room(struct sv_capture_file *file)
{
	uint8_t *out;

	while (!(out = sv_sink_room(file->sink, SV_PCAPNG_BLOCK_MAX)) &&
	       !sv_sink_failed(file->sink))
		sv_sink_wait(file->sink, 100);
	return out;
}

/* ---- interfaces ---- */

static const char *side(const struct sv_point *point)
{
	switch (point->direction) {
	case SV_POINT_IN:
		return ", received by the VNode";
	case SV_POINT_OUT:
		return ", sent by the VNode";
	default:
		return "";
	}
}

static void describe(const struct sv_capture_file *file, const struct sv_point *point, char *text,
		     size_t size)
{
	snprintf(text, size, "VNet %.32s, VNode %.32s, interface %.16s, at %.32s%s; session %s%s%s",
		 point->vnet, point->vnode, point->iface, point->point, side(point),
		 file->session ?: "?", file->host ? " on host " : "", file->host ?: "");
}

static int put_face(struct sv_capture_file *file, const struct sv_point *point)
{
	char name[SV_CLI_POINT_MAX], description[400];
	uint8_t *out = must_room(file);
	const struct sv_pcapng_interface interface = {
		.name = name,
		.description = description,
		.snap = SV_TAP_CAP_MAX,
	};

	if (!out)
		return -ECANCELED;
	sv_cli_point_name(point, name);
	describe(file, point, description, sizeof(description));
	return added(file, sv_pcapng_interface(out, &interface), false);
}

static int add_face(struct sv_capture_file *file, const struct sv_point *point)
{
	struct sv_capture_face *face =
		reallocarray(file->face, file->n_face + 1, sizeof(*file->face));
	int rc;

	if (!face)
		return -ENOMEM;
	file->face = face;
	rc = put_face(file, point);
	if (rc)
		return rc;
	face[file->n_face++] = (struct sv_capture_face){ .point = point };
	return 0;
}

/* Numbers beyond what `last` can say are searched for. */
static size_t find_face(struct sv_capture_file *file, const struct sv_point *point)
{
	uint8_t *guess = &file->last[((uintptr_t)point >> 4) % sizeof(file->last)];

	if (*guess < file->n_face && file->face[*guess].point == point)
		return *guess;
	for (size_t i = 0; i < file->n_face; i++)
		if (file->face[i].point == point) {
			*guess = i;
			return i;
		}
	return NO_FACE;
}

/* ---- beginning and end ---- */

static int put_section(struct sv_capture_file *file)
{
	uint8_t *out = must_room(file);
	struct utsname host;
	char os[200];

	if (!out)
		return -ECANCELED;
	uname(&host);
	snprintf(os, sizeof(os), "%s %s", host.sysname, host.release);
	file->bytes = file->packets = 0;
	file->start_ns = wall_ns();
	return added(file, sv_pcapng_section(out, host.machine, os, "svnet capture"), false);
}

int sv_capture_file_begin(struct sv_capture_file *file, const struct sv_point *const *point,
			  size_t n)
{
	int rc = put_section(file);

	for (size_t i = 0; i < n && !rc; i++)
		rc = add_face(file, point[i]);
	return rc;
}

/* What a ring lost, it lost before anybody could say at which point: it stands once. */
size_t sv_capture_file_trailer(const struct sv_capture_file *file, uint64_t lost, uint8_t **out)
{
	const uint64_t dropped = lost - file->lost_before;
	const char *comment = "dropped: by the session's full rings, at whichever of its points";
	size_t len = 0;

	*out = malloc(file->n_face * TRAILER_MAX + 1);
	for (size_t i = 0; i < file->n_face && *out; i++) {
		const struct sv_pcapng_statistics statistics = {
			.interface = i,
			.wall_ns = wall_ns(),
			.start_ns = file->start_ns,
			.end_ns = wall_ns(),
			.received = file->face[i].received,
			.dropped = i ? 0 : dropped,
			.comment = !i && dropped && file->n_face > 1 ? comment : NULL,
		};

		len += sv_pcapng_statistics(*out + len, &statistics);
	}
	return len;
}

static int put_trailer(struct sv_capture_file *file, uint64_t lost)
{
	uint8_t *trailer, *out;
	size_t len = sv_capture_file_trailer(file, lost, &trailer);
	int rc = trailer ? 0 : -ENOMEM;

	if (len > SV_SINK_CHUNK)
		len = 0;
	out = rc || !len ? NULL : sv_sink_room(file->sink, len);
	if (!rc && len && !out)
		rc = -EAGAIN;
	if (out) {
		memcpy(out, trailer, len);
		sv_sink_add(file->sink, len, false);
	}
	free(trailer);
	return rc;
}

int sv_capture_file_rotate(struct sv_capture_file *file, uint64_t lost)
{
	int rc = put_trailer(file, lost);

	if (rc)
		return rc;
	sv_sink_next(file->sink);
	rc = put_section(file);
	for (size_t i = 0; i < file->n_face && !rc; i++) {
		rc = put_face(file, file->face[i].point);
		file->face[i].received = 0;
	}
	file->lost_before = lost;
	return rc;
}

bool sv_capture_file_full(const struct sv_capture_file *file, uint32_t cap)
{
	const uint64_t limit = file->options.rotate_bytes;

	return limit && file->packets &&
	       file->bytes + sv_pcapng_packet_max(cap) + file->n_face * TRAILER_MAX > limit;
}

void sv_capture_file_fini(struct sv_capture_file *file)
{
	free(file->face);
	file->face = NULL;
	file->n_face = 0;
}

/* ---- records ---- */

/* Only what a reader would not expect. */
static const char *remark(const struct sv_tap_rec *rec, char text[80])
{
	static const char *const verdicts[] = {
		[SV_TAP_SHADOW] = "silenced: shadow",
		[SV_TAP_HELD] = "silenced: the gate holds",
	};
	const char *verdict = rec->verdict <= SV_TAP_HELD ? verdicts[rec->verdict] : NULL;

	if (rec->packets <= 1)
		return verdict;
	snprintf(text, 80, "%s%sstands for %u segments", verdict ?: "", verdict ? "; " : "",
		 rec->packets);
	return text;
}

int sv_capture_file_add(struct sv_capture_file *file, const struct sv_tap_item *item)
{
	size_t face = find_face(file, item->point);
	struct sv_pcapng_packet packet = {
		.wall_ns = item->wall_ns,
		.len = item->rec->len,
		.cap = item->rec->cap,
		.bytes = item->bytes,
	};
	char text[80];
	uint8_t *out;
	int rc;

	if (face == NO_FACE) {
		rc = add_face(file, item->point);
		if (rc)
			return rc;
		face = file->n_face - 1;
	}
	out = sv_sink_room(file->sink, sv_pcapng_packet_max(packet.cap));
	if (!out)
		return -EAGAIN;
	packet.interface = face;
	packet.direction = item->point->direction == SV_POINT_IN    ? SV_PCAPNG_IN
			   : item->point->direction == SV_POINT_OUT ? SV_PCAPNG_OUT
								    : SV_PCAPNG_UNKNOWN;
	packet.comment = remark(item->rec, text);
	file->face[face].received++;
	return added(file, sv_pcapng_packet(out, &packet), true);
}
