/* SPDX-License-Identifier: GPL-2.0-only */
/* A VNode's folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vn.h"

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
	snprintf(vn->dir, sizeof(vn->dir), "%s/%s/%s", drv->run_dir, drv->ops->folder, vn->tag);
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

int sv_vn_fail(const struct sv_vn *vn, int rc, struct sv_err *err)
{
	return rc ? sv_err_prefix(err, rc, "%s/%s", vn->vnet, vn->name) : 0;
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
	if (text && n < 0) {
		free(text);
		return NULL;
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

/* ---- what was defined ---- */

int sv_vn_load_spec(const struct sv_vn *vn, struct sv_vnode_spec *spec)
{
	_cleanup_free_ char *text = sv_vn_read(vn, "spec.json");

	return text ? sv_spec_from_text(spec, text) : -errno;
}

int sv_vn_save_spec(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err)
{
	_cleanup_free_ char *text = sv_spec_to_text(spec);
	int rc = text ? sv_vn_write(vn, "spec.json", text, strlen(text)) : -ENOMEM;

	return rc ? sv_err_set(err, rc, "%s/spec.json: %s", vn->dir, strerror(-rc)) : 0;
}

int sv_vn_unread(const struct sv_vn *vn, int rc, struct sv_err *err)
{
	if (!rc || rc == -ENOENT || rc == -EINVAL)
		return 0;
	return sv_err_set(err, rc, "reading %s: %s", vn->dir, strerror(-rc));
}

/* ---- all of a driver's ---- */

int sv_vn_each(const struct sv_vnode_driver *drv, int (*fn)(void *arg, const struct sv_vn *vn),
	       void *arg, struct sv_err *err)
{
	char path[128], vnet[32], name[32];
	struct dirent *d;
	struct sv_vn vn;
	int rc = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", drv->run_dir, drv->ops->folder);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0
				       : sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (!rc && (d = readdir(dir)))
		if (!sv_vn_split(d->d_name, vnet, name) && !sv_vn_init(&vn, drv, vnet, name, NULL))
			rc = fn(arg, &vn);
	closedir(dir);
	return rc;
}

void sv_vn_status_fail(struct sv_vnode_status *status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	status->state = SV_VNODE_FAILED;
	vsnprintf(status->note, sizeof(status->note), fmt, args);
	va_end(args);
}

static int read_status(const struct sv_vn *vn, sv_vn_read_fn *read, void *arg,
		       struct sv_vnode_status *status, struct sv_err *err)
{
	int rc;

	memset(status, 0, sizeof(*status));
	strcpy(status->vnet, vn->vnet);
	strcpy(status->name, vn->name);
	snprintf(status->driver, sizeof(status->driver), "%s", vn->drv->ops->name);
	if (access(vn->dir, F_OK))
		return errno == ENOENT
			       ? 0
			       : sv_err_set(err, -errno, "%s: %s", vn->dir, strerror(errno));
	rc = read(arg, vn, status);
	if (!rc)
		return 0;
	sv_vn_status_fail(status, rc == -ENOENT || rc == -EINVAL ? "half-made" : "not known");
	return sv_vn_fail(vn, sv_vn_unread(vn, rc, err), err);
}

int sv_vn_status(const struct sv_vnode_driver *drv, const char *vnet, const char *name,
		 sv_vn_read_fn *read, void *arg, struct sv_vnode_status *status, struct sv_err *err)
{
	struct sv_vn vn;
	int rc = sv_vn_init(&vn, drv, vnet, name, err);

	return rc ?: read_status(&vn, read, arg, status, err);
}

struct listing {
	sv_vn_read_fn *read;
	void *arg;
	int rc; /* the first that went wrong */
	struct sv_err *err;
	struct sv_vnode_status *status;
	size_t n;
};

static int list_one(void *arg, const struct sv_vn *vn)
{
	struct listing *l = arg;
	struct sv_vnode_status *more = reallocarray(l->status, l->n + 1, sizeof(*more));
	int rc;

	if (!more)
		return sv_err_set(l->err, -ENOMEM, "out of memory");
	l->status = more;
	rc = read_status(vn, l->read, l->arg, &more[l->n++], l->rc ? NULL : l->err);
	l->rc = l->rc ?: rc;
	return 0;
}

int sv_vn_list(const struct sv_vnode_driver *drv, sv_vn_read_fn *read, void *arg,
	       struct sv_vnode_status **out, size_t *n, struct sv_err *err)
{
	struct listing l = { .read = read, .arg = arg, .err = err };
	int rc = sv_vn_each(drv, list_one, &l, err);

	*out = l.status;
	*n = l.n;
	return rc ?: l.rc;
}
