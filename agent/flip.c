// SPDX-License-Identifier: GPL-2.0-only
#include "flip.h"

#include <errno.h>
#include <string.h>

#include "json.h"
#include "loader/plane.h"

static int role_of(const cJSON *roles, const cJSON *record, const char *member, __u8 *role,
		   struct sv_err *err)
{
	const char *vnet = sv_obj_string(record, member);
	double number = vnet ? sv_obj_number(roles, vnet, 0) : 0;

	if (number < 1 || number > SV_GATE_ROLE_MAX)
		return sv_err_set(err, -EINVAL, "flip: %s: \"%s\" is no member of the group",
				  member, vnet ? vnet : "");
	*role = number;
	return 0;
}

static void set_slot(struct sv_flip_words *words, int slot, __u64 at, __u8 before, __u8 after)
{
	words->set[slot] = true;
	words->word[slot] = sv_gate_word(at, before, after);
}

/* The times of a record as this host's clocks have them; `until` keeps its distance from `at`. */
static void set_times(struct sv_flip_words *words, const cJSON *record, __s64 wall_minus_boot_us)
{
	double wall = sv_obj_number(record, "at_wall_us", 0);
	__s64 moved = 0;

	words->at_us = sv_obj_number(record, "at_us", 0);
	words->until_us = sv_obj_number(record, "until_us", 0);
	if (wall > 0) {
		moved = (__s64)wall - wall_minus_boot_us - (__s64)words->at_us;
		if (moved < 0 && (__u64)-moved >= words->at_us)
			moved = 1 - (__s64)words->at_us; /* before this boot: long past */
		words->at_us += moved;
		if (words->until_us)
			words->until_us += moved;
	}
}

static void make_flip(struct sv_flip_words *words, __u8 to, __u8 from)
{
	if (words->at_us && words->until_us) {
		set_slot(words, 1, words->until_us, to, from);
		set_slot(words, 0, words->at_us, from, SV_GATE_NEXT);
	} else if (words->at_us) {
		set_slot(words, 0, words->at_us, from, to);
	} else if (words->until_us) {
		set_slot(words, 0, words->until_us, to, from);
	} else {
		set_slot(words, 0, 0, to, to);
	}
}

int sv_flip_words_make(struct sv_flip_words *out, const cJSON *record, const cJSON *roles,
		       __s64 wall_minus_boot_us, struct sv_err *err)
{
	const char *kind = sv_obj_string(record, "kind");
	struct sv_flip_words words = { 0 };
	__u8 to = 0, from = 0;
	int rc = 0;

	if (!kind)
		return sv_err_set(err, -EINVAL, "flip: no kind");
	if (!strcmp(kind, "hold")) {
		set_slot(&words, 0, 0, SV_GATE_HOLD, SV_GATE_HOLD);
	} else if (!strcmp(kind, "confirm") || !strcmp(kind, "rollback")) {
		rc = role_of(roles, record, "to", &to, err);
		set_slot(&words, 0, 0, to, to);
	} else if (!strcmp(kind, "flip")) {
		set_times(&words, record, wall_minus_boot_us);
		rc = role_of(roles, record, "to", &to, err);
		/* Nobody was heard: until T, and when nobody confirms, nobody is. */
		if (!rc && *(sv_obj_string(record, "from") ?: ""))
			rc = role_of(roles, record, "from", &from, err);
		make_flip(&words, to, from);
	} else {
		rc = sv_err_set(err, -EINVAL, "flip: unknown kind \"%s\"", kind);
	}
	if (!rc)
		*out = words;
	return rc;
}

static bool asks_next(__u64 word)
{
	return sv_gate_before(word) == SV_GATE_NEXT || sv_gate_after(word) == SV_GATE_NEXT;
}

__u64 sv_flip_between(const __u64 word[2], __u64 now_us)
{
	__u8 live = sv_gate_role(word, now_us);

	if (!asks_next(word[0]))
		return word[0];
	/* The second word alone: what it takes back, it takes back all the same. */
	if (now_us >= sv_gate_at(word[0]) && sv_gate_after(word[0]) == SV_GATE_NEXT &&
	    !asks_next(word[1]))
		return word[1];
	return sv_gate_word(0, live, live);
}

bool sv_flip_is_timed(const cJSON *record)
{
	return !strcmp(sv_obj_string(record, "kind") ?: "", "flip") &&
	       (sv_obj_number(record, "at_us", 0) > 0 || sv_obj_number(record, "until_us", 0) > 0);
}

bool sv_flip_is_of_boot(const cJSON *record, const char *boot)
{
	const char *made = sv_obj_string(record, "boot");

	return !made || !strcmp(made, boot);
}

void sv_flip_rebase(cJSON *record, const char *boot, __s64 wall_minus_boot_us)
{
	static const char *const times[] = { "at_us", "until_us" };
	double moved = sv_obj_number(record, "wall_minus_boot_us", 0) - wall_minus_boot_us;

	for (size_t i = 0; i < 2 && !sv_flip_is_of_boot(record, boot); i++) {
		double at = sv_obj_number(record, times[i], 0);

		/* Before this boot is long past, which 1 us after it is, too. */
		if (at > 0)
			sv_obj_set(record, times[i],
				   cJSON_CreateNumber(at + moved < 1 ? 1 : at + moved));
	}
}
