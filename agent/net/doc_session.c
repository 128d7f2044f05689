// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "doc_change.h"

/* Monitoring sessions, and the monitoring VNets that come and go with them. */

static int check_names(const cJSON *doc, const struct sv_doc_session *session, const char *monitor,
		       struct sv_err *err)
{
	const cJSON *vnets = sv_json_get(sv_json_get(doc, "network"), "vnets");

	if (sv_json_get(sv_json_get(doc, "sessions"), session->name))
		return sv_err_set(err, -EEXIST, "there is a session %s already", session->name);
	if (!sv_json_get(vnets, session->of) && !sv_doc_is_shadow(doc, session->of))
		return sv_err_set(err, -ENOENT, "there is no VNet %s to monitor", session->of);
	if (monitor && (sv_json_get(vnets, monitor) || sv_doc_is_shadow(doc, monitor)))
		return sv_err_set(
			err, -EEXIST,
			"%s is a VNet that is not for monitoring: choose another with --to",
			monitor);
	return 0;
}

static int set_points(cJSON *json, const char *const *at)
{
	cJSON *points;

	if (!at || !at[0])
		return 0;
	points = cJSON_CreateArray();
	for (; points && *at; at++)
		if (!cJSON_AddItemToArray(points, cJSON_CreateString(*at))) {
			cJSON_Delete(points);
			return -ENOMEM;
		}
	return sv_json_set(json, "at", points);
}

static bool is_none(const cJSON *value)
{
	return cJSON_IsNull(value) || (cJSON_IsString(value) && !value->valuestring[0]);
}

static int set_options(cJSON *json, const cJSON *options)
{
	static const char *const names[] = { "filter", "sample", "snap", "budget", "priority" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const cJSON *value = sv_json_get(options, names[i]);

		if (is_none(value))
			sv_json_del(json, names[i]);
		else if (value && sv_json_set(json, names[i], cJSON_Duplicate(value, true)))
			return -ENOMEM;
	}
	return 0;
}

static int set_session(cJSON *json, const struct sv_doc_session *session)
{
	if (session->direction &&
	    sv_json_set(json, "direction", cJSON_CreateString(session->direction)))
		return -ENOMEM;
	return set_points(json, session->at) ?: set_options(json, session->options);
}

/* The monitoring VNet of a session, NULL when its copies go elsewhere. */
static const char *monitor_of(const cJSON *json)
{
	const char *to = sv_json_str(json, "to");

	return to && sv_target_find(to) < 0 ? to : NULL;
}

static int add_session(cJSON *work, const struct sv_doc_session *session, cJSON *json)
{
	cJSON *sessions = sv_json_object(work, "sessions"), *monitors;
	const char *monitor = monitor_of(json);

	monitors = monitor ? sv_json_object(work, "monitors") : NULL;
	if (!sessions || (monitor && !sv_json_object(monitors, monitor)))
		return -ENOMEM;
	return sv_json_set(sessions, session->name, cJSON_Duplicate(json, true));
}

int sv_doc_session_start(cJSON *doc, const struct sv_doc_session *session,
			 struct sv_problems *problems, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL, *json = cJSON_CreateObject();
	int rc;

	if (!session->name || !session->of)
		return sv_err_set(err, -EINVAL, "a session needs a name and a VNet");
	if (!json || !cJSON_AddStringToObject(json, "of", session->of) ||
	    !cJSON_AddStringToObject(json, "direction", "both") || set_session(json, session))
		return sv_err_set(err, -ENOMEM, "out of memory");
	rc = sv_doc_target(json, session, err);
	rc = rc ?: check_names(doc, session, monitor_of(json), err);
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	if (add_session(work, session, json))
		return sv_err_set(err, -ENOMEM, "out of memory");
	return sv_doc_commit(doc, work, problems, err);
}

int sv_doc_session_update(cJSON *doc, const struct sv_doc_session *session,
			  struct sv_problems *problems, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL;
	cJSON *json;
	int rc = 0;

	if (!session->name || !sv_json_get(sv_json_get(doc, "sessions"), session->name))
		rc = sv_err_set(err, -ENOENT, "there is no session %s", session->name ?: "");
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	json = sv_json_get(sv_json_get(work, "sessions"), session->name);
	if (set_session(json, session))
		return sv_err_set(err, -ENOMEM, "out of memory");
	return sv_doc_commit(doc, work, problems, err);
}

int sv_doc_session_stop(cJSON *doc, const char *name, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL;
	int rc = 0;

	if (!sv_json_get(sv_json_get(doc, "sessions"), name))
		rc = sv_err_set(err, -ENOENT, "there is no session %s", name);
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	sv_json_del(sv_json_get(work, "sessions"), name);
	sv_doc_drop_monitors(work);
	return sv_doc_commit(doc, work, NULL, err);
}
