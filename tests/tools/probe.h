/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_PROBE_H
#define SV_TESTS_PROBE_H

#include <stdint.h>
#include <string.h>
#include <time.h>

/*
 * The mark in a test frame's payload: 18 bytes, so that it fits into a UDP datagram of the shortest
 * Ethernet frame. Network byte order. txgen fills in seq and at_ns, rxcount reads them.
 */
#define PROBE_MAGIC "SvT1"
#define PROBE_LEN 18

struct probe {
	uint16_t stream;
	uint32_t seq;
	uint64_t at_ns; /* CLOCK_BOOTTIME */
};

static inline uint64_t probe_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* Where the mark is in a frame, or -1. */
static inline int probe_find(const uint8_t *frame, size_t len)
{
	const uint8_t *p = memmem(frame, len, PROBE_MAGIC, 4);

	return p && len - (size_t)(p - frame) >= PROBE_LEN ? (int)(p - frame) : -1;
}

static inline uint64_t probe_get(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static inline void probe_put(uint8_t *p, int n, uint64_t v)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

/* Where the transport header of an IP packet begins and what it is; only what tests send. */
struct probe_l4 {
	int ip, l4, end; /* offsets; end: of the IP packet */
	uint8_t proto, version;
};

/* 0, or -1 when the frame is no whole, unfragmented IPv4 or IPv6 packet without
 * extension headers. */
static inline int probe_l4(struct probe_l4 *out, const uint8_t *f, int len)
{
	int o = 12;

	while (o + 4 <= len && (probe_get(f + o, 2) == 0x8100 || probe_get(f + o, 2) == 0x88a8))
		o += 4;
	if (o + 2 > len)
		return -1;
	out->ip = o + 2;
	if (probe_get(f + o, 2) == 0x0800 && out->ip + 20 <= len) {
		if (probe_get(f + out->ip + 6, 2) & 0x3fff)
			return -1;
		out->version = 4;
		out->proto = f[out->ip + 9];
		out->l4 = out->ip + (f[out->ip] & 15) * 4;
		out->end = out->ip + (int)probe_get(f + out->ip + 2, 2);
	} else if (probe_get(f + o, 2) == 0x86dd && out->ip + 40 <= len) {
		out->version = 6;
		out->proto = f[out->ip + 6];
		out->l4 = out->ip + 40;
		out->end = out->l4 + (int)probe_get(f + out->ip + 4, 2);
	} else {
		return -1;
	}
	return out->end <= len && out->l4 + 8 <= out->end ? 0 : -1;
}

static inline uint32_t probe_sum(const uint8_t *p, int n, uint32_t sum)
{
	for (; n > 1; n -= 2, p += 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (n)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

/* The Internet checksum over pseudo-header and transport: 0 when the field in there is right. */
static inline uint16_t probe_csum(const uint8_t *f, const struct probe_l4 *at)
{
	uint32_t sum = at->proto + (uint32_t)(at->end - at->l4);

	if (at->version == 4)
		sum = probe_sum(f + at->ip + 12, 8, sum);
	else
		sum = probe_sum(f + at->ip + 8, 32, sum);
	sum = probe_sum(f + at->l4, at->end - at->l4, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

#endif
