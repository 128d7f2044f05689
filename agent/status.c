// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "agent.h"
#include "gate.h"
#include "json.h"
#include "link.h"

cJSON *sv_status_counter(const struct sv_counter *counter)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddNumberToObject(item, "packets", counter->packets);
	cJSON_AddNumberToObject(item, "bytes", counter->bytes);
	return item;
}

static void add_device_name(cJSON *item, const char *member, __u32 ifindex)
{
	char name[16];

	if (!sv_link_name(ifindex, name))
		snprintf(name, sizeof(name), "#%u", ifindex);
	cJSON_AddStringToObject(item, member, name);
}

/* ---- ports ---- */

static const char *role_name(enum sv_port_role role)
{
	static const char *const names[] = { "none", "trunk", "edge", "vnode", "export" };

	return role <= SV_ROLE_EXPORT ? names[role] : "?";
}

static cJSON *port_json(struct agent *agent, const struct sv_port_info *info)
{
	static const char *const xdp[] = { "none", "link", "dispatcher" };
	static const char *const tc[] = { "none", "tcx", "clsact" };
	cJSON *port = cJSON_CreateObject(), *counters;
	struct sv_link_info link = { 0 };
	struct sv_dcount count = { 0 };

	add_device_name(port, "name", info->ifindex);
	cJSON_AddStringToObject(port, "role", role_name(info->role));
	cJSON_AddStringToObject(port, "xdp", xdp[info->xdp]);
	cJSON_AddStringToObject(port, "tc", tc[info->tc]);
	if (info->ifname[0])
		sv_link_get(agent->link, info->ifname, &link, NULL);
	cJSON_AddBoolToObject(port, "up", link.up && link.carrier);
	counters = cJSON_AddObjectToObject(port, "counters");
	sv_dcount_get(agent->plane, info->ifindex, &count, NULL);
	for (int i = 0; i < SV_DEV__COUNT; i++)
		cJSON_AddNumberToObject(counters, sv_dev_name(i), count.r[i]);
	return port;
}

static int add_ports(struct agent *agent, cJSON *status, struct sv_err *err)
{
	cJSON *ports = cJSON_AddArrayToObject(status, "ports");
	struct sv_port_info *info = NULL;
	size_t n = 0;
	int rc = sv_port_list(agent->plane, &info, &n, err);

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(ports, port_json(agent, &info[i]));
	free(info);
	return rc;
}

/* ---- attachments ---- */

static const struct sv_host_attach *wanted(const struct agent *agent, const char *port, __u16 vlan)
{
	__u32 name = sv_names_find(&agent->names, port);

	for (size_t i = 0; name && i < agent->desired.n_attach; i++) {
		const struct sv_host_attach *attach = &agent->desired.attach[i];

		if (attach->spec.key.ifindex == name && attach->spec.key.vlan == vlan)
			return attach;
	}
	return NULL;
}

static cJSON *attachment_json(struct agent *agent, const struct sv_attach_spec *spec)
{
	cJSON *item = cJSON_CreateObject(), *counters;
	const struct sv_host_attach *attach;
	struct sv_count count = { 0 };

	add_device_name(item, "port", spec->key.ifindex);
	attach = wanted(agent, sv_obj_string(item, "port"), spec->key.vlan);
	cJSON_AddNumberToObject(item, "vlan", spec->key.vlan);
	cJSON_AddStringToObject(item, "vnet", attach ? attach->vnet : "");
	cJSON_AddStringToObject(item, "segment", attach ? attach->segment : "");
	cJSON_AddNumberToObject(item, "id", spec->val.id);
	cJSON_AddStringToObject(item, "datapath", spec->val.flags & SV_ATTACH_XDP ? "xdp" : "tc");
	cJSON_AddStringToObject(item, "why", attach ? attach->why : "not wanted any more");
	counters = cJSON_AddObjectToObject(item, "counters");
	sv_count_get(agent->plane, spec->val.id, &count, NULL);
	for (int i = 0; i < SV_REASON__COUNT; i++)
		cJSON_AddItemToObject(counters, sv_reason_name(i), sv_status_counter(&count.r[i]));
	return item;
}

static int add_attachments(struct agent *agent, cJSON *status, struct sv_err *err)
{
	cJSON *list = cJSON_AddArrayToObject(status, "attachments");
	struct sv_attach_spec *specs = NULL;
	size_t n = 0;
	int rc = sv_attach_list(agent->plane, &specs, &n, err);

	for (size_t i = 0; i < n; i++) {
		cJSON_AddItemToArray(list, attachment_json(agent, &specs[i]));
		sv_attach_spec_fini(&specs[i]);
	}
	free(specs);
	return rc;
}

/* Row 0 of the counters: frames of VNode ports that had no attachment. */
static void add_unattached(struct agent *agent, cJSON *status)
{
	cJSON *counters = cJSON_AddObjectToObject(status, "unattached");
	struct sv_count count = { 0 };

	sv_count_get(agent->plane, 0, &count, NULL);
	for (int i = 0; i < SV_REASON__COUNT; i++)
		if (count.r[i].packets)
			cJSON_AddItemToObject(counters, sv_reason_name(i),
					      sv_status_counter(&count.r[i]));
}

/* ---- groups ---- */

/* 64 bits do not fit into JSON's numbers. */
static void add_words(cJSON *item, const __u64 word[2])
{
	cJSON *words = cJSON_AddArrayToObject(item, "word");
	char text[24];

	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "0x%016" PRIx64, (uint64_t)word[i]);
		cJSON_AddItemToArray(words, cJSON_CreateString(text));
	}
}

static void add_members(const struct agent *agent, cJSON *item, int group)
{
	cJSON *members = cJSON_AddObjectToObject(item, "members");

	for (size_t i = 0; i < agent->net->n_vnet; i++)
		if (agent->net->vnet[i].group == group)
			cJSON_AddNumberToObject(members, agent->net->vnet[i].name,
						agent->net->vnet[i].role);
}

static cJSON *group_json(struct agent *agent, const struct sv_host_group *group)
{
	const cJSON *armed = sv_obj_get(sv_obj_get(agent->report, "armed"), group->name);
	cJSON *item = cJSON_CreateObject(), *seen_json;
	struct sv_gate_seen seen = { 0 };
	const char *live = NULL;
	__u64 word[2] = { 0 };
	size_t i;

	for (i = 0; i < agent->net->n_group; i++)
		if (!strcmp(agent->net->group[i].name, group->name))
			break;
	if (i < agent->net->n_group)
		live = sv_gate_live(agent, i);
	cJSON_AddStringToObject(item, "name", group->name);
	cJSON_AddItemToObject(item, "live", live ? cJSON_CreateString(live) : cJSON_CreateNull());
	cJSON_AddBoolToObject(item, "edge", group->edge);
	cJSON_AddNumberToObject(item, "slot", group->slot);
	add_members(agent, item, i);
	sv_gate_get(agent->plane, group->slot, word, NULL);
	add_words(item, word);
	sv_gate_seen(agent->plane, group->slot, &seen, NULL);
	seen_json = cJSON_AddObjectToObject(item, "seen");
	cJSON_AddNumberToObject(seen_json, "role", seen.role);
	cJSON_AddNumberToObject(seen_json, "at_ns", seen.at_ns);
	if (armed)
		cJSON_AddItemToObject(item, "armed", cJSON_Duplicate(armed, 1));
	return item;
}

cJSON *sv_status_groups(struct agent *agent, const char *only)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; agent->net && i < agent->desired.n_group; i++)
		if (!only || !strcmp(only, agent->desired.group[i].name))
			cJSON_AddItemToArray(list, group_json(agent, &agent->desired.group[i]));
	return list;
}

/* ---- VNodes ---- */

static cJSON *vnode_json(struct agent *agent, const struct sv_vnode_status *status)
{
	static const char *const states[] = { "absent", "defined", "running",
					      "paused", "failed",  "moving" };
	static const char *const tiers[] = { "production", "shadow", "monitor" };
	cJSON *item = cJSON_CreateObject();
	const cJSON *notes;
	char name[80];

	snprintf(name, sizeof(name), "%s/%s", status->vnet, status->name);
	cJSON_AddStringToObject(item, "name", name);
	cJSON_AddStringToObject(item, "driver", status->driver);
	cJSON_AddStringToObject(item, "state", states[status->state]);
	cJSON_AddStringToObject(item, "tier", tiers[status->tier]);
	cJSON_AddNumberToObject(item, "pid", status->pid);
	cJSON_AddNumberToObject(item, "restarts", status->restarts);
	cJSON_AddStringToObject(item, "note", status->note);
	if (status->detail[0])
		cJSON_AddItemToObject(item, status->driver, cJSON_Parse(status->detail));
	notes = sv_obj_get(sv_obj_get(agent->report, "notes"), name);
	if (notes)
		cJSON_AddItemToObject(item, "not_copied", cJSON_Duplicate(notes, 1));
	return item;
}

cJSON *sv_status_vnodes(struct agent *agent)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t d = 0; d < agent->n_driver; d++) {
		struct sv_vnode_driver *drv = &agent->driver[d];
		struct sv_vnode_status *status = NULL;
		size_t n = 0;

		drv->ops->list(drv, &status, &n, NULL); /* on failure: what could be read */
		for (size_t i = 0; i < n; i++) {
			cJSON_AddItemToArray(list, vnode_json(agent, &status[i]));
			free(status[i].spec_json);
		}
		free(status);
	}
	return list;
}

/* ---- all of it ---- */

static const char *event_name(const struct sv_event *event)
{
	static const char *const names[] = {
		[SV_EVENT_GATE] = "gate",
		[SV_EVENT_GUARD] = "guard",
		[SV_EVENT_BUDGET] = "budget",
	};

	return event->type <= SV_EVENT_BUDGET && names[event->type] ? names[event->type] : "?";
}

static void add_events(const struct agent *agent, cJSON *status)
{
	cJSON *list = cJSON_AddArrayToObject(status, "events");
	size_t first = agent->n_event > SV_AGENT_EVENTS ? agent->n_event - SV_AGENT_EVENTS : 0;

	for (size_t i = first; i < agent->n_event; i++) {
		const struct sv_event *event = &agent->event[i % SV_AGENT_EVENTS];
		cJSON *item = cJSON_CreateObject();

		cJSON_AddStringToObject(item, "type", event_name(event));
		cJSON_AddNumberToObject(item, "at_ns", event->at_ns);
		cJSON_AddNumberToObject(item, event->type == SV_EVENT_BUDGET ? "session" : "slot",
					event->group);
		cJSON_AddNumberToObject(item, "role", event->role);
		cJSON_AddNumberToObject(item, "attachment", event->attach);
		cJSON_AddItemToArray(list, item);
	}
}

static uint64_t store_revision(struct agent *agent)
{
	_cleanup_json_ cJSON *doc = NULL;
	uint64_t revision = 0;

	agent->store.ops->get(&agent->store, &doc, &revision, NULL);
	return revision;
}

cJSON *sv_status(struct agent *agent, struct sv_err *err)
{
	_cleanup_json_ cJSON *status = cJSON_CreateObject();
	const cJSON *errors = sv_obj_get(agent->report, "errors");
	int rc;

	cJSON_AddStringToObject(status, "host", agent->opt.host);
	cJSON_AddNumberToObject(status, "revision", agent->applied);
	cJSON_AddNumberToObject(status, "store_revision", store_revision(agent));
	cJSON_AddItemToObject(status, "errors",
			      errors ? cJSON_Duplicate(errors, 1) : cJSON_CreateArray());
	rc = add_ports(agent, status, err);
	if (!rc)
		rc = add_attachments(agent, status, err);
	if (rc)
		return NULL;
	add_unattached(agent, status);
	cJSON_AddItemToObject(status, "copies", sv_status_copies(agent));
	cJSON_AddItemToObject(status, "sessions", sv_status_sessions(agent));
	cJSON_AddItemToObject(status, "groups", sv_status_groups(agent, NULL));
	cJSON_AddItemToObject(status, "vnodes", sv_status_vnodes(agent));
	add_events(agent, status);
	return TAKE_PTR(status);
}
