// SPDX-License-Identifier: GPL-2.0-only
/* What the hypervisor took of each CPU, in ns: /proc/stat has it in hundredths of a second. Read by
 * way of the one task that every CPU has: the idle task has no queue of the scheduler's, ksoftirqd
 * has. */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "stolen_row.h"

struct rq {
	__u64 prev_steal_time;
	int cpu;
} __attribute__((preserve_access_index));

struct cfs_rq {
	struct rq *rq;
} __attribute__((preserve_access_index));

struct sched_entity {
	struct cfs_rq *cfs_rq;
} __attribute__((preserve_access_index));

struct task_struct {
	struct sched_entity se;
	char comm[16];
} __attribute__((preserve_access_index));

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

SEC("iter/task")
int stolen(struct bpf_iter__task *ctx)
{
	static const char wanted[] = "ksoftirqd/";
	struct task_struct *task = ctx->task;
	struct stolen_row row = {};
	struct rq *rq;
	char comm[16];

	if (!task)
		return 0;
	bpf_core_read(comm, sizeof(comm), &task->comm);
	if (bpf_strncmp(comm, sizeof(wanted) - 1, wanted))
		return 0;
	rq = task->se.cfs_rq->rq;
	row.cpu = rq->cpu;
	if (bpf_core_field_exists(rq->prev_steal_time))
		row.ns = rq->prev_steal_time;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

char _license[] SEC("license") = "GPL";
