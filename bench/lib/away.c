/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bpf/away.h"
#include "bench/lib/away.h"

static int watch(struct away_watch *w, const struct bpf_program *prog, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = AWAY_PERIOD_NS,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	struct bpf_link *link;

	if (fd < 0)
		return -errno;
	/* The program goes with its event, which is ours to close. */
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link) {
		close(fd);
		return -errno;
	}
	bpf_link__disconnect(link);
	w->event[w->cpus++] = fd;
	return bpf_link__destroy(link);
}

int away_open(struct away_watch *w, const struct bpf_program *prog)
{
	int cpus = libbpf_num_possible_cpus(), rc = 0;

	*w = (struct away_watch){ 0 };
	for (int cpu = 0; cpu < cpus && cpu < AWAY_CPUS && !rc; cpu++)
		rc = watch(w, prog, cpu);
	return rc;
}

void away_close(struct away_watch *w)
{
	for (int i = 0; i < w->cpus; i++)
		close(w->event[i]);
	w->cpus = 0;
}

int away_read(const struct away_watch *w, int map, __u64 *ns)
{
	struct away row[libbpf_num_possible_cpus()];
	__u32 zero = 0;

	if (bpf_map_lookup_elem(map, &zero, row))
		return -errno;
	/* No tick at all: away all the time. */
	for (int i = 0; i < w->cpus; i++)
		ns[i] = row[i].ticks ? row[i].longest_ns : ~0ULL;
	return 0;
}
