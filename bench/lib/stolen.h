/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_STOLEN_H
#define SV_BENCH_STOLEN_H

#include <linux/types.h>

/* Reads what the hypervisor has taken of each CPU since boot. */
struct stolen {
	struct sv_stolen *skel;
};

/* 0 or -errno; stolen_close() in either case. */
int stolen_open(struct stolen *s);
void stolen_close(struct stolen *s);

/*
 * ns[0 … cpus - 1], 0 where there is no hypervisor. A CPU tells with its tick: waits until it has.
 * 0 or -errno.
 */
int stolen_read(const struct stolen *s, __u64 *ns, __u64 cpus);

#endif
