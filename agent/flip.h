/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_FLIP_H
#define SV_AGENT_FLIP_H

#include <cjson/cJSON.h>
#include <linux/types.h>
#include <stdbool.h>

#include "loader/err.h"

/* Gate words of a flip record (agent/net/doc.h). Pure. */
struct sv_flip_words {
	bool set[2]; /* which slots are to be written; the second before the first */
	__u64 word[2];
	__u64 at_us, until_us; /* CLOCK_BOOTTIME here, 0 = now / no confirmation asked */
};

/*
 * roles: {"A": 1, "B": 2} of the group. wall_minus_boot_us: this host's CLOCK_REALTIME minus
 * CLOCK_BOOTTIME, by which a record with "at_wall_us" is converted. -EINVAL: an unknown kind or
 * VNet.
 */
int sv_flip_words_make(struct sv_flip_words *out, const cJSON *record, const cJSON *roles,
		       __s64 wall_minus_boot_us, struct sv_err *err);

#endif
