/* SPDX-License-Identifier: GPL-2.0-only */
/* The namespace driver: a VNode is network, mount, PID and UTS namespaces, a cgroup and
 * a program. */
#include "netns.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"

enum { FLAPPING = 5 }; /* quick ends in a row after which a program counts as failing */

static void err_vn(const struct sv_vn *vn, struct sv_err *err)
{
	sv_err_prefix(err, 0, "%s/%s", vn->vnet, vn->name);
}

static int netns_open(struct sv_vnode_driver *drv, struct sv_err *err)
{
	if (!drv->host[0] || drv->run_dir[0] != '/' || drv->log_dir[0] != '/')
		return sv_err_set(err, -EINVAL, "a host name and absolute folders are needed");
	return 0;
}

static void netns_close(struct sv_vnode_driver *drv)
{
	(void)drv;
}

static bool is_whole(const struct sv_vn *vn)
{
	return sv_keeper_pid(vn) && sv_vn_has(vn, "spec.json");
}

static int load_spec(const struct sv_vn *vn, struct sv_vnode_spec *spec, struct sv_err *err)
{
	_cleanup_free_ char *text = sv_vn_read(vn, "spec.json");
	int rc = text ? sv_spec_from_text(spec, text) : -ENOENT;

	return rc ? sv_err_set(err, rc, "what it was made from is lost; destroy it") : 0;
}

static int save_spec(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	_cleanup_free_ char *text = sv_spec_to_text(spec);
	int rc = text ? sv_vn_write(vn, "spec.json", text, strlen(text)) : -ENOMEM;

	return rc ? sv_err_set(err, rc, "%s/spec.json: %s", vn->dir, strerror(-rc)) : 0;
}

/* ---- destroy ---- */

static int delete_ports(const struct sv_vn *vn, struct sv_err *err)
{
	_cleanup_free_ char *ports = sv_vn_read(vn, "ports");
	char *port, *save = NULL;
	int rc = 0;

	for (port = ports ? strtok_r(ports, "\n", &save) : NULL; port && !rc;
	     port = strtok_r(NULL, "\n", &save))
		rc = sv_link_delete(port, err);
	return rc;
}

/* The devices first: from then on it is silent. The folder last: it is how the rest is found. */
static int tear_down(const struct sv_vn *vn, struct sv_err *err)
{
	int rc;

	rc = delete_ports(vn, err);
	rc = rc ?: sv_keeper_kill(vn, err);
	rc = rc ?: sv_cgroup_remove(vn, err);
	if (!rc)
		sv_vn_rmdir(vn);
	return rc;
}

static int netns_destroy(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			 struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	rc = tear_down(&vn, err);
	if (rc)
		err_vn(&vn, err);
	return rc;
}

/* ---- define ---- */

/* Written before the devices exist, so that no crash leaves one that nobody knows. */
static int claim_ports(const struct sv_vn *vn, const struct sv_vnode_spec *from,
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

static int save_program(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
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

static int place_receive_work(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
			      enum sv_tier tier, struct sv_err *err)
{
	pid_t keeper = sv_keeper_pid(vn);
	size_t i;
	int rc = 0;

	for (i = 0; i < spec->n_iface && !rc; i++)
		rc = sv_napi_set_threaded(vn, keeper, spec->iface[i].name,
					  tier != SV_TIER_PRODUCTION, err);
	return rc;
}

static void link_netns(const struct sv_vn *vn)
{
	char target[32], path[256];

	snprintf(target, sizeof(target), "/proc/%d/ns/net", sv_keeper_pid(vn));
	snprintf(path, sizeof(path), "%s/net", vn->dir);
	unlink(path);
	if (symlink(target, path))
		return; /* only a convenience */
}

/* Everything but what is inside. */
static int make_shell(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	int rc;

	rc = sv_vn_mkdir(vn, err);
	rc = rc ?: claim_ports(vn, NULL, spec, err);
	rc = rc ?: save_program(vn, spec, err);
	rc = rc ?: sv_cgroup_make(vn, spec->tier, spec->cpu_weight, err);
	rc = rc ?: sv_keeper_start(vn, err);
	if (!rc)
		link_netns(vn);
	return rc;
}

static int make(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	_cleanup_close_ int netns = -1;
	int rc;

	rc = make_shell(vn, spec, err);
	if (rc)
		return rc;
	netns = sv_keeper_netns(vn);
	if (netns < 0)
		return sv_err_set(err, netns, "its keeper is gone");
	rc = sv_config_apply(vn, netns, NULL, spec, err);
	rc = rc ?: place_receive_work(vn, spec, spec->tier, err);
	return rc ?: save_spec(vn, spec, err);
}

/* 0: there is room for it now. */
static int prepare(struct sv_vn *vn, const struct sv_vnode_driver *drv,
		   const struct sv_vnode_spec *spec, struct sv_err *err)
{
	int rc;

	rc = sv_vn_init(vn, drv, spec->vnet, spec->name, err);
	if (rc)
		return rc;
	if (is_whole(vn))
		rc = sv_err_set(err, -EEXIST, "it exists already");
	rc = rc ?: sv_spec_check(spec, err);
	rc = rc ?: tear_down(vn, err);
	if (rc)
		err_vn(vn, err);
	return rc;
}

static int finish(const struct sv_vn *vn, int rc, struct sv_err *err)
{
	if (!rc)
		return 0;
	err_vn(vn, err);
	tear_down(vn, NULL);
	return rc;
}

static int netns_define(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
			struct sv_err *err)
{
	struct sv_vn vn;
	int rc = prepare(&vn, drv, spec, err);

	return rc ?: finish(&vn, make(&vn, spec, err), err);
}

/* ---- update ---- */

static int restart_program(const struct sv_vn *vn, struct sv_err *err)
{
	struct sv_keeper_status status;
	int rc;

	if (sv_keeper_status(vn, &status) || !status.wanted)
		return 0;
	rc = sv_keeper_tell(vn, "stop", err);
	return rc ?: sv_keeper_tell(vn, "start", err);
}

static int update_around(const struct sv_vn *vn, const struct sv_vnode_spec *from,
			 const struct sv_vnode_spec *to, struct sv_err *err)
{
	enum sv_tier tier = to->tier;
	int rc;

	rc = sv_cgroup_move(vn, tier, to->cpu_weight, err);
	rc = rc ?: place_receive_work(vn, to, tier, err);
	if (rc || sv_strv_same(from->program, to->program))
		return rc;
	rc = save_program(vn, to, err);
	return rc ?: restart_program(vn, err);
}

/* A device that somebody deleted is made again, with what it had. */
static void forget_lost(struct sv_vnode_spec *from)
{
	size_t i, n = 0;

	for (i = 0; i < from->n_iface; i++) {
		struct sv_vnode_iface lost = from->iface[i];

		if (sv_link_exists(lost.port)) {
			from->iface[i] = from->iface[n];
			from->iface[n++] = lost;
		}
	}
	for (i = n; i < from->n_iface; i++) {
		char **address = from->iface[i].addresses;

		for (; address && *address; address++)
			free(*address);
		free(from->iface[i].addresses);
	}
	from->n_iface = n;
}

/* `from` is how it is. On failure it is that again, as far as it goes. */
static int change(const struct sv_vn *vn, const struct sv_vnode_spec *from,
		  const struct sv_vnode_spec *to, struct sv_err *err)
{
	_cleanup_close_ int netns = sv_keeper_netns(vn);
	int rc;

	if (netns < 0)
		return sv_err_set(err, netns, "its keeper is gone");
	rc = sv_spec_check(to, err);
	rc = rc ?: claim_ports(vn, from, to, err);
	if (rc)
		return rc;
	rc = sv_config_apply(vn, netns, from, to, err);
	rc = rc ?: update_around(vn, from, to, err);
	rc = rc ?: save_spec(vn, to, err);
	if (!rc)
		return claim_ports(vn, to, to, err);
	sv_config_apply(vn, netns, to, from, NULL);
	update_around(vn, to, from, NULL);
	return rc;
}

static int netns_update(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
			struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec from = { 0 };
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, spec->vnet, spec->name, err);

	if (rc)
		return rc;
	rc = load_spec(&vn, &from, err);
	forget_lost(&from);
	rc = rc ?: change(&vn, &from, spec, err);
	if (rc)
		err_vn(&vn, err);
	return rc;
}

/* ---- clone ---- */

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
			size_t j;

			for (j = 0; out->iface[i].addresses && out->iface[i].addresses[j]; j++)
				free(out->iface[i].addresses[j]);
			free(out->iface[i].addresses);
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
		size_t j;

		for (j = 0; bare.iface[i].addresses && bare.iface[i].addresses[j]; j++)
			free(bare.iface[i].addresses[j]);
		free(bare.iface[i].addresses);
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

	return text ? sv_vn_write(vn, "sysctls", text, strlen(text)) : 0;
}

static int clone_into(const struct sv_vn *vn, const struct sv_vn *source,
		      const struct sv_vnode_spec *copied, const struct sv_vnode_spec *spec,
		      FILE *report, struct sv_err *err)
{
	_cleanup_close_ int from_ns = sv_keeper_netns(source);
	_cleanup_close_ int netns = -1;
	int rc;

	if (from_ns < 0)
		return sv_err_set(err, from_ns, "%s/%s does not run: nothing to clone",
				  source->vnet, source->name);
	rc = make_shell(vn, spec, err);
	if (rc)
		return rc;
	netns = sv_keeper_netns(vn);
	if (netns < 0)
		return sv_err_set(err, netns, "its keeper is gone");
	rc = copy_links(vn, netns, copied, err);
	rc = rc ?: sv_clone_copy(source, from_ns, vn, netns, copied, report, err);
	rc = rc ?: copy_former_sysctls(vn, source);
	rc = rc ?: sv_config_apply(vn, netns, copied, spec, err);
	rc = rc ?: place_receive_work(vn, spec, spec->tier, err);
	return rc ?: save_spec(vn, spec, err);
}

static int netns_clone(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
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
	rc = load_spec(&source, &source_spec, err);
	if (rc) {
		err_vn(&source, err);
		return rc;
	}
	rc = prepare(&vn, drv, spec, err);
	if (rc)
		return rc;
	rc = as_copied(&copied, &source_spec, spec);
	rc = rc ?: clone_into(&vn, &source, &copied, spec, report, err);
	return finish(&vn, rc, err);
}

static int netns_snapshot(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			  FILE *file, struct sv_err *err)
{
	_cleanup_close_ int netns = -1;
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	netns = sv_keeper_netns(&vn);
	if (netns < 0)
		rc = sv_err_set(err, netns, "it does not run");
	rc = rc ?: sv_snapshot_write(&vn, netns, file, err);
	if (rc)
		err_vn(&vn, err);
	return rc;
}

/* ---- start, stop, pause, resume ---- */

static int tell(struct sv_vnode_driver *drv, const char *vnet, const char *name, const char *what,
		struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	if (!is_whole(&vn))
		rc = sv_err_set(err, -ENOENT, "there is no such VNode, or it has failed");
	else if (sv_cgroup_frozen(&vn))
		rc = sv_err_set(err, -EBUSY, "%s: it is paused; resume it first", what);
	else
		rc = sv_keeper_tell(&vn, what, err);
	if (rc)
		err_vn(&vn, err);
	return rc;
}

static int netns_start(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	return tell(drv, vnet, name, "start", err);
}

static int netns_stop(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_err *err)
{
	return tell(drv, vnet, name, "stop", err);
}

static int freeze(struct sv_vnode_driver *drv, const char *vnet, const char *name, bool frozen,
		  struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	if (!is_whole(&vn))
		rc = sv_err_set(err, -ENOENT, "there is no such VNode, or it has failed");
	rc = rc ?: sv_cgroup_freeze(&vn, frozen, err);
	if (rc)
		err_vn(&vn, err);
	return rc;
}

static int netns_pause(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err)
{
	return freeze(drv, vnet, name, true, err);
}

static int netns_resume(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			struct sv_err *err)
{
	return freeze(drv, vnet, name, false, err);
}

static int netns_set_tier(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			  enum sv_tier tier, struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	rc = load_spec(&vn, &spec, err);
	rc = rc ?: sv_cgroup_move(&vn, tier, spec.cpu_weight, err);
	rc = rc ?: place_receive_work(&vn, &spec, tier, err);
	spec.tier = tier;
	rc = rc ?: save_spec(&vn, &spec, err);
	if (rc)
		err_vn(&vn, err);
	return rc;
}

/* ---- status, list ---- */

static void fail(struct sv_vnode_status *status, const char *why)
{
	status->state = SV_VNODE_FAILED;
	snprintf(status->note, sizeof(status->note), "%s", why);
}

static void take_program(const struct sv_vn *vn, struct sv_vnode_status *status)
{
	struct sv_keeper_status keeper;

	if (sv_keeper_status(vn, &keeper)) {
		fail(status, "its keeper tells no status");
		return;
	}
	status->restarts = keeper.restarts;
	status->state = keeper.wanted ? SV_VNODE_RUNNING : SV_VNODE_DEFINED;
	if (sv_cgroup_frozen(vn))
		status->state = SV_VNODE_PAUSED;
	else if (keeper.wanted && keeper.quick_exits >= FLAPPING) {
		fail(status, "");
		snprintf(status->note, sizeof(status->note),
			 "its program does not stay up: %s, %u restarts; see its log", keeper.last,
			 keeper.restarts);
	}
}

static void read_status(const struct sv_vn *vn, struct sv_vnode_status *status)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };

	memset(status, 0, sizeof(*status));
	strcpy(status->vnet, vn->vnet);
	strcpy(status->name, vn->name);
	strcpy(status->driver, "netns");
	if (access(vn->dir, F_OK))
		return;
	if (load_spec(vn, &spec, NULL)) {
		fail(status, "half-made");
		return;
	}
	status->tier = spec.tier;
	status->pid = sv_keeper_pid(vn);
	if (!status->pid) {
		fail(status, "its keeper is gone");
		return;
	}
	status->spec_json = TAKE_PTR(spec.json);
	take_program(vn, status);
}

static int netns_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			struct sv_vnode_status *status, struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (!rc)
		read_status(&vn, status);
	return rc;
}

static int list_dir(struct sv_vnode_driver *drv, DIR *dir, struct sv_vnode_status **out, size_t *n)
{
	struct dirent *d;
	struct sv_vn vn;

	while ((d = readdir(dir))) {
		struct sv_vnode_status *more;
		char vnet[32], name[32];

		if (sv_vn_split(d->d_name, vnet, name) || sv_vn_init(&vn, drv, vnet, name, NULL))
			continue;
		more = realloc(*out, (*n + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		*out = more;
		read_status(&vn, &more[(*n)++]);
	}
	return 0;
}

static int netns_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		      struct sv_err *err)
{
	char path[128];
	DIR *dir;
	int rc;

	*out = NULL;
	*n = 0;
	snprintf(path, sizeof(path), "%s/vnode", drv->run_dir);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0
				       : sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	rc = list_dir(drv, dir, out, n);
	closedir(dir);
	return rc ? sv_err_set(err, rc, "%s: %s", path, strerror(-rc)) : 0;
}

static int netns_exec(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      char *const argv[], const int fds[3], pid_t *pid, struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	if (rc)
		return rc;
	if (sv_cgroup_frozen(&vn))
		rc = sv_err_set(err, -EBUSY, "it is paused; resume it first");
	rc = rc ?: sv_exec_in(&vn, argv, fds, pid, err);
	if (rc)
		err_vn(&vn, err);
	return rc;
}

const struct sv_vnode_driver_ops sv_vnode_netns = {
	.name = "netns",
	.open = netns_open,
	.close = netns_close,
	.define = netns_define,
	.clone = netns_clone,
	.update = netns_update,
	.start = netns_start,
	.stop = netns_stop,
	.pause = netns_pause,
	.resume = netns_resume,
	.snapshot = netns_snapshot,
	.set_tier = netns_set_tier,
	.destroy = netns_destroy,
	.status = netns_status,
	.list = netns_list,
	.exec = netns_exec,
};
