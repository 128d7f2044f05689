// SPDX-License-Identifier: GPL-2.0-only
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "flip.h"
#include "json.h"
#include "log.h"

#define LEAD_US 2000000 /* so long before an instant, tiers are made ready for it */
#define STEP_US 1000 /* less is how exactly two clocks are read */

__u64 sv_gate_wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

const char *sv_gate_boot(struct agent *agent)
{
	_cleanup_fclose_ FILE *file = NULL;

	if (!agent->boot[0])
		file = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (file && !fscanf(file, "%39s", agent->boot))
		agent->boot[0] = 0;
	return agent->boot;
}

static const cJSON *roles_of(const struct agent *agent, const char *group)
{
	const cJSON *groups = sv_obj_get(sv_obj_get(agent->doc, "alloc"), "groups");

	return sv_obj_get(sv_obj_get(groups, group), "roles");
}

static int words_of(struct agent *agent, const cJSON *record, struct sv_flip_words *words,
		    struct sv_err *err)
{
	__s64 wall_minus_boot_us = sv_gate_wall_us() - sv_gate_now_us();
	_cleanup_json_ cJSON *here = cJSON_Duplicate(record, 1);

	sv_flip_rebase(here, sv_gate_boot(agent), wall_minus_boot_us);
	return sv_flip_words_make(words, here, roles_of(agent, record->string), wall_minus_boot_us,
				  err);
}

static const struct sv_host_group *edge_group(const struct agent *agent, const char *name)
{
	for (size_t i = 0; i < agent->desired.n_group; i++)
		if (agent->desired.group[i].edge && !strcmp(agent->desired.group[i].name, name))
			return &agent->desired.group[i];
	return NULL;
}

/* ---- who is heard ---- */

/* The group's words: those of the map where this host has an edge, else what the last
 * order makes. */
static void words_now(struct agent *agent, size_t group, __u64 word[2])
{
	const struct sv_net_group *g = &agent->net->group[group];
	const cJSON *record = sv_obj_get(sv_obj_get(agent->doc, "flips"), g->name);
	struct sv_flip_words words = { .word = { sv_gate_word(0, g->role, g->role) } };

	if (edge_group(agent, g->name)) {
		words = (struct sv_flip_words){ 0 };
		sv_gate_get(agent->plane, g->slot, words.word, NULL);
	} else if (record) {
		words_of(agent, record, &words, NULL);
	}
	memcpy(word, words.word, sizeof(words.word));
}

__u8 sv_gate_live_role(struct agent *agent, size_t group)
{
	__u64 word[2];

	words_now(agent, group, word);
	return sv_gate_role(word, sv_gate_now_us());
}

const char *sv_gate_live(struct agent *agent, size_t group)
{
	__u8 role = sv_gate_live_role(agent, group);

	for (size_t i = 0; role && i < agent->net->n_vnet; i++)
		if (agent->net->vnet[i].group == (int)group && agent->net->vnet[i].role == role)
			return agent->net->vnet[i].name;
	return NULL;
}

/* Another host's report is as old as its last change, which is what a gate's change makes. */
static const char *live_by_reports(struct agent *agent, const char *group)
{
	_cleanup_json_ cJSON *reports = NULL;
	const cJSON *report;
	const char *live;

	if (agent->store.ops->reports(&agent->store, &reports, NULL))
		return NULL;
	cJSON_ArrayForEach (report, reports) {
		live = sv_obj_string(sv_obj_get(report, "live"), group);
		for (size_t i = 0; live && i < agent->net->n_vnet; i++)
			if (!strcmp(agent->net->vnet[i].name, live))
				return agent->net->vnet[i].name;
	}
	return NULL;
}

const char *sv_gate_live_anywhere(struct agent *agent, const char *group)
{
	const char *live;

	for (size_t i = 0; agent->net && i < agent->net->n_group; i++) {
		if (strcmp(agent->net->group[i].name, group))
			continue;
		if (edge_group(agent, group))
			return sv_gate_live(agent, i);
		live = live_by_reports(agent, group);
		return live ? live : sv_gate_live(agent, i);
	}
	return NULL;
}

static void raise_role(struct agent *agent, struct sv_host_state *desired, size_t group, __u8 role)
{
	for (size_t v = 0; v < desired->n_vnode; v++) {
		struct sv_vnode_spec *spec = &desired->vnode[v].spec;

		for (size_t i = 0; role && i < agent->net->n_vnet; i++) {
			const struct sv_net_vnet *vnet = &agent->net->vnet[i];

			if (vnet->group == (int)group && vnet->role == role &&
			    spec->tier != SV_TIER_MONITOR && !strcmp(vnet->name, spec->vnet))
				spec->tier = SV_TIER_PRODUCTION;
		}
	}
}

/*
 * Who is about to be heard has production's place already: shortly before an instant that an order
 * names, and all the time while a flip that nobody confirms would give it back to him, since then
 * there may be no agent any more.
 */
static void raise_next(struct agent *agent, struct sv_host_state *desired, size_t group)
{
	const char *name = agent->net->group[group].name;
	const cJSON *record = sv_obj_get(sv_obj_get(agent->doc, "flips"), name);
	__u64 now = agent->tiers_at_us, word[2];
	struct sv_flip_words order = { 0 };
	__u8 last;

	if (record)
		words_of(agent, record, &order, NULL);
	words_now(agent, group, word);
	raise_role(agent, desired, group, sv_gate_role(word, now + LEAD_US));
	last = sv_gate_role(word, SV_GATE_AT_MAX);
	if (order.until_us > now &&
	    last == sv_obj_number(roles_of(agent, name), sv_obj_string(record, "from") ?: "", 0))
		raise_role(agent, desired, group, last);
}

int sv_gate_set_tiers(struct agent *agent, struct sv_host_state *desired)
{
	_cleanup_free_ uint8_t *live = calloc(agent->net->n_group + 1, 1);

	if (!live)
		return -ENOMEM;
	agent->tiers_at_us = sv_gate_now_us();
	for (size_t i = 0; i < agent->net->n_group; i++)
		live[i] = sv_gate_live_role(agent, i);
	sv_host_tiers(desired, agent->net, live);
	for (size_t i = 0; i < agent->net->n_group; i++)
		raise_next(agent, desired, i);
	return 0;
}

/* ---- gates that come and go ---- */

static void set_opened(struct agent *agent, const struct sv_host_group *group)
{
	sv_obj_set(sv_obj_sub(agent->state, "gates"), group->name, cJSON_CreateNumber(group->slot));
	sv_state_save(agent);
}

static bool slot_has_owner(const struct agent *agent, __u16 slot)
{
	const cJSON *gate;

	cJSON_ArrayForEach (gate, sv_obj_get(agent->state, "gates"))
		if (gate->valuedouble == slot)
			return true;
	return false;
}

static bool is_member(const struct agent *agent, const struct sv_host_group *group, __u8 role)
{
	const cJSON *of;

	cJSON_ArrayForEach (of, roles_of(agent, group->name))
		if (of->valuedouble == role)
			return true;
	return role == SV_GATE_HOLD || role > SV_GATE_ROLE_MAX;
}

/*
 * From now on, can the gate say a role that nobody has? The document was put back to a time before
 * that member, and who gets the role next would be heard without an order.
 */
static bool says_a_stranger(const struct agent *agent, const struct sv_host_group *group,
			    const __u64 word[2])
{
	__u64 now_us = sv_gate_now_us();

	for (int i = 0; i < 2; i++) {
		bool timed = now_us < sv_gate_at(word[i]);

		if ((timed && !is_member(agent, group, sv_gate_before(word[i]))) ||
		    !is_member(agent, group, sv_gate_after(word[i])))
			return true;
		if (sv_gate_after(word[0]) != SV_GATE_NEXT &&
		    (!timed || sv_gate_before(word[0]) != SV_GATE_NEXT))
			break;
	}
	return false;
}

bool sv_gate_is_fresh(struct agent *agent, const struct sv_host_group *group)
{
	const cJSON *gate = sv_obj_get(sv_obj_get(agent->state, "gates"), group->name);
	__u64 word[2] = { 0 };

	if (!group->edge)
		return false;
	if (sv_gate_get(agent->plane, group->slot, word, NULL) ||
	    says_a_stranger(agent, group, word))
		return true;
	if (gate && gate->valuedouble == group->slot)
		return false;
	if (slot_has_owner(agent, group->slot))
		return true;
	/* Opened by a daemon that died before it could write that down. */
	if (word[0]) {
		set_opened(agent, group);
		return false;
	}
	return true;
}

int sv_gate_clear(struct agent *agent, const struct sv_host_group *gone, struct sv_err *err)
{
	cJSON *gates = sv_obj_sub(agent->state, "gates");
	cJSON *owner = cJSON_DetachItemFromObjectCaseSensitive(gates, gone->name);
	int rc = 0;

	/* Its slot may have been given to another group already. */
	for (int i = 0; !rc && i < 2 && !slot_has_owner(agent, gone->slot); i++)
		rc = sv_gate_set(agent->plane, gone->slot, i, 0, err);
	if (rc && owner) {
		cJSON_AddItemToObject(gates, gone->name, owner);
		return rc;
	}
	cJSON_Delete(owner);
	return rc ? rc : sv_state_save(agent);
}

/* ---- orders ---- */

bool sv_gate_is_settled(struct agent *agent, const cJSON *record)
{
	struct sv_flip_words words;
	__u64 now = sv_gate_now_us();

	if (strcmp(sv_obj_string(record, "kind") ?: "", "flip"))
		return true;
	return !words_of(agent, record, &words, NULL) && words.at_us <= now &&
	       words.until_us <= now;
}

/* Nobody asks slot 1 from here on. */
static int free_second(struct agent *agent, __u16 slot, int *updates, struct sv_err *err)
{
	__u64 word[2], between;
	int rc = sv_gate_get(agent->plane, slot, word, err);

	if (rc)
		return rc;
	between = sv_flip_between(word, sv_gate_now_us());
	if (between == word[0])
		return 0;
	(*updates)++;
	return sv_gate_set(agent->plane, slot, 0, between, err);
}

static int write_words(struct agent *agent, __u16 slot, const struct sv_flip_words *words,
		       int *updates, struct sv_err *err)
{
	int rc;

	*updates = 0;
	rc = words->set[1] ? free_second(agent, slot, updates, err) : 0;
	if (rc)
		return rc;
	for (int i = 1; i >= 0; i--) {
		if (!words->set[i])
			continue;
		rc = sv_gate_set(agent->plane, slot, i, words->word[i], err);
		if (rc)
			return rc;
		(*updates)++;
	}
	return 0;
}

/*
 * An order that is still to come is so at a gate that is new, too: without it, who is to be heard
 * from an instant on would be heard at once. But a reboot takes back what nobody has confirmed.
 */
static void opening_words(struct agent *agent, const struct sv_host_group *group,
			  struct sv_flip_words *words)
{
	const cJSON *record = sv_obj_get(sv_obj_get(agent->doc, "flips"), group->name);
	bool confirmed = sv_obj_number(record, "until_us", 0) <= 0;

	*words = (struct sv_flip_words){
		.set = { true },
		.word = { sv_gate_word(0, group->role, group->role) },
	};
	if (sv_flip_is_timed(record) &&
	    (confirmed || sv_flip_is_of_boot(record, sv_gate_boot(agent))))
		words_of(agent, record, words, NULL);
}

int sv_gate_open(struct agent *agent, const struct sv_host_group *group, struct sv_err *err)
{
	struct sv_flip_words words;
	int rc, updates;

	opening_words(agent, group, &words);
	rc = write_words(agent, group->slot, &words, &updates, err);
	if (!rc)
		set_opened(agent, group);
	return rc;
}

static void report_armed(struct agent *agent, const cJSON *record,
			 const struct sv_flip_words *words, int updates)
{
	cJSON *armed = cJSON_CreateObject();

	cJSON_AddNumberToObject(armed, "id", sv_obj_number(record, "id", 0));
	cJSON_AddNumberToObject(armed, "map_updates", updates);
	cJSON_AddNumberToObject(armed, "armed_at_us", sv_gate_now_us());
	cJSON_AddNumberToObject(armed, "armed_wall_us", sv_gate_wall_us());
	cJSON_AddNumberToObject(armed, "at_us", words->at_us);
	cJSON_AddNumberToObject(armed, "until_us", words->until_us);
	sv_obj_set(sv_obj_sub(agent->report, "armed"), record->string, armed);
}

static int arm(struct agent *agent, const cJSON *record, struct sv_err *err)
{
	const struct sv_host_group *group = edge_group(agent, record->string);
	bool hold = !strcmp(sv_obj_string(record, "kind") ?: "", "hold");
	struct sv_flip_words words;
	int rc, updates;

	rc = words_of(agent, record, &words, err);
	if (rc || !group)
		return rc;
	if (!hold && sv_gate_is_fresh(agent, group))
		return sv_err_set(err, -EAGAIN, "its gate is not open yet");
	rc = write_words(agent, group->slot, &words, &updates, err);
	if (rc)
		return rc;
	if (hold)
		set_opened(agent, group);
	sv_log_info("gate %s: %s %s armed", group->name, sv_obj_string(record, "kind"),
		    sv_obj_string(record, "to") ?: "");
	report_armed(agent, record, &words, updates);
	return 0;
}

/* Unless this host has armed it already. */
static int arm_new(struct agent *agent, const cJSON *record, struct sv_err *err)
{
	cJSON *flips = sv_obj_sub(agent->report, "flips");
	double id = sv_obj_number(record, "id", 0);
	int rc;

	if (id <= sv_obj_number(flips, record->string, 0))
		return 0;
	rc = arm(agent, record, err);
	if (rc)
		return rc;
	sv_obj_set(flips, record->string, cJSON_CreateNumber(id));
	sv_report_write(agent);
	sv_agent_kick(agent, 0); /* tiers follow */
	return 0;
}

void sv_gate_arm_early(struct agent *agent)
{
	const cJSON *record;

	cJSON_ArrayForEach (record, sv_obj_get(agent->doc, "flips")) {
		const struct sv_host_group *group = edge_group(agent, record->string);

		if (group && strcmp(sv_obj_string(record, "kind") ?: "", "flip") &&
		    !sv_gate_is_fresh(agent, group))
			arm_new(agent, record, NULL);
	}
}

void sv_gate_arm(struct agent *agent)
{
	struct sv_err err = { 0 };
	const cJSON *record;
	char text[600];

	cJSON_ArrayForEach (record, sv_obj_get(agent->doc, "flips")) {
		if (!arm_new(agent, record, &err))
			continue;
		snprintf(text, sizeof(text), "gate %s: %s", record->string, err.text);
		sv_report_error(agent, text);
	}
}

void sv_gate_rearm(struct agent *agent)
{
	const cJSON *record;

	cJSON_ArrayForEach (record, sv_obj_get(agent->doc, "flips")) {
		const struct sv_host_group *group = edge_group(agent, record->string);
		struct sv_flip_words words;
		__u64 now[2];
		int updates;

		if (!group || sv_obj_number(record, "at_wall_us", 0) <= 0 ||
		    sv_gate_get(agent->plane, group->slot, now, NULL) ||
		    words_of(agent, record, &words, NULL))
			continue;
		/* Only what is still to come, and only when it is this order that waits there. */
		if (sv_gate_at(now[0]) <= sv_gate_now_us() ||
		    (now[0] & 0xffff) != (words.word[0] & 0xffff) ||
		    llabs((__s64)(sv_gate_at(words.word[0]) - sv_gate_at(now[0]))) < STEP_US)
			continue;
		if (!write_words(agent, group->slot, &words, &updates, NULL))
			sv_log_info("gate %s: the wall clock was stepped, armed again",
				    group->name);
		report_armed(agent, record, &words, updates);
	}
}

/* Two words, so at most two changes are still to come. */
static __u64 next_change(const __u64 word[2], __u64 now)
{
	__u64 next = 0;

	for (int i = 0; i < 2; i++) {
		__u64 at = sv_gate_at(word[i]);

		if (at > now && sv_gate_before(word[i]) != sv_gate_after(word[i]) &&
		    (!next || at < next))
			next = at;
	}
	return next;
}

static void on_gate_timer(uv_timer_t *timer)
{
	sv_agent_kick(timer->data, 0);
}

void sv_gate_schedule(struct agent *agent)
{
	__u64 now, first = 0;

	for (size_t i = 0; agent->net && i < agent->net->n_group; i++) {
		__u64 word[2], next;

		words_now(agent, i, word);
		next = next_change(word, agent->tiers_at_us);
		if (next > agent->tiers_at_us + LEAD_US)
			next -= LEAD_US;
		if (next && (!first || next < first))
			first = next;
	}
	uv_timer_stop(agent->gate_timer);
	if (!first)
		return;
	now = sv_gate_now_us();
	uv_update_time(agent->loop); /* it stood still while we worked */
	uv_timer_start(agent->gate_timer, on_gate_timer, first > now ? (first - now) / 1000 + 2 : 0,
		       0);
}

/* ---- the wall clock ---- */

int sv_gate_clock_open(struct sv_err *err)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0)
		return sv_err_set(err, -errno, "timerfd: %s", strerror(errno));
	sv_gate_clock_set(fd);
	return fd;
}

int sv_gate_clock_set(int fd)
{
	struct itimerspec never = { .it_value.tv_sec = (time_t)1 << 40 };
	__u64 ticks;

	while (read(fd, &ticks, sizeof(ticks)) > 0)
		;
	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL)
		       ? -errno
		       : 0;
}
