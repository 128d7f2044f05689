/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_JSON_H
#define SV_AGENT_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "loader/cleanup.h"

/* Small things around cJSON that the daemon and the command line share. */
static inline void sv_cleanup_json(cJSON **json)
{
	cJSON_Delete(*json);
}
#define _cleanup_json_ _cleanup_(sv_cleanup_json)

static inline cJSON *sv_obj_get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* NULL when it is not there or not a string. */
static inline const char *sv_obj_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(sv_obj_get(object, name));
}

static inline double sv_obj_number(const cJSON *object, const char *name, double otherwise)
{
	const cJSON *item = sv_obj_get(object, name);

	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static inline bool sv_obj_true(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(sv_obj_get(object, name));
}

/* Sets a member, also over an old one; takes `value`. */
static inline void sv_obj_set(cJSON *object, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	cJSON_AddItemToObject(object, name, value);
}

/* The member, made as an empty object when it is not there. */
static inline cJSON *sv_obj_sub(cJSON *object, const char *name)
{
	cJSON *item = sv_obj_get(object, name);

	return item ? item : cJSON_AddObjectToObject(object, name);
}

#endif
