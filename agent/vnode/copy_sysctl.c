/* SPDX-License-Identifier: GPL-2.0-only */
/* /proc/sys/net of one namespace to another: what differs. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "copy.h"

struct setting {
	char *path, *value;
};

/* nftw() has no argument for its caller's. */
static __thread struct settings {
	struct setting *s;
	size_t n;
	int rc;
} * reading;

static void settings_fini(struct settings *settings)
{
	size_t i;

	for (i = 0; i < settings->n; i++) {
		free(settings->s[i].path);
		free(settings->s[i].value);
	}
	free(settings->s);
}

/* A clone never asks whether its addresses are free, whatever its original does. */
static bool left_alone(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return !strcmp(name, "accept_dad") || !strcmp(name, "dad_transmits");
}

static int on_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct setting *more;
	char *value;

	(void)ftw;
	if (type != FTW_F || !(st->st_mode & 0200) || !(st->st_mode & 0400) || left_alone(path))
		return 0;
	value = sv_file_read(path);
	if (!value)
		return 0;
	more = realloc(reading->s, (reading->n + 1) * sizeof(*more));
	if (more)
		reading->s = more;
	if (!more || !(more[reading->n].path = strdup(path))) {
		free(value);
		reading->rc = -ENOMEM;
		return 1;
	}
	more[reading->n++].value = value;
	return 0;
}

/* Those that set others come first: forwarding, then `all`, then `default`, then the
 * interfaces'. */
static int rank(const char *path)
{
	if (strstr(path, "/ip_forward") || strstr(path, "/all/forwarding"))
		return 0;
	return strstr(path, "/all/") ? 1 : strstr(path, "/default/") ? 2 : 3;
}

static int by_rank(const void *a, const void *b)
{
	const struct setting *x = a, *y = b;
	int order = rank(x->path) - rank(y->path);

	return order ?: strcmp(x->path, y->path);
}

static int read_settings(int netns, struct settings *settings)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	int rc = sv_ns_enter(&guard, netns);

	if (rc)
		return rc;
	reading = settings;
	if (nftw("/proc/sys/net", on_file, 16, FTW_PHYS) < 0)
		settings->rc = -errno;
	reading = NULL;
	qsort(settings->s, settings->n, sizeof(*settings->s), by_rank);
	return settings->rc;
}

/* 0: it is equal now, 1: it was written, -errno. In the target's namespace. */
static int bring(const struct setting *setting)
{
	_cleanup_free_ char *is = sv_file_read(setting->path);
	_cleanup_close_ int fd = -1;
	size_t len = strlen(setting->value);

	/* Of an interface that the clone does not have. */
	if (!is || !strcmp(is, setting->value))
		return 0;
	fd = open(setting->path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, setting->value, len) < 0 ? -errno : 1;
}

static int write_settings(struct sv_copy *copy, const struct settings *settings, bool last)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	int rc = sv_ns_enter(&guard, copy->to_ns), one;
	size_t i;

	if (rc)
		return rc;
	for (i = 0; i < settings->n; i++) {
		one = bring(&settings->s[i]);
		if (one < 0 && last)
			sv_copy_not(copy, "sysctl %s: %s", settings->s[i].path + 10,
				    strerror(-one));
	}
	return 0;
}

int sv_copy_sysctls(struct sv_copy *copy, struct sv_err *err)
{
	_cleanup_(settings_fini) struct settings settings = { 0 };
	int rc = read_settings(copy->from_ns, &settings);

	/* Twice: writing one may change another. */
	rc = rc ?: write_settings(copy, &settings, false);
	rc = rc ?: write_settings(copy, &settings, true);
	return rc ? sv_err_set(err, rc, "copying sysctls: %s", strerror(-rc)) : 0;
}
