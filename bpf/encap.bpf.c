/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TC ingress of an export port: copies get the headers in front that take them to their collector,
 * by the host's own routes. Nothing ever goes on from here to the host's stack.
 *
 * The object is not named export: its skeleton would be another struct sv_export.
 */
#include <linux/pkt_cls.h>

#include "lib/count.h"
#include "lib/export.h"

#include "maps/attach.h"
#include "maps/export.bpf.h"

#define SV_AF_INET 2
#define SV_VLAN_ANY 1 /* the VID of a tag that comes and goes here */

static __always_inline int sv_export_drop(const struct __sk_buff *skb, enum sv_dev_reason reason)
{
	__u32 segments = skb->gso_segs;

	sv_count_dev(skb->ifindex, reason, segments ? segments : 1);
	return TC_ACT_SHOT;
}

/* An edge is refused whatever the agent has said of the device. */
static __always_inline int sv_export_edge(__u32 ifindex)
{
	const struct sv_dcount *row = bpf_map_lookup_elem(&sv_dcount, &ifindex);

	return row && row->role == SV_ROLE_EDGE;
}

/* The way of a packet of `len` bytes: fills fib and returns 0, or why there is none. */
static __always_inline enum sv_dev_reason sv_export_way(struct __sk_buff *skb,
							const struct sv_export *x, __u32 len,
							struct bpf_fib_lookup *fib)
{
	long rc;

	fib->family = SV_AF_INET;
	fib->ifindex = skb->ifindex;
	fib->ipv4_src = x->local;
	fib->ipv4_dst = x->remote;
	fib->tot_len = len;
	rc = bpf_fib_lookup(skb, fib, sizeof(*fib), 0);
	if (rc == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return SV_DEV_EXPORT_LONG;
	if (rc != BPF_FIB_LKUP_RET_SUCCESS && rc != BPF_FIB_LKUP_RET_NO_NEIGH)
		return SV_DEV_EXPORT_ROUTE;
	if (sv_export_edge(fib->ifindex))
		return SV_DEV_EXPORT_EDGE;
	if (fib->ifindex != x->dev)
		return SV_DEV_EXPORT_ROUTE;
	return rc == BPF_FIB_LKUP_RET_NO_NEIGH ? SV_DEV_EXPORT_NEIGH : 0;
}

/*
 * The kernel keeps the outermost tag beside the frame, and what kind of frame it is. A second tag
 * pushes the first one into the frame, and popping both makes the kernel read the type anew. So
 * the copy's own tag goes back where it was, and the outer packet is one of IPv4.
 */
static __always_inline int sv_export_wrap(struct __sk_buff *skb, const struct sv_outer *outer)
{
	__be16 proto = bpf_htons(SV_ETH_8021Q);
	int tagged = skb->vlan_present;

	if (tagged && bpf_skb_vlan_push(skb, proto, SV_VLAN_ANY))
		return -1;
	if (bpf_skb_change_head(skb, sizeof(*outer), 0) ||
	    bpf_skb_store_bytes(skb, 0, outer, sizeof(*outer), 0))
		return -1;
	if (!tagged && bpf_skb_vlan_push(skb, proto, SV_VLAN_ANY))
		return -1;
	if (bpf_skb_vlan_push(skb, proto, SV_VLAN_ANY))
		return -1;
	return bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb);
}

static __always_inline void sv_export_look(struct __sk_buff *skb, struct sv_export_copy *c)
{
	const void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct sv_eth *eth = data;

	c->tagged = skb->vlan_present ||
		    ((const void *)(eth + 1) <= end && sv_export_is_tag(eth->proto));
	c->len = skb->len + (skb->vlan_present ? SV_TAG_LEN : 0);
	c->cut = sv_export_cut(data, end, skb->len);
}

SEC("tc")
int sv_tc_export(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct sv_export *x = bpf_map_lookup_elem(&sv_export, &ifindex);
	struct bpf_fib_lookup fib = {};
	struct sv_export_copy c = {};
	struct sv_outer outer = {};
	enum sv_dev_reason why;
	__u32 len;

	if (!x)
		return sv_export_drop(skb, SV_DEV_EXPORT_ROUTE);
	if (skb->gso_size)
		return sv_export_drop(skb, SV_DEV_EXPORT_FAIL);
	sv_export_look(skb, &c);
	len = sv_export_len(c.len);
	if (len > x->mtu || len > 0xffff)
		return sv_export_drop(skb, SV_DEV_EXPORT_LONG);
	why = sv_export_way(skb, x, len, &fib);
	if (why)
		return sv_export_drop(skb, why);
	c.hash = bpf_get_hash_recalc(skb);
	c.seq = __sync_fetch_and_add(&x->seq, 1);
	sv_export_build(&outer, x, &c);
	__builtin_memcpy(outer.eth.dst, fib.dmac, 6);
	__builtin_memcpy(outer.eth.src, fib.smac, 6);
	if (sv_export_wrap(skb, &outer))
		return sv_export_drop(skb, SV_DEV_EXPORT_FAIL);
	if (bpf_redirect(fib.ifindex, 0) != TC_ACT_REDIRECT)
		return sv_export_drop(skb, SV_DEV_EXPORT_FAIL);
	sv_count_dev(ifindex, SV_DEV_EXPORTED, 1);
	return TC_ACT_REDIRECT;
}

char _license[] SEC("license") = "GPL";
