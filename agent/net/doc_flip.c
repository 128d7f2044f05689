// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "doc_change.h"

/* Orders to the gates: one record a group, the last one. */

/* ---- the record ---- */

static int order_fill(cJSON *record, const char *kind, const char *to, const char *from,
		      uint64_t at_us, uint64_t until_us)
{
	if (!cJSON_AddStringToObject(record, "kind", kind) ||
	    !cJSON_AddStringToObject(record, "to", to ?: "") ||
	    !cJSON_AddStringToObject(record, "from", from ?: "") ||
	    !cJSON_AddNumberToObject(record, "at_us", at_us) ||
	    !cJSON_AddNumberToObject(record, "until_us", until_us))
		return -ENOMEM;
	return 0;
}

int sv_doc_order(cJSON *doc, const char *group, const char *kind, const char *to, const char *from,
		 uint64_t at_us, uint64_t until_us, struct sv_err *err)
{
	cJSON *alloc = sv_json_object(doc, "alloc");
	cJSON *next = alloc ? sv_json_object(alloc, "next") : NULL;
	cJSON *flips = sv_json_object(doc, "flips");
	_cleanup_json_ cJSON *record = cJSON_CreateObject();
	uint64_t id = sv_json_num(next, "flip") ?: 1;

	if (!next || !flips || !record || !cJSON_AddNumberToObject(record, "id", id) ||
	    order_fill(record, kind, to, from, at_us, until_us) ||
	    sv_json_set(next, "flip", cJSON_CreateNumber(id + 1)) ||
	    sv_json_set(flips, group, TAKE_PTR(record)))
		return sv_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

/* ---- members that left ---- */

static const char *production_of(const cJSON *doc, const char *group)
{
	const cJSON *role;

	cJSON_ArrayForEach (role, sv_json_get(sv_doc_group(doc, group), "roles"))
		if (!sv_doc_is_shadow(doc, role->string))
			return role->string;
	return NULL;
}

/* Who the group's gates were told to let out; with nothing told, the production of that time. */
static const char *heard(const cJSON *doc, const char *group)
{
	const cJSON *flip = sv_json_get(sv_json_get(doc, "flips"), group);

	return flip ? sv_json_str(flip, "to") : production_of(doc, group);
}

static void drop_orders(cJSON *work)
{
	cJSON *flips = sv_json_get(work, "flips"), *flip = flips ? flips->child : NULL;

	while (flip) {
		cJSON *next = flip->next;

		if (!sv_doc_group(work, flip->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(flips, flip));
		flip = next;
	}
}

int sv_doc_settle_flips(cJSON *work, const cJSON *old, struct sv_err *err)
{
	const cJSON *group;

	drop_orders(work);
	cJSON_ArrayForEach (group, sv_json_get(sv_json_get(work, "alloc"), "groups")) {
		const char *name =
			sv_doc_group(old, group->string) ? heard(old, group->string) : NULL;
		int rc;

		if (!name || !name[0] || sv_doc_is_member(work, group->string, name))
			continue;
		rc = sv_doc_order(work, group->string, "flip", production_of(work, group->string),
				  "", 0, 0, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- operations ---- */

struct order {
	const char *group, *to, *live;
	const cJSON *last; /* the record before, or NULL */
	uint64_t at_us, until_us;
};

static int no_member(const cJSON *doc, const struct order *o, struct sv_err *err)
{
	char names[256] = "";
	const cJSON *role;

	cJSON_ArrayForEach (role, sv_json_get(sv_doc_group(doc, o->group), "roles")) {
		strncat(names, names[0] ? ", " : "", sizeof(names) - strlen(names) - 1);
		strncat(names, role->string, sizeof(names) - strlen(names) - 1);
	}
	return sv_err_set(err, -EINVAL, "\"%s\" is not in group %s: its members are %s",
			  o->to ?: "", o->group, names);
}

static int order_flip(cJSON *doc, const struct order *o, struct sv_err *err)
{
	if (!sv_doc_is_member(doc, o->group, o->to))
		return no_member(doc, o, err);
	if (o->live && !strcmp(o->live, o->to))
		return sv_err_set(err, -EALREADY, "%s is live in group %s already", o->to,
				  o->group);
	if (o->until_us && o->until_us <= o->at_us)
		return sv_err_set(err, -EINVAL,
				  "the time to confirm ends before the flip: choose a later one");
	return sv_doc_order(doc, o->group, "flip", o->to, o->live, o->at_us, o->until_us, err);
}

static int order_confirm(cJSON *doc, const struct order *o, struct sv_err *err)
{
	const char *kind = sv_json_str(o->last, "kind") ?: "";
	const char *to = sv_json_str(o->last, "to") ?: "", *from = sv_json_str(o->last, "from");

	if (strcmp(kind, "flip") || !sv_json_num(o->last, "until_us"))
		return sv_err_set(err, -EINVAL, "group %s has no flip that waits to be confirmed",
				  o->group);
	if (!o->live || strcmp(o->live, to))
		return sv_err_set(
			err, -ETIME,
			"%s is not live in group %s: its time to confirm is over, or the flip "
			"is still to come",
			to, o->group);
	return sv_doc_order(doc, o->group, "confirm", to, from, 0, 0, err);
}

static int order_rollback(cJSON *doc, const struct order *o, struct sv_err *err)
{
	const char *kind = sv_json_str(o->last, "kind"), *from = sv_json_str(o->last, "from");

	if (!kind || !strcmp(kind, "rollback") || !from || !from[0])
		return sv_err_set(err, -EINVAL, "group %s has nothing to go back to", o->group);
	if (!sv_doc_is_member(doc, o->group, from))
		return sv_err_set(err, -ENOENT,
				  "%s, which was live before, is no longer in group %s", from,
				  o->group);
	return sv_doc_order(doc, o->group, "rollback", from, o->live, 0, 0, err);
}

static int order_hold(cJSON *doc, const struct order *o, struct sv_err *err)
{
	return sv_doc_order(doc, o->group, "hold", "", o->live, 0, 0, err);
}

static const struct {
	const char *kind;
	int (*fn)(cJSON *doc, const struct order *o, struct sv_err *err);
} orders[] = {
	{ "flip", order_flip },
	{ "confirm", order_confirm },
	{ "rollback", order_rollback },
	{ "hold", order_hold },
};

/* Strings of the old record are read while the new one is made: on a duplicate, then swapped. */
static int run_order(cJSON *doc, const struct order *o, size_t which, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL;
	int rc = sv_doc_begin(&work, doc, err);
	cJSON *child;

	rc = rc ?: orders[which].fn(work, o, err);
	if (rc)
		return rc;
	child = doc->child;
	doc->child = work->child;
	work->child = child;
	return 0;
}

int sv_doc_flip(cJSON *doc, const char *group, const char *kind, const char *to, const char *live,
		uint64_t at_us, uint64_t until_us, struct sv_err *err)
{
	const struct order o = { .group = group,
				 .to = to,
				 .live = live && live[0] ? live : NULL,
				 .last = sv_json_get(sv_json_get(doc, "flips"), group),
				 .at_us = at_us,
				 .until_us = until_us };

	if (!sv_doc_group(doc, group))
		return sv_err_set(err, -ENOENT, "there is no group %s", group);
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
		if (!strcmp(kind, orders[i].kind))
			return run_order(doc, &o, i, err);
	return sv_err_set(err, -EINVAL, "\"%s\" is not a gate operation", kind);
}
