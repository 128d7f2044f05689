// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "internal.h"

void *sv_grow(void *array_ptr, size_t *n, size_t size)
{
	char **array = array_ptr;
	char *bigger = realloc(*array, (*n + 1) * size);

	if (!bigger)
		return NULL;
	*array = bigger;
	memset(bigger + *n * size, 0, size);
	return bigger + (*n)++ * size;
}

void sv_load_bad(struct sv_load *l, const struct sv_path *at, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (sv_problem_add(l->problems, at, "%s", text) == -ENOMEM)
		l->nomem = true;
}

static void vnet_fini(struct sv_net_vnet *vnet)
{
	for (size_t i = 0; i < vnet->n_vnode; i++)
		sv_vnode_spec_fini(&vnet->vnode[i].spec);
	for (size_t i = 0; i < vnet->n_segment; i++)
		free(vnet->segment[i].end);
	free(vnet->vnode);
	free(vnet->segment);
}

void sv_net_free(struct sv_net *net)
{
	if (!net)
		return;
	for (size_t i = 0; i < net->n_host; i++)
		free(net->host[i].port);
	for (size_t i = 0; i < net->n_vnet; i++)
		vnet_fini(&net->vnet[i]);
	for (size_t i = 0; i < net->n_session; i++) {
		free(net->session[i].at);
		free(net->session[i].filter);
	}
	free(net->host);
	free(net->trunk);
	free(net->vnet);
	free(net->group);
	free(net->session);
	free(net);
}

static void load_vnets(struct sv_load *l, const cJSON *network)
{
	const struct sv_path *at = SV_PATH(NULL, "vnets");
	const cJSON *vnets = sv_json_get(network, "vnets"), *vnet;

	if (vnets && !cJSON_IsObject(vnets))
		return sv_load_bad(l, at, "must be an object of VNets by name");
	cJSON_ArrayForEach (vnet, vnets)
		sv_load_vnet(l, SV_PATH(at, vnet->string), vnet->string, vnet, SV_VNET_PRODUCTION,
			     -1);
}

static void load_network(struct sv_load *l, const cJSON *network)
{
	static const char *const known[] = { "version", "hosts",  "links", "vlans",
					     "vnets",	"groups", NULL };
	const cJSON *version = sv_json_get(network, "version");

	if (!sv_load_members(l, NULL, network, known))
		return;
	if (!cJSON_IsNumber(version) || version->valuedouble != 1)
		sv_load_bad(l, SV_PATH(NULL, "version"), "must be 1");
	sv_load_substrate(l, network);
	load_vnets(l, network);
}

/* A document that was never applied to is an empty network. */
static void load_all(struct sv_load *l, const cJSON *doc)
{
	const cJSON *network = sv_json_get(doc, "network");

	if (network)
		load_network(l, network);
	/* What follows speaks of VNets: with half of them missing it would only repeat itself. */
	if (l->problems->n)
		return;
	sv_load_shadows(l, doc);
	sv_load_groups(l, network);
	sv_load_monitors(l, doc);
	if (!l->problems->n)
		sv_load_sessions(l, doc);
	if (!l->problems->n)
		sv_load_check(l);
}

int sv_net_build(struct sv_net **net, const cJSON *doc, struct sv_problems *problems,
		 struct sv_err *err)
{
	struct sv_problems own = { 0 };
	struct sv_load l = { .problems = &own };
	int rc = 0;

	l.net = calloc(1, sizeof(*l.net));
	if (!l.net)
		return sv_err_set(err, -ENOMEM, "out of memory");
	load_all(&l, doc);
	if (l.nomem)
		rc = sv_err_set(err, -ENOMEM, "out of memory");
	else if (own.n)
		rc = sv_err_set(err, -EINVAL, own.n > 1 ? "%s (and %zu more)" : "%s", own.line[0],
				own.n - 1);
	if (rc) {
		for (size_t i = 0; i < own.n; i++)
			sv_problem_add(problems, NULL, "%s", own.line[i]);
		sv_net_free(l.net);
	} else {
		*net = l.net;
	}
	sv_problems_fini(&own);
	return rc;
}

int sv_net_load(struct sv_net **net, const cJSON *doc, struct sv_problems *problems,
		struct sv_err *err)
{
	struct sv_problems own = { 0 };
	struct sv_net *built;
	int rc;

	rc = sv_net_build(&built, doc, problems, err);
	if (rc)
		return rc;
	rc = sv_alloc_fill(built, doc, &own);
	if (rc) {
		sv_err_set(err, rc, "%s", own.n ? own.line[0] : "out of memory");
		for (size_t i = 0; i < own.n; i++)
			sv_problem_add(problems, NULL, "%s", own.line[i]);
		sv_net_free(built);
	} else {
		*net = built;
	}
	sv_problems_fini(&own);
	return rc;
}
