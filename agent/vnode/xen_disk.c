/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose disks are whose. A clone writes to copies of its original's, which are made with it and go
 * with it, until the network file names them: a shadow that became production keeps its disks.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "xen.h"

enum { OWN_PATH_MAX = 512 };

static bool is_readonly(const cJSON *disk)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(disk, "readonly"));
}

/* ---- copies: pure ---- */

static const cJSON *disk_of(const cJSON *xen, const char *device)
{
	const cJSON *disk;

	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(xen, "disks"))
		if (!strcmp(sv_xen_str(disk, "device"), device))
			return disk;
	return NULL;
}

static int own_path(char path[OWN_PATH_MAX], const struct sv_vnode_spec *spec, const cJSON *disk)
{
	int len = snprintf(path, OWN_PATH_MAX, SV_VNODE_OWN_DISK, sv_xen_str(disk, "path"),
			   spec->vnet, spec->name);

	return len < OWN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int set_path(cJSON *disk, const char *path)
{
	cJSON *item = cJSON_CreateString(path);

	return item && cJSON_ReplaceItemInObjectCaseSensitive(disk, "path", item) ? 0 : -ENOMEM;
}

/* Takes the place of spec->xen. */
static int print_to(struct sv_vnode_spec *spec, const cJSON *xen)
{
	char *text = cJSON_PrintUnformatted(xen);

	if (!text)
		return -ENOMEM;
	free(spec->xen);
	spec->xen = text;
	return 0;
}

static int add_copy(const cJSON *disk, const cJSON *source, const char *to, cJSON *copies)
{
	cJSON *copy = cJSON_CreateObject();

	cJSON_AddStringToObject(copy, "from", sv_xen_str(source, "path"));
	cJSON_AddStringToObject(copy, "to", to);
	cJSON_AddStringToObject(copy, "how", sv_xen_str(disk, "snapshot"));
	cJSON_AddStringToObject(copy, "format", sv_xen_str(disk, "format"));
	cJSON_AddStringToObject(copy, "device", sv_xen_str(disk, "device"));
	return cJSON_AddItemToArray(copies, copy) ? 0 : -ENOMEM;
}

/* One that the original has not is the clone's as it is; one that neither writes to is both's. */
static int own_disk(const struct sv_vnode_spec *spec, cJSON *disk, const cJSON *source,
		    cJSON *copies, struct sv_err *err)
{
	const char *how = sv_xen_str(disk, "snapshot"), *path = sv_xen_str(disk, "path");
	char to[OWN_PATH_MAX];

	if (!source || (is_readonly(disk) && is_readonly(source)))
		return 0;
	if (strcmp(sv_xen_str(disk, "format"), sv_xen_str(source, "format")))
		return sv_err_set(err, -EINVAL, "disk %s is \"%s\" in the original", path,
				  sv_xen_str(source, "format"));
	if (!strcmp(how, "none") || !how[0])
		return sv_err_set(err, -EINVAL,
				  "disk %s cannot be cloned: say how in its \"snapshot\", "
				  "\"reflink\", \"copy\" or \"lvm\"",
				  path);
	if (own_path(to, spec, disk))
		return sv_err_set(err, -ENAMETOOLONG, "disk %s: the name of its copy is too long",
				  path);
	return add_copy(disk, source, to, copies) ?: set_path(disk, to);
}

/* Its memory goes on using what it had. */
static int has_all_disks(const cJSON *xen, const cJSON *original, struct sv_err *err)
{
	const cJSON *disk;

	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(original, "disks"))
		if (!disk_of(xen, sv_xen_str(disk, "device")))
			return sv_err_set(err, -EINVAL,
					  "disk %s is missing: the original's memory has it",
					  sv_xen_str(disk, "device"));
	return 0;
}

int sv_xen_own_disks(struct sv_vnode_spec *spec, const struct sv_vnode_spec *source, cJSON **copies,
		     struct sv_err *err)
{
	cJSON *xen = sv_xen_parse(spec), *original = sv_xen_parse(source);
	cJSON *list = cJSON_CreateArray(), *disk;
	int rc = xen && list ? has_all_disks(xen, original, err) : -ENOMEM;

	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(xen, "disks"))
		rc = rc
			     ?: own_disk(spec, disk, disk_of(original, sv_xen_str(disk, "device")),
					 list, err);
	rc = rc ?: print_to(spec, xen);
	cJSON_Delete(xen);
	cJSON_Delete(original);
	if (rc)
		cJSON_Delete(list);
	else
		*copies = list;
	return rc;
}

static bool is_copy(const cJSON *copies, const char *path)
{
	const cJSON *copy;

	cJSON_ArrayForEach (copy, copies)
		if (!strcmp(sv_xen_str(copy, "to"), path))
			return true;
	return false;
}

int sv_xen_keep_disks(struct sv_vnode_spec *spec, const cJSON *copies)
{
	cJSON *xen = copies ? sv_xen_parse(spec) : NULL, *disk;
	char path[OWN_PATH_MAX];
	int rc = 0;

	if (!xen)
		return 0;
	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(xen, "disks")) {
		if (!rc && !own_path(path, spec, disk) && is_copy(copies, path))
			rc = set_path(disk, path);
	}
	rc = rc ?: print_to(spec, xen);
	cJSON_Delete(xen);
	return rc;
}

bool sv_xen_give_disks(const struct sv_vnode_spec *spec, cJSON *copies)
{
	cJSON *xen = copies ? sv_xen_parse(spec) : NULL;
	const cJSON *disk;
	int i, before = cJSON_GetArraySize(copies);

	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(xen, "disks"))
		for (i = cJSON_GetArraySize(copies) - 1; i >= 0; i--)
			if (!strcmp(sv_xen_str(cJSON_GetArrayItem(copies, i), "to"),
				    sv_xen_str(disk, "path")))
				cJSON_DeleteItemFromArray(copies, i);
	cJSON_Delete(xen);
	return cJSON_GetArraySize(copies) < before;
}

/* ---- two writers ruin a disk ---- */

/* By whatever names. */
static bool same_disk(const char *a, const char *b)
{
	struct stat x, y;

	if (!strcmp(a, b))
		return true;
	if (stat(a, &x) || stat(b, &y))
		return false;
	return S_ISBLK(x.st_mode) ? S_ISBLK(y.st_mode) && x.st_rdev == y.st_rdev
				  : x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

struct sharing {
	const struct sv_vn *vn;
	const cJSON *disk;
	struct sv_err *err;
	char who[160];
};

static int find_sharing(void *arg, const struct sv_vn *vn)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sharing *s = arg;
	const cJSON *disk;
	cJSON *xen;
	int rc;

	if (!strcmp(vn->tag, s->vn->tag))
		return 0;
	rc = sv_vn_load_spec(vn, &spec);
	if (rc)
		return sv_vn_unread(vn, rc, s->err);
	xen = sv_xen_parse(&spec);
	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(xen, "disks"))
		if ((!is_readonly(disk) || !is_readonly(s->disk)) &&
		    same_disk(sv_xen_str(disk, "path"), sv_xen_str(s->disk, "path")))
			snprintf(s->who, sizeof(s->who), "%s/%s %s it", vn->vnet, vn->name,
				 is_readonly(disk) ? "reads" : "writes to");
	cJSON_Delete(xen);
	return 0;
}

static int check_there(const cJSON *disk, bool copy, struct sv_err *err)
{
	const char *path = sv_xen_str(disk, "path");
	int rc = access(path, copy ? F_OK : R_OK) ? errno : 0;

	if (copy && !rc)
		return sv_err_set(err, -EEXIST,
				  "disk %s is there already, and may be somebody's: move it away",
				  path);
	return rc && !copy ? sv_err_set(err, -rc, "disk %s: %s", path, strerror(rc)) : 0;
}

int sv_xen_check_disks(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		       const struct sv_vnode_spec *spec, const cJSON *copies, struct sv_err *err)
{
	cJSON *xen = sv_xen_parse(spec);
	const cJSON *disk;
	int rc = 0;

	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(xen, "disks")) {
		struct sharing s = { .vn = vn, .disk = disk, .err = err };

		rc = rc ?: check_there(disk, is_copy(copies, sv_xen_str(disk, "path")), err);
		rc = rc ?: sv_vn_each(drv, find_sharing, &s, err);
		if (!rc && s.who[0])
			rc = sv_err_set(err, -EBUSY,
					"disk %s: %s; a disk that one writes to is no other's",
					sv_xen_str(disk, "path"), s.who);
	}
	cJSON_Delete(xen);
	return rc;
}

/* ---- gone with its domain ---- */

static int remove_disk(const cJSON *copy, struct sv_err *err)
{
	char *to = (char *)sv_xen_str(copy, "to");
	char *argv[] = { "lvremove", "--yes", to, NULL };
	_cleanup_free_ char *complaint = NULL;
	int rc;

	if (access(to, F_OK))
		return 0;
	if (!strcmp(sv_xen_str(copy, "how"), "lvm"))
		rc = sv_ns_run(-1, argv, NULL, NULL, &complaint);
	else
		rc = unlink(to) ? -errno : 0;
	return rc ? sv_err_set(err, rc, "disk %s cannot be removed: %s", to,
			       complaint ?: strerror(-rc))
		  : 0;
}

int sv_xen_remove_disks(const cJSON *copies, struct sv_err *err)
{
	const cJSON *copy;
	int rc = 0, first = 0;

	cJSON_ArrayForEach (copy, copies) {
		rc = remove_disk(copy, first ? NULL : err);
		first = first ?: rc;
	}
	return first;
}
