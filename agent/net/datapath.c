// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <string.h>

#include "compile.h"

/* XDP or TC, for a whole attachment: never per frame, or a flow would be reordered. */

#define XDP_MTU_MAX 3400 /* above, frames need fragments, which a broadcast refuses */

static bool say(const struct sv_attach_plan *a, bool xdp, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool say(const struct sv_attach_plan *a, bool xdp, const char *fmt, ...)
{
	char text[2 * sizeof(a->out->why)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(a->out->why, sizeof(a->out->why), "%s: %.80s", xdp ? "xdp" : "tc", text);
	return xdp;
}

static const struct sv_net_segment *segment_of(const struct sv_compile *c,
					       const struct sv_view *view)
{
	return &sv_view_vnet(c, view)->segment[view->local->segment];
}

static const struct sv_net_vnet *asks_for(const struct sv_compile *c,
					  const struct sv_attach_plan *a, enum sv_datapath datapath)
{
	for (size_t i = 0; i < a->n_view; i++)
		if (sv_view_vnet(c, &a->view[i])->datapath == datapath)
			return sv_view_vnet(c, &a->view[i]);
	return NULL;
}

static const char *list_of(const struct sv_net_vnet *vnet)
{
	return vnet->kind == SV_VNET_SHADOW    ? "shadows"
	       : vnet->kind == SV_VNET_MONITOR ? "monitors"
					       : "vnets";
}

static uint32_t most_mtu(const struct sv_compile *c, const struct sv_attach_plan *a)
{
	uint32_t most = 0;

	for (size_t i = 0; i < a->n_view; i++) {
		const struct sv_net_segment *segment = segment_of(c, &a->view[i]);

		if (segment->mtu > most)
			most = segment->mtu;
		if (a->view[i].local->edge >= 0 &&
		    c->net->host[c->host].port[segment->edge_port].mtu > most)
			most = c->net->host[c->host].port[segment->edge_port].mtu;
	}
	return most;
}

/* A device that several copies of one frame leave by: only TC tells them apart. */
static __u32 repeated_device(const struct sv_attach_plan *a)
{
	__u32 seen[2 * SV_DEST_MAX + SV_SESSION_BITS];
	size_t n = 0;

	for (size_t s = 0; s < a->out->spec.val.bits; s++)
		seen[n++] = a->tapped[s].device;
	for (size_t s = 1; s < n; s++)
		for (size_t i = 0; i < s; i++)
			if (seen[i] == seen[s])
				return seen[i];
	for (size_t v = 0; v < a->n_view; v++)
		for (size_t m = 0; m < a->view[v].local->n; m++) {
			__u32 name = a->view[v].local->member[m].name;

			if (m == a->view[v].own)
				continue;
			for (size_t i = 0; i < n; i++)
				if (seen[i] == name)
					return name;
			if (n < sizeof(seen) / sizeof(*seen))
				seen[n++] = name;
		}
	return 0;
}

static bool any_vnode(const struct sv_compile *c, const struct sv_attach_plan *a,
		      bool (*like)(const struct sv_net_vnode *))
{
	for (size_t v = 0; v < a->n_view; v++)
		for (size_t m = 0; m < a->view[v].local->n; m++) {
			const struct sv_member *member = &a->view[v].local->member[m];
			const struct sv_net_vnet *vnet = sv_view_vnet(c, &a->view[v]);

			if (member->role == SV_ROLE_VNODE &&
			    (!like || like(&vnet->vnode[member->vnode])))
				return true;
		}
	return a->out->spec.val.bits && !like;
}

bool sv_compile_datapath(const struct sv_compile *c, const struct sv_attach_plan *a)
{
	const struct sv_net_vnet *tc = asks_for(c, a, SV_DATAPATH_TC);
	const struct sv_net_vnet *any = asks_for(c, a, SV_DATAPATH_AUTO);
	const struct sv_net_vnet *xdp = asks_for(c, a, SV_DATAPATH_XDP);
	__u32 twice = repeated_device(a);

	if (tc)
		return say(a, false, "asked for by %s.%s.datapath", list_of(tc), tc->name);
	if (most_mtu(c, a) > XDP_MTU_MAX)
		return say(a, false, "jumbo, MTU %u", most_mtu(c, a));
	if (twice)
		return say(a, false, "%s twice among the destinations",
			   sv_names_get(c->names, twice));
	/* A vif has no ndo_xdp_xmit, whoever asks. */
	if (any_vnode(c, a, sv_net_is_xen))
		return say(a, false, "a Xen VNode, whose vif takes no XDP frames");
	if (xdp && !any)
		return say(a, true, "asked for by %s.%s.datapath", list_of(xdp), xdp->name);
	if (any_vnode(c, a, sv_net_is_external))
		return say(a, false, "an external VNode, which may take no XDP frames");
	if (any_vnode(c, a, NULL))
		return say(a, false, "keeps a VNode's TSO and GSO; datapath xdp forwards faster");
	return say(a, true, "wire to wire");
}
