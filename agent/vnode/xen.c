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

enum { CREATE_MS = 60000 };

/* ---- destroy ---- */

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
	int load = sv_xen_load(vn, &record), load_spec = sv_vn_load_spec(vn, &spec);
	int rc = sv_vn_unread(vn, load, err) ?: sv_vn_unread(vn, load_spec, err);

	/* Without Xen its domain went with the Xen that had it. */
	if (!rc && !load && sv_xen_host_is(drv))
		rc = sv_xen_ask_about(drv, "destroy", record.uuid, SV_XEN_DESTROY_MS, err);
	if (!rc && !load_spec)
		rc = sv_xen_net_wait_gone(&spec, err);
	rc = rc ?: sv_xen_remove_disks(record.disks, err);
	if (!rc)
		remove_folder(vn);
	return rc;
}

static int xen_destroy(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	return rc ?: sv_vn_fail(&vn, sv_xen_tear_down(&vn, drv, err), err);
}

/* ---- define ---- */

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
	int rc = sv_vn_init(vn, drv, spec->vnet, spec->name, err);

	if (rc)
		return rc;
	if (sv_vn_has(vn, "spec.json"))
		return sv_vn_fail(vn, sv_err_set(err, -EEXIST, "it exists already"), err);
	rc = xen->why[0] ? sv_err_set(err, -ENODEV, "%s", xen->why) : 0;
	rc = rc ?: sv_xen_tear_down(vn, drv, err);
	rc = rc ?: sv_xen_net_check_free(spec, err);
	rc = rc ?: sv_vn_mkdir(vn, err);
	sv_xen_uuid(record->uuid);
	rc = rc ?: sv_xen_save(vn, record, err);
	return sv_vn_fail(vn, rc, err);
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
	rc = rc ?: sv_vn_save_spec(&vn, spec, err);
	if (rc)
		sv_xen_tear_down(&vn, drv, NULL);
	return sv_vn_fail(&vn, rc, err);
}

/* ---- again ---- */

/* A new domain in the place of the old one, paused. The folder stays: it is the same VNode. */
static int make_again(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		      const struct sv_vnode_spec *was, const struct sv_vnode_spec *spec,
		      struct sv_xen_record *record, struct sv_err *err)
{
	int rc = sv_xen_ask_about(drv, "destroy", record->uuid, SV_XEN_DESTROY_MS, err);

	rc = rc ?: sv_xen_net_wait_gone(was, err);
	rc = rc ?: sv_xen_net_check_free(spec, err);
	if (rc)
		return rc;
	sv_xen_uuid(record->uuid);
	record->started = false;
	rc = sv_xen_save(vn, record, err);
	rc = rc ?: sv_xen_create(vn, drv, spec, record, err);
	return rc ?: sv_vn_save_spec(vn, spec, err);
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
			sv_xen_told(state), spec->vnet, spec->name);
	if (record->restarts && since < wait) {
		sv_xen_event_in(drv, wait - since);
		return sv_err_set(err, -EAGAIN, "%s again: restart %u in %llu s",
				  sv_xen_told(state), record->restarts + 1,
				  (unsigned long long)(wait - since));
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
		       ?: sv_err_set(err, -EAGAIN, "%s: made anew, restart %u", sv_xen_told(state),
				     record->restarts);
}

/* ---- update ---- */

static int set_sched(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		     const char *uuid, bool pin, struct sv_err *err)
{
	cJSON *request = sv_xen_about(uuid), *xen = sv_xen_parse(spec);

	cJSON_AddNumberToObject(request, "weight", sv_xen_weight(spec->tier, spec->cpu_weight));
	cJSON_AddNumberToObject(request, "cap", sv_xen_num(xen, "cap"));
	if (pin)
		cJSON_AddStringToObject(request, "cpus", sv_xen_str(xen, "cpus"));
	cJSON_Delete(xen);
	return sv_xen_ask(drv, "sched", request, -1, SV_XEN_QUICK_MS, NULL, err);
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
	return rc ?: sv_vn_save_spec(vn, spec, err);
}

static int change(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		  const struct sv_vnode_spec *was, const struct sv_vnode_spec *spec,
		  struct sv_xen_record *record, struct sv_err *err)
{
	const char *fixed = sv_xen_fixed(was, spec);
	uint32_t domid;
	char state[16];
	int rc = sv_xen_look(drv, record, state, &domid, err);

	if (rc)
		return rc;
	if (!strcmp(state, "moving"))
		return sv_err_set(err, -EBUSY, "it is on its way to another host");
	if (sv_xen_is_dead(state))
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
	return sv_vn_fail(&vn, rc, err);
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
	rc = rc ?: sv_vn_save_spec(&vn, &spec, err);
	return sv_vn_fail(&vn, rc, err);
}

/* ---- start, stop, pause, resume ---- */

static int start_domain(const struct sv_vn *vn, struct sv_vnode_driver *drv,
			struct sv_xen_record *record, struct sv_err *err)
{
	int rc = sv_xen_ask_about(drv, "unpause", record->uuid, SV_XEN_QUICK_MS, err);

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
	if (!rc && sv_xen_is_dead(state)) {
		record.restarts = 0;
		rc = make_again(&vn, drv, &spec, &spec, &record, err);
	} else {
		rc = rc ?: start_domain(&vn, drv, &record, err);
	}
	return sv_vn_fail(&vn, rc, err);
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
		return sv_vn_fail(&vn, rc, err);
	request = sv_xen_about(record.uuid);
	cJSON_AddNumberToObject(request, "patience_ms", patience);
	rc = sv_xen_ask(drv, "shutdown", request, -1, patience + SV_XEN_DESTROY_MS, NULL, err);
	rc = rc ?: make_again(&vn, drv, &spec, &spec, &record, err);
	return sv_vn_fail(&vn, rc, err);
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
	rc = sv_xen_ask_about(drv, "pause", record.uuid, SV_XEN_QUICK_MS, err);
	if (!rc && !record.started) {
		record.started = true;
		rc = sv_xen_save(&vn, &record, err);
	}
	return sv_vn_fail(&vn, rc, err);
}

static int xen_resume(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err);

	return rc ?: sv_vn_fail(&vn, start_domain(&vn, drv, &record, err), err);
}

/* ---- console ---- */

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
	.folder = "xen",
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
	.status = sv_xen_status,
	.list = sv_xen_list,
	.exec = xen_exec,
	.console = xen_console,
	.send = sv_xen_send,
	.stay = sv_xen_stay,
	.expect = sv_xen_expect,
	.receive = sv_xen_receive,
	.event_fd = sv_xen_event_fd,
	.event_drain = sv_xen_event_drain,
};
