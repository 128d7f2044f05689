// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "agent.h"
#include "export.h"
#include "json.h"
#include "link.h"
#include "loader/cleanup.h"
#include "log.h"

/* Also those of a plane of another schema, and of VNodes that others run. */
static int ports_down(struct agent *agent, struct sv_err *err)
{
	_cleanup_free_ struct sv_port_info *info = NULL;
	size_t n = 0;
	int rc = sv_port_list_pinned(agent->pin_dir, &info, &n, err);

	for (size_t i = 0; i < n && !rc; i++) {
		if (info[i].role != SV_ROLE_VNODE || !info[i].ifname[0])
			continue;
		rc = sv_link_set_up(agent->link, info[i].ifindex, info[i].ifname, false, err);
		rc = rc == -ENODEV ? 0 : rc;
	}
	return rc;
}

static int destroy_vnodes(struct sv_vnode_driver *drv, struct sv_err *err)
{
	struct sv_vnode_status *status = NULL;
	size_t n = 0;
	int rc;

	rc = drv->ops->list(drv, &status, &n, err);
	for (size_t i = 0; i < n; i++) {
		int failed = drv->ops->destroy(drv, status[i].vnet, status[i].name, err);

		rc = rc ? rc : failed;
		free(status[i].spec_json);
	}
	free(status);
	return rc;
}

/* Their devices, which no driver knows. */
static int drop_exports(struct agent *agent, struct sv_err *err)
{
	struct sv_host_export *pairs = NULL;
	size_t n = 0;
	int rc = sv_export_list(agent, &pairs, &n, err);

	for (size_t i = 0; i < n && !rc; i++)
		rc = sv_export_drop(agent, pairs[i].number, err);
	free(pairs);
	return rc;
}

static void remove_run_files(struct agent *agent)
{
	static const char *const files[] = { "state.json", "svnetd.sock", "svnetd.pid" };
	char path[160];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "%s/%s", agent->run_dir, files[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/vnode", agent->run_dir);
	rmdir(path);
	rmdir(agent->run_dir);
}

/* The others need not wait for us any more. */
static void report_purged(struct agent *agent)
{
	_cleanup_json_ cJSON *report = cJSON_CreateObject();
	struct sv_err err;

	cJSON_AddTrueToObject(report, "purged");
	if (sv_store_open(&agent->store, agent->opt.store, &err)) {
		sv_log_error("report: %s", err.text);
		return;
	}
	if (agent->store.ops->report(&agent->store, agent->opt.host, report, &err))
		sv_log_error("report: %s", err.text);
}

/* VNodes go before the programs that keep shadows silent do. */
int sv_purge(struct agent *agent, struct sv_err *err)
{
	int rc = ports_down(agent, err), failed;

	if (rc)
		return rc;
	for (size_t i = 0; i < agent->n_driver; i++) {
		failed = destroy_vnodes(&agent->driver[i], err);
		rc = rc ? rc : failed;
	}
	if (rc)
		return rc;
	sv_plane_close(agent->plane);
	agent->plane = NULL;
	rc = drop_exports(agent, err);
	if (rc)
		return rc;
	rc = sv_plane_purge(agent->pin_dir, err);
	if (rc)
		return rc;
	report_purged(agent);
	remove_run_files(agent);
	sv_log_info("host %s: purged", agent->opt.host);
	return 0;
}
