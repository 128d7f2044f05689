// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"
#include "vendor-headers/tcx.h"

/* Ours among the filters of a clsact qdisc. */
#define FILTER_HANDLE 1
#define FILTER_PRIORITY 0x5356

enum sv_tc_how sv_tc_how(const struct sv_record *rec)
{
	if (sv_record_has(rec, "tc"))
		return SV_TC_TCX;
	/* The marker is there before the filter, and stays when somebody deletes that. */
	return sv_record_has(rec, "clsact") && sv_tc_has_filter(rec->ifindex) ? SV_TC_CLSACT
									      : SV_TC_NONE;
}

/* ---- tcx ---- */

/* A kernel with tcx looks for the device first; one without refuses the attach type. */
static bool tcx_works(struct sv_plane *plane)
{
	if (plane->tcx < 0) {
		_cleanup_close_ int fd = bpf_link_create(plane->tc[SV_ROLE_VNODE], 0x7fffffff,
							 SV_BPF_TCX_INGRESS, NULL);

		plane->tcx = fd >= 0 || errno == ENODEV;
	}
	return plane->tcx;
}

static int attach_tcx(int prog, const char *path, const struct sv_netdev *dev, struct sv_err *err)
{
	_cleanup_close_ int link = bpf_link_create(prog, dev->ifindex, SV_BPF_TCX_INGRESS, NULL);

	if (link < 0)
		return sv_err_set(err, -errno, "%s: cannot attach the TC program (tcx): %s",
				  dev->name, strerror(errno));
	return sv_pin_new(link, path, err);
}

/* ---- clsact ---- */

static int mark(const struct sv_record *rec, const char *what, bool on, struct sv_err *err)
{
	char path[PATH_MAX];
	int rc = sv_record_path(path, sizeof(path), rec, what, err);

	if (rc)
		return rc;
	return on ? sv_pin_mkdir(path, err) : sv_pin_remove(path, err);
}

static int make_qdisc(const struct sv_record *rec, struct bpf_tc_hook *hook, struct sv_err *err)
{
	int rc = mark(rec, "clsact-own", true, err);

	if (rc)
		return rc;
	rc = bpf_tc_hook_create(hook);
	if (rc == -EEXIST)
		return sv_record_has(rec, "clsact") ? 0 : mark(rec, "clsact-own", false, err);
	return rc;
}

static int attach_clsact(int prog, const struct sv_record *rec, const struct sv_netdev *dev,
			 struct sv_err *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = dev->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .flags = BPF_TC_F_REPLACE,
		    .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	int rc = sv_record_has(rec, "clsact") ? 0 : make_qdisc(rec, &hook, err);

	sv_log_start();
	rc = rc ?: mark(rec, "clsact", true, err);
	if (rc)
		return sv_err_set(err, rc, "%s: cannot make a clsact qdisc: %s", dev->name,
				  strerror(-rc));
	rc = bpf_tc_attach(&hook, &opts);
	if (rc == -EINVAL || rc == -ENOENT) {
		/* The qdisc that the marker speaks of may have been removed by someone else. */
		rc = bpf_tc_hook_create(&hook);
		opts.prog_id = 0;
		rc = rc && rc != -EEXIST ? rc : bpf_tc_attach(&hook, &opts);
	}
	return rc ? sv_log_err(err, rc, "%s: cannot attach the TC program (clsact): %s", dev->name,
			       strerror(-rc))
		  : 0;
}

/* Is any filter left at this parent? When in doubt: yes. */
static bool has_filter(int fd, __u32 ifindex, __u32 parent)
{
	struct {
		struct nlmsghdr nh;
		struct tcmsg tc;
	} req = {
		.nh = { .nlmsg_len = sizeof(req),
			.nlmsg_type = RTM_GETTFILTER,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.tc = { .tcm_ifindex = ifindex, .tcm_parent = parent },
	};
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t len;

	if (send(fd, &req, sizeof(req), 0) != sizeof(req))
		return true;
	len = recv(fd, buf, sizeof(buf), 0);
	return len < (ssize_t)sizeof(struct nlmsghdr) ||
	       ((struct nlmsghdr *)buf)->nlmsg_type != NLMSG_DONE;
}

static bool qdisc_used(__u32 ifindex)
{
	_cleanup_close_ int in = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	_cleanup_close_ int out = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return in < 0 || out < 0 ||
	       has_filter(in, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)) ||
	       has_filter(out, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
}

bool sv_tc_has_filter(__u32 ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);

	sv_log_start();
	return !bpf_tc_query(&hook, &opts);
}

static int detach_clsact(const struct sv_record *rec, struct sv_err *err)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = rec->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
	struct sv_netdev dev;
	int rc;

	if (!sv_record_has(rec, "clsact"))
		return mark(rec, "clsact-own", false, err);
	sv_log_start();
	if (sv_record_alive(rec, &dev)) {
		rc = bpf_tc_detach(&hook, &opts);
		if (rc && rc != -ENOENT && rc != -EINVAL)
			return sv_log_err(err, rc, "%s: cannot remove the TC filter: %s", dev.name,
					  strerror(-rc));
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
		if (sv_record_has(rec, "clsact-own") && !qdisc_used(rec->ifindex))
			bpf_tc_hook_destroy(&hook);
	}
	rc = mark(rec, "clsact", false, err);
	return rc ?: mark(rec, "clsact-own", false, err);
}

/* ---- either ---- */

int sv_tc_attach(struct sv_plane *plane, const struct sv_record *rec, const struct sv_netdev *dev,
		 struct sv_err *err)
{
	int prog = plane->tc[rec->role];
	char path[PATH_MAX];
	int rc = sv_record_path(path, sizeof(path), rec, "tc", err);

	if (rc)
		return rc;
	rc = sv_link_replace(path, prog);
	if (!rc)
		return 0;
	if (rc == -ENOLINK)
		rc = sv_link_drop(path, err);
	else if (rc != -ENOENT)
		return sv_err_set(err, rc, "%s: cannot replace the TC program: %s", dev->name,
				  strerror(-rc));
	else
		rc = 0;
	if (rc)
		return rc;
	if (sv_record_has(rec, "clsact") || !tcx_works(plane))
		return attach_clsact(prog, rec, dev, err);
	return attach_tcx(prog, path, dev, err);
}

int sv_tc_detach(const struct sv_record *rec, struct sv_err *err)
{
	char path[PATH_MAX];
	int rc = sv_record_path(path, sizeof(path), rec, "tc", err);

	rc = rc ?: sv_link_drop(path, err);
	return rc ?: detach_clsact(rec, err);
}
