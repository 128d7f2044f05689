/* SPDX-License-Identifier: GPL-2.0-only */
/* A VNode's interfaces: veth pairs, one end inside, the other a port of the data plane. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <string.h>
#include <time.h>

#include "rtnl.h"

#ifndef IFLA_GRO_MAX_SIZE /* Linux 5.19 */
#define IFLA_GRO_MAX_SIZE 58
#endif

static struct nl_msg *new_link(int type, int flags, const struct ifinfomsg *ifi, const char *name)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg)
		return NULL;
	nlmsg_append(msg, (void *)ifi, sizeof(*ifi), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, name);
	return msg;
}

static void put_addrgen_none(struct nl_msg *msg)
{
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);
	struct nlattr *inet6 = nla_nest_start(msg, AF_INET6);

	nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nla_nest_end(msg, inet6);
	nla_nest_end(msg, spec);
}

/* The end inside, born there: the host never sees it. */
static void put_inside(struct nl_msg *msg, int netns, const struct sv_vnode_iface *iface)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
	struct nlattr *data, *peer;
	struct ifinfomsg ifi = { 0 };

	nla_put_string(msg, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	peer = nla_nest_start(msg, VETH_INFO_PEER);
	nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, iface->name);
	nla_put(msg, IFLA_ADDRESS, sizeof(iface->mac), iface->mac);
	nla_put_u32(msg, IFLA_MTU, iface->mtu);
	nla_put_u32(msg, IFLA_NET_NS_FD, netns);
	nla_nest_end(msg, peer);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
}

static int create(struct sv_rtnl *rtnl, int netns, const struct sv_vnode_iface *iface)
{
	/* Nothing of the host's own may ever be sent from a port. */
	struct ifinfomsg ifi = { .ifi_flags = IFF_NOARP, .ifi_change = IFF_NOARP };
	struct nl_msg *msg;

	msg = new_link(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &ifi,
		       iface->port);
	if (msg) {
		nla_put_u32(msg, IFLA_MTU, iface->mtu);
		put_inside(msg, netns, iface);
	}
	return sv_rtnl_call(rtnl, msg);
}

static int hush(struct sv_rtnl *rtnl, const char *port)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct nl_msg *msg = new_link(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &ifi, port);
	char path[80];

	if (msg)
		put_addrgen_none(msg);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", port);
	sv_sysctl_try(-1, path, "1");
	return sv_rtnl_call(rtnl, msg);
}

int sv_link_make(const struct sv_vn *vn, int netns, const struct sv_vnode_iface *iface,
		 struct sv_err *err)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	int rc;

	(void)vn;
	rc = sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE);
	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	rc = create(&rtnl, netns, iface);
	if (rc == -EEXIST)
		return sv_err_set(err, rc, "%s: a device %s, or an %s inside, exists already",
				  iface->name, iface->port, iface->name);
	if (rc)
		return sv_err_set(err, rc, "%s: making its veth %s: %s", iface->name, iface->port,
				  rtnl.text);
	rc = hush(&rtnl, iface->port);
	if (rc)
		return sv_err_set(err, rc, "%s: quieting %s: %s", iface->name, iface->port,
				  rtnl.text);
	rc = sv_offload_set(-1, iface->port, "rx-gro", true);
	rc = rc ?: sv_offload_set_inside(netns, iface->name, iface->xdp, err);
	return rc;
}

bool sv_link_exists(const char *name)
{
	return if_nametoindex(name) || errno != ENODEV;
}

int sv_link_delete(const char *name, struct sv_err *err)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	struct timespec ms = { .tv_nsec = 1000000 };
	struct ifinfomsg ifi = { 0 };
	int rc, i;

	if (!sv_link_exists(name))
		return 0;
	rc = sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE);
	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	rc = sv_rtnl_call(&rtnl, new_link(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, &ifi, name));
	if (rc && rc != -ENODEV)
		return sv_err_set(err, rc, "deleting %s: %s", name, rtnl.text);
	for (i = 0; sv_link_exists(name); i++) {
		if (i > 2000)
			return sv_err_set(err, -EBUSY, "%s does not go away", name);
		nanosleep(&ms, NULL);
	}
	return 0;
}

int sv_link_set(int netns, const char *dev, const uint8_t *mac, uint32_t mtu, struct sv_err *err)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	struct ifinfomsg ifi = { 0 };
	struct nl_msg *msg;
	int rc;

	rc = sv_rtnl_open(&rtnl, netns, NETLINK_ROUTE);
	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	msg = new_link(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &ifi, dev);
	if (msg && mac)
		nla_put(msg, IFLA_ADDRESS, 6, mac);
	if (msg && mtu)
		nla_put_u32(msg, IFLA_MTU, mtu);
	rc = sv_rtnl_call(&rtnl, msg);
	return rc ? sv_err_set(err, rc, "%s: %s", dev, rtnl.text) : 0;
}

int sv_link_set_merge(int netns, const char *dev, uint32_t gro_bytes, uint32_t gso_segs,
		      struct sv_err *err)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	struct ifinfomsg ifi = { 0 };
	struct nl_msg *msg;
	int rc;

	rc = sv_rtnl_open(&rtnl, netns, NETLINK_ROUTE);
	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	msg = new_link(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &ifi, dev);
	if (msg) {
		nla_put_u32(msg, IFLA_GRO_MAX_SIZE, gro_bytes);
		nla_put_u32(msg, IFLA_GSO_MAX_SEGS, gso_segs);
	}
	rc = sv_rtnl_call(&rtnl, msg);
	return rc ? sv_err_set(err, rc, "%s: packet merging: %s", dev, rtnl.text) : 0;
}
