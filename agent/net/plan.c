// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "host.h"
#include "internal.h"

/*
 * From what is there to what shall be, one safe step after the other. The steps of sv_plan_make()
 * are its order; each looks at both states only, never at what an earlier step will have done.
 */

struct planner {
	struct sv_plan plan;
	const struct sv_host_state *want, *have;
	bool nomem;
};

void sv_plan_fini(struct sv_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		free(plan->op[i].index);
	free(plan->op);
	*plan = (struct sv_plan){ 0 };
}

const char *sv_op_name(enum sv_op_kind kind)
{
#define NAME(id, name) name,
	static const char *const names[] = { SV_OPS(NAME) };

	return kind < SV_OP__COUNT ? names[kind] : NULL;
}

/* ---- operations ---- */

static void op_index(struct planner *p, struct sv_op *op, size_t index)
{
	size_t *slot = op ? sv_grow(&op->index, &op->n, sizeof(*slot)) : NULL;

	if (slot)
		*slot = index;
	else
		p->nomem = true;
}

static struct sv_op *op_new(struct planner *p, enum sv_op_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static struct sv_op *op_new(struct planner *p, enum sv_op_kind kind, const char *fmt, ...)
{
	struct sv_op *op = sv_grow(&p->plan.op, &p->plan.n, sizeof(*op));
	int len;
	va_list ap;

	if (!op) {
		p->nomem = true;
		return NULL;
	}
	op->kind = kind;
	len = snprintf(op->text, sizeof(op->text), "%s ", sv_op_name(kind));
	va_start(ap, fmt);
	vsnprintf(op->text + len, sizeof(op->text) - len, fmt, ap);
	va_end(ap);
	return op;
}

/* ---- finding ---- */

static const struct sv_host_port *find_port(const struct sv_host_state *state, __u32 name)
{
	for (size_t i = 0; i < state->n_port; i++)
		if (state->port[i].name == name)
			return &state->port[i];
	return NULL;
}

static const struct sv_host_vnode *find_named(const struct sv_host_state *state, const char *vnet,
					      const char *name, const char *driver)
{
	for (size_t i = 0; i < state->n_vnode; i++) {
		const struct sv_host_vnode *vnode = &state->vnode[i];

		if (!strcmp(vnode->spec.vnet, vnet) && !strcmp(vnode->spec.name, name) &&
		    !strcmp(vnode->spec.driver, driver) && vnode->state != SV_VNODE_ABSENT)
			return vnode;
	}
	return NULL;
}

/* Another driver's VNode of the same name is another VNode: made before the old one goes. */
static const struct sv_host_vnode *find_vnode(const struct sv_host_state *state,
					      const struct sv_host_vnode *like)
{
	return find_named(state, like->spec.vnet, like->spec.name, like->spec.driver);
}

static const struct sv_host_attach *find_attach(const struct sv_host_state *state,
						const struct sv_attach_key *key)
{
	for (size_t i = 0; i < state->n_attach; i++)
		if (state->attach[i].spec.key.ifindex == key->ifindex &&
		    state->attach[i].spec.key.vlan == key->vlan)
			return &state->attach[i];
	return NULL;
}

static const struct sv_host_session *find_session(const struct sv_host_state *state,
						  uint16_t number)
{
	for (size_t i = 0; i < state->n_session; i++)
		if (state->session[i].number == number)
			return &state->session[i];
	return NULL;
}

static const struct sv_host_export *find_export(const struct sv_host_state *state, uint16_t number)
{
	for (size_t i = 0; i < state->n_export; i++)
		if (state->export[i].number == number)
			return &state->export[i];
	return NULL;
}

/* Slots are compared: the kernel knows no names. */
static const struct sv_host_group *find_group(const struct sv_host_state *state, uint16_t slot)
{
	for (size_t i = 0; i < state->n_group; i++)
		if (state->group[i].slot == slot && state->group[i].edge)
			return &state->group[i];
	return NULL;
}

static const char *port_name(const struct planner *p, __u32 name)
{
	return sv_names_get(p->want->names, name);
}

/* ---- gates ---- */

static void gates_hold(struct planner *p)
{
	for (size_t i = 0; i < p->want->n_group; i++) {
		const struct sv_host_group *group = &p->want->group[i];
		const struct sv_host_group *now = find_group(p->have, group->slot);

		/* A fresh one whose slot still says somebody: what another group left there. */
		if (group->edge && (!now || (now->fresh && now->role)))
			op_index(p, op_new(p, SV_OP_GATE_HOLD, "%s", group->name), i);
	}
}

static void gates_open(struct planner *p)
{
	for (size_t i = 0; i < p->want->n_group; i++) {
		const struct sv_host_group *group = &p->want->group[i];
		const struct sv_host_group *now = find_group(p->have, group->slot);

		/* Also to nobody, after a hold: orders are for gates that were opened. */
		if (group->edge && (!now || now->fresh))
			op_index(p,
				 op_new(p, SV_OP_GATE_OPEN, "%s to role %u", group->name,
					group->role),
				 i);
	}
}

static void gates_clear(struct planner *p)
{
	for (size_t i = 0; i < p->have->n_group; i++) {
		const struct sv_host_group *group = &p->have->group[i];

		if (group->edge && !find_group(p->want, group->slot))
			op_index(p, op_new(p, SV_OP_GATE_CLEAR, "slot %u", group->slot), i);
	}
}

/* ---- VNodes ---- */

static void vnodes_destroy(struct planner *p)
{
	for (size_t i = 0; i < p->have->n_vnode; i++) {
		const struct sv_host_vnode *have = &p->have->vnode[i];

		if (have->state == SV_VNODE_ABSENT || find_vnode(p->want, have))
			continue;
		op_index(p,
			 op_new(p, SV_OP_VNODE_DESTROY, "%s/%s (%s)", have->spec.vnet,
				have->spec.name, have->spec.driver),
			 i);
	}
}

/* A clone needs its original: there already, or defined by this plan before it. */
static bool is_clone(const struct planner *p, const struct sv_host_vnode *want)
{
	const char *driver = want->spec.driver;

	return want->clone_vnet[0] &&
	       (find_named(p->have, want->clone_vnet, want->clone_name, driver) ||
		find_named(p->want, want->clone_vnet, want->clone_name, driver));
}

static void vnodes_new(struct planner *p, bool clones)
{
	for (size_t i = 0; i < p->want->n_vnode; i++) {
		const struct sv_host_vnode *want = &p->want->vnode[i];
		const struct sv_vnode_spec *spec = &want->spec;

		if (want->left_out || find_vnode(p->have, want) || is_clone(p, want) != clones)
			continue;
		if (clones)
			op_index(p,
				 op_new(p, SV_OP_VNODE_CLONE, "%s/%s from %s/%s", spec->vnet,
					spec->name, want->clone_vnet, want->clone_name),
				 i);
		else
			op_index(p,
				 op_new(p, SV_OP_VNODE_DEFINE, "%s/%s (%s)", spec->vnet, spec->name,
					spec->driver),
				 i);
	}
}

static bool lost_port(const struct planner *p, const struct sv_host_vnode *want)
{
	for (size_t i = 0; i < want->spec.n_iface; i++) {
		__u32 name = sv_names_find(p->want->names, want->spec.iface[i].port);
		const struct sv_host_port *port = find_port(p->have, name);
		const struct sv_host_port *wanted = find_port(p->want, name);

		if (wanted && wanted->made && (!port || !port->exists))
			return true;
	}
	return false;
}

static bool differs(const struct planner *p, const struct sv_host_vnode *want,
		    const struct sv_host_vnode *have)
{
	const char *json = have->spec.json ?: "";

	return strcmp(want->spec.json, json) || have->state == SV_VNODE_FAILED ||
	       lost_port(p, want);
}

/* Devices come before the attachments that lead to them and go after; so does XDP's readiness. */
static bool updates_late(const struct planner *p, const struct sv_host_vnode *want)
{
	return !lost_port(p, want);
}

static bool gains_xdp(const struct planner *p, const struct sv_host_vnode *want)
{
	for (size_t i = 0; i < want->spec.n_iface; i++) {
		const struct sv_host_port *port =
			find_port(p->have, sv_names_find(p->want->names, want->spec.iface[i].port));

		if (want->spec.iface[i].xdp && port && !port->xdp)
			return true;
	}
	return false;
}

static void vnodes_update(struct planner *p, bool late)
{
	for (size_t i = 0; i < p->want->n_vnode; i++) {
		const struct sv_host_vnode *want = &p->want->vnode[i];
		const struct sv_host_vnode *have = find_vnode(p->have, want);

		if (want->left_out || !have || have->state == SV_VNODE_MOVING ||
		    !differs(p, want, have))
			continue;
		if (late != (updates_late(p, want) && !gains_xdp(p, want)))
			continue;
		op_index(p,
			 op_new(p, SV_OP_VNODE_UPDATE, "%s/%s", want->spec.vnet, want->spec.name),
			 i);
	}
}

static void vnodes_tier(struct planner *p)
{
	static const char *const tiers[] = { "production", "shadow", "monitor" };

	for (size_t i = 0; i < p->want->n_vnode; i++) {
		const struct sv_vnode_spec *want = &p->want->vnode[i].spec;
		const struct sv_host_vnode *have = find_vnode(p->have, &p->want->vnode[i]);

		if (!p->want->vnode[i].left_out && have && have->spec.tier != want->tier)
			op_index(p,
				 op_new(p, SV_OP_VNODE_TIER, "%s/%s to %s", want->vnet, want->name,
					tiers[want->tier]),
				 i);
	}
}

/* What an operator paused stays so; what was to move, and has not, goes on; without a program or a
 * guest there is nothing to start. */
static void vnodes_start(struct planner *p)
{
	for (size_t i = 0; i < p->want->n_vnode; i++) {
		const struct sv_host_vnode *want = &p->want->vnode[i];
		const struct sv_host_vnode *have = find_vnode(p->have, want);

		if (want->left_out || (!want->spec.program && !want->spec.xen))
			continue;
		if (!have || have->state == SV_VNODE_DEFINED || have->state == SV_VNODE_FAILED ||
		    have->state == SV_VNODE_MOVING)
			op_index(p,
				 op_new(p, SV_OP_VNODE_START, "%s/%s", want->spec.vnet,
					want->spec.name),
				 i);
	}
}

/* ---- exports ---- */

/* What the maker finds by itself is not compared, but that it is still enough. */
static bool export_differs(const struct sv_host_export *want, const struct sv_host_export *have)
{
	const struct sv_export *a = &want->val, *b = &have->val;

	return a->kind != b->kind || a->remote != b->remote || a->port != b->port ||
	       a->id != b->id || want->mtu != have->mtu ||
	       want->longest + SV_EXPORT_OUTER_LEN > b->mtu;
}

static void exports_make(struct planner *p)
{
	for (size_t i = 0; i < p->want->n_export; i++) {
		const struct sv_host_export *want = &p->want->export[i];
		const struct sv_host_export *have = find_export(p->have, want->number);

		if (want->left_out || (have && !export_differs(want, have)))
			continue;
		op_index(p,
			 op_new(p, SV_OP_EXPORT_MAKE, "%s of %s to a %s collector",
				port_name(p, want->outer), want->name,
				want->val.kind == SV_EXPORT_VXLAN ? "vxlan" : "erspan"),
			 i);
	}
}

static void exports_drop(struct planner *p)
{
	for (size_t i = 0; i < p->have->n_export; i++)
		if (!find_export(p->want, p->have->export[i].number))
			op_index(p,
				 op_new(p, SV_OP_EXPORT_DROP, "%s",
					port_name(p, p->have->export[i].outer)),
				 i);
}

/* ---- ports ---- */

/* Trunks and edges that are no longer ours are left up: they are the host's. */
static void ports_down(struct planner *p)
{
	for (size_t i = 0; i < p->have->n_port; i++) {
		const struct sv_host_port *have = &p->have->port[i];

		bool made = have->role == SV_ROLE_VNODE || have->role == SV_ROLE_EXPORT;

		if (made && have->exists && have->up && !find_port(p->want, have->name))
			op_index(p, op_new(p, SV_OP_PORT_DOWN, "%s", port_name(p, have->name)), i);
	}
}

static bool port_is_ready(const struct sv_host_port *want, const struct sv_host_port *have)
{
	return have && have->exists && have->attached && have->role == want->role &&
	       have->xdp == want->xdp;
}

/* Only XDP goes: after the attachments went over to TC. */
static bool only_loses_xdp(const struct sv_host_port *want, const struct sv_host_port *have)
{
	return have && have->exists && have->attached && have->role == want->role && have->xdp &&
	       !want->xdp;
}

static void ports_attach(struct planner *p, bool late)
{
	static const char *const roles[] = { "none", "trunk", "edge", "VNode", "export" };

	for (size_t i = 0; i < p->want->n_port; i++) {
		const struct sv_host_port *want = &p->want->port[i];
		const struct sv_host_port *have = find_port(p->have, want->name);

		if (want->missing || port_is_ready(want, have) ||
		    only_loses_xdp(want, have) != late)
			continue;
		op_index(p,
			 op_new(p, SV_OP_PORT_ATTACH, "%s %s (%s)", roles[want->role],
				port_name(p, want->name), want->xdp ? "xdp, tc" : "tc"),
			 i);
	}
}

/* A device that is to be made again under its name leaves its old programs' pins behind. */
static void ports_detach(struct planner *p)
{
	for (size_t i = 0; i < p->have->n_port; i++) {
		const struct sv_host_port *have = &p->have->port[i];
		const struct sv_host_port *want = find_port(p->want, have->name);

		if (have->attached && (!want || want->missing))
			op_index(p, op_new(p, SV_OP_PORT_DETACH, "%s", port_name(p, have->name)),
				 i);
	}
}

static void ports_up(struct planner *p)
{
	for (size_t i = 0; i < p->want->n_port; i++) {
		const struct sv_host_port *want = &p->want->port[i];
		const struct sv_host_port *have = find_port(p->have, want->name);

		if (!want->missing && (!have || !have->exists || !have->up))
			op_index(p, op_new(p, SV_OP_PORT_UP, "%s", port_name(p, want->name)), i);
	}
}

/* ---- sessions ---- */

/* Whether its target's device is up is the watcher's to say. */
static bool session_equal(const struct sv_session *a, const struct sv_session *b)
{
	struct sv_session like = *b;

	if (a->kind == SV_SESSION_DEVICE)
		like.up = a->up;
	return !memcmp(a, &like, sizeof(like));
}

static void sessions_set(struct planner *p)
{
	for (size_t i = 0; i < p->want->n_session; i++) {
		const struct sv_host_session *want = &p->want->session[i];
		const struct sv_host_session *have = find_session(p->have, want->number);

		if (want->missing || (have && session_equal(&want->val, &have->val)))
			continue;
		if (want->val.kind == SV_SESSION_RING)
			op_index(p,
				 op_new(p, SV_OP_SESSION_SET, "%s to rings %u", want->name,
					want->val.tap),
				 i);
		else
			op_index(p,
				 op_new(p, SV_OP_SESSION_SET, "%s to %s", want->name,
					port_name(p, want->val.ifindex)),
				 i);
	}
}

static void sessions_del(struct planner *p)
{
	for (size_t i = 0; i < p->have->n_session; i++)
		if (!find_session(p->want, p->have->session[i].number))
			op_index(p,
				 op_new(p, SV_OP_SESSION_DEL, "number %u",
					p->have->session[i].number),
				 i);
}

/* ---- attachments ---- */

static void attach_text(struct planner *p, struct sv_op *op, const struct sv_host_attach *attach,
			bool set)
{
	size_t len = op ? strlen(op->text) : 0;
	char vlan[16] = "";

	if (!op || op->n > 6)
		return;
	if (op->n == 6) {
		snprintf(op->text + len, sizeof(op->text) - len, " …");
		return;
	}
	if (attach->spec.key.vlan)
		snprintf(vlan, sizeof(vlan), ".%u", attach->spec.key.vlan);
	snprintf(op->text + len, sizeof(op->text) - len, "%s%s%s", op->n ? ", " : "",
		 port_name(p, attach->spec.key.ifindex), vlan);
	len = strlen(op->text);
	if (set)
		snprintf(op->text + len, sizeof(op->text) - len, " %s.%s (%s)", attach->vnet,
			 attach->segment, attach->spec.val.flags & SV_ATTACH_XDP ? "xdp" : "tc");
}

static void attachments_set(struct planner *p)
{
	struct sv_op *op = NULL;

	for (size_t i = 0; i < p->want->n_attach; i++) {
		const struct sv_host_attach *want = &p->want->attach[i];
		const struct sv_host_attach *have = find_attach(p->have, &want->spec.key);

		if (have && sv_attach_spec_equal(&want->spec, &have->spec))
			continue;
		op = op ?: op_new(p, SV_OP_ATTACH_SET, "%s", "");
		attach_text(p, op, want, true);
		op_index(p, op, i);
	}
}

static void attachments_del(struct planner *p)
{
	struct sv_op *op = NULL;

	for (size_t i = 0; i < p->have->n_attach; i++) {
		const struct sv_host_attach *have = &p->have->attach[i];

		if (find_attach(p->want, &have->spec.key))
			continue;
		op = op ?: op_new(p, SV_OP_ATTACH_DEL, "%s", "");
		attach_text(p, op, have, false);
		op_index(p, op, i);
	}
}

/* ---- the order ---- */

int sv_plan_make(struct sv_plan *plan, const struct sv_host_state *desired,
		 const struct sv_host_state *actual, struct sv_err *err)
{
	struct planner p = { .want = desired, .have = actual };

	gates_hold(&p);
	/* What goes falls silent first, */
	ports_down(&p);
	/* then what comes is made, still down, */
	vnodes_new(&p, false);
	vnodes_new(&p, true);
	vnodes_update(&p, false);
	vnodes_tier(&p);
	exports_make(&p);
	ports_attach(&p, false);
	/* then traffic turns over, in one batch, production's own too; */
	sessions_set(&p);
	attachments_set(&p);
	attachments_del(&p);
	gates_clear(&p);
	/* nothing names the old any more: it goes; */
	sessions_del(&p);
	ports_attach(&p, true);
	ports_detach(&p); /* while the devices are there to be found by their names */
	vnodes_update(&p, true);
	vnodes_destroy(&p);
	exports_drop(&p);
	/* and what is new begins to speak. */
	ports_up(&p);
	vnodes_start(&p);
	gates_open(&p);
	if (p.nomem) {
		sv_plan_fini(&p.plan);
		return sv_err_set(err, -ENOMEM, "out of memory");
	}
	*plan = p.plan;
	return 0;
}
