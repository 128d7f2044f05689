/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_LIVE_H
#define SV_BPF_LIVE_H

#include "event.h"
#include "gate.h"

#include "maps/attach.bpf.h"

/* The gate of a group, read from its map; a clock is read only when a word needs one. */

static __always_inline __u64 sv_live_word(__u32 slot)
{
	const volatile __u64 *word = bpf_map_lookup_elem(&sv_gate, &slot);

	return word ? *word : 0;
}

#define SV_LIVE_TRIES 3 /* nobody writes a gate that often */

/* A word that needs the clock or the second slot; verified once, not on every path. */
__noinline __u32 sv_live_role_slow(__u32 group)
{
	for (int i = 0; i < SV_LIVE_TRIES; i++) {
		__u64 word = sv_live_word(2 * group);
		__u64 next = 0, now_us = 0;

		if (sv_gate_asks_next(word))
			next = sv_live_word(2 * group + 1);
		if (sv_gate_timed(word) || sv_gate_timed(next))
			now_us = bpf_ktime_get_boot_ns() / 1000;
		/* `next` may be of a later order, whose first word we have not seen: the two
		 * together would say what nobody ordered. */
		if (likely(sv_live_word(2 * group) == word))
			return sv_gate_decide(word, next, now_us);
	}
	return SV_GATE_HOLD;
}

static __always_inline __u32 sv_live_role(__u32 group)
{
	__u64 word = sv_live_word(2 * group);

	if (unlikely(sv_gate_timed(word) || sv_gate_asks_next(word)))
		return sv_live_role_slow(group);
	return sv_gate_decide(word, 0, 0);
}

/*
 * Another role than last time is let out. The gate is asked again after `seen` was read, so a CPU
 * that decided before a flip cannot undo what another has noted after it: one event a change.
 */
static __noinline int sv_live_changed(struct sv_gate_seen *seen, __u32 group, __u32 role,
				      __u32 ifindex, __u32 attach)
{
	struct sv_event event = {
		.at_ns = bpf_ktime_get_boot_ns(),
		.type = SV_EVENT_GATE,
		.ifindex = ifindex,
		.attach = attach,
		.group = group,
		.role = role,
	};
	__u32 last;

	if (!seen)
		return 0;
	last = *(volatile __u32 *)&seen->role;
	if (last == role || sv_live_role(group) != role)
		return 0;
	if (__sync_val_compare_and_swap(&seen->role, last, role) != last)
		return 0;
	seen->at_ns = event.at_ns;
	sv_event_emit(&event);
	return 0;
}

static __always_inline void sv_live_note(__u32 group, __u32 role, __u32 ifindex, __u32 attach)
{
	struct sv_gate_seen *seen = bpf_map_lookup_elem(&sv_gate_seen, &group);

	if (seen && unlikely(*(volatile __u32 *)&seen->role != role))
		sv_live_changed(seen, group, role, ifindex, attach);
}

#endif
