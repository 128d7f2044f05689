/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_EXPORT_H
#define SV_BPF_EXPORT_H

#include "maps/export.h"
#include "parse.h"

/*
 * What is put in front of a copy on its way to a collector: Ethernet, IPv4, and VXLAN over UDP
 * (RFC 7348) or ERSPAN type II over GRE (RFC 2784, RFC 2890, draft-foschiano-erspan). Both have the
 * same length. Pure functions.
 */
#define SV_ETH_IPV4 0x0800
#define SV_ETH_ERSPAN 0x88be
#define SV_IPPROTO_UDP 17
#define SV_IPPROTO_GRE 47
#define SV_IPV4_DF 0x4000
#define SV_GRE_SEQ 0x1000
#define SV_VXLAN_VNI 0x08000000 /* the VNI is valid */
#define SV_EXPORT_PORTS 0xc000 /* UDP source ports: 49152 … 65535, RFC 7348, section 5 */

struct sv_ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 len;
	__be16 id;
	__be16 frag;
	__u8 ttl;
	__u8 proto;
	__u16 sum;
	__be32 src;
	__be32 dst;
} __attribute__((packed, aligned(2)));

struct sv_vxlan {
	__be16 src, dst;
	__be16 len;
	__u16 sum;
	__be32 flags;
	__be32 vni; /* << 8 */
} __attribute__((packed, aligned(2)));

struct sv_erspan {
	__be16 flags;
	__be16 proto;
	__be32 seq;
	__be32 session; /* version:4 | VLAN:12 | COS:3 | encapsulation:2 | truncated:1 | session:10
			 */
	__be32 index;
} __attribute__((packed, aligned(2)));

struct sv_outer {
	struct sv_eth eth;
	struct sv_ipv4 ip;
	union {
		struct sv_vxlan vxlan;
		struct sv_erspan erspan;
	};
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct sv_outer) == SV_ETH_LEN + SV_EXPORT_OUTER_LEN, "outer headers");

/* What the headers have to know of the copy. */
struct sv_export_copy {
	__u32 len; /* with all its own tags */
	__u32 hash; /* of its flow */
	__u32 seq;
	__u8 tagged; /* its outermost header is a tag */
	__u8 cut; /* it is the head of a longer frame */
};

static inline int sv_export_is_tag(__be16 proto)
{
	return proto == bpf_htons(SV_ETH_8021Q) || proto == bpf_htons(SV_ETH_8021AD);
}

/*
 * Is a frame of `len` bytes shorter than its IP header says? Looks at what is in one piece, behind
 * at most two tags; a frame that is not IP is taken for whole.
 */
static inline __attribute__((always_inline)) int sv_export_cut(const void *data, const void *end,
							       __u32 len)
{
	const struct sv_eth *eth = data;
	const __u8 *ip = data + SV_ETH_LEN;
	__be16 proto;

	if ((const void *)(eth + 1) > end)
		return 0;
	proto = eth->proto;
	for (int i = 0; i < 2; i++) {
		const struct sv_tag *tag = (const void *)ip;

		if (!sv_export_is_tag(proto))
			break;
		if ((const void *)(tag + 1) > end)
			return 0;
		proto = tag->proto;
		ip += SV_TAG_LEN;
		len -= SV_TAG_LEN;
	}
	if ((const void *)(ip + 6) > end || len < SV_ETH_LEN)
		return 0;
	len -= SV_ETH_LEN;
	if (proto == bpf_htons(SV_ETH_IPV4))
		return (__u32)(ip[2] << 8 | ip[3]) > len;
	if (proto == bpf_htons(SV_ETH_IPV6))
		return (__u32)(ip[4] << 8 | ip[5]) + 40 > len;
	return 0;
}

/* Length of the outer IPv4 packet. */
static inline __u32 sv_export_len(__u32 copy_len)
{
	return copy_len + SV_EXPORT_OUTER_LEN;
}

/* RFC 1071 over a header without options whose sum is still 0. */
static inline __attribute__((always_inline)) __u16 sv_export_ip_sum(const struct sv_ipv4 *ip)
{
	__u32 sum = 0;

	sum += bpf_htons(ip->version_ihl << 8 | ip->tos);
	sum += ip->len;
	sum += ip->id;
	sum += ip->frag;
	sum += bpf_htons(ip->ttl << 8 | ip->proto);
	sum += (ip->src & 0xffff) + (ip->src >> 16);
	sum += (ip->dst & 0xffff) + (ip->dst >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static inline __attribute__((always_inline)) void
sv_export_ipv4(struct sv_ipv4 *ip, const struct sv_export *x, const struct sv_export_copy *c)
{
	ip->version_ihl = 0x45;
	ip->tos = 0;
	ip->len = bpf_htons(sv_export_len(c->len));
	ip->id = bpf_htons(c->seq);
	ip->frag = bpf_htons(SV_IPV4_DF);
	ip->ttl = x->ttl;
	ip->proto = x->kind == SV_EXPORT_VXLAN ? SV_IPPROTO_UDP : SV_IPPROTO_GRE;
	ip->sum = 0;
	ip->src = x->local;
	ip->dst = x->remote;
	ip->sum = sv_export_ip_sum(ip);
}

/* The UDP checksum is 0, which RFC 7348 wants of IPv4. */
static inline __attribute__((always_inline)) void
sv_export_vxlan(struct sv_vxlan *v, const struct sv_export *x, const struct sv_export_copy *c)
{
	v->src = bpf_htons(SV_EXPORT_PORTS | ((c->hash ^ c->hash >> 16) & ~SV_EXPORT_PORTS));
	v->dst = x->port;
	v->len = bpf_htons(c->len + sizeof(*v));
	v->sum = 0;
	v->flags = bpf_htonl(SV_VXLAN_VNI);
	v->vni = bpf_htonl(x->id << 8);
}

/*
 * Version 1 is type II. VLAN and COS are 0: the VNet's own tag is not part of a copy. Encapsulation
 * 3: a tag is preserved in the frame; 0: there was none.
 */
static inline __attribute__((always_inline)) void
sv_export_erspan(struct sv_erspan *e, const struct sv_export *x, const struct sv_export_copy *c)
{
	__u32 session = 1U << 28 | (x->id & 0x3ff);

	if (c->tagged)
		session |= 3 << 11;
	if (c->cut)
		session |= 1 << 10;
	e->flags = bpf_htons(SV_GRE_SEQ);
	e->proto = bpf_htons(SV_ETH_ERSPAN);
	e->seq = bpf_htonl(c->seq);
	e->session = bpf_htonl(session);
	e->index = 0;
}

/* Everything but the MAC addresses. */
static inline __attribute__((always_inline)) void
sv_export_build(struct sv_outer *o, const struct sv_export *x, const struct sv_export_copy *c)
{
	o->eth.proto = bpf_htons(SV_ETH_IPV4);
	sv_export_ipv4(&o->ip, x, c);
	if (x->kind == SV_EXPORT_VXLAN)
		sv_export_vxlan(&o->vxlan, x, c);
	else
		sv_export_erspan(&o->erspan, x, c);
}

#endif
