// SPDX-License-Identifier: GPL-2.0-only
#include "link.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "loader/cleanup.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000 /* linux/if.h, which does not go with net/if.h */
#endif

struct sv_link {
	struct nl_sock *request, *watch;
};

static void cleanup_link(struct rtnl_link **link)
{
	if (*link)
		rtnl_link_put(*link);
}

static int nl_failed(struct sv_err *err, const char *name, const char *what, int nlerr)
{
	/* libnl keeps its own numbers; the kernel's -ENODEV is what callers ask for. */
	bool absent = nlerr == -NLE_NODEV || nlerr == -NLE_OBJ_NOTFOUND;

	return sv_err_set(err, absent ? -ENODEV : -EIO, "device %s: %s: %s", name, what,
			  absent ? "no such device" : nl_geterror(nlerr));
}

int sv_link_open(struct sv_link **out, struct sv_err *err)
{
	struct sv_link *link = calloc(1, sizeof(*link));
	int rc;

	if (!link)
		return -ENOMEM;
	link->request = nl_socket_alloc();
	link->watch = nl_socket_alloc();
	if (!link->request || !link->watch) {
		sv_link_close(link);
		return -ENOMEM;
	}
	rc = nl_connect(link->request, NETLINK_ROUTE);
	nl_socket_disable_seq_check(link->watch);
	if (!rc)
		rc = nl_connect(link->watch, NETLINK_ROUTE);
	if (!rc)
		rc = nl_socket_add_memberships(link->watch, RTNLGRP_LINK, 0);
	if (!rc)
		rc = nl_socket_set_nonblocking(link->watch);
	if (rc) {
		sv_link_close(link);
		return sv_err_set(err, -EIO, "netlink: %s", nl_geterror(rc));
	}
	*out = link;
	return 0;
}

void sv_link_close(struct sv_link *link)
{
	if (!link)
		return;
	nl_socket_free(link->request);
	nl_socket_free(link->watch);
	free(link);
}

int sv_link_get(struct sv_link *link, const char *name, struct sv_link_info *info,
		struct sv_err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *found = NULL;
	unsigned int flags;
	int rc;

	rc = rtnl_link_get_kernel(link->request, 0, name, &found);
	if (rc)
		return nl_failed(err, name, "look up", rc);
	flags = rtnl_link_get_flags(found);
	*info = (struct sv_link_info){ .ifindex = rtnl_link_get_ifindex(found),
				       .mtu = rtnl_link_get_mtu(found),
				       .up = flags & IFF_UP,
				       .carrier = flags & IFF_LOWER_UP,
				       .master = rtnl_link_get_master(found) };
	return 0;
}

__u32 sv_link_index(const char *name)
{
	return if_nametoindex(name);
}

bool sv_link_name(__u32 ifindex, char name[16])
{
	return if_indextoname(ifindex, name);
}

static int change(struct sv_link *link, __u32 ifindex, const char *name, const char *what,
		  struct rtnl_link *changes, struct sv_err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *old = rtnl_link_alloc();
	int rc;

	if (!old || !changes)
		return -ENOMEM;
	if (!ifindex)
		return sv_err_set(err, -ENODEV, "device %s: no such device", name);
	rtnl_link_set_ifindex(old, ifindex);
	rc = rtnl_link_change(link->request, old, changes, 0);
	return rc ? nl_failed(err, name, what, rc) : 0;
}

int sv_link_set_up(struct sv_link *link, __u32 ifindex, const char *name, bool up,
		   struct sv_err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *changes = rtnl_link_alloc();

	if (!changes)
		return -ENOMEM;
	if (up)
		rtnl_link_set_flags(changes, IFF_UP);
	else
		rtnl_link_unset_flags(changes, IFF_UP);
	return change(link, ifindex, name, up ? "bring up" : "bring down", changes, err);
}

int sv_link_set_mtu(struct sv_link *link, const char *name, __u32 mtu, struct sv_err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *changes = rtnl_link_alloc();

	if (!changes)
		return -ENOMEM;
	rtnl_link_set_mtu(changes, mtu);
	return change(link, sv_link_index(name), name, "set MTU", changes, err);
}

/* ---- offloads, by the ethtool ioctl ---- */

static int ethtool(const char *name, void *data)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_data = data };

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
}

bool sv_link_is_veth(const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	return !ethtool(name, &info) && !strcmp(info.driver, "veth");
}

/* -EOPNOTSUPP is no failure: the device has nothing to turn. */
static int set_value(const char *name, __u32 cmd, __u32 data)
{
	struct ethtool_value value = { .cmd = cmd, .data = data };
	int rc = ethtool(name, &value);

	return rc == -EOPNOTSUPP ? 0 : rc;
}

static int vlan_tags_stay(const char *name)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	int rc = ethtool(name, &flags);

	if (rc)
		return rc == -EOPNOTSUPP ? 0 : rc;
	return set_value(name, ETHTOOL_SFLAGS, flags.data & ~(ETH_FLAG_RXVLAN | ETH_FLAG_TXVLAN));
}

int sv_link_set_offloads(const char *name, bool finish, struct sv_err *err)
{
	int rc = vlan_tags_stay(name);

	if (rc)
		return sv_err_set(err, rc, "device %s: turn off rxvlan and txvlan: %s", name,
				  strerror(-rc));
	rc = set_value(name, ETHTOOL_SGRO, 1);
	if (rc)
		return sv_err_set(err, rc, "device %s: turn on GRO: %s", name, strerror(-rc));
	if (finish)
		rc = set_value(name, ETHTOOL_STXCSUM, 0);
	if (rc)
		return sv_err_set(err, rc, "device %s: turn off tx checksums: %s", name,
				  strerror(-rc));
	return 0;
}

/* ---- watching ---- */

int sv_link_watch_fd(const struct sv_link *link)
{
	return nl_socket_get_fd(link->watch);
}

void sv_link_watch_drain(struct sv_link *link)
{
	char buf[8192];

	/* ENOBUFS too says that something has changed. */
	while (recv(sv_link_watch_fd(link), buf, sizeof(buf), MSG_DONTWAIT) >= 0 ||
	       errno == ENOBUFS)
		;
}
