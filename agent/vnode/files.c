/* SPDX-License-Identifier: GPL-2.0-only */
/* A VNode's folder, see netns.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "netns.h"

static bool bad_name(const char *name)
{
	return !name[0] || name[0] == '.' || strlen(name) >= 32 || strpbrk(name, "/= \t\n");
}

static void swap(char *text, char from, char to)
{
	for (; *text; text++)
		if (*text == from)
			*text = to;
}

int sv_vn_init(struct sv_vn *vn, const struct sv_vnode_driver *drv, const char *vnet,
	       const char *name, struct sv_err *err)
{
	char a[32], b[32];

	if (bad_name(vnet) || bad_name(name))
		return sv_err_set(err, -EINVAL,
				  "\"%s/%s\": names have 1 to 31 characters, no slash, = or space",
				  vnet, name);
	vn->drv = drv;
	strcpy(vn->vnet, vnet);
	strcpy(vn->name, name);
	/* The dot between them is the only one. */
	swap(strcpy(a, vnet), '.', '=');
	swap(strcpy(b, name), '.', '=');
	snprintf(vn->tag, sizeof(vn->tag), "%s.%s", a, b);
	snprintf(vn->dir, sizeof(vn->dir), "%s/vnode/%s", drv->run_dir, vn->tag);
	return 0;
}

int sv_vn_split(const char *tag, char vnet[32], char name[32])
{
	const char *dot = strchr(tag, '.');

	if (!dot || dot == tag || dot - tag >= 32 || !dot[1] || strlen(dot + 1) >= 32)
		return -EINVAL;
	snprintf(vnet, 32, "%.*s", (int)(dot - tag), tag);
	snprintf(name, 32, "%s", dot + 1);
	swap(vnet, '=', '.');
	swap(name, '=', '.');
	return 0;
}

static void vn_path(const struct sv_vn *vn, const char *file, char path[256])
{
	snprintf(path, 256, "%s/%s", vn->dir, file);
}

int sv_vn_write(const struct sv_vn *vn, const char *file, const char *text, size_t len)
{
	_cleanup_close_ int fd = -1;
	char path[256], tmp[256];

	vn_path(vn, file, path);
	if (snprintf(tmp, sizeof(tmp), "%s/.%s.tmp", vn->dir, file) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len) {
		unlink(tmp);
		return -EIO;
	}
	return rename(tmp, path) ? -errno : 0;
}

char *sv_file_read(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 4096, len = 0;
	char *text, *more;
	ssize_t n;

	if (fd < 0)
		return NULL;
	text = malloc(size);
	while (text && (n = read(fd, text + len, size - len - 1)) > 0) {
		len += n;
		if (size - len > 1)
			continue;
		more = realloc(text, size *= 2);
		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[len] = 0;
	return text;
}

char *sv_vn_read(const struct sv_vn *vn, const char *file)
{
	char path[256];

	vn_path(vn, file, path);
	return sv_file_read(path);
}

bool sv_vn_has(const struct sv_vn *vn, const char *file)
{
	char path[256];

	vn_path(vn, file, path);
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* With the parents that are missing. */
static int make_dirs(const char *path, mode_t mode, struct sv_err *err)
{
	char part[256], *slash;

	snprintf(part, sizeof(part), "%s", path);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(part, 0755) && errno != EEXIST)
			return sv_err_set(err, -errno, "%s: %s", part, strerror(errno));
		*slash = '/';
	}
	if (mkdir(part, mode) && errno != EEXIST)
		return sv_err_set(err, -errno, "%s: %s", part, strerror(errno));
	return 0;
}

int sv_vn_mkdir(const struct sv_vn *vn, struct sv_err *err)
{
	int rc = make_dirs(vn->drv->log_dir, 0755, err);

	return rc ?: make_dirs(vn->dir, 0700, err);
}

void sv_vn_rmdir(const struct sv_vn *vn)
{
	struct dirent *d;
	DIR *dir = opendir(vn->dir);

	if (!dir)
		return;
	while ((d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
	rmdir(vn->dir);
}
