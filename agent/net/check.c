// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

/* What can only be said about the network as a whole. */

static const char *kind_path(enum sv_vnet_kind kind)
{
	static const char *const names[] = { "vnets", "shadows", "monitors" };

	return names[kind];
}

/* ---- segments fit the substrate ---- */

static void check_trunks(struct sv_load *l, const struct sv_path *at,
			 const struct sv_net_segment *segment, const bool *used)
{
	const struct sv_net *net = l->net;

	for (size_t t = 0; t < net->n_trunk; t++)
		for (int i = 0; used[t] && i < 2; i++) {
			const struct sv_net_host *host = &net->host[net->trunk[t].host[i]];
			const struct sv_net_port *port = &host->port[net->trunk[t].port[i]];

			if (port->mtu < segment->mtu)
				sv_load_bad(l, SV_PATH(at, "mtu"),
					    "%u does not fit the trunk %s:%s with %u", segment->mtu,
					    host->name, port->name, port->mtu);
		}
}

static void check_segment(struct sv_load *l, const struct sv_path *at,
			  const struct sv_net_vnet *vnet, const struct sv_net_segment *segment)
{
	_cleanup_free_ bool *used = calloc(l->net->n_trunk + 1, sizeof(*used));
	int host = 0, rc;

	if (!used) {
		l->nomem = true;
		return;
	}
	rc = sv_tree_segment(l->net, vnet, segment, used, &host);
	if (rc == -EHOSTUNREACH)
		sv_load_bad(l, at, "no trunks lead from %s to %s",
			    l->net->host[sv_tree_root(vnet, segment)].name,
			    l->net->host[host].name);
	else if (rc < 0)
		l->nomem = true;
	else
		check_trunks(l, at, segment, used);
	if (rc > 0 && !l->net->vlan_from)
		sv_load_bad(l, SV_PATH(NULL, "vlans"), "is missing: %s.%s crosses trunks",
			    vnet->name, segment->name);
}

static void check_segments(struct sv_load *l, const struct sv_net_vnet *vnet)
{
	const struct sv_path *at = SV_PATH(SV_PATH(NULL, kind_path(vnet->kind)), vnet->name);

	for (size_t s = 0; s < vnet->n_segment; s++) {
		const struct sv_net_segment *segment = &vnet->segment[s];
		const struct sv_path *list =
			SV_PATH(at, segment->edge_host >= 0 ? "edges" : "links");

		check_segment(l, SV_PATH(list, segment->name), vnet, segment);
	}
}

/* ---- edges ---- */

static bool same_edge(const struct sv_net_segment *a, const struct sv_net_segment *b)
{
	return a->edge_host >= 0 && a->edge_host == b->edge_host && a->edge_port == b->edge_port &&
	       a->edge_vlan == b->edge_vlan;
}

/* An edge's VLAN belongs to one edge of one group. */
static void check_edge_taken(struct sv_load *l, const struct sv_path *at, size_t v, size_t s)
{
	const struct sv_net *net = l->net;
	const struct sv_net_segment *edge = &net->vnet[v].segment[s];

	for (size_t w = 0; w <= v; w++) {
		if (w != v && net->vnet[w].group == net->vnet[v].group)
			continue;
		for (size_t u = 0; u < (w == v ? s : net->vnet[w].n_segment); u++)
			if (same_edge(&net->vnet[w].segment[u], edge))
				sv_load_bad(l, SV_PATH(at, "port"),
					    "%s with this VLAN belongs to %s.%s already",
					    net->host[edge->edge_host].port[edge->edge_port].name,
					    net->vnet[w].name, net->vnet[w].segment[u].name);
	}
}

/* A shadow stands at its original's edges, all of them and no others. */
static void check_shadow_edges(struct sv_load *l, const struct sv_path *at,
			       const struct sv_net_vnet *shadow)
{
	const struct sv_net_vnet *of = &l->net->vnet[shadow->of];

	for (size_t s = 0; s < shadow->n_segment; s++) {
		int o = sv_net_find_segment(of, shadow->segment[s].name);

		if (shadow->segment[s].edge_host >= 0 &&
		    (o < 0 || !same_edge(&of->segment[o], &shadow->segment[s])))
			sv_load_bad(l, SV_PATH(at, shadow->segment[s].name),
				    "must be as in %s: a shadow has its original's edges",
				    of->name);
	}
	for (size_t o = 0; o < of->n_segment; o++)
		if (of->segment[o].edge_host >= 0 &&
		    sv_net_find_segment(shadow, of->segment[o].name) < 0)
			sv_load_bad(l, SV_PATH(at, of->segment[o].name),
				    "is missing: a shadow has its original's edges");
}

static void check_edges(struct sv_load *l, size_t v)
{
	const struct sv_net_vnet *vnet = &l->net->vnet[v];
	const struct sv_path *at = SV_PATH(SV_PATH(NULL, kind_path(vnet->kind)), vnet->name);
	const struct sv_path *edges = SV_PATH(at, "edges");

	if (vnet->kind == SV_VNET_SHADOW)
		check_shadow_edges(l, edges, vnet);
	for (size_t s = 0; s < vnet->n_segment; s++) {
		if (vnet->segment[s].edge_host < 0)
			continue;
		if (vnet->kind == SV_VNET_MONITOR)
			sv_load_bad(l, edges, "a monitoring VNet has no edges");
		check_edge_taken(l, SV_PATH(edges, vnet->segment[s].name), v, s);
	}
}

/* ---- adopted devices ---- */

static const char *device_owner(const struct sv_net *net, int host, const char *device,
				const struct sv_vnode_iface *but, char *text, size_t size)
{
	if (sv_net_find_port(&net->host[host], device) >= 0)
		return "hosts";
	for (size_t v = 0; v < net->n_vnet; v++)
		for (size_t n = 0; n < net->vnet[v].n_vnode; n++) {
			const struct sv_net_vnode *vnode = &net->vnet[v].vnode[n];

			for (size_t i = 0; vnode->host == host && i < vnode->spec.n_iface; i++) {
				if (&vnode->spec.iface[i] == but)
					return NULL;
				if (strcmp(vnode->spec.iface[i].port, device))
					continue;
				snprintf(text, size, "%s/%s", net->vnet[v].name, vnode->spec.name);
				return text;
			}
		}
	return NULL;
}

static void check_devices(struct sv_load *l, const struct sv_net_vnet *vnet)
{
	const struct sv_path *at = SV_PATH(SV_PATH(NULL, kind_path(vnet->kind)), vnet->name);
	const struct sv_path *vnodes = SV_PATH(at, "vnodes");

	for (size_t n = 0; n < vnet->n_vnode; n++) {
		const struct sv_net_vnode *vnode = &vnet->vnode[n];
		const struct sv_path *ifaces =
			SV_PATH(SV_PATH(vnodes, vnode->spec.name), "interfaces");

		for (size_t i = 0; sv_net_is_external(vnode) && i < vnode->spec.n_iface; i++) {
			const struct sv_vnode_iface *iface = &vnode->spec.iface[i];
			char text[2 * SV_NAME];
			const char *owner = device_owner(l->net, vnode->host, iface->port, iface,
							 text, sizeof(text));

			if (owner)
				sv_load_bad(l, SV_PATH(SV_PATH(ifaces, iface->name), "device"),
					    "%s is taken by %s already", iface->port, owner);
		}
	}
}

static bool is_ours(const char *name)
{
	size_t at = !strncmp(name, "sv", 2) ? 2 : 0;

	if (at && (name[at] == 'x' || name[at] == 'y'))
		at++;
	return at && name[at] && strspn(name + at, "0123456789") == strlen(name + at);
}

/* A host's own name for a port must not look like one that is allocated. */
static void check_port_names(struct sv_load *l)
{
	const struct sv_path *hosts = SV_PATH(NULL, "hosts");

	for (size_t h = 0; h < l->net->n_host; h++)
		for (size_t p = 0; p < l->net->host[h].n_port; p++) {
			const char *name = l->net->host[h].port[p].name;
			const struct sv_path *ports =
				SV_PATH(SV_PATH(hosts, l->net->host[h].name), "ports");

			if (is_ours(name))
				sv_load_bad(l, SV_PATH(ports, name),
					    "sv, svx or svy and a number is how our own devices "
					    "are named");
		}
}

void sv_load_check(struct sv_load *l)
{
	check_port_names(l);
	sv_load_check_disks(l);
	for (size_t v = 0; v < l->net->n_vnet; v++) {
		check_segments(l, &l->net->vnet[v]);
		check_edges(l, v);
		check_devices(l, &l->net->vnet[v]);
	}
}
