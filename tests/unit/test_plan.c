// SPDX-License-Identifier: GPL-2.0-only
#include "net_example.h"

/*
 * The planner against a simulated host. The simulation does what the kernel and the drivers would,
 * refuses what they would refuse, and after every single operation asks whether a shadow could be
 * heard and whether production is whole. Plans are cut short at random, as a crash does.
 */

#define MAX_STATES 64

/* Contents are borrowed from desired states, which live as long as the test. */
struct sim {
	struct sv_host_state now;
	struct sv_names names;
	const char *host;
	size_t n_kept;
	struct sv_host_state *kept[MAX_STATES];
};

static uint32_t seed;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* ---- the simulated host ---- */

static struct sv_host_port *sim_port(struct sim *s, __u32 name)
{
	for (size_t i = 0; i < s->now.n_port; i++)
		if (s->now.port[i].name == name)
			return &s->now.port[i];
	return NULL;
}

static void sim_device(struct sim *s, __u32 name)
{
	struct sv_host_port *port = sim_port(s, name);

	if (!port)
		port = sv_grow(&s->now.port, &s->now.n_port, sizeof(*port));
	else if (port->exists)
		return;
	/* Programs that were on a lost device are not on the new one of its name. */
	*port = (struct sv_host_port){ .name = name, .exists = true, .role = SV_ROLE_NONE };
}

#define REMOVE(array, count, index)                                                                \
	do {                                                                                       \
		size_t _i = (index);                                                               \
		memmove(&(array)[_i], &(array)[_i + 1], ((count)-_i - 1) * sizeof(*(array)));      \
		(count)--;                                                                         \
	} while (0)

static void sim_device_gone(struct sim *s, __u32 name)
{
	struct sv_host_port *port = sim_port(s, name);

	if (!port)
		return;
	port->exists = port->up = false;
	if (!port->attached)
		REMOVE(s->now.port, s->now.n_port, port - s->now.port);
}

static struct sv_host_vnode *sim_vnode(struct sim *s, const char *vnet, const char *name,
				       const char *driver)
{
	for (size_t i = 0; i < s->now.n_vnode; i++)
		if (!strcmp(s->now.vnode[i].spec.vnet, vnet) &&
		    !strcmp(s->now.vnode[i].spec.name, name) &&
		    !strcmp(s->now.vnode[i].spec.driver, driver))
			return &s->now.vnode[i];
	return NULL;
}

static void sim_ifaces(struct sim *s, const struct sv_vnode_spec *spec)
{
	bool made = strcmp(spec->driver, "external");

	for (size_t i = 0; i < spec->n_iface; i++) {
		__u32 name = sv_names_add(&s->names, spec->iface[i].port);

		if (made)
			sim_device(s, name);
		else
			assert_true(sim_port(s, name) && sim_port(s, name)->exists);
	}
}

static void sim_define(struct sim *s, const struct sv_host_vnode *want)
{
	struct sv_host_vnode *vnode =
		sim_vnode(s, want->spec.vnet, want->spec.name, want->spec.driver);

	assert_null(vnode);
	vnode = sv_grow(&s->now.vnode, &s->now.n_vnode, sizeof(*vnode));
	*vnode = *want;
	vnode->state = want->spec.program ? SV_VNODE_DEFINED : SV_VNODE_RUNNING;
	sim_ifaces(s, &want->spec);
}

static bool has_iface(const struct sv_vnode_spec *spec, const char *port)
{
	for (size_t i = 0; i < spec->n_iface; i++)
		if (!strcmp(spec->iface[i].port, port))
			return true;
	return false;
}

static void sim_drop_ifaces(struct sim *s, const struct sv_vnode_spec *old,
			    const struct sv_vnode_spec *stay)
{
	for (size_t i = 0; strcmp(old->driver, "external") && i < old->n_iface; i++)
		if (!stay || !has_iface(stay, old->iface[i].port))
			sim_device_gone(s, sv_names_find(&s->names, old->iface[i].port));
}

static void sim_update(struct sim *s, const struct sv_host_vnode *want)
{
	struct sv_host_vnode *vnode =
		sim_vnode(s, want->spec.vnet, want->spec.name, want->spec.driver);
	enum sv_vnode_state state;

	assert_non_null(vnode);
	sim_drop_ifaces(s, &vnode->spec, &want->spec);
	state = vnode->state;
	*vnode = *want;
	vnode->state = state == SV_VNODE_FAILED || !want->spec.program
			       ? (want->spec.program ? SV_VNODE_DEFINED : SV_VNODE_RUNNING)
			       : state;
	sim_ifaces(s, &want->spec);
}

static void sim_destroy(struct sim *s, const struct sv_host_vnode *have)
{
	struct sv_host_vnode *vnode =
		sim_vnode(s, have->spec.vnet, have->spec.name, have->spec.driver);

	assert_non_null(vnode);
	sim_drop_ifaces(s, &vnode->spec, NULL);
	REMOVE(s->now.vnode, s->now.n_vnode, vnode - s->now.vnode);
}

static struct sv_host_attach *sim_attach(struct sim *s, const struct sv_attach_key *key)
{
	for (size_t i = 0; i < s->now.n_attach; i++)
		if (!memcmp(&s->now.attach[i].spec.key, key, sizeof(*key)))
			return &s->now.attach[i];
	return NULL;
}

static struct sv_host_session *sim_session(struct sim *s, uint16_t number)
{
	for (size_t i = 0; i < s->now.n_session; i++)
		if (s->now.session[i].number == number)
			return &s->now.session[i];
	return NULL;
}

static struct sv_host_group *sim_group(struct sim *s, uint16_t slot)
{
	for (size_t i = 0; i < s->now.n_group; i++)
		if (s->now.group[i].slot == slot)
			return &s->now.group[i];
	return NULL;
}

static void sim_port_attach(struct sim *s, const struct sv_host_port *want)
{
	struct sv_host_port *port = sim_port(s, want->name);

	assert_true(port && port->exists);
	port->attached = true;
	port->role = want->role;
	port->xdp = want->xdp;
}

static void sim_port_detach(struct sim *s, const struct sv_host_port *have)
{
	struct sv_host_port *port = sim_port(s, have->name);

	assert_true(port && port->attached);
	port->attached = port->xdp = false;
	if (!port->exists)
		REMOVE(s->now.port, s->now.n_port, port - s->now.port);
}

static void sim_attach_set(struct sim *s, const struct sv_host_attach *want)
{
	struct sv_host_attach *attach = sim_attach(s, &want->spec.key);

	if (!attach)
		attach = sv_grow(&s->now.attach, &s->now.n_attach, sizeof(*attach));
	*attach = *want;
}

static void sim_session_set(struct sim *s, const struct sv_host_session *want)
{
	struct sv_host_session *session = sim_session(s, want->number);

	if (want->val.kind == SV_SESSION_DEVICE)
		assert_true(sim_port(s, want->val.ifindex) &&
			    sim_port(s, want->val.ifindex)->exists);
	else
		assert_int_equal(want->val.kind, SV_SESSION_RING);
	for (size_t i = 0; want->val.kind == SV_SESSION_RING && i < s->now.n_session; i++)
		if (s->now.session[i].val.kind == SV_SESSION_RING &&
		    s->now.session[i].number != want->number)
			assert_int_not_equal(s->now.session[i].val.tap, want->val.tap);
	if (!session)
		session = sv_grow(&s->now.session, &s->now.n_session, sizeof(*session));
	*session = *want;
}

static struct sv_host_export *sim_export(struct sim *s, uint16_t number)
{
	for (size_t i = 0; i < s->now.n_export; i++)
		if (s->now.export[i].number == number)
			return &s->now.export[i];
	return NULL;
}

static void sim_export_make(struct sim *s, const struct sv_host_export *want)
{
	struct sv_host_export *export = sim_export(s, want->number);

	sim_device(s, want->outer);
	sim_device(s, want->inner);
	if (!export)
		export = sv_grow(&s->now.export, &s->now.n_export, sizeof(*export));
	*export = *want;
	export->val.mtu = 9000;
}

static void sim_export_drop(struct sim *s, const struct sv_host_export *have)
{
	struct sv_host_export *export = sim_export(s, have->number), gone;

	assert_non_null(export);
	gone = *export;
	REMOVE(s->now.export, s->now.n_export, export - s->now.export);
	sim_device_gone(s, gone.outer);
	sim_device_gone(s, gone.inner);
}

/* One end takes the other along. */
static void sim_pair_gone(struct sim *s, __u32 name)
{
	for (size_t i = 0; i < s->now.n_export; i++)
		if (s->now.export[i].outer == name || s->now.export[i].inner == name)
			return sim_export_drop(s, &s->now.export[i]);
	sim_device_gone(s, name);
}

static void sim_gate(struct sim *s, const struct sv_host_group *want, uint8_t role, bool fresh)
{
	struct sv_host_group *group = sim_group(s, want->slot);

	if (!group)
		group = sv_grow(&s->now.group, &s->now.n_group, sizeof(*group));
	*group = *want;
	group->role = role;
	group->fresh = fresh;
}

/* `have` is a snapshot from before the plan: its indices stay good. */
static void sim_op(struct sim *s, const struct sv_op *op, const struct sv_host_state *want,
		   const struct sv_host_state *have)
{
	size_t i = op->index[0];
	struct sv_host_vnode *vnode;

	switch (op->kind) {
	case SV_OP_GATE_HOLD:
		return sim_gate(s, &want->group[i], SV_GATE_HOLD, true);
	case SV_OP_GATE_OPEN:
		return sim_gate(s, &want->group[i], want->group[i].role, false);
	case SV_OP_GATE_CLEAR:
		assert_non_null(sim_group(s, have->group[i].slot));
		REMOVE(s->now.group, s->now.n_group,
		       sim_group(s, have->group[i].slot) - s->now.group);
		return;
	case SV_OP_VNODE_CLONE:
		assert_non_null(sim_vnode(s, want->vnode[i].clone_vnet, want->vnode[i].clone_name,
					  want->vnode[i].spec.driver));
		return sim_define(s, &want->vnode[i]);
	case SV_OP_VNODE_DEFINE:
		return sim_define(s, &want->vnode[i]);
	case SV_OP_VNODE_UPDATE:
		return sim_update(s, &want->vnode[i]);
	case SV_OP_VNODE_DESTROY:
		return sim_destroy(s, &have->vnode[i]);
	case SV_OP_VNODE_TIER:
	case SV_OP_VNODE_START:
		vnode = sim_vnode(s, want->vnode[i].spec.vnet, want->vnode[i].spec.name,
				  want->vnode[i].spec.driver);
		assert_non_null(vnode);
		if (op->kind == SV_OP_VNODE_START)
			vnode->state = SV_VNODE_RUNNING;
		else
			vnode->spec.tier = want->vnode[i].spec.tier;
		return;
	case SV_OP_EXPORT_MAKE:
		return sim_export_make(s, &want->export[i]);
	case SV_OP_EXPORT_DROP:
		return sim_export_drop(s, &have->export[i]);
	case SV_OP_PORT_ATTACH:
		return sim_port_attach(s, &want->port[i]);
	case SV_OP_PORT_DETACH:
		return sim_port_detach(s, &have->port[i]);
	case SV_OP_PORT_UP:
		assert_true(sim_port(s, want->port[i].name)->exists);
		sim_port(s, want->port[i].name)->up = true;
		return;
	case SV_OP_PORT_DOWN:
		sim_port(s, have->port[i].name)->up = false;
		return;
	case SV_OP_SESSION_SET:
		return sim_session_set(s, &want->session[i]);
	case SV_OP_SESSION_DEL:
		REMOVE(s->now.session, s->now.n_session,
		       sim_session(s, have->session[i].number) - s->now.session);
		return;
	case SV_OP_ATTACH_SET:
		for (size_t n = 0; n < op->n; n++)
			sim_attach_set(s, &want->attach[op->index[n]]);
		return;
	case SV_OP_ATTACH_DEL:
		for (size_t n = 0; n < op->n; n++)
			REMOVE(s->now.attach, s->now.n_attach,
			       sim_attach(s, &have->attach[op->index[n]].spec.key) - s->now.attach);
		return;
	case SV_OP__COUNT:
		break;
	}
	fail_msg("no such operation %d", op->kind);
}

/* ---- what must hold after every operation ---- */

static bool is_edge(const struct sim *s, __u32 name)
{
	const char *text = sv_names_get(&s->names, name);

	return text[0] == 'e' && text[1] != 't';
}

static bool exits_gated(const struct sv_attach_spec *spec, __u32 name, uint16_t nth)
{
	for (size_t p = 0; p < spec->n_port; p++)
		if (spec->port[p].ifindex == name && spec->port[p].nth == nth)
			return spec->port[p].flags & SV_EXIT_GATED;
	return false;
}

/* Which variant of an attachment a fan-out belongs to. */
static uint32_t variant_of(const struct sv_attach *val, size_t fan)
{
	return (fan >> val->bits) % val->variants;
}

/* 1. Whatever leads to an edge asks the gate, and the closed variant does not lead there. */
static void check_silent(struct sim *s, const struct sv_host_attach *attach)
{
	const struct sv_attach_spec *spec = &attach->spec;

	for (size_t f = 0; f < spec->n_fan; f++)
		for (__u32 d = 0; d < spec->fan[f].n; d++) {
			const struct sv_dest *dest = &spec->fan[f].dest[d];

			if (!is_edge(s, dest->ifindex))
				continue;
			assert_true(spec->val.flags & SV_ATTACH_GATED);
			assert_int_not_equal(spec->val.role, 0);
			assert_int_equal(variant_of(&spec->val, f), 1);
			assert_true(dest->flags & SV_DEST_GUARDED);
			assert_true(exits_gated(spec, dest->ifindex, dest->nth));
		}
}

static bool is_wanted(const struct sv_host_state *want, __u32 name)
{
	for (size_t i = 0; i < want->n_port; i++)
		if (want->port[i].name == name)
			return true;
	return false;
}

/* 2. No attachment leads to a device that is not there, or by XDP to one that takes no
 * XDP frames. */
static void check_devices(struct sim *s, const struct sv_host_attach *attach,
			  const struct sv_host_state *want)
{
	const struct sv_attach_spec *spec = &attach->spec;
	bool xdp = spec->val.flags & SV_ATTACH_XDP;
	struct sv_host_port *own = sim_port(s, spec->key.ifindex);

	assert_true(own && own->attached);
	assert_true(!xdp || own->xdp);
	for (size_t f = 0; f < spec->n_fan; f++)
		for (__u32 d = 0; d < spec->fan[f].n; d++) {
			__u32 name = spec->fan[f].dest[d].ifindex;
			struct sv_host_port *port = sim_port(s, name);

			/* An update that brings an interface may take another away with it. */
			if (!is_wanted(want, name) && port && !port->exists)
				continue;
			assert_true(port && port->exists && port->attached);
			assert_true(!xdp || port->xdp);
		}
	for (int b = 0; b < SV_SESSION_BITS; b++)
		if (spec->val.session[b]) {
			const struct sv_host_session *session =
				sim_session(s, spec->val.session[b]);

			assert_non_null(session);
			assert_int_equal(session->val.kind,
					 b < spec->val.bits ? SV_SESSION_DEVICE : SV_SESSION_RING);
		}
}

/* 3. A VNode's port that is up has its attachment, if it is to have one. */
static void check_ports(struct sim *s, const struct sv_host_state *want)
{
	for (size_t i = 0; i < want->n_attach; i++) {
		const struct sv_attach_spec *spec = &want->attach[i].spec;
		const struct sv_host_port *port = sim_port(s, spec->key.ifindex);

		if (spec->val.port_role == SV_ROLE_VNODE && port && port->up && port->attached)
			assert_non_null(sim_attach(s, &spec->key));
	}
}

/* 4. Production is whole: an attachment that was there and is to stay is there all the time. */
static void check_kept(struct sim *s, const struct sv_host_state *want,
		       const struct sv_host_state *have)
{
	for (size_t i = 0; i < have->n_attach; i++)
		for (size_t w = 0; w < want->n_attach; w++)
			if (!memcmp(&want->attach[w].spec.key, &have->attach[i].spec.key,
				    sizeof(have->attach[i].spec.key)))
				assert_non_null(sim_attach(s, &have->attach[i].spec.key));
}

/* 5. Counters, exits and neighbours go by the id: no two attachments ever share one. */
static void check_ids(const struct sim *s)
{
	for (size_t i = 0; i < s->now.n_attach; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(s->now.attach[i].spec.val.id,
					     s->now.attach[j].spec.val.id);
}

static void check_step(struct sim *s, const struct sv_host_state *want,
		       const struct sv_host_state *have, bool clean)
{
	for (size_t i = 0; i < s->now.n_attach; i++)
		check_silent(s, &s->now.attach[i]);
	check_kept(s, want, have);
	check_ids(s);
	if (clean)
		check_ports(s, want);
	for (size_t i = 0; clean && i < s->now.n_attach; i++)
		check_devices(s, &s->now.attach[i], want);
}

/* ---- running plans ---- */

static void *copy_array(const void *array, size_t size)
{
	void *copy = malloc(size + 1);

	if (size)
		memcpy(copy, array, size);
	return copy;
}

/* The arrays alone; what they point to is borrowed. */
static struct sv_host_state snapshot(const struct sim *s)
{
	struct sv_host_state copy = s->now;

	copy.port = copy_array(copy.port, copy.n_port * sizeof(*copy.port));
	copy.vnode = copy_array(copy.vnode, copy.n_vnode * sizeof(*copy.vnode));
	copy.attach = copy_array(copy.attach, copy.n_attach * sizeof(*copy.attach));
	copy.session = copy_array(copy.session, copy.n_session * sizeof(*copy.session));
	copy.export = copy_array(copy.export, copy.n_export * sizeof(*copy.export));
	copy.group = copy_array(copy.group, copy.n_group * sizeof(*copy.group));
	return copy;
}

static void snapshot_free(struct sv_host_state *copy)
{
	free(copy->port);
	free(copy->vnode);
	free(copy->attach);
	free(copy->session);
	free(copy->export);
	free(copy->group);
}

static struct sv_host_state *sim_want(struct sim *s, const cJSON *doc)
{
	struct sv_host_state *want = calloc(1, sizeof(*want));
	struct sv_err err = { 0 };

	assert_true(s->n_kept < MAX_STATES);
	s->kept[s->n_kept++] = want;
	compile_doc(want, &s->names, doc, s->host);
	must(sv_host_resolve(want, &s->now, &err), &err);
	return want;
}

/* Runs at most `limit` operations of a plan; returns how many the plan had. `clean`: the host was
 * as some plan had left it, so devices never lack. */
static size_t sim_run(struct sim *s, const struct sv_host_state *want, size_t limit, bool clean)
{
	struct sv_host_state have = snapshot(s);
	struct sv_plan plan = { 0 };
	struct sv_err err = { 0 };
	size_t n;

	must(sv_plan_make(&plan, want, &have, &err), &err);
	n = plan.n;
	for (size_t i = 0; i < plan.n && i < limit; i++) {
		sim_op(s, &plan.op[i], want, &have);
		check_step(s, want, &have, clean);
	}
	sv_plan_fini(&plan);
	snapshot_free(&have);
	return n;
}

static void expect_done(struct sim *s, const struct sv_host_state *want)
{
	struct sv_plan plan = { 0 };
	struct sv_err err = { 0 };

	must(sv_plan_make(&plan, want, &s->now, &err), &err);
	if (plan.n)
		fail_msg("still to do: %s", plan.op[0].text);
	sv_plan_fini(&plan);
	assert_int_equal(s->now.n_attach, want->n_attach);
	assert_int_equal(s->now.n_vnode, want->n_vnode);
	assert_int_equal(s->now.n_session, want->n_session);
	assert_int_equal(s->now.n_export, want->n_export);
	for (size_t i = 0; i < want->n_attach; i++)
		assert_true(sv_attach_spec_equal(&sim_attach(s, &want->attach[i].spec.key)->spec,
						 &want->attach[i].spec));
	for (size_t a = 0; a < s->now.n_attach; a++)
		check_devices(s, &s->now.attach[a], want);
	for (size_t i = 0; i < want->n_port; i++) {
		const struct sv_host_port *port = sim_port(s, want->port[i].name);

		assert_true(port && port->exists && port->attached && port->up);
		assert_int_equal(port->xdp, want->port[i].xdp);
	}
	for (size_t i = 0; i < want->n_group; i++)
		if (want->group[i].edge)
			assert_non_null(sim_group(s, want->group[i].slot));
}

static void sim_open(struct sim *s, const char *host)
{
	static const char *const wires[] = {
		"e1", "t12", "t21", "t23", "t32", "e3", "tap0", "tap1"
	};

	*s = (struct sim){ .host = host };
	for (size_t i = 0; i < sizeof(wires) / sizeof(*wires); i++)
		sim_device(s, sv_names_add(&s->names, wires[i]));
	s->now.names = &s->names;
}

static void sim_close(struct sim *s)
{
	snapshot_free(&s->now);
	for (size_t i = 0; i < s->n_kept; i++) {
		sv_host_state_fini(s->kept[i]);
		free(s->kept[i]);
	}
	sv_names_fini(&s->names);
}

/* ---- random networks ---- */

static const char *const variants[] = {
	"{}",
	"{'vnets':{'A':{'datapath':'xdp'}}}",
	"{'vnets':{'A':{'datapath':'tc'}}}",
	"{'vnets':{'A':{'vnodes':{'r1':{'host':'host2'}}}}}",
	"{'vnets':{'A':{'vnodes':{'r2':{'host':'host1'}}}}}",
	"{'vnets':{'A':{'datapath':'xdp','vnodes':{'r2':{'host':'host3'}}}}}",
	"{'vnets':{'A':{'vnodes':{'s':{'host':'host1','interfaces':{'eth0':{}}}},"
	"'edges':{'entry':{'ends':['r1:eth0','s:eth0']}}}}}",
	"{'vnets':{'A':{'vnodes':{'r1':{'driver':'external','program':null,'interfaces':{'eth0':{"
	"'device':'tap0','rate':null},'eth1':{'device':'tap1','rate':null}}}}}}}",
	"{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth1':{'mtu':1400}},'cpu_weight':7}}}}}",
	"{'vnets':{'A':{'vnodes':{'r1':{'interfaces':{'eth2':{}}}}}}}",
	"{'vnets':{'C':{'vnodes':{'x':{'host':'host1','interfaces':{'a':{}}},'y':{'host':'host3',"
	"'interfaces':{'a':{}}}},'links':{'l':{'ends':['x:a','y:a']}}}}}",
	"{'vnets':{'C':{'datapath':'xdp','vnodes':{'x':{'host':'host3','interfaces':{'a':{}}}},"
	"'edges':{'e':{'port':'host1:e1','vlan':7,'ends':['x:a']}}}}}",
};

static void random_apply(cJSON *doc)
{
	cJSON *network = patched_network(variants[dice(sizeof(variants) / sizeof(*variants))]);

	sv_doc_apply(doc, network, NULL, NULL);
	cJSON_Delete(network);
}

static void random_shadow(cJSON *doc)
{
	static const char *const overrides[] = {
		NULL,
		"{'datapath':'tc'}",
		"{'datapath':'xdp'}",
		"{'vnodes':{'r1':{'host':'host2'}}}",
		"{'vnodes':{'r1':{'program':['/bin/b']}}}",
		"{'vnodes':{'r1':{'driver':'netns','interfaces':{'eth0':{'device':null},"
		"'eth1':{'device':null}}}}}",
	};
	const char *names[] = { "B", "D" };
	const char *text = overrides[dice(sizeof(overrides) / sizeof(*overrides))];
	cJSON *override = text ? quoted(text) : NULL;

	if (dice(3))
		sv_doc_shadow_start(doc, names[dice(2)], "A", override, NULL, NULL);
	else if (override)
		sv_doc_shadow_update(doc, names[dice(2)], override, NULL, NULL);
	cJSON_Delete(override);
}

static void random_session(cJSON *doc)
{
	static const char *const points[] = { "all", "entry", "exit", "l12", "r1:eth0" };
	static const char *const directions[] = { "in", "out", "both" };
	static const char *const names[] = { "s1", "s2", "s3" };
	static const char *const vnets[] = { "A", "B", "C" };
	static const char *const targets[] = { "Moni", "Moni:all",	  "ring",
					       "ring", "vxlan:192.0.2.9", "erspan:192.0.2.9/3" };
	static const char *const wishes[] = { "{}", "{'snap':128}", "{'filter':'udp','snap':0}",
					      "{'filter':'','budget':'5mbit'}",
					      "{'sample':'flows/8','priority':3}" };
	const char *at[] = { points[dice(5)], NULL };
	cJSON *options = quoted(wishes[dice(5)]);
	struct sv_doc_session session = { .name = names[dice(3)],
					  .of = vnets[dice(3)],
					  .direction = directions[dice(3)],
					  .at = at,
					  .to = targets[dice(6)],
					  .options = options };

	switch (dice(4)) {
	case 0:
		sv_doc_session_stop(doc, session.name, NULL);
		break;
	case 1:
		sv_doc_session_update(doc, &session, NULL, NULL);
		break;
	default:
		sv_doc_session_start(doc, &session, NULL, NULL);
	}
	cJSON_Delete(options);
}

static void random_order(cJSON *doc)
{
	static const char *const kinds[] = { "flip", "confirm", "rollback", "hold" };
	static const char *const names[] = { "A", "B", "D" };

	if (dice(2))
		sv_doc_flip(doc, "web", kinds[dice(4)], names[dice(3)], names[dice(3)], 0, 0, NULL);
	else
		sv_doc_shadow_finish(doc, "web", names[dice(3)], NULL);
}

/* Every change either succeeds, and the whole can be loaded, or changes nothing. */
static void random_change(cJSON *doc)
{
	static void (*const changes[])(cJSON *) = { random_apply, random_shadow, random_shadow,
						    random_session, random_order };

	changes[dice(5)](doc);
	sv_net_free(load_doc(doc));
}

/* What happens to hosts behind the agent's back. */
static void random_damage(struct sim *s)
{
	struct sv_host_port *port = s->now.n_port ? &s->now.port[dice(s->now.n_port)] : NULL;
	struct sv_host_attach stray = { 0 };

	switch (dice(7)) {
	case 0:
		if (port && port->role >= SV_ROLE_VNODE &&
		    sv_names_get(&s->names, port->name)[0] == 's')
			sim_pair_gone(s, port->name);
		return;
	case 1:
		if (port)
			port->up = false;
		return;
	case 2:
		if (port && port->exists)
			port->attached = port->xdp = port->up = false;
		return;
	case 3:
		if (s->now.n_attach)
			REMOVE(s->now.attach, s->now.n_attach, dice(s->now.n_attach));
		return;
	case 4:
		if (s->now.n_vnode && s->now.vnode[0].spec.program)
			s->now.vnode[0].state = SV_VNODE_FAILED;
		return;
	case 5:
		if (s->now.n_group)
			s->now.n_group = 0;
		return;
	case 6:
		stray.spec.key.ifindex = sv_names_add(&s->names, "#99");
		stray.spec.val.id = 77;
		stray.spec.val.variants = 1;
		if (!sim_attach(s, &stray.spec.key))
			sim_attach_set(s, &stray);
		return;
	}
}

static void random_runs(const char *host, bool damage)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state *want;
	struct sim s;

	sim_open(&s, host);
	want = sim_want(&s, doc);
	sim_run(&s, want, SIZE_MAX, true);
	expect_done(&s, want);
	for (int round = 0; round < 16; round++) {
		for (uint32_t i = dice(3); i < 3; i++)
			random_change(doc);
		/* Cut at a random place, perhaps for another network by then. */
		want = sim_want(&s, doc);
		sim_run(&s, want, dice(12), !damage);
		if (dice(2))
			random_change(doc);
		if (damage)
			random_damage(&s);
		want = sim_want(&s, doc);
		sim_run(&s, want, SIZE_MAX, !damage);
		expect_done(&s, want);
	}
	sim_close(&s);
	cJSON_Delete(doc);
}

static void crashes_converge(void **state)
{
	static const char *const hosts[] = { "host1", "host2", "host3" };

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		seed = 1000 + i;
		random_runs(hosts[i % 3], false);
	}
}

static void damage_is_mended(void **state)
{
	static const char *const hosts[] = { "host1", "host2", "host3" };

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		seed = 5000 + i;
		random_runs(hosts[i % 3], true);
	}
}

/* ---- every prefix of the plans that matter ---- */

static void every_prefix(const char *from, const char *to, bool shadow_before, bool shadow_after)
{
	for (size_t cut = 0;; cut++) {
		cJSON *doc = example_doc(from), *network = patched_network(to);
		struct sv_host_state *want;
		struct sv_err err = { 0 };
		struct sim s;
		size_t n;

		if (shadow_before)
			add_shadow(doc, "B", "A", NULL);
		sim_open(&s, "host1");
		want = sim_want(&s, doc);
		sim_run(&s, want, SIZE_MAX, true);
		must(sv_doc_apply(doc, network, NULL, &err), &err);
		if (shadow_after && !shadow_before)
			add_shadow(doc, "B", "A", NULL);
		if (!shadow_after && shadow_before)
			must(sv_doc_shadow_finish(doc, "web", "A", &err), &err);
		want = sim_want(&s, doc);
		n = sim_run(&s, want, cut, true);
		want = sim_want(&s, doc);
		sim_run(&s, want, SIZE_MAX, true);
		expect_done(&s, want);
		sim_close(&s);
		cJSON_Delete(doc);
		cJSON_Delete(network);
		if (cut >= n)
			break;
	}
}

static void shadow_comes(void **state)
{
	(void)state;
	every_prefix("{}", "{}", false, true);
}

static void shadow_goes(void **state)
{
	(void)state;
	every_prefix("{}", "{}", true, false);
}

static void datapath_changes(void **state)
{
	(void)state;
	every_prefix(variants[1], variants[2], true, true);
	every_prefix(variants[2], variants[1], true, true);
}

static void vnode_moves(void **state)
{
	(void)state;
	every_prefix(variants[0], variants[3], true, true);
	every_prefix(variants[3], variants[0], true, true);
}

/* ---- the order in words ---- */

static size_t place(const struct sv_plan *plan, enum sv_op_kind kind)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->op[i].kind == kind)
			return i;
	fail_msg("no %s in the plan", sv_op_name(kind));
	return 0;
}

static void first_plan(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state *want;
	struct sv_plan plan = { 0 };
	struct sv_err err = { 0 };
	struct sim s;

	(void)state;
	sim_open(&s, "host1");
	want = sim_want(&s, doc);
	must(sv_plan_make(&plan, want, &s.now, &err), &err);
	assert_int_equal(place(&plan, SV_OP_GATE_HOLD), 0);
	assert_true(place(&plan, SV_OP_VNODE_DEFINE) < place(&plan, SV_OP_PORT_ATTACH));
	assert_true(place(&plan, SV_OP_PORT_ATTACH) < place(&plan, SV_OP_ATTACH_SET));
	assert_true(place(&plan, SV_OP_ATTACH_SET) < place(&plan, SV_OP_PORT_UP));
	assert_true(place(&plan, SV_OP_PORT_UP) < place(&plan, SV_OP_VNODE_START));
	assert_int_equal(place(&plan, SV_OP_GATE_OPEN), plan.n - 1);
	assert_string_equal(plan.op[plan.n - 1].text, "gate-open web to role 1");
	assert_string_equal(plan.op[1].text, "vnode-define A/r1 (netns)");
	sv_plan_fini(&plan);
	sim_close(&s);
	cJSON_Delete(doc);
}

/* A held group stays held when its host starts again, and its gate can take orders. */
static void hold_stays(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state *want;
	struct sv_plan plan = { 0 };
	struct sv_err err = { 0 };
	struct sim s;

	(void)state;
	must(sv_doc_flip(doc, "web", "hold", NULL, "A", 0, 0, &err), &err);
	sim_open(&s, "host1");
	want = sim_want(&s, doc);
	must(sv_plan_make(&plan, want, &s.now, &err), &err);
	for (size_t i = 0; i < plan.n; i++)
		if (plan.op[i].kind == SV_OP_GATE_OPEN)
			assert_string_equal(plan.op[i].text, "gate-open web to role 0");
	assert_true(place(&plan, SV_OP_GATE_OPEN) < plan.n);
	sv_plan_fini(&plan);
	sim_close(&s);
	cJSON_Delete(doc);
}

static void lost_trunk(void **state)
{
	cJSON *doc = example_doc("{}");
	struct sv_host_state *want;
	struct sim s;

	(void)state;
	sim_open(&s, "host1");
	want = sim_want(&s, doc);
	sim_run(&s, want, SIZE_MAX, true);
	sim_device_gone(&s, sv_names_find(&s.names, "t12"));
	want = sim_want(&s, doc);
	sim_run(&s, want, SIZE_MAX, false);
	/* The rest of the network is served; nothing is left to do until it comes back. */
	assert_int_equal(sim_run(&s, sim_want(&s, doc), 0, false), 0);
	assert_int_equal(s.now.n_attach, 3);
	sim_device(&s, sv_names_find(&s.names, "t12"));
	want = sim_want(&s, doc);
	sim_run(&s, want, SIZE_MAX, false);
	expect_done(&s, want);
	sim_close(&s);
	cJSON_Delete(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_plan),	    cmocka_unit_test(hold_stays),
		cmocka_unit_test(lost_trunk),	    cmocka_unit_test(shadow_comes),
		cmocka_unit_test(shadow_goes),	    cmocka_unit_test(datapath_changes),
		cmocka_unit_test(vnode_moves),	    cmocka_unit_test(crashes_converge),
		cmocka_unit_test(damage_is_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
