// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "agent.h"
#include "export.h"
#include "gate.h"
#include "json.h"
#include "link.h"
#include "log.h"
#include "trouble.h"

enum { LOOK_AGAIN_MS = 100, LOOKS_MAX = 5 };

static void log_problems(struct agent *agent, const struct sv_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++)
		sv_report_error(agent, problems->line[i]);
}

/* The document, and the network that it means, unless we have just that already. */
static int read_document(struct agent *agent, struct sv_err *err)
{
	struct sv_problems problems = { 0 };
	_cleanup_json_ cJSON *doc = NULL;
	struct sv_net *net = NULL;
	uint64_t revision;
	int rc;

	rc = agent->store.ops->get(&agent->store, &doc, &revision, err);
	if (rc || (agent->net && revision == agent->revision))
		return rc;
	if (revision != agent->revision)
		agent->attempts = 0;
	if (!revision) {
		agent->revision = 0;
		return 0;
	}
	rc = sv_net_load(&net, doc, &problems, err);
	if (rc)
		log_problems(agent, &problems);
	sv_problems_fini(&problems);
	if (rc)
		return sv_err_prefix(err, rc, "revision %llu of the network cannot be used",
				     (unsigned long long)revision);
	sv_net_free(agent->net);
	cJSON_Delete(agent->doc);
	agent->net = net;
	agent->doc = TAKE_PTR(doc);
	agent->revision = revision;
	sv_state_forget_halted(agent);
	return 0;
}

/* Not in the network (any more): nothing is wanted here. */
static int compile(struct agent *agent, struct sv_host_state *desired, const struct sv_net *net,
		   struct sv_err *err)
{
	int rc = sv_host_compile(desired, &agent->names, net, agent->opt.host, err);

	if (rc != -ENOENT)
		return rc;
	*desired = (struct sv_host_state){ .names = &agent->names, .when_busy = SV_SHARE_DEFAULT };
	return 0;
}

static int make_plan(struct agent *agent, struct sv_plan *plan, struct sv_host_state *desired,
		     struct sv_host_state *actual, struct sv_err *err)
{
	int rc = sv_actual_read(agent, actual, desired, err);

	if (!rc)
		rc = sv_host_resolve(desired, actual, err);
	return rc ? rc : sv_plan_make(plan, desired, actual, err);
}

/* The rest of the host does not wait for a device that is not there; but it is said. */
static void report_missing(struct agent *agent)
{
	char text[96];

	for (size_t i = 0; i < agent->desired.n_port; i++) {
		enum sv_port_role role = agent->desired.port[i].role;

		/* What a VNode or an export lacks was said when it could not be made. */
		if (!agent->desired.port[i].missing || role == SV_ROLE_VNODE ||
		    role == SV_ROLE_EXPORT)
			continue;
		snprintf(text, sizeof(text), "port %s: no such device on this host",
			 sv_names_get(&agent->names, agent->desired.port[i].name));
		sv_report_error(agent, text);
	}
	for (size_t i = 0; i < agent->desired.n_session; i++) {
		const struct sv_host_session *session = &agent->desired.session[i];

		if (!session->missing || session->val.kind != SV_SESSION_RING)
			continue;
		snprintf(text, sizeof(text), "session %s: all %u sets of rings are taken",
			 session->name, SV_TAP_MAX);
		sv_report_error(agent, text);
	}
}

/* `work`: how many operations there were. */
static int attempt(struct agent *agent, struct sv_trouble *trouble, size_t *work,
		   struct sv_err *err)
{
	struct sv_host_state actual = { .names = &agent->names };
	struct sv_plan plan = { 0 };
	size_t done = 0;
	int rc;

	sv_host_state_fini(&agent->desired);
	sv_names_fini(&agent->names);
	agent->names = (struct sv_names){ 0 };
	agent->desired = (struct sv_host_state){ .names = &agent->names };
	sv_trouble_leave_out_sessions(trouble, agent->net);
	rc = compile(agent, &agent->desired, agent->net, err);
	if (rc)
		return rc;
	sv_gate_arm_early(agent);
	sv_trouble_leave_out(trouble, &agent->desired);
	/* A word that nothing else depends on: it needs no plan. */
	rc = sv_share_set(agent->plane, agent->desired.when_busy, err);
	rc = rc ?: sv_gate_set_tiers(agent, &agent->desired);
	if (!rc)
		rc = make_plan(agent, &plan, &agent->desired, &actual, err);
	if (!rc)
		rc = sv_apply_plan(agent, &plan, &agent->desired, &actual, &done, err);
	if (rc && done < plan.n)
		sv_trouble_blame(trouble, &agent->desired, &plan.op[done]);
	if (plan.n)
		sv_log_info("revision %llu: %zu of %zu operations done",
			    (unsigned long long)agent->revision, done, plan.n);
	*work += plan.n;
	sv_plan_fini(&plan);
	sv_host_state_fini(&actual);
	return rc;
}

/* What cannot be made is left out, one after the other. */
static int reconcile_once(struct agent *agent, size_t *work, struct sv_err *err)
{
	struct sv_trouble trouble = { 0 };
	int rc;

	for (;;) {
		trouble.more = false;
		rc = attempt(agent, &trouble, work, err);
		if (!trouble.more)
			break;
		sv_report_error(agent, err->text);
	}
	report_missing(agent);
	return rc;
}

static void on_retry(uv_timer_t *timer)
{
	sv_reconcile(timer->data);
}

/* How many ports have lost their device, which another one with its number would hide. */
static size_t ports_lost(const struct agent *agent)
{
	struct sv_port_info *info = NULL;
	size_t n = 0, lost = 0;

	if (sv_port_list(agent->plane, &info, &n, NULL))
		return 0;
	for (size_t i = 0; i < n; i++)
		lost += !info[i].ifname[0];
	free(info);
	return lost;
}

/* Our own work makes link events too: only a difference from what we left behind is news. */
static __u64 ports_now(const struct agent *agent)
{
	__u64 hash = 1469598103934665603ULL ^ ports_lost(agent);

	for (size_t i = 0; i < agent->desired.n_port; i++) {
		const char *device = sv_names_get(&agent->names, agent->desired.port[i].name);
		struct sv_link_info info = { 0 };

		sv_link_get(agent->link, device, &info, NULL);
		hash = (hash ^ (info.ifindex << 2 | info.carrier << 1 | info.up)) *
		       1099511628211ULL;
	}
	return hash;
}

bool sv_reconcile_ports_changed(const struct agent *agent)
{
	return ports_now(agent) != agent->ports;
}

static void on_export_timer(uv_timer_t *timer)
{
	sv_export_tick(timer->data);
}

static void watch_exports(struct agent *agent)
{
	if (!agent->desired.n_export)
		uv_timer_stop(agent->export_timer);
	else if (!uv_is_active((uv_handle_t *)agent->export_timer))
		uv_timer_start(agent->export_timer, on_export_timer, 0, 1000);
}

static void retry_later(struct agent *agent)
{
	unsigned int shift = agent->attempts < 6 ? agent->attempts : 6;

	agent->attempts++;
	uv_timer_start(agent->retry, on_retry, 500u << shift, 0);
}

/*
 * What came while the plan was made or carried out may have come too late for it, and its event
 * looks like our own work's: only a plan that finds nothing to do, and ports as they stay, is the
 * last. What there is always something to do about is looked at again no more than a few times.
 */
static void look_again(struct agent *agent, size_t work, __u64 before)
{
	bool failed = cJSON_GetArraySize(sv_obj_get(agent->report, "errors"));

	/* A plan may have taken long. */
	uv_update_time(agent->loop);
	if (agent->ports == before && (!work || failed))
		agent->looks = 0;
	else
		agent->looks++;
	if (!failed)
		agent->attempts = 0;
	if (agent->looks && agent->looks <= LOOKS_MAX)
		sv_agent_kick(agent, LOOK_AGAIN_MS);
	else if (failed)
		retry_later(agent);
}

void sv_reconcile(struct agent *agent)
{
	struct sv_err err = { 0 };
	size_t work = 0;
	__u64 before;
	int rc;

	if (agent->stopping)
		return;
	uv_timer_stop(agent->kick);
	uv_timer_stop(agent->retry);
	sv_obj_set(agent->report, "errors", cJSON_CreateArray());
	rc = read_document(agent, &err);
	before = ports_now(agent);
	if (!rc && agent->revision)
		rc = reconcile_once(agent, &work, &err);
	if (rc)
		sv_report_error(agent, err.text[0] ? err.text : strerror(-rc));
	else
		agent->applied = agent->revision;
	if (agent->net) {
		/* Whatever else failed: orders for a gate are carried out. */
		sv_gate_arm(agent);
		sv_gate_rearm(agent); /* the clock may have been stepped while nobody watched it */
		sv_reconcile_sessions(agent);
		sv_gate_schedule(agent);
		watch_exports(agent);
	}
	agent->ports = ports_now(agent);
	look_again(agent, work, before);
	sv_report_write(agent);
	sv_wait_check(agent);
}

int sv_reconcile_dry(struct agent *agent, const cJSON *doc, cJSON **texts,
		     struct sv_problems *problems, struct sv_err *err)
{
	struct sv_host_state desired = { 0 }, actual = { 0 };
	struct sv_names names = agent->names;
	struct sv_plan plan = { 0 };
	struct sv_net *net = NULL;
	int rc;

	rc = sv_net_load(&net, doc, problems, err);
	if (rc)
		return rc;
	/* The reading knows one table of names; lend it another one. */
	agent->names = (struct sv_names){ 0 };
	desired.names = actual.names = &agent->names;
	rc = compile(agent, &desired, net, err);
	if (!rc)
		rc = make_plan(agent, &plan, &desired, &actual, err);
	if (!rc)
		*texts = cJSON_CreateArray();
	for (size_t i = 0; !rc && i < plan.n; i++)
		cJSON_AddItemToArray(*texts, cJSON_CreateString(plan.op[i].text));
	sv_plan_fini(&plan);
	sv_host_state_fini(&desired);
	sv_host_state_fini(&actual);
	sv_names_fini(&agent->names);
	agent->names = names;
	sv_net_free(net);
	return rc;
}

static void set_session_up(struct agent *agent, const struct sv_host_session *session)
{
	const char *device = sv_names_get(&agent->names, session->val.ifindex);
	struct sv_link_info info = { 0 };
	struct sv_session val;
	bool up;

	if (session->val.kind != SV_SESSION_DEVICE ||
	    sv_session_get(agent->plane, session->number, &val, NULL) ||
	    val.kind != SV_SESSION_DEVICE)
		return;
	up = !sv_link_get(agent->link, device, &info, NULL) && info.up && info.carrier &&
	     info.ifindex == val.ifindex;
	if (up == val.up)
		return;
	val.up = up;
	if (!sv_session_set(agent->plane, session->number, &val, NULL))
		sv_log_info("session %s: its target %s is %s", session->name, device,
			    up ? "up" : "down: nothing is copied");
}

void sv_reconcile_sessions(struct agent *agent)
{
	for (size_t i = 0; i < agent->desired.n_session; i++)
		set_session_up(agent, &agent->desired.session[i]);
}
