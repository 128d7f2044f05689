// SPDX-License-Identifier: GPL-2.0-only
#include "net_example.h"

/* Changes of the document: what is allocated stays, what is refused changes nothing. */

static cJSON *alloc_of(const cJSON *doc, const char *list, const char *key)
{
	return sv_json_get(sv_json_get(sv_json_get(doc, "alloc"), list), key);
}

static const cJSON *order_of(const cJSON *doc)
{
	return sv_json_get(sv_json_get(doc, "flips"), "web");
}

static int role_of(const cJSON *doc, const char *vnet)
{
	return sv_json_num(sv_json_get(alloc_of(doc, "groups", "web"), "roles"), vnet);
}

static uint8_t settled(const cJSON *doc)
{
	struct sv_net *net = load_doc(doc);
	uint8_t role = net->group[0].role;

	sv_net_free(net);
	return role;
}

static int apply(cJSON *doc, const char *patch, struct sv_err *err)
{
	cJSON *network = patched_network(patch);
	int rc = sv_doc_apply(doc, network, NULL, err);

	cJSON_Delete(network);
	return rc;
}

static int flip(cJSON *doc, const char *kind, const char *to, const char *live, uint64_t at,
		uint64_t until, struct sv_err *err)
{
	return sv_doc_flip(doc, "web", kind, to, live, at, until, err);
}

/* ---- allocation ---- */

static void allocation_is_stable(void **state)
{
	cJSON *doc = example_doc("{}");
	cJSON *before = cJSON_Duplicate(sv_json_get(doc, "alloc"), true), *once;
	struct sv_err err = { 0 };

	(void)state;
	must(apply(doc, "{}", &err), &err);
	assert_true(cJSON_Compare(before, sv_json_get(doc, "alloc"), true));
	add_shadow(doc, "B", "A", NULL);
	add_session(doc, "moni-A", "A", "both", NULL, "Moni");
	once = cJSON_Duplicate(doc, true);
	must(apply(doc, "{}", &err), &err);
	assert_true(cJSON_Compare(once, doc, true));
	must(sv_doc_session_stop(doc, "moni-A", &err), &err);
	must(sv_doc_shadow_finish(doc, "web", "A", &err), &err);
	cJSON_DeleteItemFromObject(before, "next");
	cJSON_DeleteItemFromObject(sv_json_get(doc, "alloc"), "next");
	assert_true(cJSON_Compare(before, sv_json_get(doc, "alloc"), true));
	assert_null(sv_json_get(doc, "monitors")->child);
	cJSON_Delete(before);
	cJSON_Delete(once);
	cJSON_Delete(doc);
}

/* A VLAN, a port, a role that another host may still know otherwise is not given again at once. */
static void nothing_is_reused_at_once(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };
	char port[16];
	int vlan;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	assert_int_equal(role_of(doc, "B"), 2);
	vlan = sv_json_num(sv_json_get(sv_json_get(doc, "alloc"), "vlans"), "B/l12");
	strcpy(port, sv_json_str(alloc_of(doc, "ports", "B/r1/eth0"), "port"));
	must(sv_doc_shadow_finish(doc, "web", "A", &err), &err);
	add_shadow(doc, "C", "A", NULL);
	assert_int_equal(role_of(doc, "C"), 3);
	assert_int_not_equal(sv_json_num(sv_json_get(sv_json_get(doc, "alloc"), "vlans"), "C/l12"),
			     vlan);
	assert_string_not_equal(sv_json_str(alloc_of(doc, "ports", "C/r1/eth0"), "port"), port);
	cJSON_Delete(doc);
}

/* … nor later, before every host has let go of it. */
static void what_a_host_still_knows_is_held_back(void **state)
{
	cJSON *doc = example_doc("{'vlans':{'from':100,'to':104}}");
	struct sv_err err = { 0 };

	(void)state;
	must(sv_doc_seen(doc, 10, 10), &err);
	add_shadow(doc, "B", "A", NULL);
	must(sv_doc_seen(doc, 11, 11), &err);
	must(sv_doc_shadow_finish(doc, "web", "A", &err), &err);
	/* Freed by revision 12, and somebody is still at 11. */
	must(sv_doc_seen(doc, 12, 11), &err);
	assert_int_equal(sv_doc_shadow_start(doc, "C", "A", NULL, NULL, &err), -ENOSPC);
	assert_string_equal(err.text,
			    "vlans: none of 100 … 104 is left for C/l23: 2 are held back until "
			    "every host has applied the change that freed them");
	/* Roles, too, once their rotation comes round. */
	sv_json_set(sv_json_get(sv_json_get(doc, "alloc"), "next"), "role/web",
		    cJSON_CreateNumber(1));
	must(sv_doc_seen(doc, 12, 12), &err);
	add_shadow(doc, "C", "A", NULL);
	assert_int_equal(role_of(doc, "C"), 2);
	assert_null(sv_json_get(sv_json_get(doc, "alloc"), "retired")->child);
	cJSON_Delete(doc);
}

static void retired_roles_are_held_back(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	must(sv_doc_seen(doc, 10, 10), &err);
	add_shadow(doc, "B", "A", NULL);
	must(sv_doc_shadow_finish(doc, "web", "A", &err), &err);
	sv_json_set(sv_json_get(sv_json_get(doc, "alloc"), "next"), "role/web",
		    cJSON_CreateNumber(1));
	add_shadow(doc, "C", "A", NULL);
	assert_int_equal(role_of(doc, "C"), 3);
	cJSON_Delete(doc);
}

static void pool_runs_dry(void **state)
{
	cJSON *doc = example_doc("{'vlans':{'from':100,'to':103}}"), *before;
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	before = cJSON_Duplicate(doc, true);
	assert_int_equal(sv_doc_shadow_start(doc, "C", "A", NULL, NULL, &err), -ENOSPC);
	assert_string_equal(err.text,
			    "vlans: all 4 of 100 … 103 are taken, none is left for C/l12");
	assert_true(cJSON_Compare(before, doc, true));
	/* In rotation, but all of it. */
	for (int i = 0; i < 5; i++) {
		must(sv_doc_shadow_finish(doc, "web", "A", &err), &err);
		add_shadow(doc, "B", "A", NULL);
	}
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

static void macs_of_a_shadow(void **state)
{
	cJSON *doc = example_doc("{}");

	(void)state;
	add_shadow(doc, "B", "A", "{'vnodes':{'r1':{'interfaces':{'eth9':{}}}}}");
	assert_string_equal(sv_json_str(alloc_of(doc, "ports", "B/r1/eth0"), "mac"),
			    sv_json_str(alloc_of(doc, "ports", "A/r1/eth0"), "mac"));
	assert_string_not_equal(sv_json_str(alloc_of(doc, "ports", "B/r1/eth0"), "port"),
				sv_json_str(alloc_of(doc, "ports", "A/r1/eth0"), "port"));
	assert_string_not_equal(sv_json_str(alloc_of(doc, "ports", "B/r1/eth9"), "mac"),
				sv_json_str(alloc_of(doc, "ports", "A/r1/eth0"), "mac"));
	cJSON_Delete(doc);
}

/* ---- shadows ---- */

static void shadow_refusals(void **state)
{
	static const struct {
		const char *name, *of, *override;
		int rc;
		const char *text;
	} cases[] = {
		{ "A", "A", NULL, -EEXIST, "there is a VNet A already" },
		{ "C", "X", NULL, -ENOENT, "there is no production VNet X" },
		{ "C", "B", NULL, -ENOENT, "there is no production VNet B" },
		{ "C", "A", "{'vnodes':{'r1':{'host':'nowhere'}}}", -EINVAL,
		  "shadows.C.vnodes.r1.host: there is no host nowhere" },
		{ "C", "A", "{'edges':{'exit':{'vlan':31}}}", -EINVAL,
		  "shadows.C.edges.exit: must be as in A: a shadow has its original's edges" },
		{ "C", "A", "{'edges':{'exit':null}}", -EINVAL,
		  "shadows.C.edges.exit: is missing: a shadow has its original's edges" },
		{ "b/c", "A", NULL, -EINVAL,
		  "shadows.b/c: is not a name of 1 … 31 letters, digits, '_', '.', '-' that starts "
		  "with a letter or digit" },
	};
	cJSON *doc = example_doc("{}"), *before;

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	before = cJSON_Duplicate(doc, true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *override = cases[i].override ? quoted(cases[i].override) : NULL;
		struct sv_err err = { 0 };

		assert_int_equal(sv_doc_shadow_start(doc, cases[i].name, cases[i].of, override,
						     NULL, &err),
				 cases[i].rc);
		assert_string_equal(err.text, cases[i].text);
		assert_true(cJSON_Compare(before, doc, true));
		cJSON_Delete(override);
	}
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

static void shadow_updates_add_up(void **state)
{
	cJSON *doc = example_doc("{}"),
	      *qos = quoted("{'vnodes':{'r2':{'tc':['qdisc a','qdisc b']}}}");
	cJSON *undo = quoted("{'vnodes':{'r1':{'program':null}}}");
	struct sv_err err = { 0 };
	struct sv_net *net;
	int b;

	(void)state;
	add_shadow(doc, "B", "A", "{'vnodes':{'r1':{'cpu_weight':50}}}");
	must(sv_doc_shadow_update(doc, "B", qos, NULL, &err), &err);
	must(sv_doc_shadow_update(doc, "B", undo, NULL, &err), &err);
	assert_int_equal(sv_doc_shadow_update(doc, "A", qos, NULL, &err), -ENOENT);
	net = load_doc(doc);
	b = sv_net_find_vnet(net, "B");
	assert_int_equal(net->vnet[b].vnode[0].spec.cpu_weight, 50);
	assert_null(net->vnet[b].vnode[0].spec.program);
	assert_non_null(net->vnet[0].vnode[0].spec.program);
	assert_string_equal(net->vnet[b].vnode[1].spec.tc[1], "qdisc b");
	assert_null(net->vnet[0].vnode[1].spec.tc);
	sv_net_free(net);
	cJSON_Delete(qos);
	cJSON_Delete(undo);
	cJSON_Delete(doc);
}

static void finish_with_the_shadow(void **state)
{
	cJSON *doc = example_doc("{}"), *ports, *kept;
	struct sv_err err = { 0 };
	struct sv_net *net;

	(void)state;
	add_shadow(doc, "B", "A", "{'vnodes':{'r1':{'cpu_weight':50}}}");
	add_session(doc, "watch-A", "A", "in", "exit", "Moni");
	add_session(doc, "watch-B", "B", "in", "exit", "Moni");
	kept = cJSON_Duplicate(alloc_of(doc, "ports", "B/r3/eth1"), true);
	must(flip(doc, "flip", "B", "A", 0, 0, &err), &err);
	must(sv_doc_shadow_finish(doc, "web", "B", &err), &err);
	net = load_doc(doc);
	assert_int_equal(sv_net_find_vnet(net, "A"), -1);
	assert_int_equal(sv_net_find_vnet(net, "B"), 0);
	assert_int_equal(net->vnet[0].kind, SV_VNET_PRODUCTION);
	assert_int_equal(net->vnet[0].vnode[0].spec.cpu_weight, 50);
	assert_int_equal(net->vnet[0].role, 2);
	assert_string_equal(net->group[0].name, "web");
	assert_int_equal(net->group[0].slot, 0);
	assert_int_equal(net->group[0].role, 2);
	assert_int_equal(net->n_session, 1);
	assert_string_equal(net->session[0].name, "watch-B");
	ports = alloc_of(doc, "ports", "B/r3/eth1");
	assert_true(cJSON_Compare(kept, ports, true));
	assert_null(alloc_of(doc, "ports", "A/r3/eth1"));
	assert_string_equal(sv_json_str(order_of(doc), "kind"), "confirm");
	/* And round again. */
	add_shadow(doc, "A", "B", NULL);
	assert_int_equal(role_of(doc, "A"), 3);
	sv_net_free(net);
	cJSON_Delete(kept);
	cJSON_Delete(doc);
}

static void finish_needs_somebody(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	assert_int_equal(sv_doc_shadow_finish(doc, "none", "A", &err), -ENOENT);
	assert_int_equal(sv_doc_shadow_finish(doc, "web", "A", &err), -ENOENT);
	add_shadow(doc, "B", "A", NULL);
	assert_int_equal(sv_doc_shadow_finish(doc, "web", NULL, &err), -EBUSY);
	assert_int_equal(sv_doc_shadow_finish(doc, "web", "X", &err), -EBUSY);
	cJSON_Delete(doc);
}

/* ---- apply and delete over shadows ---- */

static void apply_takes_along(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	add_session(doc, "b", "B", "in", NULL, "Moni");
	must(apply(doc, "{'vnets':{'A':null},'groups':null}", &err), &err);
	assert_null(sv_json_get(doc, "shadows")->child);
	assert_null(sv_json_get(doc, "sessions")->child);
	assert_null(sv_json_get(doc, "monitors")->child);
	assert_null(sv_json_get(sv_json_get(doc, "alloc"), "ports")->child);
	cJSON_Delete(doc);
}

static void live_shadows_are_safe(void **state)
{
	cJSON *doc = example_doc("{}"), *before;
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	must(flip(doc, "flip", "B", "A", 0, 0, &err), &err);
	before = cJSON_Duplicate(doc, true);
	assert_int_equal(apply(doc, "{'vnets':{'A':null},'groups':null}", &err), -EBUSY);
	/* Under another name its group would begin anew. */
	assert_int_equal(apply(doc, "{'groups':null}", &err), -EBUSY);
	assert_int_equal(sv_doc_vnet_delete(doc, "A", &err), -EBUSY);
	assert_string_equal(err.text,
			    "shadow B is heard in group web, or waits to be: flip back, or keep it "
			    "with `svnet shadow finish web`");
	assert_true(cJSON_Compare(before, doc, true));
	must(apply(doc, "{}", &err), &err);
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

static void delete_a_vnet(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	add_session(doc, "a", "A", "in", NULL, "Moni");
	assert_int_equal(sv_doc_vnet_delete(doc, "X", &err), -ENOENT);
	assert_int_equal(sv_doc_vnet_delete(doc, "B", &err), -EINVAL);
	must(sv_doc_vnet_delete(doc, "A", &err), &err);
	assert_null(sv_json_get(sv_json_get(doc, "network"), "vnets")->child);
	assert_null(sv_json_get(doc, "shadows")->child);
	assert_null(sv_json_get(doc, "sessions")->child);
	assert_null(sv_json_get(sv_json_get(doc, "alloc"), "groups")->child);
	cJSON_Delete(doc);
}

/* A group whose heard member was replaced is told to let its new production out. */
static void replaced_production_is_heard(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	must(flip(doc, "flip", "B", "A", 0, 0, &err), &err);
	must(sv_doc_shadow_finish(doc, "web", "B", &err), &err);
	must(apply(doc, "{}", &err), &err);
	assert_string_equal(sv_json_str(order_of(doc), "kind"), "flip");
	assert_string_equal(sv_json_str(order_of(doc), "to"), "A");
	assert_int_equal(role_of(doc, "A"), 3);
	assert_int_equal(settled(doc), 3);
	cJSON_Delete(doc);
}

/* ---- orders to the gate ---- */

static void order_is(const cJSON *doc, const char *kind, const char *to, const char *from, int id)
{
	const cJSON *order = order_of(doc);

	assert_string_equal(sv_json_str(order, "kind"), kind);
	assert_string_equal(sv_json_str(order, "to"), to);
	assert_string_equal(sv_json_str(order, "from"), from);
	assert_int_equal(sv_json_num(order, "id"), id);
}

static void orders(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	assert_int_equal(settled(doc), 1);
	must(flip(doc, "flip", "B", "A", 0, 0, &err), &err);
	order_is(doc, "flip", "B", "A", 1);
	assert_int_equal(settled(doc), 2);
	must(flip(doc, "rollback", NULL, "B", 0, 0, &err), &err);
	order_is(doc, "rollback", "A", "B", 2);
	assert_int_equal(settled(doc), 1);
	must(flip(doc, "flip", "B", "A", 1000, 61000, &err), &err);
	order_is(doc, "flip", "B", "A", 3);
	assert_int_equal(sv_json_num(order_of(doc), "until_us"), 61000);
	assert_int_equal(settled(doc), 1);
	must(flip(doc, "confirm", NULL, "B", 0, 0, &err), &err);
	order_is(doc, "confirm", "B", "A", 4);
	assert_int_equal(settled(doc), 2);
	must(flip(doc, "hold", NULL, "B", 0, 0, &err), &err);
	order_is(doc, "hold", "", "B", 5);
	assert_int_equal(settled(doc), 0);
	must(flip(doc, "rollback", NULL, NULL, 0, 0, &err), &err);
	order_is(doc, "rollback", "B", "", 6);
	must(flip(doc, "hold", NULL, "B", 0, 0, &err), &err);
	must(flip(doc, "flip", "A", "", 0, 0, &err), &err);
	order_is(doc, "flip", "A", "", 8);
	cJSON_Delete(doc);
}

/* Ids go on when a group is gone and comes again: an agent that slept does not miss the
 * new order. */
static void ids_never_fall(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };

	(void)state;
	must(flip(doc, "hold", NULL, "A", 0, 0, &err), &err);
	must(apply(doc, "{'vnets':{'A':null},'groups':null}", &err), &err);
	assert_null(sv_json_get(doc, "flips")->child);
	must(apply(doc, "{}", &err), &err);
	must(flip(doc, "hold", NULL, "A", 0, 0, &err), &err);
	order_is(doc, "hold", "", "A", 2);
	cJSON_Delete(doc);
}

static void order_refusals(void **state)
{
	static const struct {
		const char *kind, *to, *live;
		uint64_t at, until;
		int rc;
		const char *text;
	} cases[] = {
		{ "flip", "X", "A", 0, 0, -EINVAL,
		  "\"X\" is not in group web: its members are A, B" },
		{ "flip", NULL, "A", 0, 0, -EINVAL,
		  "\"\" is not in group web: its members are A, B" },
		{ "flip", "A", "A", 0, 0, -EALREADY, "A is live in group web already" },
		{ "flip", "B", "A", 500, 400, -EINVAL,
		  "the time to confirm ends before the flip: choose a later one" },
		{ "confirm", NULL, "A", 0, 0, -EINVAL,
		  "group web has no flip that waits to be confirmed" },
		{ "rollback", NULL, "A", 0, 0, -EINVAL, "group web has nothing to go back to" },
		{ "jump", "B", "A", 0, 0, -EINVAL, "\"jump\" is not a gate operation" },
	};
	cJSON *doc = example_doc("{}"), *before;
	struct sv_err err = { 0 };

	(void)state;
	add_shadow(doc, "B", "A", NULL);
	before = cJSON_Duplicate(doc, true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(flip(doc, cases[i].kind, cases[i].to, cases[i].live, cases[i].at,
				      cases[i].until, &err),
				 cases[i].rc);
		assert_string_equal(err.text, cases[i].text);
		assert_true(cJSON_Compare(before, doc, true));
	}
	assert_int_equal(sv_doc_flip(doc, "none", "hold", NULL, NULL, 0, 0, &err), -ENOENT);
	/* Nobody confirmed in time: the gate went back by itself. */
	must(flip(doc, "flip", "B", "A", 0, 60000, &err), &err);
	assert_int_equal(flip(doc, "confirm", NULL, "A", 0, 0, &err), -ETIME);
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

/* ---- sessions ---- */

static void session_refusals(void **state)
{
	static const char *const nowhere[] = { "nowhere", NULL };
	static const char *const no_iface[] = { "r1:eth7", NULL };
	static const struct {
		struct sv_doc_session session;
		int rc;
		const char *text;
	} cases[] = {
		{ { .name = "s", .of = "X" }, -ENOENT, "there is no VNet X to monitor" },
		{ { .name = "old", .of = "A" }, -EEXIST, "there is a session old already" },
		{ { .name = "s", .of = "A", .to = "A" },
		  -EEXIST,
		  "A is a VNet that is not for monitoring: choose another with --to" },
		{ { .name = "s", .of = "Moni" }, -ENOENT, "there is no VNet Moni to monitor" },
		{ { .name = "a-name-too-long-for-it", .of = "A", .to = "Moni" },
		  -EINVAL,
		  "\"a-name-too-long-for-it\" is no interface name of 1 … 15 characters: give a "
		  "shorter one with --to Moni:INTERFACE" },
		{ { .name = "s", .of = "A", .direction = "up" },
		  -EINVAL,
		  "sessions.s.direction: must be \"in\", \"out\" or \"both\"" },
		{ { .name = "s", .of = "A", .at = nowhere },
		  -EINVAL,
		  "sessions.s.at: A has no link or edge \"nowhere\"" },
		{ { .name = "s", .of = "A", .at = no_iface },
		  -EINVAL,
		  "sessions.s.at: A has no interface \"r1:eth7\"" },
	};
	cJSON *doc = example_doc("{}"), *before;

	(void)state;
	add_session(doc, "old", "A", NULL, NULL, "Moni");
	before = cJSON_Duplicate(doc, true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_err err = { 0 };

		assert_int_equal(sv_doc_session_start(doc, &cases[i].session, NULL, &err),
				 cases[i].rc);
		assert_string_equal(err.text, cases[i].text);
		assert_true(cJSON_Compare(before, doc, true));
	}
	cJSON_Delete(before);
	cJSON_Delete(doc);
}

static void monitor_comes_and_goes(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_err err = { 0 };
	struct sv_net *net;
	int m;

	(void)state;
	add_session(doc, "a", "A", "in", "exit", "Moni:all");
	add_session(doc, "b", "A", "out", "exit", "Moni:all");
	net = load_doc(doc);
	m = sv_net_find_vnet(net, "Moni");
	assert_int_equal(net->vnet[m].n_vnode, 3);
	assert_int_equal(net->vnet[m].n_segment, 2);
	assert_string_equal(net->vnet[m].vnode[1].spec.name, "host2");
	assert_int_equal(net->vnet[m].vnode[1].spec.n_iface, 3);
	assert_string_equal(net->vnet[m].vnode[1].spec.iface[0].name, "all");
	assert_int_equal(net->vnet[m].vnode[1].spec.iface[0].mtu, 1504);
	assert_string_equal(net->vnet[m].vnode[1].spec.iface[1].name, "eth-host1");
	sv_net_free(net);
	must(sv_doc_session_stop(doc, "a", &err), &err);
	assert_non_null(sv_json_get(sv_json_get(doc, "monitors"), "Moni"));
	must(sv_doc_session_stop(doc, "b", &err), &err);
	assert_null(sv_json_get(sv_json_get(doc, "monitors"), "Moni"));
	assert_int_equal(sv_doc_session_stop(doc, "b", &err), -ENOENT);
	assert_null(alloc_of(doc, "ports", "Moni/host1/all"));
	cJSON_Delete(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocation_is_stable),
		cmocka_unit_test(nothing_is_reused_at_once),
		cmocka_unit_test(what_a_host_still_knows_is_held_back),
		cmocka_unit_test(retired_roles_are_held_back),
		cmocka_unit_test(pool_runs_dry),
		cmocka_unit_test(macs_of_a_shadow),
		cmocka_unit_test(shadow_refusals),
		cmocka_unit_test(shadow_updates_add_up),
		cmocka_unit_test(finish_with_the_shadow),
		cmocka_unit_test(finish_needs_somebody),
		cmocka_unit_test(apply_takes_along),
		cmocka_unit_test(live_shadows_are_safe),
		cmocka_unit_test(delete_a_vnet),
		cmocka_unit_test(replaced_production_is_heard),
		cmocka_unit_test(orders),
		cmocka_unit_test(ids_never_fall),
		cmocka_unit_test(order_refusals),
		cmocka_unit_test(session_refusals),
		cmocka_unit_test(monitor_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
