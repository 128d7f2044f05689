// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Points: which interfaces a session taps. */

static void tap_add(struct sv_load *l, struct sv_net_session *session, int vnode, int iface)
{
	struct sv_net_end *end;

	for (size_t i = 0; i < session->n_at; i++)
		if (session->at[i].vnode == vnode && session->at[i].iface == iface)
			return;
	end = sv_grow(&session->at, &session->n_at, sizeof(*end));
	if (!end)
		l->nomem = true;
	else
		*end = (struct sv_net_end){ .vnode = vnode, .iface = iface };
}

static void tap_segment(struct sv_load *l, struct sv_net_session *session,
			const struct sv_net_segment *segment)
{
	for (size_t e = 0; e < segment->n_end; e++)
		tap_add(l, session, segment->end[e].vnode, segment->end[e].iface);
}

static void tap_all(struct sv_load *l, struct sv_net_session *session)
{
	const struct sv_net_vnet *vnet = &l->net->vnet[session->vnet];

	for (size_t s = 0; s < vnet->n_segment; s++)
		tap_segment(l, session, &vnet->segment[s]);
}

static void tap_point(struct sv_load *l, const struct sv_path *at, struct sv_net_session *session,
		      const char *point)
{
	const struct sv_net_vnet *vnet = &l->net->vnet[session->vnet];
	int segment = sv_net_find_segment(vnet, point), vnode, iface;
	char vnode_name[SV_NAME], iface_name[16];

	if (!strcmp(point, "all"))
		return tap_all(l, session);
	if (segment >= 0)
		return tap_segment(l, session, &vnet->segment[segment]);
	if (sv_parse_pair(point, vnode_name, sizeof(vnode_name), iface_name, sizeof(iface_name)))
		return sv_load_bad(l, at, "%s has no link or edge \"%s\"", vnet->name, point);
	vnode = sv_net_find_vnode(vnet, vnode_name);
	iface = vnode < 0 ? -1 : sv_net_find_iface(&vnet->vnode[vnode], iface_name);
	if (iface < 0)
		return sv_load_bad(l, at, "%s has no interface \"%s\"", vnet->name, point);
	if (sv_net_segment_of(vnet, vnode, iface) < 0)
		return sv_load_bad(l, at, "%s is the end of no link or edge", point);
	tap_add(l, session, vnode, iface);
}

void sv_load_points(struct sv_load *l, const struct sv_path *at, struct sv_net_session *session,
		    const cJSON *points)
{
	const cJSON *point;

	if (!points)
		return tap_all(l, session);
	if (!cJSON_IsArray(points) || !cJSON_GetArraySize(points))
		return sv_load_bad(l, at, "must be an array of points");
	cJSON_ArrayForEach (point, points)
		tap_point(l, at, session, cJSON_GetStringValue(point) ?: "");
}
