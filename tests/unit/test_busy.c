// SPDX-License-Identifier: GPL-2.0-only
/* When a CPU is busy, what selection may then take, and which frames share a reading of
 * the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/lib/busy.h"
#include "bpf/lib/clock.h"

#define LONG SV_CPU_BUSY_NS

static void full_polls_in_a_row(void **state)
{
	struct sv_cpu cpu = {};

	(void)state;
	assert_true(sv_busy_is_full(64, 64));
	assert_false(sv_busy_is_full(63, 64));
	assert_false(sv_busy_is_full(8, 8));
	sv_busy_poll(&cpu, 3, 1);
	sv_busy_poll(&cpu, 4, 0); /* another device's does not break the row */
	assert_int_equal(cpu.full, 1);
	sv_busy_poll(&cpu, 3, 0);
	assert_int_equal(cpu.full, 0);
	assert_false(sv_busy_is_behind(&cpu));
	for (int i = 1; i < SV_CPU_FULL; i++)
		sv_busy_poll(&cpu, i, 1);
	sv_busy_poll(&cpu, 0, 1);
	assert_false(sv_busy_is_behind(&cpu));
	sv_busy_poll(&cpu, 4, 1);
	assert_true(sv_busy_is_behind(&cpu));
}

/* The backlog is fed several times by a frame: its row is longer, and its own. */
static void full_backlog(void **state)
{
	struct sv_cpu cpu = {};

	(void)state;
	for (int i = 1; i < SV_CPU_FULL_BACKLOG; i++) {
		sv_busy_poll(&cpu, 0, 1);
		sv_busy_poll(&cpu, 3, 0);
	}
	assert_false(sv_busy_is_behind(&cpu));
	sv_busy_poll(&cpu, 0, 0);
	sv_busy_poll(&cpu, 0, 1);
	assert_false(sv_busy_is_behind(&cpu));
	for (int i = 1; i < SV_CPU_FULL_BACKLOG; i++)
		sv_busy_poll(&cpu, 0, 1);
	assert_true(sv_busy_is_behind(&cpu));
	sv_busy_begin(&cpu, 1000, 1);
	assert_false(sv_busy_is_behind(&cpu));
}

static void busy_for_a_while(void **state)
{
	struct sv_cpu cpu = { .credit_ns = 77, .full = 2 };

	(void)state;
	sv_busy_begin(&cpu, 1000, 1);
	assert_int_equal(cpu.until_ns, 1000 + LONG);
	assert_int_equal(cpu.credit_ns, 0);
	assert_int_equal(cpu.full, 0);
	sv_busy_begin(&cpu, 2000, 1); /* still busy: longer, and not another time */
	assert_int_equal(cpu.until_ns, 2000 + LONG);
	assert_int_equal(cpu.times, 1);
	sv_busy_pay(&cpu, 2000 + LONG - 1, 9, 5);
	assert_int_equal(cpu.until_ns, 2000 + LONG);
	sv_busy_pay(&cpu, 2000 + LONG, 10, 5);
	assert_int_equal(cpu.until_ns, 0);
	sv_busy_begin(&cpu, 3 * LONG, 11);
	assert_int_equal(cpu.times, 2);
	sv_busy_pay(&cpu, 3 * LONG + 1, 11, SV_SHARE_ALL); /* told meanwhile not to */
	assert_int_equal(cpu.until_ns, 0);
}

static void share_of_the_time(void **state)
{
	struct sv_cpu cpu = {};

	(void)state;
	sv_busy_begin(&cpu, 1000, 1);
	/* In one sum, so that copies come together. */
	sv_busy_pay(&cpu, 1000 + 20 * SV_BUSY_SAVED_NS - 1, 2, 5);
	assert_int_equal(cpu.credit_ns, 0);
	assert_int_equal(cpu.paid_ns, 1000);
	assert_int_equal(cpu.paid_tick, 2);
	sv_busy_pay(&cpu, 1000 + 20 * SV_BUSY_SAVED_NS, 2, 5);
	assert_int_equal(cpu.credit_ns, SV_BUSY_SAVED_NS);
	sv_busy_charge(&cpu, 40, 1);
	assert_int_equal(cpu.credit_ns,
			 SV_BUSY_SAVED_NS - 40 * SV_BUSY_COPY_NS - SV_BUSY_RECORD_NS);
	/* Debts are paid off first, and no more is saved than a queue can stand. */
	sv_busy_pay(&cpu, 1000 + 40 * SV_BUSY_SAVED_NS, 3, 5);
	assert_int_equal(cpu.credit_ns,
			 2 * SV_BUSY_SAVED_NS - 40 * SV_BUSY_COPY_NS - SV_BUSY_RECORD_NS);
	sv_busy_pay(&cpu, LONG - 1000, 3, 5);
	assert_int_equal(cpu.credit_ns, SV_BUSY_SAVED_NS);
	sv_busy_pay(&cpu, LONG - 1000, 3, 0);
	assert_int_equal(cpu.credit_ns, SV_BUSY_SAVED_NS);
}

static void no_share_no_credit(void **state)
{
	struct sv_cpu cpu = {};

	(void)state;
	sv_busy_begin(&cpu, 1000, 1);
	sv_busy_pay(&cpu, LONG - 1000, 2, 0);
	assert_int_equal(cpu.credit_ns, 0);
}

/* The time that a frame at now_ns gets. */
static uint64_t time_of(struct sv_cpu *cpu, uint64_t tick, uint64_t now_ns)
{
	if (!sv_clock_take(cpu, tick))
		sv_clock_keep(cpu, tick, now_ns);
	return cpu->clock_ns;
}

static void frames_of_a_poll_share(void **state)
{
	struct sv_cpu cpu = { .polls = 4 };
	uint64_t now = 1000;

	(void)state;
	for (int i = 0; i < 3 * SV_TAP_SHARED; i++, now += 10)
		assert_int_equal(time_of(&cpu, 1, now),
				 1000 + i / SV_TAP_SHARED * 10 * SV_TAP_SHARED);
	assert_int_equal(time_of(&cpu, 1, 5000), 5000);
	cpu.polls++;
	assert_int_equal(time_of(&cpu, 1, 6000), 6000);
}

static void without_polls_nobody_shares(void **state)
{
	struct sv_cpu cpu = {};

	(void)state;
	for (uint64_t now = 1000; now < 1010; now++)
		assert_int_equal(time_of(&cpu, 1, now), now);
}

/* A tick, and no poll has ended: they come from elsewhere, and far apart. */
static void a_tick_ends_sharing(void **state)
{
	struct sv_cpu cpu = { .polls = 4 };

	(void)state;
	assert_int_equal(time_of(&cpu, 1, 1000), 1000);
	assert_int_equal(time_of(&cpu, 1, 2000), 1000);
	for (uint64_t now = 3000; now < 3010; now++)
		assert_int_equal(time_of(&cpu, 2, now), now);
	assert_int_equal(time_of(&cpu, 3, 4000), 4000);
	cpu.polls++;
	assert_int_equal(time_of(&cpu, 3, 5000), 5000);
	assert_int_equal(time_of(&cpu, 3, 6000), 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_polls_in_a_row),
		cmocka_unit_test(full_backlog),
		cmocka_unit_test(busy_for_a_while),
		cmocka_unit_test(share_of_the_time),
		cmocka_unit_test(no_share_no_credit),
		cmocka_unit_test(frames_of_a_poll_share),
		cmocka_unit_test(without_polls_nobody_shares),
		cmocka_unit_test(a_tick_ends_sharing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
