// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "trouble.h"

static void mark(struct sv_trouble *trouble, bool *who)
{
	trouble->more |= !*who;
	*who = true;
}

static void blame_vnode(struct sv_trouble *trouble, size_t index)
{
	if (index < SV_TROUBLE_VNODES)
		mark(trouble, &trouble->vnode[index]);
}

/* Whose device it is that takes no program of ours, or is a port of a bridge. A trunk and an edge
 * are everybody's. */
static void blame_owner(struct sv_trouble *trouble, const struct sv_host_state *desired,
			const struct sv_host_port *port)
{
	const char *device = sv_names_get(desired->names, port->name);

	for (size_t n = 0; n < desired->n_vnode && n < SV_TROUBLE_VNODES; n++) {
		const struct sv_vnode_spec *spec = &desired->vnode[n].spec;

		for (size_t i = 0; i < spec->n_iface; i++) {
			if (strcmp(spec->iface[i].port, device))
				continue;
			blame_vnode(trouble, n);
			mark(trouble, &trouble->ports[n]);
		}
	}
	for (size_t e = 0; e < desired->n_export; e++)
		if (desired->export[e].outer == port->name ||
		    desired->export[e].inner == port->name)
			mark(trouble, &trouble->export[desired->export[e].number]);
}

/* Of the sessions on these attachments, those with a filter; or else all. */
static bool blame_tapped(struct sv_trouble *trouble, const struct sv_host_state *desired,
			 const struct sv_op *op, bool filtered)
{
	bool any = false;

	for (size_t i = 0; i < op->n; i++) {
		const struct sv_attach_spec *spec = &desired->attach[op->index[i]].spec;

		for (size_t bit = 0; bit < spec->val.sessions; bit++) {
			if (filtered && !spec->filter[bit])
				continue;
			mark(trouble, &trouble->session[spec->val.session[bit]]);
			any = true;
		}
	}
	return any;
}

void sv_trouble_blame(struct sv_trouble *trouble, const struct sv_host_state *desired,
		      const struct sv_op *op)
{
	switch (op->kind) {
	case SV_OP_VNODE_DEFINE:
	case SV_OP_VNODE_CLONE:
	case SV_OP_VNODE_UPDATE:
	case SV_OP_VNODE_TIER:
	case SV_OP_VNODE_START:
		return blame_vnode(trouble, op->index[0]);
	case SV_OP_PORT_ATTACH:
		return blame_owner(trouble, desired, &desired->port[op->index[0]]);
	case SV_OP_EXPORT_MAKE:
		return mark(trouble, &trouble->export[desired->export[op->index[0]].number]);
	case SV_OP_SESSION_SET:
		return mark(trouble, &trouble->session[desired->session[op->index[0]].number]);
	case SV_OP_ATTACH_SET:
		if (!blame_tapped(trouble, desired, op, true))
			blame_tapped(trouble, desired, op, false);
		return;
	default:
		return;
	}
}

void sv_trouble_leave_out_sessions(const struct sv_trouble *trouble, struct sv_net *net)
{
	for (size_t i = 0; i < net->n_session; i++)
		net->session[i].left_out = trouble->session[net->session[i].number];
}

void sv_trouble_leave_out(const struct sv_trouble *trouble, struct sv_host_state *desired)
{
	for (size_t i = 0; i < desired->n_vnode && i < SV_TROUBLE_VNODES; i++) {
		desired->vnode[i].left_out = trouble->vnode[i];
		desired->vnode[i].ports_left_out = trouble->ports[i];
	}
	for (size_t i = 0; i < desired->n_export; i++)
		desired->export[i].left_out = trouble->export[desired->export[i].number];
}
