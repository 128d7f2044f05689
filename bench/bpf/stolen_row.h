/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_STOLEN_ROW_H
#define SV_BENCH_STOLEN_ROW_H

#include <linux/types.h>

/* What stolen.bpf.c writes for every CPU. */
struct stolen_row {
	__u64 cpu;
	__u64 ns; /* taken since boot, as of the CPU's last tick; 0 where there is no hypervisor */
};

#endif
