/* SPDX-License-Identifier: GPL-2.0-only */
/* A domain's vifs, as devices of this host: xl/hotplug.c names them and leaves them DOWN. */
#include "xen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

enum { GONE_MS = 10000 };

/* The kernel removes a vif a little after its domain. */
int sv_xen_net_wait_gone(const struct sv_vnode_spec *spec, struct sv_err *err)
{
	struct timespec tick = { .tv_nsec = 10000000 };
	size_t i;
	int ms;

	for (i = 0; i < spec->n_iface; i++)
		for (ms = 0; sv_link_exists(spec->iface[i].port); ms += 10) {
			if (ms >= GONE_MS)
				return sv_err_set(err, -EBUSY, "its vif %s does not go away",
						  spec->iface[i].port);
			nanosleep(&tick, NULL);
		}
	return 0;
}

int sv_xen_net_check_free(const struct sv_vnode_spec *spec, struct sv_err *err)
{
	size_t i;

	for (i = 0; i < spec->n_iface; i++)
		if (sv_link_exists(spec->iface[i].port))
			return sv_err_set(err, -EBUSY,
					  "%s: a device %s exists already, not its own",
					  spec->iface[i].name, spec->iface[i].port);
	return 0;
}

/* What the host's side of a domain's vif is called now; false: there is none. */
static bool vif_name(uint32_t domid, size_t n, char name[IFNAMSIZ])
{
	_cleanup_close_ int sysfs = sv_ns_sysfs();
	struct dirent *d = NULL;
	char path[64];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "bus/xen-backend/devices/vif-%u-%zu/net", domid, n);
	fd = openat(sysfs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (d = readdir(dir)) && d->d_name[0] == '.')
		;
	if (d)
		snprintf(name, IFNAMSIZ, "%.15s", d->d_name);
	if (dir)
		closedir(dir);
	return d;
}

static int name_back(const struct sv_vnode_spec *spec, uint32_t domid, size_t n, struct sv_err *err)
{
	const struct sv_vnode_iface *iface = &spec->iface[n];
	char now[IFNAMSIZ];
	int rc;

	if (!vif_name(domid, n, now))
		return sv_err_set(err, -ENODEV,
				  "%s: its vif %s was taken away while it runs; svnet vnode "
				  "destroy %s/%s makes it anew",
				  iface->name, iface->port, spec->vnet, spec->name);
	if (!strcmp(now, iface->port))
		return 0;
	rc = sv_link_rename(now, iface->port);
	if (rc)
		return sv_err_set(err, rc,
				  "%s: its vif %s was renamed %s, and cannot be named back: %s",
				  iface->name, iface->port, now, strerror(-rc));
	return sv_err_set(err, -EAGAIN, "%s: its vif %s was renamed %s: named back", iface->name,
			  iface->port, now);
}

int sv_xen_net_mend(const struct sv_vnode_spec *spec, uint32_t domid, struct sv_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < spec->n_iface && !rc; i++)
		rc = name_back(spec, domid, i, err);
	return rc;
}

int sv_xen_net_set_mtus(const struct sv_vnode_spec *from, const struct sv_vnode_spec *to,
			struct sv_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < to->n_iface && !rc; i++)
		if (from->iface[i].mtu != to->iface[i].mtu)
			rc = sv_link_set(-1, to->iface[i].port, NULL, to->iface[i].mtu, err);
	return rc;
}

/*
 * A vif is served by its NAPI from when its guest connects to it, and can be told where only then.
 * One that is not where its tier has it has not got that tier: the next plan gives it.
 */
enum sv_tier sv_xen_net_tier(const struct sv_vnode_spec *spec)
{
	bool aside = spec->tier != SV_TIER_PRODUCTION;
	size_t i;

	for (i = 0; i < spec->n_iface; i++)
		if (sv_napi_vif_is_misplaced(spec->iface[i].port, aside))
			return aside ? SV_TIER_PRODUCTION : SV_TIER_SHADOW;
	return spec->tier;
}

int sv_xen_net_place(const struct sv_vnode_spec *spec, struct sv_err *err)
{
	bool aside = spec->tier != SV_TIER_PRODUCTION;
	int rc = 0;
	size_t i;

	for (i = 0; i < spec->n_iface && !rc; i++)
		if (sv_napi_vif_is_misplaced(spec->iface[i].port, aside))
			rc = sv_napi_place_vif(spec->iface[i].port, aside, err);
	return rc;
}
