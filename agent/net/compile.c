// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "compile.h"

/* From the network to what one host must have. */

static void host_vnode_fini(struct sv_host_vnode *vnode)
{
	sv_vnode_spec_fini(&vnode->spec);
}

void sv_host_state_fini(struct sv_host_state *state)
{
	for (size_t i = 0; i < state->n_vnode; i++)
		host_vnode_fini(&state->vnode[i]);
	for (size_t i = 0; i < state->n_attach; i++)
		sv_attach_spec_fini(&state->attach[i].spec);
	free(state->port);
	free(state->vnode);
	free(state->attach);
	free(state->session);
	free(state->export);
	free(state->group);
	*state = (struct sv_host_state){ 0 };
}

/* ---- ports ---- */

static struct sv_host_port *port_find(struct sv_host_state *state, __u32 name)
{
	for (size_t p = 0; p < state->n_port; p++)
		if (state->port[p].name == name)
			return &state->port[p];
	return NULL;
}

int sv_compile_port(struct sv_host_state *state, __u32 name, enum sv_port_role role, bool made)
{
	struct sv_host_port *port;

	if (!name)
		return -ENOMEM;
	if (port_find(state, name))
		return 0;
	port = sv_grow(&state->port, &state->n_port, sizeof(*port));
	if (!port)
		return -ENOMEM;
	*port = (struct sv_host_port){ .name = name,
				       .role = role,
				       .made = made,
				       .up = true,
				       .exists = true,
				       .attached = true };
	return 0;
}

static int compile_wires(struct sv_compile *c)
{
	for (size_t i = 0; i < c->out->n_attach; i++) {
		const struct sv_attach_spec *spec = &c->out->attach[i].spec;

		if (spec->val.port_role != SV_ROLE_VNODE &&
		    sv_compile_port(c->out, spec->key.ifindex, spec->val.port_role, false))
			return -ENOMEM;
	}
	return 0;
}

/* XDP on a port: frames come in by it to an XDP attachment, or are redirected into it. */
static void mark_xdp(struct sv_host_state *state, const struct sv_attach_spec *spec)
{
	struct sv_host_port *port = port_find(state, spec->key.ifindex);

	if (!(spec->val.flags & SV_ATTACH_XDP))
		return;
	if (port)
		port->xdp = true;
	for (size_t f = 0; f < spec->n_fan; f++)
		for (size_t d = 0; d < spec->fan[f].n; d++) {
			port = port_find(state, spec->fan[f].dest[d].ifindex);
			if (port)
				port->xdp = true;
		}
}

static bool leads_to(const struct sv_host_state *state, __u32 name)
{
	for (size_t a = 0; a < state->n_attach; a++) {
		const struct sv_attach_spec *spec = &state->attach[a].spec;

		for (size_t p = 0; spec->val.flags & SV_ATTACH_XDP && p < spec->n_port; p++)
			if (spec->port[p].ifindex == name)
				return true;
	}
	return false;
}

/*
 * A veth takes frames from XDP redirects only while its other end has an XDP program: a trunk needs
 * one when the host at its other end sends into it by XDP, even if it serves none itself.
 */
static int mark_peer_xdp(struct sv_compile *c, const struct sv_net_trunk *trunk, int end)
{
	const struct sv_net_host *here = &c->net->host[c->host];
	const struct sv_net_host *there = &c->net->host[trunk->host[!end]];
	struct sv_host_port *port =
		port_find(c->out, sv_names_find(c->names, here->port[trunk->port[end]].name));
	struct sv_host_state state = { 0 };
	struct sv_names names = { 0 };
	struct sv_compile peer = {
		.out = &state, .names = &names, .net = c->net, .host = trunk->host[!end]
	};
	int rc;

	if (!port || port->xdp)
		return 0;
	rc = sv_compile_attachments(&peer);
	if (!rc)
		port->xdp = leads_to(&state,
				     sv_names_find(&names, there->port[trunk->port[!end]].name));
	sv_compile_fini(&peer);
	sv_host_state_fini(&state);
	sv_names_fini(&names);
	/* What does not fit there is that host's to say. */
	return rc == -ENOSPC ? 0 : rc;
}

static int compile_xdp(struct sv_compile *c)
{
	for (size_t i = 0; i < c->out->n_attach; i++)
		mark_xdp(c->out, &c->out->attach[i].spec);
	for (size_t t = 0; t < c->net->n_trunk; t++)
		for (int end = 0; end < 2; end++) {
			int rc = 0;

			if (c->net->trunk[t].host[end] == c->host)
				rc = mark_peer_xdp(c, &c->net->trunk[t], end);
			if (rc)
				return rc;
		}
	return 0;
}

/* ---- VNodes ---- */

static int strv_dup(char ***out, char *const *strv)
{
	size_t n = 0;

	if (!strv)
		return 0;
	while (strv[n])
		n++;
	*out = calloc(n + 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		(*out)[i] = strdup(strv[i]);
		if (!(*out)[i])
			return -ENOMEM;
	}
	return 0;
}

static int ifaces_dup(struct sv_vnode_spec *to, const struct sv_vnode_spec *from)
{
	to->iface = calloc(from->n_iface + 1, sizeof(*to->iface));
	if (!to->iface)
		return -ENOMEM;
	for (size_t i = 0; i < from->n_iface; i++) {
		to->iface[to->n_iface] = from->iface[i];
		to->iface[to->n_iface++].addresses = NULL;
		if (strv_dup(&to->iface[i].addresses, from->iface[i].addresses))
			return -ENOMEM;
	}
	return 0;
}

static int spec_dup(struct sv_vnode_spec *to, const struct sv_vnode_spec *from)
{
	memcpy(to->vnet, from->vnet, sizeof(to->vnet));
	memcpy(to->name, from->name, sizeof(to->name));
	memcpy(to->driver, from->driver, sizeof(to->driver));
	to->tier = from->tier;
	to->cpu_weight = from->cpu_weight;
	if (from->nft && !(to->nft = strdup(from->nft)))
		return -ENOMEM;
	if (from->xen && !(to->xen = strdup(from->xen)))
		return -ENOMEM;
	if (ifaces_dup(to, from) || strv_dup(&to->routes, from->routes) ||
	    strv_dup(&to->sysctls, from->sysctls) || strv_dup(&to->tc, from->tc) ||
	    strv_dup(&to->program, from->program))
		return -ENOMEM;
	return 0;
}

static int compile_vnode(struct sv_compile *c, const struct sv_net_vnode *vnode)
{
	struct sv_host_vnode *out = sv_grow(&c->out->vnode, &c->out->n_vnode, sizeof(*out));

	if (!out || spec_dup(&out->spec, &vnode->spec))
		return -ENOMEM;
	out->state = SV_VNODE_RUNNING;
	for (size_t i = 0; i < vnode->spec.n_iface; i++) {
		__u32 name = sv_names_add(c->names, vnode->spec.iface[i].port);

		if (sv_compile_port(c->out, name, SV_ROLE_VNODE, !sv_net_is_external(vnode)))
			return -ENOMEM;
	}
	return 0;
}

/* A shadow's VNode is made from its original, when that runs on the same host in the same way. */
static void clone_source(const struct sv_compile *c, const struct sv_net_vnet *vnet,
			 const struct sv_net_vnode *vnode, struct sv_host_vnode *out)
{
	const struct sv_net_vnet *of = vnet->of < 0 ? NULL : &c->net->vnet[vnet->of];
	int n = of ? sv_net_find_vnode(of, vnode->spec.name) : -1;

	if (n < 0 || of->vnode[n].host != c->host || sv_net_is_external(vnode) ||
	    strcmp(of->vnode[n].spec.driver, vnode->spec.driver))
		return;
	strcpy(out->clone_vnet, of->name);
	strcpy(out->clone_name, vnode->spec.name);
}

static int compile_vnodes(struct sv_compile *c)
{
	for (size_t v = 0; v < c->net->n_vnet; v++)
		for (size_t n = 0; n < c->net->vnet[v].n_vnode; n++) {
			const struct sv_net_vnode *vnode = &c->net->vnet[v].vnode[n];

			if (vnode->host != c->host)
				continue;
			if (compile_vnode(c, vnode))
				return -ENOMEM;
			clone_source(c, &c->net->vnet[v], vnode,
				     &c->out->vnode[c->out->n_vnode - 1]);
		}
	return 0;
}

static int finish_vnodes(struct sv_compile *c)
{
	for (size_t n = 0; n < c->out->n_vnode; n++) {
		struct sv_vnode_spec *spec = &c->out->vnode[n].spec;

		for (size_t i = 0; i < spec->n_iface; i++) {
			__u32 name = sv_names_find(c->names, spec->iface[i].port);

			spec->iface[i].xdp = port_find(c->out, name)->xdp;
		}
		spec->json = sv_spec_json(spec);
		if (!spec->json)
			return -ENOMEM;
	}
	return 0;
}

/* ---- groups ---- */

/* A group concerns a host that has an edge of it, or VNodes whose tiers follow it. */
static int compile_groups(struct sv_compile *c)
{
	for (size_t g = 0; g < c->net->n_group; g++) {
		bool here = false, edge = false;
		struct sv_host_group *out;

		for (size_t v = 0; v < c->net->n_vnet; v++) {
			const struct sv_net_vnet *vnet = &c->net->vnet[v];

			for (size_t n = 0; vnet->group == (int)g && n < vnet->n_vnode; n++)
				here |= vnet->vnode[n].host == c->host;
			for (size_t s = 0; vnet->group == (int)g && s < vnet->n_segment; s++)
				edge |= vnet->segment[s].edge_host == c->host;
		}
		if (!here && !edge)
			continue;
		out = sv_grow(&c->out->group, &c->out->n_group, sizeof(*out));
		if (!out)
			return -ENOMEM;
		out->slot = c->net->group[g].slot;
		out->role = c->net->group[g].role;
		out->edge = edge;
		strcpy(out->name, c->net->group[g].name);
	}
	return 0;
}

static int compile_tiers(struct sv_compile *c)
{
	_cleanup_free_ uint8_t *live = calloc(c->net->n_group + 1, sizeof(*live));

	if (!live)
		return -ENOMEM;
	for (size_t g = 0; g < c->net->n_group; g++)
		live[g] = c->net->group[g].role;
	sv_host_tiers(c->out, c->net, live);
	return 0;
}

/* Fed by mirror ports alone: production is elsewhere. */
static bool only_listens(const struct sv_net *net, const struct sv_net_vnet *vnet)
{
	bool mirrored = false;

	for (size_t s = 0; s < vnet->n_segment; s++) {
		const struct sv_net_segment *segment = &vnet->segment[s];

		if (segment->edge_host < 0)
			continue;
		mirrored = net->host[segment->edge_host].port[segment->edge_port].mirror;
		if (!mirrored)
			return false;
	}
	return mirrored;
}

void sv_host_tiers(struct sv_host_state *state, const struct sv_net *net, const uint8_t *live)
{
	for (size_t n = 0; n < state->n_vnode; n++) {
		struct sv_vnode_spec *spec = &state->vnode[n].spec;
		int v = sv_net_find_vnet(net, spec->vnet);
		const struct sv_net_vnet *vnet = v < 0 ? NULL : &net->vnet[v];
		bool heard;

		if (!vnet || vnet->kind == SV_VNET_MONITOR)
			continue;
		heard = vnet->kind == SV_VNET_PRODUCTION;
		if (vnet->group >= 0 && live[vnet->group])
			heard = live[vnet->group] == vnet->role;
		spec->tier = only_listens(net, vnet) ? SV_TIER_MONITOR
			     : heard		     ? SV_TIER_PRODUCTION
						     : SV_TIER_SHADOW;
	}
}

static int compile_all(struct sv_compile *c)
{
	int rc = sv_compile_attachments(c);

	rc = rc ?: compile_wires(c);
	rc = rc ?: compile_vnodes(c);
	rc = rc ?: sv_compile_sessions(c);
	rc = rc ?: compile_xdp(c);
	rc = rc ?: finish_vnodes(c);
	rc = rc ?: compile_groups(c);
	return rc ?: compile_tiers(c);
}

int sv_host_compile(struct sv_host_state *out, struct sv_names *names, const struct sv_net *net,
		    const char *host, struct sv_err *err)
{
	struct sv_host_state state = { .names = names };
	struct sv_compile c = { .out = &state,
				.names = names,
				.net = net,
				.host = sv_net_find_host(net, host),
				.err = err };
	int rc;

	if (c.host < 0)
		return sv_err_set(err, -ENOENT, "the network has no host %s", host);
	state.when_busy = net->host[c.host].when_busy;
	rc = compile_all(&c);
	sv_compile_fini(&c);
	if (!rc) {
		*out = state;
		return 0;
	}
	sv_host_state_fini(&state);
	return rc == -ENOMEM ? sv_err_set(err, rc, "out of memory") : rc;
}
