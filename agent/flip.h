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

/*
 * CLOCK_BOOTTIME begins anew with each boot: a record says of which boot its times are ("boot"),
 * and what the wall clock was ahead of it ("wall_minus_boot_us"). Makes them times of this boot.
 */
void sv_flip_rebase(cJSON *record, const char *boot, __s64 wall_minus_boot_us);
/* Are its times of this boot? Also true when it does not say. */
bool sv_flip_is_of_boot(const cJSON *record, const char *boot);

/* What slot 0 must say while slot 1 is replaced: who is heard now, if it may ask slot 1. Else all
 * orders of two words would let somebody out between their writes; or for good, if we die there. */
__u64 sv_flip_between(const __u64 word[2], __u64 now_us);

/* An order whose words may still change who is heard. */
bool sv_flip_is_timed(const cJSON *record);

#endif
