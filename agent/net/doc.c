// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "doc_change.h"

/*
 * A change is made on a duplicate. It is put in place only when the duplicate is a whole network
 * that every host can be compiled for: what is in the store can always be carried out.
 */

int sv_doc_begin(cJSON **work, const cJSON *doc, struct sv_err *err)
{
	*work = cJSON_Duplicate(doc, true);
	return *work ? 0 : sv_err_set(err, -ENOMEM, "out of memory");
}

static int compile_host(const struct sv_net *net, const char *host, struct sv_err *err)
{
	struct sv_host_state state = { 0 };
	struct sv_names names = { 0 };
	int rc = sv_host_compile(&state, &names, net, host, err);

	sv_host_state_fini(&state);
	sv_names_fini(&names);
	return rc;
}

/* What only the compiler finds: too many sessions or destinations somewhere. */
static int check_hosts(const cJSON *doc, struct sv_problems *problems, struct sv_err *err)
{
	struct sv_net *net;
	int rc = sv_net_load(&net, doc, problems, err);

	if (rc)
		return rc;
	for (size_t h = 0; h < net->n_host; h++) {
		struct sv_err why = { 0 };
		int bad = compile_host(net, net->host[h].name, &why);

		if (!bad)
			continue;
		sv_problem_add(problems, NULL, "%s", why.text);
		rc = rc ?: sv_err_set(err, bad, "%s", why.text);
	}
	sv_net_free(net);
	return rc;
}

int sv_doc_commit(cJSON *doc, cJSON *work, struct sv_problems *problems, struct sv_err *err)
{
	cJSON *child;
	int rc = sv_doc_allocate(work, problems, err);

	if (!rc)
		rc = check_hosts(work, problems, err);
	if (rc)
		return rc;
	child = doc->child;
	doc->child = work->child;
	work->child = child;
	return 0;
}

/* ---- what a change takes with it ---- */

/* Deletes the members of doc[list] whose `key` says `value`. */
static void drop_where(cJSON *doc, const char *list, const char *key, const char *value)
{
	cJSON *object = sv_json_get(doc, list);
	cJSON *item = object ? object->child : NULL;

	while (item) {
		cJSON *next = item->next;
		const char *text = sv_json_str(item, key);

		if (text && !strcmp(text, value))
			cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
		item = next;
	}
}

void sv_doc_drop_monitors(cJSON *doc)
{
	cJSON *monitors = sv_json_get(doc, "monitors");
	cJSON *monitor = monitors ? monitors->child : NULL;

	while (monitor) {
		cJSON *next = monitor->next;
		const cJSON *session;
		bool used = false;

		cJSON_ArrayForEach (session, sv_json_get(doc, "sessions")) {
			const char *to = sv_json_str(session, "to");

			used |= to && !strcmp(to, monitor->string);
		}
		if (!used)
			cJSON_Delete(cJSON_DetachItemViaPointer(monitors, monitor));
		monitor = next;
	}
}

void sv_doc_drop_shadow(cJSON *doc, const char *name)
{
	drop_where(doc, "sessions", "of", name);
	sv_json_del(sv_json_get(doc, "shadows"), name);
}

static void drop_shadows_of(cJSON *doc, const char *of)
{
	cJSON *shadows = sv_json_get(doc, "shadows");
	cJSON *shadow = shadows ? shadows->child : NULL;

	while (shadow) {
		cJSON *next = shadow->next;
		const char *text = sv_json_str(shadow, "of");

		if (text && !strcmp(text, of)) {
			drop_where(doc, "sessions", "of", shadow->string);
			cJSON_Delete(cJSON_DetachItemViaPointer(shadows, shadow));
		}
		shadow = next;
	}
}

void sv_doc_drop_vnet(cJSON *doc, const char *name)
{
	drop_shadows_of(doc, name);
	drop_where(doc, "sessions", "of", name);
	drop_where(sv_json_get(doc, "network"), "groups", "production", name);
	sv_json_del(sv_json_get(sv_json_get(doc, "network"), "vnets"), name);
}

/* ---- groups as "alloc" knows them: also of a document that is being changed ---- */

const cJSON *sv_doc_group(const cJSON *doc, const char *group)
{
	return sv_json_get(sv_json_get(sv_json_get(doc, "alloc"), "groups"), group);
}

bool sv_doc_is_member(const cJSON *doc, const char *group, const char *vnet)
{
	return vnet && sv_json_get(sv_json_get(sv_doc_group(doc, group), "roles"), vnet);
}

const cJSON *sv_doc_group_of(const cJSON *doc, const char *vnet)
{
	const cJSON *group;

	cJSON_ArrayForEach (group, sv_json_get(sv_json_get(doc, "alloc"), "groups"))
		if (sv_json_get(sv_json_get(group, "roles"), vnet))
			return group;
	return NULL;
}

bool sv_doc_is_shadow(const cJSON *doc, const char *name)
{
	return name && sv_json_get(sv_json_get(doc, "shadows"), name);
}

/* A shadow that is heard, or may be: named by the group's last operation on either side. */
const char *sv_doc_live_shadow(const cJSON *doc, const char *group)
{
	const cJSON *flip = sv_json_get(sv_json_get(doc, "flips"), group);
	const char *kind = sv_json_str(flip, "kind") ?: "", *to = sv_json_str(flip, "to");
	const char *from = sv_json_str(flip, "from");
	bool open = !strcmp(kind, "flip") &&
		    (sv_json_num(flip, "until_us") || sv_json_num(flip, "at_us"));

	if (sv_doc_is_shadow(doc, to) && sv_doc_is_member(doc, group, to))
		return to;
	if (open && sv_doc_is_shadow(doc, from) && sv_doc_is_member(doc, group, from))
		return from;
	return NULL;
}

int sv_doc_check_live(const cJSON *doc, const char *group, struct sv_err *err)
{
	const char *shadow = sv_doc_live_shadow(doc, group);

	if (!shadow)
		return 0;
	return sv_err_set(
		err, -EBUSY,
		"shadow %s is heard in group %s, or waits to be: flip back, or keep it with "
		"`svnet shadow finish %s`",
		shadow, group, group);
}

/* ---- apply and delete ---- */

/* Shadows and sessions whose VNet the new network file no longer has. */
static void drop_gone(cJSON *work, const cJSON *old)
{
	const cJSON *vnets = sv_json_get(sv_json_get(work, "network"), "vnets"), *vnet;

	cJSON_ArrayForEach (vnet, sv_json_get(sv_json_get(old, "network"), "vnets"))
		if (!sv_json_get(vnets, vnet->string)) {
			drop_shadows_of(work, vnet->string);
			drop_where(work, "sessions", "of", vnet->string);
		}
	sv_doc_drop_monitors(work);
}

static int check_busy(const cJSON *doc, const cJSON *work, struct sv_err *err)
{
	const cJSON *group;

	cJSON_ArrayForEach (group, sv_json_get(sv_json_get(doc, "alloc"), "groups")) {
		const char *shadow = sv_doc_live_shadow(doc, group->string);

		if (shadow && !sv_doc_is_member(work, group->string, shadow))
			return sv_doc_check_live(doc, group->string, err);
	}
	return 0;
}

int sv_doc_apply(cJSON *doc, const cJSON *network, struct sv_problems *problems, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL;
	int rc = sv_doc_begin(&work, doc, err);

	if (rc)
		return rc;
	if (sv_json_set(work, "network", cJSON_Duplicate(network, true)))
		return sv_err_set(err, -ENOMEM, "out of memory");
	drop_gone(work, doc);
	rc = sv_doc_allocate(work, problems, err);
	if (!rc)
		rc = check_busy(doc, work, err);
	if (!rc)
		rc = sv_doc_settle_flips(work, doc, err);
	return rc ?: sv_doc_commit(doc, work, problems, err);
}

int sv_doc_vnet_delete(cJSON *doc, const char *name, struct sv_err *err)
{
	const cJSON *group = sv_doc_group_of(doc, name);
	_cleanup_json_ cJSON *work = NULL;
	int rc;

	if (sv_doc_is_shadow(doc, name))
		return sv_err_set(err, -EINVAL, "%s is a shadow: `svnet shadow finish %s` ends it",
				  name, group ? group->string : name);
	if (!sv_json_get(sv_json_get(sv_json_get(doc, "network"), "vnets"), name))
		return sv_err_set(err, -ENOENT, "there is no VNet %s", name);
	rc = group ? sv_doc_check_live(doc, group->string, err) : 0;
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	sv_doc_drop_vnet(work, name);
	sv_doc_drop_monitors(work);
	rc = sv_doc_allocate(work, NULL, err);
	rc = rc ?: sv_doc_settle_flips(work, doc, err);
	return rc ?: sv_doc_commit(doc, work, NULL, err);
}
