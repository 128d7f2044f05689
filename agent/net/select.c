// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "compile.h"

/* The sessions of an attachment: who taps it, in which order they get their copies,
 * their filters. */

/* ---- tapping ---- */

static bool has_end(const struct sv_net_session *session, const struct sv_member *member)
{
	for (size_t i = 0; member->role == SV_ROLE_VNODE && i < session->n_at; i++)
		if (session->at[i].vnode == member->vnode && session->at[i].iface == member->iface)
			return true;
	return false;
}

/* The end that a session taps of the frames that come in by the view's own member, or NULL: who
 * sent them, or else somebody who may receive them. */
static const struct sv_member *tapped_end(const struct sv_net_session *session,
					  const struct sv_view *view, __u8 *direction)
{
	const struct sv_member *member = view->local->member;

	if (session->vnet != view->local->vnet || session->left_out)
		return NULL;
	*direction = SV_POINT_OUT;
	if (session->direction & SV_DIR_OUT && has_end(session, &member[view->own]))
		return &member[view->own];
	*direction = SV_POINT_IN;
	for (size_t m = 0; session->direction & SV_DIR_IN && m < view->local->n; m++)
		if (m != view->own && has_end(session, &member[m]))
			return &member[m];
	return NULL;
}

static bool taps(const struct sv_compile *c, const struct sv_attach_plan *a,
		 const struct sv_net_session *session, struct sv_point *point)
{
	for (size_t v = 0; v < a->n_view; v++) {
		const struct sv_view *view = &a->view[v];
		const struct sv_net_vnet *vnet = sv_view_vnet(c, view);
		const struct sv_member *end = tapped_end(session, view, &point->direction);
		const struct sv_vnode_spec *spec;

		if (!end)
			continue;
		spec = &vnet->vnode[end->vnode].spec;
		strcpy(point->vnet, vnet->name);
		strcpy(point->vnode, spec->name);
		strcpy(point->iface, spec->iface[end->iface].name);
		strcpy(point->point, vnet->segment[view->local->segment].name);
		return true;
	}
	return false;
}

/* ---- order ---- */

/* 0 keeps everything. */
static uint32_t kept(const struct sv_net_session *session)
{
	return session->snap ?: UINT32_MAX;
}

/* Devices before rings; at TC a copy is cut shorter and shorter, so the longest come first. */
static bool comes_before(const struct sv_tapped *a, const struct sv_tapped *b)
{
	if (!a->device != !b->device)
		return a->device;
	if (a->device && kept(a->session) != kept(b->session))
		return kept(a->session) > kept(b->session);
	if (a->session->priority != b->session->priority)
		return a->session->priority > b->session->priority;
	return a->session->number < b->session->number;
}

static int insert(struct sv_tapped **list, size_t *n, const struct sv_tapped *tapped)
{
	size_t at;

	if (!sv_grow(list, n, sizeof(**list)))
		return -ENOMEM;
	for (at = *n - 1; at > 0 && comes_before(tapped, &(*list)[at - 1]); at--)
		(*list)[at] = (*list)[at - 1];
	(*list)[at] = *tapped;
	return 0;
}

static int too_many(const struct sv_compile *c, const struct sv_attach_plan *a,
		    const struct sv_tapped *list, size_t n)
{
	char names[320] = "";

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names);

		snprintf(names + len, sizeof(names) - len, "%s%s (priority %u)", i ? ", " : "",
			 list[i].session->name, list[i].session->priority);
	}
	return sv_err_set(
		c->err, -ENOSPC,
		"%s: %s vlan %u of %s.%s has more than %u sessions: %s: stop one, or give it other "
		"points",
		c->net->host[c->host].name, sv_names_get(c->names, a->out->spec.key.ifindex),
		a->out->spec.key.vlan, a->out->vnet, a->out->segment, SV_SESSION_BITS, names);
}

static int collect(const struct sv_compile *c, const struct sv_attach_plan *a,
		   struct sv_tapped **list, size_t *n)
{
	for (size_t s = 0; s < c->net->n_session; s++) {
		struct sv_tapped tapped = { .session = &c->net->session[s] };
		struct sv_target_device device;
		int rc;

		if (!taps(c, a, tapped.session, &tapped.point))
			continue;
		rc = sv_compile_target(c, tapped.session, &device);
		if (rc == -ENOENT)
			continue;
		tapped.device = device.name;
		rc = rc ?: insert(list, n, &tapped);
		if (rc)
			return rc;
	}
	return *n > SV_SESSION_BITS ? too_many(c, a, *list, *n) : 0;
}

/* ---- into the attachment ---- */

static int set_filters(struct sv_attach_plan *a)
{
	struct sv_attach_spec *spec = &a->out->spec;

	for (size_t s = 0; s < a->n_tapped; s++) {
		const char *filter = a->tapped[s].session->filter;

		spec->filter[s] = filter ? strdup(filter) : NULL;
		if (filter && !spec->filter[s])
			return -ENOMEM;
	}
	spec->val.digest = sv_filter_digest(spec->filter);
	if (spec->val.digest)
		spec->val.flags |= SV_ATTACH_FILTER;
	return 0;
}

int sv_compile_select(const struct sv_compile *c, struct sv_attach_plan *a)
{
	_cleanup_free_ struct sv_tapped *list = NULL;
	struct sv_attach_spec *spec = &a->out->spec;
	int rc = collect(c, a, &list, &a->n_tapped);

	if (rc)
		return rc;
	for (size_t s = 0; s < a->n_tapped; s++) {
		a->tapped[s] = list[s];
		spec->val.session[s] = list[s].session->number;
		spec->val.bits += list[s].device != 0;
		spec->point[s] = list[s].point;
	}
	spec->val.sessions = a->n_tapped;
	return set_filters(a);
}
