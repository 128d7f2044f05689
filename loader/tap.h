/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_TAP_H
#define SV_LOADER_TAP_H

#include <stddef.h>

#include "err.h"
#include "maps/tap.h"

/*
 * Reading a session's rings (maps/tap.h): libsvtap.a, and libbpf under it. For any program that
 * may open the host's pins (root); no agent is asked, and production never waits for a reader.
 *
 *	struct sv_tap_item item[256];
 *	int n;
 *
 *	rc = sv_tap_open(&tap, "/sys/fs/bpf/svnet/host1", number, &err);
 *	while ((n = sv_tap_read(tap, item, 256, 100, &err)) >= 0)
 *		for (int i = 0; i < n; i++)
 *			use(item[i].point, item[i].rec, item[i].bytes);
 *	sv_tap_close(tap);
 *
 * Functions return 0 or a count, or -errno with the operator's text in err (which may be NULL). A
 * struct sv_tap belongs to one thread.
 */
struct sv_tap;

/* One record. All of it is the library's, and valid until the next sv_tap_read() or _close(). */
struct sv_tap_item {
	const struct sv_tap_rec *rec; /* host byte order; in the ring itself, nothing is copied */
	const __u8 *bytes; /* rec->cap of them, contiguous: the frame, the VNet's own tag off */
	/*
	 * Where it was taken. Never NULL (all empty: not known), and valid until sv_tap_close().
	 * The same pointer means the same point; a point that is described anew gets a new one.
	 */
	const struct sv_point *point;
	__u64 wall_ns; /* rec->at_ns as CLOCK_REALTIME: Unix time; a stepped clock steps it */
	__u32 cpu; /* whose ring */
};

/*
 * Opens the rings of session `number` of the plane pinned under `pin`. Reading starts here: what
 * the rings hold is left out. One reader a session, until it closes or ends.
 *   -ENOENT  no such plane, or no such session with rings
 *   -EBUSY   somebody reads it
 *   -EPROTO  the plane is of another schema
 *   -EPERM   the plane's pins are not for us
 */
int sv_tap_open(struct sv_tap **out, const char *pin, __u16 number, struct sv_err *err);
/* NULL is allowed. */
void sv_tap_close(struct sv_tap *tap);

/*
 * Gives back what the last call returned, then fills `item` with up to `max` records, oldest first,
 * and waits up to timeout_ms for the first. 0: time is up, or a signal came.
 *
 * Order: every CPU's records as they were written; those of several CPUs by at_ns, as long as a
 * record is in its ring SV_TAP_HOLD_US after that time. So every record comes at least that late,
 * unless its ring is filling up. What is returned keeps its slots: work on it, or copy it, soon.
 *
 *   -ESTALE  the session was stopped, or got new rings; all that the old ones held has been read.
 *            Close, and open again if there is something to open.
 *   -EBADMSG a ring holds what is no record
 */
int sv_tap_read(struct sv_tap *tap, struct sv_tap_item *item, size_t max, int timeout_ms,
		struct sv_err *err);
#define SV_TAP_HOLD_US 500

/* Since sv_tap_open(). */
struct sv_tap_stats {
	__u64 records; /* returned by sv_tap_read() */
	__u64 lost; /* that found their ring full */
	__u32 backlog; /* slots that wait to be read */
	__u32 cpu; /* of one ring; of the sum: how many rings */
};
/* The sum in *total, and of the first `max` rings each in ring[]; returns how many rings. */
size_t sv_tap_stats(struct sv_tap *tap, struct sv_tap_stats *total, struct sv_tap_stats *ring,
		    size_t max);

/*
 * The points that the session has now, as in sv_tap_item: up to `max` in point[], returns how many
 * there are. Later ones turn up with their records.
 */
int sv_tap_points(struct sv_tap *tap, const struct sv_point **point, size_t max,
		  struct sv_err *err);

#endif
