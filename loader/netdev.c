// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "internal.h"

int sv_netdev_get(struct sv_netdev *dev, __u32 ifindex)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_ifindex = ifindex };

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFNAME, &ifr))
		return -ENODEV;
	*dev = (struct sv_netdev){ .ifindex = ifindex };
	memcpy(dev->name, ifr.ifr_name, sizeof(dev->name));
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		return -ENODEV;
	memcpy(dev->mac, ifr.ifr_hwaddr.sa_data, sizeof(dev->mac));
	return 0;
}

void sv_netdev_driver(const struct sv_netdev *dev, char *buf, size_t size)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&info };

	memcpy(ifr.ifr_name, dev->name, sizeof(ifr.ifr_name));
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &ifr))
		snprintf(buf, size, "unknown");
	else
		snprintf(buf, size, "%.32s", info.driver);
}
