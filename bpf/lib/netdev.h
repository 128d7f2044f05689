/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_NETDEV_H
#define SV_BPF_NETDEV_H

#include "helpers.h"

/* What tracepoints tell of a device, of the kernel's own structs. */

/*
 * Inode of our network namespace, set before loading. Tracepoints fire for the whole machine, and
 * interface numbers repeat from one namespace to the next. 0 = every namespace.
 */
const volatile __u32 sv_netns_inum = 0;

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

#endif
