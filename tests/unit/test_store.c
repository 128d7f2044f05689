// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/store/store.h"
#include "loader/cleanup.h"

struct fixture {
	char dir[64];
	struct sv_store a, b;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char url[96];

	strcpy(f->dir, "/tmp/svnet-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(url, sizeof(url), "file:%s/deep/er", f->dir);
	assert_int_equal(sv_store_open(&f->a, url, NULL), 0);
	assert_int_equal(sv_store_open(&f->b, url, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char cmd[96];

	sv_store_close(&f->a);
	sv_store_close(&f->b);
	snprintf(cmd, sizeof(cmd), "rm -r %s", f->dir);
	assert_int_equal(system(cmd), 0);
	free(f);
	return 0;
}

static bool readable(struct sv_store *store)
{
	struct pollfd p = { .fd = store->ops->watch_fd(store), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_empty(void **state)
{
	struct fixture *f = *state;
	uint64_t revision = 7;
	cJSON *doc = NULL;

	assert_int_equal(f->a.ops->get(&f->a, &doc, &revision, NULL), 0);
	assert_int_equal(revision, 0);
	assert_true(cJSON_IsObject(doc) && !doc->child);
	cJSON_Delete(doc);
}

static void test_second_writer_is_told(void **state)
{
	struct fixture *f = *state;
	cJSON *doc = cJSON_Parse("{\"who\":\"a\"}"), *other = cJSON_Parse("{\"who\":\"b\"}");
	struct sv_err err = { 0 };
	uint64_t revision;
	cJSON *got = NULL;

	assert_int_equal(f->a.ops->put(&f->a, doc, 0, &revision, &err), 0);
	assert_int_equal(revision, 1);
	assert_int_equal(f->b.ops->put(&f->b, other, 0, &revision, &err), -ESTALE);
	assert_non_null(strstr(err.text, "revision 1"));
	assert_int_equal(f->b.ops->get(&f->b, &got, &revision, &err), 0);
	assert_int_equal(revision, 1);
	assert_true(cJSON_Compare(got, doc, 1));
	assert_int_equal(f->b.ops->put(&f->b, other, 1, &revision, &err), 0);
	assert_int_equal(revision, 2);
	cJSON_Delete(got);
	cJSON_Delete(doc);
	cJSON_Delete(other);
}

static void test_reports_and_watch(void **state)
{
	struct fixture *f = *state;
	cJSON *report = cJSON_Parse("{\"revision\":3}"), *all = NULL;
	uint64_t revision;

	assert_false(readable(&f->b));
	assert_int_equal(f->a.ops->report(&f->a, "host1", report, NULL), 0);
	assert_true(readable(&f->b));
	f->b.ops->watch_drain(&f->b);
	assert_false(readable(&f->b));
	assert_int_equal(f->b.ops->reports(&f->b, &all, NULL), 0);
	assert_int_equal(cJSON_GetArraySize(all), 1);
	assert_true(cJSON_Compare(cJSON_GetObjectItem(all, "host1"), report, 1));
	assert_int_equal(f->a.ops->put(&f->a, report, 0, &revision, NULL), 0);
	assert_true(readable(&f->b));
	cJSON_Delete(all);
	cJSON_Delete(report);
}

static void test_damaged(void **state)
{
	struct fixture *f = *state;
	struct sv_err err = { 0 };
	uint64_t revision;
	cJSON *doc = NULL;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/deep/er/document.json", f->dir);
	file = fopen(path, "w");
	fputs("{\"revision\": 4, \"doc\": ", file);
	fclose(file);
	assert_int_equal(f->a.ops->get(&f->a, &doc, &revision, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "document.json"));
	assert_null(doc);
}

/* Four processes count to 50 each, by compare-and-swap: no increment may be lost. */
static void count_up(const char *dir)
{
	struct sv_store store;
	char url[96];

	snprintf(url, sizeof(url), "%s/deep/er", dir);
	if (sv_store_open(&store, url, NULL))
		_exit(1);
	for (int done = 0; done < 50;) {
		uint64_t revision;
		cJSON *doc, *n;

		if (store.ops->get(&store, &doc, &revision, NULL))
			_exit(2);
		n = cJSON_GetObjectItem(doc, "n");
		if (n)
			cJSON_SetNumberValue(n, n->valuedouble + 1);
		else
			cJSON_AddNumberToObject(doc, "n", 1);
		if (!store.ops->put(&store, doc, revision, &revision, NULL))
			done++;
		cJSON_Delete(doc);
	}
	sv_store_close(&store);
	_exit(0);
}

static void test_race(void **state)
{
	struct fixture *f = *state;
	uint64_t revision;
	cJSON *doc;
	int status;

	for (int i = 0; i < 4; i++)
		if (!fork())
			count_up(f->dir);
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(f->a.ops->get(&f->a, &doc, &revision, NULL), 0);
	assert_int_equal(revision, 200);
	assert_int_equal(cJSON_GetObjectItem(doc, "n")->valueint, 200);
	cJSON_Delete(doc);
}

static void test_unknown_scheme(void **state)
{
	struct sv_store store;
	struct sv_err err = { 0 };

	(void)state;
	assert_int_equal(sv_store_open(&store, "paper:/tmp/x", &err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "paper:/tmp/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_writer_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reports_and_watch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_race, setup, teardown),
		cmocka_unit_test(test_unknown_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
