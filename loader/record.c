// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

static bool parse(struct sv_record *rec, const char *pin, const char *name)
{
	unsigned int role;
	int end = 0;

	if (sscanf(name, "%u-%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx-%u%n", &rec->ifindex, &rec->mac[0],
		   &rec->mac[1], &rec->mac[2], &rec->mac[3], &rec->mac[4], &rec->mac[5], &role,
		   &end) != 8 ||
	    name[end] || role < SV_ROLE_TRUNK || role >= SV_ROLE__COUNT)
		return false;
	rec->role = role;
	return !sv_pin_path(rec->path, sizeof(rec->path), pin, "ports/%s", name);
}

static int cmp(const void *a, const void *b)
{
	const struct sv_record *x = a, *y = b;

	return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

static int grow(struct sv_record **recs, size_t n)
{
	struct sv_record *more;

	if (n & (n - 1)) /* only at powers of two */
		return 0;
	more = realloc(*recs, (n ? 2 * n : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*recs = more;
	return 0;
}

int sv_record_list(const char *pin, struct sv_record **out, size_t *n, struct sv_err *err)
{
	_cleanup_free_ struct sv_record *recs = NULL;
	char path[PATH_MAX];
	struct dirent *de;
	size_t count = 0;
	int rc = 0;
	DIR *dir;

	*out = NULL;
	*n = 0;
	if (sv_pin_path(path, sizeof(path), pin, "ports"))
		return sv_err_set(err, -ENAMETOOLONG, "the pin folder's name is too long");
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0
				       : sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	while (!rc && (de = readdir(dir))) {
		rc = grow(&recs, count);
		if (!rc && parse(&recs[count], pin, de->d_name))
			count++;
	}
	closedir(dir);
	if (rc)
		return sv_err_set(err, rc, "out of memory");
	qsort(recs, count, sizeof(*recs), cmp);
	*out = TAKE_PTR(recs);
	*n = count;
	return 0;
}

int sv_record_path(char *buf, size_t size, const struct sv_record *rec, const char *what,
		   struct sv_err *err)
{
	int rc = sv_pin_path(buf, size, rec->path, "%s", what);

	return rc ? sv_err_set(err, rc, "the pin folder's name is too long") : 0;
}

bool sv_record_has(const struct sv_record *rec, const char *what)
{
	char path[PATH_MAX];

	return !sv_record_path(path, sizeof(path), rec, what, NULL) && sv_pin_exists(path);
}

/* 1 the link's device is there, 0 it is gone, -1 there is no such link. */
static int link_state(const struct sv_record *rec, const char *what, bool tcx)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (sv_record_path(path, sizeof(path), rec, what, NULL))
		return -1;
	fd = sv_pin_get(path);
	return fd < 0 ? -1 : !!sv_link_ifindex(fd, tcx);
}

bool sv_record_alive(const struct sv_record *rec, struct sv_netdev *dev)
{
	int state = link_state(rec, "tc", true);

	if (state < 0)
		state = link_state(rec, "xdp", false);
	if (!state || sv_netdev_get(dev, rec->ifindex))
		return false;
	/* A link, or our filter, knows its device even when the MAC address was changed. */
	return state > 0 || !memcmp(dev->mac, rec->mac, sizeof(rec->mac)) ||
	       (sv_record_has(rec, "clsact") && sv_tc_has_filter(rec->ifindex));
}
