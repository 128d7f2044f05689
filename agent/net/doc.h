/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_NET_DOC_H
#define SV_AGENT_NET_DOC_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "loader/err.h"

/*
 * The document in the store, and every change an operator's command makes to it. All are pure: they
 * look at nothing but their arguments. On failure the document is as it was.
 *
 *	{ "network":  the network file as applied (agent/README.md has its reference),
 *	  "shadows":  { "B": { "of": "A", "override": {…} } },
 *	  "sessions": { "moni-A": { "of": "A", "direction": "both", "at": ["exit"], "to": "Moni",
 *	                            "interface": "moni-A" },
 *	                "calls": { "of": "A", "direction": "in", "to": "vxlan",
 *	                           "collector": { "address": "192.0.2.9", "port": 4789, "id": 7 },
 *	                           "filter": "udp portrange 10000-20000", "sample": "flows/256",
 *	                           "snap": 128, "budget": "10000pps", "priority": 3 } },
 *	  "monitors": { "Moni": { "override": {…} } },
 *	  "flips":    { "A": { "id": 7, "kind": "flip", "to": "B", "from": "A", "at_us": 0,
 *	                       "until_us": 0 } },
 *	  "alloc":    { "vlans": {"A/l12": 100}, "ports": {"A/r1/eth0": {"port": "sv3", "mac":
 *"…"}}, "groups": {"A": {"slot": 0, "roles": {"A": 1, "B": 2}}}, "sessions": {"moni-A": 1} } }
 *
 * What is in "alloc" was chosen once and is never chosen again while its object lives. Every change
 * ends with sv_doc_allocate(), so a document that is in the store is always complete.
 */

/*
 * Also in "alloc": "segments", a number for each virtual link and edge that no other ever has, and
 * "next", where the rotations go on (the flips' ids among them). A VNet's "shadows" entry can name
 * only a production VNet.
 */

/*
 * "retired" in "alloc": numbers no longer used, with the revision that freed them. They are not
 * given again before every host has applied that one, see sv_doc_seen(). "seen": its arguments.
 */

/*
 * Beside these, an order with times has "boot" and "wall_minus_boot_us" (agent/flip.h), and
 * "at_wall_us" when it was given as a wall-clock time.
 */

/* Every bad value of a document, as "path: what is wrong, what to do", one a line, owned by the
 * caller. */
struct sv_problems {
	char **line;
	size_t n;
};
void sv_problems_fini(struct sv_problems *problems);

/* Replaces the network file: refused whole with -EINVAL and all problems. Shadows, sessions and
 * flips of VNets that are no longer there go; -EBUSY when a shadow is live. */
int sv_doc_apply(cJSON *doc, const cJSON *network, struct sv_problems *problems,
		 struct sv_err *err);

/* A production VNet with its shadows, the sessions on any of them and the groups of its own. -EBUSY
 * while a shadow of it is live: finish that first. */
int sv_doc_vnet_delete(cJSON *doc, const char *name, struct sv_err *err);

int sv_doc_shadow_start(cJSON *doc, const char *name, const char *of, const cJSON *override,
			struct sv_problems *problems, struct sv_err *err);
/* Merges (RFC 7396) the override into the shadow's own. */
int sv_doc_shadow_update(cJSON *doc, const char *name, const cJSON *override,
			 struct sv_problems *problems, struct sv_err *err);
/*
 * A VNode goes to another host. That of a shadow is in its override; the shadows of a production
 * VNode that moves stay where they are.
 */
int sv_doc_vnode_move(cJSON *doc, const char *vnet, const char *name, const char *host,
		      struct sv_problems *problems, struct sv_err *err);
/*
 * Ends a group's trial: the member that is live stays, as production, with its whole configuration
 * in "network"; every other member goes. `live` is the name the gates were asked for.
 */
int sv_doc_shadow_finish(cJSON *doc, const char *group, const char *live, struct sv_err *err);

struct sv_doc_session {
	const char *name, *of;
	const char *direction; /* "in", "out", "both" */
	const char *const *at; /* points, NULL-terminated; NULL: all */
	/* "MONITOR", "MONITOR:INTERFACE", "ring", "vxlan:ADDRESS[:PORT][/VNI]",
	 * "erspan:ADDRESS[/ID]"; NULL: a monitoring VNet of its own name */
	const char *to;
	/* "filter", "sample", "snap", "budget", "priority" of this object, as the document has
	 * them; "" and null stand for none. Others are ignored. May be NULL. */
	const cJSON *options;
};
int sv_doc_session_start(cJSON *doc, const struct sv_doc_session *session,
			 struct sv_problems *problems, struct sv_err *err);
/* Replaces what is given of direction, points and options; `of` and `to` stay. */
int sv_doc_session_update(cJSON *doc, const struct sv_doc_session *session,
			  struct sv_problems *problems, struct sv_err *err);
/* A monitoring VNet goes with its last session. */
int sv_doc_session_stop(cJSON *doc, const char *name, struct sv_err *err);

/*
 * A gate operation for all hosts with an edge of the group: "flip", "confirm", "rollback", "hold".
 * at_us, until_us: CLOCK_BOOTTIME, 0 = now, no confirmation asked. `live` is who is live now.
 * The record's id is higher than any before it. to = NULL for confirm, rollback, hold; live = NULL
 * or
 * "" when nobody is heard. confirm is refused (-ETIME) when the flip is not in force (any more);
 * rollback goes back to who was heard before the last operation, also from a hold.
 *
 * Who is heard after a reboot is who was confirmed last: `to`, or `from` of a flip that still wants
 * its confirmation; a hold stays one.
 */
int sv_doc_flip(cJSON *doc, const char *group, const char *kind, const char *to, const char *live,
		uint64_t at_us, uint64_t until_us, struct sv_err *err);

/*
 * To be called before a change of a document from the store: its revision there, and the lowest
 * revision that the hosts have applied. -ENOMEM.
 */
int sv_doc_seen(cJSON *doc, uint64_t revision, uint64_t settled);

/* Completes "alloc" for everything in the document and forgets what is gone. -ENOSPC:
 * which pool. */
int sv_doc_allocate(cJSON *doc, struct sv_problems *problems, struct sv_err *err);

#endif
