/* SPDX-License-Identifier: GPL-2.0-only */
/* The Xen driver: which domains there are, how they do, and which of them are nobody's. */
#include <errno.h>
#include <string.h>

#include "xen.h"

static int list_domains(struct sv_vnode_driver *drv, cJSON *uuids, cJSON **reply,
			struct sv_err *err)
{
	cJSON *request = cJSON_CreateObject();
	char owner[40];

	snprintf(owner, sizeof(owner), "%s ", drv->host);
	cJSON_AddStringToObject(request, "owner", owner);
	cJSON_AddItemToObject(request, "uuids", uuids);
	return sv_xen_ask(drv, "list", request, -1, SV_XEN_QUICK_MS, reply, err);
}

static const cJSON *find_domain(const cJSON *reply, const char *uuid)
{
	const cJSON *domain;

	cJSON_ArrayForEach (domain, cJSON_GetObjectItemCaseSensitive(reply, "domains"))
		if (!strcasecmp(sv_xen_str(domain, "uuid"), uuid))
			return domain;
	return NULL;
}

int sv_xen_look(struct sv_vnode_driver *drv, const struct sv_xen_record *record, char state[16],
		uint32_t *domid, struct sv_err *err)
{
	cJSON *uuids = cJSON_CreateArray(), *reply = NULL;
	const cJSON *domain;
	int rc;

	cJSON_AddItemToArray(uuids, cJSON_CreateString(record->uuid));
	rc = list_domains(drv, uuids, &reply, err);
	domain = find_domain(reply, record->uuid);
	snprintf(state, 16, "%s", domain ? sv_xen_str(domain, "state") : "gone");
	*domid = sv_xen_num(domain, "domid");
	cJSON_Delete(reply);
	return rc;
}

int sv_xen_state(struct sv_vnode_driver *drv, const struct sv_xen_record *record, char state[16],
		 struct sv_err *err)
{
	uint32_t domid;

	return sv_xen_look(drv, record, state, &domid, err);
}

bool sv_xen_is_dead(const char *state)
{
	return strcmp(state, "running") && strcmp(state, "paused") && strcmp(state, "moving");
}

const char *sv_xen_told(const char *state)
{
	return !strcmp(state, "crashed")    ? "its guest crashed"
	       : !strcmp(state, "watchdog") ? "its guest's watchdog ended it"
	       : !strcmp(state, "reboot")   ? "its guest rebooted"
	       : !strcmp(state, "poweroff") ? "its guest shut itself down"
					    : "its domain is gone";
}

static void fill_state(struct sv_vnode_status *status, const struct sv_xen_record *record,
		       const char *state)
{
	if (!strcmp(state, "running"))
		status->state = SV_VNODE_RUNNING;
	else if (!strcmp(state, "paused"))
		status->state = record->started ? SV_VNODE_PAUSED : SV_VNODE_DEFINED;
	else if (!strcmp(state, "moving"))
		status->state = SV_VNODE_MOVING;
	else
		sv_vn_status_fail(status, "%s", sv_xen_told(state));
	if (!status->note[0] && record->ended[0])
		snprintf(status->note, sizeof(status->note), "restarted: %s",
			 sv_xen_told(record->ended));
}

/* What Xen itself says of it. */
static void fill_detail(struct sv_vnode_status *status, const struct sv_xen_record *record,
			const cJSON *domain)
{
	snprintf(status->detail, sizeof(status->detail),
		 "{\"uuid\":\"%s\",\"domid\":%.0f,\"state\":\"%s\",\"weight\":%.0f,\"cap\":%.0f,"
		 "\"memory_kib\":%.0f,\"vcpus\":%.0f,\"cpu_ns\":%.0f,\"pause_ms\":%.0f,"
		 "\"estimate_ms\":%.0f}",
		 record->uuid, sv_xen_num(domain, "domid"),
		 domain ? sv_xen_str(domain, "state") : "gone", sv_xen_num(domain, "weight"),
		 sv_xen_num(domain, "cap"), sv_xen_num(domain, "memory_kib"),
		 sv_xen_num(domain, "vcpus"), sv_xen_num(domain, "cpu_ns"), record->pause_ms,
		 record->estimate_ms);
}

/* Nobody could ask: as it was, and not as if it had ended. */
static void fill_unknown(struct sv_vnode_status *status, const struct sv_xen_record *record,
			 const char *why)
{
	status->state = record->started ? SV_VNODE_RUNNING : SV_VNODE_DEFINED;
	snprintf(status->note, sizeof(status->note), "not known: %.110s", why);
}

struct known {
	cJSON *reply;
	const char *why; /* it is none; or NULL */
};

static int read_status(void *arg, const struct sv_vn *vn, struct sv_vnode_status *status)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	const struct known *known = arg;
	const cJSON *domain;
	int rc = sv_xen_load(vn, &record) ?: sv_vn_load_spec(vn, &spec);

	if (rc)
		return rc;
	domain = find_domain(known->reply, record.uuid);
	status->tier = sv_xen_net_tier(&spec);
	status->restarts = record.restarts;
	if (known->why) {
		fill_unknown(status, &record, known->why);
	} else {
		fill_state(status, &record, domain ? sv_xen_str(domain, "state") : "gone");
		fill_detail(status, &record, domain);
	}
	status->spec_json = TAKE_PTR(spec.json);
	return 0;
}

int sv_xen_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		  struct sv_vnode_status *status, struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	cJSON *uuids = cJSON_CreateArray();
	struct known known = { 0 };
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (!rc && !sv_xen_load(&vn, &record) && sv_xen_host_is(drv)) { /* else: read_status */
		cJSON_AddItemToArray(uuids, cJSON_CreateString(record.uuid));
		rc = list_domains(drv, TAKE_PTR(uuids), &known.reply, err);
	}
	cJSON_Delete(uuids);
	rc = rc ?: sv_vn_status(drv, vnet, name, read_status, &known, status, err);
	cJSON_Delete(known.reply);
	return rc;
}

/* ---- all of them ---- */

static int take_uuid(void *arg, const struct sv_vn *vn)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	cJSON *uuids = arg;
	int rc = sv_xen_load(vn, &record);

	if (!rc)
		cJSON_AddItemToArray(uuids, cJSON_CreateString(record.uuid));
	return sv_vn_unread(vn, rc, NULL);
}

struct search {
	const char *uuid;
	bool found;
};

static int is_recorded(void *arg, const struct sv_vn *vn)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	struct search *search = arg;
	int rc = sv_xen_load(vn, &record);

	search->found |= !rc && !strcasecmp(record.uuid, search->uuid);
	return sv_vn_unread(vn, rc, NULL);
}

/* A domain that bears our mark, and whose folder is lost: it gets one again, half-made. */
static int adopt_lost(struct sv_vnode_driver *drv, const cJSON *domain)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record other = { 0 };
	struct search search = { .uuid = sv_xen_str(domain, "uuid") };
	struct sv_xen_record record = { 0 };
	char host[40], vnet[32], name[32];
	struct sv_vn vn;
	int rc;

	if (sscanf(sv_xen_str(domain, "mark"), "%39s %31s %31s", host, vnet, name) != 3 ||
	    strcmp(host, drv->host) || sv_vn_init(&vn, drv, vnet, name, NULL))
		return 0;
	if (sv_vn_each(drv, is_recorded, &search, NULL) || search.found)
		return 0;
	/* Another domain has its place: this one is nobody's. */
	rc = sv_xen_load(&vn, &other);
	if (!rc)
		return sv_xen_ask_about(drv, "destroy", search.uuid, SV_XEN_DESTROY_MS, NULL);
	if (sv_vn_unread(&vn, rc, NULL))
		return rc;
	snprintf(record.uuid, sizeof(record.uuid), "%.39s", search.uuid);
	return sv_vn_mkdir(&vn, NULL) ?: sv_xen_save(&vn, &record, NULL);
}

int sv_xen_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		struct sv_err *err)
{
	cJSON *uuids = cJSON_CreateArray();
	struct known known = { 0 };
	struct sv_err trouble = { 0 };
	const cJSON *domain;
	int rc = sv_vn_each(drv, take_uuid, uuids, NULL);

	*out = NULL;
	*n = 0;
	if (rc) {
		cJSON_Delete(uuids);
		return sv_err_set(err, rc, "reading %s/%s: %s", drv->run_dir, drv->ops->folder,
				  strerror(-rc));
	}
	/* A Xen that does not answer is no reason to leave the rest of the host alone. */
	if (sv_xen_host_is(drv) && list_domains(drv, TAKE_PTR(uuids), &known.reply, &trouble))
		known.why = trouble.text;
	cJSON_Delete(uuids);
	cJSON_ArrayForEach (domain, cJSON_GetObjectItemCaseSensitive(known.reply, "domains"))
		adopt_lost(drv, domain);
	rc = sv_vn_list(drv, read_status, &known, out, n, err);
	cJSON_Delete(known.reply);
	return rc;
}
