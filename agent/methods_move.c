// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "change.h"
#include "json.h"
#include "methods.h"
#include "move.h"

enum { HELLO_MS = 10000, READY_MS = 60000 };

static int split(const char *vnode, char vnet[32], char name[32])
{
	const char *slash = vnode ? strchr(vnode, '/') : NULL;

	if (!slash || slash - vnode > 31 || strlen(slash + 1) > 31)
		return -EINVAL;
	snprintf(vnet, 32, "%.*s", (int)(slash - vnode), vnode);
	snprintf(name, 32, "%s", slash + 1);
	return 0;
}

/* The document with the VNode on the other host: the sender sees whether that can be, the receiver
 * writes it. */
static int mutate_move(struct sv_change *change)
{
	char vnet[32], name[32];

	if (split(sv_obj_string(change->params, "vnode"), vnet, name))
		return sv_err_set(&change->err, -EINVAL, "write VNET/VNODE");
	return sv_doc_vnode_move(change->doc, vnet, name, sv_obj_string(change->params, "to"),
				 &change->problems, &change->err);
}

static struct sv_vnode_driver *mover(struct agent *agent, const struct sv_vnode_spec *spec,
				     struct sv_err *err)
{
	struct sv_vnode_driver *drv = sv_agent_driver(agent, spec->driver, err);

	if (drv && drv->ops->send)
		return drv;
	if (drv)
		sv_err_set(err, -EOPNOTSUPP, "driver %s cannot move what runs to another host",
			   spec->driver);
	return NULL;
}

/* ---- away ---- */

static int say_hello(struct agent *agent, int fd, const cJSON *params, uint64_t revision)
{
	cJSON *hello = cJSON_CreateObject();

	cJSON_AddNumberToObject(hello, "svnet_move", 1);
	cJSON_AddStringToObject(hello, "vnode", sv_obj_string(params, "vnode"));
	cJSON_AddStringToObject(hello, "from", agent->opt.host);
	cJSON_AddStringToObject(hello, "to", sv_obj_string(params, "to"));
	cJSON_AddNumberToObject(hello, "revision", revision);
	return sv_move_write(fd, hello);
}

static int introduce(struct agent *agent, int fd, const cJSON *params, uint64_t revision,
		     struct sv_err *err)
{
	_cleanup_json_ cJSON *answer = NULL;
	const char *why;
	int rc = say_hello(agent, fd, params, revision);

	rc = rc ?: sv_move_read(fd, READY_MS, &answer);
	why = sv_obj_string(answer, "error");
	if (why)
		return sv_err_set(err, -EREMOTE, "%s: %s", sv_obj_string(params, "to"), why);
	if (rc || !sv_obj_true(answer, "ready"))
		return sv_err_set(err, -EPIPE,
				  "%s does not answer: does `svnet vnode receive` run "
				  "there? (--via)",
				  sv_obj_string(params, "to"));
	return 0;
}

/* What the other host said of it, when it ended. */
static int add_reason(int fd, int rc, struct sv_err *err)
{
	_cleanup_json_ cJSON *said = NULL;
	struct sv_err first = *err;
	const char *why;

	if (sv_move_read(fd, 0, &said))
		return rc;
	why = sv_obj_string(said, "error");
	return why ? sv_err_set(err, rc, "%.200s: %.200s", first.text, why) : rc;
}

/* 0: the other host has it. */
static int give(struct agent *agent, struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		int fd, uint32_t *pause_ms, struct sv_err *err)
{
	struct sv_err first, doubt = { 0 };
	int rc = drv->ops->send(drv, spec->vnet, spec->name, fd, pause_ms, err);

	if (rc != -EINPROGRESS)
		return rc ? add_reason(fd, rc, err) : 0;
	first = *err;
	rc = sv_move_settle(agent, drv, spec->vnet, spec->name, &doubt);
	if (rc == -EREMOTE)
		return 0;
	if (!rc)
		return sv_err_set(err, -ECANCELED, "%.200s; it was called off, and it goes on here",
				  first.text);
	return sv_err_set(err, rc,
			  "%.200s; it stands still until the store says whose it is: %.200s",
			  first.text, doubt.text);
}

static int migrate(struct sv_change *change, const struct sv_vnode_spec *spec, int fd,
		   uint32_t *pause_ms, struct sv_err *err)
{
	struct sv_vnode_driver *drv = mover(change->agent, spec, err);
	int rc = drv ? 0 : -EOPNOTSUPP;

	if (!rc && !strcmp(sv_obj_string(change->params, "to"), change->agent->opt.host))
		rc = sv_err_set(err, -EEXIST, "%s/%s is on this host already", spec->vnet,
				spec->name);
	if (!rc)
		rc = sv_change_make(change, mutate_move);
	if (rc && change->err.text[0])
		*err = change->err;
	rc = rc ?: introduce(change->agent, fd, change->params, change->revision, err);
	return rc ?: give(change->agent, drv, spec, fd, pause_ms, err);
}

/* What is left here goes with the plan of the new document. */
static void follow(struct sv_call *call, struct sv_change *change, uint32_t pause_ms)
{
	struct agent *agent = change->agent;
	cJSON *arg = cJSON_CreateObject();

	sv_reconcile(agent);
	cJSON_AddStringToObject(arg, "vnode", sv_obj_string(change->params, "vnode"));
	cJSON_AddStringToObject(arg, "from", agent->opt.host);
	cJSON_AddStringToObject(arg, "to", sv_obj_string(change->params, "to"));
	cJSON_AddNumberToObject(arg, "pause_ms", pause_ms);
	cJSON_AddNumberToObject(arg, "revision", agent->revision);
	sv_wait_start(agent, call, agent->revision, sv_change_hosts(change), sv_change_result, arg);
}

void sv_method_vnode_migrate(struct sv_call *call)
{
	struct sv_change change = { .agent = call->arg, .params = call->params };
	const struct sv_net_vnode *vnode = sv_method_vnode(call);
	const char *to = vnode ? sv_method_string(call, "to") : NULL;
	_cleanup_close_ int fd = -1;
	struct sv_err err = { 0 };
	uint32_t pause_ms = 0;
	int rc;

	if (!to)
		return;
	rc = sv_method_vnode_is_here(change.agent, vnode, &err);
	if (!rc)
		rc = fd = sv_call_descriptor(call, "stream", &err);
	if (rc >= 0)
		rc = migrate(&change, &vnode->spec, fd, &pause_ms, &err);
	if (rc)
		sv_change_fail(call, rc, &err, &change.problems);
	else
		follow(call, &change, pause_ms);
	sv_change_reset(&change);
}

/* ---- here ---- */

struct arrival {
	struct sv_change change; /* the document with it here */
	cJSON *hello;
	char vnet[32], name[32];
	struct sv_net *net; /* that document's */
	struct sv_names names;
	struct sv_host_state state;
	const struct sv_vnode_spec *spec; /* in state */
	struct sv_vnode_driver *drv;
};

static void arrival_fini(struct arrival *a)
{
	sv_change_reset(&a->change);
	cJSON_Delete(a->hello);
	sv_host_state_fini(&a->state);
	sv_names_fini(&a->names);
	sv_net_free(a->net);
}

static int read_hello(struct arrival *a, int in, struct sv_err *err)
{
	const char *host = a->change.agent->opt.host, *to;
	int rc = sv_move_read(in, HELLO_MS, &a->hello);

	to = sv_obj_string(a->hello, "to");
	if (rc || sv_obj_number(a->hello, "svnet_move", 0) != 1 || !to ||
	    split(sv_obj_string(a->hello, "vnode"), a->vnet, a->name))
		return sv_err_set(err, -EPROTO,
				  "what comes is no VNode: `svnet vnode migrate` runs this");
	if (strcmp(to, host))
		return sv_err_set(err, -EREMOTE, "this is host %s, not %s", host, to);
	return 0;
}

/* What it will be here, as this host's part of the new document has it. */
static int find_spec(struct arrival *a, struct sv_err *err)
{
	const char *host = a->change.agent->opt.host;
	int rc = sv_net_load(&a->net, a->change.doc, NULL, err);

	rc = rc ?: sv_host_compile(&a->state, &a->names, a->net, host, err);
	for (size_t i = 0; !rc && i < a->state.n_vnode; i++)
		if (!strcmp(a->state.vnode[i].spec.vnet, a->vnet) &&
		    !strcmp(a->state.vnode[i].spec.name, a->name))
			a->spec = &a->state.vnode[i].spec;
	if (!rc && !a->spec)
		rc = sv_err_set(err, -ENOENT, "%s/%s would not be here", a->vnet, a->name);
	return rc;
}

static int prepare(struct arrival *a, int in, struct sv_err *err)
{
	int rc = read_hello(a, in, err);

	if (rc)
		return rc;
	a->change.params = a->hello;
	rc = sv_change_make(&a->change, mutate_move);
	if (rc) {
		*err = a->change.err;
		return rc;
	}
	rc = find_spec(a, err);
	if (rc)
		return rc;
	a->drv = mover(a->change.agent, a->spec, err);
	return a->drv ? a->drv->ops->expect(a->drv, a->spec, err) : -EOPNOTSUPP;
}

/* A store that did not answer may have taken it all the same: then it is ours. */
static int commit(struct arrival *a, struct sv_err *err)
{
	struct agent *agent = a->change.agent;
	uint64_t revision = a->change.revision;
	char host[32];
	int rc = agent->store.ops->put(&agent->store, a->change.doc, revision, &revision, err);

	if (!rc || sv_move_host(agent, a->vnet, a->name, host, NULL, NULL))
		return rc;
	return strcmp(host, agent->opt.host) ? rc : 0;
}

static int take(struct arrival *a, int in, int out, struct sv_err *err)
{
	cJSON *ready = cJSON_CreateObject(), *taken = cJSON_CreateObject();
	int rc;

	cJSON_AddTrueToObject(ready, "ready");
	cJSON_AddTrueToObject(taken, "taken");
	rc = sv_move_write(out, ready);
	rc = rc ? sv_err_set(err, rc, "its sender is gone")
		: a->drv->ops->receive(a->drv, a->spec, in, err);
	rc = rc ?: commit(a, err);
	if (rc) {
		cJSON_Delete(taken);
		a->drv->ops->destroy(a->drv, a->vnet, a->name, NULL);
		return rc;
	}
	/* Who does not hear it asks the store. */
	sv_move_write(out, taken);
	return 0;
}

static int check_running(struct arrival *a, struct sv_err *err)
{
	struct sv_vnode_status status = { 0 };
	int rc = a->drv->ops->status(a->drv, a->vnet, a->name, &status, err);

	free(status.spec_json);
	if (rc || status.state == SV_VNODE_RUNNING)
		return rc;
	return sv_err_set(err, -EAGAIN, "%s/%s is here, and does not run yet: svnet status",
			  a->vnet, a->name);
}

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void arrive(struct sv_call *call, struct arrival *a)
{
	uint64_t taken = now_ms();
	struct sv_err err = { 0 };
	cJSON *result;
	int rc;

	sv_reconcile(a->change.agent);
	rc = check_running(a, &err);
	if (rc) {
		sv_change_fail(call, rc, &err, NULL);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "vnode", sv_obj_string(a->hello, "vnode"));
	cJSON_AddStringToObject(result, "host", a->change.agent->opt.host);
	cJSON_AddNumberToObject(result, "started_ms", now_ms() - taken);
	sv_call_reply(call, result);
}

static void say_error(int out, const char *text)
{
	cJSON *word = cJSON_CreateObject();

	cJSON_AddStringToObject(word, "error", text);
	sv_move_write(out, word);
}

void sv_method_vnode_receive(struct sv_call *call)
{
	_cleanup_(arrival_fini) struct arrival a = { .change = { .agent = call->arg } };
	_cleanup_close_ int in = -1;
	_cleanup_close_ int out = -1;
	struct sv_err err = { 0 };
	int rc;

	rc = in = sv_call_descriptor(call, "in", &err);
	if (rc >= 0)
		rc = out = sv_call_descriptor(call, "out", &err);
	if (rc >= 0)
		rc = prepare(&a, in, &err);
	rc = rc ?: take(&a, in, out, &err);
	if (!rc)
		return arrive(call, &a);
	if (out >= 0)
		say_error(out, err.text);
	sv_change_fail(call, rc, &err, &a.change.problems);
}
