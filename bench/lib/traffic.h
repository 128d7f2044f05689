/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_TRAFFIC_H
#define SV_BENCH_TRAFFIC_H

#include <getopt.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <stddef.h>

#include "bench/bpf/gen.h"

#define TRAFFIC_LEN_MAX 1600

/* What is sent, for both generators: live-frames test runs of a program that writes `config`. */
struct traffic {
	struct gen_config config;
	__u8 dst[6], src[6];
	struct in_addr saddr, daddr;
	size_t len; /* without the check sequence */
	unsigned int batch;
	int cpu;
};

#define TRAFFIC_DEFAULT                                                                            \
	{                                                                                          \
		.config = { .flows = 64, .sport = 10000 }, .len = 60, .batch = 64                  \
	}

/* Rows for getopt_long(). */
/* clang-format off */
#define TRAFFIC_OPTIONS                                                                            \
	{ "len", required_argument, NULL, 'l' },                                                   \
	{ "batch", required_argument, NULL, 'b' },                                                 \
	{ "cpu", required_argument, NULL, 'c' },                                                   \
	{ "flows", required_argument, NULL, 'f' },                                                 \
	{ "vid", required_argument, NULL, 'v' },                                                   \
	{ "vlans", required_argument, NULL, 'n' },                                                 \
	{ "dst", required_argument, NULL, 'd' },                                                   \
	{ "src", required_argument, NULL, 's' },                                                   \
	{ "saddr", required_argument, NULL, 'S' },                                                 \
	{ "daddr", required_argument, NULL, 'D' }
/* clang-format on */

/* 0: taken. */
int traffic_option(struct traffic *t, int opt, const char *arg);

/* After the options: the device, the frames' head, the CPU. 0 or -errno. */
int traffic_ready(struct traffic *t, const char *dev);

/*
 * Runs the program `repeat` times. *took_ns: what the kernel says about the loop itself. Making and
 * unmaking a run costs 20 ms of grace periods, and other tasks may be let in between; neither is
 * forwarding.
 */
int traffic_run(const struct traffic *t, int prog, __u64 repeat, __u64 *took_ns);

#endif
