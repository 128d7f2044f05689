/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_METHODS_H
#define SV_AGENT_METHODS_H

#include "rpc.h"

/* What svnet can ask for. Each answers its call; parameters and results are in agent/README.md. */
void sv_method_status(struct sv_call *call);
void sv_method_show(struct sv_call *call);
void sv_method_plan(struct sv_call *call);
void sv_method_apply(struct sv_call *call);
void sv_method_purge(struct sv_call *call);

void sv_method_vnet_list(struct sv_call *call);
void sv_method_vnet_show(struct sv_call *call);
void sv_method_vnet_delete(struct sv_call *call);

void sv_method_vnode_list(struct sv_call *call);
void sv_method_vnode_where(struct sv_call *call);
void sv_method_vnode_start(struct sv_call *call);
void sv_method_vnode_stop(struct sv_call *call);
void sv_method_vnode_pause(struct sv_call *call);
void sv_method_vnode_resume(struct sv_call *call);
void sv_method_vnode_destroy(struct sv_call *call);
void sv_method_vnode_migrate(struct sv_call *call);
void sv_method_vnode_receive(struct sv_call *call);

void sv_method_monitor_start(struct sv_call *call);
void sv_method_monitor_update(struct sv_call *call);
void sv_method_monitor_stop(struct sv_call *call);
void sv_method_monitor_list(struct sv_call *call);
void sv_method_tap(struct sv_call *call);

void sv_method_shadow_start(struct sv_call *call);
void sv_method_shadow_update(struct sv_call *call);
void sv_method_shadow_finish(struct sv_call *call);

void sv_method_gate(struct sv_call *call);
void sv_method_flip(struct sv_call *call);
void sv_method_confirm(struct sv_call *call);
void sv_method_rollback(struct sv_call *call);
void sv_method_hold(struct sv_call *call);

struct agent;
struct sv_err;
struct sv_net_vnode;
/* Parameter "vnode", "A/r1", in the network; NULL: the call has been answered. */
const struct sv_net_vnode *sv_method_vnode(struct sv_call *call);
/* -EREMOTE, with whom to ask. */
int sv_method_vnode_is_here(struct agent *agent, const struct sv_net_vnode *vnode,
			    struct sv_err *err);

/* A parameter that must be a string; NULL: the call has been answered. */
const char *sv_method_string(struct sv_call *call, const char *name);

#endif
