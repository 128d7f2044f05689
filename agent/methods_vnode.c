// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "change.h"
#include "json.h"
#include "methods.h"

void sv_method_vnode_list(struct sv_call *call)
{
	struct agent *agent = call->arg;
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "host", agent->opt.host);
	cJSON_AddItemToObject(result, "vnodes", sv_status_vnodes(agent));
	sv_call_reply(call, result);
}

const struct sv_net_vnode *sv_method_vnode(struct sv_call *call)
{
	const char *name = sv_method_string(call, "vnode");
	struct agent *agent = call->arg;
	char text[128];

	if (!name)
		return NULL;
	for (size_t v = 0; agent->net && v < agent->net->n_vnet; v++) {
		const struct sv_net_vnet *vnet = &agent->net->vnet[v];

		for (size_t n = 0; n < vnet->n_vnode; n++) {
			const struct sv_vnode_spec *spec = &vnet->vnode[n].spec;
			size_t len = strlen(spec->vnet);

			if (!strncmp(name, spec->vnet, len) && name[len] == '/' &&
			    !strcmp(name + len + 1, spec->name))
				return &vnet->vnode[n];
		}
	}
	snprintf(text, sizeof(text), "there is no VNode %.64s; write VNET/VNODE", name);
	sv_call_fail(call, SV_RPC_REFUSED, text, NULL);
	return NULL;
}

/* Where its driver finds it, for a caller that runs something inside with its own terminal. */
void sv_method_vnode_where(struct sv_call *call)
{
	const struct sv_net_vnode *vnode = sv_method_vnode(call);
	struct agent *agent = call->arg;
	cJSON *result;
	char path[160];

	if (!vnode)
		return;
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "vnet", vnode->spec.vnet);
	cJSON_AddStringToObject(result, "name", vnode->spec.name);
	cJSON_AddStringToObject(result, "driver", vnode->spec.driver);
	cJSON_AddStringToObject(result, "host", agent->net->host[vnode->host].name);
	snprintf(path, sizeof(path), "%s/%s", agent->opt.run, agent->net->host[vnode->host].name);
	cJSON_AddStringToObject(result, "run_dir", path);
	cJSON_AddStringToObject(result, "log_dir", agent->opt.log ?: path);
	sv_call_reply(call, result);
}

struct action {
	int (*fn)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		  struct sv_err *err);
	const char *halted; /* how the VNode is to stay until the next network file */
};

int sv_method_vnode_is_here(struct agent *agent, const struct sv_net_vnode *vnode,
			    struct sv_err *err)
{
	const char *host = agent->net->host[vnode->host].name;

	if (!strcmp(host, agent->opt.host))
		return 0;
	return sv_err_set(err, -EREMOTE, "%s/%s is on host %s: ask its agent, --host %s",
			  vnode->spec.vnet, vnode->spec.name, host, host);
}

static void act(struct sv_call *call, struct action (*choose)(struct sv_vnode_driver *drv))
{
	const struct sv_net_vnode *vnode = sv_method_vnode(call);
	struct agent *agent = call->arg;
	struct sv_vnode_driver *drv = NULL;
	struct sv_err err = { 0 };
	struct action action;
	int rc;

	if (!vnode)
		return;
	rc = sv_method_vnode_is_here(agent, vnode, &err);
	if (!rc) {
		drv = sv_agent_driver(agent, vnode->spec.driver, &err);
		rc = drv ? 0 : -ENOENT;
	}
	if (!rc) {
		action = choose(drv);
		rc = action.fn ? action.fn(drv, vnode->spec.vnet, vnode->spec.name, &err)
			       : sv_err_set(&err, -EOPNOTSUPP, "driver %s cannot do that",
					    vnode->spec.driver);
	}
	if (rc) {
		sv_change_fail(call, rc, &err, NULL);
		return;
	}
	sv_state_halt(agent, sv_obj_string(call->params, "vnode"), action.halted);
	sv_agent_kick(agent, 0);
	sv_call_reply(call, NULL);
}

static struct action choose_start(struct sv_vnode_driver *drv)
{
	return (struct action){ drv->ops->start, NULL };
}

static struct action choose_stop(struct sv_vnode_driver *drv)
{
	return (struct action){ drv->ops->stop, "stopped" };
}

static struct action choose_pause(struct sv_vnode_driver *drv)
{
	return (struct action){ drv->ops->pause, "paused" };
}

static struct action choose_resume(struct sv_vnode_driver *drv)
{
	return (struct action){ drv->ops->resume, NULL };
}

/* It is in the network still: the reconciliation that follows makes it anew. */
static struct action choose_destroy(struct sv_vnode_driver *drv)
{
	return (struct action){ drv->ops->destroy, NULL };
}

void sv_method_vnode_start(struct sv_call *call)
{
	act(call, choose_start);
}

void sv_method_vnode_stop(struct sv_call *call)
{
	act(call, choose_stop);
}

void sv_method_vnode_pause(struct sv_call *call)
{
	act(call, choose_pause);
}

void sv_method_vnode_resume(struct sv_call *call)
{
	act(call, choose_resume);
}

void sv_method_vnode_destroy(struct sv_call *call)
{
	act(call, choose_destroy);
}
