/* SPDX-License-Identifier: GPL-2.0-only */
/* Queueing disciplines, classes, filters. */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "copy.h"

enum { CLSACT_IN = 0xfff2, CLSACT_OUT = 0xfff3, U32_ROOT = 0x800 };

static const struct nlattr *find(const struct nlmsghdr *h, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct tcmsg), type);
}

static const char *kind_of(const struct nlmsghdr *h)
{
	const struct nlattr *a = find(h, TCA_KIND);

	return a ? nla_get_string(a) : "";
}

static void show(const struct sv_copy *copy, const struct nlmsghdr *h, char *text, size_t size)
{
	const struct tcmsg *tc = nlmsg_data(h);
	const struct sv_copy_link *link = sv_copy_link_of(copy, tc->tcm_ifindex);

	snprintf(text, size, "%s %x:%x dev %s", kind_of(h), TC_H_MAJ(tc->tcm_handle) >> 16,
		 TC_H_MIN(tc->tcm_handle), link ? link->name : "?");
}

/* ---- options: what a dump tells and a request does not take ---- */

static void fix_htb_qdisc(void *data, int len)
{
	struct tc_htb_glob *glob = data;

	if (len < (int)sizeof(*glob))
		return;
	/* It is dumped as 3.17 and asked for as 3. */
	if (glob->version > 0xffff)
		glob->version >>= 16;
	glob->direct_pkts = 0;
}

static void fix_htb_class(void *data, int len)
{
	struct tc_htb_opt *opt = data;

	if (len >= (int)sizeof(*opt))
		opt->level = 0;
}

static void fix_cls_flags(void *data, int len)
{
	if (len >= 4)
		*(uint32_t *)data &= TCA_CLS_FLAGS_SKIP_HW | TCA_CLS_FLAGS_SKIP_SW;
}

static const struct {
	const char *kind;
	int message, attr;
	void (*fix)(void *data, int len); /* NULL: left out */
} fixes[] = {
	{ "htb", RTM_NEWQDISC, TCA_HTB_INIT, fix_htb_qdisc },
	{ "htb", RTM_NEWTCLASS, TCA_HTB_PARMS, fix_htb_class },
	{ "u32", RTM_NEWTFILTER, TCA_U32_FLAGS, fix_cls_flags },
	{ "u32", RTM_NEWTFILTER, TCA_U32_PCNT, NULL },
};

static void put_option(const char *kind, int message, const struct nlattr *a, struct nl_msg *out)
{
	_cleanup_free_ char *copy = malloc(nla_len(a) + 1);
	size_t i;

	if (!copy)
		return;
	memcpy(copy, nla_data(a), nla_len(a));
	for (i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++) {
		if (strcmp(fixes[i].kind, kind) || fixes[i].message != message ||
		    fixes[i].attr != nla_type(a))
			continue;
		if (!fixes[i].fix)
			return;
		fixes[i].fix(copy, nla_len(a));
	}
	nla_put(out, a->nla_type, nla_len(a), copy);
}

static bool has_fixes(const char *kind)
{
	size_t i;

	for (i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++)
		if (!strcmp(fixes[i].kind, kind))
			return true;
	return false;
}

static void put_options(const struct nlmsghdr *h, int message, struct nl_msg *out)
{
	const struct nlattr *options = find(h, TCA_OPTIONS), *a;
	const char *kind = kind_of(h);
	struct nlattr *nest;
	int left;

	if (!options)
		return;
	/* Those of a fifo are a bare struct. */
	if (!has_fixes(kind)) {
		sv_copy_attr(out, options);
		return;
	}
	nest = nla_nest_start(out, options->nla_type);
	left = nla_len(options);
	for (a = nla_data(options); nla_ok(a, left); a = nla_next(a, &left))
		put_option(kind, message, a, out);
	nla_nest_end(out, nest);
}

static int put_header(const struct sv_copy *copy, struct tcmsg *tc, bool mapped, struct nl_msg *out,
		      const char **why)
{
	tc->tcm_ifindex = sv_copy_ifindex(copy, tc->tcm_ifindex, mapped);
	if (!tc->tcm_ifindex) {
		*why = "its interface is not in the clone";
		return -ENODEV;
	}
	return nlmsg_append(out, tc, sizeof(*tc), NLMSG_ALIGNTO);
}

/* ---- qdiscs and classes ---- */

static int build_qdisc(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
		       struct nl_msg *out, const char **why)
{
	struct tcmsg tc = *(struct tcmsg *)nlmsg_data(h);
	int rc;

	/* Without a handle: the device's or the class's default, there by itself. */
	if (!tc.tcm_handle)
		return 1;
	tc.tcm_info = 0;
	rc = put_header(copy, &tc, mapped, out, why);
	if (rc)
		return rc;
	nla_put_string(out, TCA_KIND, kind_of(h));
	put_options(h, RTM_NEWQDISC, out);
	return 0;
}

static int build_class(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
		       struct nl_msg *out, const char **why)
{
	struct tcmsg tc = *(struct tcmsg *)nlmsg_data(h);
	int rc;

	/* One of those that exist by themselves, tbf's 1:1 for one, has no options. */
	if (!find(h, TCA_OPTIONS))
		return 1;
	tc.tcm_info = 0;
	rc = put_header(copy, &tc, mapped, out, why);
	if (rc)
		return rc;
	nla_put_string(out, TCA_KIND, kind_of(h));
	put_options(h, RTM_NEWTCLASS, out);
	return 0;
}

static const struct sv_copy_kind qdiscs = {
	.what = "qdisc",
	.get = RTM_GETQDISC,
	.new = RTM_NEWQDISC,
	.flags = NLM_F_CREATE | NLM_F_EXCL,
	.by_link = true,
	.build = build_qdisc,
	.print = show,
};

static const struct sv_copy_kind classes = {
	.what = "class",
	.get = RTM_GETTCLASS,
	.new = RTM_NEWTCLASS,
	.flags = NLM_F_CREATE | NLM_F_EXCL,
	.by_link = true,
	.build = build_class,
	.print = show,
};

/* ---- filters ---- */

static const struct nlattr *option(const struct nlmsghdr *h, int type)
{
	const struct nlattr *options = find(h, TCA_OPTIONS);

	return options ? nla_find(nla_data(options), nla_len(options), type) : NULL;
}

static bool is_root_table(uint32_t handle)
{
	return handle >> 20 >= U32_ROOT;
}

/* The root table of a u32 filter comes by itself and has a number of its own each time. */
static int build_u32(struct tcmsg *tc, const struct nlmsghdr *h, const char **why)
{
	if (option(h, TCA_U32_ACT)) {
		*why = "it has actions";
		return -ENOTSUP;
	}
	if (option(h, TCA_U32_DIVISOR))
		return is_root_table(tc->tcm_handle);
	if (is_root_table(tc->tcm_handle))
		tc->tcm_handle &= 0xfff;
	return 0;
}

static void put_u32(const struct nlmsghdr *h, struct nl_msg *out)
{
	const struct nlattr *options = find(h, TCA_OPTIONS), *a;
	struct nlattr *nest = nla_nest_start(out, options->nla_type);
	int left = nla_len(options);

	for (a = nla_data(options); nla_ok(a, left); a = nla_next(a, &left))
		if (nla_type(a) != TCA_U32_HASH || !is_root_table(nla_get_u32(a)))
			put_option("u32", RTM_NEWTFILTER, a, out);
	nla_nest_end(out, nest);
}

static int build_filter(const struct sv_copy *copy, const struct nlmsghdr *h, bool mapped,
			struct nl_msg *out, const char **why)
{
	struct tcmsg tc = *(struct tcmsg *)nlmsg_data(h);
	const struct nlattr *chain = find(h, TCA_CHAIN);
	bool u32 = !strcmp(kind_of(h), "u32");
	int rc;

	/* The classifier's own entry, before those of its filters. */
	if (!tc.tcm_handle || !find(h, TCA_OPTIONS))
		return 1;
	rc = u32 ? build_u32(&tc, h, why) : 0;
	rc = rc ?: put_header(copy, &tc, mapped, out, why);
	if (rc)
		return rc;
	nla_put_string(out, TCA_KIND, kind_of(h));
	if (chain)
		sv_copy_attr(out, chain);
	if (u32)
		put_u32(h, out);
	else
		put_options(h, RTM_NEWTFILTER, out);
	return 0;
}

static const struct sv_copy_kind filters = {
	.what = "filter",
	.get = RTM_GETTFILTER,
	.new = RTM_NEWTFILTER,
	.flags = NLM_F_CREATE | NLM_F_EXCL,
	.by_link = true,
	.build = build_filter,
	.print = show,
};

/* ---- all of it ---- */

static int copy_filters_at(struct sv_copy *copy, int ifindex, uint32_t parent, struct sv_err *err)
{
	struct tcmsg tc = { .tcm_ifindex = ifindex, .tcm_parent = parent };

	return sv_copy_all(copy, &filters, &tc, sizeof(tc), err);
}

static int copy_filters(struct sv_copy *copy, int ifindex, struct sv_err *err)
{
	struct tcmsg tc = { .tcm_ifindex = ifindex };
	_cleanup_(sv_nldump_fini) struct sv_nldump tops = { 0 };
	_cleanup_(sv_nldump_fini) struct sv_nldump inner = { 0 };
	size_t i;
	int rc;

	rc = sv_rtnl_dump(&copy->from, RTM_GETQDISC, &tc, sizeof(tc), &tops);
	rc = rc ?: sv_rtnl_dump(&copy->from, RTM_GETTCLASS, &tc, sizeof(tc), &inner);
	if (rc)
		return sv_err_set(err, rc, "reading queueing disciplines: %s", strerror(-rc));
	for (i = 0; i < tops.n && !rc; i++) {
		const struct tcmsg *q = nlmsg_data(tops.msg[i]);

		if (q->tcm_ifindex != ifindex || !q->tcm_handle)
			continue;
		if (!strcmp(kind_of(tops.msg[i]), "clsact")) {
			rc = copy_filters_at(copy, ifindex, q->tcm_handle | CLSACT_IN, err);
			rc = rc ?: copy_filters_at(copy, ifindex, q->tcm_handle | CLSACT_OUT, err);
		} else {
			rc = copy_filters_at(copy, ifindex, q->tcm_handle, err);
		}
	}
	for (i = 0; i < inner.n && !rc; i++) {
		const struct tcmsg *class = nlmsg_data(inner.msg[i]);

		if (class->tcm_ifindex == ifindex && find(inner.msg[i], TCA_OPTIONS))
			rc = copy_filters_at(copy, ifindex, class->tcm_handle, err);
	}
	return rc;
}

int sv_copy_tc(struct sv_copy *copy, struct sv_err *err)
{
	struct tcmsg all = { 0 };
	int depth, rc = 0;
	FILE *report = copy->report;
	size_t i;

	/* A qdisc may hang from a class, a class from a qdisc: only the last round tells. */
	for (depth = 0; depth < 4 && !rc; depth++) {
		copy->report = depth == 3 ? report : NULL;
		rc = sv_copy_all(copy, &qdiscs, &all, sizeof(all), err);
		for (i = 0; i < copy->n_link && !rc; i++) {
			struct tcmsg tc = { .tcm_ifindex = copy->link[i].from };

			if (copy->link[i].to)
				rc = sv_copy_all(copy, &classes, &tc, sizeof(tc), err);
		}
	}
	copy->report = report;
	for (i = 0; i < copy->n_link && !rc; i++)
		if (copy->link[i].to)
			rc = copy_filters(copy, copy->link[i].from, err);
	return rc;
}
