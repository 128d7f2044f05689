/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_NET_INTERNAL_H
#define SV_AGENT_NET_INTERNAL_H

#include "loader/cleanup.h"
#include "net.h"

/* What the files of this folder share, and nobody else needs. */

/* ---- problems.c: where in a document something is wrong ---- */

/* A path from the root, built on the stack on the way down; the root has up = NULL and key
 * = NULL. */
struct sv_path {
	const struct sv_path *up;
	const char *key;
};
#define SV_PATH(parent, name) (&(const struct sv_path){ .up = (parent), .key = (name) })

/* Adds "path: text". Returns -EINVAL, or -ENOMEM. problems may be NULL. */
int sv_problem_add(struct sv_problems *problems, const struct sv_path *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- json.c: cJSON with care ---- */

/* Exact case, NULL when not there or `object` is NULL. */
cJSON *sv_json_get(const cJSON *object, const char *key);
const char *sv_json_str(const cJSON *object, const char *key); /* NULL: none */
uint64_t sv_json_num(const cJSON *object, const char *key); /* 0: none */
/* The member `key` as an object, made when it is not one. NULL: out of memory. */
cJSON *sv_json_object(cJSON *object, const char *key);
/* Takes item, also on failure (-ENOMEM). Replaces what was there. */
int sv_json_set(cJSON *object, const char *key, cJSON *item);
void sv_json_del(cJSON *object, const char *key);
/* RFC 7396: what `target` becomes; a new tree. NULL: out of memory. */
cJSON *sv_json_merge(const cJSON *target, const cJSON *patch);
void sv_json_cleanup(cJSON **json);
#define _cleanup_json_ _cleanup_(sv_json_cleanup)

/* ---- load.c ---- */

/* One more zeroed element at the end of an array. NULL: out of memory. */
void *sv_grow(void *array_ptr, size_t *n, size_t size);

struct sv_load {
	struct sv_net *net;
	struct sv_problems *problems;
	bool nomem;
};
void sv_load_bad(struct sv_load *l, const struct sv_path *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Everything but what is allocated. -EINVAL with every problem. */
int sv_net_build(struct sv_net **net, const cJSON *doc, struct sv_problems *problems,
		 struct sv_err *err);
/* Unknown members, members given twice, not an object. */
bool sv_load_members(struct sv_load *l, const struct sv_path *at, const cJSON *object,
		     const char *const known[]);
bool sv_load_name(struct sv_load *l, const struct sv_path *at, const char *name, size_t max);
/* `none` when the member is not there, or bad (a problem then). */
int64_t sv_load_int(struct sv_load *l, const struct sv_path *at, const cJSON *object,
		    const char *key, int64_t none, int64_t min, int64_t max);
const char *sv_load_string(struct sv_load *l, const struct sv_path *at, const cJSON *object,
			   const char *key);
uint32_t sv_load_mtu(struct sv_load *l, const struct sv_path *at, const cJSON *object);
bool sv_load_host_port(struct sv_load *l, const struct sv_path *at, const cJSON *item,
		       enum sv_port_role role, int *host, int *port);
/* parse.c: hosts, substrate links, VLAN pool. */
void sv_load_substrate(struct sv_load *l, const cJSON *network);
void sv_load_groups(struct sv_load *l, const cJSON *network);
/* parse_vnet.c: one VNet from its JSON. */
void sv_load_vnet(struct sv_load *l, const struct sv_path *at, const char *name, const cJSON *json,
		  enum sv_vnet_kind kind, int of);
/* parse_xen.c: the domain of a VNode whose driver is "xen", of spec->driver set already. */
void sv_load_xen(struct sv_load *l, const struct sv_path *at, const cJSON *json,
		 struct sv_vnode_spec *spec);
/* expand.c: shadows, and the monitoring VNets that sessions need. */
void sv_load_shadows(struct sv_load *l, const cJSON *doc);
void sv_load_monitors(struct sv_load *l, const cJSON *doc);
/* session.c */
void sv_load_sessions(struct sv_load *l, const cJSON *doc);
/* points.c: NULL = all. */
void sv_load_points(struct sv_load *l, const struct sv_path *at, struct sv_net_session *session,
		    const cJSON *points);
/* check.c: what can only be said about the network as a whole. */
void sv_load_check(struct sv_load *l);
/* Of no two VNodes of a host one writes to the other's. */
void sv_load_check_disks(struct sv_load *l);

int sv_parse_mac(const char *text, uint8_t mac[6]);
int sv_parse_rate(const char *text, uint32_t *kbit);
/* "packets/100", "flows/256". */
int sv_parse_sample(const char *text, bool *flows, uint32_t *n);
/* "10000pps" or "5mbit", the other one 0. -ERANGE: not what a host could do. */
int sv_parse_budget(const char *text, uint64_t *pps, uint64_t *bps);
/* A host's IPv4 address. */
int sv_parse_host_address(const char *text, uint32_t *address_be);
/* Names that cannot be a monitor's: targets of their own. -1: none of them. */
int sv_target_find(const char *name);
/* "HOST:PORT", "VNODE:INTERFACE": splits at the first colon. */
int sv_parse_pair(const char *text, char *a, size_t a_size, char *b, size_t b_size);

/* ---- tree.c: how a segment spans hosts ---- */

/* used[i]: trunk i carries the segment. Returns how many, or -EHOSTUNREACH with *host the first
 * host that cannot be reached, or -ENOMEM. */
int sv_tree_segment(const struct sv_net *net, const struct sv_net_vnet *vnet,
		    const struct sv_net_segment *segment, bool *used, int *host);
int sv_tree_root(const struct sv_net_vnet *vnet, const struct sv_net_segment *segment);
/* up[h]: trunk towards `root`, -1 for the root itself and for hosts out of reach (dist[h] < 0). */
int sv_tree_bfs(const struct sv_net *net, int root, int *up, int *dist);

/* ---- alloc.c ---- */

#define SV_SLOT_NONE 0xffff

/* From "alloc" into the net. With problems: what is missing is one. */
int sv_alloc_fill(struct sv_net *net, const cJSON *doc, struct sv_problems *problems);

/* ---- find ---- */

int sv_net_find_host(const struct sv_net *net, const char *name);
int sv_net_find_port(const struct sv_net_host *host, const char *name);
int sv_net_find_vnet(const struct sv_net *net, const char *name);
int sv_net_find_vnode(const struct sv_net_vnet *vnet, const char *name);
int sv_net_find_iface(const struct sv_net_vnode *vnode, const char *name);
int sv_net_find_segment(const struct sv_net_vnet *vnet, const char *name);
int sv_net_find_group(const struct sv_net *net, const char *name);
/* The segment an interface is an end of, or -1. */
int sv_net_segment_of(const struct sv_net_vnet *vnet, int vnode, int iface);
/* The member of a group with a role, or -1. */
int sv_net_member(const struct sv_net *net, int group, int role);
bool sv_net_is_external(const struct sv_net_vnode *vnode);
bool sv_net_is_xen(const struct sv_net_vnode *vnode);

#endif
