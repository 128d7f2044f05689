/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What libxl runs for every device of a domain, in place of Xen's own scripts: a vif joins no
 * bridge, it becomes a port of the data plane: named, quiet, and DOWN until the agent says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <xenstore.h>

#include "xl.h"

enum { TRIES = 100, TRY_MS = 50 };

int sv_xl_xenstore_write(const char *dir, const char *key, const char *value)
{
	struct xs_handle *xs = xs_open(0);
	char path[256];
	bool ok;

	if (!xs)
		return -errno;
	snprintf(path, sizeof(path), "%s/%s", dir, key);
	ok = xs_write(xs, XBT_NULL, path, value, strlen(value));
	xs_close(xs);
	return ok ? 0 : -EIO;
}

char *sv_xl_xenstore_read(const char *dir, const char *key)
{
	struct xs_handle *xs = xs_open(0);
	char path[256], *value;
	unsigned int len;

	if (!xs)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s", dir, key);
	value = xs_read(xs, XBT_NULL, path, &len);
	xs_close(xs);
	return value;
}

static void put(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		return; /* a host without IPv6 is quiet already */
}

static void hush(const char *dev)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", dev);
	put(path, "1");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", dev);
	put(path, "1");
	/* Should something else bring it up before us, dom0 is to route nothing from it. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", dev);
	put(path, "0");
}

static int silence(int sock, const char *dev)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	if (ioctl(sock, SIOCGIFFLAGS, &ifr))
		return -errno;
	ifr.ifr_flags |= IFF_NOARP;
	ifr.ifr_flags &= ~IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &ifr))
		return -errno;
	hush(dev);
	return 0;
}

static int set_mtu(int sock, const char *dev, const char *mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu ? atoi(mtu) : 1500 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	return ioctl(sock, SIOCSIFMTU, &ifr) ? -errno : 0;
}

/* The domain that had the name before may still be going. */
static int set_name(int sock, const char *dev, const char *name)
{
	struct timespec wait = { .tv_nsec = TRY_MS * 1000000 };
	struct ifreq ifr = { 0 };
	int i;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	snprintf(ifr.ifr_newname, sizeof(ifr.ifr_newname), "%s", name);
	for (i = 0; ioctl(sock, SIOCSIFNAME, &ifr); i++) {
		if (errno != EEXIST || i == TRIES)
			return -errno;
		nanosleep(&wait, NULL);
	}
	return 0;
}

static int move_link(const char *dev, int netns)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
		struct nlattr to_attr;
		__u32 to;
		struct nlattr name_attr;
		char name[IFNAMSIZ];
	} req = { .head = { .nlmsg_len = sizeof(req),
			    .nlmsg_type = RTM_SETLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		  .to_attr = { sizeof(req.to_attr) + sizeof(req.to), IFLA_NET_NS_FD },
		  .to = netns,
		  .name_attr = { sizeof(req.name_attr) + sizeof(req.name), IFLA_IFNAME } };
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
	} answer = { 0 };
	_cleanup_close_ int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	req.link.ifi_index = if_nametoindex(dev);
	snprintf(req.name, sizeof(req.name), "%s", dev);
	if (sock < 0 || !req.link.ifi_index || send(sock, &req, sizeof(req), 0) < 0 ||
	    recv(sock, &answer, sizeof(answer), MSG_TRUNC) < 0)
		return -errno;
	return answer.err.error;
}

/* Xen's vifs appear in the namespace that the kernel began with; agents work in their own. */
static int fetch(const char *dev)
{
	_cleanup_close_ int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int first = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	int rc;

	if (if_nametoindex(dev))
		return 0;
	if (here < 0 || first < 0 || setns(first, CLONE_NEWNET))
		return -errno;
	rc = move_link(dev, here);
	return setns(here, CLONE_NEWNET) ? -errno : rc;
}

static int vif_online(const char *dev, const char *xenbus)
{
	_cleanup_free_ char *name = sv_xl_xenstore_read(xenbus, "vifname");
	_cleanup_free_ char *mtu = sv_xl_xenstore_read(xenbus, "mtu");
	_cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	if (sock < 0)
		return -errno;
	rc = fetch(dev);
	rc = rc ?: silence(sock, dev);
	rc = rc ?: set_mtu(sock, dev, mtu);
	if (!rc && name && strcmp(name, dev))
		rc = set_name(sock, dev, name);
	return rc ?: sv_xl_xenstore_write(xenbus, "hotplug-status", "connected");
}

static int report(const char *xenbus, const char *what, int rc)
{
	char text[160];

	if (!rc)
		return 0;
	snprintf(text, sizeof(text), "%s: %s", what, strerror(-rc));
	fprintf(stderr, "svnet-xl: %s: %s\n", xenbus, text);
	sv_xl_xenstore_write(xenbus, "hotplug-error", text);
	sv_xl_xenstore_write(xenbus, "hotplug-status", "error");
	return 1;
}

int sv_xl_hotplug(int argc, char **argv)
{
	const char *xenbus = getenv("XENBUS_PATH"), *dev = getenv("vif");
	const char *type = getenv("XENBUS_TYPE") ?: "", *action = argv[1];

	(void)argc;
	if (!xenbus) {
		fprintf(stderr, "svnet-xl %s: only libxl calls this\n", action);
		return 2;
	}
	if (strcmp(type, "vif"))
		return report(xenbus, action, sv_xl_block(action, xenbus));
	if (strcmp(action, "online"))
		return 0; /* a vif goes with its domain */
	return report(xenbus, dev ?: "vif", dev ? vif_online(dev, xenbus) : -EINVAL);
}
