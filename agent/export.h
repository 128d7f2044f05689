/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_EXPORT_H
#define SV_AGENT_EXPORT_H

#include "agent.h"

/*
 * Pairs of devices through which copies leave for a collector; struct sv_host_export says who does
 * what. All act in the agent's network namespace and can be called again after a crash half-way.
 */

/*
 * Makes the pair, or brings one that is there to what `export` asks, without losing copies when
 * only the collector changed. Checks the way: a route, not through an edge, on which `longest` with
 * the outer headers fits. On failure no pair is made, and one that is there sends nothing.
 */
int sv_export_make(struct agent *agent, const struct sv_host_export *export, struct sv_err *err);
/* Not there: 0. */
int sv_export_drop(struct agent *agent, __u16 number, struct sv_err *err);
/* Pairs that are there. *out: n of them, the caller's to free(). */
int sv_export_list(struct agent *agent, struct sv_host_export **out, size_t *n, struct sv_err *err);
/*
 * Once a second while there are pairs, and before a device becomes an edge: the ways are looked at
 * anew and followed, next hops that are not known are asked for, and what would leave by an edge is
 * stopped. Also puts the receive work of pairs that are up where a monitor's belongs.
 */
void sv_export_tick(struct agent *agent);

#endif
