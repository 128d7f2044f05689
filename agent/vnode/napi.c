/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threaded NAPI: the receive work of a shadow's or monitor's interface goes to a kernel thread of
 * low priority, or it would run in the softirq of the production that sent it (trap 26).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <string.h>
#include <sys/resource.h>

#include "rtnl.h"

/* From include/uapi/linux/netdev.h of Linux 6.8, which Debian 12's headers do not have yet. */
enum {
	NETDEV_CMD_NAPI_GET = 11,
	NETDEV_A_NAPI_IFINDEX = 1,
	NETDEV_A_NAPI_PID = 4,
};
enum { NICE = 19, THREADS_MAX = 256 };

struct threads {
	pid_t pid[THREADS_MAX];
	size_t n;
};

static int netdev_family(int netns)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	struct nl_sock *sk;
	int family = -ENOENT;

	if (sv_ns_enter(&guard, netns))
		return -ENOENT;
	sk = nl_socket_alloc();
	if (sk && genl_connect(sk) == 0)
		family = genl_ctrl_resolve(sk, "netdev");
	nl_socket_free(sk);
	return family;
}

static void take_pid(struct nlmsghdr *h, struct threads *threads)
{
	struct nlattr *tb[16];

	if (genlmsg_parse(h, 0, tb, 15, NULL) || !tb[NETDEV_A_NAPI_PID] ||
	    threads->n == THREADS_MAX)
		return;
	threads->pid[threads->n++] = nla_get_u32(tb[NETDEV_A_NAPI_PID]);
}

static unsigned int index_in(int netns, const char *dev)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };

	return sv_ns_enter(&guard, netns) ? 0 : if_nametoindex(dev);
}

/* The threads of one device as the kernel tells them; Linux 6.8 and later. */
static int threads_ask(int netns, const char *dev, struct threads *threads)
{
	struct {
		struct genlmsghdr genl;
		struct nlattr attr;
		__u32 ifindex;
	} req = { { NETDEV_CMD_NAPI_GET, 1, 0 }, { 8, NETDEV_A_NAPI_IFINDEX }, 0 };
	_cleanup_(sv_rtnl_close) struct sv_rtnl rtnl = { 0 };
	struct sv_nldump dump;
	int family = netdev_family(netns);
	size_t i;
	int rc;

	if (family < 0)
		return -ENOTSUP;
	req.ifindex = index_in(netns, dev);
	rc = sv_rtnl_open(&rtnl, netns, NETLINK_GENERIC);
	rc = rc ?: sv_rtnl_dump(&rtnl, family, &req, sizeof(req), &dump);
	if (rc)
		return -ENOTSUP;
	for (i = 0; i < dump.n; i++)
		take_pid(dump.msg[i], threads);
	sv_nldump_fini(&dump);
	return threads->n ? 0 : -ENOENT;
}

/*
 * Does a kernel thread of that name serve the device? Netback has more than NAPI's: for each queue
 * one that copies to the guest, and one that gives back what came from it.
 */
static bool serves(const char *comm, const char *dev, bool netback)
{
	char want[32];

	/* A thread's name has at most 15 characters. */
	snprintf(want, 16, "napi/%s-", dev);
	if (!strncmp(comm, want, strlen(want)))
		return true;
	snprintf(want, 16, "%s-q", dev);
	return netback && !strncmp(comm, want, strlen(want));
}

/* Every thread for a device of that name, in whatever namespace. */
static void threads_named(const char *dev, bool netback, struct threads *threads)
{
	char path[288], comm[32];
	struct dirent *d;
	DIR *proc = opendir("/proc");

	threads->n = 0;
	while (proc && (d = readdir(proc))) {
		_cleanup_close_ int fd = -1;
		ssize_t n;

		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, comm, sizeof(comm) - 1);
		if (n <= 0 || threads->n == THREADS_MAX)
			continue;
		comm[n] = 0;
		if (serves(comm, dev, netback))
			threads->pid[threads->n++] = atoi(d->d_name);
	}
	if (proc)
		closedir(proc);
}

static bool threads_have(const struct threads *threads, pid_t pid)
{
	size_t i;

	for (i = 0; i < threads->n; i++)
		if (threads->pid[i] == pid)
			return true;
	return false;
}

static void renice(int netns, const char *dev, const struct threads *before)
{
	struct threads now = { .n = 0 }, none = { .n = 0 };
	size_t i;

	if (threads_ask(netns, dev, &now) == 0)
		before = &none;
	else
		threads_named(dev, false, &now);
	for (i = 0; i < now.n; i++)
		if (!threads_have(before, now.pid[i]))
			setpriority(PRIO_PROCESS, now.pid[i], NICE);
}

/* `fd`: the file that turns it on, in a sysfs of that namespace. */
static int set_threaded(int netns, int fd, const char *dev, bool threaded, struct sv_err *err)
{
	struct threads before;
	char now = 0;

	if (read(fd, &now, 1) == 1 && (now != '0') == threaded)
		return 0;
	threads_named(dev, false, &before);
	if (pwrite(fd, threaded ? "1" : "0", 1, 0) != 1)
		return sv_err_set(err, -errno, "%s: threaded NAPI: %s", dev, strerror(errno));
	if (threaded)
		renice(netns, dev, &before);
	return 0;
}

int sv_napi_set_threaded(const struct sv_vn *vn, const char *dev, bool threaded, struct sv_err *err)
{
	pid_t keeper;
	_cleanup_close_ int netns = sv_keeper_netns(vn, &keeper, err);
	_cleanup_close_ int fd = -1;
	char path[96];

	if (netns < 0)
		return netns;
	/* The VNode's own sysfs: a sysfs shows the namespace that it was mounted in. */
	snprintf(path, sizeof(path), "/proc/%d/root/sys/class/net/%s/threaded", keeper, dev);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return sv_err_set(err, -errno, "%s: threaded NAPI: %s", dev, strerror(errno));
	return set_threaded(netns, fd, dev, threaded, err);
}

static int open_attribute(const char *dev, const char *name)
{
	_cleanup_close_ int sysfs = sv_ns_sysfs();
	char path[64];
	int fd;

	if (sysfs < 0)
		return sysfs;
	snprintf(path, sizeof(path), "class/net/%s/%s", dev, name);
	fd = openat(sysfs, path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sv_napi_set_threaded_here(const char *dev, bool threaded, struct sv_err *err)
{
	_cleanup_close_ int fd = open_attribute(dev, "threaded");

	if (fd < 0)
		return sv_err_set(err, fd, "%s: threaded NAPI: %s", dev, strerror(-fd));
	return set_threaded(-1, fd, dev, threaded, err);
}

static bool is_one(const char *dev, const char *name)
{
	_cleanup_close_ int fd = open_attribute(dev, name);
	char now = 0;

	return fd >= 0 && read(fd, &now, 1) == 1 && now != '0';
}

/* How many of a vif's threads have not the priority of their place; `set`: they get it. */
static size_t threads_astray(const char *dev, bool aside, bool set)
{
	int want = aside ? NICE : 0;
	struct threads threads;
	size_t i, astray = 0;

	threads_named(dev, true, &threads);
	for (i = 0; i < threads.n; i++) {
		if (getpriority(PRIO_PROCESS, threads.pid[i]) == want)
			continue;
		astray++;
		if (set)
			setpriority(PRIO_PROCESS, threads.pid[i], want);
	}
	return astray;
}

bool sv_napi_vif_is_misplaced(const char *dev, bool aside)
{
	return is_one(dev, "carrier") &&
	       (is_one(dev, "threaded") != aside || threads_astray(dev, aside, false));
}

int sv_napi_place_vif(const char *dev, bool aside, struct sv_err *err)
{
	int rc = sv_napi_set_threaded_here(dev, aside, err);

	if (!rc)
		threads_astray(dev, aside, true);
	return rc;
}
