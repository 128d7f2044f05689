/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses, rules, routes, neighbours. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <string.h>

#include "copy.h"

static const char no_link[] = "its interface is not in the clone";

static void print_address(char *text, size_t size, int family, const struct nlattr *a, int bits)
{
	char ip[INET6_ADDRSTRLEN] = "default";

	if (a)
		inet_ntop(family, nla_data(a), ip, sizeof(ip));
	if (bits >= 0 && a)
		snprintf(text, size, "%s/%d", ip, bits);
	else
		snprintf(text, size, "%s", ip);
}

static const struct nlattr *find(const struct nlmsghdr *h, int header, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)h, header, type);
}

#define for_each_attr(a, h, header)                                                                \
	for (int _left = nlmsg_attrlen(h, header), _go = ((a) = nlmsg_attrdata(h, header), 1);     \
	     _go && nla_ok(a, _left); (a) = nla_next(a, &_left))

/* ---- addresses ---- */

static int build_address(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
			 struct nl_msg *out, const char **why)
{
	struct ifaddrmsg ifa = *(struct ifaddrmsg *)nlmsg_data(h);
	const struct nlattr *a = find(h, sizeof(ifa), IFA_FLAGS);
	uint32_t flags = a ? nla_get_u32(a) : ifa.ifa_flags;

	/* Made by the kernel from a router's advertisements; for IPv4 the bit says "secondary". */
	if (ifa.ifa_family == AF_INET6 && flags & IFA_F_TEMPORARY)
		return 1;
	ifa.ifa_index = sv_copy_ifindex(copy, ifa.ifa_index, mapped);
	if (!ifa.ifa_index) {
		*why = no_link;
		return -ENODEV;
	}
	flags &= IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;
	/* Nobody may be asked whether a clone's address is free: it is not. */
	if (ifa.ifa_family == AF_INET6)
		flags |= IFA_F_NODAD;
	ifa.ifa_flags = flags;
	nlmsg_append(out, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
	for_each_attr(a, h, sizeof(ifa))
	{
		const struct ifa_cacheinfo *ci = nla_data(a);

		switch (nla_type(a)) {
		case IFA_CACHEINFO: /* lifetimes; the rest of it is history */
			if (ci->ifa_valid == UINT32_MAX)
				break;
			sv_copy_attr(out, a);
			break;
		case IFA_FLAGS:
		case IFA_TARGET_NETNSID:
			break;
		default:
			sv_copy_attr(out, a);
		}
	}
	nla_put_u32(out, IFA_FLAGS, flags);
	return 0;
}

static void show_address(const struct sv_copy *copy, const struct nlmsghdr *h, char *text,
			 size_t size)
{
	const struct ifaddrmsg *ifa = nlmsg_data(h);
	const struct sv_copy_link *link = sv_copy_link_of(copy, ifa->ifa_index);
	char ip[64];

	print_address(ip, sizeof(ip), ifa->ifa_family, find(h, sizeof(*ifa), IFA_ADDRESS),
		      ifa->ifa_prefixlen);
	snprintf(text, size, "%s dev %s", ip, link ? link->name : "?");
}

static const struct sv_copy_kind addresses4 = {
	.what = "address",
	.get = RTM_GETADDR,
	.new = RTM_NEWADDR,
	.flags = NLM_F_CREATE | NLM_F_REPLACE,
	.build = build_address,
	.print = show_address,
};

/* The newest is first in the list, and first to be chosen as a source. */
static const struct sv_copy_kind addresses6 = {
	.what = "address",
	.get = RTM_GETADDR,
	.new = RTM_NEWADDR,
	.flags = NLM_F_CREATE | NLM_F_REPLACE,
	.newest_first = true,
	.build = build_address,
	.print = show_address,
};

int sv_copy_addresses(struct sv_copy *copy, struct sv_err *err)
{
	struct ifaddrmsg ifa4 = { .ifa_family = AF_INET }, ifa6 = { .ifa_family = AF_INET6 };
	int rc = sv_copy_all(copy, &addresses4, &ifa4, sizeof(ifa4), err);

	return rc ?: sv_copy_all(copy, &addresses6, &ifa6, sizeof(ifa6), err);
}

/* ---- rules ---- */

static int build_rule(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
		      struct nl_msg *out, const char **why)
{
	struct fib_rule_hdr rule = *(struct fib_rule_hdr *)nlmsg_data(h);
	const struct nlattr *a;

	(void)copy;
	(void)mapped;
	(void)why;
	rule.flags &= FIB_RULE_INVERT;
	nlmsg_append(out, &rule, sizeof(rule), NLMSG_ALIGNTO);
	for_each_attr(a, h, sizeof(rule)) sv_copy_attr(out, a);
	return 0;
}

static void show_rule(const struct sv_copy *copy, const struct nlmsghdr *h, char *text, size_t size)
{
	const struct nlattr *a = find(h, sizeof(struct fib_rule_hdr), FRA_PRIORITY);

	(void)copy;
	snprintf(text, size, "%u", a ? nla_get_u32(a) : 0);
}

static const struct sv_copy_kind rules = {
	.what = "rule",
	.get = RTM_GETRULE,
	.new = RTM_NEWRULE,
	.del = RTM_DELRULE,
	.flags = NLM_F_CREATE | NLM_F_EXCL,
	.build = build_rule,
	.print = show_rule,
};

/* ---- routes ---- */

enum { HOP_FLAGS = RTNH_F_ONLINK | RTNH_F_PERVASIVE };

static int put_multipath(const struct sv_copy *copy, const struct nlattr *a, bool mapped,
			 struct nl_msg *out)
{
	_cleanup_free_ char *hops = malloc(nla_len(a));
	struct rtnexthop *hop;
	int left = nla_len(a);

	if (!hops)
		return -ENOMEM;
	memcpy(hops, nla_data(a), left);
	for (hop = (struct rtnexthop *)hops; left > 0 && RTNH_OK(hop, left);) {
		hop->rtnh_flags &= HOP_FLAGS;
		hop->rtnh_ifindex = sv_copy_ifindex(copy, hop->rtnh_ifindex, mapped);
		if (!hop->rtnh_ifindex)
			return -ENODEV;
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return nla_put(out, RTA_MULTIPATH, nla_len(a), hops);
}

static int put_route_attr(const struct sv_copy *copy, const struct nlattr *a, bool mapped,
			  struct nl_msg *out)
{
	int ifindex;

	switch (nla_type(a)) {
	case RTA_OIF:
	case RTA_IIF:
		ifindex = sv_copy_ifindex(copy, nla_get_u32(a), mapped);
		return ifindex ? nla_put_u32(out, nla_type(a), ifindex) : -ENODEV;
	case RTA_MULTIPATH:
		return put_multipath(copy, a, mapped, out);
	case RTA_CACHEINFO:
	case RTA_NH_ID: /* copied as a plain route */
		return 0;
	default:
		return sv_copy_attr(out, a);
	}
}

static bool expires(const struct nlmsghdr *h)
{
	const struct nlattr *a = find(h, sizeof(struct rtmsg), RTA_CACHEINFO);

	return a && ((const struct rta_cacheinfo *)nla_data(a))->rta_expires;
}

static int build_route(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
		       struct nl_msg *out, const char **why)
{
	struct rtmsg rt = *(struct rtmsg *)nlmsg_data(h);
	const struct nlattr *a;

	if (rt.rtm_family != AF_INET && rt.rtm_family != AF_INET6)
		return 1;
	/* Cached ones, and those which an address or a device brings with it. */
	if (rt.rtm_flags & RTM_F_CLONED ||
	    (rt.rtm_table == RT_TABLE_LOCAL && rt.rtm_protocol == RTPROT_KERNEL))
		return 1;
	if (expires(h)) {
		*why = "it expires; a router advertises it again";
		return -ENOTSUP;
	}
	rt.rtm_flags &= HOP_FLAGS;
	nlmsg_append(out, &rt, sizeof(rt), NLMSG_ALIGNTO);
	for_each_attr(a, h, sizeof(rt))
	{
		if (put_route_attr(copy, a, mapped, out)) {
			*why = no_link;
			return -ENODEV;
		}
	}
	return 0;
}

static void show_route(const struct sv_copy *copy, const struct nlmsghdr *h, char *text,
		       size_t size)
{
	const struct rtmsg *rt = nlmsg_data(h);
	const struct nlattr *table = find(h, sizeof(*rt), RTA_TABLE);
	char to[64];

	(void)copy;
	print_address(to, sizeof(to), rt->rtm_family, find(h, sizeof(*rt), RTA_DST),
		      rt->rtm_dst_len);
	snprintf(text, size, "%s table %u", to, table ? nla_get_u32(table) : rt->rtm_table);
}

static const struct sv_copy_kind routes = {
	.what = "route",
	.get = RTM_GETROUTE,
	.new = RTM_NEWROUTE,
	.del = RTM_DELROUTE,
	.flags = NLM_F_CREATE | NLM_F_APPEND,
	.build = build_route,
	.print = show_route,
};

/* The kernel takes none for a device without carrier, which a clone's is until it is connected. */
static int report_nexthops(struct sv_copy *copy)
{
	struct nhmsg nh = { .nh_family = AF_UNSPEC };
	_cleanup_(sv_nldump_fini) struct sv_nldump dump = { 0 };
	int rc = sv_rtnl_dump(&copy->from, RTM_GETNEXTHOP, &nh, sizeof(nh), &dump);

	if (!rc && dump.n)
		sv_copy_not(copy, "%zu nexthop object%s; their routes are copied as plain ones",
			    dump.n, dump.n == 1 ? "" : "s");
	return rc == -EOPNOTSUPP ? 0 : rc;
}

int sv_copy_routing(struct sv_copy *copy, struct sv_err *err)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	int rc = report_nexthops(copy);
	size_t i;

	if (rc)
		return sv_err_set(err, rc, "reading nexthop objects: %s", strerror(-rc));
	for (i = 0; i < 2 && !rc; i++) {
		struct fib_rule_hdr rule = { .family = families[i] };
		struct rtmsg rt = { .rtm_family = families[i] };

		rc = sv_copy_all(copy, &rules, &rule, sizeof(rule), err);
		rc = rc ?: sv_copy_all(copy, &routes, &rt, sizeof(rt), err);
	}
	return rc;
}

/* ---- neighbours ---- */

static int learned_state(int state)
{
	if (state & NUD_PERMANENT)
		return NUD_PERMANENT;
	if (state & NUD_REACHABLE)
		return NUD_REACHABLE;
	return state & (NUD_STALE | NUD_DELAY | NUD_PROBE) ? NUD_STALE : 0;
}

static int build_neighbour(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
			   struct nl_msg *out, const char **why)
{
	struct ndmsg nd = *(struct ndmsg *)nlmsg_data(h);
	bool proxy = nd.ndm_flags & NTF_PROXY;
	const struct nlattr *a;

	if (nd.ndm_family != AF_INET && nd.ndm_family != AF_INET6)
		return 1;
	nd.ndm_state = proxy ? 0 : learned_state(nd.ndm_state);
	if (!proxy && !nd.ndm_state)
		return 1;
	nd.ndm_ifindex = sv_copy_ifindex(copy, nd.ndm_ifindex, mapped);
	if (!nd.ndm_ifindex) {
		*why = no_link;
		return -ENODEV;
	}
	nd.ndm_flags &= NTF_PROXY | NTF_ROUTER | NTF_EXT_LEARNED;
	nd.ndm_type = 0;
	nlmsg_append(out, &nd, sizeof(nd), NLMSG_ALIGNTO);
	for_each_attr(a, h, sizeof(nd)) if (nla_type(a) == NDA_DST || nla_type(a) == NDA_LLADDR ||
					    nla_type(a) == NDA_PROTOCOL) sv_copy_attr(out, a);
	return 0;
}

static void show_neighbour(const struct sv_copy *copy, const struct nlmsghdr *h, char *text,
			   size_t size)
{
	const struct ndmsg *nd = nlmsg_data(h);
	const struct sv_copy_link *link = sv_copy_link_of(copy, nd->ndm_ifindex);
	char ip[64];

	print_address(ip, sizeof(ip), nd->ndm_family, find(h, sizeof(*nd), NDA_DST), -1);
	snprintf(text, size, "%s dev %s", ip, link ? link->name : "?");
}

static const struct sv_copy_kind neighbours = {
	.what = "neighbour",
	.get = RTM_GETNEIGH,
	.new = RTM_NEWNEIGH,
	.flags = NLM_F_CREATE | NLM_F_REPLACE,
	.build = build_neighbour,
	.print = show_neighbour,
};

int sv_copy_neighbours(struct sv_copy *copy, struct sv_err *err)
{
	static const unsigned char families[] = { AF_INET, AF_INET6 };
	size_t i;
	int rc = 0;

	/* News of a missing carrier, delivered late, would throw the learned ones out. */
	for (i = 0; i < copy->n_link; i++)
		if (copy->link[i].to)
			sv_offload_sync_carrier(copy->to_ns, copy->link[i].name);
	for (i = 0; i < 2 && !rc; i++) {
		struct ndmsg nd = { .ndm_family = families[i] };
		struct ndmsg proxy = { .ndm_family = families[i], .ndm_flags = NTF_PROXY };

		rc = sv_copy_all(copy, &neighbours, &nd, sizeof(nd), err);
		rc = rc ?: sv_copy_all(copy, &neighbours, &proxy, sizeof(proxy), err);
	}
	return rc;
}
