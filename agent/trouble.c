// SPDX-License-Identifier: GPL-2.0-only
#include "trouble.h"

static void mark(struct sv_trouble *trouble, bool *who)
{
	trouble->more |= !*who;
	*who = true;
}

static void blame_vnode(struct sv_trouble *trouble, size_t index)
{
	if (index < sizeof(trouble->vnode) / sizeof(*trouble->vnode))
		mark(trouble, &trouble->vnode[index]);
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
	for (size_t i = 0; i < desired->n_vnode; i++)
		desired->vnode[i].left_out =
			i < sizeof(trouble->vnode) / sizeof(*trouble->vnode) && trouble->vnode[i];
	for (size_t i = 0; i < desired->n_export; i++)
		desired->export[i].left_out = trouble->export[desired->export[i].number];
}
