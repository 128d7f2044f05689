/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_PAIR_H
#define SV_AGENT_PAIR_H

#include <linux/types.h>
#include <stdbool.h>

#include "loader/err.h"

/*
 * Veth pairs through which copies pass from the data plane to the export program, both ends in the
 * agent's network namespace. `outer` is sent to: it finishes checksums and cuts what stands for
 * several packets, so that `inner` receives packets; inner takes XDP frames, and merges none.
 */

/* Both are ends of one veth. */
bool sv_pair_exists(const char *outer, const char *inner);
/*
 * Makes it, both ends down, or brings one that is there to this MTU and these settings. *fresh: it
 * was made by this call. -EEXIST: another device has one of the names. On failure what was made is
 * gone.
 */
int sv_pair_make(const char *outer, const char *inner, __u32 mtu, bool *fresh, struct sv_err *err);
/* Not there, or not a pair: 0. */
int sv_pair_drop(const char *outer, const char *inner, struct sv_err *err);

#endif
