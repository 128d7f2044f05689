// SPDX-License-Identifier: GPL-2.0-only
#include "way.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>

#include "agent/vnode/rtnl.h"

enum { DEEP = 8 }; /* devices that stand on one another */

static void addr_text(__be32 addr, char text[INET_ADDRSTRLEN])
{
	inet_ntop(AF_INET, &addr, text, INET_ADDRSTRLEN);
}

/* One question that has one answer beside its acknowledgement. */
static int ask(struct sv_rtnl *rtnl, struct nl_msg *msg, struct sv_nldump *answer)
{
	int rc;

	*answer = (struct sv_nldump){ 0 };
	rtnl->dump = answer;
	rc = sv_rtnl_call(rtnl, msg);
	if (answer->n) {
		nl_recvmsgs_default(rtnl->sk);
		rc = 0;
	}
	rtnl->dump = NULL;
	return rc ?: answer->n ? 0 : -EIO;
}

/* ---- the route ---- */

static struct nl_msg *route_question(__be32 remote)
{
	struct rtmsg rt = { .rtm_family = AF_INET, .rtm_dst_len = 32 };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);

	if (!msg)
		return NULL;
	nlmsg_append(msg, &rt, sizeof(rt), NLMSG_ALIGNTO);
	nla_put(msg, RTA_DST, sizeof(remote), &remote);
	return msg;
}

static __u32 route_mtu(struct nlattr *metrics)
{
	struct nlattr *tb[RTAX_MAX + 1] = { 0 };

	if (!metrics || nla_parse_nested(tb, RTAX_MAX, metrics, NULL) < 0 || !tb[RTAX_MTU])
		return 0;
	return nla_get_u32(tb[RTAX_MTU]);
}

static void route_hop(struct sv_way *way, struct nlattr *tb[], __be32 remote)
{
	const struct rtvia *via = tb[RTA_VIA] ? nla_data(tb[RTA_VIA]) : NULL;

	way->family = AF_INET;
	memcpy(way->hop, &remote, sizeof(remote));
	if (tb[RTA_GATEWAY]) {
		memcpy(way->hop, nla_data(tb[RTA_GATEWAY]), sizeof(remote));
	} else if (via && via->rtvia_family == AF_INET6 &&
		   nla_len(tb[RTA_VIA]) >= (int)sizeof(*via) + 16) {
		way->family = AF_INET6;
		memcpy(way->hop, via->rtvia_addr, 16);
	}
}

static int route_read(struct sv_way *way, struct nlmsghdr *h, __be32 remote, struct sv_err *err)
{
	struct nlattr *tb[RTA_MAX + 1] = { 0 };
	const struct rtmsg *rt = nlmsg_data(h);
	char text[INET_ADDRSTRLEN];

	addr_text(remote, text);
	if (nlmsg_parse(h, sizeof(*rt), tb, RTA_MAX, NULL) < 0)
		return sv_err_set(err, -EIO, "the route to %s: the kernel's answer is cut", text);
	if (rt->rtm_type == RTN_LOCAL)
		return sv_err_set(err, -ENETUNREACH,
				  "%s is an address of this host itself: give the collector's",
				  text);
	if (rt->rtm_type != RTN_UNICAST || !tb[RTA_OIF] || !tb[RTA_PREFSRC])
		return sv_err_set(err, -ENETUNREACH,
				  "%s is not the address of one host: give the collector's", text);
	way->dev = nla_get_u32(tb[RTA_OIF]);
	memcpy(&way->local, nla_data(tb[RTA_PREFSRC]), sizeof(way->local));
	way->mtu = route_mtu(tb[RTA_METRICS]);
	route_hop(way, tb, remote);
	return 0;
}

/* ---- devices ---- */

struct device {
	__u32 ifindex, lower, master, mtu;
	char name[16], kind[16];
	bool elsewhere; /* `lower` is of another namespace */
};

struct devices {
	struct device *dev;
	size_t n;
};

static void devices_fini(struct devices *devices)
{
	free(devices->dev);
}

static void device_read(struct device *dev, struct nlmsghdr *h)
{
	struct nlattr *tb[IFLA_MAX + 1] = { 0 }, *info[IFLA_INFO_MAX + 1] = { 0 };
	const struct ifinfomsg *ifi = nlmsg_data(h);

	if (nlmsg_parse(h, sizeof(*ifi), tb, IFLA_MAX, NULL) < 0)
		return;
	dev->ifindex = ifi->ifi_index;
	if (tb[IFLA_IFNAME])
		nla_strlcpy(dev->name, tb[IFLA_IFNAME], sizeof(dev->name));
	if (tb[IFLA_MTU])
		dev->mtu = nla_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_LINK])
		dev->lower = nla_get_u32(tb[IFLA_LINK]);
	if (tb[IFLA_MASTER])
		dev->master = nla_get_u32(tb[IFLA_MASTER]);
	dev->elsewhere = tb[IFLA_LINK_NETNSID];
	if (tb[IFLA_LINKINFO] &&
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) >= 0 &&
	    info[IFLA_INFO_KIND])
		nla_strlcpy(dev->kind, info[IFLA_INFO_KIND], sizeof(dev->kind));
}

static int devices_read(struct devices *devices, struct sv_rtnl *rtnl)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct sv_nldump dump;
	int rc = sv_rtnl_dump(rtnl, RTM_GETLINK, &ifi, sizeof(ifi), &dump);

	if (rc)
		return rc;
	devices->dev = calloc(dump.n ?: 1, sizeof(*devices->dev));
	for (size_t i = 0; devices->dev && i < dump.n; i++)
		device_read(&devices->dev[devices->n++], dump.msg[i]);
	sv_nldump_fini(&dump);
	return devices->dev ? 0 : -ENOMEM;
}

static const struct device *device_find(const struct devices *devices, __u32 ifindex)
{
	for (size_t i = 0; i < devices->n; i++)
		if (devices->dev[i].ifindex == ifindex)
			return &devices->dev[i];
	return NULL;
}

/* ---- what a device stands on ---- */

struct walk {
	const struct devices *devices;
	bool (*is_edge)(void *arg, __u32 ifindex);
	void *arg;
	struct sv_err *err;
};

/* Of what kinds it is known where their frames come out; "" is hardware. */
static bool kind_is_known(const char *kind)
{
	static const char *const known[] = { "",     "veth", "vlan",	"bridge",
					     "bond", "team", "macvlan", "ifb" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(kind, known[i]))
			return true;
	return false;
}

static int walk_device(const struct walk *w, __u32 ifindex, int depth)
{
	const struct device *dev = device_find(w->devices, ifindex);
	bool stands;
	int rc = 0;

	if (!dev || depth == DEEP)
		return sv_err_set(w->err, -EPERM, "what device %u stands on cannot be seen",
				  ifindex);
	if (w->is_edge(w->arg, ifindex))
		return sv_err_set(w->err, -EPERM,
				  "it leads through the edge %s, where no copy may appear",
				  dev->name);
	/* A veth's link is its other end. */
	stands = dev->lower && dev->lower != ifindex && strcmp(dev->kind, "veth");
	if (!kind_is_known(dev->kind) || (stands && dev->elsewhere))
		return sv_err_set(w->err, -EPERM,
				  "it leads through %s, of kind %s: whether that comes out of an "
				  "edge cannot be seen",
				  dev->name, dev->kind);
	if (stands)
		rc = walk_device(w, dev->lower, depth + 1);
	for (size_t i = 0; !rc && i < w->devices->n; i++)
		if (w->devices->dev[i].master == ifindex)
			rc = walk_device(w, w->devices->dev[i].ifindex, depth + 1);
	return rc;
}

int sv_way_check_edges(__u32 dev, bool (*is_edge)(void *arg, __u32 ifindex), void *arg,
		       struct sv_err *err)
{
	_cleanup_(devices_fini) struct devices devices = { 0 };
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	struct walk w = { &devices, is_edge, arg, err };
	int rc = sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE);

	rc = rc ?: devices_read(&devices, &rtnl);
	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	return walk_device(&w, dev, 0);
}

/* The device's name, and its MTU where the route has none. */
static int way_device(struct sv_way *way, struct sv_rtnl *rtnl)
{
	_cleanup_(devices_fini) struct devices devices = { 0 };
	const struct device *dev;
	int rc = devices_read(&devices, rtnl);

	dev = rc ? NULL : device_find(&devices, way->dev);
	if (!dev)
		return rc ?: -ENODEV;
	strcpy(way->dev_name, dev->name);
	if (!way->mtu || way->mtu > dev->mtu)
		way->mtu = dev->mtu;
	return 0;
}

int sv_way_find(struct sv_way *way, __be32 remote, struct sv_err *err)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	char text[INET_ADDRSTRLEN];
	struct sv_way found = { 0 };
	struct sv_nldump answer;
	int rc = sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE);

	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	addr_text(remote, text);
	rc = ask(&rtnl, route_question(remote), &answer);
	if (rc)
		sv_err_set(err, rc = -ENETUNREACH,
			   "there is no route to %s: give this host one (ip route add)", text);
	else
		rc = route_read(&found, answer.msg[0], remote, err);
	sv_nldump_fini(&answer);
	if (rc)
		return rc;
	rc = way_device(&found, &rtnl);
	if (rc)
		return sv_err_set(err, rc, "the route to %s: its device: %s", text, strerror(-rc));
	*way = found;
	return 0;
}

/* ---- neighbours ---- */

static struct nl_msg *neigh_message(const struct sv_way *way, int type, int flags)
{
	struct ndmsg nd = { .ndm_family = way->family,
			    .ndm_ifindex = way->dev,
			    .ndm_flags = type == RTM_NEWNEIGH ? NTF_USE : 0 };
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (!msg)
		return NULL;
	nlmsg_append(msg, &nd, sizeof(nd), NLMSG_ALIGNTO);
	nla_put(msg, NDA_DST, way->family == AF_INET ? 4 : 16, way->hop);
	return msg;
}

/* NUD_*; 0: the kernel has none. */
static int neigh_state(struct sv_rtnl *rtnl, const struct sv_way *way)
{
	struct sv_nldump answer;
	int state = 0;

	if (!ask(rtnl, neigh_message(way, RTM_GETNEIGH, 0), &answer))
		state = ((const struct ndmsg *)nlmsg_data(answer.msg[0]))->ndm_state;
	sv_nldump_fini(&answer);
	return state;
}

int sv_way_probe(const struct sv_way *way, struct sv_err *err)
{
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	int rc = sv_rtnl_open(&rtnl, -1, NETLINK_ROUTE);

	if (rc)
		return sv_err_set(err, rc, "netlink: %s", strerror(-rc));
	/* Using a static one would make it an ordinary one, and the others are at it already. */
	if (neigh_state(&rtnl, way) &
	    (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_INCOMPLETE))
		return 0;
	rc = sv_rtnl_call(&rtnl, neigh_message(way, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE));
	return rc ? sv_err_set(err, rc, "%s: looking for the next hop: %s", way->dev_name,
			       rtnl.text)
		  : 0;
}
