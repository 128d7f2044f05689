/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * svnet-TIER/HOST/VNET.NAME in the unified hierarchy: who belongs to a VNode, freezing and killing,
 * and the CPU weight where it has that controller; else the same tree in the old `cpu` hierarchy
 * has the weight. Tiers are weighed against each other and against what else the host does: they
 * are on top, since a weight counts among siblings alone, and the threads that do the kernel's
 * receive work have none of svnet's groups for a sibling but these. Within its tier a VNode is
 * weighed against the others. Monitors are idle (cpu.idle, since Linux 5.15): whoever else wakes up
 * has the CPU at once, the receive work of production first of all.
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "netns.h"

static const struct {
	const char *name;
	uint32_t weight; /* 100 is that of a process in no group */
	bool idle;
} tiers[] = {
	[SV_TIER_PRODUCTION] = { "production", 100 },
	[SV_TIER_SHADOW] = { "shadow", 10 },
	[SV_TIER_MONITOR] = { "monitor", 1, true },
};
enum { DEPTH_TIER = 1, DEPTH_HOST, DEPTH_VNODE };
enum { N_TIERS = sizeof(tiers) / sizeof(tiers[0]), ROOT_MAX = 128, PATH_LEN = 384 };

struct hierarchies {
	char v2[ROOT_MAX]; /* "" = not mounted */
	char cpu[ROOT_MAX]; /* of version 1 */
};

static int find_hierarchies(struct hierarchies *h)
{
	struct mntent *m;
	FILE *f = setmntent("/proc/self/mounts", "re");

	memset(h, 0, sizeof(*h));
	if (!f)
		return -errno;
	while ((m = getmntent(f))) {
		if (strlen(m->mnt_dir) >= ROOT_MAX)
			continue;
		if (!strcmp(m->mnt_type, "cgroup2") && !h->v2[0])
			strcpy(h->v2, m->mnt_dir);
		else if (!strcmp(m->mnt_type, "cgroup") && hasmntopt(m, "cpu") && !h->cpu[0])
			strcpy(h->cpu, m->mnt_dir);
	}
	endmntent(f);
	return 0;
}

static int put(const char *dir, const char *file, const char *text)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_LEN + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static char *get(const char *dir, const char *file)
{
	char path[PATH_LEN + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return sv_file_read(path);
}

static void group_path(char path[PATH_LEN], const char *root, const struct sv_vn *vn,
		       enum sv_tier tier, int depth)
{
	bool host = depth >= DEPTH_HOST, leaf = depth >= DEPTH_VNODE;

	snprintf(path, PATH_LEN, "%s/svnet-%s%s%s%s%s", root, tiers[tier].name, host ? "/" : "",
		 host ? vn->drv->host : "", leaf ? "/" : "", leaf ? vn->tag : "");
}

static int put_weight(const char *dir, uint32_t weight)
{
	char text[16];
	uint64_t shares;

	weight = weight < 1 ? 1 : weight > 10000 ? 10000 : weight;
	snprintf(text, sizeof(text), "%u", weight);
	if (put(dir, "cpu.weight", text) == 0)
		return 0;
	shares = (uint64_t)weight * 1024 / 100;
	snprintf(text, sizeof(text), "%u", (uint32_t)(shares < 2 ? 2 : shares));
	return put(dir, "cpu.shares", text);
}

/* An idle group takes no weight. */
static int put_tier(const char *dir, enum sv_tier tier)
{
	if (tiers[tier].idle && !put(dir, "cpu.idle", "1"))
		return 0;
	return put_weight(dir, tiers[tier].weight);
}

static int make_path(const char *root, const struct sv_vn *vn, enum sv_tier tier, bool v2)
{
	char path[PATH_LEN];
	int depth;

	/* A group passes on only the controllers that its parent passes on. */
	if (v2)
		put(root, "cgroup.subtree_control", "+cpu");
	for (depth = DEPTH_TIER; depth <= DEPTH_VNODE; depth++) {
		group_path(path, root, vn, tier, depth);
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		if (v2 && depth < DEPTH_VNODE)
			put(path, "cgroup.subtree_control", "+cpu");
	}
	return 0;
}

static int make_in(const char *root, const struct sv_vn *vn, enum sv_tier tier, bool v2)
{
	int rc, tries = 0;

	/* Another agent may remove an empty parent between two steps. */
	do
		rc = make_path(root, vn, tier, v2);
	while (rc == -ENOENT && ++tries < 10);
	return rc;
}

static bool weigh(const struct hierarchies *h, const struct sv_vn *vn, enum sv_tier tier,
		  uint32_t cpu_weight)
{
	const char *roots[] = { h->v2, h->cpu };
	char path[PATH_LEN];
	bool done = false;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (!roots[i][0])
			continue;
		group_path(path, roots[i], vn, tier, DEPTH_TIER);
		if (put_tier(path, tier))
			continue;
		group_path(path, roots[i], vn, tier, DEPTH_VNODE);
		done |= put_weight(path, cpu_weight ?: 100) == 0;
	}
	return done;
}

int sv_cgroup_make(const struct sv_vn *vn, enum sv_tier tier, uint32_t cpu_weight,
		   struct sv_err *err)
{
	struct hierarchies h;
	int rc = 0;

	find_hierarchies(&h);
	if (!h.v2[0])
		return sv_err_set(err, -ENOTSUP, "no cgroup2 hierarchy is mounted");
	rc = make_in(h.v2, vn, tier, true);
	if (!rc && h.cpu[0])
		rc = make_in(h.cpu, vn, tier, false);
	if (rc)
		return sv_err_set(err, rc, "making its cgroup: %s", strerror(-rc));
	if (!weigh(&h, vn, tier, cpu_weight))
		return sv_err_set(err, -ENOTSUP, "its cgroup takes no CPU weight");
	return 0;
}

bool sv_cgroup_tier(const struct sv_vn *vn, enum sv_tier *tier)
{
	struct hierarchies h;
	char path[PATH_LEN];
	int i;

	find_hierarchies(&h);
	for (i = 0; h.v2[0] && i < N_TIERS; i++) {
		group_path(path, h.v2, vn, i, DEPTH_VNODE);
		if (!access(path, F_OK)) {
			*tier = i;
			return true;
		}
	}
	return false;
}

int sv_cgroup_join(const struct sv_vn *vn)
{
	struct hierarchies h;
	char path[PATH_LEN];
	enum sv_tier tier;
	int rc;

	if (!sv_cgroup_tier(vn, &tier))
		return -ENOENT;
	find_hierarchies(&h);
	group_path(path, h.v2, vn, tier, DEPTH_VNODE);
	rc = put(path, "cgroup.procs", "0");
	if (rc || !h.cpu[0])
		return rc;
	group_path(path, h.cpu, vn, tier, DEPTH_VNODE);
	return put(path, "cgroup.procs", "0");
}

/* ---- moving ---- */

/* Until the old group is empty: what is there may fork meanwhile. */
static int move_all(const char *from, const char *to)
{
	int round, rc = 0;

	for (round = 0; round < 100; round++) {
		_cleanup_free_ char *pids = get(from, "cgroup.procs");
		char *pid, *save = NULL;

		pid = pids ? strtok_r(pids, "\n", &save) : NULL;
		if (!pid)
			return 0;
		for (; pid; pid = strtok_r(NULL, "\n", &save)) {
			rc = put(to, "cgroup.procs", pid);
			if (rc && rc != -ESRCH && rc != -EINVAL)
				return rc;
		}
	}
	return -EAGAIN;
}

/* Those that nobody else is in. */
static void remove_parents(const char *root, const struct sv_vn *vn, enum sv_tier tier)
{
	char path[PATH_LEN];
	int depth;

	for (depth = DEPTH_HOST; depth >= DEPTH_TIER; depth--) {
		group_path(path, root, vn, tier, depth);
		rmdir(path);
	}
}

static int move_in(const char *root, const struct sv_vn *vn, enum sv_tier tier)
{
	char from[PATH_LEN], to[PATH_LEN];
	int i, rc = 0;

	group_path(to, root, vn, tier, DEPTH_VNODE);
	for (i = 0; i < N_TIERS && !rc; i++) {
		group_path(from, root, vn, i, DEPTH_VNODE);
		if ((enum sv_tier)i == tier || access(from, F_OK))
			continue;
		rc = move_all(from, to);
		if (!rc && rmdir(from) && errno != ENOENT)
			rc = -errno;
		remove_parents(root, vn, i);
	}
	return rc;
}

int sv_cgroup_move(const struct sv_vn *vn, enum sv_tier tier, uint32_t cpu_weight,
		   struct sv_err *err)
{
	bool frozen = sv_cgroup_frozen(vn);
	struct hierarchies h;
	char path[PATH_LEN];
	int rc;

	rc = sv_cgroup_make(vn, tier, cpu_weight, err);
	if (rc)
		return rc;
	find_hierarchies(&h);
	group_path(path, h.v2, vn, tier, DEPTH_VNODE);
	/* A paused VNode must not run while it changes groups. */
	put(path, "cgroup.freeze", frozen ? "1" : "0");
	rc = move_in(h.v2, vn, tier);
	if (!rc && h.cpu[0])
		rc = move_in(h.cpu, vn, tier);
	if (rc)
		return sv_err_set(err, rc, "moving to tier %s: %s", tiers[tier].name,
				  strerror(-rc));
	return 0;
}

/* ---- freezing ---- */

static bool leaf(const struct sv_vn *vn, char path[PATH_LEN])
{
	struct hierarchies h;
	enum sv_tier tier;

	if (!sv_cgroup_tier(vn, &tier))
		return false;
	find_hierarchies(&h);
	group_path(path, h.v2, vn, tier, DEPTH_VNODE);
	return true;
}

static bool event_is(const char *path, const char *what)
{
	_cleanup_free_ char *text = get(path, "cgroup.events");

	return text && strstr(text, what);
}

static void sleep_ms(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

int sv_cgroup_freeze(const struct sv_vn *vn, bool freeze, struct sv_err *err)
{
	char path[PATH_LEN];
	int i, rc;

	if (!leaf(vn, path))
		return sv_err_set(err, -ENOENT, "its cgroup is gone");
	rc = put(path, "cgroup.freeze", freeze ? "1" : "0");
	if (rc)
		return sv_err_set(err, rc, "cgroup.freeze: %s", strerror(-rc));
	for (i = 0; i < 2000; i++) {
		if (event_is(path, freeze ? "frozen 1" : "frozen 0"))
			return 0;
		sleep_ms();
	}
	return sv_err_set(err, -ETIMEDOUT, "it does not %s", freeze ? "freeze" : "thaw");
}

bool sv_cgroup_frozen(const struct sv_vn *vn)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_LEN];

	if (!leaf(vn, path))
		return false;
	text = get(path, "cgroup.freeze");
	return text && text[0] == '1';
}

/* ---- removing ---- */

static void kill_all(const char *path)
{
	_cleanup_free_ char *pids = NULL;
	char *pid, *save = NULL;

	/* Not before Linux 5.14. */
	if (put(path, "cgroup.kill", "1") == 0)
		return;
	pids = get(path, "cgroup.procs");
	for (pid = pids ? strtok_r(pids, "\n", &save) : NULL; pid;
	     pid = strtok_r(NULL, "\n", &save))
		if (atoi(pid) > 1)
			kill(atoi(pid), SIGKILL);
}

/* Who has just died leaves its group a moment later, and one may just be joining it. */
static int remove_leaf(const char *path, bool v2)
{
	int i;

	for (i = 0; i < 5000; i++) {
		if (!rmdir(path) || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		if (v2 && i % 50 == 0)
			kill_all(path);
		sleep_ms();
	}
	return -EBUSY;
}

static int remove_in(const char *root, const struct sv_vn *vn, bool v2)
{
	char path[PATH_LEN];
	int i, rc = 0;

	for (i = 0; i < N_TIERS && !rc; i++) {
		group_path(path, root, vn, i, DEPTH_VNODE);
		if (!access(path, F_OK))
			rc = remove_leaf(path, v2);
		remove_parents(root, vn, i);
	}
	return rc;
}

int sv_cgroup_remove(const struct sv_vn *vn, struct sv_err *err)
{
	struct hierarchies h;
	int rc = find_hierarchies(&h);

	if (!rc && h.v2[0])
		rc = remove_in(h.v2, vn, true);
	if (!rc && h.cpu[0])
		rc = remove_in(h.cpu, vn, false);
	if (rc)
		return sv_err_set(err, rc, "removing its cgroup: %s", strerror(-rc));
	return 0;
}
