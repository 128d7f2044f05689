/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "netns.h"

int sv_sysctl_path(const char *name, size_t len, char *path, size_t size)
{
	static const char root[] = "/proc/sys/";
	size_t i, at = sizeof(root) - 1;

	while (len && name[len - 1] == ' ')
		len--;
	if (len < 5 || (strncmp(name, "net.", 4) && strncmp(name, "net/", 4)) || at + len >= size)
		return -EINVAL;
	memcpy(path, root, at);
	/* Written with slashes, "net/ipv4/conf/eth0.5/x", it is a path already. */
	if (name[3] == '/')
		memcpy(path + at, name, len);
	else
		for (i = 0; i < len; i++)
			path[at + i] = name[i] == '.' ? '/' : name[i] == '/' ? '.' : name[i];
	path[at + len] = 0;
	return strstr(path, "/../") || strstr(path, "//") ? -EINVAL : 0;
}

static int write_value(int netns, const char *path, const char *value)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	_cleanup_close_ int fd = -1;
	size_t len = strlen(value);
	int rc = sv_ns_enter(&guard, netns);

	if (rc)
		return rc;
	/* /proc/sys/net is that of the thread which opens it. */
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, value, len) == (ssize_t)len ? 0 : -errno;
}

int sv_sysctl_write(int netns, const char *assignment, struct sv_err *err)
{
	size_t len = strcspn(assignment, "=");
	char path[256];
	int rc;

	if (!assignment[len] || sv_sysctl_path(assignment, len, path, sizeof(path)))
		return sv_err_set(err, -EINVAL, "sysctl \"%s\": net.NAME=VALUE is wanted",
				  assignment);
	rc = write_value(netns, path, assignment + len + 1 + strspn(assignment + len + 1, " "));
	if (rc)
		return sv_err_set(err, rc, "sysctl \"%s\": %s", assignment, strerror(-rc));
	return 0;
}

char *sv_sysctl_read(int netns, const char *assignment)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	char path[256], *value;

	if (sv_sysctl_path(assignment, strcspn(assignment, "="), path, sizeof(path)) ||
	    sv_ns_enter(&guard, netns))
		return NULL;
	value = sv_file_read(path);
	if (value)
		value[strcspn(value, "\n")] = 0;
	return value;
}

void sv_sysctl_try(int netns, const char *path, const char *value)
{
	write_value(netns, path, value);
}
