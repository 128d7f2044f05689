// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "change.h"
#include "gate.h"
#include "json.h"
#include "methods.h"

/* ---- VNets ---- */

static cJSON *vnet_json(struct agent *agent, const struct sv_net_vnet *vnet)
{
	static const char *const kinds[] = { "production", "shadow", "monitor" };
	const struct sv_net *net = agent->net;
	cJSON *item = cJSON_CreateObject();
	const char *live;

	cJSON_AddStringToObject(item, "name", vnet->name);
	cJSON_AddStringToObject(item, "kind", kinds[vnet->kind]);
	cJSON_AddStringToObject(item, "of", vnet->of >= 0 ? net->vnet[vnet->of].name : "");
	cJSON_AddNumberToObject(item, "vnodes", vnet->n_vnode);
	cJSON_AddNumberToObject(item, "links", vnet->n_segment);
	if (vnet->group >= 0) {
		live = sv_gate_live_anywhere(agent, net->group[vnet->group].name);
		cJSON_AddStringToObject(item, "group", net->group[vnet->group].name);
		cJSON_AddNumberToObject(item, "role", vnet->role);
		cJSON_AddBoolToObject(item, "live", live && !strcmp(live, vnet->name));
	}
	return item;
}

void sv_method_vnet_list(struct sv_call *call)
{
	struct agent *agent = call->arg;
	cJSON *result = cJSON_CreateObject(), *list;

	list = cJSON_AddArrayToObject(result, "vnets");
	for (size_t i = 0; agent->net && i < agent->net->n_vnet; i++)
		cJSON_AddItemToArray(list, vnet_json(agent, &agent->net->vnet[i]));
	sv_call_reply(call, result);
}

static const struct sv_net_vnet *vnet_find(const struct agent *agent, const char *name)
{
	for (size_t i = 0; agent->net && i < agent->net->n_vnet; i++)
		if (!strcmp(agent->net->vnet[i].name, name))
			return &agent->net->vnet[i];
	return NULL;
}

static void fail_unknown(struct sv_call *call, const char *kind, const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "there is no %s %.64s", kind, name);
	sv_call_fail(call, SV_RPC_REFUSED, text, NULL);
}

static cJSON *vnodes_json(const struct sv_net *net, const struct sv_net_vnet *vnet)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < vnet->n_vnode; i++) {
		const struct sv_net_vnode *vnode = &vnet->vnode[i];
		cJSON *item = cJSON_CreateObject(), *ifaces;

		cJSON_AddStringToObject(item, "name", vnode->spec.name);
		cJSON_AddStringToObject(item, "host", net->host[vnode->host].name);
		cJSON_AddStringToObject(item, "driver", vnode->spec.driver);
		ifaces = cJSON_AddObjectToObject(item, "interfaces");
		for (size_t n = 0; n < vnode->spec.n_iface; n++)
			cJSON_AddStringToObject(ifaces, vnode->spec.iface[n].name,
						vnode->spec.iface[n].port);
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

static cJSON *links_json(const struct sv_net *net, const struct sv_net_vnet *vnet)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < vnet->n_segment; i++) {
		const struct sv_net_segment *segment = &vnet->segment[i];
		cJSON *item = cJSON_CreateObject(), *ends;
		char text[80];

		cJSON_AddStringToObject(item, "name", segment->name);
		cJSON_AddNumberToObject(item, "vlan",
					segment->edge_host < 0 ? segment->vid : segment->edge_vlan);
		if (segment->edge_host >= 0) {
			const struct sv_net_host *host = &net->host[segment->edge_host];

			snprintf(text, sizeof(text), "%s:%s", host->name,
				 host->port[segment->edge_port].name);
			cJSON_AddStringToObject(item, "edge", text);
		}
		ends = cJSON_AddArrayToObject(item, "ends");
		for (size_t n = 0; n < segment->n_end; n++) {
			const struct sv_vnode_spec *spec = &vnet->vnode[segment->end[n].vnode].spec;

			snprintf(text, sizeof(text), "%s:%s", spec->name,
				 spec->iface[segment->end[n].iface].name);
			cJSON_AddItemToArray(ends, cJSON_CreateString(text));
		}
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

void sv_method_vnet_show(struct sv_call *call)
{
	const char *name = sv_method_string(call, "vnet");
	struct agent *agent = call->arg;
	const struct sv_net_vnet *vnet;
	cJSON *result;

	if (!name)
		return;
	vnet = vnet_find(agent, name);
	if (!vnet) {
		fail_unknown(call, "VNet", name);
		return;
	}
	result = vnet_json(agent, vnet);
	sv_obj_set(result, "vnodes", vnodes_json(agent->net, vnet));
	sv_obj_set(result, "links", links_json(agent->net, vnet));
	sv_call_reply(call, result);
}

/* Without it, the network file as it is; its shadows, sessions and its group go with it. */
static int mutate_vnet_delete(struct sv_change *change)
{
	const char *name = sv_obj_string(change->params, "vnet");
	_cleanup_json_ cJSON *network = cJSON_Duplicate(sv_obj_get(change->doc, "network"), 1);
	cJSON *groups = sv_obj_get(network, "groups"), *group, *next;

	if (!sv_obj_get(sv_obj_get(network, "vnets"), name))
		return sv_err_set(&change->err, -ENOENT,
				  "the network file has no VNet %s; end a shadow with shadow "
				  "finish, a monitor with monitor stop",
				  name);
	cJSON_DeleteItemFromObjectCaseSensitive(sv_obj_get(network, "vnets"), name);
	for (group = groups ? groups->child : NULL; group; group = next) {
		next = group->next;
		if (!strcmp(sv_obj_string(group, "production") ?: "", name))
			cJSON_Delete(cJSON_DetachItemViaPointer(groups, group));
	}
	return sv_doc_apply(change->doc, network, &change->problems, &change->err);
}

void sv_method_vnet_delete(struct sv_call *call)
{
	if (sv_method_string(call, "vnet"))
		sv_change_run(call, mutate_vnet_delete, sv_change_result);
}

/* ---- shadows ---- */

static cJSON *not_copied(const cJSON *hosts, const cJSON *reports, const char *vnet)
{
	cJSON *out = cJSON_CreateObject();
	size_t len = strlen(vnet);
	const cJSON *host, *notes;

	cJSON_ArrayForEach (host, hosts) {
		cJSON_ArrayForEach (notes, sv_obj_get(sv_obj_get(reports, host->string), "notes")) {
			if (!strncmp(notes->string, vnet, len) && notes->string[len] == '/')
				cJSON_AddItemToObject(out, notes->string,
						      cJSON_Duplicate(notes, 1));
		}
	}
	return out;
}

/* A domain is cloned with its memory, namespaces are not. */
static bool has_memory(const struct agent *agent, const char *vnet)
{
	for (size_t v = 0; agent->net && v < agent->net->n_vnet; v++) {
		const struct sv_net_vnet *at = &agent->net->vnet[v];

		for (size_t n = 0; !strcmp(at->name, vnet) && n < at->n_vnode; n++)
			if (strcmp(at->vnode[n].spec.driver, "xen"))
				return false;
	}
	return true;
}

/* What no clone has: DESIGN's limits, said when they begin to matter. */
static cJSON *lacks(const struct agent *agent, const char *vnet)
{
	static const char *const always[] = {
		"connections of its own with the outside: nobody hears it, so a TCP, BGP or OSPF "
		"peer outside cannot be its peer until it is live",
		"what the originals' programs hold in memory: its own were started anew",
	};

	return cJSON_CreateStringArray(always, has_memory(agent, vnet) ? 1 : 2);
}

static cJSON *shadow_result(struct agent *agent, const cJSON *hosts, const cJSON *reports,
			    const cJSON *arg)
{
	cJSON *result = sv_change_result(agent, hosts, reports, arg);

	cJSON_AddItemToObject(result, "not_copied",
			      not_copied(hosts, reports, sv_obj_string(arg, "vnet")));
	cJSON_AddItemToObject(result, "lacks", lacks(agent, sv_obj_string(arg, "vnet")));
	return result;
}

static int mutate_shadow_start(struct sv_change *change)
{
	const char *name = sv_obj_string(change->params, "name");

	cJSON_AddStringToObject(change->arg, "vnet", name);
	return sv_doc_shadow_start(change->doc, name, sv_obj_string(change->params, "of"),
				   sv_obj_get(change->params, "override"), &change->problems,
				   &change->err);
}

void sv_method_shadow_start(struct sv_call *call)
{
	if (sv_method_string(call, "name") && sv_method_string(call, "of"))
		sv_change_run(call, mutate_shadow_start, shadow_result);
}

static int mutate_shadow_update(struct sv_change *change)
{
	return sv_doc_shadow_update(change->doc, sv_obj_string(change->params, "name"),
				    sv_obj_get(change->params, "override"), &change->problems,
				    &change->err);
}

void sv_method_shadow_update(struct sv_call *call)
{
	if (sv_method_string(call, "name"))
		sv_change_run(call, mutate_shadow_update, sv_change_result);
}

/* A word that will still change its mind would let out a VNet that is gone: nothing. */
static int check_settled(struct sv_change *change, const char *group)
{
	if (sv_gate_is_settled(change->agent, sv_obj_get(sv_obj_get(change->doc, "flips"), group)))
		return 0;
	return sv_err_set(&change->err, -EBUSY,
			  "group %s: its flip is not settled: confirm or roll back first", group);
}

static int mutate_shadow_finish(struct sv_change *change)
{
	const char *group = sv_obj_string(change->params, "group");
	const char *live = sv_gate_live_anywhere(change->agent, group);
	int rc = check_settled(change, group);

	if (rc)
		return rc;
	if (!live)
		return sv_err_set(&change->err, -EBUSY,
				  "group %s: nobody is heard: flip to the one to keep first",
				  group);
	cJSON_AddStringToObject(change->arg, "group", group);
	cJSON_AddStringToObject(change->arg, "live", live);
	return sv_doc_shadow_finish(change->doc, group, live, &change->err);
}

void sv_method_shadow_finish(struct sv_call *call)
{
	if (sv_method_string(call, "group"))
		sv_change_run(call, mutate_shadow_finish, sv_change_result);
}
