/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_NET_HOST_H
#define SV_AGENT_NET_HOST_H

#include "loader/plane.h"
#include "net.h"

/*
 * The state of one host: what the network asks of it (sv_host_compile) or what is there
 * (agent/actual.c reads it from the kernel and the drivers). Both speak of devices by name, so that
 * a device that does not exist yet can be planned with: wherever the loader's structs have an
 * ifindex, these hold a number of the name table that both states share.
 */
struct sv_names {
	char (*name)[16];
	size_t n;
};
/* The number of a name, 1 …; added when new. 0: out of memory. */
__u32 sv_names_add(struct sv_names *names, const char *name);
__u32 sv_names_find(const struct sv_names *names, const char *name); /* 0: not there */
const char *sv_names_get(const struct sv_names *names, __u32 number);
void sv_names_fini(struct sv_names *names);

struct sv_host_port {
	__u32 name;
	enum sv_port_role role;
	bool xdp; /* some attachment here, or one that leads here, is served by XDP */
	bool made; /* desired: we make the device (VNode, export); else it must be there: see
		      `missing` */
	bool refused; /* desired, by sv_host_resolve(): our programs cannot be put on it now */
	bool missing; /* desired, by sv_host_resolve(): not made by us and not there, or refused and
		       * without our programs */
	bool up;
	bool exists; /* actual: the device is there. desired: true */
	bool attached; /* actual: our programs are on it. desired: true */
};

struct sv_host_vnode {
	struct sv_vnode_spec spec; /* actual: only vnet, name, driver, tier and json are filled */
	enum sv_vnode_state state; /* desired: RUNNING */
	char clone_vnet[SV_NAME]; /* desired: make it from this VNode, "" = from its spec */
	char clone_name[SV_NAME];
	/* desired: it cannot be made or changed now. It stays as it is, the rest goes on: what is
	 * not there of it is `missing`. */
	bool left_out;
	bool ports_left_out; /* desired: nor can our programs be put on its ports */
};

struct sv_host_attach {
	struct sv_attach_spec spec; /* names for ifindexes; desired: val.id 0 = any, val.edge 0 */
	__u32 edge_port; /* desired: LEARN, GATED: the edge attachment whose id is val.edge */
	__u16 edge_vlan;
	char vnet[SV_NAME]; /* for people; a shared edge has its production's */
	char segment[SV_NAME];
	char why[96]; /* desired: why XDP or TC */
};

struct sv_host_session {
	__u16 number;
	/* Name for ifindex. `up` of a device is the watcher's and not compared; `tap` is chosen by
	 * sv_host_resolve(). */
	struct sv_session val;
	/* desired, by sv_host_resolve(): its device is, or no rings are free. What there is of it
	 * stays, and is shed. */
	bool missing;
	char name[SV_NAME];
};

/*
 * A veth pair through which a session's copies leave for a collector (maps/export.h). `outer` takes
 * the copies like a monitor's interface and is a port of role VNODE, so that its losses are counted
 * and nothing ever comes in by it; `inner`, its other end, is a port of role EXPORT. agent/export.c
 * makes the pair, both ends down, with its MTU, offloads and sv_export entry, and removes it; the
 * plan attaches the programs and brings both ends up, like any port of a VNode.
 */
struct sv_host_export {
	__u16 number; /* of the session */
	__u32 outer, inner; /* names "svx<number>", "svy<number>" */
	__u32 mtu; /* of both; desired: takes the VNet's longest frame with a tag of its own inside
		    */
	__u32 longest; /* desired: bytes of a copy, snap applied: must fit the way, with headers */
	/* desired: kind, remote, port and id; `local`, `ttl` and `mtu` are the maker's to find.
	 * actual: what sv_export_get() says of `inner`, all 0 when nothing. */
	struct sv_export val;
	bool left_out; /* desired: it cannot be made now, the rest goes on */
	char name[SV_NAME]; /* desired: of the session */
};

struct sv_host_group {
	__u16 slot;
	char name[SV_NAME];
	bool edge; /* this host has an edge of it */
	__u8 role; /* desired: who is heard when the maps are new; actual: who is heard */
	bool fresh; /* actual: the gate's maps are new and must be given their role */
};

struct sv_host_state {
	struct sv_names *names; /* shared, not owned */
	uint32_t when_busy; /* percent of a busy CPU's time for selection */
	size_t n_port, n_vnode, n_attach, n_session, n_export, n_group;
	struct sv_host_port *port;
	struct sv_host_vnode *vnode;
	struct sv_host_attach *attach;
	struct sv_host_session *session;
	struct sv_host_export *export;
	struct sv_host_group *group;
};
void sv_host_state_fini(struct sv_host_state *state);

/*
 * What `net` asks of a host. Pure. -ENOENT: no such host; -ENOSPC: more than an attachment holds.
 * Tiers are as sv_host_tiers() sets them when everybody is heard who was confirmed last.
 */
int sv_host_compile(struct sv_host_state *out, struct sv_names *names, const struct sv_net *net,
		    const char *host, struct sv_err *err);
/* Tiers follow the gates: live[g] is the role heard in net->group[g], 0 = nobody (production keeps
 * its tier then). On a host without an edge of the group the agent learns it from the others. */
void sv_host_tiers(struct sv_host_state *state, const struct sv_net *net, const uint8_t *live);
/*
 * To be called between compile and plan: gives every attachment its id (the one it has in `actual`,
 * else the lowest that neither uses) and `edge`, every session with rings its tap (alike), and
 * takes out what needs a device that is not made by us and is not there (`missing`), so that one
 * lost trunk does not stop the rest.
 */
int sv_host_resolve(struct sv_host_state *desired, const struct sv_host_state *actual,
		    struct sv_err *err);

/* ---- the plan ---- */

/* The one table of operations: X(enumerator, name). Their order here is not their order in
 * a plan. */
#define SV_OPS(X)                                                                                  \
	X(GATE_HOLD, "gate-hold") /* a new group starts with HOLD */                               \
	X(VNODE_DEFINE, "vnode-define")                                                            \
	X(VNODE_CLONE, "vnode-clone")                                                              \
	X(VNODE_UPDATE, "vnode-update")                                                            \
	X(VNODE_TIER, "vnode-tier")                                                                \
	X(VNODE_START, "vnode-start")                                                              \
	X(VNODE_DESTROY, "vnode-destroy")                                                          \
	X(EXPORT_MAKE, "export-make") /* the pair for a collector; also to change it */            \
	X(EXPORT_DROP, "export-drop")                                                              \
	X(PORT_ATTACH, "port-attach") /* programs on, offloads set; also to change XDP */          \
	X(PORT_UP, "port-up")                                                                      \
	X(PORT_DOWN, "port-down")                                                                  \
	X(PORT_DETACH, "port-detach")                                                              \
	X(SESSION_SET, "session-set")                                                              \
	X(SESSION_DEL, "session-del")                                                              \
	X(ATTACH_SET, "attach-set") /* one operation for all of them: a batch */                   \
	X(ATTACH_DEL, "attach-del")                                                                \
	X(GATE_OPEN, "gate-open") /* a fresh group to its confirmed role */                        \
	X(GATE_CLEAR, "gate-clear") /* of the actual state: a group that is gone, words to 0 */

#define SV_OP_ENUM(id, name) SV_OP_##id,
enum sv_op_kind { SV_OPS(SV_OP_ENUM) SV_OP__COUNT };

struct sv_op {
	enum sv_op_kind kind;
	/* Indices into the desired state for what is made or changed, into the actual one for what
	 * goes; ATTACH_SET and ATTACH_DEL have several. */
	size_t n;
	size_t *index;
	char text[160]; /* for `svnet plan`: "attach-set edge0 untagged: A, shadow B (xdp)" */
};

struct sv_plan {
	size_t n;
	struct sv_op *op;
};
void sv_plan_fini(struct sv_plan *plan);

/*
 * The ordered operations from actual to desired. Pure, and empty when they agree. The order keeps a
 * shadow silent and production whole at every step, and after a crash at any step:
 *
 *	what goes   ports of shadows down; attachments that no longer lead there set or deleted;
 *	            sessions deleted; programs detached; VNodes destroyed
 *	what comes  gates of new groups hold; VNodes defined (host sides down); programs attached;
 *	            sessions; attachments; ports up; VNodes started; fresh gates to their role
 *
 * An attachment that stays is changed in place, in one batch with the new ones; deletions of
 * devices happen only after no attachment names them.
 */
int sv_plan_make(struct sv_plan *plan, const struct sv_host_state *desired,
		 const struct sv_host_state *actual, struct sv_err *err);

const char *sv_op_name(enum sv_op_kind kind);

#endif
