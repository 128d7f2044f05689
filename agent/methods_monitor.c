// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "change.h"
#include "json.h"
#include "methods.h"

/* ---- sessions come, change and go ---- */

typedef int session_fn(cJSON *doc, const struct sv_doc_session *session,
		       struct sv_problems *problems, struct sv_err *err);

static int mutate_session(struct sv_change *change, session_fn *fn)
{
	const cJSON *at = sv_obj_get(change->params, "at"), *point;
	struct sv_doc_session session = {
		.name = sv_obj_string(change->params, "name"),
		.of = sv_obj_string(change->params, "of"),
		.direction = sv_obj_string(change->params, "direction"),
		.to = sv_obj_string(change->params, "to"),
		.options = change->params,
	};
	_cleanup_free_ const char **points = calloc(cJSON_GetArraySize(at) + 1, sizeof(*points));
	size_t n = 0;

	if (!points)
		return -ENOMEM;
	cJSON_ArrayForEach (point, at)
		points[n++] = cJSON_GetStringValue(point) ?: "";
	session.at = n ? points : NULL;
	return fn(change->doc, &session, &change->problems, &change->err);
}

static int mutate_start(struct sv_change *change)
{
	return mutate_session(change, sv_doc_session_start);
}

void sv_method_monitor_start(struct sv_call *call)
{
	if (sv_method_string(call, "name") && sv_method_string(call, "of"))
		sv_change_run(call, mutate_start, sv_change_result);
}

static int mutate_update(struct sv_change *change)
{
	return mutate_session(change, sv_doc_session_update);
}

void sv_method_monitor_update(struct sv_call *call)
{
	if (sv_method_string(call, "name"))
		sv_change_run(call, mutate_update, sv_change_result);
}

static int mutate_stop(struct sv_change *change)
{
	return sv_doc_session_stop(change->doc, sv_obj_string(change->params, "name"),
				   &change->err);
}

void sv_method_monitor_stop(struct sv_call *call)
{
	if (sv_method_string(call, "name"))
		sv_change_run(call, mutate_stop, sv_change_result);
}

void sv_method_monitor_list(struct sv_call *call)
{
	struct agent *agent = call->arg;
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "host", agent->opt.host);
	cJSON_AddItemToObject(result, "sessions", sv_status_monitors(agent));
	sv_call_reply(call, result);
}

/* ---- where a reader finds a session's rings ---- */

static const struct sv_net_session *session_find(const struct agent *agent, const char *name)
{
	for (size_t i = 0; agent->net && i < agent->net->n_session; i++)
		if (!strcmp(agent->net->session[i].name, name))
			return &agent->net->session[i];
	return NULL;
}

static bool taps_on(const struct sv_net *net, const struct sv_net_session *session, size_t host)
{
	for (size_t i = 0; i < session->n_at; i++)
		if (net->vnet[session->vnet].vnode[session->at[i].vnode].host == (int)host)
			return true;
	return false;
}

static void fail_elsewhere(struct sv_call *call, const struct sv_net_session *session)
{
	struct agent *agent = call->arg;
	char text[512];
	size_t used = snprintf(text, sizeof(text), "%s taps nothing of session %s: ask",
			       agent->opt.host, session->name);

	for (size_t h = 0; h < agent->net->n_host && used < sizeof(text); h++)
		if (taps_on(agent->net, session, h))
			used += snprintf(text + used, sizeof(text) - used, " --host %s",
					 agent->net->host[h].name);
	sv_call_fail(call, SV_RPC_REFUSED, text, NULL);
}

static void fail_no_ring(struct sv_call *call, const struct sv_net_session *session)
{
	_cleanup_free_ char *target = sv_status_target(call->arg, session->name);
	char text[256];

	snprintf(text, sizeof(text),
		 "session %s copies to %s, where its packets are to be read: for a look from here "
		 "start one with --to ring",
		 session->name, target ?: "its target");
	sv_call_fail(call, SV_RPC_REFUSED, text, NULL);
}

static cJSON *tap_json(const struct agent *agent, const struct sv_net_session *session,
		       const struct sv_session *val)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "host", agent->opt.host);
	cJSON_AddStringToObject(result, "session", session->name);
	cJSON_AddStringToObject(result, "of", agent->net->vnet[session->vnet].name);
	cJSON_AddStringToObject(result, "kind", "ring");
	cJSON_AddStringToObject(result, "pin", agent->pin_dir);
	cJSON_AddNumberToObject(result, "number", session->number);
	cJSON_AddNumberToObject(result, "tap", val->tap);
	cJSON_AddNumberToObject(result, "snap", val->snap);
	cJSON_AddItemToObject(result, "counters",
			      sv_status_session_counters(agent, session->number));
	return result;
}

void sv_method_tap(struct sv_call *call)
{
	const char *name = sv_method_string(call, "session");
	const struct sv_net_session *session;
	struct agent *agent = call->arg;
	struct sv_session val = { 0 };
	char text[128];

	if (!name)
		return;
	session = session_find(agent, name);
	snprintf(text, sizeof(text), "there is no session %.32s: svnet monitor list", name);
	if (!session)
		return sv_call_fail(call, SV_RPC_REFUSED, text, NULL);
	if (session->target != SV_TARGET_RING)
		return fail_no_ring(call, session);
	sv_session_get(agent->plane, session->number, &val, NULL);
	if (val.kind == SV_SESSION_RING)
		return sv_call_reply(call, tap_json(agent, session, &val));
	for (size_t h = 0; h < agent->net->n_host; h++)
		if (!strcmp(agent->net->host[h].name, agent->opt.host) &&
		    !taps_on(agent->net, session, h))
			return fail_elsewhere(call, session);
	snprintf(text, sizeof(text), "session %s has no rings here yet: svnet status says why",
		 session->name);
	sv_call_fail(call, SV_RPC_REFUSED, text, NULL);
}
