/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_GUARD_TC_H
#define SV_BPF_GUARD_TC_H

#include "event.h"
#include "guard.h"

/* What the guard says at TC: the VLAN to push in the lower bits, and these. */
enum {
	SV_TC_PUSH = 1 << 16,
	SV_TC_REFUSED = 1 << 17,
};

static __noinline __u32 sv_guard_tc(__u32 ifindex, __u32 attach, __u32 nth, __u32 open)
{
	struct sv_port_key key = { .ifindex = ifindex, .attach = attach, .nth = nth };
	const struct sv_port *port = bpf_map_lookup_elem(&sv_port, &key);

	if (!port || !sv_guard_allows(port, open)) {
		sv_event_guard(ifindex, attach);
		return SV_TC_REFUSED;
	}
	if (port->flags & SV_PORT_PUSH)
		return SV_TC_PUSH | port->vlan;
	return 0;
}

#endif
