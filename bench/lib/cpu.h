/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_CPU_H
#define SV_BENCH_CPU_H

/* The caller runs on this CPU alone from now on. 0 or -errno. */
int bench_pin_to_cpu(int cpu);

#endif
