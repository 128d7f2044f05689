// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "agent.h"
#include "gate.h"
#include "json.h"
#include "log.h"

void sv_report_open(struct agent *agent)
{
	_cleanup_json_ cJSON *all = NULL;
	struct sv_err err;

	if (agent->store.ops->reports(&agent->store, &all, &err))
		sv_log_error("%s", err.text);
	agent->report = cJSON_DetachItemFromObjectCaseSensitive(all, agent->opt.host);
	if (!cJSON_IsObject(agent->report)) {
		cJSON_Delete(agent->report);
		agent->report = cJSON_CreateObject();
	}
	cJSON_DeleteItemFromObjectCaseSensitive(agent->report, "purged");
	agent->applied = sv_obj_number(agent->report, "revision", 0);
}

void sv_report_error(struct agent *agent, const char *text)
{
	cJSON *errors = sv_obj_get(agent->report, "errors");

	if (!errors)
		errors = cJSON_AddArrayToObject(agent->report, "errors");
	cJSON_AddItemToArray(errors, cJSON_CreateString(text));
	sv_log_error("%s", text);
}

void sv_report_note(struct agent *agent, const char *vnode, const char *text)
{
	cJSON *notes = sv_obj_sub(agent->report, "notes"), *lines = sv_obj_get(notes, vnode);

	if (!text) {
		cJSON_DeleteItemFromObjectCaseSensitive(notes, vnode);
		return;
	}
	if (!lines)
		lines = cJSON_AddArrayToObject(notes, vnode);
	cJSON_AddItemToArray(lines, cJSON_CreateString(text));
}

static void set_live(struct agent *agent)
{
	cJSON *live = cJSON_CreateObject();

	for (size_t i = 0; i < agent->desired.n_group; i++) {
		const struct sv_host_group *group = &agent->desired.group[i];
		const char *vnet = group->edge ? sv_gate_live_anywhere(agent, group->name) : NULL;

		if (group->edge)
			cJSON_AddItemToObject(live, group->name,
					      vnet ? cJSON_CreateString(vnet) : cJSON_CreateNull());
	}
	sv_obj_set(agent->report, "live", live);
}

/* Without the comparison, agents that watch each other's reports would never come to rest. */
static bool changed(struct agent *agent)
{
	_cleanup_json_ cJSON *all = NULL, *old = NULL;
	_cleanup_free_ char *a = NULL, *b = NULL;

	if (agent->store.ops->reports(&agent->store, &all, NULL))
		return true;
	old = cJSON_DetachItemFromObjectCaseSensitive(all, agent->opt.host);
	cJSON_DeleteItemFromObjectCaseSensitive(old, "time");
	cJSON_DeleteItemFromObjectCaseSensitive(agent->report, "time");
	return !cJSON_Compare(old, agent->report, 1);
}

void sv_report_write(struct agent *agent)
{
	struct sv_err err;

	sv_obj_set(agent->report, "revision", cJSON_CreateNumber(agent->applied));
	sv_obj_set(agent->report, "tried", cJSON_CreateNumber(agent->revision));
	sv_obj_set(agent->report, "attempts", cJSON_CreateNumber(agent->attempts));
	if (!sv_obj_get(agent->report, "errors"))
		cJSON_AddArrayToObject(agent->report, "errors");
	set_live(agent);
	if (!changed(agent))
		return;
	sv_obj_set(agent->report, "time", cJSON_CreateNumber(sv_gate_wall_us() / 1000000));
	if (agent->store.ops->report(&agent->store, agent->opt.host, agent->report, &err))
		sv_log_error("report: %s", err.text);
}
