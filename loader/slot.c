// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "filter.h"
#include "internal.h"

/*
 * An upgrade leaves the filters' programs as they are. They know no more than struct sv_view, the
 * program array and what an expression means: the first two belong to SV_SCHEMA, and a compiler
 * that means something else raises SV_FILTER_VERSION, so that every digest differs and the agent
 * sets the attachments anew. Only the delivery stage is replaced. While that lasts an entry of the
 * old build hands its state to the stage of the new one, hence sv_scratch.state is part of
 * SV_SCHEMA, too.
 */

static const struct hook {
	enum sv_map map;
	enum sv_filter_hook hook;
	size_t stage; /* its descriptor in struct sv_plane */
	const char *name;
} hooks[] = {
	{ SV_MAP_FILTER_XDP, SV_FILTER_XDP, offsetof(struct sv_plane, stage_xdp), "XDP" },
	{ SV_MAP_FILTER_TC, SV_FILTER_TC, offsetof(struct sv_plane, stage_tc), "TC" },
};
#define HOOKS (sizeof(hooks) / sizeof(hooks[0]))

/* ---- which slots are taken ---- */

void sv_slots_take(struct sv_slots *slots, const struct sv_attach *val)
{
	if (!(val->flags & SV_ATTACH_FILTER) || !val->filter || val->filter >= SV_FILTER_MAX)
		return;
	slots->digest[val->filter] = val->digest;
	slots->users[val->filter]++;
}

void sv_slots_drop(struct sv_slots *slots, const struct sv_attach *val)
{
	if (val->flags & SV_ATTACH_FILTER && val->filter < SV_FILTER_MAX &&
	    slots->users[val->filter])
		slots->users[val->filter]--;
}

void sv_slots_init(struct sv_slots *slots, const struct sv_snapshot *snap)
{
	memset(slots, 0, sizeof(*slots));
	for (size_t i = 0; i < snap->n; i++)
		sv_slots_take(slots, &snap->row[i].val);
}

__u32 sv_slots_find(struct sv_slots *slots, __u64 digest)
{
	__u32 slot = 0;

	for (__u32 i = 1; i < SV_FILTER_MAX; i++) {
		if (slots->digest[i] == digest) {
			slots->users[i]++;
			return i;
		}
		if (!slot && !slots->digest[i])
			slot = i;
	}
	if (!slot)
		return 0;
	slots->digest[slot] = digest;
	slots->users[slot] = 1;
	slots->fresh[slot] = true;
	return slot;
}

/* ---- what is in them ---- */

static __u32 id_in(struct sv_plane *plane, const struct hook *hook, __u32 slot)
{
	__u32 id;

	return bpf_map_lookup_elem(plane->map[hook->map], &slot, &id) ? 0 : id;
}

bool sv_slot_filled(struct sv_plane *plane, __u32 slot)
{
	return id_in(plane, &hooks[0], slot) && id_in(plane, &hooks[1], slot);
}

static int load(struct sv_plane *plane, const struct hook *hook, __u32 slot,
		char *const filter[SV_SESSION_BITS], struct sv_err *err)
{
	/* All bits, whether there is a session or not: the program is shared by the expressions. */
	_cleanup_close_ int prog =
		sv_filter_load(hook->hook, (const char *const *)filter, SV_SESSION_BITS,
			       plane->map[SV_MAP_SCRATCH], plane->map[hook->map], err);

	if (prog < 0)
		return prog;
	return sv_map_set(plane, hook->map, &slot, &prog, err);
}

int sv_slot_load(struct sv_plane *plane, __u32 slot, char *const filter[SV_SESSION_BITS],
		 struct sv_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < HOOKS && !rc; i++)
		rc = load(plane, &hooks[i], slot, filter, err);
	return rc;
}

static int empty(struct sv_plane *plane, __u32 slot, struct sv_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < HOOKS && !rc; i++)
		rc = sv_map_del(plane, hooks[i].map, &slot, err);
	return rc;
}

int sv_slots_empty(struct sv_plane *plane, const struct sv_slots *slots, bool undo,
		   struct sv_err *err)
{
	int rc = 0;

	for (__u32 i = 1; i < SV_FILTER_MAX && !rc; i++) {
		if (slots->digest[i] && (undo ? slots->fresh[i] : !slots->users[i]))
			rc = empty(plane, i, err);
	}
	return rc;
}

/* ---- slot 0 ---- */

static int put_stage(struct sv_plane *plane, const struct hook *hook, struct sv_err *err)
{
	int prog = *(int *)((char *)plane + hook->stage);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info), slot = 0;

	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		return sv_err_set(err, -errno, "the %s delivery stage: %s", hook->name,
				  strerror(errno));
	return id_in(plane, hook, slot) == info.id
		       ? 0
		       : sv_map_set(plane, hook->map, &slot, &prog, err);
}

int sv_slot_put_stage(struct sv_plane *plane, struct sv_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < HOOKS && !rc; i++)
		rc = put_stage(plane, &hooks[i], err);
	return rc;
}
