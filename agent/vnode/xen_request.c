/* SPDX-License-Identifier: GPL-2.0-only */
/* From a specification to a domain, and what may differ between two of them. Pure. */
#include <errno.h>
#include <string.h>

#include "xen.h"

enum { WEIGHT_MAX = 65535, BACKOFF_MAX_S = 60, OWN_PATH_MAX = 512 };

/* Production's is Xen's default, which dom0 has too: dom0 carries everybody's packets. */
static const uint32_t tier_weight[] = {
	[SV_TIER_PRODUCTION] = 256,
	[SV_TIER_SHADOW] = 32,
	[SV_TIER_MONITOR] = 8,
};

uint32_t sv_xen_weight(enum sv_tier tier, uint32_t cpu_weight)
{
	uint64_t weight = (uint64_t)tier_weight[tier] * cpu_weight / 100;

	return weight < 1 ? 1 : weight > WEIGHT_MAX ? WEIGHT_MAX : weight;
}

cJSON *sv_xen_parse(const struct sv_vnode_spec *spec)
{
	return spec->xen ? cJSON_Parse(spec->xen) : NULL;
}

const char *sv_xen_str(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key)) ?: "";
}

double sv_xen_num(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* ---- to a domain
 * ------------------------------------------------------------------------------------------- */

static cJSON *nic_json(const struct sv_vnode_iface *iface)
{
	cJSON *nic = cJSON_CreateObject();
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", iface->mac[0], iface->mac[1],
		 iface->mac[2], iface->mac[3], iface->mac[4], iface->mac[5]);
	cJSON_AddStringToObject(nic, "mac", mac);
	cJSON_AddStringToObject(nic, "ifname", iface->port);
	cJSON_AddNumberToObject(nic, "mtu", iface->mtu);
	cJSON_AddNumberToObject(nic, "rate_kbit", iface->rate_kbit);
	return nic;
}

cJSON *sv_xen_domain(const struct sv_vnode_spec *spec, const char *uuid, const char *host,
		     const char *script)
{
	static const char *const same[] = { "type",  "kernel", "ramdisk", "cmdline", "memory",
					    "vcpus", "cpus",   "cap",	  "disks",   "pci" };
	cJSON *xen = sv_xen_parse(spec), *domain = cJSON_CreateObject(), *nics;
	char name[128], mark[128];
	size_t i;

	snprintf(name, sizeof(name), "svnet-%s-%s-%s", host, spec->vnet, spec->name);
	snprintf(mark, sizeof(mark), "%s %s %s", host, spec->vnet, spec->name);
	cJSON_AddStringToObject(domain, "name", name);
	cJSON_AddStringToObject(domain, "uuid", uuid);
	cJSON_AddStringToObject(domain, "mark", mark);
	cJSON_AddStringToObject(domain, "script", script);
	cJSON_AddNumberToObject(domain, "weight", sv_xen_weight(spec->tier, spec->cpu_weight));
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(xen, same[i]);

		if (item)
			cJSON_AddItemToObject(domain, same[i], item);
	}
	nics = cJSON_AddArrayToObject(domain, "nics");
	for (i = 0; i < spec->n_iface; i++)
		cJSON_AddItemToArray(nics, nic_json(&spec->iface[i]));
	cJSON_Delete(xen);
	return domain;
}

/* ---- what differs
 * ------------------------------------------------------------------------------------------ */

static const char *differing(const struct sv_vnode_spec *a, const struct sv_vnode_spec *b,
			     const char *const keys[])
{
	cJSON *x = sv_xen_parse(a), *y = sv_xen_parse(b);
	const char *found = NULL;

	for (; *keys && !found; keys++)
		if (!cJSON_Compare(cJSON_GetObjectItemCaseSensitive(x, *keys),
				   cJSON_GetObjectItemCaseSensitive(y, *keys), 1) &&
		    (cJSON_HasObjectItem(x, *keys) || cJSON_HasObjectItem(y, *keys)))
			found = *keys;
	cJSON_Delete(x);
	cJSON_Delete(y);
	return found;
}

const char *sv_xen_fixed(const struct sv_vnode_spec *from, const struct sv_vnode_spec *to)
{
	static const char *const keys[] = { "type",  "kernel", "ramdisk", "cmdline", "memory",
					    "vcpus", "disks",  "pci",	  NULL };
	size_t i;

	if (from->n_iface != to->n_iface)
		return "interfaces";
	for (i = 0; i < to->n_iface; i++) {
		const struct sv_vnode_iface *a = &from->iface[i], *b = &to->iface[i];

		if (strcmp(a->name, b->name) || strcmp(a->port, b->port) ||
		    memcmp(a->mac, b->mac, sizeof(a->mac)) || a->rate_kbit != b->rate_kbit)
			return "interfaces";
	}
	return differing(from, to, keys);
}

const char *sv_xen_unlike(const struct sv_vnode_spec *source, const struct sv_vnode_spec *clone)
{
	static const char *const keys[] = { "type", "memory", "vcpus", NULL };
	size_t i;

	if (source->n_iface != clone->n_iface)
		return "interfaces";
	for (i = 0; i < clone->n_iface; i++)
		if (strcmp(source->iface[i].name, clone->iface[i].name))
			return "interfaces";
	return differing(source, clone, keys);
}

/* ---- disks of a clone
 * -------------------------------------------------------------------------------------- */

static const cJSON *disk_of(const cJSON *xen, const char *device)
{
	const cJSON *disk;

	cJSON_ArrayForEach (disk, cJSON_GetObjectItemCaseSensitive(xen, "disks"))
		if (!strcmp(sv_xen_str(disk, "device"), device))
			return disk;
	return NULL;
}

static void own_path(char path[OWN_PATH_MAX], const struct sv_vnode_spec *spec, const cJSON *disk)
{
	snprintf(path, OWN_PATH_MAX, "%s.svnet-%s-%s", sv_xen_str(disk, "path"), spec->vnet,
		 spec->name);
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
	return cJSON_AddItemToArray(copies, copy) ? 0 : -ENOMEM;
}

/* A disk that the original has not is a new one, and the clone's as it is. */
static int own_disk(const struct sv_vnode_spec *spec, cJSON *disk, const cJSON *source,
		    cJSON *copies, struct sv_err *err)
{
	const char *how = sv_xen_str(disk, "snapshot"), *path = sv_xen_str(disk, "path");
	char to[OWN_PATH_MAX];

	if (!source || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(disk, "readonly")))
		return 0;
	if (strcmp(sv_xen_str(disk, "format"), sv_xen_str(source, "format")))
		return sv_err_set(err, -EINVAL, "disk %s is \"%s\" in the original", path,
				  sv_xen_str(source, "format"));
	if (!strcmp(how, "none") || !how[0])
		return sv_err_set(err, -EINVAL,
				  "disk %s cannot be cloned: say how in its \"snapshot\", "
				  "\"reflink\", \"copy\" or \"lvm\"",
				  path);
	own_path(to, spec, disk);
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
		own_path(path, spec, disk);
		if (!rc && is_copy(copies, path))
			rc = set_path(disk, path);
	}
	rc = rc ?: print_to(spec, xen);
	cJSON_Delete(xen);
	return rc;
}

/* ---- restarts
 * --------------------------------------------------------------------------------------------- */

bool sv_xen_restarts(const struct sv_vnode_spec *spec, const char *state)
{
	cJSON *xen = sv_xen_parse(spec);
	const char *policy = sv_xen_str(xen, "restart");
	bool never = !strcmp(policy, "never"), always = !strcmp(policy, "always");

	cJSON_Delete(xen);
	return !never && (always || strcmp(state, "poweroff"));
}

uint32_t sv_xen_backoff(uint32_t restarts)
{
	return restarts < 6 ? (1U << restarts) - 1 : BACKOFF_MAX_S;
}
