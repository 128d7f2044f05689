/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CHANGE_H
#define SV_AGENT_CHANGE_H

#include "agent.h"

/*
 * A change of the network: read the document, change it, write it back if nobody else did
 * meanwhile, bring this host there, answer when the others are there too.
 */
struct sv_change {
	struct agent *agent;
	const cJSON *params;
	cJSON *doc; /* to be changed */
	cJSON *before; /* as it was */
	uint64_t revision; /* of doc, before the change */
	cJSON *arg; /* for the result; "group" and "id": an order that every host is to arm */
	struct sv_problems problems;
	struct sv_err err;
};

typedef int sv_change_fn(struct sv_change *change);
typedef cJSON *sv_result_fn(struct agent *agent, const cJSON *hosts, const cJSON *reports,
			    const cJSON *arg);

/* The store's document, changed, and not written yet. -ESTALE: it is not `params`'s "revision". */
int sv_change_make(struct sv_change *change, sv_change_fn *mutate);
void sv_change_reset(struct sv_change *change);
/* Every host of the network, before the change or after it: whom to wait for. */
cJSON *sv_change_hosts(struct sv_change *change);

/* Answers the call, in every case. `mutate` may run several times, each time on a new document. */
void sv_change_run(struct sv_call *call, sv_change_fn *mutate, sv_result_fn *result);

/* Fails the call with an error of the agent, and the problems of a document. */
void sv_change_fail(struct sv_call *call, int rc, const struct sv_err *err,
		    const struct sv_problems *problems);

/* {"revision": R, "hosts": [names]} and whatever else is in arg. */
cJSON *sv_change_result(struct agent *agent, const cJSON *hosts, const cJSON *reports,
			const cJSON *arg);

#endif
