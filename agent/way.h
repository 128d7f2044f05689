/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_WAY_H
#define SV_AGENT_WAY_H

#include <linux/types.h>
#include <stdbool.h>

#include "loader/err.h"

/* The host's way to an IPv4 address, in the caller's network namespace: asked of the kernel. */
struct sv_way {
	__u32 dev; /* ifindex it leaves by */
	char dev_name[16];
	__be32 local; /* source address */
	__u32 mtu; /* of the route, else of the device */
	/* Next hop, whose MAC address has to be known. */
	int family; /* AF_INET, AF_INET6 */
	unsigned char hop[16];
};

/* -ENETUNREACH: no route, or one that leads to this host itself, or to more than one host. */
int sv_way_find(struct sv_way *way, __be32 remote, struct sv_err *err);

/*
 * Does what leaves by `dev` come out of a device for which is_edge() says so? Looks at what a VLAN,
 * bridge, bond or macvlan stands on; of a device whose inside cannot be seen, a tunnel, nobody can
 * say no: -EPERM either way, with the text.
 */
int sv_way_check_edges(__u32 dev, bool (*is_edge)(void *arg, __u32 ifindex), void *arg,
		       struct sv_err *err);

/*
 * Has the kernel find out the next hop's MAC address, or look whether an old one still holds, as it
 * would when a packet of its own were to be sent. Returns at once.
 */
int sv_way_probe(const struct sv_way *way, struct sv_err *err);

#endif
