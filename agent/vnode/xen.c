/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Xen driver: a VNode is a domain. svnet-xl does what libxl is needed for; here is what a VNode
 * means by it. A domain is made paused, its vifs are DOWN: what it sends begins when the agent has
 * put the data plane in place, brought them up, and started it. A domain made again has new vifs,
 * so it goes the same way again.
 */
#include "xen.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
	QUICK_MS = 20000,
	CREATE_MS = 60000,
	DESTROY_MS = 60000,
};

static int fail(const struct sv_vn *vn, int rc, struct sv_err *err)
{
	return rc ? sv_err_prefix(err, rc, "%s/%s", vn->vnet, vn->name) : 0;
}

static cJSON *about(const char *uuid)
{
	cJSON *request = cJSON_CreateObject();

	cJSON_AddStringToObject(request, "uuid", uuid);
	return request;
}

static int ask_about(struct sv_vnode_driver *drv, const char *op, const char *uuid, int ms,
		     struct sv_err *err)
{
	return sv_xen_ask(drv, op, about(uuid), -1, ms, NULL, err);
}

uint64_t sv_xen_uptime_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* ---- what there is
 * ----------------------------------------------------------------------------------------- */

static int list_domains(struct sv_vnode_driver *drv, cJSON *uuids, cJSON **reply,
			struct sv_err *err)
{
	cJSON *request = cJSON_CreateObject();
	char owner[40];

	snprintf(owner, sizeof(owner), "%s ", drv->host);
	cJSON_AddStringToObject(request, "owner", owner);
	cJSON_AddItemToObject(request, "uuids", uuids);
	return sv_xen_ask(drv, "list", request, -1, QUICK_MS, reply, err);
}

static const cJSON *find_domain(const cJSON *reply, const char *uuid)
{
	const cJSON *domain;

	cJSON_ArrayForEach (domain, cJSON_GetObjectItemCaseSensitive(reply, "domains"))
		if (!strcasecmp(sv_xen_str(domain, "uuid"), uuid))
			return domain;
	return NULL;
}

static int look_at(struct sv_vnode_driver *drv, const struct sv_xen_record *record, char state[16],
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

	return look_at(drv, record, state, &domid, err);
}

static bool is_dead(const char *state)
{
	return strcmp(state, "running") && strcmp(state, "paused") && strcmp(state, "moving");
}

static const char *told(const char *state)
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
		snprintf(status->note, sizeof(status->note), "%s", told(state));
	if (!status->note[0] && record->ended[0])
		snprintf(status->note, sizeof(status->note), "restarted: %s", told(record->ended));
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

/* `why` the reply is none, or NULL. */
static void fill(struct sv_vnode_status *status, const struct sv_vn *vn, const cJSON *reply,
		 const char *why)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	const cJSON *domain;

	memset(status, 0, sizeof(*status));
	strcpy(status->vnet, vn->vnet);
	strcpy(status->name, vn->name);
	strcpy(status->driver, "xen");
	if (access(vn->dir, F_OK))
		return;
	status->state = SV_VNODE_FAILED;
	if (sv_xen_load(vn, &record) || sv_xen_load_spec(vn, &spec)) {
		strcpy(status->note, "half-made");
		return;
	}
	domain = find_domain(reply, record.uuid);
	status->tier = sv_xen_net_tier(&spec);
	status->restarts = record.restarts;
	if (why)
		fill_unknown(status, &record, why);
	else
		fill_state(status, &record, domain ? sv_xen_str(domain, "state") : "gone");
	if (!why)
		fill_detail(status, &record, domain);
	status->spec_json = TAKE_PTR(spec.json);
}

static int xen_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_vnode_status *status, struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	cJSON *uuids = cJSON_CreateArray(), *reply = NULL;
	struct sv_vn vn;
	int rc = sv_xen_init(&vn, drv, vnet, name, err);

	if (!rc && !sv_xen_load(&vn, &record) && sv_xen_host_is(drv)) {
		cJSON_AddItemToArray(uuids, cJSON_CreateString(record.uuid));
		rc = list_domains(drv, TAKE_PTR(uuids), &reply, err);
	}
	cJSON_Delete(uuids);
	if (!rc)
		fill(status, &vn, reply, NULL);
	cJSON_Delete(reply);
	return rc;
}

/* ---- all of them
 * ------------------------------------------------------------------------------------------- */

struct listing {
	struct sv_vnode_status *status;
	size_t n;
	cJSON *uuids, *reply;
	const char *why;
};

static int take_uuid(void *arg, const struct sv_vn *vn)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	struct listing *l = arg;

	if (!sv_xen_load(vn, &record))
		cJSON_AddItemToArray(l->uuids, cJSON_CreateString(record.uuid));
	return 0;
}

static struct sv_vnode_status *grow(struct listing *l)
{
	struct sv_vnode_status *more = reallocarray(l->status, l->n + 1, sizeof(*more));

	if (!more)
		return NULL;
	l->status = more;
	return &more[l->n++];
}

static int take_status(void *arg, const struct sv_vn *vn)
{
	struct listing *l = arg;
	struct sv_vnode_status *status = grow(l);

	if (!status)
		return -ENOMEM;
	fill(status, vn, l->reply, l->why);
	return 0;
}

struct search {
	const char *uuid;
	bool found;
};

static int is_recorded(void *arg, const struct sv_vn *vn)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	struct search *search = arg;

	search->found |= !sv_xen_load(vn, &record) && !strcasecmp(record.uuid, search->uuid);
	return 0;
}

/* A domain that bears our mark, and whose folder is lost: it gets one again, half-made. */
static int adopt_lost(struct sv_vnode_driver *drv, const cJSON *domain)
{
	struct search search = { .uuid = sv_xen_str(domain, "uuid") };
	struct sv_xen_record record = { 0 };
	char host[40], vnet[32], name[32];
	struct sv_vn vn;

	if (sscanf(sv_xen_str(domain, "mark"), "%39s %31s %31s", host, vnet, name) != 3 ||
	    strcmp(host, drv->host) || sv_xen_init(&vn, drv, vnet, name, NULL))
		return 0;
	sv_xen_each(drv, is_recorded, &search);
	if (search.found)
		return 0;
	/* Another domain has its place: this one is nobody's. */
	if (sv_vn_has(&vn, "domain"))
		return ask_about(drv, "destroy", search.uuid, DESTROY_MS, NULL);
	snprintf(record.uuid, sizeof(record.uuid), "%.39s", search.uuid);
	return sv_vn_mkdir(&vn, NULL) ?: sv_xen_save(&vn, &record, NULL);
}

static int xen_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		    struct sv_err *err)
{
	struct listing l = { .uuids = cJSON_CreateArray() };
	struct sv_err trouble = { 0 };
	const cJSON *domain;
	int rc = 0;

	*out = NULL;
	*n = 0;
	sv_xen_each(drv, take_uuid, &l);
	/* A Xen that does not answer is no reason to leave the rest of the host alone. */
	if (sv_xen_host_is(drv) && list_domains(drv, TAKE_PTR(l.uuids), &l.reply, &trouble))
		l.why = trouble.text;
	cJSON_Delete(l.uuids);
	cJSON_ArrayForEach (domain, cJSON_GetObjectItemCaseSensitive(l.reply, "domains"))
		adopt_lost(drv, domain);
	if (sv_xen_each(drv, take_status, &l))
		rc = sv_err_set(err, -ENOMEM, "out of memory");
	*out = l.status;
	*n = l.n;
	cJSON_Delete(l.reply);
	return rc;
}

/* ---- destroy
 * -----------------------------------------------------------------------------------------------
 */

static void remove_folder(const struct sv_vn *vn)
{
	char path[128];

	sv_vn_rmdir(vn);
	snprintf(path, sizeof(path), "%s/xen", vn->drv->run_dir);
	rmdir(path);
}

/* The record last: it is how the rest is found. */
int sv_xen_tear_down(const struct sv_vn *vn, struct sv_vnode_driver *drv, struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	int rc = 0;

	/* Without Xen its domain went with the Xen that had it. */
	if (!sv_xen_load(vn, &record) && sv_xen_host_is(drv))
		rc = ask_about(drv, "destroy", record.uuid, DESTROY_MS, err);
	if (!rc && !sv_xen_load_spec(vn, &spec))
		rc = sv_xen_net_wait_gone(&spec, err);
	if (rc)
		return rc;
	rc = sv_xen_remove_disks(record.disks, err);
	if (!rc)
		remove_folder(vn);
	return rc;
}

static int xen_destroy(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_xen_init(&vn, drv, vnet, name, err);

	return rc ?: fail(&vn, sv_xen_tear_down(&vn, drv, err), err);
}

/* ---- define
 * ------------------------------------------------------------------------------------------------
 */

static int check_file(const char *what, const char *path, struct sv_err *err)
{
	if (!path[0] || !access(path, R_OK))
		return 0;
	return sv_err_set(err, -errno, "%s %s: %s", what, path, strerror(errno));
}

int sv_xen_check(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		 const struct sv_vnode_spec *spec, struct sv_err *err)
{
	cJSON *xen = sv_xen_parse(spec);
	int rc =
		xen ? sv_spec_check(spec, err) : sv_err_set(err, -EINVAL, "no domain is described");

	rc = rc ?: check_file("kernel", sv_xen_str(xen, "kernel"), err);
	rc = rc ?: check_file("ramdisk", sv_xen_str(xen, "ramdisk"), err);
	rc = rc ?: sv_xen_check_disks(vn, drv, spec, NULL, err);
	cJSON_Delete(xen);
	return rc;
}

int sv_xen_prepare(struct sv_vn *vn, struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		   struct sv_xen_record *record, struct sv_err *err)
{
	const struct sv_xen *xen = drv->priv;
	int rc = sv_xen_init(vn, drv, spec->vnet, spec->name, err);

	if (rc)
		return rc;
	if (sv_vn_has(vn, "spec.json"))
		return fail(vn, sv_err_set(err, -EEXIST, "it exists already"), err);
	rc = xen->why[0] ? sv_err_set(err, -ENODEV, "%s", xen->why) : 0;
	rc = rc ?: sv_xen_tear_down(vn, drv, err);
	rc = rc ?: sv_xen_net_check_free(spec, err);
	rc = rc ?: sv_vn_mkdir(vn, err);
	sv_xen_uuid(record->uuid);
	rc = rc ?: sv_xen_save(vn, record, err);
	return fail(vn, rc, err);
}

int sv_xen_create(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		  const struct sv_vnode_spec *spec, const struct sv_xen_record *record,
		  struct sv_err *err)
{
	const struct sv_xen *xen = drv->priv;
	cJSON *request;
	int rc = sv_xen_check(vn, drv, spec, err);

	if (rc)
		return rc;
	request = cJSON_CreateObject();
	cJSON_AddItemToObject(request, "domain",
			      sv_xen_domain(spec, record->uuid, drv->host, xen->helper));
	return sv_xen_ask(drv, "create", request, -1, CREATE_MS, NULL, err);
}

static int xen_define(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		      struct sv_err *err)
{
	struct sv_xen_record record = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_prepare(&vn, drv, spec, &record, err);

	if (rc)
		return rc;
	rc = sv_xen_create(&vn, drv, spec, &record, err);
	rc = rc ?: sv_xen_save_spec(&vn, spec, err);
	if (rc)
		sv_xen_tear_down(&vn, drv, NULL);
	return fail(&vn, rc, err);
}

/* ---- again
 * -------------------------------------------------------------------------------------------------
 */

/* A new domain in the place of the old one, paused. The folder stays: it is the same VNode. */
static int make_again(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		      const struct sv_vnode_spec *was, const struct sv_vnode_spec *spec,
		      struct sv_xen_record *record, struct sv_err *err)
{
	int rc = ask_about(drv, "destroy", record->uuid, DESTROY_MS, err);

	rc = rc ?: sv_xen_net_wait_gone(was, err);
	rc = rc ?: sv_xen_net_check_free(spec, err);
	if (rc)
		return rc;
	sv_xen_uuid(record->uuid);
	record->started = false;
	rc = sv_xen_save(vn, record, err);
	rc = rc ?: sv_xen_create(vn, drv, spec, record, err);
	return rc ?: sv_xen_save_spec(vn, spec, err);
}

static int may_restart(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		       const struct sv_xen_record *record, const char *state, struct sv_err *err)
{
	uint32_t wait = sv_xen_backoff(record->restarts);
	uint64_t since = sv_xen_uptime_s() - record->restarted_s;

	if (!sv_xen_restarts(spec, state))
		return sv_err_set(
			err, -ECANCELED,
			"%s, and its restart policy leaves it so: svnet vnode start %s/%s",
			told(state), spec->vnet, spec->name);
	if (record->restarts && since < wait) {
		sv_xen_event_in(drv, wait - since);
		return sv_err_set(err, -EAGAIN, "%s again: restart %u in %llu s", told(state),
				  record->restarts + 1, (unsigned long long)(wait - since));
	}
	return 0;
}

/* One that ran for long is not flapping. */
static void count_restart(struct sv_xen_record *record)
{
	if (sv_xen_uptime_s() - record->restarted_s > 600)
		record->restarts = 0;
	record->restarts++;
	record->restarted_s = sv_xen_uptime_s();
}

/*
 * Its ports are others now than the plan knows: -EAGAIN, so that nothing comes up before another
 * plan has attached them.
 */
static int revive(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		  const struct sv_vnode_spec *was, const struct sv_vnode_spec *spec,
		  struct sv_xen_record *record, const char *state, struct sv_err *err)
{
	int rc = record->stopped ? 0 : may_restart(drv, spec, record, state, err);

	if (rc)
		return rc;
	if (!record->stopped) {
		count_restart(record);
		snprintf(record->ended, sizeof(record->ended), "%s", state);
	}
	rc = make_again(vn, drv, was, spec, record, err);
	return rc
		       ?: sv_err_set(err, -EAGAIN, "%s: made anew, restart %u", told(state),
				     record->restarts);
}

/* ---- update
 * ------------------------------------------------------------------------------------------------
 */

static int set_sched(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		     const char *uuid, bool pin, struct sv_err *err)
{
	cJSON *request = about(uuid), *xen = sv_xen_parse(spec);

	cJSON_AddNumberToObject(request, "weight", sv_xen_weight(spec->tier, spec->cpu_weight));
	cJSON_AddNumberToObject(request, "cap", sv_xen_num(xen, "cap"));
	if (pin)
		cJSON_AddStringToObject(request, "cpus", sv_xen_str(xen, "cpus"));
	cJSON_Delete(xen);
	return sv_xen_ask(drv, "sched", request, -1, QUICK_MS, NULL, err);
}

static bool cpus_differ(const struct sv_vnode_spec *from, const struct sv_vnode_spec *to)
{
	cJSON *x = sv_xen_parse(from), *y = sv_xen_parse(to);
	bool differ = strcmp(sv_xen_str(x, "cpus"), sv_xen_str(y, "cpus"));

	cJSON_Delete(x);
	cJSON_Delete(y);
	return differ;
}

static int change_live(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		       const struct sv_vnode_spec *was, const struct sv_vnode_spec *spec,
		       const struct sv_xen_record *record, struct sv_err *err)
{
	int rc = set_sched(drv, spec, record->uuid, cpus_differ(was, spec), err);

	rc = rc ?: sv_xen_net_set_mtus(was, spec, err);
	return rc ?: sv_xen_save_spec(vn, spec, err);
}

static int change(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		  const struct sv_vnode_spec *was, const struct sv_vnode_spec *spec,
		  struct sv_xen_record *record, struct sv_err *err)
{
	const char *fixed = sv_xen_fixed(was, spec);
	uint32_t domid;
	char state[16];
	int rc = look_at(drv, record, state, &domid, err);

	if (rc)
		return rc;
	if (!strcmp(state, "moving"))
		return sv_err_set(err, -EBUSY, "it is on its way to another host");
	if (is_dead(state))
		return revive(vn, drv, was, spec, record, state, err);
	rc = sv_xen_net_mend(was, domid, err);
	if (rc)
		return rc;
	if (!fixed)
		return change_live(vn, drv, was, spec, record, err);
	if (record->started || !strcmp(state, "running"))
		return sv_err_set(err, -EBUSY,
				  "a running domain's %s cannot be changed; svnet vnode destroy "
				  "%s/%s makes it anew",
				  fixed, spec->vnet, spec->name);
	rc = make_again(vn, drv, was, spec, record, err);
	return rc ?: sv_err_set(err, -EAGAIN, "it has other %s: made anew", fixed);
}

static int xen_update(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		      struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec was = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec own = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, spec->vnet, spec->name, &record, &was, err);

	if (rc)
		return rc;
	if (sv_xen_give_disks(spec, record.disks))
		rc = sv_xen_save(&vn, &record, err);
	rc = rc ?: sv_spec_copy(&own, spec);
	rc = rc ?: sv_xen_keep_disks(&own, record.disks);
	rc = rc ?: change(&vn, drv, &was, &own, &record, err);
	return fail(&vn, rc, err);
}

static int xen_set_tier(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			enum sv_tier tier, struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err);

	if (rc)
		return rc;
	spec.tier = tier;
	rc = set_sched(drv, &spec, record.uuid, false, err);
	rc = rc ?: sv_xen_net_place(&spec, err);
	rc = rc ?: sv_xen_save_spec(&vn, &spec, err);
	return fail(&vn, rc, err);
}

/* ---- start, stop, pause, resume
 * ------------------------------------------------------------------------- */

static int start_domain(const struct sv_vn *vn, struct sv_vnode_driver *drv,
			struct sv_xen_record *record, struct sv_err *err)
{
	int rc = ask_about(drv, "unpause", record->uuid, QUICK_MS, err);

	if (rc || record->started)
		return rc;
	record->started = true;
	record->stopped = false;
	/* How long it took to make is none of the time that it ran. */
	record->restarted_s = sv_xen_uptime_s();
	return sv_xen_save(vn, record, err);
}

/* One that has ended is made again first, and started by the plan that attaches its new vifs. */
static int xen_start(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		     struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	char state[16];
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err);

	if (rc)
		return rc;
	rc = sv_xen_state(drv, &record, state, err);
	if (!rc && is_dead(state)) {
		record.restarts = 0;
		rc = make_again(&vn, drv, &spec, &spec, &record, err);
	} else {
		rc = rc ?: start_domain(&vn, drv, &record, err);
	}
	return fail(&vn, rc, err);
}

/* Its interfaces stay, as vifs of a new domain that has not begun. */
static int xen_stop(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	cJSON *request, *xen;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err), patience;

	if (rc)
		return rc;
	xen = sv_xen_parse(&spec);
	patience = sv_xen_num(xen, "stop_timeout_ms");
	cJSON_Delete(xen);
	record.stopped = true;
	rc = sv_xen_save(&vn, &record, err);
	if (rc)
		return fail(&vn, rc, err);
	request = about(record.uuid);
	cJSON_AddNumberToObject(request, "patience_ms", patience);
	rc = sv_xen_ask(drv, "shutdown", request, -1, patience + DESTROY_MS, NULL, err);
	rc = rc ?: make_again(&vn, drv, &spec, &spec, &record, err);
	return fail(&vn, rc, err);
}

static int xen_pause(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		     struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err);

	if (rc)
		return rc;
	rc = ask_about(drv, "pause", record.uuid, QUICK_MS, err);
	if (!rc && !record.started) {
		record.started = true;
		rc = sv_xen_save(&vn, &record, err);
	}
	return fail(&vn, rc, err);
}

static int xen_resume(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err);

	return rc ?: fail(&vn, start_domain(&vn, drv, &record, err), err);
}

/* ---- console
 * -----------------------------------------------------------------------------------------------
 */

static int xen_exec(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    char *const argv[], const int fds[3], pid_t *pid, struct sv_err *err)
{
	(void)drv;
	(void)argv;
	(void)fds;
	(void)pid;
	return sv_err_set(err, -ENOTSUP,
			  "%s/%s is a domain: what runs in it is its guest's to say; svnet vnode "
			  "console %s/%s",
			  vnet, name, vnet, name);
}

static int xen_console(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       const int fds[3], pid_t *pid, struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	const struct sv_xen *xen = drv->priv;
	struct sv_vn vn;
	int i, rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err);
	char *argv[] = { "svnet-xl", "console", record.uuid, NULL };

	if (rc || xen->why[0])
		return rc ?: sv_err_set(err, -ENODEV, "%s", xen->why);
	*pid = fork();
	if (*pid < 0)
		return sv_err_set(err, -errno, "fork: %s", strerror(errno));
	if (*pid)
		return 0;
	for (i = 0; i < 3; i++)
		dup2(fds[i], i);
	execv(xen->helper, argv);
	_exit(127);
}

const struct sv_vnode_driver_ops sv_vnode_xen = {
	.name = "xen",
	.open = sv_xen_host_open,
	.close = sv_xen_host_close,
	.define = xen_define,
	.clone = sv_xen_clone,
	.update = xen_update,
	.start = xen_start,
	.stop = xen_stop,
	.pause = xen_pause,
	.resume = xen_resume,
	.snapshot = sv_xen_snapshot,
	.set_tier = xen_set_tier,
	.destroy = xen_destroy,
	.status = xen_status,
	.list = xen_list,
	.exec = xen_exec,
	.console = xen_console,
	.send = sv_xen_send,
	.stay = sv_xen_stay,
	.expect = sv_xen_expect,
	.receive = sv_xen_receive,
	.event_fd = sv_xen_event_fd,
	.event_drain = sv_xen_event_drain,
};
