/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_RTNL_H
#define SV_AGENT_VNODE_RTNL_H

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "netns.h"

/* A netlink socket of a namespace that keeps the kernel's own words about what it refused. */
struct sv_rtnl {
	struct nl_sock *sk;
	int error; /* -errno of the last call */
	char text[160];
	struct sv_nldump *dump; /* where a dump in progress goes */
};

/* What a dump returned. */
struct sv_nldump {
	struct nlmsghdr **msg;
	size_t n;
};

int sv_rtnl_open(struct sv_rtnl *rtnl, int netns, int protocol);
void sv_rtnl_close(struct sv_rtnl *rtnl);
/* Sends, waits for the answer, frees the message. NULL message: -ENOMEM. */
int sv_rtnl_call(struct sv_rtnl *rtnl, struct nl_msg *msg);
/* As sv_rtnl_call(), for one object: `msg` is without NLM_F_ACK. */
int sv_rtnl_ask(struct sv_rtnl *rtnl, struct nl_msg *msg, struct sv_nldump *answer);
int sv_rtnl_dump(struct sv_rtnl *rtnl, int type, const void *header, size_t len,
		 struct sv_nldump *dump);
void sv_nldump_fini(struct sv_nldump *dump);

#endif
