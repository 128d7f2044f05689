// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

/* Sessions: what they tap and where their copies go. */

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

static void tap_points(struct sv_load *l, const struct sv_path *at, struct sv_net_session *session,
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

static int parse_direction(const char *text)
{
	if (!text || !strcmp(text, "both"))
		return SV_DIR_IN | SV_DIR_OUT;
	if (!strcmp(text, "in"))
		return SV_DIR_IN;
	return strcmp(text, "out") ? 0 : SV_DIR_OUT;
}

static void load_target(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			struct sv_net_session *session)
{
	const char *to = sv_json_str(json, "to") ?: "", *iface = sv_json_str(json, "interface");

	session->monitor = sv_net_find_vnet(l->net, to);
	if (session->monitor < 0 || l->net->vnet[session->monitor].kind != SV_VNET_MONITOR)
		return sv_load_bad(l, SV_PATH(at, "to"), "there is no monitoring VNet \"%s\"", to);
	if (iface && sv_load_name(l, SV_PATH(at, "interface"), iface, 15))
		strcpy(session->iface, iface);
}

static void load_session(struct sv_load *l, const struct sv_path *at, const cJSON *json)
{
	static const char *const known[] = { "of", "direction", "at", "to", "interface", NULL };
	const char *of = sv_json_str(json, "of") ?: "";
	struct sv_net_session *session;
	int vnet;

	if (!sv_load_members(l, at, json, known) || !sv_load_name(l, at, json->string, SV_NAME - 1))
		return;
	vnet = sv_net_find_vnet(l->net, of);
	if (vnet < 0 || l->net->vnet[vnet].kind == SV_VNET_MONITOR)
		return sv_load_bad(l, SV_PATH(at, "of"), "there is no VNet \"%s\" to monitor", of);
	session = sv_grow(&l->net->session, &l->net->n_session, sizeof(*session));
	if (!session) {
		l->nomem = true;
		return;
	}
	strcpy(session->name, json->string);
	session->vnet = vnet;
	session->direction = parse_direction(sv_json_str(json, "direction"));
	if (!session->direction)
		sv_load_bad(l, SV_PATH(at, "direction"), "must be \"in\", \"out\" or \"both\"");
	load_target(l, at, json, session);
	tap_points(l, SV_PATH(at, "at"), session, sv_json_get(json, "at"));
}

void sv_load_sessions(struct sv_load *l, const cJSON *doc)
{
	const cJSON *sessions = sv_json_get(doc, "sessions"), *session;
	const struct sv_path *at = SV_PATH(NULL, "sessions");

	cJSON_ArrayForEach (session, sessions)
		load_session(l, SV_PATH(at, session->string), session);
}
