// SPDX-License-Identifier: GPL-2.0-only
#include "net_example.h"

/* ---- the network file: every bad value has its path ---- */

struct bad_case {
	const char *patch;
	const char *line[4]; /* all problems, in order */
};

static const struct bad_case bad_cases[] = {
	{ "{'hosts':{'host1':{'copies':{'when_busy':101}}}}",
	  { "hosts.host1.copies.when_busy: 101 is not 0 … 100" } },
	{ "{'hosts':{'host1':{'copies':{'never':1}}}}",
	  { "hosts.host1.copies.never: is not a known member" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth0':{'mtu':70000}}}}}}}",
	  { "vnets.A.vnodes.r1.interfaces.eth0.mtu: 70000 is not 68 … 9000" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth0':{'mtu':1500.5}}}}}}}",
	  { "vnets.A.vnodes.r1.interfaces.eth0.mtu: 1500.5 is not 68 … 9000" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth0':{'mtu':'big'}}}}}}}",
	  { "vnets.A.vnodes.r1.interfaces.eth0.mtu: must be a number, 68 … 9000" } },
	{ "{'version':2}", { "version: must be 1" } },
	{ "{'colour':'red','vnets':{'A':{'speed':1}}}",
	  { "colour: is not a known member", "vnets.A.speed: is not a known member" } },
	{ "{'hosts':{'host1':{'ports':{'e1':{'role':'hub'}}}}}",
	  { "hosts.host1.ports.e1.role: must be \"trunk\", \"edge\" or \"mirror\"",
	    "vnets.A.edges.entry.port: host1 has no edge e1" } },
	{ "{'hosts':{'host1':{'ports':{'svy12':{'role':'trunk'}}}}}",
	  { "hosts.host1.ports.svy12: sv, svx or svy and a number is how our own devices are "
	    "named" } },
	{ "{'hosts':{'host1':{'ports':{'sv3':{'role':'edge'}}}}}",
	  { "hosts.host1.ports.sv3: sv, svx or svy and a number is how our own devices are "
	    "named" } },
	{ "{'hosts':{'host 4':{}}}",
	  { "hosts.host 4: is not a name of 1 … 31 letters, digits, '_', '.', '-' that starts with "
	    "a "
	    "letter or digit" } },
	{ "{'links':[['host1:t12','host2:t21'],['host2:t21','host3:t32'],['host1:e1','x']]}",
	  { "links[1]: host2:t21 is in another link already", "links[2]: host1 has no trunk e1",
	    "links[2]: must be \"HOST:PORT\"" } },
	{ "{'links':[['host1:t12','host2:t21']]}",
	  { "vnets.A.links.l23: no trunks lead from host2 to host3" } },
	{ "{'vlans':{'from':200}}", { "vlans: from 200 is above to 199" } },
	{ "{'vlans':null}",
	  { "vlans: is missing: A.l12 crosses trunks",
	    "vlans: is missing: A.l23 crosses trunks" } },
	{ "{'vlans':{'from':0,'to':4095}}",
	  { "vlans.from: 0 is not 1 … 4094", "vlans.to: 4095 is not 1 … 4094" } },
	{ "{'vnets':{'A':{'datapath':'ebpf'}}}",
	  { "vnets.A.datapath: must be \"auto\", \"xdp\" or \"tc\"" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'host':'host9'},'r2':{'host':null}}}}}",
	  { "vnets.A.vnodes.r1.host: there is no host host9",
	    "vnets.A.vnodes.r2.host: is missing" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'driver':'vmware'}}}}}",
	  { "vnets.A.vnodes.r1.driver: \"vmware\" is not a driver: \"netns\", \"xen\" or "
	    "\"external\"" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth0':{'device':'tap0'}}}}}}}",
	  { "vnets.A.vnodes.r1.interfaces.eth0.device: is only for the driver \"external\"" } },
	{ "{'vnets':{'A':{'vnodes':{'r2':{'driver':'external'}}}}}",
	  { "vnets.A.vnodes.r2.interfaces.eth0.device: is missing: the device to adopt",
	    "vnets.A.vnodes.r2.interfaces.eth1.device: is missing: the device to adopt" } },
	{ "{'vnets':{'A':{'vnodes':{'r2':{'driver':'external','interfaces':{'eth0':{'device':'t21'}"
	  ","
	  "'eth1':{'device':'tap0'}}}}}}}",
	  { "vnets.A.vnodes.r2.interfaces.eth0.device: t21 is taken by hosts already" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth0':{'addresses':['10.0.0.1','10.0.0/8',"
	  "'10.0.0.1/33']}}}}}}}",
	  { "vnets.A.vnodes.r1.interfaces.eth0.addresses[0]: \"10.0.0.1\" must be an address with "
	    "its "
	    "prefix length, \"10.0.0.1/24\"",
	    "vnets.A.vnodes.r1.interfaces.eth0.addresses[1]: \"10.0.0/8\" is not an IPv4 or IPv6 "
	    "address",
	    "vnets.A.vnodes.r1.interfaces.eth0.addresses[2]: \"10.0.0.1/33\" has a bad prefix "
	    "length" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth0':{'mac':'01:00:00:00:00:01'}}}}}}}",
	  { "vnets.A.vnodes.r1.interfaces.eth0.mac: \"01:00:00:00:00:01\" is not a unicast MAC "
	    "address" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth1':{'rate':'fast'}}}}}}}",
	  { "vnets.A.vnodes.r1.interfaces.eth1.rate: \"fast\" is not a rate, \"20mbit\" or "
	    "\"500kbit\"" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'sysctls':['forward'],'routes':'all','cpu_weight':0}}}}}",
	  { "vnets.A.vnodes.r1.routes: must be an array of strings",
	    "vnets.A.vnodes.r1.sysctls[0]: \"forward\" must be \"NAME=VALUE\"",
	    "vnets.A.vnodes.r1.cpu_weight: 0 is not 1 … 10000" } },
	{ "{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'a-name-of-16-ch':{},'a-name-of-16-chr':{}}"
	  "}}}"
	  "}}",
	  { "vnets.A.vnodes.r1.interfaces.a-name-of-16-chr: is not a name of 1 … 15 letters, "
	    "digits, "
	    "'_', '.', '-' that starts with a letter or digit" } },
	{ "{'vnets':{'A':{'links':{'l12':{'ends':['r1:eth1','r2:eth1']}}}}}",
	  { "vnets.A.links.l23.ends[0]: r2:eth1 is an end of l12 already" } },
	{ "{'vnets':{'A':{'links':{'l12':{'ends':['r1:eth1']}}}}}",
	  { "vnets.A.links.l12.ends: must be an array of 2 or more \"VNODE:INTERFACE\"" } },
	{ "{'vnets':{'A':{'links':{'l12':{'ends':['r9:eth1','r2:eth9']}}}}}",
	  { "vnets.A.links.l12.ends[0]: A has no VNode r9",
	    "vnets.A.links.l12.ends[1]: r2 has no interface eth9" } },
	{ "{'vnets':{'A':{'links':{'l12':{'mtu':9000}}}}}",
	  { "vnets.A.links.l12.mtu: 9000 does not fit the trunk host1:t12 with 1500",
	    "vnets.A.links.l12.mtu: 9000 does not fit the trunk host2:t21 with 1500" } },
	{ "{'vnets':{'A':{'edges':{'l12':{'port':'host1:e1','vlan':5,'ends':['r1:eth0']}}}}}",
	  { "vnets.A.edges.l12: is the name of a link of A already" } },
	{ "{'vnets':{'A':{'links':{'all':{'ends':['r1:eth1','r2:eth0']}}}}}",
	  { "vnets.A.links.all: \"all\" means every point and names none" } },
	{ "{'vnets':{'A':{'edges':{'exit':{'port':'host3:t32'}}}}}",
	  { "vnets.A.edges.exit.port: host3 has no edge t32" } },
	{ "{'vnets':{'C':{'vnodes':{'x':{'host':'host3','interfaces':{'a':{}}}},'edges':{'out':{"
	  "'port':'host3:e3','vlan':30,'ends':['x:a']}}}}}",
	  { "vnets.C.edges.out.port: e3 with this VLAN belongs to A.exit already" } },
	{ "{'groups':{'web':{'production':'X'}}}",
	  { "groups.web.production: there is no VNet \"X\"" } },
	{ "{'groups':{'web':{'production':'A'},'two':{'production':'A'}}}",
	  { "groups.two.production: A is in group web already" } },
	{ "{'vnets':{'web':{'vnodes':{'x':{'host':'host3','interfaces':{'a':{}}}},'edges':{'out':{"
	  "'port':'host3:e3','vlan':31,'ends':['x:a']}}}}}",
	  { "groups.web: there is a group web already" } },
};

static void every_bad_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(*bad_cases); i++) {
		cJSON *network = patched_network(bad_cases[i].patch), *doc = cJSON_CreateObject();
		struct sv_problems problems = { 0 };
		struct sv_err err = { 0 };
		size_t n = 0;

		assert_int_equal(sv_doc_apply(doc, network, &problems, &err), -EINVAL);
		for (; n < 4 && bad_cases[i].line[n]; n++) {
			assert_true(n < problems.n);
			assert_string_equal(problems.line[n], bad_cases[i].line[n]);
		}
		assert_int_equal(problems.n, n);
		assert_int_equal(strncmp(err.text, problems.line[0], strlen(problems.line[0])), 0);
		assert_null(doc->child);
		sv_problems_fini(&problems);
		cJSON_Delete(network);
		cJSON_Delete(doc);
	}
}

static void not_an_object(void **state)
{
	static const char *const texts[] = { "[]", "7", "{}", "{\"version\":1}",
					     "{\"version\":1,\"hosts\":[]}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		cJSON *doc = cJSON_CreateObject(), *network = cJSON_Parse(texts[i]);

		assert_int_equal(sv_doc_apply(doc, network, NULL, NULL), -EINVAL);
		cJSON_Delete(network);
		cJSON_Delete(doc);
	}
}

static void given_twice(void **state)
{
	cJSON *network = cJSON_Parse("{\"version\":1,\"hosts\":{\"a\":{},\"a\":{}}}");
	struct sv_problems problems = { 0 };
	cJSON *doc = cJSON_CreateObject();

	(void)state;
	assert_int_equal(sv_doc_apply(doc, network, &problems, NULL), -EINVAL);
	assert_string_equal(problems.line[0], "hosts.a: is given twice");
	sv_problems_fini(&problems);
	cJSON_Delete(network);
	cJSON_Delete(doc);
}

/* ---- what the example means ---- */

static void example_loads(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_net *net = load_doc(doc);
	const struct sv_net_vnet *a = &net->vnet[0];
	const struct sv_vnode_iface *eth1 = &a->vnode[0].spec.iface[1];

	(void)state;
	assert_int_equal(net->n_host, 3);
	assert_int_equal(net->n_trunk, 2);
	assert_int_equal(a->n_vnode, 3);
	assert_int_equal(a->n_segment, 4);
	assert_int_equal(a->segment[0].vid, 100);
	assert_int_equal(a->segment[1].vid, 101);
	assert_int_equal(a->segment[2].vid, 0);
	assert_int_equal(a->segment[3].edge_vlan, 30);
	assert_string_equal(a->vnode[0].spec.driver, "netns");
	assert_string_equal(a->vnode[0].spec.program[1], "-f");
	assert_string_equal(a->vnode[0].spec.iface[0].addresses[1], "fd00:1::1/64");
	assert_int_equal(eth1->rate_kbit, 20000);
	assert_int_equal(eth1->mtu, 1500);
	assert_int_equal(eth1->mac[0], 0x02);
	assert_string_equal(a->vnode[0].spec.iface[0].port, "sv1");
	assert_string_equal(net->group[0].name, "web");
	assert_int_equal(a->role, 1);
	sv_net_free(net);
	cJSON_Delete(doc);
}

static void empty_document(void **state)
{
	cJSON *doc = cJSON_CreateObject();
	struct sv_net *net = load_doc(doc);

	(void)state;
	assert_int_equal(net->n_host, 0);
	sv_net_free(net);
	cJSON_Delete(doc);
}

/* A store that somebody edited: what is missing is named. */
static void missing_allocation(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_problems problems = { 0 };
	struct sv_err err = { 0 };
	struct sv_net *net = NULL;

	(void)state;
	sv_json_del(sv_json_get(sv_json_get(doc, "alloc"), "vlans"), "A/l12");
	assert_int_equal(sv_net_load(&net, doc, &problems, &err), -EINVAL);
	assert_null(net);
	assert_string_equal(problems.line[0], "alloc.vlans: A/l12 is missing");
	sv_problems_fini(&problems);
	cJSON_Delete(doc);
}

static void mtu_is_inherited(void **state)
{
	cJSON *doc = example_doc("{'vnets':{'A':{'links':{'l12':{'mtu':1400}},'vnodes':{'r1':{"
				 "'interfaces':{'eth1':{'mtu':null}}}}}}}");
	struct sv_net *net = load_doc(doc);

	(void)state;
	assert_int_equal(net->vnet[0].segment[0].mtu, 1400);
	assert_int_equal(net->vnet[0].vnode[0].spec.iface[1].mtu, 1400);
	assert_int_equal(net->vnet[0].vnode[1].spec.iface[0].mtu, 1400);
	sv_net_free(net);
	cJSON_Delete(doc);
}

/* ---- small parsers ---- */

static void rates(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint32_t kbit;
	} cases[] = {
		{ "20mbit", 0, 20000 },	    { "500kbit", 0, 500 },   { "1gbit", 0, 1000000 },
		{ "1.5mbit", 0, 1500 },	    { "20", -EINVAL, 0 },    { "mbit", -EINVAL, 0 },
		{ "-1mbit", -EINVAL, 0 },   { "0kbit", -ERANGE, 0 }, { "20Mbit", -EINVAL, 0 },
		{ "9999gbit", -ERANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t kbit = 0;

		assert_int_equal(sv_parse_rate(cases[i].text, &kbit), cases[i].rc);
		assert_int_equal(kbit, cases[i].kbit);
	}
}

static void macs(void **state)
{
	static const char *const bad[] = { "",
					   "02:00:00:00:00",
					   "02:00:00:00:00:0g",
					   "2:0:0:0:0:1",
					   "00:00:00:00:00:00",
					   "03:00:00:00:00:01",
					   "02:00:00:00:00:01:02",
					   "02-00-00-00-00-01" };
	uint8_t mac[6];

	(void)state;
	assert_int_equal(sv_parse_mac("02:aB:00:00:00:01", mac), 0);
	assert_int_equal(mac[1], 0xab);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(sv_parse_mac(bad[i], mac), -EINVAL);
}

/* The table of RFC 7396, appendix A. */
static void merge_patch(void **state)
{
	static const char *const cases[][3] = {
		{ "{'a':'b'}", "{'a':'c'}", "{'a':'c'}" },
		{ "{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}" },
		{ "{'a':'b'}", "{'a':null}", "{}" },
		{ "{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}" },
		{ "{'a':['b']}", "{'a':'c'}", "{'a':'c'}" },
		{ "{'a':'c'}", "{'a':['b']}", "{'a':['b']}" },
		{ "{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}" },
		{ "{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}" },
		{ "['a','b']", "['c','d']", "['c','d']" },
		{ "{'a':'b'}", "['c']", "['c']" },
		{ "{'a':'foo'}", "null", "null" },
		{ "{'a':'foo'}", "'bar'", "'bar'" },
		{ "{'e':null}", "{'a':1}", "{'e':null,'a':1}" },
		{ "[1,2]", "{'a':'b','c':null}", "{'a':'b'}" },
		{ "{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *target = quoted(cases[i][0]), *patch = quoted(cases[i][1]);
		cJSON *want = quoted(cases[i][2]), *got = sv_json_merge(target, patch);

		assert_true(cJSON_Compare(got, want, true));
		cJSON_Delete(target);
		cJSON_Delete(patch);
		cJSON_Delete(want);
		cJSON_Delete(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bad_value),
		cmocka_unit_test(not_an_object),
		cmocka_unit_test(given_twice),
		cmocka_unit_test(example_loads),
		cmocka_unit_test(empty_document),
		cmocka_unit_test(missing_allocation),
		cmocka_unit_test(mtu_is_inherited),
		cmocka_unit_test(rates),
		cmocka_unit_test(macs),
		cmocka_unit_test(merge_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
