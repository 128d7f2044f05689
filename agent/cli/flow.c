// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

#include "flow.h"

#define ETHERTYPE_QINQ 0x88a8
#define TAGS_MAX 4
#define EXTENSIONS_MAX 8

struct cursor {
	const uint8_t *p;
	size_t left;
};

/* `len` bytes, or NULL and nothing is left. */
static const uint8_t *take(struct cursor *c, size_t len)
{
	const uint8_t *p = c->p;

	if (c->left < len) {
		c->left = 0;
		return NULL;
	}
	c->p += len;
	c->left -= len;
	return p;
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* ---- layers ---- */

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

static void parse_ports(struct sv_flow *flow, struct cursor *c)
{
	const uint8_t *ports = has_ports(flow->proto) ? take(c, 4) : NULL;

	if (!ports)
		return;
	flow->sport = get16(ports);
	flow->dport = get16(ports + 2);
}

static void parse_ip4(struct sv_flow *flow, struct cursor *c)
{
	const uint8_t *ip = take(c, 20);
	size_t len;

	if (!ip || ip[0] >> 4 != 4)
		return;
	memset(flow->src, 0, 2 * sizeof(flow->src));
	flow->kind = SV_FLOW_IP4;
	flow->proto = ip[9];
	memcpy(flow->src, ip + 12, 4);
	memcpy(flow->dst, ip + 16, 4);
	len = (ip[0] & 15) * 4;
	if (len < 20 || (len > 20 && !take(c, len - 20)))
		return;
	if (!(get16(ip + 6) & 0x1fff))
		parse_ports(flow, c);
}

/* Over the next extension header. false: what follows is the payload, or not to be read. */
static bool skip_extension(struct sv_flow *flow, struct cursor *c, bool *later)
{
	const uint8_t *h;

	switch (flow->proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		h = take(c, 8);
		if (!h || (h[1] && !take(c, h[1] * 8)))
			return false;
		break;
	case IPPROTO_FRAGMENT:
		h = take(c, 8);
		if (!h)
			return false;
		*later = get16(h + 2) & 0xfff8;
		break;
	default:
		return false;
	}
	flow->proto = h[0];
	return !*later;
}

static void parse_ip6(struct sv_flow *flow, struct cursor *c)
{
	const uint8_t *ip = take(c, 40);
	bool later = false;

	if (!ip || ip[0] >> 4 != 6)
		return;
	flow->kind = SV_FLOW_IP6;
	flow->proto = ip[6];
	memcpy(flow->src, ip + 8, 16);
	memcpy(flow->dst, ip + 24, 16);
	for (int i = 0; i < EXTENSIONS_MAX && skip_extension(flow, c, &later); i++)
		;
	if (!later)
		parse_ports(flow, c);
}

static void parse_arp(struct sv_flow *flow, struct cursor *c)
{
	const uint8_t *arp = take(c, 28);

	if (!arp || get16(arp + 2) != ETHERTYPE_IP || arp[4] != 6 || arp[5] != 4)
		return;
	memset(flow->src, 0, 2 * sizeof(flow->src));
	flow->kind = SV_FLOW_ARP;
	memcpy(flow->src, arp + 14, 4);
	memcpy(flow->dst, arp + 24, 4);
}

static uint16_t parse_ethertype(struct cursor *c)
{
	const uint8_t *type = take(c, 2);

	for (int i = 0; i < TAGS_MAX && type; i++) {
		uint16_t value = get16(type);

		if (value != ETHERTYPE_VLAN && value != ETHERTYPE_QINQ)
			return value;
		type = take(c, 4) ? c->p - 2 : NULL;
	}
	return type ? get16(type) : 0;
}

/* Leaves the cursor behind what was read: for UDP and TCP, behind the ports. */
static void parse_frame(struct sv_flow *flow, struct cursor *c)
{
	const uint8_t *macs = take(c, 12);

	memset(flow, 0, sizeof(*flow));
	if (!macs)
		return;
	memcpy(flow->dst, macs, 6);
	memcpy(flow->src, macs + 6, 6);
	flow->ethertype = parse_ethertype(c);
	if (flow->ethertype == ETHERTYPE_IP)
		parse_ip4(flow, c);
	else if (flow->ethertype == ETHERTYPE_IPV6)
		parse_ip6(flow, c);
	else if (flow->ethertype == ETHERTYPE_ARP)
		parse_arp(flow, c);
}

void sv_flow_parse(struct sv_flow *flow, const uint8_t *frame, size_t len)
{
	struct cursor c = { frame, len };

	parse_frame(flow, &c);
}

const uint8_t *sv_flow_parse_udp(struct sv_flow *flow, const uint8_t *frame, size_t frame_len,
				 size_t *cap, size_t *len)
{
	struct cursor c = { frame, frame_len };
	const uint8_t *rest;
	size_t udp_len;

	parse_frame(flow, &c);
	if (flow->kind < SV_FLOW_IP4 || flow->proto != IPPROTO_UDP ||
	    (!flow->sport && !flow->dport))
		return NULL;
	rest = take(&c, 4);
	udp_len = rest ? get16(rest) : 0;
	if (udp_len < 8)
		return NULL;
	*len = udp_len - 8;
	*cap = c.left < *len ? c.left : *len;
	return c.p;
}

/* A multiplication and a fold for every eight bytes. */
uint32_t sv_flow_hash(const struct sv_flow *flow)
{
	uint64_t word[sizeof(*flow) / 8], hash = 0x9e3779b97f4a7c15;

	_Static_assert(sizeof(*flow) % 8 == 0, "whole words");
	memcpy(word, flow, sizeof(*flow));
	for (size_t i = 0; i < sizeof(*flow) / 8; i++) {
		hash = (hash ^ word[i]) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	return hash;
}

/* ---- texts ---- */

static void format_end(const struct sv_flow *flow, const uint8_t *addr, uint16_t port, char *text)
{
	char ip[INET6_ADDRSTRLEN] = "";
	bool six = flow->kind == SV_FLOW_IP6;

	if (flow->kind == SV_FLOW_MAC) {
		snprintf(text, SV_FLOW_END_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", addr[0], addr[1],
			 addr[2], addr[3], addr[4], addr[5]);
		return;
	}
	inet_ntop(six ? AF_INET6 : AF_INET, addr, ip, sizeof(ip));
	if (flow->kind == SV_FLOW_ARP || !has_ports(flow->proto) || (!flow->sport && !flow->dport))
		snprintf(text, SV_FLOW_END_MAX, "%s", ip);
	else
		snprintf(text, SV_FLOW_END_MAX, six ? "[%s]:%u" : "%s:%u", ip, port);
}

void sv_flow_source(const struct sv_flow *flow, char text[SV_FLOW_END_MAX])
{
	format_end(flow, flow->src, flow->sport, text);
}

void sv_flow_destination(const struct sv_flow *flow, char text[SV_FLOW_END_MAX])
{
	format_end(flow, flow->dst, flow->dport, text);
}

void sv_flow_protocol(const struct sv_flow *flow, char text[16])
{
	static const struct {
		uint8_t proto;
		const char *name;
	} names[] = {
		{ IPPROTO_TCP, "tcp" },
		{ IPPROTO_UDP, "udp" },
		{ IPPROTO_ICMP, "icmp" },
		{ IPPROTO_ICMPV6, "icmp6" },
		{ IPPROTO_SCTP, "sctp" },
		{ IPPROTO_DCCP, "dccp" },
		{ IPPROTO_UDPLITE, "udplite" },
		{ IPPROTO_GRE, "gre" },
		{ IPPROTO_ESP, "esp" },
		{ IPPROTO_AH, "ah" },
		{ IPPROTO_IGMP, "igmp" },
		{ 89, "ospf" },
		{ 112, "vrrp" },
	};

	if (flow->kind == SV_FLOW_MAC) {
		snprintf(text, 16, "0x%04x", flow->ethertype);
		return;
	}
	snprintf(text, 16, flow->kind == SV_FLOW_ARP ? "arp" : "ip-%u", flow->proto);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && flow->kind != SV_FLOW_ARP; i++)
		if (names[i].proto == flow->proto)
			snprintf(text, 16, "%s", names[i].name);
}
