/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A clone of a running domain: its memory as it was at one instant, under another name, with the
 * same MACs. Production stands still for that instant, measured and bounded; whatever fails, it
 * goes on and nothing is left.
 */
#include <errno.h>
#include <string.h>

#include "xen.h"

enum { CLONE_MS = 60000, CLONE_MS_PER_MIB = 60 };

struct original {
	struct sv_vn vn;
	struct sv_xen_record record;
	struct sv_vnode_spec spec;
	char state[16];
};

static void original_fini(struct original *o)
{
	sv_xen_record_fini(&o->record);
	sv_vnode_spec_fini(&o->spec);
}

static int original_open(struct original *o, struct sv_vnode_driver *drv, const char *vnet,
			 const char *name, struct sv_err *err)
{
	int rc = sv_xen_open(&o->vn, drv, vnet, name, &o->record, &o->spec, err);

	return rc ?: sv_xen_state(drv, &o->record, o->state, err);
}

static double pause_limit(const struct sv_vnode_spec *spec)
{
	cJSON *xen = sv_xen_parse(spec);
	double limit = sv_xen_num(xen, "pause_limit_ms");

	cJSON_Delete(xen);
	return limit;
}

int sv_xen_patience(const struct sv_vnode_spec *spec)
{
	cJSON *xen = sv_xen_parse(spec);
	double mib = sv_xen_num(xen, "memory");

	cJSON_Delete(xen);
	return CLONE_MS + CLONE_MS_PER_MIB * mib;
}

/* A helper that was killed may have left production standing. */
static int recover(struct sv_vnode_driver *drv, const struct original *o, int rc,
		   struct sv_err *err)
{
	struct sv_err second = { 0 };

	if (sv_xen_ask_about(drv, "recover", o->record.uuid, SV_XEN_RECOVER_MS, &second) && err) {
		struct sv_err first = *err;

		return sv_err_set(err, rc, "%.200s; and %s/%s does not go on: %.200s", first.text,
				  o->spec.vnet, o->spec.name, second.text);
	}
	return rc;
}

cJSON *sv_xen_saving(const struct sv_vnode_spec *spec, const struct sv_xen_record *record)
{
	cJSON *request = sv_xen_about(record->uuid);

	cJSON_AddNumberToObject(request, "pause_limit_ms", pause_limit(spec));
	cJSON_AddNumberToObject(request, "ms_per_mib", record->ms_per_mib);
	return request;
}

static int ask(struct sv_vnode_driver *drv, const char *op, struct original *o, cJSON *request,
	       int fd, cJSON **reply, struct sv_err *err)
{
	int rc = sv_xen_ask(drv, op, request, fd, sv_xen_patience(&o->spec), reply, err);

	if (rc == -ETIMEDOUT || rc == -EPIPE)
		rc = recover(drv, o, rc, err);
	if (rc)
		return rc;
	o->record.ms_per_mib = sv_xen_num(*reply, "ms_per_mib");
	/* Only a better estimate for the next time. */
	sv_xen_save(&o->vn, &o->record, NULL);
	return 0;
}

/* What makes production stand still in vain is tried more and more rarely. */
static int check_due(const struct original *o, struct sv_err *err)
{
	uint64_t due = o->record.cloned_s + sv_xen_backoff(o->record.clones_failed);
	uint64_t now = sv_xen_uptime_s();

	if (!o->record.clones_failed || now >= due)
		return 0;
	return sv_err_set(err, -EAGAIN,
			  "%s/%s may have stood still for %u clones that failed in a row, the next "
			  "one is tried in %llu s: %s",
			  o->spec.vnet, o->spec.name, o->record.clones_failed,
			  (unsigned long long)(due - now), o->record.clone_why);
}

/* It has failed until it is done: whoever dies in it does not try again at once. */
static int count_failed(struct original *o, struct sv_err *err)
{
	o->record.clones_failed++;
	o->record.cloned_s = sv_xen_uptime_s();
	strcpy(o->record.clone_why, "svnetd ended meanwhile");
	return sv_xen_save(&o->vn, &o->record, err);
}

static void note_outcome(struct original *o, int rc, const struct sv_err *err)
{
	if (!rc)
		o->record.clones_failed = 0;
	snprintf(o->record.clone_why, sizeof(o->record.clone_why), "%.159s",
		 rc && err ? err->text : "");
	sv_xen_save(&o->vn, &o->record, NULL);
}

static int copy_domain(const struct sv_vn *vn, struct sv_vnode_driver *drv, struct original *o,
		       const struct sv_vnode_spec *spec, struct sv_xen_record *record,
		       struct sv_err *err)
{
	const struct sv_xen *xen = drv->priv;
	cJSON *request = sv_xen_saving(&o->spec, &o->record), *reply = NULL;
	int rc;

	cJSON_AddItemToObject(request, "domain",
			      sv_xen_domain(spec, record->uuid, drv->host, xen->helper));
	if (record->disks)
		cJSON_AddItemToObject(request, "disks", cJSON_Duplicate(record->disks, 1));
	rc = count_failed(o, err);
	if (rc) {
		cJSON_Delete(request);
		return rc;
	}
	rc = ask(drv, "clone", o, request, -1, &reply, err);
	note_outcome(o, rc, err);
	if (!rc) {
		record->pause_ms = sv_xen_num(reply, "pause_ms");
		record->estimate_ms = sv_xen_num(reply, "estimate_ms");
		rc = sv_xen_save(vn, record, err);
	}
	cJSON_Delete(reply);
	return rc;
}

static int copy_disks(struct sv_vnode_driver *drv, const struct original *o,
		      const struct sv_xen_record *record, struct sv_err *err)
{
	cJSON *request;

	if (!cJSON_GetArraySize(record->disks))
		return 0;
	request = cJSON_CreateObject();
	cJSON_AddItemToObject(request, "disks", cJSON_Duplicate(record->disks, 1));
	return sv_xen_ask(drv, "disks", request, -1, sv_xen_patience(&o->spec), NULL, err);
}

static bool has_devices(const struct sv_vnode_spec *spec)
{
	cJSON *xen = sv_xen_parse(spec);
	bool has = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(xen, "pci"));

	cJSON_Delete(xen);
	return has;
}

static int check_like(const struct original *o, const struct sv_vnode_spec *spec,
		      struct sv_err *err)
{
	const char *unlike = sv_xen_unlike(&o->spec, spec);

	if (has_devices(&o->spec) || has_devices(spec))
		return sv_err_set(
			err, -EINVAL,
			"a domain with PCI devices cannot be cloned: no two can have one");
	return unlike ? sv_err_set(err, -EINVAL, "its %s must be as %s/%s has it: its memory is",
				   unlike, o->spec.vnet, o->spec.name)
		      : 0;
}

static void say(FILE *report, const struct original *o, const struct sv_xen_record *record,
		bool running)
{
	if (!report)
		return;
	if (running)
		fprintf(report, "%s/%s stood still for %.0f ms (estimated %.0f ms)\n", o->spec.vnet,
			o->spec.name, record->pause_ms, record->estimate_ms);
	else
		fprintf(report, "%s/%s was not running: nothing of its memory was copied\n",
			o->spec.vnet, o->spec.name);
}

/* An original that has not begun has nothing to copy. */
static int make(const struct sv_vn *vn, struct sv_vnode_driver *drv, struct original *o,
		struct sv_vnode_spec *spec, struct sv_xen_record *record, FILE *report,
		struct sv_err *err)
{
	bool running = !strcmp(o->state, "running");
	int rc;

	if (!strcmp(o->state, "moving"))
		return sv_err_set(err, -EBUSY, "%s/%s is on its way to another host", o->spec.vnet,
				  o->spec.name);
	if (!strcmp(o->state, "paused") && o->record.started)
		return sv_err_set(err, -EBUSY, "%s/%s is paused: resume it first", o->spec.vnet,
				  o->spec.name);
	rc = check_like(o, spec, err);
	if (!rc && running)
		rc = check_due(o, err);
	rc = rc ?: sv_xen_own_disks(spec, &o->spec, &record->disks, err);
	rc = rc ?: sv_xen_check_disks(vn, drv, spec, record->disks, err);
	rc = rc ?: sv_xen_save(vn, record, err);
	if (rc)
		return rc;
	if (running)
		rc = copy_domain(vn, drv, o, spec, record, err);
	else
		rc = copy_disks(drv, o, record, err) ?: sv_xen_create(vn, drv, spec, record, err);
	rc = rc ?: sv_vn_save_spec(vn, spec, err);
	if (!rc)
		say(report, o, record, running);
	return rc;
}

int sv_xen_clone(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		 const char *source_vnet, const char *source_name, FILE *report, struct sv_err *err)
{
	_cleanup_(original_fini) struct original o = { 0 };
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec own = { 0 };
	struct sv_vn vn;
	int rc = original_open(&o, drv, source_vnet, source_name, err);

	rc = rc ?: sv_spec_copy(&own, spec);
	rc = rc ?: sv_xen_prepare(&vn, drv, spec, &record, err);
	if (rc)
		return rc;
	rc = make(&vn, drv, &o, &own, &record, report, err);
	if (!rc)
		return 0;
	sv_xen_tear_down(&vn, drv, NULL);
	return sv_err_prefix(err, rc, "%s/%s", spec->vnet, spec->name);
}

int sv_xen_snapshot(struct sv_vnode_driver *drv, const char *vnet, const char *name, FILE *file,
		    struct sv_err *err)
{
	_cleanup_(original_fini) struct original o = { 0 };
	int rc = original_open(&o, drv, vnet, name, err), fd;
	cJSON *reply = NULL;

	if (rc)
		return rc;
	fd = fflush(file) ? -1 : fileno(file);
	if (fd < 0)
		return sv_err_set(err, -EINVAL, "a domain's memory goes to a file");
	rc = ask(drv, "checkpoint", &o, sv_xen_saving(&o.spec, &o.record), fd, &reply, err);
	cJSON_Delete(reply);
	return rc ? sv_err_prefix(err, rc, "%s/%s", vnet, name) : 0;
}
