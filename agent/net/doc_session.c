// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "doc_change.h"

/* Monitoring sessions, and the monitoring VNets that come and go with them. */

static int split_target(const struct sv_doc_session *session, char *monitor, char *iface,
			struct sv_err *err)
{
	const char *to = session->to ?: session->name, *colon = strchr(to, ':');
	size_t len = colon ? (size_t)(colon - to) : strlen(to);
	const char *name = colon ? colon + 1 : session->name;

	if (!len || len >= SV_NAME)
		return sv_err_set(err, -EINVAL, "\"%s\" is not MONITOR or MONITOR:INTERFACE", to);
	if (!name[0] || strlen(name) > 15)
		return sv_err_set(
			err, -EINVAL,
			"\"%s\" is no interface name of 1 … 15 characters: give a shorter one "
			"with --to %.*s:INTERFACE",
			name, (int)len, to);
	memcpy(monitor, to, len);
	monitor[len] = 0;
	strcpy(iface, name);
	return 0;
}

static int check_names(const cJSON *doc, const struct sv_doc_session *session, const char *monitor,
		       struct sv_err *err)
{
	const cJSON *vnets = sv_json_get(sv_json_get(doc, "network"), "vnets");

	if (sv_json_get(sv_json_get(doc, "sessions"), session->name))
		return sv_err_set(err, -EEXIST, "there is a session %s already", session->name);
	if (!sv_json_get(vnets, session->of) && !sv_doc_is_shadow(doc, session->of))
		return sv_err_set(err, -ENOENT, "there is no VNet %s to monitor", session->of);
	if (sv_json_get(vnets, monitor) || sv_doc_is_shadow(doc, monitor))
		return sv_err_set(
			err, -EEXIST,
			"%s is a VNet that is not for monitoring: choose another with --to",
			monitor);
	return 0;
}

static int add_points(cJSON *json, const char *const *at)
{
	cJSON *points;

	if (!at || !at[0])
		return 0;
	points = cJSON_AddArrayToObject(json, "at");
	if (!points)
		return -ENOMEM;
	for (; *at; at++)
		if (!cJSON_AddItemToArray(points, cJSON_CreateString(*at)))
			return -ENOMEM;
	return 0;
}

static int add_session(cJSON *work, const struct sv_doc_session *session, const char *monitor,
		       const char *iface)
{
	cJSON *sessions = sv_json_object(work, "sessions"), *monitors, *json;

	json = sessions ? sv_json_object(sessions, session->name) : NULL;
	monitors = sv_json_object(work, "monitors");
	if (!json || !monitors || !sv_json_object(monitors, monitor))
		return -ENOMEM;
	if (!cJSON_AddStringToObject(json, "of", session->of) ||
	    !cJSON_AddStringToObject(json, "direction", session->direction ?: "both") ||
	    !cJSON_AddStringToObject(json, "to", monitor) ||
	    !cJSON_AddStringToObject(json, "interface", iface))
		return -ENOMEM;
	return add_points(json, session->at);
}

int sv_doc_session_start(cJSON *doc, const struct sv_doc_session *session,
			 struct sv_problems *problems, struct sv_err *err)
{
	char monitor[SV_NAME], iface[16];
	_cleanup_json_ cJSON *work = NULL;
	int rc;

	if (!session->name || !session->of)
		return sv_err_set(err, -EINVAL, "a session needs a name and a VNet");
	rc = split_target(session, monitor, iface, err);
	rc = rc ?: check_names(doc, session, monitor, err);
	rc = rc ?: sv_doc_begin(&work, doc, err);
	if (rc)
		return rc;
	if (add_session(work, session, monitor, iface))
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
