/* SPDX-License-Identifier: GPL-2.0-only */
#include "vnode.h"

#include <stdlib.h>
#include <string.h>

extern const struct sv_vnode_driver_ops sv_vnode_netns;
extern const struct sv_vnode_driver_ops sv_vnode_external;
extern const struct sv_vnode_driver_ops sv_vnode_xen;

static const struct sv_vnode_driver_ops *const drivers[] = {
	&sv_vnode_netns,
	&sv_vnode_external,
	&sv_vnode_xen,
};

const struct sv_vnode_driver_ops *sv_vnode_driver_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

void sv_strv_free(char **strv)
{
	size_t i;

	for (i = 0; strv && strv[i]; i++)
		free(strv[i]);
	free(strv);
}

void sv_vnode_spec_fini(struct sv_vnode_spec *spec)
{
	size_t i;

	for (i = 0; i < spec->n_iface; i++)
		sv_strv_free(spec->iface[i].addresses);
	free(spec->iface);
	sv_strv_free(spec->routes);
	sv_strv_free(spec->sysctls);
	sv_strv_free(spec->tc);
	sv_strv_free(spec->program);
	free(spec->nft);
	free(spec->xen);
	free(spec->json);
	memset(spec, 0, sizeof(*spec));
}
