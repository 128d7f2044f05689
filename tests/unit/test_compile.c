// SPDX-License-Identifier: GPL-2.0-only
#include "net_example.h"

/* One host's state, from a document; released together. */
struct compiled {
	struct sv_host_state state;
	struct sv_names names;
};

static struct compiled compile(const cJSON *doc, const char *host)
{
	struct compiled c = { 0 };

	compile_doc(&c.state, &c.names, doc, host);
	c.state.names = NULL; /* the caller has its own copy */
	return c;
}

static void release(struct compiled *c)
{
	sv_host_state_fini(&c->state);
	sv_names_fini(&c->names);
}

static const struct sv_host_attach *attach_at(const struct compiled *c, const char *port,
					      uint16_t vlan)
{
	__u32 name = sv_names_find(&c->names, port);

	for (size_t i = 0; i < c->state.n_attach; i++)
		if (c->state.attach[i].spec.key.ifindex == name &&
		    c->state.attach[i].spec.key.vlan == vlan)
			return &c->state.attach[i];
	fail_msg("no attachment %s vlan %u", port, vlan);
	return NULL;
}

static const char *port_of(const cJSON *doc, const char *iface)
{
	const char *port =
		sv_json_str(sv_json_get(sv_json_get(sv_json_get(doc, "alloc"), "ports"), iface),
			    "port");

	assert_non_null(port);
	return port;
}

static uint16_t vid_of(const cJSON *doc, const char *segment)
{
	uint16_t vid = sv_json_num(sv_json_get(sv_json_get(doc, "alloc"), "vlans"), segment);

	assert_int_not_equal(vid, 0);
	return vid;
}

/* "sv1 P, sv9 S, sv12 m0": a fan-out in words. */
static void fan_is(const struct compiled *c, const struct sv_host_attach *attach, uint32_t member,
		   uint32_t variant, uint32_t mask, const char *want)
{
	uint32_t i = sv_attach_fanout(&attach->spec.val, member, variant, mask);
	const struct sv_dests *fan = &attach->spec.fan[i];
	char text[256] = "";

	assert_true(i < attach->spec.n_fan);
	for (__u32 d = 0; d < fan->n; d++) {
		size_t len = strlen(text);
		const struct sv_dest *dest = &fan->dest[d];

		snprintf(text + len, sizeof(text) - len, "%s%s %c%s", d ? ", " : "",
			 sv_names_get(&c->names, dest->ifindex), "?PSm"[dest->kind],
			 dest -> flags &SV_DEST_GUARDED ? "!" : "");
		len = strlen(text);
		if (dest->kind == SV_DEST_SESSION)
			snprintf(text + len, sizeof(text) - len, "%u", dest->bit);
	}
	assert_string_equal(text, want);
}

static void fan_fmt(const struct compiled *c, const struct sv_host_attach *attach, uint32_t member,
		    uint32_t variant, uint32_t mask, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

static void fan_fmt(const struct compiled *c, const struct sv_host_attach *attach, uint32_t member,
		    uint32_t variant, uint32_t mask, const char *fmt, ...)
{
	char want[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	fan_is(c, attach, member, variant, mask, want);
}

static void exit_is(const struct compiled *c, const struct sv_host_attach *attach, const char *port,
		    uint16_t vlan, uint16_t flags)
{
	__u32 name = sv_names_find(&c->names, port);

	for (size_t i = 0; i < attach->spec.n_port; i++)
		if (attach->spec.port[i].ifindex == name && attach->spec.port[i].arg == vlan) {
			assert_int_equal(attach->spec.port[i].flags, flags);
			return;
		}
	fail_msg("no exit %s vlan %u", port, vlan);
}

/* ---- the example alone ---- */

static void example_entry(void **state)
{
	cJSON *doc = example_doc("{}");
	struct compiled c = compile(doc, "host1");
	const struct sv_host_attach *edge = attach_at(&c, "e1", 0), *vnode, *trunk;
	const char *eth0 = port_of(doc, "A/r1/eth0"), *eth1 = port_of(doc, "A/r1/eth1");

	(void)state;
	assert_int_equal(c.state.n_attach, 4);
	assert_int_equal(edge->spec.val.flags, SV_ATTACH_LEARN);
	assert_int_equal(edge->spec.val.variants, 1);
	assert_int_equal(edge->spec.val.role, 1);
	fan_fmt(&c, edge, 0, 0, 0, "%s P", eth0);
	vnode = attach_at(&c, eth0, 0);
	assert_int_equal(vnode->spec.val.flags, SV_ATTACH_GATED);
	assert_int_equal(vnode->spec.val.variants, 2);
	fan_is(&c, vnode, 0, 0, 0, "");
	fan_is(&c, vnode, 0, 1, 0, "e1 P!");
	exit_is(&c, vnode, "e1", 0, SV_EXIT_GATED);
	trunk = attach_at(&c, "t12", vid_of(doc, "A/l12"));
	assert_int_equal(trunk->spec.val.flags, SV_ATTACH_POP);
	fan_fmt(&c, trunk, 0, 0, 0, "%s P", eth1);
	exit_is(&c, attach_at(&c, eth1, 0), "t12", vid_of(doc, "A/l12"), SV_EXIT_PUSH);
	assert_int_equal(c.state.n_group, 1);
	assert_string_equal(c.state.group[0].name, "web");
	assert_true(c.state.group[0].edge);
	assert_int_equal(c.state.group[0].role, 1);
	release(&c);
	cJSON_Delete(doc);
}

/* A tagged edge: popped on the way in, pushed on the way out, and asked at the gate. */
static void example_exit(void **state)
{
	cJSON *doc = example_doc("{}");
	struct compiled c = compile(doc, "host3");
	const char *eth1 = port_of(doc, "A/r3/eth1");

	(void)state;
	assert_int_equal(attach_at(&c, "e3", 30)->spec.val.flags, SV_ATTACH_LEARN | SV_ATTACH_POP);
	exit_is(&c, attach_at(&c, eth1, 0), "e3", 30, SV_EXIT_GATED | SV_EXIT_PUSH);
	release(&c);
	cJSON_Delete(doc);
}

/* ---- a shadow ---- */

static void shadow_at_edge(void **state)
{
	cJSON *doc = example_doc("{}");
	const struct sv_host_attach *edge, *vnode;
	const char *a, *b;
	struct compiled c;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	c = compile(doc, "host1");
	a = port_of(doc, "A/r1/eth0");
	b = port_of(doc, "B/r1/eth0");
	edge = attach_at(&c, "e1", 0);
	assert_int_equal(edge->spec.val.flags, SV_ATTACH_LEARN | SV_ATTACH_LIVE);
	assert_int_equal(edge->spec.val.variants, 3);
	fan_fmt(&c, edge, 0, 0, 0, "%s P, %s S", a, b);
	fan_fmt(&c, edge, 0, 1, 0, "%s P, %s S", a, b);
	fan_fmt(&c, edge, 0, 2, 0, "%s P, %s S", b, a);
	vnode = attach_at(&c, b, 0);
	assert_int_equal(vnode->spec.val.flags, SV_ATTACH_GATED);
	assert_int_equal(vnode->spec.val.role, 2);
	assert_int_equal(vnode->spec.val.group, edge->spec.val.group);
	fan_is(&c, vnode, 0, 0, 0, "");
	assert_int_not_equal(vid_of(doc, "A/l12"), vid_of(doc, "B/l12"));
	for (size_t i = 0; i < c.state.n_vnode; i++) {
		const struct sv_host_vnode *v = &c.state.vnode[i];
		bool shadow = !strcmp(v->spec.vnet, "B");

		assert_int_equal(v->spec.tier, shadow ? SV_TIER_SHADOW : SV_TIER_PRODUCTION);
		assert_string_equal(v->clone_vnet, shadow ? "A" : "");
	}
	/* Same MACs, other ports. */
	assert_memory_equal(c.state.vnode[0].spec.iface[0].mac, c.state.vnode[1].spec.iface[0].mac,
			    6);
	release(&c);
	cJSON_Delete(doc);
}

static void tiers_follow_gate(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state host = { 0 };
	struct sv_names names = { 0 };
	uint8_t live[1] = { 2 };
	struct sv_err err = { 0 };
	struct sv_net *net;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	net = load_doc(doc);
	must(sv_host_compile(&host, &names, net, "host2", &err), &err);
	assert_false(host.group[0].edge);
	sv_host_tiers(&host, net, live);
	for (size_t i = 0; i < host.n_vnode; i++)
		assert_int_equal(host.vnode[i].spec.tier, strcmp(host.vnode[i].spec.vnet, "B")
								  ? SV_TIER_SHADOW
								  : SV_TIER_PRODUCTION);
	live[0] = 0;
	sv_host_tiers(&host, net, live);
	assert_int_equal(host.vnode[0].spec.tier, SV_TIER_PRODUCTION);
	sv_net_free(net);
	sv_host_state_fini(&host);
	sv_names_fini(&names);
	cJSON_Delete(doc);
}

/* An edge whose VNode is elsewhere: two VNets leave by the same trunk on different VLANs. */
static void shadow_over_one_trunk(void **state)
{
	cJSON *doc = example_doc("{'vnets':{'A':{'vnodes':{'r1':{'host':'host2'}}}}}");
	const struct sv_host_attach *edge, *trunk;
	struct compiled c;
	uint16_t a, b;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	c = compile(doc, "host1");
	a = vid_of(doc, "A/entry");
	b = vid_of(doc, "B/entry");
	edge = attach_at(&c, "e1", 0);
	assert_int_equal(edge->spec.val.flags & SV_ATTACH_XDP, 0);
	assert_string_equal(edge->why, "tc: t12 twice among the destinations");
	fan_is(&c, edge, 0, 2, 0, "t12 P!, t12 S!");
	assert_int_equal(edge->spec.n_port, 2);
	exit_is(&c, edge, "t12", a, SV_EXIT_PUSH);
	exit_is(&c, edge, "t12", b, SV_EXIT_PUSH);
	/* `nth` belongs to the VLAN, whoever is live: sv_port has no variants. */
	for (uint32_t variant = 0; variant < 3; variant++) {
		const struct sv_dests *fan = &edge->spec.fan[variant];
		uint16_t primary = variant == 2 ? b : a;

		for (size_t p = 0; p < edge->spec.n_port; p++)
			if (edge->spec.port[p].nth == fan->dest[0].nth)
				assert_int_equal(edge->spec.port[p].arg, primary);
		assert_int_not_equal(fan->dest[0].nth, fan->dest[1].nth);
	}
	trunk = attach_at(&c, "t12", b);
	assert_true(trunk->spec.val.flags & SV_ATTACH_GATED);
	assert_true(trunk->spec.val.flags & SV_ATTACH_POP);
	assert_int_equal(trunk->spec.val.role, 2);
	assert_int_equal(trunk->edge_port, sv_names_find(&c.names, "e1"));
	release(&c);
	cJSON_Delete(doc);
}

/* ---- transit, data paths ---- */

static void transit_keeps_tag(void **state)
{
	cJSON *doc = example_doc("{'vnets':{'A':{'vnodes':{'r2':{'host':'host1'}}}}}");
	struct compiled c = compile(doc, "host2"), end = compile(doc, "host3");
	uint16_t vid = vid_of(doc, "A/l23");
	const struct sv_host_attach *in = attach_at(&c, "t21", vid);

	(void)state;
	assert_int_equal(c.state.n_attach, 2);
	assert_int_equal(in->spec.val.flags, SV_ATTACH_XDP | SV_ATTACH_META | SV_ATTACH_SINGLE);
	assert_string_equal(in->why, "xdp: wire to wire");
	exit_is(&c, in, "t23", 0, 0);
	assert_int_equal(in->spec.n_port, 1);
	/* host2 sends into t32 by XDP, so t32 needs its programs to take the frames. */
	for (size_t p = 0; p < end.state.n_port; p++)
		if (end.state.port[p].name == sv_names_find(&end.names, "t32"))
			assert_true(end.state.port[p].xdp);
	assert_int_equal(attach_at(&end, "t32", vid)->spec.val.flags & SV_ATTACH_XDP, 0);
	release(&c);
	release(&end);
	cJSON_Delete(doc);
}

struct path_case {
	const char *patch, *why;
	bool xdp;
};

static void datapaths(void **state)
{
	static const struct path_case cases[] = {
		{ "{}", "tc: keeps a VNode's TSO and GSO; datapath xdp forwards faster", false },
		{ "{'vnets':{'A':{'datapath':'tc'}}}", "tc: asked for by vnets.A.datapath", false },
		{ "{'vnets':{'A':{'datapath':'xdp'}}}", "xdp: asked for by vnets.A.datapath",
		  true },
		{ "{'vnets':{'A':{'datapath':'xdp'}},'hosts':{'host1':{'ports':{'e1':{'mtu':9000}}}"
		  "}}",
		  "tc: jumbo, MTU 9000", false },
		{ "{'vnets':{'A':{'datapath':'xdp','vnodes':{'r1':{'driver':'external','interfaces'"
		  ":"
		  "{'eth0':{'device':'tap0'},'eth1':{'device':'tap1'}}}}}}}",
		  "xdp: asked for by vnets.A.datapath", true },
		{ "{'vnets':{'A':{'vnodes':{'r1':{'driver':'external','interfaces':"
		  "{'eth0':{'device':'tap0'},'eth1':{'device':'tap1'}}}}}}}",
		  "tc: an external VNode, which may take no XDP frames", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *doc = example_doc(cases[i].patch);
		struct compiled c = compile(doc, "host1");
		const struct sv_host_attach *edge = attach_at(&c, "e1", 0);

		assert_string_equal(edge->why, cases[i].why);
		assert_int_equal(!!(edge->spec.val.flags & SV_ATTACH_XDP), cases[i].xdp);
		for (size_t p = 0; p < c.state.n_port; p++)
			if (c.state.port[p].name == edge->spec.fan[0].dest[0].ifindex)
				assert_int_equal(c.state.port[p].xdp, cases[i].xdp);
		release(&c);
		cJSON_Delete(doc);
	}
}

static void vnode_learns_of_xdp(void **state)
{
	cJSON *doc = example_doc("{'vnets':{'A':{'datapath':'xdp'}}}");
	struct compiled c = compile(doc, "host1");

	(void)state;
	assert_true(c.state.vnode[0].spec.iface[0].xdp);
	assert_non_null(strstr(c.state.vnode[0].spec.json, "\"xdp\":true"));
	release(&c);
	cJSON_Delete(doc);
}

/* ---- three and more members ---- */

#define LAN                                                                                        \
	"{'vnets':{'A':{'vnodes':{'s':{'host':'host1','interfaces':{'eth0':{}}}},"                 \
	"'edges':{'entry':{'ends':['r1:eth0','s:eth0']}}}}}"

static void lan_switches_by_mac(void **state)
{
	cJSON *doc = example_doc(LAN);
	const struct sv_host_attach *edge, *r1, *b;
	struct compiled c;
	const char *p1, *p2;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	c = compile(doc, "host1");
	p1 = port_of(doc, "A/r1/eth0");
	p2 = port_of(doc, "A/s/eth0");
	edge = attach_at(&c, "e1", 0);
	r1 = attach_at(&c, p1, 0);
	b = attach_at(&c, port_of(doc, "B/r1/eth0"), 0);
	assert_true(edge->spec.val.flags & SV_ATTACH_FDB);
	assert_int_equal(edge->spec.val.members, 3);
	assert_int_equal(edge->spec.val.member, 1);
	assert_int_equal(r1->spec.val.edge_member, 1);
	assert_int_equal(r1->spec.val.member, 2);
	fan_fmt(&c, r1, 0, 0, 0, "%s P", p2);
	fan_fmt(&c, r1, 0, 1, 0, "e1 P!, %s P", p2);
	fan_is(&c, r1, 1, 0, 0, "");
	fan_is(&c, r1, 1, 1, 0, "e1 P!");
	fan_is(&c, r1, 2, 1, 0, "");
	fan_fmt(&c, r1, 3, 1, 0, "%s P", p2);
	fan_fmt(&c, edge, 2, 2, 0, "%s P, %s S", port_of(doc, "B/r1/eth0"), p1);
	/* One table of addresses for a shared edge: the members have the same numbers. */
	assert_int_equal(b->spec.val.segment, edge->spec.val.segment);
	release(&c);
	cJSON_Delete(doc);
}

static void lan_of_other_shape_floods(void **state)
{
	cJSON *doc = example_doc(LAN);
	const struct sv_host_attach *r1, *b;
	struct compiled c;

	(void)state;
	add_shadow(doc, "B", "A", "{'edges':{'entry':{'ends':['r1:eth0']}}}");
	c = compile(doc, "host1");
	for (size_t i = 0; i < c.state.n_attach; i++)
		assert_int_equal(c.state.attach[i].spec.val.flags & SV_ATTACH_FDB, 0);
	/* Closed or not, r1 and s hear each other; B's r1 has nobody. */
	r1 = attach_at(&c, port_of(doc, "A/r1/eth0"), 0);
	b = attach_at(&c, port_of(doc, "B/r1/eth0"), 0);
	assert_true(r1->spec.val.flags & SV_ATTACH_OTHERS);
	fan_fmt(&c, r1, 0, 0, 0, "%s P", port_of(doc, "A/s/eth0"));
	assert_int_equal(b->spec.val.flags & SV_ATTACH_OTHERS, 0);
	fan_is(&c, b, 0, 0, 0, "");
	release(&c);
	cJSON_Delete(doc);
}

/* ---- sessions ---- */

static void session_bits(void **state)
{
	cJSON *doc = example_doc("{}");
	const struct sv_host_attach *edge, *vnode;
	const char *eth1, *in, *out, *shadow;
	struct compiled c, far;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	add_session(doc, "in", "A", "in", "exit", "Moni");
	add_session(doc, "out", "A", "out", "r3:eth1", "Moni");
	c = compile(doc, "host3");
	far = compile(doc, "host1");
	eth1 = port_of(doc, "A/r3/eth1");
	shadow = port_of(doc, "B/r3/eth1");
	in = port_of(doc, "Moni/host3/in");
	out = port_of(doc, "Moni/host3/out");
	edge = attach_at(&c, "e3", 30);
	vnode = attach_at(&c, eth1, 0);
	/* Towards the VNode: at the edge. From the VNode: at its own port. Each before the gate. */
	assert_int_equal(edge->spec.val.bits, 1);
	assert_int_equal(edge->spec.val.session[0], 1);
	assert_int_equal(vnode->spec.val.session[0], 2);
	fan_fmt(&c, edge, 0, 2, 1, "%s P, %s S, %s m0", shadow, eth1, in);
	fan_fmt(&c, vnode, 0, 0, 1, "%s m0", out);
	fan_fmt(&c, vnode, 0, 1, 1, "e3 P!, %s m0", out);
	/* The shadow's own frames are nobody's business here. */
	assert_int_equal(attach_at(&c, shadow, 0)->spec.val.bits, 0);
	assert_int_equal(c.state.n_session, 2);
	assert_int_equal(c.state.session[0].val.max_len, 1504 + 14 + 4);
	/* Elsewhere the monitor has its VNode, but nothing is tapped. */
	assert_int_equal(far.state.n_session, 0);
	for (size_t i = 0; i < far.state.n_attach; i++)
		assert_int_equal(far.state.attach[i].spec.val.bits, 0);
	release(&c);
	release(&far);
	cJSON_Delete(doc);
}

/* The monitor's own virtual links, and its tag rule: a copy has no tag, so transit is popped. */
static void monitor_is_a_vnet(void **state)
{
	cJSON *doc = example_doc("{}");
	struct compiled c;

	(void)state;
	add_session(doc, "moni-A", "A", NULL, NULL, "Moni");
	c = compile(doc, "host2");
	attach_at(&c, "t21", vid_of(doc, "Moni/host1-host2"));
	attach_at(&c, "t23", vid_of(doc, "Moni/host2-host3"));
	attach_at(&c, port_of(doc, "Moni/host2/eth-host1"), 0);
	assert_int_equal(attach_at(&c, "t21", vid_of(doc, "A/l12"))->spec.val.bits, 1);
	for (size_t i = 0; i < c.state.n_vnode; i++)
		if (!strcmp(c.state.vnode[i].spec.vnet, "Moni"))
			assert_int_equal(c.state.vnode[i].spec.tier, SV_TIER_MONITOR);
	release(&c);
	cJSON_Delete(doc);
}

static void five_sessions_are_refused(void **state)
{
	cJSON *doc = example_doc("{}"), *before;
	struct sv_doc_session fifth = { .name = "s5", .of = "A", .to = "Moni" };
	struct sv_problems problems = { 0 };
	struct sv_err err = { 0 };
	const char *names[] = { "s1", "s2", "s3", "s4" };

	(void)state;
	for (int i = 0; i < 4; i++)
		add_session(doc, names[i], "A", "in", "entry", "Moni");
	before = cJSON_Duplicate(doc, true);
	assert_int_equal(sv_doc_session_start(doc, &fifth, &problems, &err), -ENOSPC);
	assert_non_null(
		strstr(err.text,
		       "e1 vlan 0 of A.entry has more than 4 sessions: s1 (priority 0), s2"));
	assert_int_equal(problems.n, 1);
	assert_true(cJSON_Compare(doc, before, true));
	sv_problems_fini(&problems);
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

/* ---- numbers and missing devices ---- */

static void ids_stay(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_names names = { 0 };
	struct sv_host_state first = { 0 }, none = { 0 }, second = { 0 };
	struct sv_err err = { 0 };
	__u32 edge = 0;

	(void)state;
	compile_doc(&first, &names, doc, "host1");
	for (size_t p = 0; p < first.n_port; p++)
		first.port[p].made = true;
	must(sv_host_resolve(&first, &none, &err), &err);
	for (size_t i = 0; i < first.n_attach; i++) {
		const struct sv_attach *val = &first.attach[i].spec.val;

		assert_int_equal(val->id, i + 1);
		if (val->port_role == SV_ROLE_EDGE)
			edge = val->id;
	}
	assert_int_not_equal(edge, 0);
	for (size_t i = 0; i < first.n_attach; i++) {
		const struct sv_attach *val = &first.attach[i].spec.val;

		assert_int_equal(val->edge,
				 val->flags & (SV_ATTACH_LEARN | SV_ATTACH_GATED) ? edge : 0);
	}
	add_shadow(doc, "B", "A", NULL);
	compile_doc(&second, &names, doc, "host1");
	must(sv_host_resolve(&second, &first, &err), &err);
	for (size_t i = 0; i < second.n_attach; i++)
		for (size_t j = 0; j < first.n_attach; j++)
			if (second.attach[i].spec.key.ifindex == first.attach[j].spec.key.ifindex &&
			    second.attach[i].spec.key.vlan == first.attach[j].spec.key.vlan)
				assert_int_equal(second.attach[i].spec.val.id,
						 first.attach[j].spec.val.id);
	sv_host_state_fini(&first);
	sv_host_state_fini(&second);
	sv_names_fini(&names);
	cJSON_Delete(doc);
}

static const struct sv_attach_spec *spec_at(const struct sv_host_state *host, __u32 port)
{
	for (size_t i = 0; i < host->n_attach; i++)
		if (host->attach[i].spec.key.ifindex == port)
			return &host->attach[i].spec;
	fail_msg("no attachment there");
	return NULL;
}

/* Rows of sv_port change before the attachment does: none may get another meaning in place. */
static void exits_never_change_in_place(void **state)
{
	cJSON *doc = example_doc("{'vnets': {'A': {'vnodes': {'r1': {'host': 'host2'}}}}}");
	struct sv_host_state first = { 0 }, second = { 0 }, none = { 0 };
	const struct sv_attach_spec *was, *is;
	struct sv_names names = { 0 };
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	compile_doc(&first, &names, doc, "host1");
	for (size_t p = 0; p < first.n_port; p++)
		first.port[p].made = true;
	must(sv_host_resolve(&first, &none, &err), &err);
	must(sv_doc_shadow_finish(doc, "web", "B", &err), &err);
	compile_doc(&second, &names, doc, "host1");
	must(sv_host_resolve(&second, &first, &err), &err);
	was = spec_at(&first, sv_names_find(&names, "e1"));
	is = spec_at(&second, sv_names_find(&names, "e1"));
	/* A's copies went over t12 by the row that is B's now. */
	assert_int_equal(was->n_port, 2);
	assert_int_equal(is->n_port, 1);
	assert_int_equal(is->port[0].ifindex, was->port[0].ifindex);
	assert_int_not_equal(is->port[0].arg, was->port[0].arg);
	assert_int_not_equal(is->val.id, was->val.id);
	sv_host_state_fini(&first);
	sv_host_state_fini(&second);
	sv_names_fini(&names);
	cJSON_Delete(doc);
}

static void missing_trunk_is_left_out(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_names names = { 0 };
	struct sv_host_state host = { 0 };
	struct sv_host_port e1 = { .exists = true };
	struct sv_host_state actual = { .n_port = 1, .port = &e1 };
	struct sv_err err = { 0 };
	__u32 t12;

	(void)state;
	compile_doc(&host, &names, doc, "host1");
	e1.name = sv_names_find(&names, "e1");
	t12 = sv_names_find(&names, "t12");
	must(sv_host_resolve(&host, &actual, &err), &err);
	assert_int_equal(host.n_attach, 3);
	for (size_t p = 0; p < host.n_port; p++)
		assert_int_equal(host.port[p].missing, host.port[p].name == t12);
	for (size_t i = 0; i < host.n_attach; i++) {
		const struct sv_attach_spec *spec = &host.attach[i].spec;

		for (size_t f = 0; f < spec->n_fan; f++)
			for (__u32 d = 0; d < spec->fan[f].n; d++)
				assert_int_not_equal(spec->fan[f].dest[d].ifindex, t12);
		for (size_t p = 0; p < spec->n_port; p++)
			assert_int_not_equal(spec->port[p].ifindex, t12);
	}
	sv_host_state_fini(&host);
	sv_names_fini(&names);
	cJSON_Delete(doc);
}

static bool is_gone(const struct sv_host_state *host, __u32 name)
{
	for (size_t p = 0; p < host->n_port; p++)
		if (host->port[p].name == name)
			return host->port[p].missing;
	return true;
}

/* What cannot be made is left out, and production has all that it had without it. */
static void vnode_in_trouble_is_left_out(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state host = { 0 }, none = { 0 };
	struct sv_plan plan = { 0 };
	struct sv_names names = { 0 };
	struct sv_err err = { 0 };
	size_t attached = 0;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	add_session(doc, "moni", "A", "both", "entry", NULL);
	compile_doc(&host, &names, doc, "host1");
	host.names = none.names = &names;
	for (size_t p = 0; p < host.n_port; p++)
		host.port[p].made = true;
	for (size_t n = 0; n < host.n_vnode; n++)
		host.vnode[n].left_out = strcmp(host.vnode[n].spec.vnet, "A") != 0;
	must(sv_host_resolve(&host, &none, &err), &err);
	assert_int_equal(host.n_session, 1);
	assert_true(host.session[0].missing);
	for (size_t i = 0; i < host.n_attach; i++) {
		const struct sv_attach_spec *spec = &host.attach[i].spec;

		attached += !strcmp(host.attach[i].vnet, "A");
		for (size_t f = 0; f < spec->n_fan; f++)
			for (__u32 d = 0; d < spec->fan[f].n; d++)
				assert_false(is_gone(&host, spec->fan[f].dest[d].ifindex));
	}
	assert_true(attached > 2);
	must(sv_plan_make(&plan, &host, &none, &err), &err);
	for (size_t i = 0; i < plan.n; i++)
		if (plan.op[i].kind <= SV_OP_VNODE_START && plan.op[i].kind != SV_OP_GATE_HOLD)
			assert_string_equal(host.vnode[plan.op[i].index[0]].spec.vnet, "A");
	for (size_t i = 0; i < plan.n; i++)
		assert_int_not_equal(plan.op[i].kind, SV_OP_SESSION_SET);
	sv_plan_fini(&plan);
	sv_host_state_fini(&host);
	sv_names_fini(&names);
	cJSON_Delete(doc);
}

static void unknown_host(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state host = { 0 };
	struct sv_names names = { 0 };
	struct sv_net *net = load_doc(doc);
	struct sv_err err = { 0 };

	(void)state;
	assert_int_equal(sv_host_compile(&host, &names, net, "host9", &err), -ENOENT);
	assert_string_equal(err.text, "the network has no host host9");
	sv_net_free(net);
	cJSON_Delete(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_entry),
		cmocka_unit_test(example_exit),
		cmocka_unit_test(shadow_at_edge),
		cmocka_unit_test(tiers_follow_gate),
		cmocka_unit_test(shadow_over_one_trunk),
		cmocka_unit_test(transit_keeps_tag),
		cmocka_unit_test(datapaths),
		cmocka_unit_test(vnode_learns_of_xdp),
		cmocka_unit_test(lan_switches_by_mac),
		cmocka_unit_test(lan_of_other_shape_floods),
		cmocka_unit_test(session_bits),
		cmocka_unit_test(monitor_is_a_vnet),
		cmocka_unit_test(five_sessions_are_refused),
		cmocka_unit_test(ids_stay),
		cmocka_unit_test(exits_never_change_in_place),
		cmocka_unit_test(vnode_in_trouble_is_left_out),
		cmocka_unit_test(missing_trunk_is_left_out),
		cmocka_unit_test(unknown_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
