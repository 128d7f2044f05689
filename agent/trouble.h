/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_TROUBLE_H
#define SV_AGENT_TROUBLE_H

#include "agent/net/host.h"

enum { SV_TROUBLE_VNODES = 4096 };

/*
 * What cannot be made now: a shadow, a guest, a way to a collector, a session. It is left out, so
 * that it does not keep production from what it needs. Zeroed: nothing is in trouble.
 */
struct sv_trouble {
	bool vnode[SV_TROUBLE_VNODES]; /* by their place in the desired state */
	bool ports[SV_TROUBLE_VNODES]; /* of these, a port without our programs gets none */
	bool export[SV_SESSION_MAX]; /* these two by the session's number */
	bool session[SV_SESSION_MAX];
	bool more; /* sv_trouble_blame() found another one */
};

/* An operation failed: whom to leave out for it. `more` stays as it is when there is nobody. */
void sv_trouble_blame(struct sv_trouble *trouble, const struct sv_host_state *desired,
		      const struct sv_op *op);
/* Before the network is compiled, and behind it. */
void sv_trouble_leave_out_sessions(const struct sv_trouble *trouble, struct sv_net *net);
void sv_trouble_leave_out(const struct sv_trouble *trouble, struct sv_host_state *desired);

#endif
