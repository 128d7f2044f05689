// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

static int fail(struct sv_err *err, int rc, const char *what, enum sv_map map)
{
	return sv_err_set(err, rc, "cannot %s map %s: %s", what, sv_map_name(map), strerror(-rc));
}

int sv_map_set(struct sv_plane *plane, enum sv_map map, const void *key, const void *value,
	       struct sv_err *err)
{
	if (bpf_map_update_elem(plane->map[map], key, value, BPF_ANY))
		return fail(err, -errno, "write", map);
	return 0;
}

int sv_map_get(struct sv_plane *plane, enum sv_map map, const void *key, void *value,
	       struct sv_err *err)
{
	if (bpf_map_lookup_elem(plane->map[map], key, value))
		return fail(err, -errno, "read", map);
	return 0;
}

int sv_map_del(struct sv_plane *plane, enum sv_map map, const void *key, struct sv_err *err)
{
	if (bpf_map_delete_elem(plane->map[map], key) && errno != ENOENT)
		return fail(err, -errno, "delete from", map);
	return 0;
}

int sv_map_dump(struct sv_plane *plane, enum sv_map map, void **keys, void **values, size_t *n,
		struct sv_err *err)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), done = 0, count, cursor = 0;
	_cleanup_free_ char *k = NULL, *v = NULL;
	int rc = 0;

	if (bpf_obj_get_info_by_fd(plane->map[map], &info, &len))
		return fail(err, -errno, "read", map);
	k = calloc(info.max_entries, info.key_size);
	v = calloc(info.max_entries, info.value_size);
	if (!k || !v)
		return fail(err, -ENOMEM, "read", map);
	while (!rc && done < info.max_entries) {
		count = info.max_entries - done;
		rc = bpf_map_lookup_batch(plane->map[map], done ? &cursor : NULL, &cursor,
					  k + (size_t)done * info.key_size,
					  v + (size_t)done * info.value_size, &count, NULL);
		if (rc && errno != ENOENT)
			return fail(err, -errno, "read", map);
		done += count;
	}
	*keys = TAKE_PTR(k);
	*values = TAKE_PTR(v);
	*n = done;
	return 0;
}

int sv_map_batch(struct sv_plane *plane, enum sv_map map, const void *keys, const void *values,
		 size_t n, struct sv_err *err)
{
	__u32 count = n;

	if (n && bpf_map_update_batch(plane->map[map], keys, values, &count, NULL))
		return fail(err, -errno, "write", map);
	return 0;
}

/*
 * The kernel waits for running programs whenever an inner map is replaced, before it returns to us;
 * slot 0 of sv_fanout is never used, so replacing it has no other effect.
 */
int sv_map_grace(struct sv_plane *plane, struct sv_err *err)
{
	_cleanup_close_ int inner =
		bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "sv_none", 4, 8, 1, NULL);
	__u32 slot = 0;

	if (inner < 0)
		return fail(err, -errno, "synchronise with", SV_MAP_FANOUT);
	return sv_map_set(plane, SV_MAP_FANOUT, &slot, &inner, err);
}
