/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_NET_RETIRED_H
#define SV_AGENT_NET_RETIRED_H

#include "internal.h"

/* Numbers (VLANs, slots, roles) that some host may still know by an older meaning. */
struct sv_retired {
	cJSON *list; /* alloc.retired of the new document, not owned */
	uint64_t revision; /* that the new document will have, or a lower one */
	uint64_t settled; /* every host has applied this one */
};

/*
 * Into `alloc`, which is to replace the one in `doc`: what is still held back, and what `net`, the
 * network with only the numbers it keeps, no longer uses. -ENOMEM.
 */
int sv_retired_begin(struct sv_retired *r, cJSON *alloc, const cJSON *doc,
		     const struct sv_net *net);
/* kind: "vlan", "slot", "role/GROUP". */
bool sv_retired_has(const struct sv_retired *r, const char *kind, uint64_t number);

#endif
