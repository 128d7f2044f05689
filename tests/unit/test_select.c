// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>

#include "session_example.h"

/* What a host makes of sessions: their order, filters, points, values and ways out. */

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

/* ---- filters ---- */

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

/* ---- points ---- */

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

/* ---- sv_session ---- */

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

/* Nine VNets of one link each, on one host: two attachments with four sessions each. */
static cJSON *many_links(void)
{
	cJSON *network = example_network(), *vnets = sv_json_get(network, "vnets"), *doc;
	struct sv_err err = { 0 };

	for (int i = 0; i < 9; i++) {
		char name[16];

		snprintf(name, sizeof(name), "V%d", i);
		sv_json_set(vnets, name,
			    quoted("{'vnodes':{'x':{'host':'host2','interfaces':{'a':{}}},"
				   "'y':{'host':'host2','interfaces':{'a':{}}}},"
				   "'links':{'l':{'ends':['x:a','y:a']}}}"));
	}
	doc = cJSON_CreateObject();
	must(sv_doc_apply(doc, network, NULL, &err), &err);
	cJSON_Delete(network);
	return doc;
}

static void more_rings_than_a_host_has(void **state)
{
	cJSON *doc = many_links();
	struct sv_err err = { 0 };
	int rc = 0, n = 0;

	(void)state;
	for (int i = 0; !rc && i < 72; i++) {
		char name[16], vnet[16];
		const char *points[] = { i & 1 ? "x:a" : "y:a", NULL };
		struct sv_doc_session session = {
			.name = name, .of = vnet, .direction = "out", .at = points, .to = "ring"
		};

		snprintf(name, sizeof(name), "s%d", i);
		snprintf(vnet, sizeof(vnet), "V%d", i / 8);
		rc = sv_doc_session_start(doc, &session, NULL, &err);
		n += !rc;
	}
	assert_int_equal(n, SV_TAP_MAX);
	assert_int_equal(rc, -ENOSPC);
	assert_string_equal(err.text, "host2: more than 64 sessions to rings: stop one");
	cJSON_Delete(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(more_rings_than_a_host_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
