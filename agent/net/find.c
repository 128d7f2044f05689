// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "internal.h"

/* The index of the element whose `member` equals name, or -1. */
#define FIND(array, count, member, what)                                                           \
	({                                                                                         \
		int _found = -1;                                                                   \
		for (size_t _i = 0; _i < (count) && _found < 0; _i++)                              \
			if (!strcmp((array)[_i].member, (what)))                                   \
				_found = (int)_i;                                                  \
		_found;                                                                            \
	})

int sv_net_find_host(const struct sv_net *net, const char *name)
{
	return FIND(net->host, net->n_host, name, name);
}

int sv_net_find_port(const struct sv_net_host *host, const char *name)
{
	return FIND(host->port, host->n_port, name, name);
}

int sv_net_find_vnet(const struct sv_net *net, const char *name)
{
	return FIND(net->vnet, net->n_vnet, name, name);
}

int sv_net_find_vnode(const struct sv_net_vnet *vnet, const char *name)
{
	return FIND(vnet->vnode, vnet->n_vnode, spec.name, name);
}

int sv_net_find_iface(const struct sv_net_vnode *vnode, const char *name)
{
	return FIND(vnode->spec.iface, vnode->spec.n_iface, name, name);
}

int sv_net_find_segment(const struct sv_net_vnet *vnet, const char *name)
{
	return FIND(vnet->segment, vnet->n_segment, name, name);
}

int sv_net_find_group(const struct sv_net *net, const char *name)
{
	return FIND(net->group, net->n_group, name, name);
}

int sv_net_segment_of(const struct sv_net_vnet *vnet, int vnode, int iface)
{
	for (size_t s = 0; s < vnet->n_segment; s++)
		for (size_t e = 0; e < vnet->segment[s].n_end; e++)
			if (vnet->segment[s].end[e].vnode == vnode &&
			    vnet->segment[s].end[e].iface == iface)
				return s;
	return -1;
}

int sv_net_member(const struct sv_net *net, int group, int role)
{
	for (size_t v = 0; v < net->n_vnet; v++)
		if (net->vnet[v].group == group && net->vnet[v].role == role)
			return v;
	return -1;
}

bool sv_net_is_external(const struct sv_net_vnode *vnode)
{
	return !strcmp(vnode->spec.driver, "external");
}

bool sv_net_is_xen(const struct sv_net_vnode *vnode)
{
	return !strcmp(vnode->spec.driver, "xen");
}
