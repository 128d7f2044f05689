// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "change.h"
#include "gate.h"
#include "json.h"
#include "methods.h"
#include "when.h"

void sv_method_gate(struct sv_call *call)
{
	struct agent *agent = call->arg;
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "host", agent->opt.host);
	cJSON_AddNumberToObject(result, "now_us", sv_gate_now_us());
	cJSON_AddItemToObject(result, "groups",
			      sv_status_groups(agent, sv_obj_string(call->params, "group")));
	sv_call_reply(call, result);
}

static bool has_vnet(const cJSON *doc, const char *group, const char *vnet)
{
	const cJSON *groups = sv_obj_get(sv_obj_get(doc, "alloc"), "groups");

	return sv_obj_get(sv_obj_get(sv_obj_get(groups, group), "roles"), vnet);
}

/*
 * prepare: is the other side ready? Every host of the network must stand where the store does,
 * without an error, or the one who is to be heard may not be complete.
 */
static int prepare(struct sv_change *change, const char *group, const char *to)
{
	_cleanup_json_ cJSON *reports = NULL;
	const cJSON *host;
	int rc;

	if (!has_vnet(change->doc, group, to))
		return sv_err_set(&change->err, -ENOENT, "group %s: there is no member %s", group,
				  to);
	if (sv_obj_true(change->params, "force"))
		return 0;
	rc = change->agent->store.ops->reports(&change->agent->store, &reports, &change->err);
	if (rc)
		return rc;
	cJSON_ArrayForEach (host, sv_obj_get(sv_obj_get(change->doc, "network"), "hosts")) {
		const cJSON *report = sv_obj_get(reports, host->string);
		const char *error =
			cJSON_GetStringValue(cJSON_GetArrayItem(sv_obj_get(report, "errors"), 0));

		if (!report || error)
			return sv_err_set(&change->err, -EBUSY,
					  "%s is not ready: host %s: %s (--force flips anyway)", to,
					  host->string, error ? error : "never reported");
		if (sv_obj_number(report, "revision", 0) < change->revision)
			return sv_err_set(&change->err, -EBUSY,
					  "%s is not ready: host %s has followed to revision %.0f "
					  "only, not to %llu; is its svnetd running? (--force "
					  "flips anyway)",
					  to, host->string, sv_obj_number(report, "revision", 0),
					  (unsigned long long)change->revision);
	}
	return 0;
}

static int parse_times(struct sv_change *change, struct sv_when *at, __u64 *until_us)
{
	const char *when = sv_obj_string(change->params, "at");
	const char *confirm = sv_obj_string(change->params, "confirm");
	__u64 now = sv_gate_now_us(), us = 0;
	int rc = 0;

	if (when)
		rc = sv_when_parse(when, sv_gate_wall_us(), now, at, &change->err);
	if (!rc && confirm)
		rc = sv_when_parse_duration(confirm, &us, &change->err);
	if (!rc && us)
		*until_us = (at->boot_us ?: now) + us;
	if (!rc && (at->boot_us > SV_GATE_AT_MAX || *until_us > SV_GATE_AT_MAX))
		rc = sv_err_set(&change->err, -EINVAL,
				"--at, --confirm: more than eight years from now");
	return rc;
}

static void say_which_boot(struct agent *agent, cJSON *record)
{
	double ahead = (double)sv_gate_wall_us() - sv_gate_now_us();

	sv_obj_set(record, "boot", cJSON_CreateString(sv_gate_boot(agent)));
	sv_obj_set(record, "wall_minus_boot_us", cJSON_CreateNumber(ahead));
}

/* The order as the agents find it; the wall-clock time is what each of them converts on its own. */
static int write_order(struct sv_change *change, const char *kind, const char *to,
		       const struct sv_when *at, __u64 until_us)
{
	const char *group = sv_obj_string(change->params, "group");
	const char *live = sv_gate_live_anywhere(change->agent, group);
	cJSON *record;
	int rc;

	rc = sv_doc_flip(change->doc, group, kind, to, live, at->boot_us, until_us, &change->err);
	if (rc)
		return rc;
	record = sv_obj_get(sv_obj_get(change->doc, "flips"), group);
	if (at->wall_us)
		sv_obj_set(record, "at_wall_us", cJSON_CreateNumber(at->wall_us));
	if (at->boot_us || until_us)
		say_which_boot(change->agent, record);
	cJSON_AddStringToObject(change->arg, "group", group);
	cJSON_AddNumberToObject(change->arg, "id", sv_obj_number(record, "id", 0));
	cJSON_AddStringToObject(change->arg, "kind", kind);
	if (sv_obj_string(record, "to"))
		cJSON_AddStringToObject(change->arg, "to", sv_obj_string(record, "to"));
	return 0;
}

static int mutate_flip(struct sv_change *change)
{
	const char *group = sv_obj_string(change->params, "group");
	const char *to = sv_obj_string(change->params, "to");
	struct sv_when at = { 0 };
	__u64 until_us = 0;
	int rc;

	rc = parse_times(change, &at, &until_us);
	if (!rc)
		rc = prepare(change, group, to);
	return rc ? rc : write_order(change, "flip", to, &at, until_us);
}

static int mutate_order(struct sv_change *change, const char *kind)
{
	struct sv_when now = { 0 };

	return write_order(change, kind, NULL, &now, 0);
}

static int mutate_confirm(struct sv_change *change)
{
	return mutate_order(change, "confirm");
}

static int mutate_rollback(struct sv_change *change)
{
	return mutate_order(change, "rollback");
}

static int mutate_hold(struct sv_change *change)
{
	return mutate_order(change, "hold");
}

/* {"group", "id", "kind", "to", "revision", "hosts": {host with an edge: {"map_updates", …}}} */
static cJSON *order_result(struct agent *agent, const cJSON *hosts, const cJSON *reports,
			   const cJSON *arg)
{
	const char *group = sv_obj_string(arg, "group");
	cJSON *result = cJSON_Duplicate(arg, 1), *armed_hosts;
	const cJSON *host;

	(void)agent;
	armed_hosts = cJSON_AddObjectToObject(result, "hosts");
	cJSON_ArrayForEach (host, hosts) {
		const cJSON *report = sv_obj_get(reports, host->string);
		const cJSON *armed = sv_obj_get(sv_obj_get(report, "armed"), group);

		if (armed && sv_obj_number(armed, "id", 0) == sv_obj_number(arg, "id", 0))
			cJSON_AddItemToObject(armed_hosts, host->string, cJSON_Duplicate(armed, 1));
	}
	return result;
}

void sv_method_flip(struct sv_call *call)
{
	if (sv_method_string(call, "group") && sv_method_string(call, "to"))
		sv_change_run(call, mutate_flip, order_result);
}

void sv_method_confirm(struct sv_call *call)
{
	if (sv_method_string(call, "group"))
		sv_change_run(call, mutate_confirm, order_result);
}

void sv_method_rollback(struct sv_call *call)
{
	if (sv_method_string(call, "group"))
		sv_change_run(call, mutate_rollback, order_result);
}

void sv_method_hold(struct sv_call *call)
{
	if (sv_method_string(call, "group"))
		sv_change_run(call, mutate_hold, order_result);
}
