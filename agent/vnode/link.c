/* SPDX-License-Identifier: GPL-2.0-only */
/* A VNode's interfaces: veth pairs, one end inside, the other a port of the data plane. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

int sv_link_rename(const char *from, const char *to)
{
	_cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%.15s", from);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr))
		return -errno;
	ifr.ifr_flags &= ~IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &ifr))
		return -errno;
	snprintf(ifr.ifr_newname, sizeof(ifr.ifr_newname), "%.15s", to);
	return ioctl(sock, SIOCSIFNAME, &ifr) ? -errno : 0;
}

/* ---- the other end ---- */

/* What the namespace of `rtnl` calls `netns`: a number that links to there carry; -1: none. */
static int number_of(struct sv_rtnl *rtnl, int netns)
{
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNSID, NLM_F_REQUEST);
	struct rtgenmsg gen = { .rtgen_family = AF_UNSPEC };
	struct sv_nldump answer;
	struct nlattr *id = NULL;
	int number = -1;

	if (msg) {
		nlmsg_append(msg, &gen, sizeof(gen), NLMSG_ALIGNTO);
		nla_put_u32(msg, NETNSA_FD, netns);
	}
	if (!sv_rtnl_ask(rtnl, msg, &answer))
		id = nlmsg_find_attr(answer.msg[0], sizeof(gen), NETNSA_NSID);
	if (id)
		number = (int)nla_get_u32(id);
	sv_nldump_fini(&answer);
	return number;
}

static bool leads_to(struct nlmsghdr *link, int number, unsigned int ifindex)
{
	struct nlattr *to = nlmsg_find_attr(link, sizeof(struct ifinfomsg), IFLA_LINK);
	struct nlattr *where = nlmsg_find_attr(link, sizeof(struct ifinfomsg), IFLA_LINK_NETNSID);

	return to && where && nla_get_u32(to) == ifindex && (int)nla_get_u32(where) == number;
}

static unsigned int index_inside(int netns, const char *dev)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };

	return sv_ns_enter(&guard, netns) ? 0 : if_nametoindex(dev);
}

int sv_link_peer(int netns, const char *dev, char name[IFNAMSIZ])
{
	_cleanup_(sv_nldump_fini) struct sv_nldump links = { 0 };
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	unsigned int ifindex = index_inside(netns, dev);
	struct ifinfomsg ifi = { 0 };
	int rc, number;

	if (!ifindex)
		return -ENOENT;
	rc = sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE);
	/* It has a number from when its links were listed. */
	rc = rc ?: sv_rtnl_dump(&rtnl, RTM_GETLINK, &ifi, sizeof(ifi), &links);
	if (rc)
		return rc;
	number = number_of(&rtnl, netns);
	for (size_t i = 0; number >= 0 && i < links.n; i++) {
		struct nlattr *attr = nlmsg_find_attr(links.msg[i], sizeof(ifi), IFLA_IFNAME);

		if (!attr || !leads_to(links.msg[i], number, ifindex))
			continue;
		snprintf(name, IFNAMSIZ, "%s", nla_get_string(attr));
		return 0;
	}
	return -ENOENT;
}

/* ---- delete, change ---- */

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
