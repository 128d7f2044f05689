/* SPDX-License-Identifier: GPL-2.0-only */
/* A namespace VNode but for what is inside: what its life cycle and its cloning have in common. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "netns.h"

int sv_shell_check(const struct sv_vn *vn, struct sv_err *err)
{
	pid_t keeper = sv_keeper_pid(vn);

	if (keeper < 0)
		return sv_err_set(err, keeper, "is it there? %s", strerror(-keeper));
	if (!keeper || !sv_vn_has(vn, "spec.json"))
		return sv_err_set(err, -ENOENT, "there is no such VNode, or it has failed");
	return 0;
}

int sv_shell_load_spec(const struct sv_vn *vn, struct sv_vnode_spec *spec, struct sv_err *err)
{
	int rc = sv_vn_load_spec(vn, spec);

	if (!rc || sv_vn_unread(vn, rc, err))
		return rc;
	return sv_err_set(err, rc, "what it was made from is lost; destroy it");
}

/* ---- take down ---- */

static int delete_ports(const struct sv_vn *vn, struct sv_err *err)
{
	_cleanup_free_ char *ports = sv_vn_read(vn, "ports");
	char *port, *save = NULL;
	int rc = ports || errno == ENOENT ? 0 : -errno;

	if (rc)
		return sv_err_set(err, rc, "%s/ports: %s", vn->dir, strerror(-rc));
	for (port = ports ? strtok_r(ports, "\n", &save) : NULL; port && !rc;
	     port = strtok_r(NULL, "\n", &save))
		rc = sv_link_delete(port, err);
	return rc;
}

/* The devices first: from then on it is silent. The folder last: it is how the rest is found. */
int sv_shell_tear_down(const struct sv_vn *vn, struct sv_err *err)
{
	int rc;

	rc = delete_ports(vn, err);
	rc = rc ?: sv_keeper_kill(vn, err);
	rc = rc ?: sv_cgroup_remove(vn, err);
	if (!rc)
		sv_vn_rmdir(vn);
	return rc;
}

/* ---- make ---- */

/* Written before the devices exist, so that no crash leaves one that nobody knows. */
int sv_shell_claim_ports(const struct sv_vn *vn, const struct sv_vnode_spec *from,
			 const struct sv_vnode_spec *to, struct sv_err *err)
{
	char text[4096];
	size_t i, len = 0;
	int rc;

	for (i = 0; from && i < from->n_iface && len < sizeof(text) - 32; i++)
		len += sprintf(text + len, "%s\n", from->iface[i].port);
	for (i = 0; i < to->n_iface && len < sizeof(text) - 32; i++) {
		const struct sv_vnode_iface *iface = &to->iface[i];
		const struct sv_vnode_iface *was = sv_spec_iface(from, iface->name);

		if (was && !strcmp(was->port, iface->port))
			continue;
		if (sv_link_exists(iface->port))
			return sv_err_set(err, -EBUSY,
					  "%s: a device %s exists already, not its own",
					  iface->name, iface->port);
		len += sprintf(text + len, "%s\n", iface->port);
	}
	if (len >= sizeof(text) - 32)
		return sv_err_set(err, -E2BIG, "too many interfaces");
	rc = sv_vn_write(vn, "ports", text, len);
	return rc ? sv_err_set(err, rc, "%s/ports: %s", vn->dir, strerror(-rc)) : 0;
}

int sv_shell_save_program(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
			  struct sv_err *err)
{
	_cleanup_free_ char *words = NULL;
	size_t len = 0, i;
	char *at;
	int rc;

	for (i = 0; spec->program && spec->program[i]; i++)
		len += strlen(spec->program[i]) + 1;
	words = at = calloc(1, len + 1);
	if (!words)
		return -ENOMEM;
	for (i = 0; spec->program && spec->program[i]; i++)
		at = stpcpy(at, spec->program[i]) + 1;
	rc = sv_vn_write(vn, "program", words, len);
	return rc ? sv_err_set(err, rc, "%s/program: %s", vn->dir, strerror(-rc)) : 0;
}

int sv_shell_place_receive_work(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
				enum sv_tier tier, struct sv_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < spec->n_iface && !rc; i++)
		rc = sv_napi_set_threaded(vn, spec->iface[i].name, tier != SV_TIER_PRODUCTION, err);
	return rc;
}

static void link_netns(const struct sv_vn *vn, pid_t keeper)
{
	char target[32], path[256];

	snprintf(target, sizeof(target), "/proc/%d/ns/net", keeper);
	snprintf(path, sizeof(path), "%s/net", vn->dir);
	unlink(path);
	if (symlink(target, path))
		return; /* only a convenience */
}

/* An idle group's keeper might never get as far as being ready; starting it is short. */
static int start_keeper(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
			struct sv_err *err)
{
	enum sv_tier tier = spec->tier == SV_TIER_MONITOR ? SV_TIER_SHADOW : spec->tier;
	int rc = sv_cgroup_make(vn, tier, spec->cpu_weight, err);

	rc = rc ?: sv_keeper_start(vn, err);
	if (!rc && tier != spec->tier)
		rc = sv_cgroup_move(vn, spec->tier, spec->cpu_weight, err);
	return rc;
}

int sv_shell_make(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	pid_t keeper;
	int rc, netns;

	rc = sv_vn_mkdir(vn, err);
	rc = rc ?: sv_shell_claim_ports(vn, NULL, spec, err);
	rc = rc ?: sv_shell_save_program(vn, spec, err);
	rc = rc ?: start_keeper(vn, spec, err);
	if (rc)
		return rc;
	netns = sv_keeper_netns(vn, &keeper, err);
	if (netns >= 0)
		link_netns(vn, keeper);
	return netns;
}

int sv_shell_prepare(struct sv_vn *vn, const struct sv_vnode_driver *drv,
		     const struct sv_vnode_spec *spec, struct sv_err *err)
{
	int rc;

	rc = sv_vn_init(vn, drv, spec->vnet, spec->name, err);
	if (rc)
		return rc;
	rc = sv_shell_check(vn, err);
	if (!rc)
		rc = sv_err_set(err, -EEXIST, "it exists already");
	else if (rc == -ENOENT)
		rc = sv_spec_check(spec, err) ?: sv_shell_tear_down(vn, err);
	return sv_vn_fail(vn, rc, err);
}

int sv_shell_finish(const struct sv_vn *vn, int rc, struct sv_err *err)
{
	if (!rc)
		return 0;
	sv_shell_tear_down(vn, NULL);
	return sv_vn_fail(vn, rc, err);
}
