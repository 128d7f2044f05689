/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A running domain to or from another host. The stream is svnet-xl's (agent/xl/migrate.c); whose
 * the domain is, the agents decide. It has its MACs there, its host's name in its own, and another
 * UUID.
 */
#include <errno.h>
#include <string.h>

#include "xen.h"

/* ---- away ---- */

int sv_xen_check_movable(const struct sv_vnode_spec *spec, const struct sv_xen_record *record,
			 struct sv_err *err)
{
	cJSON *xen = sv_xen_parse(spec);
	bool shared = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(xen, "shared_disks"));
	int disks = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(xen, "disks"));
	int devices = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(xen, "pci"));

	cJSON_Delete(xen);
	if (devices)
		return sv_err_set(err, -EINVAL,
				  "a domain with PCI devices cannot move: they stay here");
	if (cJSON_GetArraySize(record->disks))
		return sv_err_set(err, -EINVAL,
				  "it has disks that were copied for it here, which do not move");
	if (disks && !shared)
		return sv_err_set(err, -EINVAL,
				  "its disks do not move with it: when they are the same on the "
				  "other host, say \"shared_disks\": true in its \"xen\"");
	return 0;
}

static int check_state(struct sv_vnode_driver *drv, const struct sv_xen_record *record,
		       struct sv_err *err)
{
	char state[16];
	int rc = sv_xen_state(drv, record, state, err);

	if (rc || !strcmp(state, "running"))
		return rc;
	return sv_err_set(err, -EBUSY, "it is %s: only what runs can move", state);
}

/* A helper that was killed may have given it away before. */
static int ask_to_send(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		       const struct sv_xen_record *record, int fd, uint32_t *pause_ms,
		       struct sv_err *err)
{
	cJSON *reply = NULL;
	int rc = sv_xen_ask(drv, "send", sv_xen_saving(spec, record), fd, sv_xen_patience(spec),
			    &reply, err);

	*pause_ms = sv_xen_num(reply, "pause_ms");
	cJSON_Delete(reply);
	return rc == -EPIPE || rc == -ETIMEDOUT ? -EINPROGRESS : rc;
}

int sv_xen_send(struct sv_vnode_driver *drv, const char *vnet, const char *name, int fd,
		uint32_t *pause_ms, struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, &spec, err);

	*pause_ms = 0;
	if (rc)
		return rc;
	rc = sv_xen_check_movable(&spec, &record, err);
	rc = rc ?: check_state(drv, &record, err);
	rc = rc ?: ask_to_send(drv, &spec, &record, fd, pause_ms, err);
	return sv_vn_fail(&vn, rc, err);
}

int sv_xen_stay(struct sv_vnode_driver *drv, const char *vnet, const char *name, struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, vnet, name, &record, NULL, err);

	if (rc)
		return rc;
	return sv_vn_fail(&vn,
			  sv_xen_ask_about(drv, "recover", record.uuid, SV_XEN_RECOVER_MS, err),
			  err);
}

/* ---- here ---- */

static cJSON *coming(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		     const struct sv_xen_record *record)
{
	const struct sv_xen *xen = drv->priv;
	cJSON *request = cJSON_CreateObject();

	cJSON_AddItemToObject(request, "domain",
			      sv_xen_domain(spec, record->uuid, drv->host, xen->helper));
	return request;
}

int sv_xen_expect(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	struct sv_xen_record record = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_prepare(&vn, drv, spec, &record, err);

	if (rc)
		return rc;
	rc = sv_xen_check(&vn, drv, spec, err);
	rc = rc
		     ?: sv_xen_ask(drv, "room", coming(drv, spec, &record), -1, SV_XEN_QUICK_MS,
				   NULL, err);
	if (rc)
		sv_xen_tear_down(&vn, drv, NULL);
	return sv_vn_fail(&vn, rc, err);
}

int sv_xen_receive(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec, int fd,
		   struct sv_err *err)
{
	_cleanup_(sv_xen_record_fini) struct sv_xen_record record = { 0 };
	struct sv_vn vn;
	int rc = sv_xen_open(&vn, drv, spec->vnet, spec->name, &record, NULL, err);

	if (rc)
		return rc;
	rc = sv_xen_ask(drv, "receive", coming(drv, spec, &record), fd, sv_xen_patience(spec), NULL,
			err);
	rc = rc ?: sv_vn_save_spec(&vn, spec, err);
	if (rc)
		sv_xen_tear_down(&vn, drv, NULL);
	return sv_vn_fail(&vn, rc, err);
}
