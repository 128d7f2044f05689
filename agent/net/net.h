/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_NET_H
#define SV_AGENT_NET_H

#include "agent/vnode/vnode.h"
#include "doc.h"
#include "maps/attach.h"
#include "maps/cpu.h"

/*
 * The network as a whole, with shadows and monitoring VNets spelt out: what a document means. Pure
 * data; indices instead of pointers between objects. Names are NUL-terminated.
 */
#define SV_NAME 32

enum sv_vnet_kind {
	SV_VNET_PRODUCTION,
	SV_VNET_SHADOW,
	SV_VNET_MONITOR,
};
enum sv_datapath {
	SV_DATAPATH_AUTO,
	SV_DATAPATH_XDP,
	SV_DATAPATH_TC,
};

struct sv_net_port {
	char name[16]; /* the device */
	enum sv_port_role role; /* trunk or edge */
	bool mirror; /* an edge that only hears: the mirror port of a switch feeds it */
	uint32_t mtu;
};

struct sv_net_host {
	char name[SV_NAME];
	uint32_t when_busy; /* percent of a busy CPU's time for selection, 0 … 100 */
	size_t n_port;
	struct sv_net_port *port;
};

struct sv_net_trunk { /* a substrate link */
	int host[2], port[2];
};

struct sv_net_end { /* an interface of a VNode of the same VNet */
	int vnode, iface;
};

/* A virtual link (edge_host = -1) or an edge with the interfaces behind it. */
struct sv_net_segment {
	char name[SV_NAME];
	uint32_t id; /* network-wide, never given twice: the data plane's name for it */
	uint16_t vid; /* its VLAN on every trunk it crosses, 0 = it crosses none */
	uint32_t mtu;
	int edge_host, edge_port;
	uint16_t edge_vlan; /* 0 = untagged */
	size_t n_end;
	struct sv_net_end *end;
};

struct sv_net_vnode {
	struct sv_vnode_spec spec; /* iface[].xdp is filled by sv_host_compile() */
	int host;
};

struct sv_net_vnet {
	char name[SV_NAME];
	enum sv_vnet_kind kind;
	enum sv_datapath datapath;
	int of; /* SHADOW: of which VNet, else -1 */
	int group; /* -1: no edge, no shadow */
	uint8_t role;
	size_t n_vnode, n_segment;
	struct sv_net_vnode *vnode;
	struct sv_net_segment *segment;
};

struct sv_net_group {
	char name[SV_NAME];
	uint16_t slot;
	int production; /* VNet that is heard when nobody ever flipped */
	uint8_t role; /* who is heard after a reboot: the last one confirmed, 0 = held */
};

enum {
	SV_DIR_IN = 1 << 0, /* towards the VNode; the same as SV_POINT_IN */
	SV_DIR_OUT = 1 << 1,
};

enum sv_target {
	SV_TARGET_INTERFACE, /* of a monitoring VNet */
	SV_TARGET_RING, /* a tap on each host, read there */
	SV_TARGET_VXLAN, /* a remote collector */
	SV_TARGET_ERSPAN,
};

struct sv_net_session {
	char name[SV_NAME];
	uint16_t number;
	int vnet; /* whose packets */
	int direction; /* SV_DIR_* */
	size_t n_at;
	struct sv_net_end *at; /* the interfaces it taps */
	enum sv_target target;
	int monitor; /* INTERFACE: VNet of the target, else -1 */
	char iface[16]; /* INTERFACE: of the monitor's VNode on the same host as the tap */
	uint32_t address_be; /* VXLAN, ERSPAN: the collector, IPv4 */
	uint16_t port; /* VXLAN: UDP */
	int64_t id; /* VXLAN: VNI, ERSPAN: session ID; -1: the session's number */
	char *filter; /* pcap-filter expression, NULL = everything */
	uint32_t sample; /* 1 in so many; 1 = all */
	bool flows; /* of flows, not of packets */
	uint16_t snap; /* bytes kept of a copy, 0 = all */
	uint8_t priority; /* 0 … 7, higher first */
	bool left_out; /* the caller's: it cannot be had now, and taps nothing */
	uint64_t budget_pps, budget_bps; /* copies, or their bits, a second and host; 0 = no limit
					  */
};

struct sv_net {
	uint16_t vlan_from, vlan_to; /* the pool */
	size_t n_host, n_trunk, n_vnet, n_group, n_session;
	struct sv_net_host *host;
	struct sv_net_trunk *trunk;
	struct sv_net_vnet *vnet;
	struct sv_net_group *group;
	struct sv_net_session *session;
};

/* Reads a complete document. -EINVAL with every problem; *net is untouched then. */
int sv_net_load(struct sv_net **net, const cJSON *doc, struct sv_problems *problems,
		struct sv_err *err);
void sv_net_free(struct sv_net *net);

#endif
