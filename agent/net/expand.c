// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

/* ---- shadows ---- */

static void load_shadow(struct sv_load *l, const struct sv_path *at, const cJSON *shadow,
			const cJSON *network)
{
	static const char *const known[] = { "of", "override", NULL };
	const char *of_name = sv_json_str(shadow, "of") ?: "";
	const cJSON *override = sv_json_get(shadow, "override");
	_cleanup_json_ cJSON *merged = NULL;
	int of;

	if (!sv_load_members(l, at, shadow, known))
		return;
	of = sv_net_find_vnet(l->net, of_name);
	if (of < 0 || l->net->vnet[of].kind != SV_VNET_PRODUCTION)
		return sv_load_bad(l, SV_PATH(at, "of"), "there is no production VNet \"%s\"",
				   of_name);
	if (override && !cJSON_IsObject(override))
		return sv_load_bad(l, SV_PATH(at, "override"), "must be an object");
	merged = sv_json_get(sv_json_get(network, "vnets"), of_name);
	merged = override ? sv_json_merge(merged, override) : cJSON_Duplicate(merged, true);
	if (!merged) {
		l->nomem = true;
		return;
	}
	sv_load_vnet(l, at, shadow->string, merged, SV_VNET_SHADOW, of);
}

void sv_load_shadows(struct sv_load *l, const cJSON *doc)
{
	const cJSON *shadows = sv_json_get(doc, "shadows"), *shadow;
	const struct sv_path *at = SV_PATH(NULL, "shadows");

	cJSON_ArrayForEach (shadow, shadows)
		load_shadow(l, SV_PATH(at, shadow->string), shadow, sv_json_get(doc, "network"));
}

/* ---- monitoring VNets ---- */

/* Which hosts the VNets that a monitor watches span. */
static bool monitor_hosts(const struct sv_net *net, const cJSON *sessions, const char *monitor,
			  bool *on)
{
	const cJSON *session;
	bool any = false;

	cJSON_ArrayForEach (session, sessions) {
		const char *of = sv_json_str(session, "of"), *to = sv_json_str(session, "to");
		int v = of ? sv_net_find_vnet(net, of) : -1;

		if (v < 0 || !to || strcmp(to, monitor))
			continue;
		for (size_t n = 0; n < net->vnet[v].n_vnode; n++)
			any = on[net->vnet[v].vnode[n].host] = true;
	}
	return any;
}

/* "PREFIX-NAME", shortened by a hash when it would not fit. */
static void joined_name(char *out, size_t size, const char *prefix, const char *name)
{
	uint32_t hash = 2166136261u;

	if (snprintf(out, size, "%s-%s", prefix, name) < (int)size)
		return;
	for (const char *c = name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	snprintf(out, size, "%.4s-%08x", prefix, hash);
}

static int add_string(cJSON *array, const char *a, const char *b)
{
	char text[64];

	snprintf(text, sizeof(text), "%s:%s", a, b);
	return cJSON_AddItemToArray(array, cJSON_CreateString(text)) ? 0 : -ENOMEM;
}

static int add_iface(cJSON *vnodes, const char *vnode, const char *iface)
{
	cJSON *ifaces = sv_json_object(sv_json_object(vnodes, vnode), "interfaces");

	return ifaces && sv_json_object(ifaces, iface) ? 0 : -ENOMEM;
}

/* A virtual link between the monitor's VNodes on hosts a and b. */
static int monitor_link(const struct sv_net *net, cJSON *json, int a, int b)
{
	const char *name_a = net->host[a].name, *name_b = net->host[b].name;
	cJSON *vnodes = sv_json_object(json, "vnodes"), *ends;
	char to_a[16], to_b[16], link[SV_NAME];

	joined_name(to_a, sizeof(to_a), "eth", name_a);
	joined_name(to_b, sizeof(to_b), "eth", name_b);
	joined_name(link, sizeof(link), name_a, name_b);
	ends = sv_json_object(sv_json_object(json, "links"), link);
	if (!ends || add_iface(vnodes, name_a, to_b) || add_iface(vnodes, name_b, to_a))
		return -ENOMEM;
	ends = cJSON_AddArrayToObject(ends, "ends");
	if (!ends || add_string(ends, name_a, to_b) || add_string(ends, name_b, to_a))
		return -ENOMEM;
	return 0;
}

/* The nearest host on the way to the root that has a VNode too. */
static int monitor_parent(const struct sv_net *net, const int *up, const bool *on, int host)
{
	while (up[host] >= 0) {
		const struct sv_net_trunk *trunk = &net->trunk[up[host]];

		host = trunk->host[0] == host ? trunk->host[1] : trunk->host[0];
		if (on[host])
			return host;
	}
	return -1;
}

/* A spanning tree of the hosts, along the trunks. */
static int monitor_links(const struct sv_net *net, cJSON *json, const bool *on)
{
	_cleanup_free_ int *up = calloc(net->n_host, sizeof(*up));
	_cleanup_free_ int *dist = calloc(net->n_host, sizeof(*dist));
	int root = -1;

	if (!up || !dist)
		return -ENOMEM;
	for (size_t h = net->n_host; h-- > 0;)
		if (on[h])
			root = h;
	if (sv_tree_bfs(net, root, up, dist))
		return -ENOMEM;
	for (size_t h = 0; h < net->n_host; h++) {
		int parent = on[h] ? monitor_parent(net, up, on, h) : -1;

		if (parent >= 0 && monitor_link(net, json, parent, h))
			return -ENOMEM;
	}
	return 0;
}

/* Every session has an interface on the hosts that its VNet spans. */
static int monitor_ifaces(const struct sv_net *net, cJSON *json, const cJSON *sessions,
			  const char *monitor)
{
	cJSON *vnodes = sv_json_object(json, "vnodes");
	const cJSON *session;

	cJSON_ArrayForEach (session, sessions) {
		const char *of = sv_json_str(session, "of"), *to = sv_json_str(session, "to");
		const char *iface = sv_json_str(session, "interface");
		int v = of ? sv_net_find_vnet(net, of) : -1;

		if (v < 0 || !to || strcmp(to, monitor) || !iface)
			continue;
		for (size_t n = 0; n < net->vnet[v].n_vnode; n++)
			if (add_iface(vnodes, net->host[net->vnet[v].vnode[n].host].name, iface))
				return -ENOMEM;
	}
	return 0;
}

static cJSON *monitor_json(const struct sv_net *net, const cJSON *doc, const char *monitor,
			   const bool *on)
{
	const cJSON *override =
		sv_json_get(sv_json_get(sv_json_get(doc, "monitors"), monitor), "override");
	_cleanup_json_ cJSON *json = cJSON_CreateObject();
	cJSON *vnodes = json ? sv_json_object(json, "vnodes") : NULL;

	if (!vnodes)
		return NULL;
	for (size_t h = 0; h < net->n_host; h++) {
		cJSON *vnode = on[h] ? sv_json_object(vnodes, net->host[h].name) : NULL;

		if (on[h] && (!vnode || !cJSON_AddStringToObject(vnode, "host", net->host[h].name)))
			return NULL;
	}
	if (monitor_ifaces(net, json, sv_json_get(doc, "sessions"), monitor) ||
	    monitor_links(net, json, on))
		return NULL;
	return override ? sv_json_merge(json, override) : TAKE_PTR(json);
}

static uint32_t vnet_mtu(const struct sv_net_vnet *vnet)
{
	uint32_t mtu = 1500;

	for (size_t s = 0; s < vnet->n_segment; s++)
		if (vnet->segment[s].mtu > mtu)
			mtu = vnet->segment[s].mtu;
	return mtu;
}

/* Copies come without the VNet's tag, but may have one of their own inside. */
static void monitor_mtu(struct sv_net_vnet *monitor, const char *iface, uint32_t mtu)
{
	for (size_t n = 0; n < monitor->n_vnode; n++) {
		int i = sv_net_find_iface(&monitor->vnode[n], iface);

		if (i >= 0 && monitor->vnode[n].spec.iface[i].mtu < mtu + 4)
			monitor->vnode[n].spec.iface[i].mtu = mtu + 4;
	}
}

static void load_monitor(struct sv_load *l, const struct sv_path *at, const cJSON *doc,
			 const char *name)
{
	_cleanup_free_ bool *on = calloc(l->net->n_host + 1, sizeof(*on));
	_cleanup_json_ cJSON *json = NULL;

	if (!on) {
		l->nomem = true;
		return;
	}
	if (!monitor_hosts(l->net, sv_json_get(doc, "sessions"), name, on))
		return;
	json = monitor_json(l->net, doc, name, on);
	if (!json)
		l->nomem = true;
	else
		sv_load_vnet(l, at, name, json, SV_VNET_MONITOR, -1);
}

void sv_load_monitors(struct sv_load *l, const cJSON *doc)
{
	const cJSON *monitors = sv_json_get(doc, "monitors"), *monitor, *session;
	const struct sv_path *at = SV_PATH(NULL, "monitors");

	cJSON_ArrayForEach (monitor, monitors)
		load_monitor(l, SV_PATH(at, monitor->string), doc, monitor->string);
	cJSON_ArrayForEach (session, sv_json_get(doc, "sessions")) {
		const char *of = sv_json_str(session, "of"), *to = sv_json_str(session, "to");
		const char *iface = sv_json_str(session, "interface");
		int v = of ? sv_net_find_vnet(l->net, of) : -1;
		int m = to ? sv_net_find_vnet(l->net, to) : -1;

		if (v >= 0 && m >= 0 && iface)
			monitor_mtu(&l->net->vnet[m], iface, vnet_mtu(&l->net->vnet[v]));
	}
}
