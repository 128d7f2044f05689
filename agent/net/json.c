// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

cJSON *sv_json_get(const cJSON *object, const char *key)
{
	return object ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const char *sv_json_str(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(sv_json_get(object, key));
}

uint64_t sv_json_num(const cJSON *object, const char *key)
{
	const cJSON *item = sv_json_get(object, key);

	return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

int sv_json_set(cJSON *object, const char *key, cJSON *item)
{
	bool done;

	if (!item)
		return -ENOMEM;
	/* In its place: the order of members is the order of VLANs and destinations. */
	done = sv_json_get(object, key) ? cJSON_ReplaceItemInObjectCaseSensitive(object, key, item)
					: cJSON_AddItemToObject(object, key, item);
	if (!done)
		cJSON_Delete(item);
	return done ? 0 : -ENOMEM;
}

void sv_json_del(cJSON *object, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
}

cJSON *sv_json_object(cJSON *object, const char *key)
{
	cJSON *item = sv_json_get(object, key);

	if (cJSON_IsObject(item))
		return item;
	if (sv_json_set(object, key, cJSON_CreateObject()))
		return NULL;
	return sv_json_get(object, key);
}

static int merge_members(cJSON *out, const cJSON *patch)
{
	const cJSON *change;

	cJSON_ArrayForEach (change, patch) {
		cJSON *merged;

		if (cJSON_IsNull(change)) {
			sv_json_del(out, change->string);
			continue;
		}
		merged = sv_json_merge(sv_json_get(out, change->string), change);
		if (sv_json_set(out, change->string, merged))
			return -ENOMEM;
	}
	return 0;
}

cJSON *sv_json_merge(const cJSON *target, const cJSON *patch)
{
	_cleanup_json_ cJSON *out = NULL;

	if (!cJSON_IsObject(patch))
		return cJSON_Duplicate(patch, true);
	out = cJSON_IsObject(target) ? cJSON_Duplicate(target, true) : cJSON_CreateObject();
	if (!out || merge_members(out, patch))
		return NULL;
	return TAKE_PTR(out);
}

void sv_json_cleanup(cJSON **json)
{
	cJSON_Delete(*json);
}
