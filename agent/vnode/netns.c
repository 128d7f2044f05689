/* SPDX-License-Identifier: GPL-2.0-only */
/* The namespace driver: a VNode is network, mount, PID and UTS namespaces, a cgroup and
 * a program. */
#include "netns.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"

static int netns_open(struct sv_vnode_driver *drv, struct sv_err *err)
{
	if (!drv->host[0] || drv->run_dir[0] != '/' || drv->log_dir[0] != '/')
		return sv_err_set(err, -EINVAL, "a host name and absolute folders are needed");
	return 0;
}

static void netns_close(struct sv_vnode_driver *drv)
{
	(void)drv;
}

/* ---- destroy ---- */

static int netns_destroy(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			 struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	return sv_vn_fail(&vn, sv_shell_tear_down(&vn, err), err);
}

/* ---- define ---- */

static int make(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	_cleanup_close_ int netns = sv_shell_make(vn, spec, err);
	int rc;

	if (netns < 0)
		return netns;
	rc = sv_config_apply(vn, netns, NULL, spec, err);
	rc = rc ?: sv_shell_place_receive_work(vn, spec, spec->tier, err);
	return rc ?: sv_vn_save_spec(vn, spec, err);
}

static int netns_define(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
			struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_shell_prepare(&vn, drv, spec, err);

	return rc ?: sv_shell_finish(&vn, make(&vn, spec, err), err);
}

/* ---- update ---- */

static int restart_program(const struct sv_vn *vn, struct sv_err *err)
{
	struct sv_keeper_status status;
	int rc;

	if (sv_keeper_status(vn, &status) || !status.wanted)
		return 0;
	rc = sv_keeper_tell(vn, "stop", err);
	return rc ?: sv_keeper_tell(vn, "start", err);
}

static int update_around(const struct sv_vn *vn, const struct sv_vnode_spec *from,
			 const struct sv_vnode_spec *to, struct sv_err *err)
{
	enum sv_tier tier = to->tier;
	int rc;

	rc = sv_cgroup_move(vn, tier, to->cpu_weight, err);
	rc = rc ?: sv_shell_place_receive_work(vn, to, tier, err);
	if (rc || sv_strv_same(from->program, to->program))
		return rc;
	rc = sv_shell_save_program(vn, to, err);
	return rc ?: restart_program(vn, err);
}

/* A port that somebody renamed gets its name again, with all that is on it. -EAGAIN then. */
static int name_back(const struct sv_vnode_iface *iface, int netns, struct sv_err *err)
{
	char now[IFNAMSIZ];
	int rc;

	if (sv_link_exists(iface->port) || sv_link_peer(netns, iface->name, now))
		return 0;
	rc = sv_link_rename(now, iface->port);
	if (rc)
		return sv_err_set(err, rc,
				  "%s: its port %s was renamed %s, and cannot be named back: %s",
				  iface->name, iface->port, now, strerror(-rc));
	return sv_err_set(err, -EAGAIN, "%s: its port %s was renamed %s: named back", iface->name,
			  iface->port, now);
}

static int name_all_back(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
			 struct sv_err *err)
{
	_cleanup_close_ int netns = sv_keeper_netns(vn, NULL, err);
	int rc = netns < 0 ? netns : 0;

	for (size_t i = 0; i < spec->n_iface && !rc; i++)
		rc = name_back(&spec->iface[i], netns, err);
	return rc;
}

/* A device that somebody deleted is made again, with what it had. */
static void forget_lost(struct sv_vnode_spec *from)
{
	size_t i, n = 0;

	for (i = 0; i < from->n_iface; i++) {
		struct sv_vnode_iface lost = from->iface[i];

		if (sv_link_exists(lost.port)) {
			from->iface[i] = from->iface[n];
			from->iface[n++] = lost;
		}
	}
	for (i = n; i < from->n_iface; i++)
		sv_strv_free(from->iface[i].addresses);
	from->n_iface = n;
}

/* `from` is how it is. On failure it is that again, as far as it goes. */
static int change(const struct sv_vn *vn, const struct sv_vnode_spec *from,
		  const struct sv_vnode_spec *to, struct sv_err *err)
{
	_cleanup_close_ int netns = sv_keeper_netns(vn, NULL, err);
	int rc;

	if (netns < 0)
		return netns;
	rc = sv_spec_check(to, err);
	rc = rc ?: sv_shell_claim_ports(vn, from, to, err);
	if (rc)
		return rc;
	rc = sv_config_apply(vn, netns, from, to, err);
	rc = rc ?: update_around(vn, from, to, err);
	rc = rc ?: sv_vn_save_spec(vn, to, err);
	if (!rc)
		return sv_shell_claim_ports(vn, to, to, err);
	sv_config_apply(vn, netns, to, from, NULL);
	update_around(vn, to, from, NULL);
	return rc;
}

static int netns_update(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
			struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec from = { 0 };
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, spec->vnet, spec->name, err);

	if (rc)
		return rc;
	rc = sv_shell_load_spec(&vn, &from, err);
	rc = rc ?: name_all_back(&vn, &from, err);
	if (!rc)
		forget_lost(&from);
	rc = rc ?: change(&vn, &from, spec, err);
	return sv_vn_fail(&vn, rc, err);
}

static int netns_snapshot(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			  FILE *file, struct sv_err *err)
{
	_cleanup_close_ int netns = -1;
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	netns = sv_keeper_netns(&vn, NULL, err);
	rc = netns < 0 ? netns : sv_snapshot_write(&vn, netns, file, err);
	return sv_vn_fail(&vn, rc, err);
}

/* ---- start, stop, pause, resume ---- */

static int tell(struct sv_vnode_driver *drv, const char *vnet, const char *name, const char *what,
		struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	rc = sv_shell_check(&vn, err);
	if (!rc && sv_cgroup_frozen(&vn))
		rc = sv_err_set(err, -EBUSY, "%s: it is paused; resume it first", what);
	rc = rc ?: sv_keeper_tell(&vn, what, err);
	return sv_vn_fail(&vn, rc, err);
}

static int netns_start(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	return tell(drv, vnet, name, "start", err);
}

static int netns_stop(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_err *err)
{
	return tell(drv, vnet, name, "stop", err);
}

static int freeze(struct sv_vnode_driver *drv, const char *vnet, const char *name, bool frozen,
		  struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	rc = sv_shell_check(&vn, err);
	rc = rc ?: sv_cgroup_freeze(&vn, frozen, err);
	return sv_vn_fail(&vn, rc, err);
}

static int netns_pause(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	return freeze(drv, vnet, name, true, err);
}

static int netns_resume(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			struct sv_err *err)
{
	return freeze(drv, vnet, name, false, err);
}

static int netns_set_tier(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			  enum sv_tier tier, struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	rc = sv_shell_load_spec(&vn, &spec, err);
	rc = rc ?: sv_cgroup_move(&vn, tier, spec.cpu_weight, err);
	rc = rc ?: sv_shell_place_receive_work(&vn, &spec, tier, err);
	spec.tier = tier;
	rc = rc ?: sv_vn_save_spec(&vn, &spec, err);
	return sv_vn_fail(&vn, rc, err);
}

static int netns_exec(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      char *const argv[], const int fds[3], pid_t *pid, struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	if (sv_cgroup_frozen(&vn))
		rc = sv_err_set(err, -EBUSY, "it is paused; resume it first");
	rc = rc ?: sv_exec_in(&vn, argv, fds, pid, err);
	return sv_vn_fail(&vn, rc, err);
}

const struct sv_vnode_driver_ops sv_vnode_netns = {
	.name = "netns",
	.folder = "vnode",
	.open = netns_open,
	.close = netns_close,
	.define = netns_define,
	.clone = sv_netns_clone,
	.update = netns_update,
	.start = netns_start,
	.stop = netns_stop,
	.pause = netns_pause,
	.resume = netns_resume,
	.snapshot = netns_snapshot,
	.set_tier = netns_set_tier,
	.destroy = netns_destroy,
	.status = sv_netns_status,
	.list = sv_netns_list,
	.exec = netns_exec,
};
