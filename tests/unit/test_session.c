// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>

#include "session_example.h"

/* Sessions: what can be asked for, and what is refused, with its path. */

/* ---- what people write ---- */

static void samples(void **state)
{
	static const char *const bad[] = {
		"",	    "100",	"packets/",	 "packets/0",  "flows/-1",
		"flows/ 2", "packet/2", "flows/1000001", "packets/2x", "flowspackets/2"
	};
	uint32_t n = 0;
	bool flows;

	(void)state;
	assert_int_equal(sv_parse_sample("packets/100", &flows, &n), 0);
	assert_true(!flows && n == 100);
	assert_int_equal(sv_parse_sample("flows/1000000", &flows, &n), 0);
	assert_true(flows && n == 1000000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(sv_parse_sample(bad[i], &flows, &n), -EINVAL);
}

static void budgets(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t pps, bps;
	} cases[] = {
		{ "10000pps", 0, 10000, 0 },	   { "1pps", 0, 1, 0 },
		{ "5mbit", 0, 0, 5000000 },	   { "32kbit", 0, 0, 32000 },
		{ "1.5gbit", 0, 0, 1500000000 },   { "0pps", -ERANGE, 0, 0 },
		{ "100000001pps", -ERANGE, 0, 0 }, { "31kbit", -ERANGE, 0, 0 },
		{ "500gbit", -ERANGE, 0, 0 },	   { "5", -EINVAL, 0, 0 },
		{ "pps", -EINVAL, 0, 0 },	   { "-5mbit", -EINVAL, 0, 0 },
		{ "5mbits", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t pps = 0, bps = 0;

		assert_int_equal(sv_parse_budget(cases[i].text, &pps, &bps), cases[i].rc);
		assert_int_equal(pps, cases[i].pps);
		assert_int_equal(bps, cases[i].bps);
	}
}

static void host_addresses(void **state)
{
	static const char *const bad[] = { "",		"1.2.3",	   "0.0.0.0", "127.0.0.1",
					   "224.0.0.1", "255.255.255.255", "fd00::1", "1.2.3.4.5" };
	uint32_t address;

	(void)state;
	assert_int_equal(sv_parse_host_address("192.0.2.9", &address), 0);
	assert_int_equal(ntohl(address), 0xc0000209);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(sv_parse_host_address(bad[i], &address), -EINVAL);
}

struct target_case {
	const char *to, *json;
};

static void targets(void **state)
{
	static const struct target_case cases[] = {
		{ "Moni:all", "{'to':'Moni','interface':'all'}" },
		{ "Moni", "{'to':'Moni','interface':'s'}" },
		{ NULL, "{'to':'s','interface':'s'}" },
		{ "ring", "{'to':'ring'}" },
		{ "vxlan:192.0.2.9", "{'to':'vxlan','collector':{'address':'192.0.2.9'}}" },
		{ "vxlan:192.0.2.9:8472/77",
		  "{'to':'vxlan','collector':{'address':'192.0.2.9','port':8472,'id':77}}" },
		{ "vxlan:192.0.2.9/16777215",
		  "{'to':'vxlan','collector':{'address':'192.0.2.9','id':16777215}}" },
		{ "erspan:192.0.2.9/1023",
		  "{'to':'erspan','collector':{'address':'192.0.2.9','id':1023}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *doc = example_doc("{}"), *want = quoted(cases[i].json);

		must_start(doc, "s", "exit", cases[i].to, "{}");
		cJSON_AddStringToObject(want, "of", "A");
		cJSON_AddStringToObject(want, "direction", "both");
		cJSON_AddItemToObject(want, "at", quoted("['exit']"));
		assert_true(cJSON_Compare(session_in(doc, "s"), want, true));
		/* Only copies to an interface need a monitoring VNet. */
		assert_int_equal(!!cJSON_GetArraySize(sv_json_get(doc, "monitors")),
				 !!sv_json_get(want, "interface"));
		cJSON_Delete(want);
		cJSON_Delete(doc);
	}
}

struct refusal {
	const char *name, *to, *options, *text;
};

static const struct refusal refusals[] = {
	{ "s", "ring", "{'filter':'udp prot 5'}", "sessions.s.filter: " },
	{ "s", "ring", "{'filter':'vlan 5'}", "sessions.s.filter: " },
	{ "s", "ring", "{'filter':5}", "sessions.s.filter: must be a string" },
	{ "s", "ring", "{'sample':'packets/0'}",
	  "sessions.s.sample: \"packets/0\" is not \"packets/N\" or \"flows/N\", N being 1 … "
	  "1000000" },
	{ "s", "ring", "{'budget':'5kbps'}", "sessions.s.budget: \"5kbps\" is not copies or bits" },
	{ "s", "ring", "{'snap':79}", "sessions.s.snap: 79 is not 0 (all) or 80 … 9216" },
	{ "s", "ring", "{'snap':9217}", "sessions.s.snap: 9217 is not 0 … 9216" },
	{ "s", "ring", "{'snap':'128'}", "sessions.s.snap: must be a number" },
	{ "s", "ring", "{'priority':8}", "sessions.s.priority: 8 is not 0 … 7" },
	{ "s", "vxlan:224.0.0.1", "{}",
	  "sessions.s.collector.address: \"224.0.0.1\" is not a host's IPv4 address" },
	{ "s", "vxlan:192.0.2.9:0", "{}", "sessions.s.collector.port: 0 is not 1 … 65535" },
	{ "s", "vxlan:192.0.2.9/16777216", "{}",
	  "sessions.s.collector.id: 16777216 is not 0 … 16777215" },
	{ "s", "erspan:192.0.2.9/1024", "{}", "sessions.s.collector.id: 1024 is not 0 … 1023" },
	{ "s", "erspan:192.0.2.9:5", "{}",
	  "sessions.s.collector.address: \"192.0.2.9:5\" is not a host's IPv4 address" },
	{ "s", "vxlan", "{}", "\"vxlan\" is not vxlan:ADDRESS[:PORT][/VNI]" },
	{ "s", "vxlan:", "{}", "\"vxlan:\" is not vxlan:ADDRESS[:PORT][/VNI]" },
	{ "s", "erspan:192.0.2.9/x", "{}", "\"erspan:192.0.2.9/x\" is not erspan:ADDRESS[/ID]" },
	{ "s", "ring:all", "{}", "\"ring:all\": ring is a target and no monitor's name" },
	{ "ring", NULL, "{}",
	  "\"ring\" is a target and no monitor's name: say where to with --to" },
	{ "s", "Moni:eth-host2", "{'snap':128}",
	  "sessions.s.snap: cuts all that interface Moni:eth-host2 gets" },
	{ "s", "Moni:old", "{'snap':128}",
	  "sessions.s.snap: is 128, but old with 0 shares interface Moni:old: give both the same" },
};

static void refused_with_their_path(void **state)
{
	cJSON *doc = example_doc("{}"), *before;

	(void)state;
	must_start(doc, "old", NULL, "Moni", "{}");
	before = cJSON_Duplicate(doc, true);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		const struct refusal *r = &refusals[i];
		struct sv_err err = { 0 };

		assert_int_equal(start(doc, r->name, "exit", r->to, r->options, NULL, &err),
				 -EINVAL);
		if (strncmp(err.text, r->text, strlen(r->text)))
			fail_msg("%s, not %s", err.text, r->text);
		assert_true(cJSON_Compare(before, doc, true));
	}
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

/* Whatever is wrong in one go. */
static void all_problems_at_once(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_problems problems = { 0 };
	struct sv_err err = { 0 };

	(void)state;
	assert_int_equal(start(doc, "s", "nowhere", "vxlan:1.2.3/99999999",
			       "{'filter':'(','sample':'x','snap':3,'budget':'y','priority':9}",
			       &problems, &err),
			 -EINVAL);
	assert_int_equal(problems.n, 8);
	sv_problems_fini(&problems);
	cJSON_Delete(doc);
}

static void update_replaces_what_is_given(void **state)
{
	cJSON *doc = example_doc("{}");
	const char *const points[] = { "entry", "l12", NULL };
	struct sv_doc_session session = { .name = "s", .direction = "in", .at = points };
	struct sv_err err = { 0 };

	(void)state;
	must_start(doc, "s", "exit", "ring", "{'filter':'udp','snap':128,'priority':2}");
	must_update(doc, "s", "{'filter':'tcp','budget':'100pps'}");
	assert_string_equal(sv_json_str(session_in(doc, "s"), "filter"), "tcp");
	assert_string_equal(sv_json_str(session_in(doc, "s"), "budget"), "100pps");
	assert_int_equal(sv_json_num(session_in(doc, "s"), "snap"), 128);
	must_update(doc, "s", "{'filter':'','budget':null,'snap':0}");
	assert_null(sv_json_get(session_in(doc, "s"), "filter"));
	assert_null(sv_json_get(session_in(doc, "s"), "budget"));
	assert_int_equal(sv_json_num(session_in(doc, "s"), "snap"), 0);
	assert_int_equal(sv_json_num(session_in(doc, "s"), "priority"), 2);
	must(sv_doc_session_update(doc, &session, NULL, &err), &err);
	assert_string_equal(sv_json_str(session_in(doc, "s"), "direction"), "in");
	assert_int_equal(cJSON_GetArraySize(sv_json_get(session_in(doc, "s"), "at")), 2);
	assert_int_equal(update(doc, "s", "{'filter':'('}", &err), -EINVAL);
	assert_null(sv_json_get(session_in(doc, "s"), "filter"));
	assert_int_equal(update(doc, "t", "{}", &err), -ENOENT);
	assert_string_equal(err.text, "there is no session t");
	cJSON_Delete(doc);
}

/* A number that just meant something else must not come up in the same plan. */
static void numbers_rotate(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	must_start(doc, "s", "exit", "ring", "{}");
	must(sv_doc_session_stop(doc, "s", &err), &err);
	must_start(doc, "s", "exit", "Moni", "{}");
	assert_int_equal(sv_json_num(sv_json_get(sv_json_get(doc, "alloc"), "sessions"), "s"), 2);
	cJSON_Delete(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples),
		cmocka_unit_test(budgets),
		cmocka_unit_test(host_addresses),
		cmocka_unit_test(targets),
		cmocka_unit_test(refused_with_their_path),
		cmocka_unit_test(all_problems_at_once),
		cmocka_unit_test(update_replaces_what_is_given),
		cmocka_unit_test(numbers_rotate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
