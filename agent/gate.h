/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_GATE_H
#define SV_AGENT_GATE_H

#include "agent.h"

/* Gates of this host: who is heard, and the operators' orders. */

__u64 sv_gate_wall_us(void);
/* Which boot CLOCK_BOOTTIME counts from. */
const char *sv_gate_boot(struct agent *agent);

/* Role that a group's gate says now: from the words where this host has an edge, else from the
 * orders. */
__u8 sv_gate_live_role(struct agent *agent, size_t group);
/* The VNet of that role, NULL: the gate holds. */
const char *sv_gate_live(struct agent *agent, size_t group);
/* What some host with an edge says, when this one has none. NULL: nobody is heard, or unknown. */
const char *sv_gate_live_anywhere(struct agent *agent, const char *group);

/* The tier of each desired VNode follows the gate. */
int sv_gate_set_tiers(struct agent *agent, struct sv_host_state *desired);
/* Must a group's gate be given its role? */
bool sv_gate_is_fresh(struct agent *agent, const struct sv_host_group *group);
/* Writes the role of a fresh group. */
int sv_gate_open(struct agent *agent, const struct sv_host_group *group, struct sv_err *err);

/* A group that is no longer here: nothing of it leaves, and its slot can be used again. */
int sv_gate_clear(struct agent *agent, const struct sv_host_group *gone, struct sv_err *err);

/* Arms, of the orders that this host has not armed yet, those that need nothing made first: hold,
 * rollback and confirm must not wait for a long plan. */
void sv_gate_arm_early(struct agent *agent);
/* Arms every order that this host has not armed yet. */
void sv_gate_arm(struct agent *agent);
/* Will this order, of agent->doc or one that follows it, change who is heard no more? */
bool sv_gate_is_settled(struct agent *agent, const cJSON *record);
/* The wall clock may have been stepped: then orders for a wall-clock time are armed again. */
void sv_gate_rearm(struct agent *agent);
/* Sets agent->gate_timer to the next instant at which a word changes its mind. */
void sv_gate_schedule(struct agent *agent);

/* A descriptor that becomes readable when the wall clock steps; sv_gate_clock_set() also empties
 * it. */
int sv_gate_clock_open(struct sv_err *err);
int sv_gate_clock_set(int fd);

#endif
