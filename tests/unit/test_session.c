// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>

#include "agent/trouble.h"
#include "net_example.h"

/* Sessions: what can be asked for, what a host makes of it, and in which steps it changes. */

static int start(cJSON *doc, const char *name, const char *at, const char *to, const char *options,
		 struct sv_problems *problems, struct sv_err *err)
{
	cJSON *json = quoted(options);
	const char *points[] = { at, NULL };
	struct sv_doc_session session = { .name = name,
					  .of = "A",
					  .direction = "both",
					  .at = at ? points : NULL,
					  .to = to,
					  .options = json };
	int rc = sv_doc_session_start(doc, &session, problems, err);

	cJSON_Delete(json);
	return rc;
}

static void must_start(cJSON *doc, const char *name, const char *at, const char *to,
		       const char *options)
{
	struct sv_err err = { 0 };

	must(start(doc, name, at, to, options, NULL, &err), &err);
}

static int update(cJSON *doc, const char *name, const char *options, struct sv_err *err)
{
	cJSON *json = quoted(options);
	struct sv_doc_session session = { .name = name, .options = json };
	int rc = sv_doc_session_update(doc, &session, NULL, err);

	cJSON_Delete(json);
	return rc;
}

static void must_update(cJSON *doc, const char *name, const char *options)
{
	struct sv_err err = { 0 };

	must(update(doc, name, options, &err), &err);
}

static const cJSON *session_in(const cJSON *doc, const char *name)
{
	return sv_json_get(sv_json_get(doc, "sessions"), name);
}

/* ---- what people write
 * ---------------------------------------------------------------------------------- */

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

/* ---- what a host makes of it
 * -------------------------------------------------------------------------------- */

struct compiled {
	struct sv_host_state state;
	struct sv_names names;
};

static void compile(struct compiled *c, const cJSON *doc, const char *host)
{
	*c = (struct compiled){ 0 };
	compile_doc(&c->state, &c->names, doc, host);
}

static void release(struct compiled *c)
{
	sv_host_state_fini(&c->state);
	sv_names_fini(&c->names);
}

static const struct sv_attach_spec *spec_at(const struct compiled *c, const char *port, int vlan)
{
	__u32 name = sv_names_find(&c->names, port);

	for (size_t i = 0; i < c->state.n_attach; i++)
		if (c->state.attach[i].spec.key.ifindex == name &&
		    c->state.attach[i].spec.key.vlan == vlan)
			return &c->state.attach[i].spec;
	fail_msg("no attachment at %s", port);
	return NULL;
}

static const char *port_of(const cJSON *doc, const char *iface)
{
	const cJSON *ports = sv_json_get(sv_json_get(doc, "alloc"), "ports");
	const char *port = sv_json_str(sv_json_get(ports, iface), "port");

	assert_non_null(port);
	return port;
}

static const struct sv_host_session *session_named(const struct compiled *c, const char *name)
{
	for (size_t i = 0; i < c->state.n_session; i++)
		if (!strcmp(c->state.session[i].name, name))
			return &c->state.session[i];
	fail_msg("no session %s", name);
	return NULL;
}

static void bit_is(const struct compiled *c, const struct sv_attach_spec *spec, int bit,
		   const char *name)
{
	assert_int_equal(spec->val.session[bit], session_named(c, name)->number);
}

/* Devices by falling snap, then priority, then number; rings behind them. */
static void order_of_sessions(void **state)
{
	cJSON *doc = example_doc("{}");
	const struct sv_attach_spec *edge;
	struct compiled c;

	(void)state;
	must_start(doc, "ring", "exit", "ring", "{'priority':7}");
	must_start(doc, "short", "exit", "Moni", "{'snap':96,'priority':7}");
	must_start(doc, "long", "exit", "Moni", "{'snap':200}");
	must_start(doc, "whole", "exit", "Moni", "{}");
	compile(&c, doc, "host3");
	edge = spec_at(&c, "e3", 30);
	assert_int_equal(edge->val.bits, 3);
	assert_int_equal(edge->val.sessions, 4);
	bit_is(&c, edge, 0, "whole");
	bit_is(&c, edge, 1, "long");
	bit_is(&c, edge, 2, "short");
	bit_is(&c, edge, 3, "ring");
	assert_int_equal(edge->n_fan, sv_attach_fanouts(&edge->val));
	release(&c);
	cJSON_Delete(doc);
}

static void priorities_decide(void **state)
{
	cJSON *doc = example_doc("{}");
	const struct sv_attach_spec *edge;
	struct compiled c;

	(void)state;
	must_start(doc, "r1", "exit", "ring", "{}");
	must_start(doc, "r2", "exit", "ring", "{'priority':1}");
	must_start(doc, "d1", "exit", "Moni", "{}");
	must_start(doc, "d2", "exit", "Moni", "{'priority':5}");
	compile(&c, doc, "host3");
	edge = spec_at(&c, "e3", 30);
	bit_is(&c, edge, 0, "d2");
	bit_is(&c, edge, 1, "d1");
	bit_is(&c, edge, 2, "r2");
	bit_is(&c, edge, 3, "r1");
	release(&c);
	cJSON_Delete(doc);
}

static void fifth_is_named(void **state)
{
	cJSON *doc = example_doc("{}");
	const char *names[] = { "a", "b", "c", "d" };
	struct sv_err err = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		must_start(doc, names[i], "exit", i % 2 ? "ring" : "Moni", "{'priority':1}");
	assert_int_equal(start(doc, "e", "exit", "ring", "{'priority':6}", NULL, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "of A.exit has more than 4 sessions: a (priority 1), c "
					 "(priority 1), e (priority 6), b (priority 1), d "
					 "(priority 1): stop one, or give it other points"));
	cJSON_Delete(doc);
}

/* Rings take no place among the destinations, and leave a transit's tag where it is. */
static void rings_cost_no_fanouts(void **state)
{
	cJSON *doc = example_doc("{}"), *plain = example_doc("{}");
	const struct sv_attach_spec *with, *without;
	struct compiled a, b;
	__u16 flags;

	(void)state;
	must_start(doc, "r", NULL, "ring", "{}");
	compile(&a, doc, "host3");
	compile(&b, plain, "host3");
	with = spec_at(&a, "e3", 30);
	without = spec_at(&b, "e3", 30);
	assert_int_equal(with->n_fan, without->n_fan);
	assert_int_equal(with->val.bits, 0);
	assert_int_equal(with->val.sessions, 1);
	flags = with->val.flags;
	assert_int_equal(flags, without->val.flags);
	assert_int_equal(a.state.n_vnode, b.state.n_vnode);
	release(&a);
	release(&b);
	cJSON_Delete(plain);
	cJSON_Delete(doc);
}

static const struct sv_exit *exit_to(const struct sv_attach_spec *spec, __u32 name)
{
	for (size_t i = 0; i < spec->n_port; i++)
		if (spec->port[i].ifindex == name)
			return &spec->port[i];
	return NULL;
}

/* A copy that is cut goes through the guard, in every attachment that leads to its device. */
static void snap_makes_exits(void **state)
{
	static const char *const datapaths[] = { "xdp", "tc" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		char patch[64];
		struct compiled c;
		size_t n = 0;
		cJSON *doc;

		snprintf(patch, sizeof(patch), "{'vnets':{'A':{'datapath':'%s'}}}", datapaths[i]);
		doc = example_doc(patch);
		must_start(doc, "s", NULL, "Moni", "{'snap':128}");
		compile(&c, doc, "host3");
		for (size_t a = 0; a < c.state.n_attach; a++) {
			const struct sv_attach_spec *spec = &c.state.attach[a].spec;
			__u32 moni = sv_names_find(&c.names, port_of(doc, "Moni/host3/s"));
			const struct sv_exit *way = exit_to(spec, moni);

			assert_int_equal(way != NULL, spec->val.bits);
			for (size_t f = 0; f < spec->n_fan; f++)
				for (__u32 d = 0; d < spec->fan[f].n; d++)
					if (spec->fan[f].dest[d].ifindex == moni)
						assert_int_equal(spec->fan[f].dest[d].flags,
								 SV_DEST_GUARDED);
			if (!way)
				continue;
			n++;
			assert_int_equal(way->flags, SV_EXIT_SNAP);
			assert_int_equal(way->arg, 128);
			assert_int_equal(way->nth, 0);
			assert_int_equal(!!(spec->val.flags & SV_ATTACH_META), i == 0);
		}
		assert_int_equal(n, 4);
		assert_int_equal(session_named(&c, "s")->val.snap, 128);
		release(&c);
		cJSON_Delete(doc);
	}
}

/* ---- filters
 * -------------------------------------------------------------------------------------------- */

static void filters_by_bit(void **state)
{
	cJSON *doc = example_doc("{}");
	const struct sv_attach_spec *edge, *trunk;
	struct compiled c;
	__u64 first;

	(void)state;
	must_start(doc, "all", "exit", "ring", "{}");
	must_start(doc, "udp", "exit", "ring", "{'filter':'udp','priority':3}");
	compile(&c, doc, "host3");
	edge = spec_at(&c, "e3", 30);
	assert_string_equal(edge->filter[0], "udp");
	assert_null(edge->filter[1]);
	assert_true(edge->val.flags & SV_ATTACH_FILTER);
	assert_true(edge->val.digest == sv_filter_digest(edge->filter));
	assert_true(edge->val.digest != 0);
	first = edge->val.digest;
	trunk = spec_at(&c, port_of(doc, "A/r3/eth0"), 0);
	assert_int_equal(trunk->val.flags & SV_ATTACH_FILTER, 0);
	assert_true(trunk->val.digest == 0);
	release(&c);
	must_update(doc, "udp", "{'filter':'tcp'}");
	compile(&c, doc, "host3");
	assert_true(spec_at(&c, "e3", 30)->val.digest != first);
	release(&c);
	cJSON_Delete(doc);
}

/* ---- points
 * --------------------------------------------------------------------------------------------- */

static void point_is(const struct sv_attach_spec *spec, int bit, const char *want)
{
	const struct sv_point *p = &spec->point[bit];
	char text[160];

	snprintf(text, sizeof(text), "%s/%s %s:%s %s", p->vnet, p->point, p->vnode, p->iface,
		 p->direction == SV_POINT_IN ? "in" : "out");
	assert_string_equal(text, want);
}

static void points_name_the_tapped_end(void **state)
{
	cJSON *doc = example_doc("{}");
	struct compiled c;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	must_start(doc, "s", "exit", "ring", "{}");
	add_session(doc, "b", "B", "in", "exit", "ring");
	compile(&c, doc, "host3");
	/* One frame of the shared edge is for both. */
	point_is(spec_at(&c, "e3", 30), 0, "A/exit r3:eth1 in");
	point_is(spec_at(&c, "e3", 30), 1, "B/exit r3:eth1 in");
	point_is(spec_at(&c, port_of(doc, "A/r3/eth1"), 0), 0, "A/exit r3:eth1 out");
	assert_int_equal(spec_at(&c, port_of(doc, "B/r3/eth1"), 0)->val.sessions, 0);
	release(&c);
	cJSON_Delete(doc);
}

/* Between two VNodes of one host a frame is copied once, where it was sent. */
static void point_of_the_sender(void **state)
{
	cJSON *doc = example_doc("{'vnets':{'A':{'vnodes':{'r2':{'host':'host1'}}}}}");
	struct compiled c;

	(void)state;
	must_start(doc, "s", "l12", "ring", "{}");
	add_session(doc, "in", "A", "in", "l12", "ring");
	compile(&c, doc, "host1");
	point_is(spec_at(&c, port_of(doc, "A/r1/eth1"), 0), 0, "A/l12 r1:eth1 out");
	point_is(spec_at(&c, port_of(doc, "A/r1/eth1"), 0), 1, "A/l12 r2:eth0 in");
	point_is(spec_at(&c, port_of(doc, "A/r2/eth0"), 0), 0, "A/l12 r2:eth0 out");
	release(&c);
	cJSON_Delete(doc);
}

/* ---- sv_session
 * ------------------------------------------------------------------------------------------- */

static void values(void **state)
{
	cJSON *doc = example_doc("{}");
	const struct sv_session *val;
	struct compiled c;

	(void)state;
	must_start(doc, "pps", "exit", "ring", "{'budget':'10000pps','sample':'packets/100'}");
	must_start(doc, "bit", "exit", "Moni", "{'budget':'5mbit','sample':'flows/256'}");
	must_start(doc, "slow", "exit", "ring", "{'budget':'2pps','snap':128,'sample':'flows/1'}");
	compile(&c, doc, "host3");
	val = &session_named(&c, "pps")->val;
	assert_int_equal(val->kind, SV_SESSION_RING);
	assert_int_equal(val->up, 1);
	assert_int_equal(val->keep, 42949673);
	assert_int_equal(val->flags, 0);
	assert_true(val->per_frame == 100000ULL << 16 && !val->per_byte);
	assert_int_equal(val->burst_ns, 20000000);
	val = &session_named(&c, "bit")->val;
	assert_int_equal(val->kind, SV_SESSION_DEVICE);
	assert_int_equal(val->up, 0);
	assert_int_equal(val->keep, 1 << 24);
	assert_int_equal(val->flags, SV_SESSION_FLOWS);
	assert_true(val->per_byte == 1600ULL << 16 && !val->per_frame);
	/* 20 ms of 5 Mbit/s and a jumbo frame of 14.4 ms. */
	assert_int_equal(val->burst_ns, 20000000);
	val = &session_named(&c, "slow")->val;
	assert_int_equal(val->keep, 0);
	assert_int_equal(val->flags, 0);
	assert_int_equal(val->snap, 128);
	assert_int_equal(val->burst_ns, 500000000);
	release(&c);
	cJSON_Delete(doc);
}

static void exports(void **state)
{
	cJSON *doc = example_doc("{}");
	const struct sv_host_export *v, *e;
	struct compiled c, far;

	(void)state;
	must_start(doc, "v", "exit", "vxlan:192.0.2.9", "{}");
	must_start(doc, "e", "exit", "erspan:192.0.2.9/7", "{'snap':128}");
	compile(&c, doc, "host3");
	compile(&far, doc, "host1");
	assert_int_equal(c.state.n_export, 2);
	assert_int_equal(far.state.n_export, 0);
	v = &c.state.export[0];
	e = &c.state.export[1];
	assert_string_equal(sv_names_get(&c.names, v->outer), "svx1");
	assert_string_equal(sv_names_get(&c.names, v->inner), "svy1");
	assert_int_equal(v->val.kind, SV_EXPORT_VXLAN);
	assert_int_equal(ntohl(v->val.remote), 0xc0000209);
	assert_int_equal(ntohs(v->val.port), 4789);
	assert_int_equal(v->val.id, 1);
	assert_int_equal(v->mtu, 1504);
	assert_int_equal(v->longest, 1514);
	assert_int_equal(e->val.kind, SV_EXPORT_ERSPAN);
	assert_int_equal(e->val.id, 7);
	assert_int_equal(e->longest, 128);
	assert_int_equal(session_named(&c, "v")->val.ifindex, v->outer);
	assert_int_equal(session_named(&c, "v")->val.kind, SV_SESSION_DEVICE);
	for (size_t p = 0; p < c.state.n_port; p++) {
		const struct sv_host_port *port = &c.state.port[p];

		if (port->name == v->outer)
			assert_true(port->made && port->role == SV_ROLE_VNODE);
		if (port->name == v->inner)
			assert_true(port->made && port->role == SV_ROLE_EXPORT);
	}
	assert_int_equal(exit_to(spec_at(&c, "e3", 30), e->outer)->arg, 128);
	assert_null(exit_to(spec_at(&c, "e3", 30), v->outer));
	release(&c);
	release(&far);
	cJSON_Delete(doc);
}

/* ---- the steps of a change
 * --------------------------------------------------------------------------------- */

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
	/* The way was good for 1600 bytes; it is looked at again when copies get longer than that.
	 */
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
		cmocka_unit_test(order_of_sessions),
		cmocka_unit_test(priorities_decide),
		cmocka_unit_test(fifth_is_named),
		cmocka_unit_test(rings_cost_no_fanouts),
		cmocka_unit_test(snap_makes_exits),
		cmocka_unit_test(filters_by_bit),
		cmocka_unit_test(points_name_the_tapped_end),
		cmocka_unit_test(point_of_the_sender),
		cmocka_unit_test(values),
		cmocka_unit_test(exports),
		cmocka_unit_test(rings_come_and_go),
		cmocka_unit_test(changes_are_small),
		cmocka_unit_test(ids_survive_another_snap),
		cmocka_unit_test(exports_come_and_go),
		cmocka_unit_test(export_in_trouble_is_left_out),
		cmocka_unit_test(session_outlives_its_device),
		cmocka_unit_test(sessions_in_trouble_are_left_out),
		cmocka_unit_test(taps_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
