/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What leaves a VNode's interface, shaped inside it:
 *
 *	1: htb default 1
 *	└─ 1:ffff  the interface's rate
 *	   └─ 1:1  a tenth of it is its own, the rest it borrows; a pfifo of 50 ms
 *
 * An operator's class under 1:ffff shares the rate (the lowest prio borrows first), one under 1:
 * has its own beside it.
 */
#include <errno.h>
#include <string.h>

#include "netns.h"

enum { QUEUE_MS = 50, QUEUE_MIN = 16, PACKET = 1500, MERGED_MAX = 65536, SEGS_MAX = 65535 };

static uint32_t bytes_per_ms(uint32_t rate_kbit)
{
	return rate_kbit / 8;
}

static int add_rate(struct sv_batch *batch, const struct sv_vnode_iface *iface)
{
	uint32_t rate = iface->rate_kbit, own = rate / 10 < 8 ? 8 : rate / 10;
	uint32_t frame = iface->mtu + 14;
	uint32_t burst = bytes_per_ms(rate) > 2 * frame ? bytes_per_ms(rate) : 2 * frame;
	uint32_t limit = (uint64_t)bytes_per_ms(rate) * QUEUE_MS / PACKET;
	const char *dev = iface->name;
	char what[64];
	int rc;

	if (own > rate)
		own = rate;
	snprintf(what, sizeof(what), "%s: rate %u kbit/s", dev, rate);
	rc = sv_batch_add(batch, what, "qdisc add dev %s root handle 1: htb default 1", dev);
	rc = rc
		     ?: sv_batch_add(
				batch, what,
				"class add dev %s parent 1: classid 1:ffff htb rate %ukbit ceil "
				"%ukbit burst %u cburst %u quantum %u",
				dev, rate, rate, burst, burst, frame);
	rc = rc
		     ?: sv_batch_add(
				batch, what,
				"class add dev %s parent 1:ffff classid 1:1 htb rate %ukbit ceil "
				"%ukbit burst %u cburst %u quantum %u prio 1",
				dev, own, rate, burst, burst, frame);
	return rc
		       ?: sv_batch_add(batch, what,
				       "qdisc add dev %s parent 1:1 handle fffe: pfifo limit %u",
				       dev, limit < QUEUE_MIN ? QUEUE_MIN : limit);
}

/* The lines of `spec` that are for `dev`, into a batch, or compared with another's. */
static int add_lines(struct sv_batch *batch, const struct sv_vnode_spec *spec, const char *dev)
{
	char what[256], of[16];
	size_t i;
	int rc = 0;

	for (i = 0; spec->tc && spec->tc[i] && !rc; i++) {
		if (!sv_line_dev(spec->tc[i], of) || strcmp(of, dev))
			continue;
		snprintf(what, sizeof(what), "%s: tc \"%s\"", dev, spec->tc[i]);
		rc = sv_batch_add(batch, what, "%s", spec->tc[i]);
	}
	return rc;
}

static bool same_shape(const struct sv_vnode_spec *a, const struct sv_vnode_spec *b,
		       const char *dev)
{
	const struct sv_vnode_iface *ia = sv_spec_iface(a, dev), *ib = sv_spec_iface(b, dev);
	_cleanup_(sv_batch_fini) struct sv_batch la = { 0 };
	_cleanup_(sv_batch_fini) struct sv_batch lb = { 0 };

	if (!ia || !ib || ia->rate_kbit != ib->rate_kbit || strcmp(ia->port, ib->port) ||
	    (ia->rate_kbit && ia->mtu != ib->mtu))
		return false;
	if (add_lines(&la, a, dev) || add_lines(&lb, b, dev))
		return false;
	return !strcmp(la.text ?: "", lb.text ?: "");
}

static void clear(int netns, const char *dev)
{
	char *argv[] = { "tc", "-force", "-batch", "-", NULL };
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *complaint = NULL;

	if (asprintf(&text, "qdisc del dev %s root\nqdisc del dev %s ingress\n", dev, dev) < 0) {
		text = NULL;
		return;
	}
	/* What is not there cannot be deleted: its complaint is no news. */
	sv_ns_run(netns, argv, text, NULL, &complaint);
}

static uint32_t merged_bytes(const struct sv_vnode_spec *spec)
{
	uint32_t least = MERGED_MAX;
	size_t i;

	for (i = 0; spec && i < spec->n_iface; i++)
		if (spec->iface[i].rate_kbit && bytes_per_ms(spec->iface[i].rate_kbit) < least)
			least = bytes_per_ms(spec->iface[i].rate_kbit);
	return least ?: 1;
}

static uint32_t merged_segs(const struct sv_vnode_iface *iface)
{
	uint32_t segs;

	if (!iface || !iface->rate_kbit)
		return SEGS_MAX;
	segs = bytes_per_ms(iface->rate_kbit) / iface->mtu;
	return segs < 1 ? 1 : segs > SEGS_MAX ? SEGS_MAX : segs;
}

/*
 * A queue counts packets, and HTB sends one that GRO merged in one piece: none may be longer than a
 * millisecond of the slowest shaped interface.
 */
static int set_merging(int netns, const struct sv_vnode_spec *from, const struct sv_vnode_spec *to,
		       struct sv_err *err)
{
	uint32_t bytes = merged_bytes(to), bytes_was = merged_bytes(from);
	int rc = 0;
	size_t i;

	for (i = 0; i < to->n_iface && !rc; i++) {
		const struct sv_vnode_iface *iface = &to->iface[i];
		const struct sv_vnode_iface *was = sv_spec_iface(from, iface->name);

		if (was && strcmp(was->port, iface->port))
			was = NULL;
		if ((was ? bytes_was : MERGED_MAX) == bytes &&
		    merged_segs(was) == merged_segs(iface))
			continue;
		rc = sv_link_set_merge(netns, iface->name, bytes, merged_segs(iface), err);
	}
	return rc;
}

int sv_shape_apply(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *from,
		   const struct sv_vnode_spec *to, struct sv_err *err)
{
	_cleanup_(sv_batch_fini) struct sv_batch batch = { 0 };
	int rc = 0;
	size_t i;

	(void)vn;
	for (i = 0; i < to->n_iface && !rc; i++) {
		const struct sv_vnode_iface *iface = &to->iface[i];

		if (from && same_shape(from, to, iface->name))
			continue;
		if (from && sv_spec_iface(from, iface->name))
			clear(netns, iface->name);
		if (iface->rate_kbit)
			rc = add_rate(&batch, iface);
		rc = rc ?: add_lines(&batch, to, iface->name);
	}
	rc = rc ?: set_merging(netns, from, to, err);
	return rc ?: sv_batch_run(&batch, netns, "tc", err);
}
