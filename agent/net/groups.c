// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "internal.h"

/* Groups: a production VNet with its shadows; named in the network file, or by their production. */

static bool has_edge(const struct sv_net_vnet *vnet)
{
	for (size_t s = 0; s < vnet->n_segment; s++)
		if (vnet->segment[s].edge_host >= 0)
			return true;
	return false;
}

static bool has_shadow(const struct sv_net *net, int vnet)
{
	for (size_t v = 0; v < net->n_vnet; v++)
		if (net->vnet[v].of == vnet)
			return true;
	return false;
}

static void group_new(struct sv_load *l, const struct sv_path *at, const char *name, int production)
{
	struct sv_net_group *group;

	if (sv_net_find_group(l->net, name) >= 0)
		return sv_load_bad(l, at, "there is a group %s already", name);
	group = sv_grow(&l->net->group, &l->net->n_group, sizeof(*group));
	if (!group) {
		l->nomem = true;
		return;
	}
	strcpy(group->name, name);
	group->production = production;
	group->slot = SV_SLOT_NONE;
	l->net->vnet[production].group = l->net->n_group - 1;
}

static void load_group(struct sv_load *l, const struct sv_path *at, const cJSON *json)
{
	static const char *const known[] = { "production", NULL };
	const char *name = sv_json_str(json, "production") ?: "";
	int vnet = sv_net_find_vnet(l->net, name);

	if (!sv_load_members(l, at, json, known) || !sv_load_name(l, at, json->string, SV_NAME - 1))
		return;
	if (vnet < 0 || l->net->vnet[vnet].kind != SV_VNET_PRODUCTION)
		return sv_load_bad(l, SV_PATH(at, "production"), "there is no VNet \"%s\"", name);
	if (l->net->vnet[vnet].group >= 0)
		return sv_load_bad(l, SV_PATH(at, "production"), "%s is in group %s already", name,
				   l->net->group[l->net->vnet[vnet].group].name);
	group_new(l, at, json->string, vnet);
}

void sv_load_groups(struct sv_load *l, const cJSON *network)
{
	const cJSON *groups = sv_json_get(network, "groups"), *group;
	const struct sv_path *at = SV_PATH(NULL, "groups");
	struct sv_net *net = l->net;

	if (groups && sv_load_members(l, at, groups, NULL))
		cJSON_ArrayForEach (group, groups)
			load_group(l, SV_PATH(at, group->string), group);
	for (size_t v = 0; v < net->n_vnet; v++)
		if (net->vnet[v].kind == SV_VNET_PRODUCTION && net->vnet[v].group < 0 &&
		    (has_edge(&net->vnet[v]) || has_shadow(net, v)))
			group_new(l, SV_PATH(at, net->vnet[v].name), net->vnet[v].name, v);
	for (size_t v = 0; v < net->n_vnet; v++)
		if (net->vnet[v].kind == SV_VNET_SHADOW)
			net->vnet[v].group = net->vnet[net->vnet[v].of].group;
}
