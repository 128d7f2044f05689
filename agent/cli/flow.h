/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_FLOW_H
#define SV_AGENT_CLI_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a frame belongs to. Pure. */
enum sv_flow_kind {
	SV_FLOW_MAC = 0, /* src, dst: MAC addresses; ethertype */
	SV_FLOW_ARP, /* src, dst: IPv4 addresses of sender and target */
	SV_FLOW_IP4,
	SV_FLOW_IP6,
};

struct sv_flow {
	uint8_t src[16], dst[16]; /* what an address does not need is 0 */
	uint16_t ethertype; /* of MAC; behind every VLAN tag; host byte order */
	uint16_t sport, dport; /* TCP, UDP, SCTP, DCCP; host byte order; 0 in later fragments */
	uint8_t kind; /* enum sv_flow_kind */
	uint8_t proto; /* of IP, behind IPv6 extension headers */
	uint8_t pad[8];
};

/* Any bytes are a flow: what cannot be read on becomes the flow of what could. */
void sv_flow_parse(struct sv_flow *flow, const uint8_t *frame, size_t len);
/*
 * The same, and where the payload of a UDP datagram begins; NULL: it is none, or a later fragment.
 * *cap of its bytes are in the frame, *len in the datagram.
 */
const uint8_t *sv_flow_parse_udp(struct sv_flow *flow, const uint8_t *frame, size_t frame_len,
				 size_t *cap, size_t *len);
uint32_t sv_flow_hash(const struct sv_flow *flow);

#define SV_FLOW_END_MAX 64
/* "10.0.0.1:5060", "[fd00::1]:53", "02:00:00:00:00:01" */
void sv_flow_source(const struct sv_flow *flow, char text[SV_FLOW_END_MAX]);
void sv_flow_destination(const struct sv_flow *flow, char text[SV_FLOW_END_MAX]);
/* "udp", "icmp", "arp", "0x88cc", "ip-89" */
void sv_flow_protocol(const struct sv_flow *flow, char text[16]);

#endif
