/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <sched.h>

#include "cpu.h"

int bench_pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}
