/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_GUARD_H
#define SV_BPF_GUARD_H

#include "event.h"

#include "maps/attach.bpf.h"

/* May a frame leave by an exit, `open` being the gate's yes? No exit at all is the caller's to
 * check. */
static __always_inline int sv_guard_allows(const struct sv_port *port, int open)
{
	return open || !(port->flags & SV_PORT_GATED);
}

#endif
