// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "agent.h"
#include "export.h"
#include "gate.h"
#include "link.h"
#include "loader/cleanup.h"
#include "log.h"
#include "move.h"

struct step {
	struct agent *agent;
	const struct sv_op *op;
	const struct sv_host_state *desired, *actual;
	struct sv_err *err;
};

static const char *name(const struct step *s, __u32 number)
{
	return sv_names_get(&s->agent->names, number) ?: "?";
}

static int ifindex_of(const struct step *s, __u32 number, __u32 *ifindex)
{
	if (!number) {
		*ifindex = 0;
		return 0;
	}
	*ifindex = sv_actual_ifindex(s->agent, number);
	if (!*ifindex)
		return sv_err_set(s->err, -ENODEV, "device %s: no such device", name(s, number));
	return 0;
}

/* ---- gates ---- */

static int gate_hold(struct step *s)
{
	const struct sv_host_group *group = &s->desired->group[s->op->index[0]];
	int rc = sv_gate_set(s->agent->plane, group->slot, 0, 0, s->err);

	return rc ? rc : sv_gate_set(s->agent->plane, group->slot, 1, 0, s->err);
}

static int gate_open(struct step *s)
{
	return sv_gate_open(s->agent, &s->desired->group[s->op->index[0]], s->err);
}

static int gate_clear(struct step *s)
{
	return sv_gate_clear(s->agent, &s->actual->group[s->op->index[0]], s->err);
}

/* ---- VNodes ---- */

static int vnode_driver(struct step *s, const struct sv_vnode_spec *spec,
			struct sv_vnode_driver **drv)
{
	*drv = sv_agent_driver(s->agent, spec->driver, s->err);
	return *drv ? 0 : -ENOENT;
}

static const struct sv_host_vnode *vnode_wanted(const struct step *s)
{
	return &s->desired->vnode[s->op->index[0]];
}

static int vnode_define(struct step *s)
{
	const struct sv_vnode_spec *spec = &vnode_wanted(s)->spec;
	struct sv_vnode_driver *drv;
	int rc = vnode_driver(s, spec, &drv);

	if (!rc)
		rc = drv->ops->define(drv, spec, s->err);
	return rc == -EEXIST ? 0 : rc;
}

static void note_lines(struct step *s, const struct sv_vnode_spec *spec, char *text)
{
	char vnode[80], *save;

	snprintf(vnode, sizeof(vnode), "%s/%s", spec->vnet, spec->name);
	sv_report_note(s->agent, vnode, NULL);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		sv_report_note(s->agent, vnode, line);
}

static int vnode_clone(struct step *s)
{
	const struct sv_host_vnode *vnode = vnode_wanted(s);
	_cleanup_free_ char *text = NULL;
	struct sv_vnode_driver *drv;
	FILE *report;
	size_t len;
	int rc;

	rc = vnode_driver(s, &vnode->spec, &drv);
	if (rc)
		return rc;
	report = open_memstream(&text, &len);
	if (!report)
		return -ENOMEM;
	rc = drv->ops->clone(drv, &vnode->spec, vnode->clone_vnet, vnode->clone_name, report,
			     s->err);
	fclose(report);
	if (!rc)
		note_lines(s, &vnode->spec, text);
	return rc == -EEXIST ? 0 : rc;
}

/* Whoever made it died half-way: there is nothing to bring up to date. */
static int vnode_start_over(struct step *s, struct sv_vnode_driver *drv,
			    const struct sv_vnode_spec *spec)
{
	int rc = drv->ops->destroy(drv, spec->vnet, spec->name, s->err);

	return rc ? rc : sv_err_set(s->err, -EAGAIN, "was only half made: is made anew");
}

static int vnode_update(struct step *s)
{
	const struct sv_vnode_spec *spec = &vnode_wanted(s)->spec;
	struct sv_vnode_status status = { 0 };
	struct sv_vnode_driver *drv;
	bool whole;
	int rc = vnode_driver(s, spec, &drv);

	if (!rc)
		rc = drv->ops->status(drv, spec->vnet, spec->name, &status, s->err);
	if (rc)
		return rc;
	whole = status.spec_json;
	free(status.spec_json);
	return whole ? drv->ops->update(drv, spec, s->err) : vnode_start_over(s, drv, spec);
}

static int vnode_tier(struct step *s)
{
	const struct sv_vnode_spec *spec = &vnode_wanted(s)->spec;
	struct sv_vnode_driver *drv;
	int rc = vnode_driver(s, spec, &drv);

	return rc ? rc : drv->ops->set_tier(drv, spec->vnet, spec->name, spec->tier, s->err);
}

static int vnode_start(struct step *s)
{
	const struct sv_vnode_spec *spec = &vnode_wanted(s)->spec;
	struct sv_vnode_status status = { 0 };
	struct sv_vnode_driver *drv;
	int rc = vnode_driver(s, spec, &drv);

	if (!rc)
		rc = drv->ops->status(drv, spec->vnet, spec->name, &status, s->err);
	if (!rc && status.state == SV_VNODE_MOVING)
		rc = sv_move_settle(s->agent, drv, spec->vnet, spec->name, s->err);
	else if (!rc && status.state == SV_VNODE_PAUSED)
		rc = drv->ops->resume(drv, spec->vnet, spec->name, s->err);
	else if (!rc && status.state != SV_VNODE_RUNNING)
		rc = drv->ops->start(drv, spec->vnet, spec->name, s->err);
	free(status.spec_json);
	return rc;
}

static int vnode_destroy(struct step *s)
{
	const struct sv_vnode_spec *spec = &s->actual->vnode[s->op->index[0]].spec;
	struct sv_vnode_driver *drv;
	char vnode[80];
	int rc = vnode_driver(s, spec, &drv);

	if (!rc)
		rc = drv->ops->destroy(drv, spec->vnet, spec->name, s->err);
	if (!rc) {
		snprintf(vnode, sizeof(vnode), "%s/%s", spec->vnet, spec->name);
		sv_report_note(s->agent, vnode, NULL);
	}
	return rc;
}

/* ---- exports ---- */

static int export_make(struct step *s)
{
	return sv_export_make(s->agent, &s->desired->export[s->op->index[0]], s -> err);
}

static int export_drop(struct step *s)
{
	return sv_export_drop(s->agent, s->actual->export[s->op->index[0]].number, s->err);
}

/* ---- ports ---- */

static const struct sv_net_port *net_port(const struct step *s, const char *device)
{
	for (size_t h = 0; h < s->agent->net->n_host; h++) {
		const struct sv_net_host *host = &s->agent->net->host[h];

		for (size_t p = 0; !strcmp(host->name, s->agent->opt.host) && p < host->n_port; p++)
			if (!strcmp(host->port[p].name, device))
				return &host->port[p];
	}
	return NULL;
}

/* In a bridge its frames leave whenever our programs are not on it. */
static int refuse_bridged(struct step *s, const char *device, const struct sv_link_info *info)
{
	char master[16] = "";

	if (!info->master)
		return 0;
	sv_link_name(info->master, master);
	return sv_err_set(
		s->err, -EBUSY,
		"%s is a port of %s, where its frames would leave past the gate: ip link set "
		"%s nomaster",
		device, master, device);
}

/* A VNode's ports are its driver's; trunks and edges are ours. */
static int port_prepare(struct step *s, const struct sv_host_port *port)
{
	const char *device = name(s, port->name);
	const struct sv_net_port *declared = net_port(s, device);
	struct sv_link_info info;
	int rc;

	if (port->role == SV_ROLE_EXPORT)
		return 0;
	rc = sv_link_get(s->agent->link, device, &info, s->err);
	if (!rc && port->role == SV_ROLE_VNODE)
		return refuse_bridged(s, device, &info);
	if (!rc && declared && declared->mtu && declared->mtu != info.mtu)
		rc = sv_link_set_mtu(s->agent->link, device, declared->mtu, s->err);
	if (rc)
		return rc;
	return sv_link_set_offloads(device, port->role == SV_ROLE_TRUNK && sv_link_is_veth(device),
				    s->err);
}

static int port_attach(struct step *s)
{
	const struct sv_host_port *port = &s->desired->port[s->op->index[0]];
	__u32 ifindex;
	int rc = ifindex_of(s, port->name, &ifindex);

	/* What leaves for a collector by way of it must not find itself at an edge. */
	if (port->role == SV_ROLE_EDGE)
		sv_export_tick(s->agent);
	if (!rc)
		rc = port_prepare(s, port);
	if (!rc)
		rc = sv_port_attach(s->agent->plane, ifindex, port->role, port->xdp, s->err);
	return rc;
}

/* A VNode's device that has come under that name since the programs were attached stays down. */
static int port_up(struct step *s)
{
	const struct sv_host_port *port = &s->desired->port[s->op->index[0]];
	__u32 ifindex;
	int rc = ifindex_of(s, port->name, &ifindex);

	if (rc)
		return rc;
	if (port->role == SV_ROLE_VNODE && !sv_port_is_attached(s->agent->plane, ifindex))
		return sv_err_set(s->err, -EAGAIN, "%s is another device by now",
				  name(s, port->name));
	return sv_link_set_up(s->agent->link, ifindex, name(s, port->name), true, s->err);
}

/* What is gone is down. */
static int port_down(struct step *s)
{
	__u32 port = s->actual->port[s->op->index[0]].name;
	__u32 ifindex = sv_actual_ifindex(s->agent, port);
	int rc =
		ifindex ? sv_link_set_up(s->agent->link, ifindex, name(s, port), false, s->err) : 0;

	return rc == -ENODEV ? 0 : rc;
}

static int port_detach(struct step *s)
{
	__u32 ifindex = sv_actual_ifindex(s->agent, s->actual->port[s->op->index[0]].name);
	int rc;

	if (!ifindex)
		return 0; /* went with its VNode; its pin shows up as "#N" next time */
	rc = sv_port_detach(s->agent->plane, ifindex, s->err);
	return rc == -ENOENT ? 0 : rc;
}

/* ---- sessions ---- */

static int session_set(struct step *s)
{
	const struct sv_host_session *session = &s->desired->session[s->op->index[0]];
	struct sv_session val = session->val, old;
	int rc = ifindex_of(s, session->val.ifindex, &val.ifindex);

	if (!rc)
		rc = sv_session_get(s->agent->plane, session->number, &old, s->err);
	if (rc)
		return rc;
	/* Of a device sv_reconcile_sessions() says it afterwards. */
	if (val.kind == SV_SESSION_DEVICE)
		val.up = old.kind == val.kind && old.ifindex == val.ifindex ? old.up : 0;
	return sv_session_set(s->agent->plane, session->number, &val, s->err);
}

static int session_del(struct step *s)
{
	struct sv_session none = { 0 };

	return sv_session_set(s->agent->plane, s->actual->session[s->op->index[0]].number, &none,
			      s->err);
}

/* ---- attachments ---- */

static int spec_to_devices(struct step *s, struct sv_attach_spec *out,
			   const struct sv_attach_spec *in)
{
	int rc;

	*out = *in;
	out->fan = malloc(in->n_fan * sizeof(*in->fan) + 1);
	out->port = malloc(in->n_port * sizeof(*in->port) + 1);
	if (!out->fan || !out->port)
		return -ENOMEM;
	memcpy(out->fan, in->fan, in->n_fan * sizeof(*in->fan));
	if (in->n_port)
		memcpy(out->port, in->port, in->n_port * sizeof(*in->port));
	rc = ifindex_of(s, in->key.ifindex, &out->key.ifindex);
	for (size_t i = 0; !rc && i < in->n_fan; i++)
		for (__u32 d = 0; !rc && d < in->fan[i].n; d++)
			rc = ifindex_of(s, in->fan[i].dest[d].ifindex,
					&out->fan[i].dest[d].ifindex);
	for (size_t i = 0; !rc && i < in->n_port; i++)
		rc = ifindex_of(s, in->port[i].ifindex, &out->port[i].ifindex);
	return rc;
}

/* Under an edge's number that is new, what was learned is another's: of an edge that changed its
 * number, or of one that a daemon did not live to forget. */
static int forget_former(struct step *s, const struct sv_attach_spec *want)
{
	if (!(want->val.flags & SV_ATTACH_LEARN))
		return 0;
	for (size_t i = 0; i < s->actual->n_attach; i++) {
		const struct sv_attach_spec *have = &s->actual->attach[i].spec;

		if (have->key.ifindex == want->key.ifindex && have->key.vlan == want->key.vlan &&
		    have->val.flags & SV_ATTACH_LEARN && have->val.edge == want->val.edge)
			return 0;
	}
	return sv_neigh_flush(s->agent->plane, want->val.edge, s->err);
}

/* The ends of a segment have other numbers when one comes or goes before them: behind which a
 * neighbour is has been learned by the old ones. */
static int forget_numbers(struct step *s, const struct sv_attach_spec *want)
{
	if (!(want->val.flags & SV_ATTACH_FDB))
		return 0;
	for (size_t i = 0; i < s->actual->n_attach; i++) {
		const struct sv_attach_spec *have = &s->actual->attach[i].spec;

		if (have->key.ifindex == want->key.ifindex && have->key.vlan == want->key.vlan &&
		    have->val.flags & SV_ATTACH_FDB && have->val.segment == want->val.segment &&
		    have->val.member != want->val.member)
			return sv_fdb_flush(s->agent->plane, want->val.segment, s->err);
	}
	return 0;
}

static int attach_set(struct step *s)
{
	struct sv_attach_spec *specs = calloc(s->op->n ?: 1, sizeof(*specs));
	int rc = specs ? 0 : -ENOMEM;
	size_t n = 0;

	while (!rc && n < s->op->n) {
		const struct sv_attach_spec *want = &s->desired->attach[s->op->index[n]].spec;

		rc = spec_to_devices(s, &specs[n], want);
		rc = rc ? rc : forget_former(s, want);
		n++;
	}
	if (!rc)
		rc = sv_attach_set(s->agent->plane, specs, n, s->err);
	for (size_t i = 0; !rc && i < s->op->n; i++)
		rc = forget_numbers(s, &s->desired->attach[s->op->index[i]].spec);
	for (size_t i = 0; i < n; i++) {
		free(specs[i].fan);
		free(specs[i].port);
	}
	free(specs);
	return rc;
}

/* The next attachment with this number must not inherit what was learned under it. */
static int forget_learned(struct step *s, const struct sv_attach *val)
{
	int rc = 0;

	if (val->flags & SV_ATTACH_LEARN)
		rc = sv_neigh_flush(s->agent->plane, val->edge, s->err);
	if (!rc && (val->flags & SV_ATTACH_FDB))
		rc = sv_fdb_flush(s->agent->plane, val->segment, s->err);
	return rc;
}

static int attach_del(struct step *s)
{
	_cleanup_free_ struct sv_attach_key *keys = calloc(s->op->n ?: 1, sizeof(*keys));
	int rc = keys ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < s->op->n; i++) {
		const struct sv_attach_spec *spec = &s->actual->attach[s->op->index[i]].spec;

		keys[i] = spec->key;
		keys[i].ifindex = sv_actual_ifindex(s->agent, spec->key.ifindex);
	}
	if (!rc)
		rc = sv_attach_del(s->agent->plane, keys, s->op->n, s->err);
	for (size_t i = 0; !rc && i < s->op->n; i++)
		rc = forget_learned(s, &s->actual->attach[s->op->index[i]].spec.val);
	return rc;
}

static int (*const operations[SV_OP__COUNT])(struct step *) = {
	[SV_OP_GATE_HOLD] = gate_hold,
	[SV_OP_VNODE_DEFINE] = vnode_define,
	[SV_OP_VNODE_CLONE] = vnode_clone,
	[SV_OP_VNODE_UPDATE] = vnode_update,
	[SV_OP_VNODE_TIER] = vnode_tier,
	[SV_OP_VNODE_START] = vnode_start,
	[SV_OP_VNODE_DESTROY] = vnode_destroy,
	[SV_OP_EXPORT_MAKE] = export_make,
	[SV_OP_EXPORT_DROP] = export_drop,
	[SV_OP_PORT_ATTACH] = port_attach,
	[SV_OP_PORT_UP] = port_up,
	[SV_OP_PORT_DOWN] = port_down,
	[SV_OP_PORT_DETACH] = port_detach,
	[SV_OP_SESSION_SET] = session_set,
	[SV_OP_SESSION_DEL] = session_del,
	[SV_OP_ATTACH_SET] = attach_set,
	[SV_OP_ATTACH_DEL] = attach_del,
	[SV_OP_GATE_OPEN] = gate_open,
	[SV_OP_GATE_CLEAR] = gate_clear,
};

int sv_apply_plan(struct agent *agent, const struct sv_plan *plan,
		  const struct sv_host_state *desired, const struct sv_host_state *actual,
		  size_t *done, struct sv_err *err)
{
	for (*done = 0; *done < plan->n; (*done)++) {
		const struct sv_op *op = &plan->op[*done];
		struct step step = { agent, op, desired, actual, err };
		int rc;

		err->text[0] = 0;
		sv_log_debug("apply %s", op->text);
		rc = operations[op->kind](&step);
		if (!rc)
			continue;
		if (!err->text[0])
			sv_err_set(err, rc, "%s", strerror(-rc));
		return sv_err_prefix(err, rc, "%s", op->text);
	}
	return 0;
}
