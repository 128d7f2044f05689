/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A clone's disks: the original's as they are while it stands still. What its back end has finished
 * by then is in the file or on the volume; what it has not, the clone's front end asks for again.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "xl.h"

/* What it prints goes to the log: standard output is for the answer. */
static int run(char *const argv[])
{
	posix_spawn_file_actions_t actions;
	int status, rc;
	pid_t pid;

	rc = posix_spawn_file_actions_init(&actions);
	rc = rc ?: posix_spawn_file_actions_adddup2(&actions, 2, 1);
	rc = rc ?: posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

/* ---- a file ---- */

static int clone_range(int from, int to)
{
	return ioctl(to, FICLONE, from) ? -errno : 0;
}

static int copy_range(int from, int to)
{
	ssize_t n;

	do
		n = copy_file_range(from, NULL, to, NULL, 1 << 26, 0);
	while (n > 0);
	return n < 0 ? -errno : 0;
}

static int copy_file(const char *from, const char *to, int (*fill)(int from, int to))
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = -1;
	int rc;

	if (in < 0)
		return -errno;
	out = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	rc = fill(in, out);
	if (rc)
		unlink(to);
	return rc;
}

/* The folder that a path is in. */
static char *folder(const char *path, char buf[PATH_MAX])
{
	snprintf(buf, PATH_MAX, "%s", path);
	return dirname(buf);
}

static int refuse_device(const char *from, struct sv_err *err)
{
	return sv_err_set(
		err, -EINVAL,
		"disk %s is no file: only \"lvm\" can clone a volume, and nothing another "
		"device",
		from);
}

/* A trial, in a file without a name. It also writes out what the pause would else wait for. */
static int check_reflink(const char *from, const char *to, struct sv_err *err)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = -1;
	char dir[PATH_MAX];
	struct stat st;
	int rc;

	if (in < 0 || fstat(in, &st))
		return sv_err_set(err, -errno, "disk %s: %s", from, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse_device(from, err);
	out = open(folder(to, dir), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	rc = out < 0 ? -errno : clone_range(in, out);
	return rc ? sv_err_set(err, rc,
			       "disk %s: its file system cannot clone files (%s): put it on XFS or "
			       "Btrfs, or say \"copy\" or \"lvm\"",
			       from, strerror(-rc))
		  : 0;
}

static int check_copy(const char *from, const char *to, struct sv_err *err)
{
	unsigned long long need, have;
	struct statvfs fs;
	char dir[PATH_MAX];
	struct stat st;

	if (stat(from, &st) || statvfs(folder(to, dir), &fs))
		return sv_err_set(err, -errno, "disk %s: %s", from, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse_device(from, err);
	need = st.st_blocks * 512ULL;
	have = (unsigned long long)fs.f_bavail * fs.f_frsize;
	return need <= have ? 0
			    : sv_err_set(err, -ENOSPC,
					 "disk %s: a copy takes %llu MiB, and %s has %llu MiB left",
					 from, need >> 20, dir, have >> 20);
}

/* ---- a logical volume ---- */

/* "/dev/VG/LV" → a snapshot "/dev/VG/NAME" that takes the original's size of changes. */
static int lvm_snapshot(const char *from, const char *to, bool trial)
{
	const char *name = strrchr(to, '/');
	char *argv[] = { "lvcreate",   "--snapshot", "--extents",
			 "100%ORIGIN", "--name",     (char *)(name ? name + 1 : to),
			 "--yes",      (char *)from, NULL,
			 NULL };

	if (trial)
		argv[8] = "--test";
	return run(argv);
}

static int check_lvm(const char *from, const char *to, struct sv_err *err)
{
	struct stat st;
	int rc;

	if (stat(from, &st))
		return sv_err_set(err, -errno, "disk %s: %s", from, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return sv_err_set(err, -EINVAL,
				  "disk %s is no logical volume: say \"reflink\" or \"copy\"",
				  from);
	rc = lvm_snapshot(from, to, true);
	if (rc == -ENOENT)
		return sv_err_set(err, rc, "disk %s: lvcreate is not installed here", from);
	return rc ? sv_err_set(
			    err, rc,
			    "disk %s: lvcreate refuses a snapshot of its size (its reasons are in "
			    "svnet-xl.log): give its volume group room",
			    from)
		  : 0;
}

/* ---- all of them ---- */

static int check_one(const cJSON *disk, struct sv_err *err)
{
	const char *from = sv_xl_str(disk, "from"), *to = sv_xl_str(disk, "to");
	const char *how = sv_xl_str(disk, "how") ?: "";

	if (!from || !to || strlen(to) >= PATH_MAX)
		return sv_err_set(err, -EINVAL, "a disk without a path");
	if (!access(to, F_OK))
		return sv_err_set(err, -EEXIST, "disk %s: %s exists already: remove it", from, to);
	if (!strcmp(how, "lvm"))
		return check_lvm(from, to, err);
	return strcmp(how, "reflink") ? check_copy(from, to, err) : check_reflink(from, to, err);
}

int sv_xl_disks_check(const cJSON *disks, struct sv_err *err)
{
	const cJSON *disk;
	int rc = 0;

	cJSON_ArrayForEach (disk, disks)
		rc = rc ?: check_one(disk, err);
	return rc;
}

static int copy_one(const cJSON *disk, struct sv_err *err)
{
	const char *from = sv_xl_str(disk, "from"), *to = sv_xl_str(disk, "to");
	const char *how = sv_xl_str(disk, "how") ?: "";
	int rc;

	if (!strcmp(how, "lvm"))
		rc = lvm_snapshot(from, to, false);
	else
		rc = copy_file(from, to, strcmp(how, "reflink") ? copy_range : clone_range);
	return rc ? sv_err_set(err, rc, "disk %s to %s: %s", from, to, strerror(-rc)) : 0;
}

static void remove_one(const cJSON *disk)
{
	const char *to = sv_xl_str(disk, "to");
	char *argv[] = { "lvremove", "--yes", (char *)to, NULL };

	if (!strcmp(sv_xl_str(disk, "how") ?: "", "lvm"))
		run(argv);
	else
		unlink(to);
}

int sv_xl_disks_copy(const cJSON *disks, struct sv_err *err)
{
	const cJSON *disk, *made;
	int rc;

	cJSON_ArrayForEach (disk, disks) {
		rc = copy_one(disk, err);
		if (!rc)
			continue;
		for (made = disks->child; made != disk; made = made->next)
			remove_one(made);
		return rc;
	}
	return 0;
}

int sv_xl_disks(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	const cJSON *disks = cJSON_GetObjectItemCaseSensitive(request, "disks");
	int rc = sv_xl_disks_check(disks, err);

	(void)xl;
	(void)reply;
	return rc ?: sv_xl_disks_copy(disks, err);
}

void sv_xl_disks_remove(const cJSON *disks)
{
	const cJSON *disk;

	cJSON_ArrayForEach (disk, disks)
		if (sv_xl_str(disk, "to"))
			remove_one(disk);
}
