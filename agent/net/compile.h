/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_NET_COMPILE_H
#define SV_AGENT_NET_COMPILE_H

#include "host.h"
#include "internal.h"

/* Between compile.c, segment.c, attach.c, select.c, target.c and datapath.c. */

/* One of the ways into and out of a segment on a host. */
struct sv_member {
	enum sv_port_role role;
	__u32 name; /* of the device */
	uint16_t vlan; /* trunk: the segment's; edge: the edge's; else 0 */
	int vnode, iface; /* VNODE */
};

/* A segment as one host sees it: edge, trunks, VNode interfaces, in this order. */
struct sv_local {
	int vnet, segment;
	int edge; /* index of the edge among the members, -1: not here */
	size_t n;
	struct sv_member *member;
};

struct sv_compile {
	struct sv_host_state *out;
	struct sv_names *names;
	const struct sv_net *net;
	int host;
	size_t n_local;
	struct sv_local *local;
	struct sv_err *err;
};

/* All attachments of the host, `local` filled. The caller calls sv_compile_fini(). */
int sv_compile_attachments(struct sv_compile *c);
void sv_compile_fini(struct sv_compile *c);
int sv_compile_locals(struct sv_compile *c);

/* What an attachment leads to: the segment of its own VNet, or of every member of an
 * edge's group. */
struct sv_view {
	const struct sv_local *local;
	size_t own; /* index of the attachment's own member */
};

/* A session on an attachment. */
struct sv_tapped {
	const struct sv_net_session *session;
	__u32 device; /* name of the one that takes the copies; 0: rings do */
	struct sv_point point; /* where it taps */
};

struct sv_attach_plan {
	struct sv_host_attach *out;
	size_t n_view; /* production's first */
	struct sv_view view[SV_DEST_MAX];
	bool fdb;
	size_t n_tapped; /* by mask bit: the first out->spec.val.bits have devices */
	struct sv_tapped tapped[SV_SESSION_BITS];
};

static inline const struct sv_net_vnet *sv_view_vnet(const struct sv_compile *c,
						     const struct sv_view *view)
{
	return &c->net->vnet[view->local->vnet];
}

/* Whether XDP serves it, and why in a->out->why. */
bool sv_compile_datapath(const struct sv_compile *c, const struct sv_attach_plan *a);
/* select.c: which sessions an attachment has, in which order, what they want and where
 * they tap. */
int sv_compile_select(const struct sv_compile *c, struct sv_attach_plan *a);

/* target.c */
struct sv_target_device {
	__u32 name; /* 0: rings */
	uint32_t mtu;
};
/* Where a session's copies go on this host. -ENOENT: nowhere, its monitor has no VNode here. */
int sv_compile_target(const struct sv_compile *c, const struct sv_net_session *session,
		      struct sv_target_device *device);
/* The sessions of the host, and the pairs that some of them need; ports of pairs are added. */
int sv_compile_sessions(struct sv_compile *c);

/* compile.c. Idempotent. */
int sv_compile_port(struct sv_host_state *state, __u32 name, enum sv_port_role role, bool made);
/* sv_vnode_spec.json: see agent/README.md. NULL: out of memory. */
char *sv_spec_json(const struct sv_vnode_spec *spec);

#endif
