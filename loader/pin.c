// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "internal.h"

#define BPFFS "/sys/fs/bpf"

static bool fd_on_bpffs(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (__u32)fs.f_type == BPF_FS_MAGIC;
}

static int mount_bpffs(const char *pin, struct sv_err *err)
{
	struct statfs fs;

	if (strncmp(pin, BPFFS "/", strlen(BPFFS "/")))
		return 0;
	if (!statfs(BPFFS, &fs) && (__u32)fs.f_type == BPF_FS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS, "bpf", 0, NULL))
		return sv_err_set(err, -EPERM, "no bpffs at %s, and it cannot be mounted: %s",
				  BPFFS, strerror(errno));
	return 0;
}

/* A folder of ours: nobody else may look in, or replace what is in it. */
static int check_folder(int fd, const char *path, struct sv_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != geteuid())
		return sv_err_set(err, -EPERM, "%s belongs to user %u, not to us (%u)", path,
				  st.st_uid, geteuid());
	if ((st.st_mode & 07777) != 0700)
		return sv_err_set(err, -EPERM, "%s has mode %04o, must have 0700: chmod 700 %s",
				  path, st.st_mode & 07777, path);
	return 0;
}

/* Goes from *dir, which is on bpffs or not, to its child. */
static int step(int *dir, const char *name, const char *path, bool create, struct sv_err *err)
{
	_cleanup_close_ int parent = TAKE_FD(*dir);
	bool inside = fd_on_bpffs(parent);

	if (inside && create && mkdirat(parent, name, 0700) && errno != EEXIST)
		return sv_err_set(err, -errno, "cannot make %s: %s", path, strerror(errno));
	*dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (inside ? O_NOFOLLOW : 0));
	if (*dir < 0 && errno == ENOENT && !inside && create)
		return sv_err_set(err, -EPERM, "%s is not below a bpffs: mount -t bpf bpf %s", path,
				  BPFFS);
	if (*dir < 0 && errno == ENOENT)
		return sv_err_set(err, -ENOENT, "nothing is pinned at %s", path);
	if (*dir < 0)
		return sv_err_set(err, -EPERM, "%s is no folder of ours: %s", path,
				  strerror(errno));
	return inside ? check_folder(*dir, path, err) : 0;
}

static int walk(const char *pin, bool create, struct sv_err *err)
{
	_cleanup_close_ int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[PATH_MAX / 2] = "", name[NAME_MAX + 1];
	const char *p = pin;
	size_t len;
	int rc;

	while (*(p += strspn(p, "/"))) {
		len = strcspn(p, "/");
		if (len > NAME_MAX || (len == 2 && !strncmp(p, "..", 2)))
			return sv_err_set(err, -EINVAL, "bad pin folder %s", pin);
		memcpy(name, p, len);
		name[len] = 0;
		p += len;
		memcpy(path, pin, p - pin);
		path[p - pin] = 0;
		rc = step(&dir, name, path, create, err);
		if (rc)
			return rc;
	}
	if (!fd_on_bpffs(dir))
		return sv_err_set(err, -EPERM, "%s is not on a bpffs", pin);
	return 0;
}

int sv_pin_check(const char *pin, bool create, struct sv_err *err)
{
	int rc;

	if (pin[0] != '/' || strlen(pin) >= PATH_MAX / 2)
		return sv_err_set(err, -EINVAL, "bad pin folder %s: must be an absolute path", pin);
	if (create) {
		rc = mount_bpffs(pin, err);
		if (rc)
			return rc;
	}
	rc = walk(pin, create, err);
	/* A purge of the neighbour's may have taken the common parent away under our feet. */
	if (rc == -ENOENT && create)
		rc = walk(pin, create, err);
	return rc;
}

int sv_pin_path(char *buf, size_t size, const char *pin, const char *fmt, ...)
{
	int len = snprintf(buf, size, "%s/", pin);
	va_list ap;
	int more;

	if (len < 0 || (size_t)len >= size)
		return -ENAMETOOLONG;
	va_start(ap, fmt);
	more = vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
	return more < 0 || (size_t)more >= size - len ? -ENAMETOOLONG : 0;
}

int sv_pin_mkdir(const char *path, struct sv_err *err)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return sv_err_set(err, -errno, "cannot make %s: %s", path, strerror(errno));
	return 0;
}

int sv_pin_new(int fd, const char *path, struct sv_err *err)
{
	if (bpf_obj_pin(fd, path))
		return sv_err_set(err, -errno, "cannot pin %s: %s", path, strerror(errno));
	return 0;
}

int sv_pin_put(int fd, const char *path, struct sv_err *err)
{
	char tmp[PATH_MAX];

	if (snprintf(tmp, sizeof(tmp), "%s-new", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	unlink(tmp);
	if (bpf_obj_pin(fd, tmp))
		return sv_err_set(err, -errno, "cannot pin %s: %s", path, strerror(errno));
	if (rename(tmp, path)) {
		int rc = -errno;

		unlink(tmp);
		return sv_err_set(err, rc, "cannot pin %s: %s", path, strerror(-rc));
	}
	return 0;
}

int sv_pin_get(const char *path)
{
	int fd = bpf_obj_get(path);

	return fd < 0 ? -errno : fd;
}

bool sv_pin_exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int sv_pin_remove(const char *path, struct sv_err *err)
{
	_cleanup_(cleanup_dir) DIR *dir = NULL;
	char child[PATH_MAX];
	struct dirent *de;
	int rc;

	if (!unlink(path) || errno == ENOENT)
		return 0;
	dir = opendir(path);
	if (!dir)
		return sv_err_set(err, -errno, "cannot remove %s: %s", path, strerror(errno));
	while ((de = readdir(dir))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		rc = sv_pin_path(child, sizeof(child), path, "%s", de->d_name);
		if (!rc)
			rc = sv_pin_remove(child, err);
		if (rc)
			return rc;
	}
	if (rmdir(path) && errno != ENOENT)
		return sv_err_set(err, -errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}
