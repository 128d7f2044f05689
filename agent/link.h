/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_LINK_H
#define SV_AGENT_LINK_H

#include <linux/types.h>
#include <stdbool.h>

#include "loader/err.h"

/*
 * Network devices of the agent's own network namespace, by netlink and ioctl; never by sysfs, which
 * shows another namespace's devices.
 */
struct sv_link;

struct sv_link_info {
	__u32 ifindex;
	__u32 mtu;
	bool up;
	bool carrier; /* IFF_LOWER_UP: for a veth, that the other end is up */
	__u32 master; /* the bridge, bond … that it is a port of; 0: none */
};

int sv_link_open(struct sv_link **out, struct sv_err *err);
void sv_link_close(struct sv_link *link);

/* -ENODEV: no such device. */
int sv_link_get(struct sv_link *link, const char *name, struct sv_link_info *info,
		struct sv_err *err);
__u32 sv_link_index(const char *name); /* 0: no such device */
bool sv_link_name(__u32 ifindex, char name[16]); /* false: no such device */
/* By its number, since a name may be another device's by now; `name` is for the message. */
int sv_link_set_up(struct sv_link *link, __u32 ifindex, const char *name, bool up,
		   struct sv_err *err);
int sv_link_set_mtu(struct sv_link *link, const char *name, __u32 mtu, struct sv_err *err);

/*
 * What a trunk or an edge needs so that XDP sees whole frames: VLAN tags left in the frame, GRO on
 * so that XDP frames are received. `finish`: the device finishes checksums before it sends (a veth
 * trunk, or an unfinished checksum would reach another host's XDP). What a device cannot do is
 * left.
 */
int sv_link_set_offloads(const char *name, bool finish, struct sv_err *err);
bool sv_link_is_veth(const char *name);

/* A descriptor that becomes readable when a link has changed, and the call that empties it. */
int sv_link_watch_fd(const struct sv_link *link);
void sv_link_watch_drain(struct sv_link *link);

#endif
