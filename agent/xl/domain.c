/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains: what there is, made, run, stopped, removed. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "xl.h"

enum { SPARE_MIB = 16 }; /* of Xen itself, for a domain more */

static int error_number(int rc)
{
	switch (rc) {
	case ERROR_NOMEM:
		return -ENOMEM;
	case ERROR_INVAL:
		return -EINVAL;
	case ERROR_TIMEDOUT:
		return -ETIMEDOUT;
	case ERROR_DOMAIN_NOTFOUND:
		return -ENOENT;
	case ERROR_NOPARAVIRT:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

int sv_xl_fail(struct sv_xl *xl, int rc, const char *what, struct sv_err *err)
{
	if (xl->complaint[0])
		return sv_err_set(err, error_number(rc), "%s: %s", what, xl->complaint);
	return sv_err_set(err, error_number(rc), "%s: libxl error %d", what, rc);
}

bool sv_xl_is_suspended(const libxl_dominfo *info)
{
	return info->shutdown && info->shutdown_reason == LIBXL_SHUTDOWN_REASON_SUSPEND;
}

int sv_xl_resume(struct sv_xl *xl, uint32_t domid, struct sv_err *err)
{
	int rc = libxl_domain_resume(xl->ctx, domid, 1, NULL);

	return rc ? sv_xl_fail(xl, rc, "resuming it", err) : 0;
}

int sv_xl_find(struct sv_xl *xl, const cJSON *request, libxl_dominfo *info, struct sv_err *err)
{
	const char *text = sv_xl_str(request, "uuid");
	libxl_dominfo *list;
	libxl_uuid uuid;
	int n = 0, i, rc = -ENOENT;

	if (!text || libxl_uuid_from_string(&uuid, text))
		return sv_err_set(err, -EINVAL, "a request without a UUID");
	list = libxl_list_domain(xl->ctx, &n);
	if (!list)
		return sv_xl_fail(xl, ERROR_FAIL, "listing domains", err);
	for (i = 0; i < n && rc; i++) {
		if (list[i].dying || libxl_uuid_compare(&list[i].uuid, &uuid))
			continue;
		libxl_dominfo_copy(xl->ctx, info, &list[i]);
		rc = 0;
	}
	libxl_dominfo_list_free(list, n);
	return rc ? sv_err_set(err, rc, "there is no domain %s", text) : 0;
}

/* ---- list ---- */

static const char *state_of(const libxl_dominfo *info)
{
	if (!info->shutdown)
		return info->paused ? "paused" : "running";
	switch (info->shutdown_reason) {
	case LIBXL_SHUTDOWN_REASON_POWEROFF:
		return "poweroff";
	case LIBXL_SHUTDOWN_REASON_REBOOT:
		return "reboot";
	case LIBXL_SHUTDOWN_REASON_SUSPEND:
		return "suspended";
	case LIBXL_SHUTDOWN_REASON_WATCHDOG:
		return "watchdog";
	default:
		return "crashed";
	}
}

static bool is_asked_for(const cJSON *request, const char *uuid)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(request, "uuids"))
		if (cJSON_IsString(item) && !strcasecmp(item->valuestring, uuid))
			return true;
	return false;
}

static void add_sched(struct sv_xl *xl, uint32_t domid, cJSON *item)
{
	libxl_domain_sched_params params;

	libxl_domain_sched_params_init(&params);
	if (!libxl_domain_sched_params_get(xl->ctx, domid, &params)) {
		cJSON_AddNumberToObject(item, "weight", params.weight);
		cJSON_AddNumberToObject(item, "cap", params.cap);
	}
	libxl_domain_sched_params_dispose(&params);
}

static void list_one(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info,
		     cJSON *domains)
{
	const char *owner = sv_xl_str(request, "owner") ?: "";
	_cleanup_free_ char *mark = NULL;
	char uuid[40], dir[40];
	cJSON *item;
	bool mine;

	snprintf(uuid, sizeof(uuid), LIBXL_UUID_FMT, LIBXL_UUID_BYTES(info->uuid));
	snprintf(dir, sizeof(dir), "/local/domain/%u", info->domid);
	mark = sv_xl_xenstore_read(dir, "svnet");
	mine = is_asked_for(request, uuid);
	if (!mine && !(mark && owner[0] && !strncmp(mark, owner, strlen(owner))))
		return;
	item = cJSON_CreateObject();
	cJSON_AddItemToArray(domains, item);
	/* Nobody checkpoints while we hold the lock: who did was killed. */
	if (sv_xl_is_suspended(info) && sv_xl_is_moving(info->domid)) {
		cJSON_AddStringToObject(item, "state", "moving");
	} else if (sv_xl_is_suspended(info) && !sv_xl_resume(xl, info->domid, NULL)) {
		cJSON_AddTrueToObject(item, "stranded");
		cJSON_AddStringToObject(item, "state", "running");
	} else {
		cJSON_AddStringToObject(item, "state", state_of(info));
	}
	cJSON_AddStringToObject(item, "uuid", uuid);
	cJSON_AddStringToObject(item, "mark", mark ?: "");
	cJSON_AddNumberToObject(item, "domid", info->domid);
	cJSON_AddNumberToObject(item, "memory_kib", info->current_memkb);
	cJSON_AddNumberToObject(item, "vcpus", info->vcpu_online);
	cJSON_AddNumberToObject(item, "cpu_ns", info->cpu_time);
	add_sched(xl, info->domid, item);
}

int sv_xl_list(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	cJSON *domains = cJSON_AddArrayToObject(reply, "domains");
	libxl_dominfo *list;
	int n = 0, i;

	list = libxl_list_domain(xl->ctx, &n);
	if (!list)
		return sv_xl_fail(xl, ERROR_FAIL, "listing domains", err);
	for (i = 0; i < n; i++)
		if (list[i].domid && !list[i].dying)
			list_one(xl, request, &list[i], domains);
	libxl_dominfo_list_free(list, n);
	return 0;
}

/* ---- make, run, stop ---- */

int sv_xl_print(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_domain_config config;
	char *text = NULL;
	int rc;

	rc = sv_xl_config(&config, cJSON_GetObjectItemCaseSensitive(request, "domain"), err);
	if (!rc)
		text = libxl_domain_config_to_json(xl->ctx, &config);
	libxl_domain_config_dispose(&config);
	cJSON_AddItemToObject(reply, "config", text ? cJSON_Parse(text) : cJSON_CreateNull());
	free(text);
	return rc;
}

int sv_xl_check_memory(struct sv_xl *xl, uint64_t kib, struct sv_err *err)
{
	uint64_t need = kib + SPARE_MIB * 1024, have = 0;

	if (libxl_get_free_memory(xl->ctx, &have))
		return sv_xl_fail(xl, ERROR_FAIL, "asking for free memory", err);
	return have >= need
		       ? 0
		       : sv_err_set(err, -ENOMEM,
				    "it needs %llu MiB of memory, and Xen has %llu MiB left",
				    (unsigned long long)need >> 10, (unsigned long long)have >> 10);
}

int sv_xl_create(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_domain_config config;
	uint32_t domid = 0;
	int rc;

	rc = sv_xl_config(&config, cJSON_GetObjectItemCaseSensitive(request, "domain"), err);
	rc = rc ?: sv_xl_check_able(xl, &config, err);
	rc = rc ?: sv_xl_check_memory(xl, config.b_info.max_memkb, err);
	if (!rc) {
		rc = libxl_domain_create_new(xl->ctx, &config, &domid, NULL, NULL);
		rc = rc ? sv_xl_fail(xl, rc, "creating the domain", err) : 0;
	}
	libxl_domain_config_dispose(&config);
	cJSON_AddNumberToObject(reply, "domid", domid);
	return rc;
}

int sv_xl_pause(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_dominfo info = { 0 };
	int rc = sv_xl_find(xl, request, &info, err);

	(void)reply;
	if (rc || info.paused)
		return rc;
	rc = libxl_domain_pause(xl->ctx, info.domid, NULL);
	return rc ? sv_xl_fail(xl, rc, "pausing it", err) : 0;
}

int sv_xl_unpause(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_dominfo info = { 0 };
	int rc = sv_xl_find(xl, request, &info, err);

	(void)reply;
	if (rc || !info.paused)
		return rc;
	rc = libxl_domain_unpause(xl->ctx, info.domid, NULL);
	return rc ? sv_xl_fail(xl, rc, "unpausing it", err) : 0;
}

int sv_xl_destroy(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_dominfo info = { 0 };
	int rc = sv_xl_find(xl, request, &info, err);

	(void)reply;
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = libxl_domain_destroy(xl->ctx, info.domid, NULL);
	return rc ? sv_xl_fail(xl, rc, "destroying it", err) : 0;
}

/* A guest that does not listen is destroyed when its time is over. */
int sv_xl_shutdown(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	struct timespec tick = { .tv_nsec = 50000000 };
	uint64_t until = sv_xl_now_ms() + sv_xl_num(request, "patience_ms", 0);
	libxl_dominfo info = { 0 };
	bool clean = false;
	int rc = sv_xl_find(xl, request, &info, err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	/* One that never ran, or stands still, cannot hear it. */
	if (!info.paused && !info.shutdown && !libxl_domain_shutdown(xl->ctx, info.domid, NULL))
		while (!clean && sv_xl_now_ms() < until) {
			nanosleep(&tick, NULL);
			if (libxl_domain_info(xl->ctx, &info, info.domid) || info.shutdown)
				clean = true;
		}
	cJSON_AddBoolToObject(reply, "clean", clean);
	return sv_xl_destroy(xl, request, reply, err);
}

int sv_xl_sched(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	const char *cpus = sv_xl_str(request, "cpus");
	libxl_domain_sched_params params;
	libxl_dominfo info = { 0 };
	libxl_bitmap map;
	int rc = sv_xl_find(xl, request, &info, err);

	if (rc)
		return rc;
	libxl_domain_sched_params_init(&params);
	params.weight = sv_xl_num(request, "weight", LIBXL_DOMAIN_SCHED_PARAM_WEIGHT_DEFAULT);
	params.cap = sv_xl_num(request, "cap", LIBXL_DOMAIN_SCHED_PARAM_CAP_DEFAULT);
	rc = libxl_domain_sched_params_set(xl->ctx, info.domid, &params);
	libxl_domain_sched_params_dispose(&params);
	if (rc)
		return sv_xl_fail(xl, rc, "setting its weight", err);
	add_sched(xl, info.domid, reply);
	if (!cpus)
		return 0;
	libxl_bitmap_init(&map);
	rc = sv_xl_cpus(&map, cpus[0] ? cpus : "0-4095");
	if (!rc &&
	    libxl_set_vcpuaffinity_all(xl->ctx, info.domid, info.vcpu_max_id + 1, &map, NULL))
		rc = sv_xl_fail(xl, ERROR_FAIL, "pinning it", err);
	libxl_bitmap_dispose(&map);
	return rc;
}
