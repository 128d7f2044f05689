/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_TAP_H
#define SV_BPF_TAP_H

/* Records for ring targets. Include hook_xdp.h or hook_tc.h before. */
#include "clock.h"
#include "ring.h"
#include "shed.h"
#include "spend.h"
#include "view.h"

#include "maps/tap.bpf.h"

#define SV_TAP_FIRST                                                                               \
	(SV_TAP_SLOT - sizeof(struct sv_tap_rec)) /* bytes in a record's first slot                \
						   */
#define SV_TAP_MORE (SV_TAP_CAP_MAX / SV_TAP_SLOT + 1) /* slots behind it, at most */

/* Everything written before is seen by whoever sees this. */
static __always_inline void sv_tap_release(__u64 *to, __u64 value)
{
#ifdef __TARGET_ARCH_x86 /* stores are not reordered there, and the locked exchange costs 20       \
			  * cycles                                                                 \
			  */
	barrier();
	*(volatile __u64 *)to = value;
#else
	__sync_lock_test_and_set(to, value);
#endif
}

/* What did not fit in the first slot. */
__noinline int sv_tap_more(SV_CTX *ctx, const struct sv_offer *o, __u32 ring, __u32 slot, __u32 cap)
{
	void *slots = bpf_map_lookup_elem(&sv_tap, &ring);
	__u32 done = SV_TAP_FIRST;

	if (!slots || !o)
		return -1;
	for (__u32 i = 1; i <= SV_TAP_MORE; i++) {
		__u32 at = (slot + i) % SV_TAP_SLOTS;
		void *to;

		if (done >= cap)
			break;
		to = bpf_map_lookup_elem(slots, &at);
		if (!to || sv_view_rest(ctx, &o->view, done, to, cap - done, SV_TAP_SLOT))
			return -1;
		done += SV_TAP_SLOT;
	}
	return 0;
}

/* The frame's time; see SV_TAP_SHARED. */
static __always_inline __u64 sv_tap_now(struct sv_offer *o)
{
	__u64 tick = bpf_jiffies64();
	struct sv_cpu *cpu;

	if (o->now_ns)
		return o->now_ns;
	cpu = sv_shed_cpu();
	if (!cpu)
		return sv_offer_now(o);
	if (!sv_clock_take(cpu, tick))
		sv_clock_keep(cpu, tick, bpf_ktime_get_boot_ns());
	o->now_ns = cpu->clock_ns;
	return o->now_ns;
}

static __always_inline int sv_tap_lost(struct sv_tap_ctl *ctl)
{
	ctl->lost++;
	return SV_SCOUNT_SHED_RING;
}

/* Writes the record of a frame; its fate. Only this CPU writes this ring, and never
 * within itself. */
__noinline int sv_tap_write(SV_CTX *ctx, const struct sv_session *s, __u32 number,
			    struct sv_offer *o)
{
	struct sv_tap_ctl *ctl;
	struct sv_tap_rec *rec;
	__u32 ring, cap, slots, slot;
	void *map;
	__u64 head;

	if (!s || !o)
		return SV_SCOUNT_SHED_NO_RING;
	ring = sv_ring_number(s, bpf_get_smp_processor_id());
	map = bpf_map_lookup_elem(&sv_tap, &ring);
	ctl = bpf_map_lookup_elem(&sv_tap_ctl, &ring);
	if (!map || !ctl)
		return SV_SCOUNT_SHED_NO_RING;
	head = ctl->head;
	cap = sv_ring_cap(s, o->view.len);
	slots = sv_ring_slots(cap);
	if (!sv_ring_fits(head, *(volatile __u64 *)&ctl->tail, slots))
		return sv_tap_lost(ctl);
	slot = head % SV_TAP_SLOTS;
	rec = bpf_map_lookup_elem(map, &slot);
	if (!rec)
		return SV_SCOUNT_SHED_NO_RING;
	*rec = (struct sv_tap_rec){
		.at_ns = sv_tap_now(o),
		.attach = o->attach,
		.session = number,
		.verdict = o->verdict,
		.len = o->view.len,
		.cap = cap,
		.slots = slots,
		.packets = o->w.packets,
	};
	if (sv_view_head(ctx, &o->view, rec + 1, cap < SV_TAP_FIRST ? cap : SV_TAP_FIRST,
			 SV_TAP_FIRST))
		return sv_tap_lost(ctl);
	if (slots > 1 && sv_tap_more(ctx, o, ring, slot, cap))
		return sv_tap_lost(ctl);
	ctl->records++;
	sv_tap_release(&ctl->head, head + slots);
	return SV_SCOUNT_COPIED;
}

#endif
