/* SPDX-License-Identifier: GPL-2.0-only */
/* A running VNode's network state, brought to its clone. */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include "copy.h"

#ifndef IFLA_GRO_MAX_SIZE /* Linux 5.19 */
#define IFLA_GRO_MAX_SIZE 58
#endif

enum { COPIED_FLAGS = IFF_UP | IFF_NOARP | IFF_ALLMULTI | IFF_PROMISC | IFF_MULTICAST };

/* ---- links ---- */

static const struct nlattr *find(const struct nlmsghdr *h, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct ifinfomsg), type);
}

static int set_link(struct sv_copy *copy, const struct nlmsghdr *h, int to)
{
	static const int attrs[] = { IFLA_ADDRESS,	IFLA_MTU,	   IFLA_TXQLEN,
				     IFLA_GSO_MAX_SIZE, IFLA_GSO_MAX_SEGS, IFLA_GRO_MAX_SIZE };
	const struct ifinfomsg *was = nlmsg_data(h);
	struct ifinfomsg ifi = { .ifi_index = to,
				 .ifi_flags = was->ifi_flags & COPIED_FLAGS,
				 .ifi_change = COPIED_FLAGS };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK);
	size_t i;

	if (!msg)
		return -ENOMEM;
	nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
	for (i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++)
		if (find(h, attrs[i]))
			sv_copy_attr(msg, find(h, attrs[i]));
	return sv_rtnl_call(&copy->to, msg);
}

/* The host's end must let in what the clone's may send, and the other way round. */
static int set_port(const struct sv_vnode_spec *copied, const char *name, const struct nlmsghdr *h,
		    struct sv_err *err)
{
	const struct sv_vnode_iface *iface = sv_spec_iface(copied, name);
	const struct nlattr *mtu = find(h, IFLA_MTU);

	if (!iface || !mtu || nla_get_u32(mtu) == iface->mtu)
		return 0;
	return sv_link_set(-1, iface->port, NULL, nla_get_u32(mtu), err);
}

static void not_copied(struct sv_copy *copy, const struct nlmsghdr *h, const char *name)
{
	const struct nlattr *info = find(h, IFLA_LINKINFO), *kind = NULL;

	if (info)
		kind = nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND);
	sv_copy_not(copy, "interface %s (%s): the clone's network has none of that name", name,
		    kind ? nla_get_string(kind) : "device");
}

static int copy_links(struct sv_copy *copy, const struct sv_vnode_spec *copied, struct sv_err *err)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	_cleanup_(sv_nldump_fini) struct sv_nldump links = { 0 };
	size_t i;
	int rc;

	rc = sv_copy_pair_links(copy, err);
	if (rc)
		return rc;
	rc = sv_rtnl_dump(&copy->from, RTM_GETLINK, &ifi, sizeof(ifi), &links);
	if (rc)
		return sv_err_set(err, rc, "reading links: %s", strerror(-rc));
	for (i = 0; i < links.n && !rc; i++) {
		const struct ifinfomsg *was = nlmsg_data(links.msg[i]);
		const struct sv_copy_link *link = sv_copy_link_of(copy, was->ifi_index);

		if (!link || !strcmp(link->name, "lo"))
			continue;
		if (!link->to) {
			not_copied(copy, links.msg[i], link->name);
			continue;
		}
		rc = set_port(copied, link->name, links.msg[i], err);
		if (!rc && (rc = set_link(copy, links.msg[i], link->to)))
			sv_err_set(err, rc, "%s: %s", link->name, copy->to.text);
	}
	return rc;
}

/* ---- nftables ---- */

static int copy_nft(struct sv_copy *copy, struct sv_err *err)
{
	char *list[] = { "nft", "list", "ruleset", NULL };
	char *load[] = { "nft", "-f", "-", NULL };
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *complaint = NULL;
	_cleanup_free_ char *refusal = NULL;
	int rc;

	rc = sv_ns_run(copy->from_ns, list, NULL, &text, &complaint);
	if (rc || !text)
		return sv_err_set(err, rc ?: -EIO, "nft list ruleset: %s", complaint ?: "");
	if (!text[0])
		return 0;
	rc = sv_ns_run(copy->to_ns, load, text, NULL, &refusal);
	if (rc && refusal)
		sv_copy_not(copy, "nftables: %.*s", (int)strcspn(refusal, "\n"), refusal);
	return 0;
}

/* ---- what stays behind ---- */

static size_t count_lines(pid_t pid, const char *file, size_t heading)
{
	_cleanup_free_ char *text = NULL;
	char path[64], *at;
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, file);
	text = sv_file_read(path);
	for (at = text; at && (at = strchr(at, '\n')); at++)
		n++;
	return n > heading ? n - heading : 0;
}

static void report_sockets(const struct sv_copy *copy, pid_t pid)
{
	static const char *const tables[] = {
		"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"
	};
	size_t i, n;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		n = count_lines(pid, tables[i], 1);
		if (n)
			sv_copy_not(copy, "%zu %s socket%s", n, tables[i], n == 1 ? "" : "s");
	}
}

static void report_conntrack(const struct sv_copy *copy)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	_cleanup_free_ char *text = NULL;

	if (sv_ns_enter(&guard, copy->from_ns))
		return;
	text = sv_file_read("/proc/sys/net/netfilter/nf_conntrack_count");
	if (text && atoi(text) > 0)
		sv_copy_not(copy, "%d entr%s of connection tracking", atoi(text),
			    atoi(text) == 1 ? "y" : "ies");
}

static void report_rest(const struct sv_copy *copy)
{
	pid_t pid = sv_keeper_pid(copy->source);
	struct sv_keeper_status keeper;

	if (sv_keeper_status(copy->source, &keeper) == 0 && keeper.program)
		sv_copy_not(copy, "the memory of its program, which starts afresh");
	if (pid <= 0)
		return;
	report_conntrack(copy);
	report_sockets(copy, pid);
	if (count_lines(pid, "ip_tables_names", 0) || count_lines(pid, "ip6_tables_names", 0))
		sv_copy_not(copy, "rules of the old iptables");
}

int sv_clone_copy(const struct sv_vn *from, int from_ns, const struct sv_vn *to, int to_ns,
		  const struct sv_vnode_spec *copied, FILE *report, struct sv_err *err)
{
	_cleanup_(sv_copy_close) struct sv_copy copy = {
		.source = from, .target = to, .from_ns = from_ns, .to_ns = to_ns, .report = report
	};
	int rc;

	rc = sv_copy_open(&copy, err);
	rc = rc ?: copy_links(&copy, copied, err);
	rc = rc ?: sv_copy_sysctls(&copy, err);
	rc = rc ?: sv_copy_addresses(&copy, err);
	rc = rc ?: sv_copy_routing(&copy, err);
	rc = rc ?: sv_copy_neighbours(&copy, err);
	rc = rc ?: sv_copy_tc(&copy, err);
	rc = rc ?: copy_nft(&copy, err);
	if (!rc && report)
		report_rest(&copy);
	return rc;
}
