/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_PROG_FRAMES_H
#define SV_TESTS_PROG_FRAMES_H

/* Frames by name, so that a table can say what goes in and what comes out. */
#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

enum body {
	BODY_UDP = 0, /* 60 bytes */
	BODY_MIN, /* 14 bytes: a header and nothing else */
	BODY_QINQ, /* another 802.1Q tag, VID 77, behind the VNet's */
	BODY_JUMBO, /* 9000 bytes of payload */
	BODY_LONG, /* 1400 bytes of payload */
	BODY_ARP_REQUEST, /* 10.0.0.5 at AA asks for 10.0.0.1 */
	BODY_ARP_REPLY, /* 10.0.0.1 is at GW, to AA */
	BODY_ARP_PROBE, /* sender 0.0.0.0 */
	BODY_ARP_GRATUITOUS, /* sender asks for itself */
	BODY_ARP_GROUP, /* the sender says it has a multicast MAC */
	BODY_NS, /* fe80::5 at AA asks for fe80::1, with its own address as an option */
	BODY_NS_SHORT, /* the same without the option */
	BODY_NS_LONG, /* the same with a second option behind it */
	BODY_NS_DAD, /* from :: */
	BODY_NA, /* fe80::1 is at GW, to AA, with the option */
	BODY_NA_SHORT, /* the answer to BODY_NS_SHORT */
	BODY_NA_LONG, /* the answer to BODY_NS_LONG: its rest stays behind as padding */
	BODY_RS, /* from fe80::5, with the option */
	BODY_RA, /* from fe80::1 at GW: MTU option, then the option */
	BODY_RA_HOPS, /* the same with hop limit 254 */
	BODY_TO_B, /* 60 bytes to B's MAC */
	BODY_FROM_B, /* 60 bytes from B's MAC to AA */
	BODY_BCAST, /* 60 bytes to everybody */
	BODY_FROM_GROUP, /* 60 bytes from a multicast MAC */
};

static const uint8_t mac_aa[6] = { 0x02, 0, 0, 0, 0, 0xaa };
static const uint8_t mac_bb[6] = { 0x02, 0, 0, 0, 0, 0xbb };
static const uint8_t mac_gw[6] = { 0x02, 0, 0, 0, 0, 0x01 };
static const uint8_t mac_all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t mac_group[6] = { 0x33, 0x33, 0xff, 0, 0, 0x01 };
static const uint8_t ip4_aa[4] = { 10, 0, 0, 5 }, ip4_gw[4] = { 10, 0, 0, 1 }, ip4_no[4] = {};
static const uint8_t ip6_aa[16] = { 0xfe, 0x80, [15] = 5 }, ip6_gw[16] = { 0xfe, 0x80, [15] = 1 };
static const uint8_t ip6_no[16] = {};

struct pkt {
	enum body body;
	uint16_t tpid; /* 0 = no tag */
	uint16_t tci;
	uint16_t cut; /* bytes that are left of it; 0 = all */
};

struct writer {
	uint8_t *at;
};

static inline void put(struct writer *w, const void *bytes, size_t n)
{
	memcpy(w->at, bytes, n);
	w->at += n;
}

static inline void put8(struct writer *w, uint8_t v)
{
	*w->at++ = v;
}

static inline void put16(struct writer *w, uint16_t v)
{
	put8(w, v >> 8);
	put8(w, v);
}

static inline void put_fill(struct writer *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put8(w, i * 7 + 1);
}

static inline void put_zero(struct writer *w, size_t n)
{
	memset(w->at, 0, n);
	w->at += n;
}

static inline void put_mac(struct writer *w, enum body body)
{
	const uint8_t *dst = mac_bb, *src = mac_aa;

	switch (body) {
	case BODY_ARP_REQUEST ... BODY_ARP_PROBE:
	case BODY_ARP_GRATUITOUS:
	case BODY_ARP_GROUP:
	case BODY_BCAST:
		dst = mac_all;
		break;
	case BODY_NS ... BODY_NS_DAD:
	case BODY_RS:
		dst = mac_group;
		break;
	default:
		break;
	}
	if (body == BODY_ARP_REPLY || body == BODY_NA || body == BODY_NA_SHORT ||
	    body == BODY_NA_LONG || body == BODY_RA || body == BODY_RA_HOPS) {
		src = mac_gw;
		dst = mac_aa;
	}
	if (body == BODY_FROM_B) {
		src = mac_bb;
		dst = mac_aa;
	}
	if (body == BODY_FROM_GROUP)
		src = mac_group;
	put(w, dst, 6);
	put(w, src, 6);
}

static inline void put_arp(struct writer *w, uint16_t op, const uint8_t *sha, const uint8_t *spa,
			   const uint8_t *tha, const uint8_t *tpa)
{
	put16(w, 0x0806);
	put16(w, 1);
	put16(w, 0x0800);
	put8(w, 6);
	put8(w, 4);
	put16(w, op);
	put(w, sha, 6);
	put(w, spa, 4);
	put(w, tha, 6);
	put(w, tpa, 4);
	put_zero(w, 18);
}

static inline void put_icmp6(struct writer *w, uint8_t hops, const uint8_t *src, const uint8_t *dst,
			     uint8_t type, uint16_t len)
{
	put16(w, 0x86dd);
	put16(w, 0x6000);
	put16(w, 0);
	put16(w, len);
	put8(w, 58);
	put8(w, hops);
	put(w, src, 16);
	put(w, dst, 16);
	put8(w, type);
	put8(w, 0);
	put16(w, 0); /* the checksum, see frame_seal() */
}

static inline void put_lladdr(struct writer *w, uint8_t type, const uint8_t *mac)
{
	put8(w, type);
	put8(w, 1);
	put(w, mac, 6);
}

static inline void put_ns(struct writer *w, enum body body)
{
	static const uint8_t node[16] = { 0xff, 0x02, [11] = 1, 0xff, 0, 0, 1 };
	static const uint16_t len[] = { 32, 24, 40, 24 };

	put_icmp6(w, 255, body == BODY_NS_DAD ? ip6_no : ip6_aa, node, 135, len[body - BODY_NS]);
	put_zero(w, 4);
	put(w, ip6_gw, 16);
	if (body == BODY_NS || body == BODY_NS_LONG)
		put_lladdr(w, 1, mac_aa);
	if (body == BODY_NS_LONG) {
		put8(w, 14); /* a nonce */
		put8(w, 1);
		put_fill(w, 6);
	}
}

static inline void put_na(struct writer *w, enum body body)
{
	put_icmp6(w, 255, ip6_gw, ip6_aa, 136, body == BODY_NA_SHORT ? 24 : 32);
	put8(w, 0x60); /* solicited, override */
	put_zero(w, 3);
	put(w, ip6_gw, 16);
	if (body != BODY_NA_SHORT)
		put_lladdr(w, 2, mac_gw);
	if (body == BODY_NA_LONG) {
		put8(w, 14);
		put8(w, 1);
		put_fill(w, 6);
	}
}

static inline void put_ra(struct writer *w, enum body body)
{
	static const uint8_t all[16] = { 0xff, 0x02, [15] = 1 };

	put_icmp6(w, body == BODY_RA ? 255 : 254, ip6_gw, all, 134, 32);
	put_zero(w, 12);
	put8(w, 5); /* MTU */
	put8(w, 1);
	put_zero(w, 6);
	put_lladdr(w, 1, mac_gw);
}

static inline void put_rs(struct writer *w)
{
	static const uint8_t all[16] = { 0xff, 0x02, [15] = 2 };

	put_icmp6(w, 255, ip6_aa, all, 133, 16);
	put_zero(w, 4);
	put_lladdr(w, 1, mac_aa);
}

static inline void put_body(struct writer *w, enum body body)
{
	switch (body) {
	case BODY_MIN:
		put16(w, 0x9000);
		break;
	case BODY_QINQ:
		put16(w, 0x8100);
		put16(w, 0x6000 | 77);
		put16(w, 0x0800);
		put_fill(w, 46);
		break;
	case BODY_JUMBO:
		put16(w, 0x0800);
		put_fill(w, 9000);
		break;
	case BODY_LONG:
		put16(w, 0x0800);
		put_fill(w, 1400);
		break;
	case BODY_ARP_REQUEST:
		put_arp(w, 1, mac_aa, ip4_aa, ip6_no, ip4_gw);
		break;
	case BODY_ARP_REPLY:
		put_arp(w, 2, mac_gw, ip4_gw, mac_aa, ip4_aa);
		break;
	case BODY_ARP_PROBE:
		put_arp(w, 1, mac_aa, ip4_no, ip6_no, ip4_gw);
		break;
	case BODY_ARP_GRATUITOUS:
		put_arp(w, 1, mac_aa, ip4_gw, ip6_no, ip4_gw);
		break;
	case BODY_ARP_GROUP:
		put_arp(w, 1, mac_group, ip4_aa, ip6_no, ip4_gw);
		break;
	case BODY_NS ... BODY_NS_DAD:
		put_ns(w, body);
		break;
	case BODY_NA ... BODY_NA_LONG:
		put_na(w, body);
		break;
	case BODY_RS:
		put_rs(w);
		break;
	case BODY_RA:
	case BODY_RA_HOPS:
		put_ra(w, body);
		break;
	default:
		put16(w, 0x0800);
		put_fill(w, 46);
		break;
	}
}

/* RFC 4443, 2.3, written apart from the code under test: big-endian words of pseudo-header and
 * message. */
static inline uint16_t frame_sum6(const uint8_t *ip, uint32_t len)
{
	uint32_t sum = 58 + len;

	for (int i = 8; i < 40; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	for (uint32_t i = 0; i < len; i += 2)
		sum += ip[40 + i] << 8 | ip[40 + i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static inline void frame_seal(uint8_t *ip)
{
	uint16_t sum = frame_sum6(ip, ip[4] << 8 | ip[5]);

	ip[42] = sum >> 8;
	ip[43] = sum;
}

/* Writes the frame, returns its length. */
static inline uint32_t frame_build(uint8_t *bytes, const struct pkt *pkt)
{
	struct writer w = { bytes };
	uint8_t *type;

	put_mac(&w, pkt->body);
	if (pkt->tpid) {
		put16(&w, pkt->tpid);
		put16(&w, pkt->tci);
	}
	type = w.at;
	put_body(&w, pkt->body);
	if (type[0] == 0x86 && type[1] == 0xdd)
		frame_seal(type + 2);
	return pkt->cut ? pkt->cut : w.at - bytes;
}

#endif
