/* SPDX-License-Identifier: GPL-2.0-only */
/* From a specification to a domain, and what may differ between two of them. Pure. */
#include <errno.h>
#include <string.h>

#include "xen.h"

enum { WEIGHT_MAX = 65535, BACKOFF_MAX_S = 60 };

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

/* ---- to a domain ---- */

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

/* ---- what differs ---- */

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

/* ---- restarts ---- */

bool sv_xen_restarts(const struct sv_vnode_spec *spec, const char *state)
{
	cJSON *xen = sv_xen_parse(spec);
	const char *policy = sv_xen_str(xen, "restart");
	bool never = !strcmp(policy, "never"), always = !strcmp(policy, "always");

	cJSON_Delete(xen);
	return !never && (always || strcmp(state, "poweroff"));
}

uint32_t sv_xen_backoff(uint32_t n)
{
	return n < 6 ? (1U << n) - 1 : BACKOFF_MAX_S;
}
