// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

_Static_assert(!(sizeof(struct sv_count) % 8), "a row is an array of u64");
_Static_assert(!(sizeof(struct sv_scount) % 8), "a row is an array of u64");
_Static_assert(!(sizeof(struct sv_dcount) % 8), "a row is an array of u64");

/* Every counter is a u64, so a row of any table is summed as an array of them. */
static int sum(struct sv_plane *plane, enum sv_map map, __u32 key, __u64 *out, size_t words,
	       struct sv_err *err)
{
	int cpus = libbpf_num_possible_cpus(), rc;
	_cleanup_free_ __u64 *rows = cpus > 0 ? calloc((size_t)cpus * words, 8) : NULL;

	if (!rows)
		return sv_err_set(err, -ENOMEM, "out of memory");
	rc = sv_map_get(plane, map, &key, rows, err);
	if (rc)
		return rc;
	memset(out, 0, words * 8);
	for (size_t i = 0; i < (size_t)cpus * words; i++)
		out[i % words] += rows[i];
	return 0;
}

static int zero(struct sv_plane *plane, enum sv_map map, __u32 key, size_t words,
		struct sv_err *err)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ __u64 *rows = cpus > 0 ? calloc((size_t)cpus * words, 8) : NULL;

	if (!rows)
		return sv_err_set(err, -ENOMEM, "out of memory");
	return sv_map_set(plane, map, &key, rows, err);
}

#define WORDS(type) (sizeof(type) / 8)

int sv_count_get(struct sv_plane *plane, __u32 attach, struct sv_count *count, struct sv_err *err)
{
	return sum(plane, SV_MAP_COUNT, attach, (__u64 *)count, WORDS(*count), err);
}

int sv_scount_get(struct sv_plane *plane, __u16 session, struct sv_scount *count,
		  struct sv_err *err)
{
	return sum(plane, SV_MAP_SCOUNT, session, (__u64 *)count, WORDS(*count), err);
}

/* All but the role are counters; that is the same on every CPU. */
int sv_dcount_get(struct sv_plane *plane, __u32 ifindex, struct sv_dcount *count,
		  struct sv_err *err)
{
	int cpus = libbpf_num_possible_cpus();
	int rc = sum(plane, SV_MAP_DCOUNT, ifindex, (__u64 *)count, WORDS(*count), err);

	if (!rc)
		count->role /= cpus;
	return rc;
}

int sv_count_clear(struct sv_plane *plane, __u32 attach, struct sv_err *err)
{
	return zero(plane, SV_MAP_COUNT, attach, WORDS(struct sv_count), err);
}

int sv_scount_clear(struct sv_plane *plane, __u16 session, struct sv_err *err)
{
	return zero(plane, SV_MAP_SCOUNT, session, WORDS(struct sv_scount), err);
}

int sv_dcount_make(struct sv_plane *plane, __u32 ifindex, enum sv_port_role role,
		   struct sv_err *err)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct sv_dcount *rows = cpus > 0 ? calloc(cpus, sizeof(*rows)) : NULL;
	struct sv_dcount now;

	if (!rows)
		return sv_err_set(err, -ENOMEM, "out of memory");
	if (!sv_dcount_get(plane, ifindex, &now, NULL) && now.role == role)
		return 0;
	for (int i = 0; i < cpus; i++)
		rows[i].role = role;
	return sv_map_set(plane, SV_MAP_DCOUNT, &ifindex, rows, err);
}

int sv_dcount_drop(struct sv_plane *plane, __u32 ifindex, struct sv_err *err)
{
	return sv_map_del(plane, SV_MAP_DCOUNT, &ifindex, err);
}
