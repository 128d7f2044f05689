/* SPDX-License-Identifier: GPL-2.0-only */
/* A namespace VNode made from a running one: its specification first, then what it runs with. */
#include <errno.h>
#include <string.h>

#include "netns.h"

/* The source's specification with the clone's names and devices: what the copy amounts to. */
static int as_copied(struct sv_vnode_spec *out, const struct sv_vnode_spec *source,
		     const struct sv_vnode_spec *spec)
{
	size_t i, n = 0;
	int rc = sv_spec_copy(out, source);

	if (rc)
		return rc;
	strcpy(out->vnet, spec->vnet);
	strcpy(out->name, spec->name);
	out->tier = spec->tier;
	out->cpu_weight = spec->cpu_weight;
	for (i = 0; i < out->n_iface; i++) {
		const struct sv_vnode_iface *iface = sv_spec_iface(spec, out->iface[i].name);

		if (!iface) {
			sv_strv_free(out->iface[i].addresses);
			continue;
		}
		strcpy(out->iface[i].port, iface->port);
		if (n != i)
			out->iface[n] = out->iface[i];
		n++;
	}
	out->n_iface = n;
	return 0;
}

static int copy_links(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *copied,
		      struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec bare = { 0 };
	size_t i;
	int rc = sv_spec_copy(&bare, copied);

	/* Devices only: what they have comes from the running source. */
	for (i = 0; !rc && i < bare.n_iface; i++) {
		sv_strv_free(bare.iface[i].addresses);
		bare.iface[i].addresses = NULL;
		bare.iface[i].rate_kbit = 0;
	}
	if (rc)
		return rc;
	{
		struct sv_vnode_spec links = { .n_iface = bare.n_iface, .iface = bare.iface };

		return sv_config_apply(vn, netns, NULL, &links, err);
	}
}

/* What its sysctls were before is, for the clone, what they were for the original. */
static int copy_former_sysctls(const struct sv_vn *vn, const struct sv_vn *source)
{
	_cleanup_free_ char *text = sv_vn_read(source, "sysctls");

	if (!text)
		return errno == ENOENT ? 0 : -errno;
	return sv_vn_write(vn, "sysctls", text, strlen(text));
}

static int clone_into(const struct sv_vn *vn, const struct sv_vn *source,
		      const struct sv_vnode_spec *copied, const struct sv_vnode_spec *spec,
		      FILE *report, struct sv_err *err)
{
	_cleanup_close_ int from_ns = sv_keeper_netns(source, NULL, err);
	_cleanup_close_ int netns = -1;
	int rc;

	if (from_ns < 0)
		return sv_err_prefix(err, from_ns, "%s/%s cannot be cloned", source->vnet,
				     source->name);
	netns = sv_shell_make(vn, spec, err);
	if (netns < 0)
		return netns;
	rc = copy_links(vn, netns, copied, err);
	rc = rc ?: sv_clone_copy(source, from_ns, vn, netns, copied, report, err);
	rc = rc ?: copy_former_sysctls(vn, source);
	rc = rc ?: sv_config_apply(vn, netns, copied, spec, err);
	rc = rc ?: sv_shell_place_receive_work(vn, spec, spec->tier, err);
	return rc ?: sv_vn_save_spec(vn, spec, err);
}

int sv_netns_clone(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		   const char *source_vnet, const char *source_name, FILE *report,
		   struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec source_spec = { 0 };
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec copied = { 0 };
	struct sv_vn vn, source;
	int rc;

	rc = sv_vn_init(&source, drv, source_vnet, source_name, err);
	if (rc)
		return rc;
	rc = sv_shell_load_spec(&source, &source_spec, err);
	if (rc)
		return sv_vn_fail(&source, rc, err);
	rc = sv_shell_prepare(&vn, drv, spec, err);
	if (rc)
		return rc;
	rc = as_copied(&copied, &source_spec, spec);
	rc = rc ?: clone_into(&vn, &source, &copied, spec, report, err);
	return sv_shell_finish(&vn, rc, err);
}
