// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "internal.h"

/* ---- numbers ---- */

void sv_ranges_init(struct sv_ranges *ranges)
{
	memset(ranges, 0, sizeof(*ranges));
	ranges->cursor = 1;
	sv_ranges_take(ranges, 0, 1); /* number 0 is nobody's, see sv_map_grace() */
}

static bool taken(const struct sv_ranges *ranges, __u32 number)
{
	return ranges->used[number / 64] >> (number % 64) & 1;
}

void sv_ranges_take(struct sv_ranges *ranges, __u32 first, __u32 n)
{
	for (__u32 i = first; i < SV_FANOUT_MAX && i - first < n; i++)
		ranges->used[i / 64] |= 1ULL << (i % 64);
	/* Search behind what is in use: a number just given up may still have an inner map. */
	if (first + n > ranges->cursor && first + n < SV_FANOUT_MAX)
		ranges->cursor = first + n;
}

static __u32 search(const struct sv_ranges *ranges, __u32 from, __u32 to, __u32 n)
{
	__u32 run = 0;

	for (__u32 i = from; i < to; i++) {
		run = taken(ranges, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return 0;
}

__u32 sv_ranges_find(struct sv_ranges *ranges, __u32 n)
{
	__u32 first;

	if (!n || n >= SV_FANOUT_MAX)
		return 0;
	first = search(ranges, ranges->cursor, SV_FANOUT_MAX, n);
	if (!first)
		first = search(ranges, 1, SV_FANOUT_MAX, n);
	if (first)
		sv_ranges_take(ranges, first, n);
	return first;
}

/* ---- inner maps ---- */

#define BATCH 512 /* inner maps open at a time */
#define BUCKETS 1024

/* Fan-outs with the same destinations in one batch share an inner map, found by a hash of them. */
struct batch {
	size_t n;
	__u32 number[BATCH];
	int inner[BATCH];
	size_t n_own;
	int own[BATCH];
	const struct sv_dests *dests[BATCH];
	__s16 bucket[BUCKETS]; /* first of own[], or -1 */
	__s16 next[BATCH];
};

static void batch_reset(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_own; i++)
		close(batch->own[i]);
	batch->n = 0;
	batch->n_own = 0;
	memset(batch->bucket, -1, sizeof(batch->bucket));
}

static void cleanup_batch(struct batch **batch)
{
	if (*batch)
		batch_reset(*batch);
	free(*batch);
}

static struct batch *batch_new(void)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch)
		batch_reset(batch);
	return batch;
}

static int batch_flush(struct sv_plane *plane, struct batch *batch, struct sv_err *err)
{
	int rc = sv_map_batch(plane, SV_MAP_FANOUT, batch->number, batch->inner, batch->n, err);

	batch_reset(batch);
	return rc;
}

static bool same_way(const struct sv_dest *a, const struct sv_dest *b)
{
	return a->ifindex == b->ifindex &&
	       (a->flags & SV_DEST_GUARDED) == (b->flags & SV_DEST_GUARDED);
}

static bool same_dests(const struct sv_dests *a, const struct sv_dests *b)
{
	if (a->n != b->n)
		return false;
	for (__u32 i = 0; i < a->n; i++) {
		if (!same_way(&a->dest[i], &b->dest[i]))
			return false;
	}
	return true;
}

static __u32 hash(const struct sv_dests *dests)
{
	__u32 h = dests->n;

	for (__u32 i = 0; i < dests->n; i++)
		h = (h ^ dests->dest[i].ifindex) * 2654435761u;
	return h >> 22;
}

static __u32 pow2(__u32 n)
{
	__u32 p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

/* Production last: a broadcast delivers the highest key first. */
static int fill_inner(struct sv_plane *plane, int inner, const struct sv_dests *dests, bool lenient,
		      struct sv_err *err)
{
	for (__u32 i = 0; i < dests->n; i++) {
		const struct sv_dest *dest = &dests->dest[i];
		struct bpf_devmap_val val = { .ifindex = dest->ifindex };
		__u32 key = dests->n - 1 - i;

		val.bpf_prog.fd = dest->flags & SV_DEST_GUARDED ? plane->egress : -1;
		if (!bpf_map_update_elem(inner, &key, &val, BPF_ANY) || lenient)
			continue;
		return sv_err_set(err, errno == EINVAL ? -ENODEV : -errno,
				  "the device with index %u cannot be a destination: %s",
				  dest->ifindex,
				  errno == EINVAL ? "no such device in this network namespace"
						  : strerror(errno));
	}
	return 0;
}

static int new_inner(struct sv_plane *plane, const struct sv_dests *dests, bool lenient,
		     struct sv_err *err)
{
	_cleanup_close_ int inner =
		bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "sv_fan", 4, 8, pow2(dests->n), NULL);
	int rc;

	if (inner < 0)
		return sv_err_set(err, -errno, "cannot make a fan-out: %s", strerror(errno));
	rc = fill_inner(plane, inner, dests, lenient, err);
	return rc ?: TAKE_FD(inner);
}

static int batch_find(const struct batch *batch, const struct sv_dests *dests)
{
	for (int i = batch->bucket[hash(dests)]; i >= 0; i = batch->next[i]) {
		if (same_dests(batch->dests[i], dests))
			return batch->own[i];
	}
	return -1;
}

static void batch_keep(struct batch *batch, const struct sv_dests *dests, int inner)
{
	size_t i = batch->n_own++;

	batch->own[i] = inner;
	batch->dests[i] = dests;
	batch->next[i] = batch->bucket[hash(dests)];
	batch->bucket[hash(dests)] = i;
}

static int batch_add(struct sv_plane *plane, struct batch *batch, const struct sv_fan *fan,
		     bool lenient, struct sv_err *err)
{
	int inner = batch_find(batch, fan->dests), rc;

	if (inner < 0) {
		inner = new_inner(plane, fan->dests, lenient, err);
		if (inner == -EMFILE && batch->n) {
			rc = batch_flush(plane, batch, err);
			inner = rc ?: new_inner(plane, fan->dests, lenient, err);
		}
		if (inner < 0)
			return inner;
		batch_keep(batch, fan->dests, inner);
	}
	batch->number[batch->n] = fan->number;
	batch->inner[batch->n++] = inner;
	return batch->n == BATCH ? batch_flush(plane, batch, err) : 0;
}

static int write_inner(struct sv_plane *plane, const struct sv_fan *fans, size_t n, bool lenient,
		       struct sv_err *err)
{
	_cleanup_(cleanup_batch) struct batch *batch = batch_new();
	int rc = batch ? 0 : sv_err_set(err, -ENOMEM, "out of memory");

	for (size_t i = 0; i < n && !rc; i++) {
		if (fans[i].dests->n)
			rc = batch_add(plane, batch, &fans[i], lenient, err);
	}
	return rc ?: batch_flush(plane, batch, err);
}

int sv_fanout_rebuild(struct sv_plane *plane, const struct sv_fan *fans, size_t n,
		      struct sv_err *err)
{
	return write_inner(plane, fans, n, true, err);
}

/* ---- both maps ---- */

/* A fan-out without destinations has no inner map, not an empty one: the data plane counts that. */
static int drop_inner(struct sv_plane *plane, __u32 number, struct sv_err *err)
{
	__u32 id;

	if (bpf_map_lookup_elem(plane->map[SV_MAP_FANOUT], &number, &id))
		return 0;
	return sv_map_del(plane, SV_MAP_FANOUT, &number, err);
}

static int write_dests(struct sv_plane *plane, const struct sv_fan *fans, size_t n,
		       struct sv_err *err)
{
	_cleanup_free_ struct sv_dests *dests = calloc(n + 1, sizeof(*dests));
	_cleanup_free_ __u32 *numbers = calloc(n + 1, sizeof(*numbers));

	if (!dests || !numbers)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		numbers[i] = fans[i].number;
		dests[i].n = fans[i].dests->n;
		memcpy(dests[i].dest, fans[i].dests->dest, dests[i].n * sizeof(dests[i].dest[0]));
	}
	return sv_map_batch(plane, SV_MAP_DEST, numbers, dests, n, err);
}

int sv_fanout_write(struct sv_plane *plane, const struct sv_fan *fans, size_t n, struct sv_err *err)
{
	int rc = write_inner(plane, fans, n, false, err);

	for (size_t i = 0; i < n && !rc; i++) {
		if (!fans[i].dests->n)
			rc = drop_inner(plane, fans[i].number, err);
	}
	return rc ?: write_dests(plane, fans, n, err);
}

#define DELETE_MAX 4 /* more than this are cleared by one batch: each delete waits milliseconds */

static int empty_inner(struct sv_plane *plane, const __u32 *numbers, size_t n, struct sv_err *err)
{
	_cleanup_close_ int none =
		bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "sv_none", 4, 8, 1, NULL);
	_cleanup_free_ int *inner = calloc(n + 1, sizeof(*inner));

	if (none < 0 || !inner)
		return sv_err_set(err, -ENOMEM, "cannot clear fan-outs: out of memory");
	for (size_t i = 0; i < n; i++)
		inner[i] = none;
	return sv_map_batch(plane, SV_MAP_FANOUT, numbers, inner, n, err);
}

int sv_fanout_clear(struct sv_plane *plane, const __u32 *numbers, size_t n, struct sv_err *err)
{
	_cleanup_free_ struct sv_dests *none = calloc(n + 1, sizeof(*none));
	int rc;

	if (!none)
		return sv_err_set(err, -ENOMEM, "out of memory");
	rc = sv_map_batch(plane, SV_MAP_DEST, numbers, none, n, err);
	if (n > DELETE_MAX)
		return rc ?: empty_inner(plane, numbers, n, err);
	for (size_t i = 0; i < n && !rc; i++)
		rc = drop_inner(plane, numbers[i], err);
	return rc;
}
