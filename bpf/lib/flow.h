/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_FLOW_H
#define SV_BPF_FLOW_H

#include <linux/types.h>

#include <bpf/bpf_endian.h>

/*
 * The number of a flow: the same for all its packets, in both directions and on every host, since
 * it is a function of the view alone (maps/filter.h). TCP, UDP, UDP-Lite, DCCP and SCTP: addresses,
 * ports and protocol; other IP, and every fragment: addresses and protocol; IPv6 extension headers
 * are not passed, but for the fragment header; anything else: the pair of MAC addresses and the
 * type. Up to two VLAN tags are looked through.
 */
#define SV_FLOW_HEAD 96 /* bytes that are enough: Ethernet, two tags, 60 bytes of IPv4, ports */

struct sv_flow_head {
	__u8 byte[SV_FLOW_HEAD]; /* the first of the view, then zeros */
} __attribute__((aligned(8)));

#define sv_flow_inline static inline __attribute__((always_inline))

sv_flow_inline __u32 sv_flow_be16(const struct sv_flow_head *h, __u32 at)
{
	__be16 v;

	__builtin_memcpy(&v, __builtin_assume_aligned(h->byte + at, 2), 2);
	return bpf_ntohs(v);
}

sv_flow_inline __u64 sv_flow_be32(const struct sv_flow_head *h, __u32 at)
{
	return (__u64)sv_flow_be16(h, at) << 16 | sv_flow_be16(h, at + 2);
}

sv_flow_inline __u64 sv_flow_be64(const struct sv_flow_head *h, __u32 at)
{
	return sv_flow_be32(h, at) << 32 | sv_flow_be32(h, at + 4);
}

/* The finalizer of splitmix64 (Steele, Lea and Flood 2014): every bit depends on every other. */
sv_flow_inline __u64 sv_flow_mix(__u64 x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* Both ends in either order. */
sv_flow_inline __u32 sv_flow_join(__u64 one, __u64 other, __u32 kind)
{
	return sv_flow_mix(sv_flow_mix(one) + sv_flow_mix(other) + kind) >> 32;
}

/* Protocols whose header begins with the ports. */
sv_flow_inline int sv_flow_has_ports(__u32 proto)
{
	return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

struct sv_flow_ports {
	__u32 src, dst;
};

sv_flow_inline struct sv_flow_ports sv_flow_ports_at(const struct sv_flow_head *h, __u32 n,
						     __u32 at)
{
	if (at > SV_FLOW_HEAD - 4 || at + 4 > n)
		return (struct sv_flow_ports){};
	return (struct sv_flow_ports){ sv_flow_be16(h, at), sv_flow_be16(h, at + 2) };
}

sv_flow_inline __u32 sv_flow_ip4(const struct sv_flow_head *h, __u32 n, __u32 l3)
{
	__u32 proto = h->byte[l3 + 9], ihl = (h->byte[l3] & 15) * 4;
	struct sv_flow_ports p = {};

	if (sv_flow_has_ports(proto) && ihl >= 20 && !(sv_flow_be16(h, l3 + 6) & 0x3fff))
		p = sv_flow_ports_at(h, n, l3 + ihl);
	return sv_flow_join(sv_flow_be32(h, l3 + 12) << 16 | p.src,
			    sv_flow_be32(h, l3 + 16) << 16 | p.dst, proto);
}

sv_flow_inline __u64 sv_flow_ip6_end(const struct sv_flow_head *h, __u32 at, __u32 port)
{
	return sv_flow_mix(sv_flow_be64(h, at)) ^ sv_flow_be64(h, at + 8) ^ (__u64)port << 32;
}

sv_flow_inline __u32 sv_flow_ip6(const struct sv_flow_head *h, __u32 n, __u32 l3)
{
	__u32 proto = h->byte[l3 + 6];
	struct sv_flow_ports p = {};

	if (proto == 44)
		proto = l3 + 41 <= n ? h->byte[l3 + 40] : 44;
	else if (sv_flow_has_ports(proto))
		p = sv_flow_ports_at(h, n, l3 + 40);
	return sv_flow_join(sv_flow_ip6_end(h, l3 + 8, p.src), sv_flow_ip6_end(h, l3 + 24, p.dst),
			    0x100 | proto);
}

sv_flow_inline __u32 sv_flow_macs(const struct sv_flow_head *h, __u32 type)
{
	return sv_flow_join(sv_flow_be32(h, 0) << 16 | sv_flow_be16(h, 4),
			    sv_flow_be32(h, 6) << 16 | sv_flow_be16(h, 10), type << 16);
}

sv_flow_inline int sv_flow_is_tag(__u32 type)
{
	return type == 0x8100 || type == 0x88a8;
}

/* `n`: how many bytes of the head are the view's, 14 … SV_FLOW_HEAD. */
sv_flow_inline __u32 sv_flow_hash(const struct sv_flow_head *h, __u32 n)
{
	__u32 type = sv_flow_be16(h, 12), l3 = 14;

	if (sv_flow_is_tag(type) && n >= 18) {
		type = sv_flow_be16(h, 16);
		l3 = 18;
		if (sv_flow_is_tag(type) && n >= 22) {
			type = sv_flow_be16(h, 20);
			l3 = 22;
		}
	}
	if (type == 0x0800 && l3 + 20 <= n)
		return sv_flow_ip4(h, n, l3);
	if (type == 0x86dd && l3 + 40 <= n)
		return sv_flow_ip6(h, n, l3);
	return sv_flow_macs(h, type);
}

#endif
