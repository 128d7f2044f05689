/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_PROG_FILTER_FRAMES_H
#define SV_TESTS_PROG_FILTER_FRAMES_H

/* Frames that filters have to tell apart, as a table. */
#include <stdbool.h>

#include "frames.h"

enum ff_to {
	FF_ONE, /* 02:00:00:00:00:bb */
	FF_ALL,
	FF_GROUP,
};

struct ff {
	const char *name;
	enum ff_to to;
	uint16_t tag[2][2]; /* TPID, TCI, outermost first */
	uint16_t mpls; /* labels, the first 100, before the IP header */
	uint16_t type; /* ethertype; below 1536 a length, and LLC follows */
	uint8_t proto; /* of IP */
	uint8_t words; /* of the IPv4 header, 0 = 5 */
	uint16_t frag; /* flags and fragment offset of IPv4 */
	uint8_t ext; /* IPv6: an extension header of this type in between */
	uint16_t sport, dport;
	uint8_t flags; /* of TCP; type of ICMP */
	uint8_t llc[3], isis;
	uint16_t payload;
	uint8_t from; /* last byte of the sender's MAC; 0: aa */
	uint8_t src, dst; /* last byte of the addresses; 0: 5 and 1 */
};

static const struct ff ff_table[] = {
	{ "SIP", .type = 0x800, .proto = 17, .sport = 5060, .dport = 5060, .payload = 60 },
	{ "RTP", .type = 0x800, .proto = 17, .sport = 10000, .dport = 20000, .payload = 172 },
	{ "RTP beside the range", .type = 0x800, .proto = 17, .sport = 9999, .dport = 20001 },
	{ "DNS", .type = 0x800, .proto = 17, .sport = 40000, .dport = 53, .payload = 30 },
	{ "DNS, IP options", .type = 0x800, .proto = 17, .words = 8, .sport = 53, .dport = 4000 },
	{ "UDP, all options", .type = 0x800, .proto = 17, .words = 15, .sport = 7, .dport = 5060 },
	{ "UDP, no header length", .type = 0x800, .proto = 17, .words = 1, .dport = 5060 },
	{ "SYN", .type = 0x800, .proto = 6, .sport = 1024, .dport = 80, .flags = 0x02 },
	{ "SYN ACK", .type = 0x800, .proto = 6, .sport = 80, .dport = 1024, .flags = 0x12 },
	{ "PSH ACK", .type = 0x800, .proto = 6, .sport = 443, .flags = 0x18, .payload = 500 },
	{ "FIN", .type = 0x800, .proto = 6, .sport = 22, .dport = 1, .flags = 0x01, .words = 6 },
	{ "RST", .type = 0x800, .proto = 6, .sport = 22, .dport = 22, .flags = 0x04, .src = 77 },
	{ "first fragment", .type = 0x800, .proto = 17, .frag = 0x2000, .sport = 5060 },
	{ "later fragment", .type = 0x800, .proto = 17, .frag = 0x20b9, .dport = 5060 },
	{ "last fragment", .type = 0x800, .proto = 6, .frag = 0x0172, .dport = 80, .flags = 2 },
	{ "do not fragment", .type = 0x800, .proto = 17, .frag = 0x4000, .dport = 5060 },
	{ "echo", .type = 0x800, .proto = 1, .flags = 8, .payload = 56 },
	{ "echo reply", .type = 0x800, .proto = 1, .flags = 0, .payload = 56 },
	{ "OSPF", .to = FF_GROUP, .type = 0x800, .proto = 89, .payload = 44 },
	{ "IGMP", .to = FF_GROUP, .type = 0x800, .proto = 2, .words = 6, .payload = 8 },
	{ "SCTP", .type = 0x800, .proto = 132, .sport = 5060, .dport = 80, .payload = 20 },
	{ "ESP", .type = 0x800, .proto = 50, .payload = 40 },
	{ "GRE", .type = 0x800, .proto = 47, .payload = 40 },
	{ "Geneve", .type = 0x800, .proto = 17, .sport = 9, .dport = 6081, .payload = 64 },
	{ "VRRP", .to = FF_GROUP, .type = 0x800, .proto = 112, .payload = 20 },
	{ "DNS 6", .type = 0x86dd, .proto = 17, .sport = 53, .dport = 5353, .payload = 20 },
	{ "UDP 6", .type = 0x86dd, .proto = 17, .sport = 5060, .dport = 5060, .payload = 20 },
	{ "RTP 6", .type = 0x86dd, .proto = 17, .sport = 11000, .dport = 11001, .payload = 172 },
	{ "TCP 6", .type = 0x86dd, .proto = 6, .sport = 80, .dport = 1025, .flags = 0x12 },
	{ "ICMP 6", .type = 0x86dd, .proto = 58, .flags = 128, .payload = 40 },
	{ "hop by hop", .to = FF_GROUP, .type = 0x86dd, .ext = 0, .proto = 58, .flags = 143,
	  .payload = 20 },
	{ "routing", .type = 0x86dd, .ext = 43, .proto = 17, .sport = 53, .dport = 53 },
	{ "fragment 6", .type = 0x86dd, .ext = 44, .proto = 17, .sport = 5060, .dport = 5060 },
	{ "AH 6", .type = 0x86dd, .ext = 51, .proto = 6, .sport = 80, .dport = 80 },
	{ "VLAN inside", .tag = { { 0x8100, 0x2064 } }, .type = 0x800, .proto = 17, .dport = 5060 },
	{ "802.1ad", .tag = { { 0x88a8, 0x0005 } }, .type = 0x800, .proto = 6, .dport = 80 },
	{ "QinQ", .tag = { { 0x88a8, 0x0005 }, { 0x8100, 0x0064 } }, .type = 0x86dd, .proto = 17,
	  .sport = 5060 },
	{ "two tags", .tag = { { 0x8100, 0x0001 }, { 0x8100, 0x0fff } }, .type = 0x806 },
	{ "MPLS", .mpls = 1, .type = 0x8847, .proto = 17, .dport = 5060 },
	{ "MPLS, three labels", .mpls = 3, .type = 0x8847, .proto = 6, .dport = 80 },
	{ "MPLS multicast", .mpls = 2, .type = 0x8848, .payload = 30 },
	{ "PPPoE", .type = 0x8864, .payload = 50 },
	{ "LLDP", .to = FF_GROUP, .type = 0x88cc, .payload = 60 },
	{ "ARP", .to = FF_ALL, .type = 0x806 },
	{ "RARP", .to = FF_ALL, .type = 0x8035, .payload = 46 },
	{ "STP", .to = FF_GROUP, .type = 38, .llc = { 0x42, 0x42, 3 }, .payload = 43 },
	{ "IS-IS", .to = FF_GROUP, .type = 100, .llc = { 0xfe, 0xfe, 3 }, .isis = 0x83,
	  .payload = 96 },
	{ "IPX", .type = 60, .llc = { 0xe0, 0xe0, 3 }, .payload = 57 },
	{ "broadcast", .to = FF_ALL, .type = 0x800, .proto = 17, .sport = 68, .dport = 67 },
	{ "other addresses", .type = 0x800, .proto = 17, .src = 200, .dst = 201, .dport = 5060 },
	{ "another sender", .from = 0xbb, .type = 0x800, .proto = 17, .dport = 5060 },
	{ "unknown type", .type = 0x9000, .payload = 46 },
	{ "1500 bytes", .type = 0x800, .proto = 6, .dport = 80, .flags = 0x10, .payload = 1460 },
	{ "jumbo", .type = 0x800, .proto = 17, .sport = 5060, .dport = 5004, .payload = 8972 },
	{ "jumbo 6", .type = 0x86dd, .proto = 6, .dport = 443, .flags = 0x10, .payload = 8940 },
};
#define FF_N (sizeof(ff_table) / sizeof(ff_table[0]))

static const uint8_t ip6_all[16] = { 0xff, 0x02, [15] = 1 };

static inline void ff_put_l4(struct writer *w, const struct ff *f)
{
	if (f->proto == 17 || f->proto == 132 || f->proto == 6) {
		put16(w, f->sport);
		put16(w, f->dport);
	}
	switch (f->proto) {
	case 17:
		put16(w, 8 + f->payload);
		put16(w, 0);
		break;
	case 6:
		put_zero(w, 8);
		put8(w, 0x50);
		put8(w, f->flags);
		put_zero(w, 6);
		break;
	case 1:
	case 58:
		put8(w, f->flags);
		put_zero(w, 7);
		break;
	}
	put_fill(w, f->payload);
}

static inline void ff_put_ip4(struct writer *w, const struct ff *f)
{
	uint8_t words = f->words ? f->words : 5;

	put8(w, 0x40 | words);
	put8(w, 0xb8);
	put16(w, 4 * words + f->payload + 8);
	put16(w, 0x1234);
	put16(w, f->frag);
	put8(w, 64);
	put8(w, f->proto);
	put16(w, 0);
	put(w, ip4_aa, 3);
	put8(w, f->src ? f->src : 5);
	put8(w, f->to == FF_GROUP ? 224 : ip4_gw[0]);
	put(w, ip4_gw + 1, 2);
	put8(w, f->dst ? f->dst : 1);
	if (words > 5)
		put_fill(w, 4 * (words - 5));
	ff_put_l4(w, f);
}

static inline void ff_put_ip6(struct writer *w, const struct ff *f)
{
	bool ext = f->ext || f->flags == 143;

	put16(w, 0x6000);
	put16(w, 0);
	put16(w, f->payload + 8 + 8 * ext);
	put8(w, ext ? f->ext : f->proto);
	put8(w, 255);
	put(w, ip6_aa, 16);
	put(w, f->to == FF_GROUP ? ip6_all : ip6_gw, 16);
	if (ext) {
		put8(w, f->proto);
		put_zero(w, 7);
	}
	ff_put_l4(w, f);
}

static inline void ff_put_llc(struct writer *w, const struct ff *f)
{
	put(w, f->llc, 3);
	if (f->isis)
		put8(w, f->isis);
	put_fill(w, f->payload);
}

static inline void ff_put_body(struct writer *w, const struct ff *f)
{
	for (int i = 0; i < f->mpls; i++) {
		uint32_t label = (100 + i) << 4 | (i == f->mpls - 1);

		put16(w, label >> 8);
		put8(w, label);
		put8(w, 64);
	}
	if (f->type == 0x800 || (f->mpls && f->proto))
		ff_put_ip4(w, f);
	else if (f->type == 0x86dd)
		ff_put_ip6(w, f);
	else if (f->type < 1536)
		ff_put_llc(w, f);
	else if (f->type != 0x806)
		put_fill(w, f->payload);
}

/* Writes the frame, returns its length. */
static inline uint32_t ff_build(uint8_t *bytes, const struct ff *f)
{
	struct writer w = { bytes };

	put(&w, f->to == FF_ALL ? mac_all : f->to == FF_GROUP ? mac_group : mac_bb, 6);
	put(&w, mac_aa, 5);
	put8(&w, f->from ? f->from : mac_aa[5]);
	for (int i = 0; i < 2 && f->tag[i][0]; i++) {
		put16(&w, f->tag[i][0]);
		put16(&w, f->tag[i][1]);
	}
	if (f->type == 0x806) {
		put_arp(&w, 1, mac_aa, ip4_aa, ip6_no, ip4_gw);
	} else {
		put16(&w, f->type);
		ff_put_body(&w, f);
	}
	return w.at - bytes;
}

#endif
