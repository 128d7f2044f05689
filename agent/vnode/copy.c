/* SPDX-License-Identifier: GPL-2.0-only */
#include "copy.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct objects {
	struct nl_msg **msg; /* as built; NULL once done */
	const struct nlmsghdr **origin;
	size_t n;
};

void sv_copy_not(const struct sv_copy *copy, const char *fmt, ...)
{
	va_list ap;

	if (!copy->report)
		return;
	fprintf(copy->report, "%s/%s: not copied: ", copy->source->vnet, copy->source->name);
	va_start(ap, fmt);
	vfprintf(copy->report, fmt, ap);
	va_end(ap);
	fputc('\n', copy->report);
}

int sv_copy_open(struct sv_copy *copy, struct sv_err *err)
{
	int rc = sv_rtnl_open(&copy->from, copy->from_ns, NETLINK_ROUTE);

	rc = rc ?: sv_rtnl_open(&copy->to, copy->to_ns, NETLINK_ROUTE);
	return rc ? sv_err_set(err, rc, "netlink: %s", strerror(-rc)) : 0;
}

void sv_copy_close(struct sv_copy *copy)
{
	sv_rtnl_close(&copy->from);
	sv_rtnl_close(&copy->to);
	free(copy->link);
	copy->link = NULL;
}

/* ---- links ---- */

static const char *link_name(const struct nlmsghdr *h)
{
	struct nlattr *a =
		nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct ifinfomsg), IFLA_IFNAME);

	return a ? nla_get_string(a) : "";
}

static int link_index(const struct nlmsghdr *h)
{
	return ((struct ifinfomsg *)nlmsg_data(h))->ifi_index;
}

static int pair(struct sv_copy *copy, const struct sv_nldump *from, const struct sv_nldump *to)
{
	size_t i, j;

	free(copy->link);
	copy->n_link = 0;
	copy->link = calloc(from->n + 1, sizeof(*copy->link));
	if (!copy->link)
		return -ENOMEM;
	for (i = 0; i < from->n; i++) {
		struct sv_copy_link *link = &copy->link[copy->n_link++];

		link->from = link_index(from->msg[i]);
		snprintf(link->name, sizeof(link->name), "%s", link_name(from->msg[i]));
		for (j = 0; j < to->n; j++)
			if (!strcmp(link->name, link_name(to->msg[j])))
				link->to = link_index(to->msg[j]);
	}
	return 0;
}

int sv_copy_pair_links(struct sv_copy *copy, struct sv_err *err)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	_cleanup_(sv_nldump_fini) struct sv_nldump from = { 0 };
	_cleanup_(sv_nldump_fini) struct sv_nldump to = { 0 };
	int rc;

	rc = sv_rtnl_dump(&copy->from, RTM_GETLINK, &ifi, sizeof(ifi), &from);
	rc = rc ?: sv_rtnl_dump(&copy->to, RTM_GETLINK, &ifi, sizeof(ifi), &to);
	rc = rc ?: pair(copy, &from, &to);
	return rc ? sv_err_set(err, rc, "reading links: %s", strerror(-rc)) : 0;
}

const struct sv_copy_link *sv_copy_link_of(const struct sv_copy *copy, int from)
{
	size_t i;

	for (i = 0; i < copy->n_link; i++)
		if (copy->link[i].from == from)
			return &copy->link[i];
	return NULL;
}

int sv_copy_ifindex(const struct sv_copy *copy, int ifindex, bool mapped)
{
	const struct sv_copy_link *link = mapped ? sv_copy_link_of(copy, ifindex) : NULL;

	return !mapped ? ifindex : link ? link->to : 0;
}

int sv_copy_attr(struct nl_msg *out, const struct nlattr *a)
{
	return nla_put(out, a->nla_type, nla_len(a), nla_data(a));
}

/* ---- objects ---- */

static void objects_fini(struct objects *objects)
{
	size_t i;

	for (i = 0; i < objects->n; i++)
		nlmsg_free(objects->msg[i]);
	free(objects->msg);
	free(objects->origin);
	memset(objects, 0, sizeof(*objects));
}

static void report(const struct sv_copy *copy, const struct sv_copy_kind *kind,
		   const struct nlmsghdr *h, const char *why)
{
	char text[160] = "";

	kind->print(copy, h, text, sizeof(text));
	sv_copy_not(copy, "%s %s: %s", kind->what, text, why);
}

static int build_one(const struct sv_copy *copy, const struct sv_copy_kind *kind,
		     const struct nlmsghdr *h, bool mapped, struct nl_msg **out)
{
	const char *why = "it cannot be";
	struct nl_msg *msg = nlmsg_alloc_simple(kind->new, 0);
	int rc;

	if (!msg)
		return -ENOMEM;
	rc = kind->build(copy, h, mapped, msg, &why);
	if (rc < 0 && mapped)
		report(copy, kind, h, why);
	if (rc) {
		nlmsg_free(msg);
		msg = NULL;
	}
	*out = msg;
	return 0;
}

static int build_all(const struct sv_copy *copy, const struct sv_copy_kind *kind,
		     const struct sv_nldump *dump, bool mapped, struct objects *out)
{
	int rc = 0;
	size_t i;

	out->msg = calloc(dump->n + 1, sizeof(*out->msg));
	out->origin = calloc(dump->n + 1, sizeof(*out->origin));
	if (!out->msg || !out->origin)
		return -ENOMEM;
	for (i = 0; i < dump->n && !rc; i++) {
		rc = build_one(copy, kind, dump->msg[i], mapped, &out->msg[out->n]);
		out->origin[out->n] = dump->msg[i];
		if (!rc && out->msg[out->n])
			out->n++;
	}
	return rc;
}

static bool has(const struct objects *objects, struct nl_msg *msg)
{
	struct nlmsghdr *a = nlmsg_hdr(msg), *b;
	size_t i;

	for (i = 0; i < objects->n; i++) {
		if (!objects->msg[i])
			continue;
		b = nlmsg_hdr(objects->msg[i]);
		if (a->nlmsg_len == b->nlmsg_len &&
		    !memcmp(nlmsg_data(a), nlmsg_data(b), nlmsg_datalen(a)))
			return true;
	}
	return false;
}

/* The built message stays for the next try. */
static int send_as(struct sv_rtnl *rtnl, struct nl_msg *built, int type, int flags)
{
	struct nlmsghdr *h = nlmsg_hdr(built);
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

	if (msg)
		nlmsg_append(msg, nlmsg_data(h), nlmsg_datalen(h), NLMSG_ALIGNTO);
	return sv_rtnl_call(rtnl, msg);
}

/* One may need another, whatever the order of the dump: again as long as anything succeeds. */
static void send_all(struct sv_copy *copy, const struct sv_copy_kind *kind, struct objects *want)
{
	bool progress = true;
	size_t i;
	int rc;

	while (progress) {
		progress = false;
		for (i = 0; i < want->n; i++) {
			struct nl_msg **msg = &want->msg[kind->newest_first ? want->n - 1 - i : i];

			if (!*msg)
				continue;
			rc = send_as(&copy->to, *msg, kind->new, kind->flags);
			if (rc && rc != -EEXIST)
				continue;
			nlmsg_free(*msg);
			*msg = NULL;
			progress = true;
		}
	}
	for (i = 0; i < want->n; i++) {
		if (!want->msg[i])
			continue;
		send_as(&copy->to, want->msg[i], kind->new, kind->flags);
		report(copy, kind, want->origin[i], copy->to.text);
	}
}

/* Takes from `want` what `there` has already. */
static void leave_out(struct objects *want, const struct objects *there)
{
	size_t i;

	for (i = 0; i < want->n; i++) {
		if (!want->msg[i] || !has(there, want->msg[i]))
			continue;
		nlmsg_free(want->msg[i]);
		want->msg[i] = NULL;
	}
}

static int objects_read(struct sv_copy *copy, const struct sv_copy_kind *kind, const void *header,
			size_t len, bool source, struct sv_nldump *dump, struct objects *objects)
{
	struct tcmsg tc;
	int rc;

	if (kind->by_link && !source) {
		tc = *(const struct tcmsg *)header;
		tc.tcm_ifindex = tc.tcm_ifindex ? sv_copy_ifindex(copy, tc.tcm_ifindex, true) : 0;
		header = &tc;
	}
	rc = sv_rtnl_dump(source ? &copy->from : &copy->to, kind->get, header, len, dump);
	return rc ?: build_all(copy, kind, dump, source, objects);
}

static int copy_objects(struct sv_copy *copy, const struct sv_copy_kind *kind, const void *header,
			size_t len)
{
	_cleanup_(sv_nldump_fini) struct sv_nldump from = { 0 };
	_cleanup_(sv_nldump_fini) struct sv_nldump to = { 0 };
	_cleanup_(objects_fini) struct objects want = { 0 };
	_cleanup_(objects_fini) struct objects there = { 0 };
	int rc;

	rc = objects_read(copy, kind, header, len, true, &from, &want);
	rc = rc ?: objects_read(copy, kind, header, len, false, &to, &there);
	if (rc)
		return rc;
	leave_out(&want, &there);
	send_all(copy, kind, &want);
	return 0;
}

/* What came by itself, with an address or a device, and the source no longer has. */
static int remove_extra(struct sv_copy *copy, const struct sv_copy_kind *kind, const void *header,
			size_t len)
{
	_cleanup_(sv_nldump_fini) struct sv_nldump from = { 0 };
	_cleanup_(sv_nldump_fini) struct sv_nldump to = { 0 };
	_cleanup_(objects_fini) struct objects want = { 0 };
	_cleanup_(objects_fini) struct objects there = { 0 };
	FILE *quiet = copy->report;
	size_t i;
	int rc;

	copy->report = NULL; /* what cannot be copied has been said */
	rc = objects_read(copy, kind, header, len, true, &from, &want);
	copy->report = quiet;
	rc = rc ?: objects_read(copy, kind, header, len, false, &to, &there);
	for (i = 0; !rc && i < there.n; i++)
		if (!has(&want, there.msg[i]))
			send_as(&copy->to, there.msg[i], kind->del, 0);
	return rc;
}

int sv_copy_all(struct sv_copy *copy, const struct sv_copy_kind *kind, const void *header,
		size_t len, struct sv_err *err)
{
	int rc = copy_objects(copy, kind, header, len);

	if (!rc && kind->del)
		rc = remove_extra(copy, kind, header, len);
	return rc ? sv_err_set(err, rc, "copying %ss: %s", kind->what, strerror(-rc)) : 0;
}
