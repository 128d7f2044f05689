// SPDX-License-Identifier: GPL-2.0-only
/* What of the filter compiler needs no kernel: which expressions it takes, and how it says no. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/filter.h"
#include "loader/plane.h"
#include "tests/prog/filter_cases.h"

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILTER_REFUSED; i++) {
		struct sv_err err = {};
		int rc = sv_filter_check(filter_refused[i].expression, &err);

		if (rc != -EINVAL || !strstr(err.text, filter_refused[i].why) ||
		    strchr(err.text, '\n'))
			fail_msg("`%s`: %d, \"%s\", not a word of \"%s\"",
				 filter_refused[i].expression, rc, err.text, filter_refused[i].why);
	}
	for (size_t i = 0; i < FILTER_CASES; i++) {
		struct sv_err err = {};

		if (sv_filter_check(filter_cases[i], &err))
			fail_msg("`%s`: %s", filter_cases[i], err.text);
	}
	assert_false(sv_filter_check(NULL, NULL));
	assert_int_equal(sv_filter_check("vlan", NULL), -EINVAL);
}

static void test_digest(void **state)
{
	char udp[] = "udp", same[] = "udp", tcp[] = "tcp", blank[] = " ";
	char *const none[SV_SESSION_BITS] = {}, *const all[SV_SESSION_BITS] = { blank };
	char *const a[SV_SESSION_BITS] = { udp, NULL, tcp };
	char *const b[SV_SESSION_BITS] = { same, blank, tcp };
	char *const c[SV_SESSION_BITS] = { udp, tcp };
	char *const d[SV_SESSION_BITS] = { tcp, NULL, udp };

	(void)state;
	assert_true(sv_filter_digest(none) == 0 && sv_filter_digest(all) == 0);
	assert_true(sv_filter_digest(a) != 0 && sv_filter_digest(a) == sv_filter_digest(b));
	assert_true(sv_filter_digest(a) != sv_filter_digest(c));
	assert_true(sv_filter_digest(a) != sv_filter_digest(d));
}

/* Every program is generated, and bounded by the kernel's 16-bit jumps and its entry and exit. */
static void test_generate(void **state)
{
	struct sv_filter_code code;
	struct sv_err err = {};

	(void)state;
	for (size_t i = 0; i + SV_SESSION_BITS <= FILTER_CASES; i++) {
		for (int hook = 0; hook < 2; hook++) {
			if (sv_filter_generate(&code, hook, filter_cases + i, SV_SESSION_BITS, 3, 4,
					       &err))
				fail_msg("`%s`: %s", filter_cases[i], err.text);
			assert_int_equal(code.insn[code.n - 1].code, BPF_JMP | BPF_EXIT);
			free(code.insn);
		}
	}
}

/* The filter that is wrong is named. */
static void test_named(void **state)
{
	const char *set[] = { "udp", "tcp and vlan 5" };
	struct sv_filter_code code;
	struct sv_err err = {};

	(void)state;
	assert_int_equal(sv_filter_generate(&code, SV_FILTER_XDP, set, 2, 3, 4, &err), -EINVAL);
	assert_non_null(strstr(err.text, "tcp and vlan 5"));
	assert_non_null(strstr(err.text, "the VNet's own tag"));
}

/* Whatever an operator types: an answer, and no more. */
static void test_garbage(void **state)
{
	static const char *const piece[] = { "udp",  " ",  "port ",	"80",	"host ", "::1",
					     "(",    ")",  "not ",	"and ", "[",	 "]",
					     ":",    "\\", "ether",	"-",	"_",	 "1.2.3.4",
					     "vlan", "\n", "=",		"&",	"len",	 "tcp-syn",
					     "0x",   ".",  "fe80::/10", "\xff" };
	uint32_t rng = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[256] = "";
		struct sv_err err = {};
		int rc;

		for (int k = 0; k < 12; k++) {
			rng = rng * 1664525 + 1013904223;
			strcat(text, piece[(rng >> 16) % (sizeof(piece) / sizeof(piece[0]))]);
		}
		rc = sv_filter_check(text, &err);
		if (rc && (rc != -EINVAL || !err.text[0]))
			fail_msg("`%s`: %d, \"%s\"", text, rc, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_digest),
		cmocka_unit_test(test_generate), cmocka_unit_test(test_named),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests_name("filters, without a kernel", tests, NULL, NULL);
}
