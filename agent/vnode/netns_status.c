/* SPDX-License-Identifier: GPL-2.0-only */
/* How a namespace VNode does, and which there are. */
#include <errno.h>
#include <string.h>

#include "netns.h"

enum { FLAPPING = 5 }; /* quick ends in a row after which a program counts as failing */

static int take_program(const struct sv_vn *vn, struct sv_vnode_status *status)
{
	struct sv_keeper_status keeper;
	int rc = sv_keeper_status(vn, &keeper);

	if (rc == -ENOENT || rc == -EINVAL) {
		sv_vn_status_fail(status, "its keeper tells no status");
		return 0;
	}
	if (rc)
		return rc;
	status->restarts = keeper.restarts;
	status->state = keeper.wanted ? SV_VNODE_RUNNING : SV_VNODE_DEFINED;
	if (sv_cgroup_frozen(vn))
		status->state = SV_VNODE_PAUSED;
	else if (keeper.wanted && keeper.quick_exits >= FLAPPING)
		sv_vn_status_fail(status,
				  "its program does not stay up: %s, %u restarts; see its log",
				  keeper.last, keeper.restarts);
	return 0;
}

static int read_status(void *arg, const struct sv_vn *vn, struct sv_vnode_status *status)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	pid_t keeper = sv_keeper_pid(vn);
	int rc = keeper < 0 ? keeper : sv_vn_load_spec(vn, &spec);

	(void)arg;
	if (rc)
		return rc;
	status->tier = spec.tier;
	status->pid = keeper;
	if (!keeper) {
		sv_vn_status_fail(status, "its keeper is gone");
		return 0;
	}
	rc = take_program(vn, status);
	if (!rc)
		status->spec_json = TAKE_PTR(spec.json);
	return rc;
}

int sv_netns_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    struct sv_vnode_status *status, struct sv_err *err)
{
	return sv_vn_status(drv, vnet, name, read_status, NULL, status, err);
}

int sv_netns_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		  struct sv_err *err)
{
	return sv_vn_list(drv, read_status, NULL, out, n, err);
}
