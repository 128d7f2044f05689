/* SPDX-License-Identifier: GPL-2.0-only */
/* From one specification to another, touching what differs. */
#include <errno.h>
#include <string.h>

#include "netns.h"

/* The interface of `spec` that is the same device: a name on another port is another device. */
static const struct sv_vnode_iface *same_device(const struct sv_vnode_spec *spec,
						const struct sv_vnode_iface *iface)
{
	const struct sv_vnode_iface *other = sv_spec_iface(spec, iface->name);

	return other && !strcmp(other->port, iface->port) ? other : NULL;
}

/* ---- links ---- */

static int remove_links(const struct sv_vnode_spec *from, const struct sv_vnode_spec *to,
			struct sv_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; from && i < from->n_iface && !rc; i++)
		if (!same_device(to, &from->iface[i]))
			rc = sv_link_delete(from->iface[i].port, err);
	return rc;
}

static void quiet_dad(int netns, const char *dev)
{
	char path[96];

	/* A clone has its original's addresses: nobody may be asked whether they are free. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_dad", dev);
	sv_sysctl_try(netns, path, "0");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/dad_transmits", dev);
	sv_sysctl_try(netns, path, "0");
}

static int change_link(int netns, const struct sv_vnode_iface *was,
		       const struct sv_vnode_iface *iface, struct sv_err *err)
{
	bool mac = memcmp(was->mac, iface->mac, sizeof(was->mac)) != 0;
	int rc = 0;

	/* The receiving end's MTU is what a redirect asks: grow the host's first, shrink
	 * it last. */
	if (iface->mtu > was->mtu)
		rc = sv_link_set(-1, iface->port, NULL, iface->mtu, err);
	if (!rc && (mac || iface->mtu != was->mtu))
		rc = sv_link_set(netns, iface->name, mac ? iface->mac : NULL,
				 iface->mtu != was->mtu ? iface->mtu : 0, err);
	if (!rc && iface->mtu < was->mtu)
		rc = sv_link_set(-1, iface->port, NULL, iface->mtu, err);
	if (!rc && was->xdp != iface->xdp)
		rc = sv_offload_set_inside(netns, iface->name, iface->xdp, err);
	return rc;
}

static int make_links(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *from,
		      const struct sv_vnode_spec *to, struct sv_err *err)
{
	size_t i;
	int rc = 0;

	if (!from) {
		quiet_dad(netns, "all");
		quiet_dad(netns, "default");
	}
	for (i = 0; i < to->n_iface && !rc; i++) {
		const struct sv_vnode_iface *iface = &to->iface[i];
		const struct sv_vnode_iface *was = same_device(from, iface);

		if (was) {
			rc = change_link(netns, was, iface, err);
			continue;
		}
		rc = sv_link_make(vn, netns, iface, err);
		if (!rc)
			quiet_dad(netns, iface->name);
	}
	return rc;
}

/* ---- sysctls ---- */

static size_t name_len(const char *assignment)
{
	size_t len = strcspn(assignment, "=");

	while (len && assignment[len - 1] == ' ')
		len--;
	return len;
}

/* The line of a list of assignments that is about the same name. */
static const char *same_name(char *const *list, const char *assignment)
{
	size_t len = name_len(assignment);

	for (; list && *list; list++)
		if (name_len(*list) == len && !strncmp(*list, assignment, len))
			return *list;
	return NULL;
}

/* What it was before it was set first goes to the file `sysctls`, for when it is set no longer. */
static int remember_sysctl(const struct sv_vn *vn, int netns, const char *assignment)
{
	_cleanup_free_ char *known = sv_vn_read(vn, "sysctls");
	_cleanup_free_ char *value = NULL;
	_cleanup_free_ char *text = NULL;
	int len = name_len(assignment);
	char key[256];
	int n;

	snprintf(key, sizeof(key), "%.*s=", len, assignment);
	if (!known && errno != ENOENT)
		return -errno;
	if (known && strstr(known, key))
		return 0;
	value = sv_sysctl_read(netns, assignment);
	if (!value)
		return 0;
	n = asprintf(&text, "%s%s%s\n", known ?: "", key, value);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return sv_vn_write(vn, "sysctls", text, n);
}

static void restore_sysctls(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *from,
			    const struct sv_vnode_spec *to)
{
	_cleanup_free_ char *known = sv_vn_read(vn, "sysctls");
	char *line, *save = NULL;

	for (line = known ? strtok_r(known, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		if (same_name(from->sysctls, line) && !same_name(to->sysctls, line))
			sv_sysctl_write(netns, line, NULL);
}

static int set_sysctls(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *from,
		       const struct sv_vnode_spec *to, struct sv_err *err)
{
	size_t i;
	int rc = 0;

	if (from)
		restore_sysctls(vn, netns, from, to);
	for (i = 0; to->sysctls && to->sysctls[i] && !rc; i++) {
		if (from && sv_strv_has(from->sysctls, to->sysctls[i]))
			continue;
		rc = remember_sysctl(vn, netns, to->sysctls[i]);
		rc = rc ?: sv_sysctl_write(netns, to->sysctls[i], err);
	}
	return rc;
}

/* ---- addresses and routes ---- */

static bool is_v6(const char *address)
{
	return strchr(address, ':') != NULL;
}

static int remove_old(struct sv_batch *batch, const struct sv_vnode_spec *from,
		      const struct sv_vnode_spec *to)
{
	size_t i, j;
	int rc = 0;

	for (i = 0; from->routes && from->routes[i] && !rc; i++)
		if (!sv_strv_has(to->routes, from->routes[i]))
			rc = sv_batch_add(batch, "", "route del %s", from->routes[i]);
	for (i = 0; i < from->n_iface && !rc; i++) {
		const struct sv_vnode_iface *was = &from->iface[i], *is = same_device(to, was);

		for (j = 0; is && was->addresses && was->addresses[j] && !rc; j++)
			if (!sv_strv_has(is->addresses, was->addresses[j]))
				rc = sv_batch_add(batch, "", "addr del %s dev %s",
						  was->addresses[j], was->name);
	}
	return rc;
}

static int add_addresses(struct sv_batch *batch, const struct sv_vnode_iface *was,
			 const struct sv_vnode_iface *iface, bool *changed)
{
	char what[128];
	size_t i;
	int rc = 0;

	for (i = 0; iface->addresses && iface->addresses[i] && !rc; i++) {
		const char *address = iface->addresses[i];

		if (was && sv_strv_has(was->addresses, address))
			continue;
		*changed = true;
		snprintf(what, sizeof(what), "%s: address %s", iface->name, address);
		rc = sv_batch_add(batch, what, "addr replace %s dev %s%s", address, iface->name,
				  is_v6(address) ? " nodad" : "");
	}
	return rc;
}

static int add_new(struct sv_batch *batch, const struct sv_vnode_spec *from,
		   const struct sv_vnode_spec *to)
{
	bool changed = false;
	char what[256];
	size_t i;
	int rc;

	rc = sv_batch_add(batch, "lo", "link set dev lo up");
	for (i = 0; i < to->n_iface && !rc; i++) {
		const struct sv_vnode_iface *iface = &to->iface[i], *was = same_device(from, iface);

		if (!was) {
			changed = true;
			rc = sv_batch_add(batch, iface->name, "link set dev %s up", iface->name);
		} else if (!sv_strv_same(was->addresses, iface->addresses)) {
			changed = true;
		}
		rc = rc ?: add_addresses(batch, was, iface, &changed);
	}
	/* A route goes with the address or device that it was reached by. */
	for (i = 0; to->routes && to->routes[i] && !rc; i++) {
		if (from && !changed && sv_strv_has(from->routes, to->routes[i]))
			continue;
		snprintf(what, sizeof(what), "route \"%s\"", to->routes[i]);
		rc = sv_batch_add(batch, what, "route %s %s", from ? "replace" : "add",
				  to->routes[i]);
	}
	return rc;
}

static int set_addresses(int netns, const struct sv_vnode_spec *from,
			 const struct sv_vnode_spec *to, struct sv_err *err)
{
	char *force[] = { "ip", "-force", "-batch", "-", NULL };
	_cleanup_(sv_batch_fini) struct sv_batch old = { 0 };
	_cleanup_(sv_batch_fini) struct sv_batch new = { 0 };
	_cleanup_free_ char *complaint = NULL;
	int rc = 0;

	if (from)
		rc = remove_old(&old, from, to);
	rc = rc ?: add_new(&new, from, to);
	if (rc)
		return rc;
	/* What the operator has removed by hand already is removed. */
	if (old.n)
		sv_ns_run(netns, force, old.text, NULL, &complaint);
	return sv_batch_run(&new, netns, "ip", err);
}

/* ---- nftables ---- */

static int set_nft(int netns, const struct sv_vnode_spec *from, const struct sv_vnode_spec *to,
		   struct sv_err *err)
{
	char *argv[] = { "nft", "-f", "-", NULL };
	_cleanup_free_ char *complaint = NULL;
	_cleanup_free_ char *text = NULL;
	const char *was = from && from->nft ? from->nft : "", *is = to->nft ?: "";

	if (!strcmp(was, is))
		return 0;
	if (asprintf(&text, "%s%s\n", from ? "flush ruleset\n" : "", is) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (sv_ns_run(netns, argv, text, NULL, &complaint) == 0)
		return 0;
	if (complaint)
		complaint[strcspn(complaint, "\n")] = 0;
	return sv_err_set(err, -EINVAL, "nftables: %s", complaint ?: "refused");
}

int sv_config_apply(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *from,
		    const struct sv_vnode_spec *to, struct sv_err *err)
{
	int rc;

	rc = remove_links(from, to, err);
	rc = rc ?: make_links(vn, netns, from, to, err);
	rc = rc ?: set_sysctls(vn, netns, from, to, err);
	rc = rc ?: set_addresses(netns, from, to, err);
	rc = rc ?: sv_shape_apply(vn, netns, from, to, err);
	return rc ?: set_nft(netns, from, to, err);
}
