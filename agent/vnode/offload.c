/* SPDX-License-Identifier: GPL-2.0-only */
/* A device's features, through the ethtool ioctl. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "netns.h"

enum { FEATURES_MAX = 256, BLOCKS_MAX = FEATURES_MAX / 32 };

struct features {
	int fd;
	char dev[16];
	size_t n;
	char name[FEATURES_MAX][ETH_GSTRING_LEN];
};

static int ethtool(int fd, const char *dev, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%.15s", dev);
	return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

static int features_open(struct features *f, int netns, const char *dev)
{
	struct {
		struct ethtool_sset_info info;
		__u32 len;
	} sset = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };
	struct {
		struct ethtool_gstrings head;
		char name[FEATURES_MAX][ETH_GSTRING_LEN];
	} strings = { .head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES } };
	int rc;

	f->fd = sv_ns_socket(netns, AF_INET, SOCK_DGRAM, 0);
	if (f->fd < 0)
		return f->fd;
	snprintf(f->dev, sizeof(f->dev), "%s", dev);
	rc = ethtool(f->fd, dev, &sset);
	if (rc)
		return rc;
	f->n = sset.len > FEATURES_MAX ? FEATURES_MAX : sset.len;
	strings.head.len = f->n;
	rc = ethtool(f->fd, dev, &strings);
	if (!rc)
		memcpy(f->name, strings.name, sizeof(f->name));
	return rc;
}

static void features_close(struct features *f)
{
	if (f->fd >= 0)
		close(f->fd);
}

/* Every feature whose name begins with `prefix`; one that the device does not have is left out. */
static int features_set(struct features *f, const char *prefix, bool on)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block block[BLOCKS_MAX];
	} set = { .head = { .cmd = ETHTOOL_SFEATURES, .size = (f->n + 31) / 32 } };
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (strncmp(f->name[i], prefix, strlen(prefix)))
			continue;
		/* "rx-gro" is not "rx-gro-hw" or "rx-gro-list". */
		if (!strcmp(prefix, "rx-gro") && strcmp(f->name[i], prefix))
			continue;
		set.block[i / 32].valid |= 1U << i % 32;
		set.block[i / 32].requested |= on ? 1U << i % 32 : 0;
	}
	return ethtool(f->fd, f->dev, &set);
}

int sv_offload_set(int netns, const char *dev, const char *feature, bool on)
{
	_cleanup_(features_close) struct features f = { .fd = -1 };
	int rc = features_open(&f, netns, dev);

	return rc ?: features_set(&f, feature, on);
}

int sv_offload_set_inside(int netns, const char *dev, bool xdp, struct sv_err *err)
{
	const struct {
		const char *feature;
		bool on;
	} want[] = {
		/* NAPI: without it what XDP redirects here is lost (trap 1). */
		{ "rx-gro", true },
		/* A tag in metadata is invisible to XDP and lost on a redirect (trap 3). */
		{ "tx-vlan-", false },
		{ "rx-vlan-", false },
		/* Nobody finishes a checksum after an XDP redirect (trap 2). */
		{ "tx-checksum-", !xdp },
		{ "tx-tcp-", !xdp },
	};
	_cleanup_(features_close) struct features f = { .fd = -1 };
	size_t i;
	int rc;

	rc = features_open(&f, netns, dev);
	for (i = 0; !rc && i < sizeof(want) / sizeof(want[0]); i++)
		rc = features_set(&f, want[i].feature, want[i].on);
	if (rc < 0)
		return sv_err_set(err, rc, "%s: setting its offloads: %s", dev, strerror(-rc));
	return 0;
}

void sv_offload_sync_carrier(int netns, const char *dev)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	_cleanup_close_ int fd = sv_ns_socket(netns, AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0)
		ethtool(fd, dev, &link);
}
