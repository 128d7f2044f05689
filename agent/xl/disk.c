/* SPDX-License-Identifier: GPL-2.0-only */
/* A clone's disks: the original's as they are while it stands still. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "xl.h"

static int run(char *const argv[])
{
	int status;
	pid_t pid;
	int rc = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

static int whole_copy(int from, int to)
{
	ssize_t n;

	do
		n = copy_file_range(from, NULL, to, NULL, 1 << 26, 0);
	while (n > 0);
	return n < 0 ? -errno : 0;
}

/* What the loop device of a file has been given is in the file; what it still holds is not. */
static int file_copy(const char *from, const char *to, bool reflink)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = -1;
	int rc;

	if (in < 0)
		return -errno;
	out = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	if (reflink)
		rc = ioctl(out, FICLONE, in) ? -errno : 0;
	else
		rc = whole_copy(in, out);
	if (rc)
		unlink(to);
	return rc;
}

/* "/dev/VG/LV" → a snapshot "/dev/VG/NAME" that takes the original's size of changes. */
static int lvm_snapshot(const char *from, const char *to)
{
	const char *name = strrchr(to, '/');
	char *argv[] = { "lvcreate",   "--snapshot", "--extents",
			 "100%ORIGIN", "--name",     (char *)(name ? name + 1 : to),
			 (char *)from, NULL };

	return run(argv);
}

static int disk_copy(const cJSON *disk, struct sv_err *err)
{
	const char *from = sv_xl_str(disk, "from"), *to = sv_xl_str(disk, "to");
	const char *how = sv_xl_str(disk, "how") ?: "";
	int rc;

	if (!from || !to)
		return sv_err_set(err, -EINVAL, "a disk without a path");
	rc = !strcmp(how, "lvm") ? lvm_snapshot(from, to)
				 : file_copy(from, to, !strcmp(how, "reflink"));
	if (rc == -EOPNOTSUPP || rc == -EXDEV)
		return sv_err_set(err, rc,
				  "disk %s: its file system has no reflinks; put it on XFS or "
				  "Btrfs, or on LVM",
				  from);
	return rc ? sv_err_set(err, rc, "disk %s to %s: %s", from, to, strerror(-rc)) : 0;
}

int sv_xl_disks_copy(const cJSON *disks, struct sv_err *err)
{
	const cJSON *disk;
	int rc = 0;

	if (cJSON_GetArraySize(disks))
		sync();
	cJSON_ArrayForEach (disk, disks) {
		rc = disk_copy(disk, err);
		if (rc)
			break;
	}
	return rc;
}

void sv_xl_disks_remove(const cJSON *disks)
{
	const cJSON *disk;

	cJSON_ArrayForEach (disk, disks) {
		const char *to = sv_xl_str(disk, "to");
		char *argv[] = { "lvremove", "--yes", (char *)to, NULL };

		if (!to)
			continue;
		if (!strcmp(sv_xl_str(disk, "how") ?: "", "lvm"))
			run(argv);
		else
			unlink(to);
	}
}
