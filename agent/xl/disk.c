/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A clone's disks: the original's as they are while it stands still. What its back end has finished
 * by then is in the file or on the volume; what it has not, the clone's front end asks for again.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "xl.h"

enum { SAID_MAX = 1024 };

/* The log has all of it; *why is the last line, "" = it said nothing. */
static void hear(int fd, char said[SAID_MAX], const char **why)
{
	ssize_t n = pread(fd, said, SAID_MAX - 1, 0);

	said[n > 0 ? n : 0] = 0;
	fputs(said, stderr);
	while (n > 0 && isspace(said[n - 1]))
		said[--n] = 0;
	*why = strrchr(said, '\n') ? strrchr(said, '\n') + 1 : said;
	*why += strspn(*why, " \t");
}

/* Standard output is for the answer: what a command prints is the caller's. */
static int run(char *const argv[], char said[SAID_MAX], const char **why)
{
	_cleanup_close_ int out = memfd_create("svnet-said", MFD_CLOEXEC);
	posix_spawn_file_actions_t actions;
	int status, rc;
	pid_t pid;

	*why = "";
	if (out < 0)
		return -errno;
	rc = posix_spawn_file_actions_init(&actions);
	rc = rc ?: posix_spawn_file_actions_adddup2(&actions, out, 1);
	rc = rc ?: posix_spawn_file_actions_adddup2(&actions, out, 2);
	rc = rc ?: posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	hear(out, said, why);
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

/*
 * Also for a copy by reference: whichever of the two writes to a block first needs another, and a
 * file system that is full then would fail production, too.
 */
static int check_room(const char *from, const char *to, const struct stat *st, struct sv_err *err)
{
	unsigned long long need = st->st_blocks * 512ULL, have;
	struct statvfs fs;
	char dir[PATH_MAX];

	if (statvfs(folder(to, dir), &fs))
		return sv_err_set(err, -errno, "%s: %s", dir, strerror(errno));
	have = (unsigned long long)fs.f_bavail * fs.f_frsize;
	return need <= have ? 0
			    : sv_err_set(err, -ENOSPC,
					 "disk %s: its copy may take %llu MiB, and %s has %llu MiB "
					 "left: make room there",
					 from, need >> 20, dir, have >> 20);
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
		  : check_room(from, to, &st, err);
}

static int check_copy(const char *from, const char *to, struct sv_err *err)
{
	struct stat st;

	if (stat(from, &st))
		return sv_err_set(err, -errno, "disk %s: %s", from, strerror(errno));
	return S_ISREG(st.st_mode) ? check_room(from, to, &st, err) : refuse_device(from, err);
}

/* ---- a logical volume ---- */

/* "/dev/VG/LV" → a snapshot "/dev/VG/NAME" that takes the original's size of changes. */
static int lvm_snapshot(const char *from, const char *to, bool trial, struct sv_err *err)
{
	char said[SAID_MAX];
	const char *why;
	int rc;

	const char *name = strrchr(to, '/');
	char *argv[] = { "lvcreate",   "--snapshot", "--extents",
			 "100%ORIGIN", "--name",     (char *)(name ? name + 1 : to),
			 "--yes",      (char *)from, NULL,
			 NULL };

	if (trial)
		argv[8] = "--test";
	rc = run(argv, said, &why);
	if (rc == -ENOENT)
		return sv_err_set(err, rc, "disk %s: lvcreate is not installed here", from);
	return rc ? sv_err_set(err, rc, "disk %s: no snapshot of it can be made: %s", from, why)
		  : 0;
}

static int check_lvm(const char *from, const char *to, struct sv_err *err)
{
	struct stat st;

	if (stat(from, &st))
		return sv_err_set(err, -errno, "disk %s: %s", from, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return sv_err_set(err, -EINVAL,
				  "disk %s is no logical volume: say \"reflink\" or \"copy\"",
				  from);
	return lvm_snapshot(from, to, true, err);
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
		return lvm_snapshot(from, to, false, err);
	rc = copy_file(from, to, strcmp(how, "reflink") ? copy_range : clone_range);
	return rc ? sv_err_set(err, rc, "disk %s to %s: %s", from, to, strerror(-rc)) : 0;
}

static void remove_one(const cJSON *disk)
{
	const char *to = sv_xl_str(disk, "to");
	char *argv[] = { "lvremove", "--yes", (char *)to, NULL };
	char said[SAID_MAX];
	const char *why;

	if (!access(to, F_OK) && !strcmp(sv_xl_str(disk, "how") ?: "", "lvm"))
		run(argv, said, &why);
	else
		unlink(to);
}

/* Its QEMU has part of an image in memory, also of what the guest was told is written. */
static int flush(struct sv_xl *xl, uint32_t domid, const cJSON *disk, struct sv_err *err)
{
	_cleanup_free_ char *said = NULL;
	char command[64];
	int rc;

	snprintf(command, sizeof(command), "qemu-io %.16s-qcow2 flush",
		 sv_xl_str(disk, "device") ?: "");
	rc = libxl_qemu_monitor_command(xl->ctx, domid, command, &said, NULL);
	if (!rc && strspn(said ?: "", " \r\n") == strlen(said ?: ""))
		return 0;
	return sv_err_set(err, -EIO, "disk %s: its QEMU does not write it out: %.100s",
			  sv_xl_str(disk, "from"), said ?: xl->complaint);
}

int sv_xl_disks_flush(struct sv_xl *xl, uint32_t domid, const cJSON *disks, struct sv_err *err)
{
	const cJSON *disk;
	int rc = 0;

	cJSON_ArrayForEach (disk, disks)
		if (!rc && !strcmp(sv_xl_str(disk, "format") ?: "", "qcow2"))
			rc = flush(xl, domid, disk, err);
	return rc;
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
