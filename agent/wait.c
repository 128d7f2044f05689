// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "agent.h"
#include "json.h"
#include "when.h"

/* A host that failed this often at the same revision is not waited for. */
#define GIVE_UP_AFTER 3
#define DEFAULT_TIMEOUT_US 30000000

struct sv_wait {
	struct agent *agent;
	struct sv_call *call;
	uint64_t revision;
	cJSON *hosts, *arg;
	cJSON *(*finish)(struct agent *agent, const cJSON *hosts, const cJSON *reports,
			 const cJSON *arg);
	uv_timer_t timer;
	struct sv_wait *next;
};

static void on_closed(uv_handle_t *handle)
{
	struct sv_wait *wait = handle->data;

	cJSON_Delete(wait->hosts);
	cJSON_Delete(wait->arg);
	free(wait);
}

static void drop(struct sv_wait *wait)
{
	struct sv_wait **at = &wait->agent->waits;

	while (*at && *at != wait)
		at = &(*at)->next;
	if (*at)
		*at = wait->next;
	uv_close((uv_handle_t *)&wait->timer, on_closed);
}

static bool has_errors(const cJSON *report)
{
	return cJSON_GetArraySize(sv_obj_get(report, "errors")) > 0;
}

static bool orders_armed(const cJSON *report, const cJSON *arg)
{
	const char *group = sv_obj_string(arg, "group");
	const cJSON *flips = sv_obj_get(report, "flips");

	return !group || !sv_obj_get(arg, "id") ||
	       sv_obj_number(flips, group, 0) >= sv_obj_number(arg, "id", 0);
}

enum progress { READY, PENDING, FAILED };

static enum progress progress_of(const struct sv_wait *wait, const cJSON *report)
{
	if (sv_obj_number(report, "revision", 0) >= wait->revision && !has_errors(report) &&
	    orders_armed(report, wait->arg))
		return READY;
	if (sv_obj_number(report, "tried", 0) >= wait->revision && has_errors(report) &&
	    sv_obj_number(report, "attempts", 0) >= GIVE_UP_AFTER)
		return FAILED;
	return PENDING;
}

static cJSON *what_is_wrong(const struct sv_wait *wait, const cJSON *reports)
{
	cJSON *hosts = cJSON_CreateObject();
	const cJSON *host;

	cJSON_ArrayForEach (host, wait->hosts) {
		const cJSON *report = sv_obj_get(reports, host->string);
		const cJSON *errors = sv_obj_get(report, "errors");

		if (progress_of(wait, report) == READY)
			continue;
		cJSON_AddItemToObject(hosts, host->string,
				      has_errors(report) ? cJSON_Duplicate(errors, 1)
							 : cJSON_CreateArray());
	}
	return hosts;
}

/* The one line: our own host's failure is a failure, another's a delay. */
static void fail(struct sv_wait *wait, const cJSON *reports)
{
	cJSON *data = cJSON_CreateObject(), *hosts = what_is_wrong(wait, reports);
	bool ours = sv_obj_get(hosts, wait->agent->opt.host);
	size_t used = 0;
	char text[1024];
	cJSON *host;

	used = snprintf(text, sizeof(text), "revision %llu is in the store, but ",
			(unsigned long long)wait->revision);
	cJSON_ArrayForEach (host, hosts) {
		const char *why = cJSON_GetStringValue(cJSON_GetArrayItem(host, 0));

		if (used < sizeof(text))
			used += snprintf(text + used, sizeof(text) - used, "%s%s: %s",
					 host == hosts->child ? "" : "; ", host->string,
					 why ? why : "no answer, is its svnetd running?");
	}
	cJSON_AddItemToObject(data, "hosts", hosts);
	sv_call_fail(wait->call, ours ? SV_RPC_REFUSED : SV_RPC_BEHIND, text, data);
	drop(wait);
}

/* Returns whether the wait is over. */
static bool check(struct sv_wait *wait, const cJSON *reports, bool last)
{
	bool failed = false, ready = true;
	const cJSON *host;

	cJSON_ArrayForEach (host, wait->hosts) {
		enum progress p = progress_of(wait, sv_obj_get(reports, host->string));

		ready = ready && p == READY;
		failed = failed || p == FAILED;
	}
	if (ready) {
		sv_call_reply(wait->call,
			      wait->finish(wait->agent, wait->hosts, reports, wait->arg));
		drop(wait);
	} else if (failed || last) {
		fail(wait, reports);
	}
	return ready || failed || last;
}

static cJSON *read_reports(struct agent *agent)
{
	cJSON *reports = NULL;

	if (agent->store.ops->reports(&agent->store, &reports, NULL))
		return cJSON_CreateObject();
	return reports;
}

void sv_wait_check(struct agent *agent)
{
	_cleanup_json_ cJSON *reports = NULL;
	struct sv_wait *wait, *next;

	if (!agent->waits)
		return;
	reports = read_reports(agent);
	for (wait = agent->waits; wait; wait = next) {
		next = wait->next;
		check(wait, reports, false);
	}
}

static void on_timeout(uv_timer_t *timer)
{
	struct sv_wait *wait = timer->data;
	_cleanup_json_ cJSON *reports = read_reports(wait->agent);

	check(wait, reports, true);
}

void sv_wait_start(struct agent *agent, struct sv_call *call, uint64_t revision, cJSON *hosts,
		   cJSON *(*finish)(struct agent *agent, const cJSON *hosts, const cJSON *reports,
				    const cJSON *arg),
		   cJSON *arg)
{
	const char *timeout = sv_obj_string(call->params, "timeout");
	struct sv_wait *wait = calloc(1, sizeof(*wait));
	__u64 us = DEFAULT_TIMEOUT_US;

	if (!wait) {
		cJSON_Delete(hosts);
		cJSON_Delete(arg);
		sv_call_fail(call, SV_RPC_REFUSED, "out of memory", NULL);
		return;
	}
	if (timeout)
		sv_when_parse_duration(timeout, &us, NULL);
	*wait = (struct sv_wait){ .agent = agent,
				  .call = call,
				  .revision = revision,
				  .hosts = hosts,
				  .arg = arg,
				  .finish = finish,
				  .next = agent->waits };
	agent->waits = wait;
	uv_timer_init(agent->loop, &wait->timer);
	wait->timer.data = wait;
	uv_timer_start(&wait->timer, on_timeout, us / 1000, 0);
	sv_wait_check(agent);
}

void sv_wait_cancel(struct agent *agent)
{
	while (agent->waits) {
		sv_call_fail(agent->waits->call, SV_RPC_REFUSED, "svnetd is ending", NULL);
		drop(agent->waits);
	}
}
