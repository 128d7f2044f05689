// SPDX-License-Identifier: GPL-2.0-only
#include "change.h"

#include <errno.h>
#include <string.h>

#include "json.h"

#define TRIES 5

void sv_change_fail(struct sv_call *call, int rc, const struct sv_err *err,
		    const struct sv_problems *problems)
{
	cJSON *data = NULL, *lines;

	if (problems && problems->n) {
		data = cJSON_CreateObject();
		lines = cJSON_AddArrayToObject(data, "problems");
		for (size_t i = 0; i < problems->n; i++)
			cJSON_AddItemToArray(lines, cJSON_CreateString(problems->line[i]));
	}
	sv_call_fail(call, rc == -ESTALE ? SV_RPC_CONFLICT : SV_RPC_REFUSED,
		     err->text[0] ? err->text : strerror(-rc), data);
}

static void add_hosts(cJSON *hosts, const cJSON *doc, const cJSON *only)
{
	const cJSON *host;

	cJSON_ArrayForEach (host, sv_obj_get(sv_obj_get(doc, "network"), "hosts"))
		if ((!only || sv_obj_get(only, host->string)) && !sv_obj_get(hosts, host->string))
			cJSON_AddTrueToObject(hosts, host->string);
}

/* Every host of the network, and those that were in it and have an agent. */
static cJSON *concerned(struct agent *agent, const cJSON *before, const cJSON *after)
{
	_cleanup_json_ cJSON *reports = NULL;
	cJSON *hosts = cJSON_CreateObject();

	add_hosts(hosts, after, NULL);
	if (!agent->store.ops->reports(&agent->store, &reports, NULL))
		add_hosts(hosts, before, reports);
	return hosts;
}

static int check_revision(const struct sv_change *change, uint64_t revision, struct sv_err *err)
{
	double seen = sv_obj_number(change->params, "revision", -1);

	if (seen < 0 || seen == revision)
		return 0;
	return sv_err_set(err, -ESTALE,
			  "the network was changed meanwhile (revision %llu, not %.0f): look at "
			  "it, and try again",
			  (unsigned long long)revision, seen);
}

/*
 * Orders go on behind the last one that any host has armed. A document that was put back to an
 * earlier state would give those numbers again, and the hosts would take the new orders for done.
 */
static void skip_used_ids(struct sv_change *change, const cJSON *reports)
{
	cJSON *next = sv_obj_sub(sv_obj_sub(change->doc, "alloc"), "next");
	double id = sv_obj_number(next, "flip", 1), first = id;
	const cJSON *report, *flip;

	cJSON_ArrayForEach (report, reports)
		cJSON_ArrayForEach (flip, sv_obj_get(report, "flips"))
			if (flip->valuedouble >= id)
				id = flip->valuedouble + 1;
	if (id != first)
		sv_obj_set(next, "flip", cJSON_CreateNumber(id));
}

/* The lowest revision that a host has applied: of those in the network, and of those that were. A
 * host that was purged has nothing left to apply. */
static uint64_t settled(const struct sv_change *change, const cJSON *reports)
{
	const cJSON *hosts = sv_obj_get(sv_obj_get(change->doc, "network"), "hosts"), *item;
	double lowest = change->revision;

	cJSON_ArrayForEach (item, hosts)
		if (!sv_obj_get(reports, item->string))
			return 0;
	cJSON_ArrayForEach (item, reports) {
		double applied = sv_obj_number(item, "revision", 0);

		if (!sv_obj_get(item, "purged") && applied < lowest)
			lowest = applied;
	}
	return lowest;
}

/* What the change has to know of the hosts. */
static int look_at_hosts(struct sv_change *change)
{
	struct sv_store *store = &change->agent->store;
	_cleanup_json_ cJSON *reports = NULL;
	int rc = store->ops->reports(store, &reports, &change->err);

	if (rc)
		return rc;
	skip_used_ids(change, reports);
	if (sv_doc_seen(change->doc, change->revision, settled(change, reports)))
		return sv_err_set(&change->err, -ENOMEM, "out of memory");
	return 0;
}

int sv_change_make(struct sv_change *change, sv_change_fn *mutate)
{
	struct sv_store *store = &change->agent->store;
	int rc;

	rc = store->ops->get(store, &change->doc, &change->revision, &change->err);
	if (!rc)
		rc = check_revision(change, change->revision, &change->err);
	if (!rc)
		rc = look_at_hosts(change);
	if (rc)
		return rc;
	change->before = cJSON_Duplicate(change->doc, 1);
	change->arg = cJSON_CreateObject();
	return mutate(change);
}

cJSON *sv_change_hosts(struct sv_change *change)
{
	return concerned(change->agent, change->before, change->doc);
}

/* -ESTALE: somebody was faster. */
static int change_once(struct sv_change *change, sv_change_fn *mutate, uint64_t *revision,
		       cJSON **hosts)
{
	struct sv_store *store = &change->agent->store;
	int rc = sv_change_make(change, mutate);

	*revision = change->revision;
	if (!rc && !cJSON_Compare(change->before, change->doc, 1))
		rc = store->ops->put(store, change->doc, *revision, revision, &change->err);
	if (!rc)
		*hosts = sv_change_hosts(change);
	return rc;
}

void sv_change_reset(struct sv_change *change)
{
	cJSON_Delete(change->doc);
	cJSON_Delete(change->before);
	cJSON_Delete(change->arg);
	sv_problems_fini(&change->problems);
	change->doc = change->before = change->arg = NULL;
	change->problems = (struct sv_problems){ 0 };
}

void sv_change_run(struct sv_call *call, sv_change_fn *mutate, sv_result_fn *result)
{
	struct sv_change change = { .agent = call->arg, .params = call->params };
	bool pinned = sv_obj_get(call->params, "revision");
	cJSON *hosts = NULL;
	uint64_t revision = 0;
	int rc = 0;

	for (int i = 0; i < TRIES; i++) {
		sv_change_reset(&change);
		rc = change_once(&change, mutate, &revision, &hosts);
		if (rc != -ESTALE || pinned)
			break;
	}
	if (rc) {
		sv_change_fail(call, rc, &change.err, &change.problems);
	} else {
		sv_reconcile(change.agent);
		sv_obj_set(change.arg, "revision", cJSON_CreateNumber(revision));
		sv_wait_start(change.agent, call, revision, hosts, result, TAKE_PTR(change.arg));
	}
	sv_change_reset(&change);
}

cJSON *sv_change_result(struct agent *agent, const cJSON *hosts, const cJSON *reports,
			const cJSON *arg)
{
	cJSON *result = cJSON_Duplicate(arg, 1), *names;
	const cJSON *host;

	(void)agent;
	(void)reports;
	names = cJSON_AddArrayToObject(result, "hosts");
	cJSON_ArrayForEach (host, hosts)
		cJSON_AddItemToArray(names, cJSON_CreateString(host->string));
	return result;
}
