/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What something else runs, known by its devices: a guest of libvirt, a container, a plain
 * interface. The driver keeps its specification and nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "netns.h"

/* Its folder is not the netns driver's, so that neither lists the other's. */
static int ext_init(struct sv_vn *vn, const struct sv_vnode_driver *drv, const char *vnet,
		    const char *name, struct sv_err *err)
{
	int rc = sv_vn_init(vn, drv, vnet, name, err);

	if (!rc)
		snprintf(vn->dir, sizeof(vn->dir), "%s/external/%s", drv->run_dir, vn->tag);
	return rc;
}

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

static void fill_names(struct sv_vnode_status *status, const struct sv_vn *vn)
{
	memset(status, 0, sizeof(*status));
	strcpy(status->vnet, vn->vnet);
	strcpy(status->name, vn->name);
	strcpy(status->driver, "external");
}

static int ext_load(const struct sv_vn *vn, struct sv_vnode_spec *spec)
{
	_cleanup_free_ char *text = sv_vn_read(vn, "spec.json");

	return text ? sv_spec_from_text(spec, text) : -ENOENT;
}

static int ext_save(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	_cleanup_free_ char *text = sv_spec_to_text(spec);
	int rc = sv_vn_mkdir(vn, err);

	if (rc)
		return rc;
	rc = text ? sv_vn_write(vn, "spec.json", text, strlen(text)) : -ENOMEM;
	return rc ? sv_err_set(err, rc, "%s/spec.json: %s", vn->dir, strerror(-rc)) : 0;
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
	int rc = ext_init(&vn, drv, spec->vnet, spec->name, err);

	if (rc)
		return rc;
	if (new &&sv_vn_has(&vn, "spec.json"))
		rc = sv_err_set(err, -EEXIST, "it exists already");
	else if (port[0])
		rc = sv_err_set(err, -ENODEV, "there is no device %s; start what has it first",
				port);
	rc = rc ?: ext_save(&vn, spec, err);
	return rc ? sv_err_prefix(err, rc, "%s/%s", spec->vnet, spec->name) : 0;
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

	return ext_init(&vn, drv, vnet, name, err);
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
	int rc = ext_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	if (ext_load(&vn, &spec))
		return sv_err_set(err, -ENOENT, "%s/%s: there is no such VNode", vnet, name);
	spec.tier = tier;
	return ext_save(&vn, &spec, err);
}

static int ext_destroy(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	struct sv_vn vn;
	int rc = ext_init(&vn, drv, vnet, name, err);

	if (!rc)
		sv_vn_rmdir(&vn);
	return rc;
}

static void ext_read(const struct sv_vn *vn, struct sv_vnode_status *status)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	const char *port;

	fill_names(status, vn);
	if (access(vn->dir, F_OK))
		return;
	status->state = SV_VNODE_FAILED;
	if (ext_load(vn, &spec)) {
		strcpy(status->note, "half-made");
		return;
	}
	status->tier = spec.tier;
	port = missing(&spec);
	if (port[0])
		snprintf(status->note, sizeof(status->note), "there is no device %s", port);
	else
		status->state = SV_VNODE_RUNNING;
	status->spec_json = TAKE_PTR(spec.json);
}

static int ext_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_vnode_status *status, struct sv_err *err)
{
	struct sv_vn vn;
	int rc = ext_init(&vn, drv, vnet, name, err);

	if (!rc)
		ext_read(&vn, status);
	return rc;
}

static int ext_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		    struct sv_err *err)
{
	struct sv_vnode_status *more;
	struct dirent *d;
	struct sv_vn vn;
	char path[128], vnet[32], name[32];
	DIR *dir;
	int rc = 0;

	*out = NULL;
	*n = 0;
	snprintf(path, sizeof(path), "%s/external", drv->run_dir);
	dir = opendir(path);
	while (dir && !rc && (d = readdir(dir))) {
		if (sv_vn_split(d->d_name, vnet, name) || ext_init(&vn, drv, vnet, name, NULL))
			continue;
		more = realloc(*out, (*n + 1) * sizeof(*more));
		if (!more) {
			rc = -ENOMEM;
			break;
		}
		*out = more;
		ext_read(&vn, &more[(*n)++]);
	}
	if (dir)
		closedir(dir);
	return rc ? sv_err_set(err, rc, "%s: %s", path, strerror(-rc)) : 0;
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
