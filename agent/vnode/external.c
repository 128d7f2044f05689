/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What something else runs, known by its devices: a guest of libvirt, a container, a plain
 * interface. The driver keeps its specification and nothing else.
 */
#include <errno.h>
#include <string.h>

#include "netns.h"

static int ext_open(struct sv_vnode_driver *drv, struct sv_err *err)
{
	(void)drv;
	(void)err;
	return 0;
}

static void ext_close(struct sv_vnode_driver *drv)
{
	(void)drv;
}

/* "" when every device is there. */
static const char *missing(const struct sv_vnode_spec *spec)
{
	size_t i;

	for (i = 0; i < spec->n_iface; i++)
		if (!sv_link_exists(spec->iface[i].port))
			return spec->iface[i].port;
	return "";
}

static int ext_put(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec, bool new,
		   struct sv_err *err)
{
	const char *port = missing(spec);
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, spec->vnet, spec->name, err);

	if (rc)
		return rc;
	if (new &&sv_vn_has(&vn, "spec.json"))
		rc = sv_err_set(err, -EEXIST, "it exists already");
	else if (port[0])
		rc = sv_err_set(err, -ENODEV, "there is no device %s; start what has it first",
				port);
	rc = rc ?: sv_vn_mkdir(&vn, err);
	rc = rc ?: sv_vn_save_spec(&vn, spec, err);
	return sv_vn_fail(&vn, rc, err);
}

static int ext_define(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		      struct sv_err *err)
{
	return ext_put(drv, spec, true, err);
}

static int ext_update(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		      struct sv_err *err)
{
	return ext_put(drv, spec, false, err);
}

static int ext_clone(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		     const char *source_vnet, const char *source_name, FILE *report,
		     struct sv_err *err)
{
	int rc = ext_put(drv, spec, true, err);

	if (!rc && report)
		fprintf(report, "%s/%s: nothing of %s/%s: what runs an external VNode clones it\n",
			spec->vnet, spec->name, source_vnet, source_name);
	return rc;
}

/* What something else runs, something else starts and stops. */
static int ext_leave(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		     struct sv_err *err)
{
	struct sv_vn vn;

	return sv_vn_init(&vn, drv, vnet, name, err);
}

static int ext_refuse(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_err *err)
{
	(void)drv;
	return sv_err_set(err, -ENOTSUP, "%s/%s is external: ask what runs it", vnet, name);
}

static int ext_snapshot(struct sv_vnode_driver *drv, const char *vnet, const char *name, FILE *file,
			struct sv_err *err)
{
	(void)file;
	return ext_refuse(drv, vnet, name, err);
}

static int ext_set_tier(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			enum sv_tier tier, struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	rc = sv_vn_load_spec(&vn, &spec);
	if (rc)
		return sv_vn_fail(&vn,
				  sv_err_set(err, rc, "what it was made from: %s", strerror(-rc)),
				  err);
	spec.tier = tier;
	return sv_vn_fail(&vn, sv_vn_save_spec(&vn, &spec, err), err);
}

static int ext_destroy(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (!rc)
		sv_vn_rmdir(&vn);
	return rc;
}

static int read_status(void *arg, const struct sv_vn *vn, struct sv_vnode_status *status)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	int rc = sv_vn_load_spec(vn, &spec);
	const char *port;

	(void)arg;
	if (rc)
		return rc;
	status->tier = spec.tier;
	port = missing(&spec);
	if (port[0])
		sv_vn_status_fail(status, "there is no device %s", port);
	else
		status->state = SV_VNODE_RUNNING;
	status->spec_json = TAKE_PTR(spec.json);
	return 0;
}

static int ext_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_vnode_status *status, struct sv_err *err)
{
	return sv_vn_status(drv, vnet, name, read_status, NULL, status, err);
}

static int ext_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		    struct sv_err *err)
{
	return sv_vn_list(drv, read_status, NULL, out, n, err);
}

static int ext_exec(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    char *const argv[], const int fds[3], pid_t *pid, struct sv_err *err)
{
	(void)argv;
	(void)fds;
	(void)pid;
	return ext_refuse(drv, vnet, name, err);
}

const struct sv_vnode_driver_ops sv_vnode_external = {
	.name = "external",
	.folder = "external",
	.open = ext_open,
	.close = ext_close,
	.define = ext_define,
	.clone = ext_clone,
	.update = ext_update,
	.start = ext_leave,
	.stop = ext_leave,
	.pause = ext_refuse,
	.resume = ext_refuse,
	.snapshot = ext_snapshot,
	.set_tier = ext_set_tier,
	.destroy = ext_destroy,
	.status = ext_status,
	.list = ext_list,
	.exec = ext_exec,
};
