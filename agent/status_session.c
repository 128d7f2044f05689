// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "agent.h"
#include "json.h"

/* Sessions, as this host sees them. */

/* Members of a session in the document that say what it wants. */
static const char *const wishes[] = { "direction", "at",     "filter",	"sample",
				      "snap",	   "budget", "priority" };

static const cJSON *document_of(const struct agent *agent, const char *session)
{
	return sv_obj_get(sv_obj_get(agent->doc, "sessions"), session);
}

char *sv_status_target(const struct agent *agent, const char *session)
{
	const cJSON *json = document_of(agent, session);
	const cJSON *collector = sv_obj_get(json, "collector");
	const char *to = sv_obj_string(json, "to") ?: "", *iface = sv_obj_string(json, "interface");
	char port[16] = "", id[16] = "", *text = NULL;

	if (sv_obj_get(collector, "port"))
		snprintf(port, sizeof(port), ":%.0f", sv_obj_number(collector, "port", 0));
	if (sv_obj_get(collector, "id"))
		snprintf(id, sizeof(id), "/%.0f", sv_obj_number(collector, "id", 0));
	if (collector)
		return asprintf(&text, "%s:%s%s%s", to, sv_obj_string(collector, "address") ?: "",
				port, id) < 0
			       ? NULL
			       : text;
	return asprintf(&text, "%s%s%s", to, iface ? ":" : "", iface ?: "") < 0 ? NULL : text;
}

cJSON *sv_status_session_counters(const struct agent *agent, __u16 number)
{
	cJSON *counters = cJSON_CreateObject();
	struct sv_scount count = { 0 };

	sv_scount_get(agent->plane, number, &count, NULL);
	for (int i = 0; i < SV_SCOUNT__COUNT; i++)
		cJSON_AddItemToObject(counters, sv_scount_name(i), sv_status_counter(&count.r[i]));
	return counters;
}

/* What the data plane of this host does for it. */
static void add_here(struct agent *agent, cJSON *item, const struct sv_host_session *session)
{
	struct sv_session val = { 0 };

	sv_session_get(agent->plane, session->number, &val, NULL);
	cJSON_AddItemToObject(item, "counters", sv_status_session_counters(agent, session->number));
	cJSON_AddBoolToObject(item, "up", val.up);
}

static cJSON *session_json(struct agent *agent, const struct sv_host_session *session)
{
	const cJSON *json = document_of(agent, session->name);
	_cleanup_free_ char *target = sv_status_target(agent, session->name);
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "name", session->name);
	cJSON_AddNumberToObject(item, "number", session->number);
	cJSON_AddStringToObject(item, "of", sv_obj_string(json, "of") ?: "");
	cJSON_AddStringToObject(item, "to", target ?: "");
	for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++)
		if (sv_obj_get(json, wishes[i]))
			cJSON_AddItemToObject(item, wishes[i],
					      cJSON_Duplicate(sv_obj_get(json, wishes[i]), 1));
	add_here(agent, item, session);
	return item;
}

/* What selection may take of a CPU, and whether one is busy. */
cJSON *sv_status_copies(struct agent *agent)
{
	cJSON *item = cJSON_CreateObject();
	struct sv_cpu_info cpu = { 0 };

	sv_cpu_get(agent->plane, &cpu, NULL);
	cJSON_AddNumberToObject(item, "when_busy", cpu.share);
	cJSON_AddBoolToObject(item, "watched", cpu.watched);
	cJSON_AddNumberToObject(item, "busy", cpu.busy);
	cJSON_AddNumberToObject(item, "times", cpu.times);
	return item;
}

cJSON *sv_status_sessions(struct agent *agent)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < agent->desired.n_session; i++)
		cJSON_AddItemToArray(list, session_json(agent, &agent->desired.session[i]));
	return list;
}

static const struct sv_host_session *find_here(const struct agent *agent, const char *name)
{
	for (size_t i = 0; i < agent->desired.n_session; i++)
		if (!strcmp(agent->desired.session[i].name, name))
			return &agent->desired.session[i];
	return NULL;
}

cJSON *sv_status_monitors(struct agent *agent)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *json;

	cJSON_ArrayForEach (json, sv_obj_get(agent->doc, "sessions")) {
		const struct sv_host_session *here = find_here(agent, json->string);
		_cleanup_free_ char *target = sv_status_target(agent, json->string);
		cJSON *item = cJSON_Duplicate(json, 1);

		sv_obj_set(item, "name", cJSON_CreateString(json->string));
		sv_obj_set(item, "target", cJSON_CreateString(target ?: ""));
		sv_obj_set(item, "here", cJSON_CreateBool(here != NULL));
		if (here)
			add_here(agent, item, here);
		cJSON_AddItemToArray(list, item);
	}
	return list;
}
