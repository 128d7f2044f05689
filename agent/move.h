/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_MOVE_H
#define SV_AGENT_MOVE_H

#include "agent.h"

/*
 * A running VNode's way to another host: a stream that an operator's two commands open (`svnet
 * vnode migrate` here, `svnet vnode receive` there), whose words are lines of JSON:
 *
 *	sender		{"svnet_move": 1, "vnode", "from", "to", "revision"}
 *	receiver	{"ready": true}
 *	sender		its state, then {"sent": true}
 *	receiver	{"taken": true}
 *
 * Whose the VNode is, is what the document in the store says, and nothing else: the words save
 * time. "revision" is the document's before the move. The receiver has the whole VNode, standing
 * still, and then writes the next revision, which has it on its host: "taken". A sender that has
 * said "sent" and hears nothing writes the next revision itself, as it was: then it goes on here.
 * The store takes one of the two. Who has not got it destroys what he has. Nothing starts a VNode
 * that its host's document does not have there, so no two of one VNode ever run; a domain that has
 * been sent is marked, and stands still until its agent, also one that has been started anew, has
 * asked the store.
 */

/* Takes `word`. -EPIPE. */
int sv_move_write(int fd, cJSON *word);
/* *word: the caller's. -ETIMEDOUT, -EPIPE, -EPROTO. */
int sv_move_read(int fd, int ms, cJSON **word);

/* Which host the document has a VNode on, "" = none; *revision may be NULL. */
int sv_move_host(struct agent *agent, const char *vnet, const char *name, char host[32],
		 uint64_t *revision, struct sv_err *err);
/*
 * A VNode of ours that stands still, MOVING: it goes on if nobody can take it any more. -EREMOTE:
 * another host has it.
 */
int sv_move_settle(struct agent *agent, struct sv_vnode_driver *drv, const char *vnet,
		   const char *name, struct sv_err *err);

#endif
