/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_COPY_H
#define SV_AGENT_VNODE_COPY_H

#include "rtnl.h"

/*
 * Copying what the kernel holds for one network namespace to another: each object is dumped as a
 * netlink message, stripped of what is not configuration, given the other side's interface numbers,
 * and sent as the request that makes it.
 */
struct sv_copy_link {
	int from, to; /* ifindex; to 0: not there */
	char name[16];
};

struct sv_copy {
	const struct sv_vn *source, *target;
	int from_ns, to_ns;
	struct sv_rtnl from, to;
	struct sv_copy_link *link;
	size_t n_link;
	FILE *report;
};

int sv_copy_open(struct sv_copy *copy, struct sv_err *err);
void sv_copy_close(struct sv_copy *copy);
/* Reads both sides' links and pairs them by name. */
int sv_copy_pair_links(struct sv_copy *copy, struct sv_err *err);
const struct sv_copy_link *sv_copy_link_of(const struct sv_copy *copy, int from);

/* A line of the report. */
void sv_copy_not(const struct sv_copy *copy, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* How a kind of object is copied. */
struct sv_copy_kind {
	const char *what;
	int get, new, del; /* message types; del 0: what the target has more stays */
	int flags; /* of the request that makes one */
	bool newest_first; /* a dump begins with what was made last */
	bool by_link; /* a dump's header is a struct tcmsg that names the link */
	/*
	 * Appends header and attributes of `h` to `out` for the target (mapped), or as they are
	 * (not mapped: a dump of the target, to compare). > 0: it is none of ours; < 0: it cannot
	 * be copied and `why` says the reason.
	 */
	int (*build)(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
		     struct nl_msg *out, const char **why);
	/* Names it for the report. */
	void (*print)(const struct sv_copy *copy, const struct nlmsghdr *h, char *text,
		      size_t size);
};

/* Copies all that a dump with this header returns. Objects wait for those they need. */
int sv_copy_all(struct sv_copy *copy, const struct sv_copy_kind *kind, const void *header,
		size_t len, struct sv_err *err);

/* The ifindex on the other side; 0: it has none. */
int sv_copy_ifindex(const struct sv_copy *copy, int ifindex, bool mapped);
/* Appends one attribute as it is, with its flags. */
int sv_copy_attr(struct nl_msg *out, const struct nlattr *a);

/* copy_ip.c, copy_tc.c, copy_sysctl.c */
int sv_copy_addresses(struct sv_copy *copy, struct sv_err *err);
int sv_copy_routing(struct sv_copy *copy, struct sv_err *err);
int sv_copy_neighbours(struct sv_copy *copy, struct sv_err *err);
int sv_copy_tc(struct sv_copy *copy, struct sv_err *err);
int sv_copy_sysctls(struct sv_copy *copy, struct sv_err *err);

#endif
