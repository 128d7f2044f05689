// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "doc_change.h"

/* ---- start, update ---- */

static cJSON *vnets_of(const cJSON *doc)
{
	return sv_json_get(sv_json_get(doc, "network"), "vnets");
}

static int name_free(const cJSON *doc, const char *name, struct sv_err *err)
{
	if (sv_json_get(vnets_of(doc), name) || sv_doc_is_shadow(doc, name) ||
	    sv_json_get(sv_json_get(doc, "monitors"), name))
		return sv_err_set(err, -EEXIST, "there is a VNet %s already", name);
	return 0;
}

int sv_doc_shadow_start(cJSON *doc, const char *name, const char *of, const cJSON *override,
			struct sv_problems *problems, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL;
	cJSON *shadows, *shadow;
	int rc = name_free(doc, name, err);

	if (!rc && !sv_json_get(vnets_of(doc), of))
		rc = sv_err_set(err, -ENOENT, "there is no production VNet %s", of);
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	shadows = sv_json_object(work, "shadows");
	shadow = shadows ? sv_json_object(shadows, name) : NULL;
	if (!shadow || !cJSON_AddStringToObject(shadow, "of", of) ||
	    (override && sv_json_set(shadow, "override", cJSON_Duplicate(override, true))))
		return sv_err_set(err, -ENOMEM, "out of memory");
	return sv_doc_commit(doc, work, problems, err);
}

/* Two patches as one: what is null in the later stays null, or it would undo nothing. */
static cJSON *join_patches(const cJSON *first, const cJSON *second)
{
	_cleanup_json_ cJSON *out = NULL;
	const cJSON *item;

	if (!cJSON_IsObject(first) || !cJSON_IsObject(second))
		return cJSON_Duplicate(second, true);
	out = cJSON_Duplicate(first, true);
	if (!out)
		return NULL;
	cJSON_ArrayForEach (item, second)
		if (sv_json_set(out, item->string,
				join_patches(sv_json_get(first, item->string), item)))
			return NULL;
	return TAKE_PTR(out);
}

int sv_doc_shadow_update(cJSON *doc, const char *name, const cJSON *override,
			 struct sv_problems *problems, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL;
	cJSON *shadow;
	int rc = 0;

	if (!sv_doc_is_shadow(doc, name))
		rc = sv_err_set(err, -ENOENT, "there is no shadow %s", name);
	else if (!cJSON_IsObject(override))
		rc = sv_err_set(err, -EINVAL, "the override of %s must be an object", name);
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	shadow = sv_json_get(sv_json_get(work, "shadows"), name);
	if (sv_json_set(shadow, "override",
			join_patches(sv_json_get(shadow, "override"), override)))
		return sv_err_set(err, -ENOMEM, "out of memory");
	return sv_doc_commit(doc, work, problems, err);
}

/* ---- finish ---- */

static const char *production_name(const cJSON *doc, const char *group)
{
	const cJSON *role;

	cJSON_ArrayForEach (role, sv_json_get(sv_doc_group(doc, group), "roles"))
		if (!sv_doc_is_shadow(doc, role->string))
			return role->string;
	return NULL;
}

/* On the same host under Xen: then the one was cloned from the other. */
static bool is_cloned(const cJSON *vnode, const cJSON *of)
{
	return of && !strcmp(sv_json_str(vnode, "driver") ?: "", "xen") &&
	       !strcmp(sv_json_str(of, "driver") ?: "", "xen") &&
	       !strcmp(sv_json_str(vnode, "host") ?: "", sv_json_str(of, "host") ?: "");
}

static bool has_own(const cJSON *disk, const cJSON *of)
{
	return of && strcmp(sv_json_str(disk, "snapshot") ?: "none", "none") &&
	       !(cJSON_IsTrue(sv_json_get(disk, "readonly")) &&
		 cJSON_IsTrue(sv_json_get(of, "readonly")));
}

static const cJSON *disk_like(const cJSON *vnode, const cJSON *disk)
{
	const char *device = sv_json_str(disk, "device") ?: "";
	const cJSON *other;

	cJSON_ArrayForEach (other, sv_json_get(sv_json_get(vnode, "xen"), "disks"))
		if (!strcmp(sv_json_str(other, "device") ?: "", device))
			return other;
	return NULL;
}

/* What it wrote stays its own: the copies that it was made with are from now on its disks. */
static int name_disks(const char *vnet, const cJSON *vnode, const cJSON *of)
{
	cJSON *disk;

	if (!is_cloned(vnode, of))
		return 0;
	cJSON_ArrayForEach (disk, sv_json_get(sv_json_get(vnode, "xen"), "disks")) {
		char path[PATH_MAX];

		if (!has_own(disk, disk_like(of, disk)))
			continue;
		snprintf(path, sizeof(path), SV_VNODE_OWN_DISK, sv_json_str(disk, "path") ?: "",
			 vnet, vnode->string);
		if (sv_json_set(disk, "path", cJSON_CreateString(path)))
			return -ENOMEM;
	}
	return 0;
}

/* The shadow's own configuration, as the loader would spell it out. */
static int promote(cJSON *work, const char *name, const char *of)
{
	const cJSON *override =
		sv_json_get(sv_json_get(sv_json_get(work, "shadows"), name), "override");
	const cJSON *base = sv_json_get(vnets_of(work), of);
	cJSON *merged = override ? sv_json_merge(base, override) : cJSON_Duplicate(base, true);
	const cJSON *vnode;
	int rc = 0;

	cJSON_ArrayForEach (vnode, sv_json_get(merged, "vnodes"))
		rc = rc
			     ?: name_disks(name, vnode,
					   sv_json_get(sv_json_get(base, "vnodes"), vnode->string));
	if (!rc)
		return sv_json_set(vnets_of(work), name, merged);
	cJSON_Delete(merged);
	return rc;
}

/* The group keeps its name, whatever its production is called now. */
static int name_group(cJSON *work, const char *group, const char *production)
{
	cJSON *groups = sv_json_object(sv_json_get(work, "network"), "groups");
	cJSON *entry = groups ? sv_json_object(groups, group) : NULL;

	return entry ? sv_json_set(entry, "production", cJSON_CreateString(production)) : -ENOMEM;
}

/* The other members, except `keep`. */
static void drop_others(cJSON *work, const cJSON *roles, const char *keep)
{
	const cJSON *role;

	cJSON_ArrayForEach (role, roles)
		if (strcmp(role->string, keep))
			sv_doc_drop_shadow(work, role->string);
}

static int finish_shadow(cJSON *work, const cJSON *doc, const char *group, const char *live)
{
	const char *of = production_name(doc, group);
	const cJSON *roles = sv_json_get(sv_doc_group(doc, group), "roles");

	if (promote(work, live, of))
		return -ENOMEM;
	drop_others(work, roles, live);
	/* Its sessions stay: the VNet that they name is still there. */
	sv_json_del(sv_json_get(work, "shadows"), live);
	sv_doc_drop_vnet(work, of);
	return name_group(work, group, live);
}

int sv_doc_shadow_finish(cJSON *doc, const char *group, const char *live, struct sv_err *err)
{
	const cJSON *roles = sv_json_get(sv_doc_group(doc, group), "roles");
	_cleanup_json_ cJSON *work = NULL;
	int rc = 0;

	if (!roles)
		rc = sv_err_set(err, -ENOENT, "there is no group %s", group);
	else if (cJSON_GetArraySize(roles) < 2)
		rc = sv_err_set(err, -ENOENT, "group %s has no shadow", group);
	else if (!live || !sv_json_get(roles, live))
		rc = sv_err_set(err, -EBUSY,
				"nobody is live in group %s, so nobody can be kept: flip first",
				group);
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	if (sv_doc_is_shadow(doc, live))
		rc = finish_shadow(work, doc, group, live);
	else
		drop_others(work, roles, live);
	if (rc)
		return sv_err_set(err, rc, "out of memory");
	sv_doc_drop_monitors(work);
	/* Ends what a flip may still have pending: a word that would switch to who is gone. */
	rc = sv_doc_order(work, group, "confirm", live, "", 0, 0, err);
	return rc ?: sv_doc_commit(doc, work, NULL, err);
}
