// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "drivers.h"
#include "loader/cleanup.h"

/*
 * DIR/document.json	{"revision": N, "doc": {…}}
 * DIR/hosts/HOST.json	a host's report
 * DIR/lock		held (flock) from the read to the write of a compare-and-swap
 *
 * Files are only ever replaced by rename, so a reader needs no lock.
 */
struct file_store {
	int dir, hosts, lock, watch;
	char where[PATH_MAX];
};

static void cleanup_json(cJSON **json)
{
	cJSON_Delete(*json);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static void cleanup_unlock(int **fd)
{
	if (*fd)
		flock(**fd, LOCK_UN);
}

static int make_folders(const char *where)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s", where) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		if (mkdir(path, 0755) && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(path, 0750) && errno != EEXIST ? -errno : 0;
}

static int open_folders(struct file_store *fs)
{
	fs->dir = open(fs->where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs->dir < 0)
		return -errno;
	if (mkdirat(fs->dir, "hosts", 0750) && errno != EEXIST)
		return -errno;
	fs->hosts = openat(fs->dir, "hosts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs->hosts < 0)
		return -errno;
	fs->lock = openat(fs->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	return fs->lock < 0 ? -errno : 0;
}

static int open_watch(struct file_store *fs)
{
	char hosts[PATH_MAX + 8];

	fs->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fs->watch < 0)
		return -errno;
	snprintf(hosts, sizeof(hosts), "%s/hosts", fs->where);
	if (inotify_add_watch(fs->watch, fs->where, IN_MOVED_TO) < 0 ||
	    inotify_add_watch(fs->watch, hosts, IN_MOVED_TO | IN_DELETE) < 0)
		return -errno;
	return 0;
}

static void file_close(struct sv_store *store)
{
	struct file_store *fs = store->priv;

	if (!fs)
		return;
	sv_cleanup_fd(&fs->dir);
	sv_cleanup_fd(&fs->hosts);
	sv_cleanup_fd(&fs->lock);
	sv_cleanup_fd(&fs->watch);
	free(fs);
	store->priv = NULL;
}

static int file_open(struct sv_store *store, const char *where, struct sv_err *err)
{
	struct file_store *fs = calloc(1, sizeof(*fs));
	int rc;

	if (!fs)
		return -ENOMEM;
	fs->dir = fs->hosts = fs->lock = fs->watch = -1;
	snprintf(fs->where, sizeof(fs->where), "%s", where);
	store->priv = fs;
	rc = make_folders(where);
	if (!rc)
		rc = open_folders(fs);
	if (!rc)
		rc = open_watch(fs);
	if (rc) {
		file_close(store);
		return sv_err_set(err, rc, "store folder %s: %s", where, strerror(-rc));
	}
	return 0;
}

/* -ENOENT: no such file. -EBADMSG: not JSON. */
static int read_json(int dir, const char *name, cJSON **out)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	size_t len = 0;

	fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	text = malloc(st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + len, st.st_size - len);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += n;
	}
	text[len] = 0;
	*out = cJSON_ParseWithOpts(text, NULL, 1);
	return *out ? 0 : -EBADMSG;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= n;
	}
	return 0;
}

/* The folder is synced too: a change that was acknowledged is there after a power cut. */
static int write_json(int dir, const char *name, const cJSON *json)
{
	_cleanup_free_ char *text = cJSON_Print(json);
	_cleanup_close_ int fd = -1;
	char tmp[NAME_MAX];
	int rc;

	if (!text)
		return -ENOMEM;
	snprintf(tmp, sizeof(tmp), ".%s.%d", name, getpid());
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, text, strlen(text));
	if (!rc && fsync(fd))
		rc = -errno;
	if (!rc && renameat(dir, tmp, dir, name))
		rc = -errno;
	if (rc)
		unlinkat(dir, tmp, 0);
	else
		fsync(dir);
	return rc;
}

static int file_get(struct sv_store *store, cJSON **doc, uint64_t *revision, struct sv_err *err)
{
	struct file_store *fs = store->priv;
	_cleanup_json_ cJSON *file = NULL;
	cJSON *number, *inner;
	int rc;

	rc = read_json(fs->dir, "document.json", &file);
	if (rc == -ENOENT) {
		*doc = cJSON_CreateObject();
		*revision = 0;
		return *doc ? 0 : -ENOMEM;
	}
	number = cJSON_GetObjectItemCaseSensitive(file, "revision");
	inner = cJSON_GetObjectItemCaseSensitive(file, "doc");
	if (!rc && (!cJSON_IsNumber(number) || !cJSON_IsObject(inner)))
		rc = -EBADMSG;
	if (rc)
		return sv_err_set(err, rc, "%s/document.json: %s", fs->where,
				  rc == -EBADMSG ? "damaged, restore it from a copy"
						 : strerror(-rc));
	*revision = number->valuedouble;
	*doc = cJSON_DetachItemViaPointer(file, inner);
	return 0;
}

static int put_locked(struct file_store *fs, const cJSON *doc, uint64_t revision)
{
	_cleanup_json_ cJSON *file = cJSON_CreateObject();

	/* By reference: the caller keeps its document, cJSON_Delete() leaves it alone. */
	if (!file || !cJSON_AddNumberToObject(file, "revision", revision) ||
	    !cJSON_AddItemReferenceToObject(file, "doc", (cJSON *)doc))
		return -ENOMEM;
	return write_json(fs->dir, "document.json", file);
}

static int file_put(struct sv_store *store, const cJSON *doc, uint64_t expected, uint64_t *revision,
		    struct sv_err *err)
{
	struct file_store *fs = store->priv;
	_cleanup_(cleanup_unlock) int *lock = NULL;
	_cleanup_json_ cJSON *current = NULL;
	uint64_t now;
	int rc;

	if (flock(fs->lock, LOCK_EX))
		return sv_err_set(err, -errno, "%s/lock: %s", fs->where, strerror(errno));
	lock = &fs->lock;
	rc = file_get(store, &current, &now, err);
	if (rc)
		return rc;
	if (now != expected)
		return sv_err_set(err, -ESTALE,
				  "the network was changed meanwhile (revision %llu, not %llu): "
				  "look at it, and try again",
				  (unsigned long long)now, (unsigned long long)expected);
	rc = put_locked(fs, doc, now + 1);
	if (rc)
		return sv_err_set(err, rc, "%s/document.json: %s", fs->where, strerror(-rc));
	*revision = now + 1;
	return 0;
}

static int file_report(struct sv_store *store, const char *host, const cJSON *report,
		       struct sv_err *err)
{
	struct file_store *fs = store->priv;
	char name[NAME_MAX];
	int rc;

	snprintf(name, sizeof(name), "%s.json", host);
	rc = write_json(fs->hosts, name, report);
	if (rc)
		return sv_err_set(err, rc, "%s/hosts/%s: %s", fs->where, name, strerror(-rc));
	return 0;
}

static int add_report(struct file_store *fs, const char *file, cJSON *all)
{
	size_t len = strlen(file);
	cJSON *report = NULL;
	char host[NAME_MAX];
	int rc;

	if (*file == '.' || len < 6 || strcmp(file + len - 5, ".json"))
		return 0;
	snprintf(host, sizeof(host), "%.*s", (int)(len - 5), file);
	rc = read_json(fs->hosts, file, &report);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return cJSON_AddItemToObject(all, host, report) ? 0 : -ENOMEM;
}

static int file_reports(struct sv_store *store, cJSON **reports, struct sv_err *err)
{
	struct file_store *fs = store->priv;
	_cleanup_(cleanup_dir) DIR *dir = NULL;
	_cleanup_json_ cJSON *all = cJSON_CreateObject();
	struct dirent *entry;
	int fd, rc;

	fd = openat(fs->hosts, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir || !all)
		return sv_err_set(err, -errno, "%s/hosts: %s", fs->where, strerror(errno));
	while ((entry = readdir(dir))) {
		rc = add_report(fs, entry->d_name, all);
		if (rc)
			return sv_err_set(err, rc, "%s/hosts/%s: %s", fs->where, entry->d_name,
					  strerror(-rc));
	}
	*reports = TAKE_PTR(all);
	return 0;
}

static int file_watch_fd(struct sv_store *store)
{
	return ((struct file_store *)store->priv)->watch;
}

static void file_watch_drain(struct sv_store *store)
{
	char buf[4096] __attribute__((aligned(8)));

	while (read(file_watch_fd(store), buf, sizeof(buf)) > 0)
		;
}

const struct sv_store_ops sv_store_file = {
	.scheme = "file",
	.open = file_open,
	.close = file_close,
	.get = file_get,
	.put = file_put,
	.report = file_report,
	.reports = file_reports,
	.watch_fd = file_watch_fd,
	.watch_drain = file_watch_drain,
};
