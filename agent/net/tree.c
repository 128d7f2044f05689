// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

int sv_tree_root(const struct sv_net_vnet *vnet, const struct sv_net_segment *segment)
{
	if (segment->edge_host >= 0)
		return segment->edge_host;
	return segment->n_end ? vnet->vnode[segment->end[0].vnode].host : -1;
}

/* The host at the other end of a trunk, or -1 when `host` is at neither. */
static int across(const struct sv_net_trunk *trunk, int host)
{
	if (trunk->host[0] == host)
		return trunk->host[1];
	return trunk->host[1] == host ? trunk->host[0] : -1;
}

int sv_tree_bfs(const struct sv_net *net, int root, int *up, int *dist)
{
	_cleanup_free_ int *queue = calloc(net->n_host + 1, sizeof(*queue));
	size_t head = 0, tail = 0;

	if (!queue)
		return -ENOMEM;
	for (size_t h = 0; h < net->n_host; h++)
		up[h] = dist[h] = -1;
	dist[root] = 0;
	queue[tail++] = root;
	while (head < tail) {
		int host = queue[head++];

		for (size_t t = 0; t < net->n_trunk; t++) {
			int next = across(&net->trunk[t], host);

			if (next < 0 || dist[next] >= 0)
				continue;
			dist[next] = dist[host] + 1;
			up[next] = t;
			queue[tail++] = next;
		}
	}
	return 0;
}

static int mark_way(const struct sv_net *net, int host, const int *up, bool *used)
{
	int n = 0;

	while (up[host] >= 0 && !used[up[host]]) {
		used[up[host]] = true;
		host = across(&net->trunk[up[host]], host);
		n++;
	}
	return n;
}

int sv_tree_segment(const struct sv_net *net, const struct sv_net_vnet *vnet,
		    const struct sv_net_segment *segment, bool *used, int *host)
{
	_cleanup_free_ int *up = calloc(net->n_host + 1, sizeof(*up));
	_cleanup_free_ int *dist = calloc(net->n_host + 1, sizeof(*dist));
	int root = sv_tree_root(vnet, segment), n = 0;

	if (!up || !dist)
		return -ENOMEM;
	memset(used, 0, net->n_trunk * sizeof(*used));
	if (root < 0)
		return 0;
	if (sv_tree_bfs(net, root, up, dist))
		return -ENOMEM;
	for (size_t e = 0; e < segment->n_end; e++) {
		int at = vnet->vnode[segment->end[e].vnode].host;

		if (dist[at] < 0) {
			*host = at;
			return -EHOSTUNREACH;
		}
		n += mark_way(net, at, up, used);
	}
	return n;
}
