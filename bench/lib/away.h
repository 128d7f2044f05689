/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_LIB_AWAY_H
#define SV_BENCH_LIB_AWAY_H

#include <linux/types.h>

struct bpf_program;

#define AWAY_CPUS 64

/* Runs a program (bench/bpf/paced.bpf.c: away) by a timer on each CPU. */
struct away_watch {
	int event[AWAY_CPUS], cpus;
};

/* On the first AWAY_CPUS. 0 or -errno; away_close() in either case. */
int away_open(struct away_watch *w, const struct bpf_program *prog);
void away_close(struct away_watch *w);
/* How long each CPU was away at a time, the longest: ns[0 … w->cpus - 1]. 0 or -errno. */
int away_read(const struct away_watch *w, int map, __u64 *ns);

#endif
