/* SPDX-License-Identifier: GPL-2.0-only */
/* What a Xen VNode leaves on disk. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "xen.h"

void sv_xen_record_fini(struct sv_xen_record *record)
{
	cJSON_Delete(record->disks);
	memset(record, 0, sizeof(*record));
}

void sv_xen_uuid(char uuid[40])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(uuid, 40, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		 b[13], b[14], b[15]);
}

int sv_xen_load(const struct sv_vn *vn, struct sv_xen_record *record)
{
	_cleanup_free_ char *text = sv_vn_read(vn, "domain");
	cJSON *json = text ? cJSON_Parse(text) : NULL;
	const char *uuid = sv_xen_str(json, "uuid");
	int rc = !text ? -errno : strlen(uuid) == 36 ? 0 : -EINVAL;

	memset(record, 0, sizeof(*record));
	if (!rc) {
		strcpy(record->uuid, uuid);
		record->started = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "started"));
		record->stopped = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "stopped"));
		record->restarts = sv_xen_num(json, "restarts");
		snprintf(record->ended, sizeof(record->ended), "%.15s", sv_xen_str(json, "ended"));
		record->restarted_s = sv_xen_num(json, "restarted_s");
		record->ms_per_mib = sv_xen_num(json, "ms_per_mib");
		record->pause_ms = sv_xen_num(json, "pause_ms");
		record->estimate_ms = sv_xen_num(json, "estimate_ms");
		record->clones_failed = sv_xen_num(json, "clones_failed");
		record->cloned_s = sv_xen_num(json, "cloned_s");
		snprintf(record->clone_why, sizeof(record->clone_why), "%.159s",
			 sv_xen_str(json, "clone_why"));
		record->disks = cJSON_DetachItemFromObjectCaseSensitive(json, "disks");
	}
	cJSON_Delete(json);
	return rc;
}

int sv_xen_save(const struct sv_vn *vn, const struct sv_xen_record *record, struct sv_err *err)
{
	_cleanup_free_ char *text = NULL;
	cJSON *json = cJSON_CreateObject();
	int rc;

	cJSON_AddStringToObject(json, "uuid", record->uuid);
	cJSON_AddBoolToObject(json, "started", record->started);
	cJSON_AddBoolToObject(json, "stopped", record->stopped);
	cJSON_AddNumberToObject(json, "restarts", record->restarts);
	cJSON_AddStringToObject(json, "ended", record->ended);
	cJSON_AddNumberToObject(json, "restarted_s", record->restarted_s);
	cJSON_AddNumberToObject(json, "ms_per_mib", record->ms_per_mib);
	cJSON_AddNumberToObject(json, "pause_ms", record->pause_ms);
	cJSON_AddNumberToObject(json, "estimate_ms", record->estimate_ms);
	cJSON_AddNumberToObject(json, "clones_failed", record->clones_failed);
	cJSON_AddNumberToObject(json, "cloned_s", record->cloned_s);
	cJSON_AddStringToObject(json, "clone_why", record->clone_why);
	if (record->disks)
		cJSON_AddItemToObject(json, "disks", cJSON_Duplicate(record->disks, 1));
	text = cJSON_Print(json);
	cJSON_Delete(json);
	rc = text ? sv_vn_write(vn, "domain", text, strlen(text)) : -ENOMEM;
	return rc ? sv_err_set(err, rc, "%s/domain: %s", vn->dir, strerror(-rc)) : 0;
}

int sv_xen_open(struct sv_vn *vn, struct sv_vnode_driver *drv, const char *vnet, const char *name,
		struct sv_xen_record *record, struct sv_vnode_spec *spec, struct sv_err *err)
{
	int rc = sv_vn_init(vn, drv, vnet, name, err);

	if (rc)
		return rc;
	rc = sv_xen_load(vn, record);
	if (!rc && spec)
		rc = sv_vn_load_spec(vn, spec);
	if (sv_vn_unread(vn, rc, err))
		return sv_vn_fail(vn, rc, err);
	return rc ? sv_err_set(err, -ENOENT, "%s/%s: there is no such VNode, or it has failed",
			       vnet, name)
		  : 0;
}

uint64_t sv_xen_uptime_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}
