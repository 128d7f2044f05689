// SPDX-License-Identifier: GPL-2.0-only
#include "pair.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>

#include "agent/vnode/rtnl.h"
#include "link.h"

#ifndef IFLA_GRO_MAX_SIZE /* Linux 5.19 */
#define IFLA_GRO_MAX_SIZE 58
#endif

/* Nothing of the host's own is ever sent from an end. */
static const struct ifinfomsg quiet = { .ifi_flags = IFF_NOARP, .ifi_change = IFF_NOARP };

static struct nl_msg *message(int type, int flags, const char *name)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

	if (!msg)
		return NULL;
	nlmsg_append(msg, (void *)&quiet, sizeof(quiet), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, name);
	return msg;
}

static int create(struct sv_rtnl *rtnl, const char *outer, const char *inner, __u32 mtu)
{
	struct nl_msg *msg = message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, outer);
	struct nlattr *info, *data, *peer;

	if (!msg)
		return -ENOMEM;
	nla_put_u32(msg, IFLA_MTU, mtu);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	peer = nla_nest_start(msg, VETH_INFO_PEER);
	nlmsg_append(msg, (void *)&quiet, sizeof(quiet), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, inner);
	nla_put_u32(msg, IFLA_MTU, mtu);
	nla_nest_end(msg, peer);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return sv_rtnl_call(rtnl, msg);
}

/*
 * gso_segs 1: whatever stands for several packets is cut before it is sent. gro_bytes 1: GRO, which
 * has to be on for XDP frames to be received, finds no room to merge two.
 */
static int set_end(struct sv_rtnl *rtnl, const char *name, __u32 mtu, __u32 gro_bytes,
		   __u32 gso_segs)
{
	struct nl_msg *msg = message(RTM_SETLINK, 0, name);
	struct nlattr *spec, *inet6;

	if (!msg)
		return -ENOMEM;
	nla_put_u32(msg, IFLA_MTU, mtu);
	nla_put_u32(msg, IFLA_GRO_MAX_SIZE, gro_bytes);
	nla_put_u32(msg, IFLA_GSO_MAX_SEGS, gso_segs);
	spec = nla_nest_start(msg, IFLA_AF_SPEC);
	inet6 = nla_nest_start(msg, AF_INET6);
	nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nla_nest_end(msg, inet6);
	nla_nest_end(msg, spec);
	return sv_rtnl_call(rtnl, msg);
}

static int hush(const char *name, struct sv_err *err)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	sv_sysctl_try(-1, path, "1");
	/* Finished checksums, tags in the frame, GRO on. */
	return sv_link_set_offloads(name, true, err);
}

static int settle(struct sv_rtnl *rtnl, const char *outer, const char *inner, __u32 mtu,
		  struct sv_err *err)
{
	char forwarding[64];
	int rc;

	rc = set_end(rtnl, outer, mtu, 65536, 1);
	rc = rc ?: set_end(rtnl, inner, mtu, 1, 65535);
	if (rc)
		return sv_err_set(err, rc, "setting up %s and %s: %s", outer, inner, rtnl->text);
	rc = hush(outer, err) ?: hush(inner, err);
	if (rc)
		return rc;
	/* The program asks for routes as one who forwards; the host itself need not forward. */
	snprintf(forwarding, sizeof(forwarding), "net/ipv4/conf/%s/forwarding=1", inner);
	return sv_sysctl_write(-1, forwarding, err);
}

/* Of a veth: the other end's ifindex. 0: no veth, or its other end is not here. */
static __u32 other_end(struct sv_rtnl *rtnl, const char *name)
{
	struct nlattr *tb[IFLA_MAX + 1] = { 0 }, *info[IFLA_INFO_MAX + 1] = { 0 };
	struct sv_nldump links;
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	__u32 ifindex = if_nametoindex(name), other = 0;

	if (!ifindex || sv_rtnl_dump(rtnl, RTM_GETLINK, &ifi, sizeof(ifi), &links))
		return 0;
	for (size_t i = 0; i < links.n; i++) {
		const struct ifinfomsg *link = nlmsg_data(links.msg[i]);

		if (link->ifi_index != (int)ifindex ||
		    nlmsg_parse(links.msg[i], sizeof(*link), tb, IFLA_MAX, NULL) < 0)
			continue;
		if (tb[IFLA_LINK] && !tb[IFLA_LINK_NETNSID] && tb[IFLA_LINKINFO] &&
		    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) >= 0 &&
		    info[IFLA_INFO_KIND] && !nla_strcmp(info[IFLA_INFO_KIND], "veth"))
			other = nla_get_u32(tb[IFLA_LINK]);
	}
	sv_nldump_fini(&links);
	return other;
}

static bool is_pair(struct sv_rtnl *rtnl, const char *outer, const char *inner)
{
	__u32 other = other_end(rtnl, outer);

	return other && other == if_nametoindex(inner);
}

bool sv_pair_exists(const char *outer, const char *inner)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };

	return !sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE) && is_pair(&rtnl, outer, inner);
}

int sv_pair_make(const char *outer, const char *inner, __u32 mtu, bool *fresh, struct sv_err *err)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	int rc = sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE);

	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	*fresh = !is_pair(&rtnl, outer, inner);
	if (*fresh)
		rc = create(&rtnl, outer, inner, mtu);
	if (rc == -EEXIST)
		return sv_err_set(err, rc,
				  "there is a device %s or %s already, which is not ours: "
				  "give it another name",
				  outer, inner);
	if (rc)
		return sv_err_set(err, rc, "making %s and %s: %s", outer, inner, rtnl.text);
	rc = settle(&rtnl, outer, inner, mtu, err);
	if (rc && *fresh)
		sv_pair_drop(outer, inner, NULL);
	return rc;
}

int sv_pair_drop(const char *outer, const char *inner, struct sv_err *err)
{
	return sv_pair_exists(outer, inner) ? sv_link_delete(outer, err) : 0;
}
