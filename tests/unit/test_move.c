/* SPDX-License-Identifier: GPL-2.0-only */
/* A VNode that moves to another host: the document, the plan, the words, the driver without Xen. */
#include "net_example.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/move.h"
#include "agent/vnode/xen.h"

/* ---- the document ---- */

static int move(cJSON *doc, const char *vnet, const char *name, const char *to)
{
	struct sv_err err = { 0 };

	return sv_doc_vnode_move(doc, vnet, name, to, NULL, &err);
}

static const char *host_of(const cJSON *doc, const char *vnet, const char *name)
{
	struct sv_net *net = load_doc(doc);
	static char host[32];

	host[0] = 0;
	for (size_t v = 0; v < net->n_vnet; v++)
		for (size_t n = 0; n < net->vnet[v].n_vnode; n++)
			if (!strcmp(net->vnet[v].name, vnet) &&
			    !strcmp(net->vnet[v].vnode[n].spec.name, name))
				strcpy(host, net->host[net->vnet[v].vnode[n].host].name);
	sv_net_free(net);
	return host;
}

static void production_moves_and_its_shadow_stays(void **state)
{
	cJSON *doc = example_doc("{}");

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	assert_int_equal(move(doc, "A", "r2", "host3"), 0);
	assert_string_equal(host_of(doc, "A", "r2"), "host3");
	assert_string_equal(host_of(doc, "B", "r2"), "host2");
	/* What follows its original in nothing else still follows it. */
	assert_string_equal(host_of(doc, "B", "r1"), "host1");
	assert_int_equal(move(doc, "A", "r2", "host1"), 0);
	assert_string_equal(host_of(doc, "B", "r2"), "host2");
	cJSON_Delete(doc);
}

static void a_shadow_moves_alone(void **state)
{
	cJSON *doc = example_doc("{}");

	(void)state;
	add_shadow(doc, "B", "A", "{'vnodes':{'r2':{'cpu_weight':50}}}");
	assert_int_equal(move(doc, "B", "r2", "host3"), 0);
	assert_string_equal(host_of(doc, "B", "r2"), "host3");
	assert_string_equal(host_of(doc, "A", "r2"), "host2");
	cJSON_Delete(doc);
}

static void what_cannot_move(void **state)
{
	cJSON *doc = example_doc("{}"), *before = cJSON_Duplicate(doc, 1);

	(void)state;
	assert_int_equal(move(doc, "A", "r9", "host3"), -ENOENT);
	assert_int_equal(move(doc, "Z", "r2", "host3"), -ENOENT);
	assert_int_equal(move(doc, "A", "r2", "host9"), -EINVAL);
	assert_true(cJSON_Compare(doc, before, 1));
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

/* ---- the plan ---- */

/* One VNode, a domain that has been given away and not been taken. */
static struct sv_host_vnode moving = {
	.spec = { .vnet = "A",
		  .name = "r1",
		  .driver = "xen",
		  .xen = (char *)"{}",
		  .json = (char *)"{}" },
	.state = SV_VNODE_MOVING,
};

static void plan_for(struct sv_plan *plan, bool wanted, const char *json)
{
	struct sv_names names = { 0 };
	struct sv_host_vnode want = moving;
	struct sv_host_state desired = { .names = &names, .n_vnode = wanted, .vnode = &want };
	struct sv_host_state actual = { .names = &names, .n_vnode = 1, .vnode = &moving };
	struct sv_err err = { 0 };

	want.state = SV_VNODE_RUNNING;
	want.spec.json = (char *)json;
	must(sv_plan_make(plan, &desired, &actual, &err), &err);
}

static void what_stands_between_hosts_is_planned_for(void **state)
{
	struct sv_plan plan = { 0 };

	(void)state;
	plan_for(&plan, true, "{}");
	assert_int_equal(plan.n, 1);
	assert_int_equal(plan.op[0].kind, SV_OP_VNODE_START);
	sv_plan_fini(&plan);
	/* It is changed when it runs again. */
	plan_for(&plan, true, "{\"x\":1}");
	assert_int_equal(plan.n, 1);
	assert_int_equal(plan.op[0].kind, SV_OP_VNODE_START);
	sv_plan_fini(&plan);
	plan_for(&plan, false, "{}");
	assert_int_equal(plan.n, 1);
	assert_int_equal(plan.op[0].kind, SV_OP_VNODE_DESTROY);
	sv_plan_fini(&plan);
}

/* ---- words ---- */

static void words_end_where_they_end(void **state)
{
	cJSON *word = cJSON_CreateObject(), *got;
	char rest[8] = "";
	int ends[2];

	(void)state;
	cJSON_AddTrueToObject(word, "ready");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(sv_move_write(ends[0], word), 0);
	assert_int_equal(write(ends[0], "LibxlFmt", 8), 8);
	assert_int_equal(sv_move_read(ends[1], 100, &got), 0);
	assert_true(cJSON_IsTrue(sv_json_get(got, "ready")));
	cJSON_Delete(got);
	assert_int_equal(read(ends[1], rest, 8), 8);
	assert_memory_equal(rest, "LibxlFmt", 8);
	assert_int_equal(sv_move_read(ends[1], 10, &got), -ETIMEDOUT);
	assert_int_equal(write(ends[0], "no word\n", 8), 8);
	assert_int_equal(sv_move_read(ends[1], 10, &got), -EPROTO);
	close(ends[0]);
	assert_int_equal(sv_move_read(ends[1], 10, &got), -EPIPE);
	close(ends[1]);
}

/* ---- the driver ---- */

#define XEN                                                                                        \
	"\"type\":\"pv\",\"kernel\":\"/dev/null\",\"memory\":64,\"vcpus\":1,"                      \
	"\"pause_limit_ms\":3000"

/* One domain, its state in a file; `extra`: what it does otherwise. */
#define HELPER                                                                                     \
	"#!/bin/sh\ncd %s\nread -r line\n"                                                         \
	"op=$(echo \"$line\" | sed 's/.*\"op\":\"\\([a-z]*\\)\".*/\\1/')\n"                        \
	"uuid=$(echo \"$line\" | sed 's/.*\"uuids*\":\\[*\"\\([-0-9a-f]*\\)\".*/\\1/')\n"          \
	"echo $op >>ops\n"                                                                         \
	"case $op in\n"                                                                            \
	"%s\n"                                                                                     \
	"list) st=$(cat dom.$uuid 2>/dev/null) && echo '{\"domains\":[{\"uuid\":\"'$uuid'\","      \
	"\"state\":\"'$st'\",\"domid\":3}]}' || echo '{\"domains\":[]}' ;;\n"                      \
	"create|receive) echo paused >dom.$uuid; echo '{\"domid\":3}' ;;\n"                        \
	"unpause|recover) echo running >dom.$uuid; echo '{}' ;;\n"                                 \
	"send) echo moving >dom.$uuid; echo '{\"pause_ms\":7}' ;;\n"                               \
	"destroy) rm -f dom.$uuid; echo '{}' ;;\n"                                                 \
	"*) echo '{}' ;;\n"                                                                        \
	"esac\n"

struct fixture {
	char dir[64], helper[96];
	struct sv_vnode_driver drv;
	struct sv_err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/svmv-unit-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->helper, sizeof(f->helper), "%s/helper", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[96];

	if (f->drv.ops)
		f->drv.ops->close(&f->drv);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	if (system(command))
		return -1;
	free(f);
	return 0;
}

static void write_helper(struct fixture *f, const char *extra)
{
	FILE *file = fopen(f->helper, "w");

	assert_non_null(file);
	fprintf(file, HELPER, f->dir, extra);
	fclose(file);
	assert_int_equal(chmod(f->helper, 0755), 0);
}

static void open_driver(struct fixture *f, const char *extra)
{
	write_helper(f, extra);
	setenv("SVNET_XL", f->helper, 1);
	f->drv = (struct sv_vnode_driver){ .ops = sv_vnode_driver_find("xen"), .host = "h1" };
	strcpy(f->drv.run_dir, f->dir);
	strcpy(f->drv.log_dir, f->dir);
	assert_int_equal(f->drv.ops->open(&f->drv, &f->err), 0);
	unsetenv("SVNET_XL");
}

static struct sv_vnode_spec make_spec(const char *xen)
{
	return (struct sv_vnode_spec){ .vnet = "A",
				       .name = "r1",
				       .driver = "xen",
				       .cpu_weight = 100,
				       .xen = (char *)xen,
				       .json = (char *)"{\"x\":1}" };
}

static void make_running(struct fixture *f, const char *xen)
{
	struct sv_vnode_spec spec = make_spec(xen);

	must(f->drv.ops->define(&f->drv, &spec, &f->err), &f->err);
	must(f->drv.ops->start(&f->drv, "A", "r1", &f->err), &f->err);
}

static enum sv_vnode_state state_of(struct fixture *f)
{
	struct sv_vnode_status status = { 0 };

	assert_int_equal(f->drv.ops->status(&f->drv, "A", "r1", &status, &f->err), 0);
	free(status.spec_json);
	return status.state;
}

static int send_away(struct fixture *f, uint32_t *pause_ms)
{
	return f->drv.ops->send(&f->drv, "A", "r1", 1, pause_ms, &f->err);
}

static void what_was_sent_stands_still(void **state)
{
	struct sv_vnode_spec spec = make_spec("{" XEN "}");
	struct fixture *f = *state;
	uint32_t pause_ms;

	open_driver(f, "");
	make_running(f, "{" XEN "}");
	assert_int_equal(send_away(f, &pause_ms), 0);
	assert_int_equal(pause_ms, 7);
	assert_int_equal(state_of(f), SV_VNODE_MOVING);
	/* It is not taken for one that has ended, nor changed, nor sent twice. */
	assert_int_equal(f->drv.ops->update(&f->drv, &spec, &f->err), -EBUSY);
	assert_int_equal(send_away(f, &pause_ms), -EBUSY);
	assert_int_equal(state_of(f), SV_VNODE_MOVING);
	assert_int_equal(f->drv.ops->stay(&f->drv, "A", "r1", &f->err), 0);
	assert_int_equal(state_of(f), SV_VNODE_RUNNING);
	assert_int_equal(f->drv.ops->destroy(&f->drv, "A", "r1", &f->err), 0);
}

/* A sender that dies may have given it away; one that says why it failed has not. */
static void a_sender_that_dies_leaves_a_doubt(void **state)
{
	struct fixture *f = *state;
	uint32_t pause_ms;

	open_driver(f, "");
	make_running(f, "{" XEN "}");
	write_helper(f, "send) kill -9 $$ ;;");
	assert_int_equal(send_away(f, &pause_ms), -EINPROGRESS);
	write_helper(f, "send) echo '{\"error\":\"no\",\"errno\":16}' ;;");
	assert_int_equal(send_away(f, &pause_ms), -EBUSY);
	assert_int_equal(state_of(f), SV_VNODE_RUNNING);
}

static void disks_move_only_when_they_are_shared(void **state)
{
	static const struct {
		const char *xen, *say;
	} cases[] = {
		{ "{" XEN ",\"disks\":[{\"path\":\"/dev/null\",\"device\":\"xvda\"}]}",
		  "shared_disks" },
		{ "{" XEN ",\"pci\":[\"0000:03:00.0\"],\"shared_disks\":true}", "PCI" },
		{ "{" XEN ",\"disks\":[{\"path\":\"/dev/null\",\"device\":\"xvda\"}],"
		  "\"shared_disks\":true}",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_vnode_spec spec = make_spec(cases[i].xen);
		struct sv_xen_record record = { 0 };
		struct sv_err err = { 0 };
		int rc = sv_xen_check_movable(&spec, &record, &err);

		assert_int_equal(rc, cases[i].say ? -EINVAL : 0);
		if (cases[i].say)
			assert_non_null(strstr(err.text, cases[i].say));
	}
}

static void what_comes_is_whole_or_nothing(void **state)
{
	struct sv_vnode_spec spec = make_spec("{" XEN "}");
	struct fixture *f = *state;

	open_driver(f, "receive) echo '{\"error\":\"cut\",\"errno\":32}' ;;");
	assert_int_equal(f->drv.ops->expect(&f->drv, &spec, &f->err), 0);
	/* Until it is whole nothing of it would be started: it would be made anew. */
	assert_int_equal(state_of(f), SV_VNODE_FAILED);
	assert_int_equal(f->drv.ops->receive(&f->drv, &spec, 0, &f->err), -EPIPE);
	assert_int_equal(state_of(f), SV_VNODE_ABSENT);
	write_helper(f, "");
	assert_int_equal(f->drv.ops->expect(&f->drv, &spec, &f->err), 0);
	assert_int_equal(f->drv.ops->receive(&f->drv, &spec, 0, &f->err), 0);
	assert_int_equal(state_of(f), SV_VNODE_DEFINED);
	/* One that is here already is not overwritten. */
	assert_int_equal(f->drv.ops->expect(&f->drv, &spec, &f->err), -EEXIST);
	assert_int_equal(state_of(f), SV_VNODE_DEFINED);
	assert_int_equal(f->drv.ops->destroy(&f->drv, "A", "r1", &f->err), 0);
}

static void no_room_leaves_nothing(void **state)
{
	struct sv_vnode_spec spec = make_spec("{" XEN "}");
	struct fixture *f = *state;

	open_driver(f, "room) echo '{\"error\":\"no memory\",\"errno\":12}' ;;");
	assert_int_equal(f->drv.ops->expect(&f->drv, &spec, &f->err), -ENOMEM);
	assert_int_equal(state_of(f), SV_VNODE_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(production_moves_and_its_shadow_stays),
		cmocka_unit_test(a_shadow_moves_alone),
		cmocka_unit_test(what_cannot_move),
		cmocka_unit_test(what_stands_between_hosts_is_planned_for),
		cmocka_unit_test(words_end_where_they_end),
		cmocka_unit_test(disks_move_only_when_they_are_shared),
		cmocka_unit_test_setup_teardown(what_was_sent_stands_still, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sender_that_dies_leaves_a_doubt, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_is_whole_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(no_room_leaves_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
