// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <time.h>

#include "tap_internal.h"

#define HOLD_NS (SV_TAP_HOLD_US * 1000ULL)
#define CHECK_NS 100000000ULL
#define POINTS_NS 1000000000ULL
/* A ring lasts some milliseconds at full rate. */
#define SLEEP_MIN_NS 100000ULL
#define SLEEP_MAX_NS 1000000ULL

static const struct sv_tap_rec *record_at(const struct sv_tap_ring *ring)
{
	return (const void *)(ring->base + (ring->pos % SV_TAP_SLOTS) * SV_TAP_SLOT);
}

/* ---- what there is ---- */

/* What the last batch lay in is the writer's again. */
static void give_back(struct sv_tap_ring *ring)
{
	if (ring->given == ring->pos)
		return;
	ring->given = ring->pos;
	__atomic_store_n(&ring->ctl->tail, ring->given, __ATOMIC_RELEASE);
}

/*
 * A head counts only when the ring is still the session's after it was read, and a tail is written
 * only then; rings that were taken away, and not replaced, get no more records.
 */
static void look_at(struct sv_tap *tap, struct sv_tap_ring *ring)
{
	__u64 head = __atomic_load_n(&ring->ctl->head, __ATOMIC_ACQUIRE);
	__u64 lost = __atomic_load_n(&ring->ctl->lost, __ATOMIC_RELAXED);
	__u32 id;

	if (head == ring->head && lost == ring->lost && ring->given == ring->pos)
		return;
	id = sv_tap_ring_id(tap, ring->cpu);
	if (id == ring->id)
		give_back(ring);
	else
		tap->stale = true;
	if ((id && id != ring->id) || head - ring->pos > SV_TAP_SLOTS || lost < ring->lost)
		return;
	ring->head = head;
	ring->lost = lost;
}

/* A ring that fills up is emptied, whatever the order: better than to lose what comes next. */
static void hold_back(struct sv_tap *tap, __u64 now_ns)
{
	for (size_t i = 0; i < tap->n; i++) {
		struct sv_tap_ring *ring = &tap->ring[i];
		bool all = tap->stale || ring->head - ring->pos > SV_TAP_SLOTS / 2;

		ring->until_ns = all ? ~0ULL : now_ns - HOLD_NS;
	}
}

static void look(struct sv_tap *tap, __u64 now_ns)
{
	bool over = tap->stale;

	for (size_t i = 0; i < tap->n && !over; i++)
		look_at(tap, &tap->ring[i]);
	if (now_ns - tap->checked_ns > CHECK_NS) {
		sv_tap_check(tap);
		tap->checked_ns = now_ns;
	}
	hold_back(tap, now_ns);
	sv_tap_clock_sample(tap, now_ns);
	if (now_ns - tap->points_at > POINTS_NS) {
		sv_tap_point_refresh(tap);
		tap->points_at = now_ns;
	}
}

/* ---- merging ---- */

/* Of the rings that have something to give, the one with the oldest record; *then: the
 * next one's. */
static struct sv_tap_ring *oldest(struct sv_tap *tap, __u64 *then)
{
	struct sv_tap_ring *best = NULL;
	__u64 best_ns = ~0ULL;

	*then = ~0ULL;
	for (size_t i = 0; i < tap->n; i++) {
		struct sv_tap_ring *ring = &tap->ring[i];
		__u64 at_ns;

		if (ring->pos == ring->head)
			continue;
		at_ns = record_at(ring)->at_ns;
		if (at_ns > ring->until_ns)
			continue;
		if (at_ns < best_ns || !best) {
			*then = best ? best_ns : ~0ULL;
			best_ns = at_ns;
			best = ring;
		} else if (at_ns < *then) {
			*then = at_ns;
		}
	}
	return best;
}

static bool is_record(const struct sv_tap_rec *rec, __u64 slots)
{
	return rec->slots && rec->slots <= slots &&
	       rec->cap <= rec->slots * SV_TAP_SLOT - sizeof(*rec);
}

static void fill(struct sv_tap *tap, struct sv_tap_item *item, struct sv_tap_ring *ring,
		 const struct sv_tap_rec *rec)
{
	/* The writer left these lines in its own cache. */
	__builtin_prefetch(ring->base + ((ring->pos + 4) % SV_TAP_SLOTS) * SV_TAP_SLOT);
	__builtin_prefetch(ring->base + ((ring->pos + 4) % SV_TAP_SLOTS) * SV_TAP_SLOT + 64);
	*item = (struct sv_tap_item){
		.rec = rec,
		.bytes = (const __u8 *)(rec + 1),
		.point = sv_tap_point_get(tap, rec->attach),
		.wall_ns = rec->at_ns + tap->wall_offset,
		.cpu = ring->cpu,
	};
}

/* The ring's records up to the instant when another ring has an older one. */
static int take_run(struct sv_tap *tap, struct sv_tap_ring *ring, __u64 then,
		    struct sv_tap_item *item, size_t max)
{
	__u64 until_ns = then < ring->until_ns ? then : ring->until_ns;
	size_t n = 0;

	while (n < max && ring->pos != ring->head) {
		const struct sv_tap_rec *rec = record_at(ring);

		if (!is_record(rec, ring->head - ring->pos))
			return n ? (int)n : -EBADMSG;
		if (rec->at_ns > until_ns)
			break;
		fill(tap, &item[n++], ring, rec);
		ring->pos += rec->slots;
		ring->read++;
	}
	return n;
}

static int merge(struct sv_tap *tap, struct sv_tap_item *item, size_t max)
{
	struct sv_tap_ring *ring;
	size_t n = 0;
	__u64 then;

	while (n < max && (ring = oldest(tap, &then))) {
		int got = take_run(tap, ring, then, item + n, max - n);

		if (got < 0)
			return n ? (int)n : got;
		n += got;
	}
	return n;
}

/* ---- waiting ---- */

/* Short while records come, longer when none does. -EINTR: a signal. */
static int doze(struct sv_tap *tap, __u64 left_ns)
{
	__u64 ns = tap->sleep_ns < left_ns ? tap->sleep_ns : left_ns;
	struct timespec ts = { .tv_nsec = ns };

	if (tap->sleep_ns < SLEEP_MAX_NS)
		tap->sleep_ns += tap->sleep_ns / 8;
	return nanosleep(&ts, NULL) ? -errno : 0;
}

static int ended(struct sv_tap *tap, int n, struct sv_err *err)
{
	if (n == -EBADMSG)
		return sv_err_set(err, n, "session %u: a ring holds what is no record",
				  tap->number);
	return sv_err_set(err, -ESTALE, "session %u was stopped, or has new rings", tap->number);
}

int sv_tap_read(struct sv_tap *tap, struct sv_tap_item *item, size_t max, int timeout_ms,
		struct sv_err *err)
{
	__u64 now_ns = sv_tap_now_ns(), end_ns = now_ns + timeout_ms * 1000000ULL;
	int n;

	tap->sleep_ns = SLEEP_MIN_NS;
	for (;; now_ns = sv_tap_now_ns()) {
		look(tap, now_ns);
		/* Let some gather: to look at every single one would keep the writer from
		 * its head. */
		if (tap->drained && now_ns < end_ns) {
			tap->drained = false;
			doze(tap, end_ns - now_ns);
			continue;
		}
		n = merge(tap, item, max);
		tap->drained = n > 0 && (size_t)n < max;
		if (n > 0)
			return n;
		if (n < 0 || tap->stale)
			return ended(tap, n, err);
		if (now_ns >= end_ns || doze(tap, end_ns - now_ns))
			return 0;
	}
}

size_t sv_tap_stats(struct sv_tap *tap, struct sv_tap_stats *total, struct sv_tap_stats *ring,
		    size_t max)
{
	*total = (struct sv_tap_stats){ .cpu = tap->n };
	for (size_t i = 0; i < tap->n; i++) {
		const struct sv_tap_ring *r = &tap->ring[i];
		struct sv_tap_stats one = {
			.records = r->read,
			.lost = r->lost - r->lost_before,
			.backlog = r->head - r->pos,
			.cpu = r->cpu,
		};

		if (i < max)
			ring[i] = one;
		total->records += one.records;
		total->lost += one.lost;
		total->backlog += one.backlog;
	}
	return tap->n;
}
