// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "compile.h"

/* Segments as a host sees them. */

static int member_add(struct sv_compile *c, struct sv_local *local, struct sv_member member,
		      const char *device)
{
	struct sv_member *slot = sv_grow(&local->member, &local->n, sizeof(*slot));

	member.name = sv_names_add(c->names, device);
	if (!slot || !member.name)
		return -ENOMEM;
	*slot = member;
	return 0;
}

static int add_edge(struct sv_compile *c, struct sv_local *local,
		    const struct sv_net_segment *segment)
{
	if (segment->edge_host != c->host)
		return 0;
	local->edge = local->n;
	return member_add(c, local,
			  (struct sv_member){ .role = SV_ROLE_EDGE, .vlan = segment->edge_vlan },
			  c->net->host[c->host].port[segment->edge_port].name);
}

static int add_trunks(struct sv_compile *c, struct sv_local *local,
		      const struct sv_net_segment *segment, const bool *used)
{
	int rc = 0;

	for (size_t t = 0; !rc && t < c->net->n_trunk; t++)
		for (int i = 0; !rc && used[t] && i < 2; i++) {
			const struct sv_net_trunk *trunk = &c->net->trunk[t];

			if (trunk->host[i] != c->host)
				continue;
			rc = member_add(c, local,
					(struct sv_member){ .role = SV_ROLE_TRUNK,
							    .vlan = segment->vid },
					c->net->host[c->host].port[trunk->port[i]].name);
		}
	return rc;
}

static int add_vnodes(struct sv_compile *c, struct sv_local *local, const struct sv_net_vnet *vnet,
		      const struct sv_net_segment *segment)
{
	int rc = 0;

	for (size_t e = 0; !rc && e < segment->n_end; e++) {
		struct sv_net_end end = segment->end[e];
		const struct sv_net_vnode *vnode = &vnet->vnode[end.vnode];

		if (vnode->host == c->host)
			rc = member_add(c, local,
					(struct sv_member){ .role = SV_ROLE_VNODE,
							    .vnode = end.vnode,
							    .iface = end.iface },
					vnode->spec.iface[end.iface].port);
	}
	return rc;
}

static int compile_local(struct sv_compile *c, int v, int s, bool *used)
{
	const struct sv_net_vnet *vnet = &c->net->vnet[v];
	const struct sv_net_segment *segment = &vnet->segment[s];
	struct sv_local local = { .vnet = v, .segment = s, .edge = -1 }, *slot;
	int host, rc;

	rc = sv_tree_segment(c->net, vnet, segment, used, &host);
	if (rc < 0)
		return rc;
	if (add_edge(c, &local, segment) || add_trunks(c, &local, segment, used) ||
	    add_vnodes(c, &local, vnet, segment)) {
		free(local.member);
		return -ENOMEM;
	}
	if (!local.n)
		return 0;
	slot = sv_grow(&c->local, &c->n_local, sizeof(*slot));
	if (!slot) {
		free(local.member);
		return -ENOMEM;
	}
	*slot = local;
	return 0;
}

int sv_compile_locals(struct sv_compile *c)
{
	_cleanup_free_ bool *used = calloc(c->net->n_trunk + 1, sizeof(*used));

	if (!used)
		return -ENOMEM;
	for (size_t v = 0; v < c->net->n_vnet; v++)
		for (size_t s = 0; s < c->net->vnet[v].n_segment; s++) {
			int rc = compile_local(c, v, s, used);

			if (rc)
				return rc;
		}
	return 0;
}

void sv_compile_fini(struct sv_compile *c)
{
	for (size_t i = 0; i < c->n_local; i++)
		free(c->local[i].member);
	free(c->local);
	c->local = NULL;
	c->n_local = 0;
}
