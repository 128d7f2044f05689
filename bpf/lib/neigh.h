/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_NEIGH_H
#define SV_BPF_NEIGH_H

#include "maps/neigh.h"
#include "parse.h"

/*
 * ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861): what they teach, what they ask, and the
 * answer written over the question. Pure functions of the frame's bytes; l3 is 14 or 18.
 */

struct sv_arp {
	__be16 htype;
	__be16 ptype;
	__u8 hlen;
	__u8 plen;
	__be16 op;
	__u8 sha[6];
	__u8 spa[4];
	__u8 tha[6];
	__u8 tpa[4];
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct sv_arp) == 28, "ARP for IPv4 over Ethernet");

struct sv_ip6 {
	__be32 flow;
	__be16 len;
	__u8 next;
	__u8 hops;
	__u8 src[16];
	__u8 dst[16];
} __attribute__((packed, aligned(2)));

struct sv_nd {
	struct sv_ip6 ip;
	__u8 type;
	__u8 code;
	__u16 sum;
	__be32 flags;
	__u8 target[16]; /* not in RS and RA */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct sv_nd) == 64, "IPv6 header and neighbour solicitation");

struct sv_nd_opt {
	__u8 type;
	__u8 len; /* in units of 8 bytes */
	__u8 mac[6];
} __attribute__((packed, aligned(2)));

enum {
	SV_ND_RS = 133,
	SV_ND_RA = 134,
	SV_ND_NS = 135,
	SV_ND_NA = 136,
	SV_ND_OPT_SLLA = 1,
	SV_ND_OPT_TLLA = 2,
	SV_ND_OPTIONS = 10, /* looked at in one frame */
	SV_ND_LEN_MAX = 512, /* of a frame, looked at */
};

#define SV_IPPROTO_ICMPV6 58
#define SV_ND_MSG_LEN 24 /* NS or NA without options */
#define SV_NA_SOLICITED_OVERRIDE 0x60000000

/* The verifier wants to see that l3 is small. */
#define SV_L3_MASK 31

#define sv_neigh_inline static inline __attribute__((always_inline))

/* n bytes by halfwords: what is at an even address need not be copied bytewise. */
sv_neigh_inline void sv_copy(void *to, const void *from, __u32 n)
{
	__builtin_memcpy(__builtin_assume_aligned(to, 2), __builtin_assume_aligned(from, 2), n);
}

sv_neigh_inline int sv_mac_unicast(const __u8 *mac)
{
	return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

sv_neigh_inline int sv_mac_equal(const __u8 *a, const __u8 *b)
{
	__u32 a4, b4;
	__u16 a2, b2;

	sv_copy(&a4, a, 4);
	sv_copy(&b4, b, 4);
	sv_copy(&a2, a + 4, 2);
	sv_copy(&b2, b + 4, 2);
	return a4 == b4 && a2 == b2;
}

sv_neigh_inline int sv_addr6_any(const __u8 *a)
{
	__u32 w[4];

	sv_copy(w, a, 16);
	return !(w[0] | w[1] | w[2] | w[3]);
}

sv_neigh_inline void sv_addr4(__u8 *addr, const __u8 *ip4)
{
	__builtin_memset(addr, 0, 10);
	addr[10] = 0xff;
	addr[11] = 0xff;
	sv_copy(addr + 12, ip4, 4);
}

sv_neigh_inline int sv_neigh_may(__be16 proto)
{
	return proto == bpf_htons(SV_ETH_ARP) || proto == bpf_htons(SV_ETH_IPV6);
}

sv_neigh_inline const struct sv_arp *sv_neigh_arp(const void *data, const void *end, __u32 l3)
{
	const struct sv_arp *arp = data + (l3 & SV_L3_MASK);

	if ((const void *)(arp + 1) > end || arp->htype != bpf_htons(1) ||
	    arp->ptype != bpf_htons(0x0800) || arp->hlen != 6 || arp->plen != 4)
		return 0;
	return arp;
}

/* The fixed part that all four messages share; the frame reaches at least 16 bytes into ICMPv6. */
sv_neigh_inline int sv_neigh_is_nd(const struct sv_nd *nd)
{
	return (nd->ip.flow & bpf_htonl(0xf0000000)) == bpf_htonl(0x60000000) &&
	       nd->ip.next == SV_IPPROTO_ICMPV6 && nd->ip.hops == 255 && nd->code == 0 &&
	       nd->type >= SV_ND_RS && nd->type <= SV_ND_NA;
}

/* The link-layer address option `type` from offset `off` of the frame. */
sv_neigh_inline int sv_neigh_option(const void *data, const void *end, __u32 off, __u32 stop,
				    __u8 type, __u8 *mac)
{
	for (int i = 0; i < SV_ND_OPTIONS; i++) {
		const struct sv_nd_opt *opt;

		if (off > SV_ND_LEN_MAX || off + sizeof(*opt) > stop)
			return 0;
		opt = data + off;
		if ((const void *)(opt + 1) > end || !opt->len)
			return 0;
		if (opt->type == type && opt->len == 1) {
			sv_copy(mac, opt->mac, 6);
			return 1;
		}
		off += opt->len * 8;
	}
	return 0;
}

/* Offset of the options, which option tells an address, and whose: 1 = the target's, 0 = the
 * source's. */
sv_neigh_inline __u32 sv_neigh_options_at(__u8 type)
{
	return type == SV_ND_RS ? 8 : type == SV_ND_RA ? 16 : SV_ND_MSG_LEN;
}

/* Does the frame say which MAC address an address has? Returns 1 and fills addr and mac, or 0. */
sv_neigh_inline int sv_neigh_teaches(const void *data, const void *end, __u32 l3, __be16 proto,
				     __u8 *addr, __u8 *mac)
{
	if (proto == bpf_htons(SV_ETH_ARP)) {
		const struct sv_arp *arp = sv_neigh_arp(data, end, l3);

		if (!arp || (arp->op != bpf_htons(1) && arp->op != bpf_htons(2)))
			return 0;
		if (!(arp->spa[0] | arp->spa[1] | arp->spa[2] | arp->spa[3]))
			return 0;
		sv_addr4(addr, arp->spa);
		sv_copy(mac, arp->sha, 6);
	} else {
		const struct sv_nd *nd = data + (l3 & SV_L3_MASK);
		__u8 want = SV_ND_OPT_SLLA;
		__u32 at = l3 + sizeof(nd->ip);
		__u32 stop;

		/* RS is the shortest with an option: 8 + 8 bytes. */
		if ((const void *)nd + sizeof(nd->ip) + 16 > end || !sv_neigh_is_nd(nd))
			return 0;
		stop = at + bpf_ntohs(nd->ip.len);
		at += sv_neigh_options_at(nd->type);
		if (nd->type == SV_ND_NA) {
			if ((const void *)(nd + 1) > end)
				return 0;
			want = SV_ND_OPT_TLLA;
			sv_copy(addr, nd->target, 16);
		} else {
			sv_copy(addr, nd->ip.src, 16);
		}
		if (sv_addr6_any(addr) || addr[0] == 0xff)
			return 0;
		if (!sv_neigh_option(data, end, at, stop, want, mac))
			return 0;
	}
	return sv_mac_unicast(mac);
}

/*
 * Does the frame ask for the MAC address of an address? Returns 1 and fills addr, or 0. Gratuitous
 * ARP, ARP probes and duplicate address detection ask something else and are not for the proxy.
 */
sv_neigh_inline int sv_neigh_asks(const void *data, const void *end, __u32 l3, __be16 proto,
				  __u8 *addr)
{
	if (proto == bpf_htons(SV_ETH_ARP)) {
		const struct sv_arp *arp = sv_neigh_arp(data, end, l3);
		__u32 spa, tpa;

		if (!arp || arp->op != bpf_htons(1))
			return 0;
		sv_copy(&spa, arp->spa, 4);
		sv_copy(&tpa, arp->tpa, 4);
		if (!spa || spa == tpa)
			return 0;
		sv_addr4(addr, arp->tpa);
		return 1;
	}
	if (proto == bpf_htons(SV_ETH_IPV6)) {
		const struct sv_nd *nd = data + (l3 & SV_L3_MASK);

		if ((const void *)(nd + 1) > end || !sv_neigh_is_nd(nd) || nd->type != SV_ND_NS ||
		    bpf_ntohs(nd->ip.len) < SV_ND_MSG_LEN || sv_addr6_any(nd->ip.src) ||
		    nd->target[0] == 0xff)
			return 0;
		sv_copy(addr, nd->target, 16);
		return 1;
	}
	return 0;
}

sv_neigh_inline void sv_neigh_turn(void *data, const __u8 *mac)
{
	struct sv_eth *eth = data;

	sv_copy(eth->dst, eth->src, 6);
	sv_copy(eth->src, mac, 6);
}

sv_neigh_inline int sv_neigh_answer_arp(void *data, const void *end, __u32 l3, const __u8 *mac)
{
	struct sv_arp *arp = data + (l3 & SV_L3_MASK);
	__u8 asked[4];

	if ((const void *)(arp + 1) > end || data + SV_ETH_LEN > end)
		return -1;
	sv_neigh_turn(data, mac);
	arp->op = bpf_htons(2);
	sv_copy(asked, arp->tpa, 4);
	sv_copy(arp->tha, arp->sha, 6);
	sv_copy(arp->tpa, arp->spa, 4);
	sv_copy(arp->sha, mac, 6);
	sv_copy(arp->spa, asked, 4);
	return 0;
}

/* Sums n bytes (a multiple of 4) as 32-bit words in memory order. */
sv_neigh_inline __u64 sv_neigh_sum(const void *from, __u32 n, __u64 sum)
{
	for (__u32 i = 0; i < n; i += 4) {
		__u32 w;

		sv_copy(&w, from + i, 4);
		sum += w;
	}
	return sum;
}

sv_neigh_inline __u16 sv_neigh_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The solicitation becomes the advertisement; its option goes where the question had one. */
sv_neigh_inline int sv_neigh_answer_ns(void *data, const void *end, __u32 l3, const __u8 *mac)
{
	struct sv_nd *nd = data + (l3 & SV_L3_MASK);
	struct sv_nd_opt *opt = (void *)(nd + 1);
	__u32 len = SV_ND_MSG_LEN;
	__u64 sum;

	if ((const void *)(nd + 1) > end || data + SV_ETH_LEN > end)
		return -1;
	sv_neigh_turn(data, mac);
	sv_copy(nd->ip.dst, nd->ip.src, 16);
	sv_copy(nd->ip.src, nd->target, 16);
	nd->type = SV_ND_NA;
	nd->sum = 0;
	nd->flags = bpf_htonl(SV_NA_SOLICITED_OVERRIDE);
	sum = sv_neigh_sum(&nd->ip.src, 32, 0);
	sum = sv_neigh_sum(&nd->type, SV_ND_MSG_LEN, sum);
	if (bpf_ntohs(nd->ip.len) >= SV_ND_MSG_LEN + sizeof(*opt) &&
	    (const void *)(opt + 1) <= end) {
		len += sizeof(*opt);
		opt->type = SV_ND_OPT_TLLA;
		opt->len = 1;
		sv_copy(opt->mac, mac, 6);
		sum = sv_neigh_sum(opt, sizeof(*opt), sum);
	}
	nd->ip.len = bpf_htons(len);
	sum += bpf_htonl(len);
	sum += bpf_htonl(SV_IPPROTO_ICMPV6);
	nd->sum = sv_neigh_fold(sum);
	return 0;
}

/* After sv_neigh_asks() said yes: turns the question into the answer. 0, or -1 and
 * nothing changed. */
sv_neigh_inline int sv_neigh_answer(void *data, const void *end, __u32 l3, __be16 proto,
				    const __u8 *mac)
{
	if (proto == bpf_htons(SV_ETH_ARP))
		return sv_neigh_answer_arp(data, end, l3, mac);
	return sv_neigh_answer_ns(data, end, l3, mac);
}

#endif
