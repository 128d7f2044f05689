/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "cpu.h"
#include "traffic.h"

int traffic_option(struct traffic *t, int opt, const char *arg)
{
	switch (opt) {
	case 'l':
		t->len = strtoul(arg, NULL, 0);
		return t->len < GEN_LEN_MIN || t->len > TRAFFIC_LEN_MAX;
	case 'b':
		t->batch = strtoul(arg, NULL, 0);
		return 0;
	case 'c':
		t->cpu = atoi(arg);
		return 0;
	case 'f':
		t->config.flows = strtoul(arg, NULL, 0);
		return !t->config.flows;
	case 'v':
		t->config.vid = strtoul(arg, NULL, 0);
		t->config.vlans = t->config.vlans ?: 1;
		return 0;
	case 'n':
		t->config.vlans = strtoul(arg, NULL, 0);
		return 0;
	case 'd':
		return !ether_aton_r(arg, (struct ether_addr *)t->dst);
	case 's':
		return !ether_aton_r(arg, (struct ether_addr *)t->src);
	case 'S':
		return !inet_aton(arg, &t->saddr);
	case 'D':
		return !inet_aton(arg, &t->daddr);
	}
	return 1;
}

static __u16 ip_checksum(const void *head)
{
	const __u16 *word = head;
	__u32 sum = 0;

	for (size_t i = 0; i < sizeof(struct iphdr) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* Ethernet, the tag, IPv4, UDP without a checksum: the part that is the same in every frame. */
static void make_head(struct traffic *t, __u8 *head)
{
	size_t l3 = t->config.vlans ? 18 : 14;
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(t->len - l3),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = t->saddr.s_addr,
		.daddr = t->daddr.s_addr,
	};
	struct udphdr udp = {
		.dest = htons(9),
		.len = htons(t->len - l3 - sizeof(ip)),
	};
	__be16 proto = htons(ETH_P_IP), tpid = htons(ETH_P_8021Q);

	memcpy(head, t->dst, 6);
	memcpy(head + 6, t->src, 6);
	if (t->config.vlans)
		memcpy(head + 12, &tpid, 2);
	memcpy(head + l3 - 2, &proto, 2);
	ip.check = ip_checksum(&ip);
	memcpy(head + l3, &ip, sizeof(ip));
	memcpy(head + l3 + sizeof(ip), &udp, sizeof(udp));
}

int traffic_ready(struct traffic *t, const char *dev)
{
	t->config.ifindex = if_nametoindex(dev);
	if (!t->config.ifindex)
		return -errno;
	make_head(t, (__u8 *)t->config.head);
	return bench_pin_to_cpu(t->cpu);
}

int traffic_run(const struct traffic *t, int prog, __u64 repeat, __u64 *took_ns)
{
	__u8 frame[TRAFFIC_LEN_MAX] = {};
	struct xdp_md ctx = { .data_end = t->len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = t->len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = repeat,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = t->batch);

	if (bpf_prog_test_run_opts(prog, &opts))
		return -errno;
	*took_ns = repeat * opts.duration + repeat / 2; /* the mean was rounded down */
	return 0;
}
