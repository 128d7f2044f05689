// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/cli/cli.h"
#include "agent/flip.h"
#include "agent/json.h"
#include "agent/when.h"
#include "loader/plane.h"
#include "maps/gate.h"

/* Splits at blanks. */
static int parse(struct sv_cli *cli, const char *line, struct sv_err *err)
{
	static char text[512], *argv[32], *save;
	int argc = 0;

	strcpy(text, line);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return sv_cli_parse(cli, argc, argv, err);
}

static void test_commands(void **state)
{
	static const struct {
		const char *line, *method, *params;
	} cases[] = {
		{ "status", "status", "{}" },
		{ "--json status --watch", "status", "{\"watch\":true}" },
		{ "shadow start B --of A", "shadow.start", "{\"name\":\"B\",\"of\":\"A\"}" },
		{ "shadow start --of=A B", "shadow.start", "{\"of\":\"A\",\"name\":\"B\"}" },
		{ "flip web --to B --at now+2s --confirm 60s --force", "flip",
		  "{\"group\":\"web\",\"to\":\"B\",\"at\":\"now+2s\",\"confirm\":\"60s\","
		  "\"force\":true}" },
		{ "monitor start m --of A --at exit,r1:eth0 --at entry --timeout 5s",
		  "monitor.start",
		  "{\"name\":\"m\",\"of\":\"A\",\"at\":[\"exit\",\"r1:eth0\",\"entry\"],"
		  "\"timeout\":\"5s\"}" },
		{ "monitor start m --of A --filter=tcp[13]=2 --sample flows/256 --snap 128 "
		  "--budget 5mbit --priority 3 --to vxlan:192.0.2.9/7 --direction in",
		  "monitor.start",
		  "{\"name\":\"m\",\"of\":\"A\",\"filter\":\"tcp[13]=2\",\"sample\":\"flows/256\","
		  "\"snap\":128,\"budget\":\"5mbit\",\"priority\":3,\"to\":\"vxlan:192.0.2.9/7\","
		  "\"direction\":\"in\"}" },
		{ "monitor update m --filter= --snap 0", "monitor.update",
		  "{\"name\":\"m\",\"filter\":\"\",\"snap\":0}" },
		{ "gate", "gate", "{}" },
		{ "gate web", "gate", "{\"group\":\"web\"}" },
		{ "vnode exec A/r1 -- ping --json -c1", "vnode.where", "{\"vnode\":\"A/r1\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_err err = { 0 };
		struct sv_cli cli;
		char *params;

		assert_int_equal(parse(&cli, cases[i].line, &err), 0);
		assert_string_equal(cli.command->method, cases[i].method);
		params = cJSON_PrintUnformatted(cli.params);
		assert_string_equal(params, cases[i].params);
		free(params);
		sv_cli_fini(&cli);
	}
}

static void test_usage(void **state)
{
	static const char *const lines[] = {
		"",
		"nonsense",
		"shadow",
		"shadow start",
		"status extra",
		"status --of A",
		"flip web --to",
		"apply",
		"vnode exec A/r1",
		"vnode exec A/r1 --",
		"status -- ls",
		"monitor start m --of A --snap x",
		"monitor update m --of B",
		"monitor update m --to ring",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct sv_err err = { 0 };
		struct sv_cli cli;

		assert_int_equal(parse(&cli, lines[i], &err), -EINVAL);
		assert_string_not_equal(err.text, "");
		sv_cli_fini(&cli);
	}
}

static void test_file(void **state)
{
	char path[] = "/tmp/svnet-cli-XXXXXX", line[64];
	struct sv_err err = { 0 };
	struct sv_cli cli;
	int fd = mkstemp(path);

	(void)state;
	snprintf(line, sizeof(line), "apply %s", path);
	dprintf(fd, "{\n\"a\": 1,\n oops }");
	assert_int_equal(parse(&cli, line, &err), -ENOENT);
	assert_non_null(strstr(err.text, "line 3"));
	sv_cli_fini(&cli);
	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	dprintf(fd, "{\"version\": 1}");
	assert_int_equal(parse(&cli, line, &err), 0);
	assert_int_equal(sv_obj_number(sv_obj_get(cli.params, "network"), "version", 0), 1);
	sv_cli_fini(&cli);
	close(fd);
	unlink(path);
	assert_int_equal(parse(&cli, line, &err), -ENOENT);
	sv_cli_fini(&cli);
}

/* Every command has a method, a help text, and a way to show what came back. */
static void test_table(void **state)
{
	(void)state;
	for (const struct sv_cli_command *c = sv_cli_commands; c->words; c++) {
		assert_non_null(c->method);
		assert_non_null(c->usage);
		assert_non_null(c->help);
		assert_true(c->print || c->run);
	}
}

/* What a printer writes to the standard output; the caller's. */
static char *printed(void (*print)(const cJSON *), const char *json)
{
	cJSON *result = cJSON_Parse(json);
	FILE *was = stdout;
	char *text = NULL;
	size_t len;

	assert_non_null(result);
	stdout = open_memstream(&text, &len);
	print(result);
	fclose(stdout);
	stdout = was;
	cJSON_Delete(result);
	return text;
}

/* What a host counted, by every reason that is not 0; and what it does not tap. */
static void test_monitors(void **state)
{
	char *text = printed(
		sv_print_monitors,
		"{\"sessions\":[{\"name\":\"m\",\"of\":\"A\",\"direction\":\"in\",\"at\":[\"exit\","
		"\"l1\"],"
		"\"filter\":\"udp\",\"sample\":\"flows/"
		"8\",\"snap\":128,\"target\":\"Moni:m\",\"here\":true,"
		"\"up\":true,\"counters\":{\"matched\":{\"packets\":12},\"copied\":{\"packets\":7},"
		"\"shed-sample\":{\"packets\":3},\"shed-down\":{\"packets\":0},"
		"\"shed-tx\":{\"packets\":2},\"unoffered\":{\"packets\":5}}},"
		"{\"name\":\"r\",\"of\":\"A\",\"direction\":\"out\",\"target\":\"ring\",\"here\":"
		"false}]}");

	(void)state;
	assert_string_equal(text, "SESSION  OF  DIRECTION  AT       FILTER  LIMITS            TO   "
				  "   UP   UNOFFERED  MATCHED  "
				  "COPIED  SHED\n"
				  "m        A   in         exit,l1  udp     flows/8 snap 128  "
				  "Moni:m  yes  5          12       "
				  "7  "
				  "     sample=3 tx=2\n"
				  "r        A   out        all      -       -                 ring "
				  "   -    -          -        "
				  "-  "
				  "     -\n");
	free(text);
}

/* ---- times ---- */

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		__u64 us;
	} cases[] = { { "60s", 60000000 }, { "500ms", 500000 }, { "20us", 20 },
		      { "1.5s", 1500000 }, { "2m", 120000000 }, { "3", 3000000 } };
	__u64 us;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(sv_when_parse_duration(cases[i].text, &us, NULL), 0);
		assert_int_equal(us, cases[i].us);
	}
	assert_int_equal(sv_when_parse_duration("", &us, NULL), -EINVAL);
	assert_int_equal(sv_when_parse_duration("5 s", &us, NULL), -EINVAL);
	assert_int_equal(sv_when_parse_duration("-5s", &us, NULL), -EINVAL);
	assert_int_equal(sv_when_parse_duration("5d", &us, NULL), -EINVAL);
}

static void test_when(void **state)
{
	/* 2026-01-31T12:00:00Z, and 1000 s of uptime. */
	const __u64 wall = 1769860800000000, boot = 1000000000;
	static const struct {
		const char *text;
		int rc;
		__u64 boot_us, wall_us;
	} cases[] = {
		{ "now", 0, 0, 0 },
		{ "now+2s", 0, 1002000000, 0 },
		{ "+500ms", 0, 1000500000, 0 },
		{ "@1769860805", 0, 1005000000, 1769860805000000 },
		{ "@1769860805.25", 0, 1005250000, 1769860805250000 },
		{ "2026-01-31T12:00:10Z", 0, 1010000000, 1769860810000000 },
		{ "2026-01-31T13:00:10.5+01:00", 0, 1010500000, 1769860810500000 },
		{ "2026-01-31T12:00:00Z", -EINVAL, 0, 0 },
		{ "2026-01-31", -EINVAL, 0, 0 },
		{ "2026-01-31T12:00:10", -EINVAL, 0, 0 },
		{ "@", -EINVAL, 0, 0 },
		{ "tomorrow", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_when when = { 0 };

		assert_int_equal(sv_when_parse(cases[i].text, wall, boot, &when, NULL),
				 cases[i].rc);
		assert_int_equal(when.boot_us, cases[i].boot_us);
		assert_int_equal(when.wall_us, cases[i].wall_us);
	}
}

/* ---- gate words of an order ---- */

static void test_flip_words(void **state)
{
	static const struct {
		const char *record;
		int rc, sets;
		__u64 word0, word1;
	} cases[] = {
		{ "{\"kind\":\"flip\",\"to\":\"B\",\"from\":\"A\"}", 0, 1, 0x0202, 0 },
		{ "{\"kind\":\"flip\",\"to\":\"B\",\"from\":\"A\",\"at_us\":256}", 0, 1, 0x1000102,
		  0 },
		{ "{\"kind\":\"flip\",\"to\":\"B\",\"from\":\"A\",\"until_us\":256}", 0, 1,
		  0x1000201, 0 },
		{ "{\"kind\":\"flip\",\"to\":\"B\",\"from\":\"A\",\"at_us\":256,\"until_us\":512}",
		  0, 3, 0x10001ff, 0x2000201 },
		{ "{\"kind\":\"confirm\",\"to\":\"B\"}", 0, 1, 0x0202, 0 },
		{ "{\"kind\":\"rollback\",\"to\":\"A\"}", 0, 1, 0x0101, 0 },
		{ "{\"kind\":\"hold\"}", 0, 1, 0, 0 },
		{ "{\"kind\":\"flip\",\"to\":\"C\",\"from\":\"A\"}", -EINVAL, 0, 0, 0 },
		{ "{\"kind\":\"dance\",\"to\":\"A\"}", -EINVAL, 0, 0, 0 },
		/* Nobody was heard before. */
		{ "{\"kind\":\"flip\",\"to\":\"B\",\"at_us\":256}", 0, 1, 0x1000002, 0 },
		/* Wall clock 1100 us here is BOOTTIME 100 us; the confirmation moves along. */
		{ "{\"kind\":\"flip\",\"to\":\"B\",\"from\":\"A\",\"at_us\":256,\"until_us\":512,"
		  "\"at_wall_us\":1100}",
		  0, 3, 0x6401ff, 0x1640201 },
	};
	cJSON *roles = cJSON_Parse("{\"A\":1,\"B\":2}");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *record = cJSON_Parse(cases[i].record);
		struct sv_flip_words words = { 0 };

		assert_int_equal(sv_flip_words_make(&words, record, roles, 1000, NULL),
				 cases[i].rc);
		assert_int_equal(words.set[0] + 2 * words.set[1], cases[i].sets);
		assert_int_equal(words.word[0], cases[i].word0);
		assert_int_equal(words.word[1], cases[i].word1);
		cJSON_Delete(record);
	}
	cJSON_Delete(roles);
}

/* A second order of two words, while the first one's second word is in use: at no step, and not if
 * the agent dies there, is anybody heard whose time has not come. */
static void test_flip_over_flip(void **state)
{
	cJSON *roles = cJSON_Parse("{\"A\":1,\"B\":2,\"C\":3}");
	cJSON *first = cJSON_Parse("{\"kind\":\"flip\",\"to\":\"B\",\"from\":\"A\",\"at_us\":100,"
				   "\"until_us\":900}");
	cJSON *next = cJSON_Parse("{\"kind\":\"flip\",\"to\":\"C\",\"from\":\"B\",\"at_us\":500,"
				  "\"until_us\":1300}");
	struct sv_flip_words one, two;
	__u64 map[2];

	(void)state;
	assert_int_equal(sv_flip_words_make(&one, first, roles, 0, NULL), 0);
	assert_int_equal(sv_flip_words_make(&two, next, roles, 0, NULL), 0);
	memcpy(map, one.word, sizeof(map));
	assert_int_equal(sv_gate_role(map, 50), 1);
	assert_int_equal(sv_gate_role(map, 200), 2);
	map[0] = sv_flip_between(map, 200);
	for (__u64 now = 200; now < 2000; now += 100)
		assert_int_equal(sv_gate_role(map, now), now < 900 ? 2 : 1);
	map[1] = two.word[1];
	for (__u64 now = 200; now < 2000; now += 100)
		assert_int_equal(sv_gate_role(map, now), now < 900 ? 2 : 1);
	map[0] = two.word[0];
	assert_int_equal(sv_gate_role(map, 400), 2);
	assert_int_equal(sv_gate_role(map, 600), 3);
	assert_int_equal(sv_gate_role(map, 1400), 2);
	/* Before its time, an order that is replaced lets nobody else be heard. */
	memcpy(map, one.word, sizeof(map));
	map[0] = sv_flip_between(map, 50);
	for (__u64 now = 50; now < 2000; now += 50)
		assert_int_equal(sv_gate_role(map, now), 1);
	/* A word that asks nobody else can stay. */
	map[0] = sv_gate_word(300, 1, 2);
	assert_int_equal(sv_flip_between(map, 200), map[0]);
	cJSON_Delete(next);
	cJSON_Delete(first);
	cJSON_Delete(roles);
}

/* What was ordered in another boot means the same instant of the wall clock. */
static void test_flip_rebase(void **state)
{
	static const char text[] =
		"{\"at_us\":5000,\"until_us\":9000,\"boot\":\"x\",\"wall_minus_boot_us\":100000}";
	cJSON *record = cJSON_Parse(text), *plain = cJSON_Parse("{\"at_us\":5000}");

	(void)state;
	sv_flip_rebase(plain, "y", 1);
	assert_int_equal(sv_obj_number(plain, "at_us", 0), 5000);
	sv_flip_rebase(record, "x", 104000);
	assert_int_equal(sv_obj_number(record, "at_us", 0), 5000);
	/* Booted anew at 104 ms of the wall clock: 105 ms are 1 ms from then. */
	sv_flip_rebase(record, "y", 104000);
	assert_int_equal(sv_obj_number(record, "at_us", 0), 1000);
	assert_int_equal(sv_obj_number(record, "until_us", 0), 5000);
	cJSON_Delete(record);
	record = cJSON_Parse(text);
	sv_flip_rebase(record, "y", 107000);
	assert_int_equal(sv_obj_number(record, "at_us", 0), 1);
	assert_int_equal(sv_obj_number(record, "until_us", 0), 2000);
	cJSON_Delete(record);
	cJSON_Delete(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),       cmocka_unit_test(test_usage),
		cmocka_unit_test(test_file),	       cmocka_unit_test(test_table),
		cmocka_unit_test(test_monitors),       cmocka_unit_test(test_durations),
		cmocka_unit_test(test_when),	       cmocka_unit_test(test_flip_words),
		cmocka_unit_test(test_flip_over_flip), cmocka_unit_test(test_flip_rebase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
