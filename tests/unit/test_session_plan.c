// SPDX-License-Identifier: GPL-2.0-only
#include "agent/trouble.h"
#include "session_example.h"

/* In which steps a host's sessions change, and what is left out when one fails. */

/* ---- the steps of a change ---- */

/* A host on which everything was made. */
static void made(struct compiled *c, const cJSON *doc, const char *host)
{
	struct sv_host_state none = { 0 };
	struct sv_err err = { 0 };

	compile(c, doc, host);
	c->state.names = none.names = &c->names;
	for (size_t p = 0; p < c->state.n_port; p++)
		c->state.port[p].made = true;
	must(sv_host_resolve(&c->state, &none, &err), &err);
	for (size_t i = 0; i < c->state.n_vnode; i++)
		c->state.vnode[i].state = SV_VNODE_RUNNING;
	for (size_t i = 0; i < c->state.n_export; i++)
		c->state.export[i].val.mtu = 1600;
}

/* "session-set attach-set": the operations that lead from one document to the other. */
static void steps_are(const cJSON *from, const cJSON *to, const char *host, const char *want)
{
	struct sv_host_state next = { 0 };
	struct sv_plan plan = { 0 };
	struct sv_err err = { 0 };
	struct compiled have;
	char text[512] = "";

	made(&have, from, host);
	compile_doc(&next, &have.names, to, host);
	next.names = &have.names;
	must(sv_host_resolve(&next, &have.state, &err), &err);
	must(sv_plan_make(&plan, &next, &have.state, &err), &err);
	for (size_t i = 0; i < plan.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			 sv_op_name(plan.op[i].kind));
	assert_string_equal(text, want);
	sv_plan_fini(&plan);
	sv_host_state_fini(&next);
	release(&have);
}

static void rings_come_and_go(void **state)
{
	cJSON *without = example_doc("{}"), *with = example_doc("{}");

	(void)state;
	must_start(with, "s", "exit", "ring", "{}");
	steps_are(without, with, "host3", "session-set attach-set");
	steps_are(with, without, "host3", "attach-set session-del");
	steps_are(with, with, "host3", "");
	steps_are(without, with, "host1", "");
	cJSON_Delete(without);
	cJSON_Delete(with);
}

static void changes_are_small(void **state)
{
	static const struct {
		const char *options, *steps;
	} cases[] = {
		{ "{'filter':'tcp'}", "attach-set" },
		{ "{'filter':''}", "attach-set" },
		{ "{'budget':'5mbit'}", "session-set" },
		{ "{'sample':'packets/2'}", "session-set" },
		{ "{'snap':256}", "session-set attach-set" },
		{ "{'priority':1}", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *from = example_doc("{}"), *to;

		must_start(from, "s", "exit", "Moni", "{'filter':'udp','snap':128}");
		to = cJSON_Duplicate(from, true);
		must_update(to, "s", cases[i].options);
		steps_are(from, to, "host3", cases[i].steps);
		cJSON_Delete(from);
		cJSON_Delete(to);
	}
}

/* Counters and neighbours of production go by the attachment's id. */
static void ids_survive_another_snap(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state next = { 0 };
	struct sv_err err = { 0 };
	struct compiled have;

	(void)state;
	must_start(doc, "s", "exit", "Moni", "{'snap':128}");
	made(&have, doc, "host3");
	must_update(doc, "s", "{'snap':256}");
	compile_doc(&next, &have.names, doc, "host3");
	must(sv_host_resolve(&next, &have.state, &err), &err);
	for (size_t i = 0; i < next.n_attach; i++)
		assert_int_equal(next.attach[i].spec.val.id, have.state.attach[i].spec.val.id);
	sv_host_state_fini(&next);
	release(&have);
	cJSON_Delete(doc);
}

static void exports_come_and_go(void **state)
{
	cJSON *without = example_doc("{}"), *with = example_doc("{}"), *other, *longer;
	cJSON *collector;

	(void)state;
	must_start(with, "s", "exit", "vxlan:192.0.2.9", "{'snap':128}");
	steps_are(without, with, "host3",
		  "export-make port-attach port-attach session-set attach-set port-up port-up");
	steps_are(with, without, "host3",
		  "port-down port-down attach-set session-del port-detach port-detach export-drop");
	steps_are(with, with, "host3", "");
	other = cJSON_Duplicate(with, true);
	collector = sv_json_get(sv_json_get(sv_json_get(other, "sessions"), "s"), "collector");
	sv_json_set(collector, "id", cJSON_CreateNumber(5));
	steps_are(with, other, "host3", "export-make");
	/* The way was good for 1600 bytes; it is looked at again when copies get longer
	 * than that. */
	longer = example_doc("{'hosts':{'host3':{'ports':{'t32':{'mtu':1600}}},"
			     "'host2':{'ports':{'t23':{'mtu':1600}}}},"
			     "'vnets':{'A':{'links':{'l23':{'mtu':1600}}}}}");
	must_start(longer, "s", "exit", "vxlan:192.0.2.9", "{'snap':128}");
	other = (cJSON_Delete(other), cJSON_Duplicate(longer, true));
	must_update(other, "s", "{'snap':0}");
	steps_are(longer, other, "host3", "export-make session-set attach-set");
	cJSON_Delete(longer);
	cJSON_Delete(other);
	cJSON_Delete(without);
	cJSON_Delete(with);
}

static void export_in_trouble_is_left_out(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state none = { 0 };
	struct sv_err err = { 0 };
	struct sv_plan plan = { 0 };
	struct compiled c;

	(void)state;
	must_start(doc, "bad", "exit", "vxlan:192.0.2.9", "{}");
	must_start(doc, "good", "exit", "ring", "{}");
	compile(&c, doc, "host3");
	c.state.names = none.names = &c.names;
	for (size_t p = 0; p < c.state.n_port; p++)
		c.state.port[p].made = true;
	c.state.export[0].left_out = true;
	must(sv_host_resolve(&c.state, &none, &err), &err);
	assert_true(session_named(&c, "bad")->missing);
	assert_false(session_named(&c, "good")->missing);
	must(sv_plan_make(&plan, &c.state, &none, &err), &err);
	for (size_t i = 0; i < plan.n; i++) {
		assert_int_not_equal(plan.op[i].kind, SV_OP_EXPORT_MAKE);
		if (plan.op[i].kind == SV_OP_SESSION_SET)
			assert_string_equal(plan.op[i].text, "session-set good to rings 0");
		if (plan.op[i].kind == SV_OP_PORT_ATTACH)
			assert_null(strstr(plan.op[i].text, "svx"));
	}
	sv_plan_fini(&plan);
	release(&c);
	cJSON_Delete(doc);
}

static const struct sv_op *first_of(const struct sv_plan *plan, enum sv_op_kind kind)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->op[i].kind == kind)
			return &plan->op[i];
	fail_msg("no %s", sv_op_name(kind));
	return NULL;
}

/* What an operation fails for is left out: a filter first, then all sessions; never production. */
static void sessions_in_trouble_are_left_out(void **state)
{
	cJSON *doc = example_doc("{}"), *plain = cJSON_Duplicate(doc, true);
	struct sv_host_state next = { 0 }, last = { 0 };
	struct sv_trouble trouble = { 0 };
	struct sv_net *net = NULL;
	struct sv_err err = { 0 };
	struct sv_plan plan = { 0 };
	struct compiled have;

	(void)state;
	must_start(doc, "bad", "exit", "ring", "{'filter':'udp'}");
	must_start(doc, "plain", "exit", "ring", "{}");
	made(&have, plain, "host3");
	compile_doc(&next, &have.names, doc, "host3");
	next.names = &have.names;
	must(sv_host_resolve(&next, &have.state, &err), &err);
	must(sv_plan_make(&plan, &next, &have.state, &err), &err);
	sv_trouble_blame(&trouble, &next, first_of(&plan, SV_OP_ATTACH_SET));
	assert_true(trouble.more && trouble.session[1] && !trouble.session[2]);
	net = load_doc(doc);
	sv_trouble_leave_out_sessions(&trouble, net);
	must(sv_host_compile(&last, &have.names, net, "host3", &err), &err);
	assert_int_equal(last.n_session, 1);
	assert_int_equal(last.n_attach, have.state.n_attach);
	for (size_t i = 0; i < last.n_attach; i++)
		assert_true(!last.attach[i].spec.val.digest);
	trouble.more = false;
	sv_plan_fini(&plan);
	must(sv_host_resolve(&last, &have.state, &err), &err);
	last.names = &have.names;
	must(sv_plan_make(&plan, &last, &have.state, &err), &err);
	sv_trouble_blame(&trouble, &last, first_of(&plan, SV_OP_ATTACH_SET));
	assert_true(trouble.more && trouble.session[2]);
	trouble.more = false;
	sv_trouble_blame(&trouble, &last, first_of(&plan, SV_OP_SESSION_SET));
	assert_false(trouble.more); /* known already: no use to try again */
	sv_net_free(net);
	sv_plan_fini(&plan);
	sv_host_state_fini(&next);
	sv_host_state_fini(&last);
	release(&have);
	cJSON_Delete(doc);
	cJSON_Delete(plain);
}

/* A target that went for a while takes no counters along. */
static void session_outlives_its_device(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state next = { 0 };
	struct sv_err err = { 0 };
	struct sv_plan plan = { 0 };
	struct compiled have;

	(void)state;
	must_start(doc, "s", "exit", "Moni", "{}");
	made(&have, doc, "host3");
	compile_doc(&next, &have.names, doc, "host3");
	next.names = &have.names;
	for (size_t i = 0; i < next.n_vnode; i++)
		next.vnode[i].left_out = !strcmp(next.vnode[i].spec.vnet, "Moni");
	for (size_t p = 0; p < have.state.n_port; p++)
		if (have.state.port[p].name == session_named(&have, "s")->val.ifindex)
			have.state.port[p].exists = false;
	must(sv_host_resolve(&next, &have.state, &err), &err);
	assert_true(next.session[0].missing);
	must(sv_plan_make(&plan, &next, &have.state, &err), &err);
	for (size_t i = 0; i < plan.n; i++) {
		assert_int_not_equal(plan.op[i].kind, SV_OP_SESSION_SET);
		assert_int_not_equal(plan.op[i].kind, SV_OP_SESSION_DEL);
	}
	sv_plan_fini(&plan);
	sv_host_state_fini(&next);
	release(&have);
	cJSON_Delete(doc);
}

static void taps_are_kept(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state next = { 0 };
	struct sv_err err = { 0 };
	struct compiled have;

	(void)state;
	must_start(doc, "a", "exit", "ring", "{}");
	must_start(doc, "b", "exit", "ring", "{}");
	made(&have, doc, "host3");
	assert_int_equal(session_named(&have, "a")->val.tap, 0);
	assert_int_equal(session_named(&have, "b")->val.tap, 1);
	must(sv_doc_session_stop(doc, "a", &err), &err);
	must_start(doc, "c", "exit", "ring", "{}");
	compile_doc(&next, &have.names, doc, "host3");
	must(sv_host_resolve(&next, &have.state, &err), &err);
	assert_string_equal(next.session[0].name, "b");
	assert_int_equal(next.session[0].val.tap, 1);
	/* a's rings may still be written to until its attachments have changed. */
	assert_int_equal(next.session[1].val.tap, 2);
	sv_host_state_fini(&next);
	release(&have);
	cJSON_Delete(doc);
}

/* Rings that are about to go are still taken; nothing else waits for that. */
static void no_rings_are_free(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_session old[SV_TAP_MAX] = { 0 };
	struct sv_host_state full = { .n_session = SV_TAP_MAX, .session = old };
	struct sv_host_port ports[16] = { 0 };
	struct sv_err err = { 0 };
	struct sv_plan plan = { 0 };
	struct compiled c;

	(void)state;
	for (int i = 0; i < SV_TAP_MAX; i++) {
		old[i].number = 100 + i;
		old[i].val.kind = SV_SESSION_RING;
		old[i].val.tap = i;
	}
	must_start(doc, "s", "exit", "ring", "{}");
	compile(&c, doc, "host3");
	c.state.names = full.names = &c.names;
	full.port = ports;
	for (size_t p = 0; p < c.state.n_port && p < 16; p++)
		ports[full.n_port++] = c.state.port[p];
	must(sv_host_resolve(&c.state, &full, &err), &err);
	assert_true(c.state.session[0].missing);
	must(sv_plan_make(&plan, &c.state, &full, &err), &err);
	first_of(&plan, SV_OP_ATTACH_SET);
	first_of(&plan, SV_OP_SESSION_DEL);
	for (size_t i = 0; i < plan.n; i++)
		assert_int_not_equal(plan.op[i].kind, SV_OP_SESSION_SET);
	sv_plan_fini(&plan);
	full.n_session = 5;
	must(sv_host_resolve(&c.state, &full, &err), &err);
	assert_false(c.state.session[0].missing);
	assert_int_equal(c.state.session[0].val.tap, 5);
	release(&c);
	cJSON_Delete(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_come_and_go),
		cmocka_unit_test(changes_are_small),
		cmocka_unit_test(ids_survive_another_snap),
		cmocka_unit_test(exports_come_and_go),
		cmocka_unit_test(export_in_trouble_is_left_out),
		cmocka_unit_test(sessions_in_trouble_are_left_out),
		cmocka_unit_test(session_outlives_its_device),
		cmocka_unit_test(taps_are_kept),
		cmocka_unit_test(no_rings_are_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
