/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_SHED_H
#define SV_BPF_SHED_H

#include "busy.h"
#include "count.h"

#include "maps/attach.h"
#include "maps/cpu.bpf.h"

/* On a busy CPU frames are kept from selection as a whole: no filter runs, no session is asked. */

static __always_inline struct sv_cpu *sv_shed_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sv_cpu, &zero);
}

static __always_inline __u32 sv_shed_share(void)
{
	__u32 zero = 0, *share = bpf_map_lookup_elem(&sv_share, &zero);

	return share ? *share : SV_SHARE_ALL;
}

static __always_inline void sv_shed_pay(struct sv_cpu *cpu)
{
	sv_busy_pay(cpu, bpf_ktime_get_ns(), bpf_jiffies64(), sv_shed_share());
}

/* Every session of the attachment has one more that it never saw. */
static __always_inline void sv_shed_count(const struct sv_attach *a, const struct sv_weight *w)
{
	for (__u32 bit = 0; bit < SV_SESSION_BITS; bit++) {
		__u32 number = a->session[bit];
		struct sv_scount *row;

		if (bit >= a->sessions)
			break;
		row = bpf_map_lookup_elem(&sv_scount, &number);
		if (row)
			sv_count_add(&row->r[SV_SCOUNT_UNOFFERED], w);
	}
}

/* Polls pay; where there are none for a tick, the frame does: a busy time must end without them. */
__noinline int sv_shed_refuses(const struct sv_attach *a, __u32 packets, __u32 bytes)
{
	struct sv_weight w = { .packets = packets, .bytes = bytes };
	struct sv_cpu *cpu = sv_shed_cpu();

	if (!a || !cpu)
		return 0;
	if (cpu->credit_ns <= 0 && bpf_jiffies64() != cpu->paid_tick)
		sv_shed_pay(cpu);
	if (cpu->credit_ns > 0 || !cpu->until_ns) {
		cpu->credit_ns -= SV_BUSY_ASK_NS;
		return 0;
	}
	sv_shed_count(a, &w);
	return 1;
}

/* Is the frame kept from the sessions of its attachment? Then it is counted. */
static __always_inline int sv_shed(const struct sv_attach *a, const struct sv_weight *w)
{
	const struct sv_cpu *cpu = a->sessions ? sv_shed_cpu() : 0;

	return cpu && unlikely(cpu->until_ns) && sv_shed_refuses(a, w->packets, w->bytes);
}

/* What a frame's copies take of the CPU, as it is estimated. */
static __always_inline void sv_shed_charge(__u32 copies, __u32 records)
{
	struct sv_cpu *cpu = sv_shed_cpu();

	if (cpu && unlikely(cpu->until_ns))
		sv_busy_charge(cpu, copies, records);
}

#endif
