// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "compile.h"
#include "maps/gate.h"

/* One attachment: its fan-outs, how frames leave, its flags. */

/* Fed by a switch's mirror port: a hub of copies, which nothing leaves by. */
static bool is_mirror(const struct sv_compile *c, const struct sv_local *local)
{
	const struct sv_net_segment *segment = &c->net->vnet[local->vnet].segment[local->segment];

	return segment->edge_host >= 0 &&
	       c->net->host[segment->edge_host].port[segment->edge_port].mirror;
}

static const struct sv_member *own_member(const struct sv_view *view)
{
	return &view->local->member[view->own];
}

/* ---- how frames leave ---- */

static bool keeps_tag(const struct sv_attach_plan *a)
{
	uint16_t vlan = own_member(&a->view[0])->vlan;

	if (!vlan)
		return false;
	for (size_t v = 0; v < a->n_view; v++)
		for (size_t m = 0; m < a->view[v].local->n; m++)
			if (m != a->view[v].own && a->view[v].local->member[m].vlan != vlan)
				return false;
	return true;
}

/* Every way out is a destination of the flood with all sessions. */
_Static_assert(SV_DEST_MAX <= SV_EXIT_MAX, "a row of sv_port holds an attachment's ways out");

/* `nth` tells apart ways of leaving by the same device. */
static int exit_of(struct sv_attach_plan *a, struct sv_exit way, uint8_t *nth)
{
	struct sv_attach_spec *spec = &a->out->spec;

	for (size_t i = 0; i < spec->n_port; i++) {
		if (spec->port[i].ifindex != way.ifindex)
			continue;
		*nth = spec->port[i].nth;
		if (spec->port[i].flags == way.flags && spec->port[i].arg == way.arg)
			return 0;
		way.nth++;
	}
	if (!sv_grow(&spec->port, &spec->n_port, sizeof(*spec->port)))
		return -ENOMEM;
	spec->port[spec->n_port - 1] = way;
	*nth = way.nth;
	return 0;
}

static struct sv_exit member_exit(const struct sv_member *member, bool keep)
{
	struct sv_exit way = { .ifindex = member->name };

	if (!keep && member->vlan) {
		way.flags = SV_EXIT_PUSH;
		way.arg = member->vlan;
	}
	if (member->role == SV_ROLE_EDGE)
		way.flags |= SV_EXIT_GATED;
	return way;
}

static struct sv_exit tapped_exit(const struct sv_tapped *tapped)
{
	return (struct sv_exit){ .ifindex = tapped->device,
				 .flags = SV_EXIT_SNAP,
				 .arg = tapped->session->snap };
}

static int add_exits(struct sv_attach_plan *a, bool keep)
{
	uint8_t nth;
	int rc = 0;

	for (size_t v = 0; v < a->n_view; v++)
		for (size_t m = 0; m < a->view[v].local->n; m++) {
			const struct sv_member *member = &a->view[v].local->member[m];

			if (m == a->view[v].own || member->role == SV_ROLE_VNODE)
				continue;
			rc = exit_of(a, member_exit(member, keep), &nth);
			if (rc)
				return rc;
		}
	for (size_t s = 0; !rc && s < a->out->spec.val.bits; s++)
		if (a->tapped[s].session->snap)
			rc = exit_of(a, tapped_exit(&a->tapped[s]), &nth);
	return rc;
}

/* ---- fan-outs ---- */

static int add_dest(const struct sv_compile *c, struct sv_attach_plan *a, struct sv_dests *fan,
		    struct sv_dest dest)
{
	if (fan->n == SV_DEST_MAX)
		return sv_err_set(c->err, -ENOSPC,
				  "%s: frames of %s.%s from %s have more than %u destinations",
				  c->net->host[c->host].name, a->out->vnet, a->out->segment,
				  sv_names_get(c->names, a->out->spec.key.ifindex), SV_DEST_MAX);
	if (!(dest.flags & SV_DEST_GUARDED) && !(a->out->spec.val.flags & SV_ATTACH_XDP))
		for (size_t i = 0; i < fan->n; i++)
			dest.nth += fan->dest[i].ifindex == dest.ifindex;
	fan->dest[fan->n++] = dest;
	return 0;
}

static int add_member(const struct sv_compile *c, struct sv_attach_plan *a, struct sv_dests *fan,
		      const struct sv_member *member, enum sv_dest_kind kind, bool keep)
{
	struct sv_dest dest = { .ifindex = member->name, .kind = kind };
	int rc = 0;

	if (member->role != SV_ROLE_VNODE) {
		rc = exit_of(a, member_exit(member, keep), &dest.nth);
		dest.flags = SV_DEST_GUARDED;
	}
	return rc ?: add_dest(c, a, fan, dest);
}

/* A target that wants only the head of a copy is guarded like a trunk: sv_port says how much. */
static int add_tapped(const struct sv_compile *c, struct sv_attach_plan *a, struct sv_dests *fan,
		      uint8_t bit)
{
	const struct sv_tapped *tapped = &a->tapped[bit];
	struct sv_dest dest = { .ifindex = tapped->device, .kind = SV_DEST_SESSION, .bit = bit };
	int rc = 0;

	if (tapped->session->snap) {
		rc = exit_of(a, tapped_exit(tapped), &dest.nth);
		dest.flags = SV_DEST_GUARDED;
	}
	return rc ?: add_dest(c, a, fan, dest);
}

/* `to`: 0 = everybody, n = member n alone. closed: not the edge. */
static int add_view(const struct sv_compile *c, struct sv_attach_plan *a, struct sv_dests *fan,
		    const struct sv_view *view, enum sv_dest_kind kind, uint32_t to, bool closed,
		    bool keep)
{
	int rc = 0;

	for (size_t m = 0; !rc && m < view->local->n; m++) {
		if (m == view->own || (to && m + 1 != to) ||
		    (closed && (int)m == view->local->edge))
			continue;
		rc = add_member(c, a, fan, &view->local->member[m], kind, keep);
	}
	return rc;
}

/* Which view is production while `variant` is the live role: whoever has it, else the
 * group's own. */
static size_t primary_view(const struct sv_compile *c, const struct sv_attach_plan *a,
			   uint32_t variant)
{
	for (size_t v = 0; a->out->spec.val.flags & SV_ATTACH_LIVE && v < a->n_view; v++)
		if (sv_view_vnet(c, &a->view[v])->role == variant)
			return v;
	return 0;
}

static int fill_fan(const struct sv_compile *c, struct sv_attach_plan *a, struct sv_dests *fan,
		    uint32_t to, uint32_t variant, uint32_t mask, bool keep)
{
	bool closed = a->out->spec.val.flags & SV_ATTACH_GATED && !variant;
	size_t first = primary_view(c, a, variant);
	int rc = add_view(c, a, fan, &a->view[first], SV_DEST_PRIMARY, to, closed, keep);

	for (size_t v = 0; !rc && v < a->n_view; v++)
		if (v != first)
			rc = add_view(c, a, fan, &a->view[v], SV_DEST_SHADOW, to, closed, keep);
	for (size_t s = 0; !rc && s < a->out->spec.val.bits; s++)
		if (mask & 1u << s)
			rc = add_tapped(c, a, fan, s);
	return rc;
}

static int fill_fans(const struct sv_compile *c, struct sv_attach_plan *a, bool keep)
{
	struct sv_attach_spec *spec = &a->out->spec;
	const struct sv_attach *val = &spec->val;

	spec->n_fan = sv_attach_fanouts(val);
	spec->fan = calloc(spec->n_fan, sizeof(*spec->fan));
	if (!spec->fan)
		return -ENOMEM;
	for (uint32_t to = 0; to <= val->members; to++)
		for (uint32_t variant = 0; variant < val->variants; variant++)
			for (uint32_t mask = 0; mask < 1u << val->bits; mask++) {
				uint32_t i = sv_attach_fanout(val, to, variant, mask);
				int rc = fill_fan(c, a, &spec->fan[i], to, variant, mask, keep);

				if (rc)
					return rc;
			}
	return 0;
}

/* ---- flags ---- */

static bool is_single(const struct sv_attach_spec *spec)
{
	for (size_t i = 0; i < spec->n_fan; i += 1u << spec->val.bits)
		if (spec->fan[i].n > 1)
			return false;
	return true;
}

static void edge_flags(const struct sv_compile *c, struct sv_attach_plan *a)
{
	const struct sv_net_vnet *vnet = sv_view_vnet(c, &a->view[0]);
	struct sv_attach *val = &a->out->spec.val;
	uint8_t most = 0;

	if (!is_mirror(c, a->view[0].local))
		val->flags |= SV_ATTACH_LEARN;
	val->group = c->net->group[vnet->group].slot;
	val->role = vnet->role;
	for (size_t v = 0; v < a->n_view; v++)
		if (sv_view_vnet(c, &a->view[v])->role > most)
			most = sv_view_vnet(c, &a->view[v])->role;
	if (a->n_view > 1) {
		val->flags |= SV_ATTACH_LIVE;
		val->variants = most + 1;
	}
}

static void gated_flags(const struct sv_compile *c, struct sv_attach_plan *a)
{
	const struct sv_net_vnet *vnet = sv_view_vnet(c, &a->view[0]);
	struct sv_attach *val = &a->out->spec.val;

	val->flags |= SV_ATTACH_GATED;
	val->group = c->net->group[vnet->group].slot;
	val->role = is_mirror(c, a->view[0].local) ? SV_GATE_NEVER : vnet->role;
	val->variants = 2;
	/* A mirror's stay silent towards each other: what one sends on is a copy. */
	if (a->view[0].local->n > 2 && !is_mirror(c, a->view[0].local))
		val->flags |= SV_ATTACH_OTHERS;
}

static void edge_of(const struct sv_local *local, struct sv_host_attach *out)
{
	out->edge_port = local->member[local->edge].name;
	out->edge_vlan = local->member[local->edge].vlan;
}

static void fdb_flags(const struct sv_compile *c, struct sv_attach_plan *a)
{
	const struct sv_view *view = &a->view[0];
	const struct sv_net_vnet *vnet = sv_view_vnet(c, view);
	struct sv_attach *val = &a->out->spec.val;
	int same = vnet->of < 0 ? -1
				: sv_net_find_segment(&c->net->vnet[vnet->of],
						      vnet->segment[view->local->segment].name);

	val->flags |= SV_ATTACH_FDB;
	val->members = view->local->n;
	val->member = view->own + 1;
	val->segment = vnet->segment[view->local->segment].id;
	/* A shared edge learns for all members of the group: same numbers, same MACs, one table. */
	if (view->local->edge >= 0 && same >= 0)
		val->segment = c->net->vnet[vnet->of].segment[same].id;
	if (val->flags & SV_ATTACH_GATED)
		val->edge_member = view->local->edge + 1;
}

static void set_flags(const struct sv_compile *c, struct sv_attach_plan *a)
{
	const struct sv_member *own = own_member(&a->view[0]);
	struct sv_attach *val = &a->out->spec.val;

	val->port_role = own->role;
	val->variants = 1;
	if (own->role == SV_ROLE_EDGE)
		edge_flags(c, a);
	else if (a->view[0].local->edge >= 0)
		gated_flags(c, a);
	if (a->view[0].local->edge >= 0)
		edge_of(a->view[0].local, a->out);
	if (a->fdb)
		fdb_flags(c, a);
}

static int build(const struct sv_compile *c, struct sv_attach_plan *a)
{
	struct sv_attach *val = &a->out->spec.val;
	int rc = sv_compile_select(c, a);
	bool keep;

	if (rc)
		return rc;
	keep = keeps_tag(a);
	set_flags(c, a);
	if (sv_compile_datapath(c, a))
		val->flags |= SV_ATTACH_XDP;
	if (own_member(&a->view[0])->vlan && !keep)
		val->flags |= SV_ATTACH_POP;
	rc = add_exits(a, keep);
	if (!rc)
		rc = fill_fans(c, a, keep);
	if (rc)
		return rc;
	if (val->flags & SV_ATTACH_XDP && a->out->spec.n_port)
		val->flags |= SV_ATTACH_META;
	if (val->flags & SV_ATTACH_XDP && is_single(&a->out->spec))
		val->flags |= SV_ATTACH_SINGLE;
	return 0;
}

/* ---- which attachments there are ---- */

static bool same_member(const struct sv_compile *c, const struct sv_local *a,
			const struct sv_local *b, size_t m)
{
	const struct sv_member *x = &a->member[m], *y = &b->member[m];
	const struct sv_net_vnode *vx, *vy;

	if (x->role != y->role || x->role != SV_ROLE_VNODE)
		return x->role == y->role && x->name == y->name;
	vx = &c->net->vnet[a->vnet].vnode[x->vnode];
	vy = &c->net->vnet[b->vnet].vnode[y->vnode];
	return !strcmp(vx->spec.name, vy->spec.name) &&
	       !strcmp(vx->spec.iface[x->iface].name, vy->spec.iface[y->iface].name);
}

/* The same edge of another member of the group, as this host sees it. */
static const struct sv_local *sibling(const struct sv_compile *c, const struct sv_local *local,
				      size_t vnet)
{
	const char *name = c->net->vnet[local->vnet].segment[local->segment].name;

	for (size_t i = 0; i < c->n_local; i++)
		if (c->local[i].vnet == (int)vnet && c->local[i].edge >= 0 &&
		    !strcmp(c->net->vnet[vnet].segment[c->local[i].segment].name, name))
			return &c->local[i];
	return NULL;
}

/* Switching by MAC: three or more members, and the same ones in every VNet that shares the edge. */
static bool use_fdb(const struct sv_compile *c, const struct sv_local *local)
{
	const struct sv_net_vnet *vnet = &c->net->vnet[local->vnet];

	/* Copies of both directions come in by one port. */
	if (local->n < 3 || local->n > 255 || is_mirror(c, local))
		return false;
	for (size_t v = 0; local->edge >= 0 && v < c->net->n_vnet; v++) {
		const struct sv_local *other =
			c->net->vnet[v].group == vnet->group ? sibling(c, local, v) : NULL;

		if (!other)
			continue;
		if (other->n != local->n)
			return false;
		for (size_t m = 0; m < local->n; m++)
			if (!same_member(c, local, other, m))
				return false;
	}
	return true;
}

/* An edge's attachment is shared: every other member of the group hangs on it too. */
static int add_shadow_views(const struct sv_compile *c, struct sv_attach_plan *a)
{
	const struct sv_local *local = a->view[0].local;
	int group = c->net->vnet[local->vnet].group;

	for (size_t v = 0; v < c->net->n_vnet; v++) {
		const struct sv_local *other;

		if ((int)v == local->vnet || c->net->vnet[v].group != group)
			continue;
		other = sibling(c, local, v);
		if (!other)
			continue;
		if (a->n_view == SV_DEST_MAX)
			return sv_err_set(c->err, -ENOSPC, "%s: group %s has more than %u members",
					  c->net->host[c->host].name, c->net->group[group].name,
					  SV_DEST_MAX);
		a->view[a->n_view++] = (struct sv_view){ .local = other, .own = other->edge };
	}
	return 0;
}

static int compile_member(struct sv_compile *c, const struct sv_local *local, size_t m)
{
	const struct sv_net_vnet *vnet = &c->net->vnet[local->vnet];
	const struct sv_member *own = &local->member[m];
	struct sv_attach_plan a = { .n_view = 1, .view[0] = { .local = local, .own = m } };
	int rc = 0;

	a.out = sv_grow(&c->out->attach, &c->out->n_attach, sizeof(*a.out));
	if (!a.out)
		return -ENOMEM;
	a.out->spec.key = (struct sv_attach_key){ .ifindex = own->name, .vlan = own->vlan };
	strcpy(a.out->vnet, vnet->name);
	strcpy(a.out->segment, vnet->segment[local->segment].name);
	a.fdb = use_fdb(c, local);
	if (own->role == SV_ROLE_EDGE)
		rc = add_shadow_views(c, &a);
	return rc ?: build(c, &a);
}

int sv_compile_attachments(struct sv_compile *c)
{
	int rc = sv_compile_locals(c);

	for (size_t i = 0; !rc && i < c->n_local; i++) {
		const struct sv_local *local = &c->local[i];
		bool shadow = c->net->vnet[local->vnet].kind == SV_VNET_SHADOW;

		for (size_t m = 0; !rc && m < local->n; m++)
			if (!shadow || local->member[m].role != SV_ROLE_EDGE)
				rc = compile_member(c, local, m);
	}
	return rc;
}
