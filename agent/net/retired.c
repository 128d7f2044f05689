// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "internal.h"
#include "retired.h"

/*
 * "alloc.retired": { "vlan/105": 12 } says that VLAN 105 lost its meaning with revision 12. A host
 * that has not applied that revision still forwards by it: whatever got the number meanwhile would
 * come out there as what it was before.
 */

static int retire(struct sv_retired *r, const char *kind, uint64_t number)
{
	char key[96];

	snprintf(key, sizeof(key), "%s/%llu", kind, (unsigned long long)number);
	return sv_json_set(r->list, key, cJSON_CreateNumber(r->revision));
}

static int keep_unsettled(struct sv_retired *r, const cJSON *old)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, old)
		if (item->valuedouble > r->settled &&
		    sv_json_set(r->list, item->string, cJSON_Duplicate(item, true)))
			return -ENOMEM;
	return 0;
}

static int retire_vlans(struct sv_retired *r, const cJSON *was, const struct sv_net *net)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, sv_json_get(was, "vlans")) {
		bool kept = false;

		for (size_t v = 0; v < net->n_vnet; v++)
			for (size_t s = 0; s < net->vnet[v].n_segment; s++)
				kept |= net->vnet[v].segment[s].vid == item->valuedouble;
		if (!kept && retire(r, "vlan", item->valuedouble))
			return -ENOMEM;
	}
	return 0;
}

static int retire_roles(struct sv_retired *r, const cJSON *group, const struct sv_net *net, int g)
{
	char kind[64];
	const cJSON *role;

	snprintf(kind, sizeof(kind), "role/%s", group->string);
	cJSON_ArrayForEach (role, sv_json_get(group, "roles"))
		if ((g < 0 || sv_net_member(net, g, role->valueint) < 0) &&
		    retire(r, kind, role->valuedouble))
			return -ENOMEM;
	return 0;
}

static int retire_groups(struct sv_retired *r, const cJSON *was, const struct sv_net *net)
{
	const cJSON *group;

	cJSON_ArrayForEach (group, sv_json_get(was, "groups")) {
		int g = sv_net_find_group(net, group->string);

		if (g < 0 && retire(r, "slot", sv_json_num(group, "slot")))
			return -ENOMEM;
		if (retire_roles(r, group, net, g))
			return -ENOMEM;
	}
	return 0;
}

int sv_retired_begin(struct sv_retired *r, cJSON *alloc, const cJSON *doc, const struct sv_net *net)
{
	const cJSON *was = sv_json_get(doc, "alloc"), *seen = sv_json_get(was, "seen");

	r->revision = sv_json_num(seen, "revision") + 1;
	r->settled = sv_json_num(seen, "settled");
	r->list = sv_json_object(alloc, "retired");
	if (!r->list || (seen && sv_json_set(alloc, "seen", cJSON_Duplicate(seen, true))))
		return -ENOMEM;
	if (!seen)
		return 0;
	return keep_unsettled(r, sv_json_get(was, "retired")) ?: retire_vlans(r, was, net)
		       ?: retire_groups(r, was, net);
}

bool sv_retired_has(const struct sv_retired *r, const char *kind, uint64_t number)
{
	char key[96];

	snprintf(key, sizeof(key), "%s/%llu", kind, (unsigned long long)number);
	return sv_json_get(r->list, key);
}

int sv_doc_seen(cJSON *doc, uint64_t revision, uint64_t settled)
{
	cJSON *alloc = sv_json_object(doc, "alloc"), *seen;

	seen = alloc ? sv_json_object(alloc, "seen") : NULL;
	if (!seen || sv_json_set(seen, "revision", cJSON_CreateNumber(revision)))
		return -ENOMEM;
	return sv_json_set(seen, "settled", cJSON_CreateNumber(settled));
}
