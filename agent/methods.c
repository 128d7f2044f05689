// SPDX-License-Identifier: GPL-2.0-only
#include "methods.h"

#include <errno.h>
#include <string.h>

#include "change.h"
#include "json.h"

/* The one table of methods. */
const struct sv_method sv_methods[] = {
	{ "status", SV_ROLE_VIEW, sv_method_status },
	{ "show", SV_ROLE_VIEW, sv_method_show },
	{ "plan", SV_ROLE_VIEW, sv_method_plan },
	{ "apply", SV_ROLE_OPERATE, sv_method_apply },
	{ "purge", SV_ROLE_ADMIN, sv_method_purge },
	{ "vnet.list", SV_ROLE_VIEW, sv_method_vnet_list },
	{ "vnet.show", SV_ROLE_VIEW, sv_method_vnet_show },
	{ "vnet.delete", SV_ROLE_OPERATE, sv_method_vnet_delete },
	{ "vnode.list", SV_ROLE_VIEW, sv_method_vnode_list },
	{ "vnode.where", SV_ROLE_VIEW, sv_method_vnode_where },
	{ "vnode.start", SV_ROLE_OPERATE, sv_method_vnode_start },
	{ "vnode.stop", SV_ROLE_OPERATE, sv_method_vnode_stop },
	{ "vnode.pause", SV_ROLE_OPERATE, sv_method_vnode_pause },
	{ "vnode.resume", SV_ROLE_OPERATE, sv_method_vnode_resume },
	{ "vnode.destroy", SV_ROLE_OPERATE, sv_method_vnode_destroy },
	/* Whoever has the stream has the guest's memory. */
	{ "vnode.migrate", SV_ROLE_ADMIN, sv_method_vnode_migrate },
	{ "vnode.receive", SV_ROLE_ADMIN, sv_method_vnode_receive },
	{ "monitor.start", SV_ROLE_OPERATE, sv_method_monitor_start },
	{ "monitor.update", SV_ROLE_OPERATE, sv_method_monitor_update },
	{ "monitor.stop", SV_ROLE_OPERATE, sv_method_monitor_stop },
	{ "monitor.list", SV_ROLE_VIEW, sv_method_monitor_list },
	{ "tap", SV_ROLE_VIEW, sv_method_tap },
	{ "shadow.start", SV_ROLE_OPERATE, sv_method_shadow_start },
	{ "shadow.update", SV_ROLE_OPERATE, sv_method_shadow_update },
	{ "shadow.finish", SV_ROLE_OPERATE, sv_method_shadow_finish },
	{ "gate", SV_ROLE_VIEW, sv_method_gate },
	{ "flip", SV_ROLE_FLIP, sv_method_flip },
	{ "confirm", SV_ROLE_FLIP, sv_method_confirm },
	{ "rollback", SV_ROLE_FLIP, sv_method_rollback },
	{ "hold", SV_ROLE_FLIP, sv_method_hold },
	{ 0 },
};

const char *sv_method_string(struct sv_call *call, const char *name)
{
	const char *text = sv_obj_string(call->params, name);
	char message[64];

	if (!text || !*text) {
		snprintf(message, sizeof(message), "parameter \"%s\" is missing", name);
		sv_call_fail(call, SV_RPC_PARAMS, message, NULL);
		return NULL;
	}
	return text;
}

void sv_method_status(struct sv_call *call)
{
	struct sv_err err = { 0 };
	cJSON *status = sv_status(call->arg, &err);

	if (status)
		sv_call_reply(call, status);
	else
		sv_change_fail(call, -EIO, &err, NULL);
}

/* What is in the store, read anew. */
void sv_method_show(struct sv_call *call)
{
	struct agent *agent = call->arg;
	struct sv_err err = { 0 };
	cJSON *doc, *result;
	uint64_t revision;
	int rc;

	rc = agent->store.ops->get(&agent->store, &doc, &revision, &err);
	if (rc) {
		sv_change_fail(call, rc, &err, NULL);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "revision", revision);
	cJSON_AddItemToObject(result, "doc", doc);
	sv_call_reply(call, result);
}

static int plan_for(struct agent *agent, const cJSON *network, cJSON *result,
		    struct sv_problems *problems, struct sv_err *err)
{
	_cleanup_json_ cJSON *doc = NULL;
	uint64_t revision;
	cJSON *texts;
	int rc;

	rc = agent->store.ops->get(&agent->store, &doc, &revision, err);
	if (!rc)
		rc = sv_doc_apply(doc, network, problems, err);
	if (!rc)
		rc = sv_reconcile_dry(agent, doc, &texts, problems, err);
	if (rc)
		return rc;
	cJSON_AddNumberToObject(result, "revision", revision);
	cJSON_AddItemToObject(result, "operations", texts);
	return 0;
}

void sv_method_plan(struct sv_call *call)
{
	struct agent *agent = call->arg;
	struct sv_problems problems = { 0 };
	struct sv_err err = { 0 };
	cJSON *result = cJSON_CreateObject();
	int rc;

	cJSON_AddStringToObject(result, "host", agent->opt.host);
	rc = plan_for(agent, sv_obj_get(call->params, "network"), result, &problems, &err);
	if (rc)
		sv_change_fail(call, rc, &err, &problems);
	else
		sv_call_reply(call, TAKE_PTR(result));
	sv_problems_fini(&problems);
	cJSON_Delete(result);
}

static int mutate_apply(struct sv_change *change)
{
	return sv_doc_apply(change->doc, sv_obj_get(change->params, "network"), &change->problems,
			    &change->err);
}

void sv_method_apply(struct sv_call *call)
{
	if (!cJSON_IsObject(sv_obj_get(call->params, "network")))
		sv_call_fail(call, SV_RPC_PARAMS, "the network file is no JSON object", NULL);
	else
		sv_change_run(call, mutate_apply, sv_change_result);
}

/* A purged host has nothing for its agent to do; the store still has what the network wants. */
void sv_method_purge(struct sv_call *call)
{
	struct agent *agent = call->arg;
	struct sv_err err = { 0 };
	int rc;

	uv_poll_stop(agent->event_poll);
	rc = sv_purge(agent, &err);
	if (rc)
		sv_change_fail(call, rc, &err, NULL);
	else
		sv_call_reply(call, NULL);
	sv_agent_stop(agent);
}
