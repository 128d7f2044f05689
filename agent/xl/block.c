/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk for blkback: a block device as it is, a file by way of a loop device. Needs no udev: the
 * kernel's devtmpfs has the nodes, and where it has not, they are made.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "xl.h"

enum { LOOP_MAJOR_NUMBER = 7, TRIES = 32 };

static int open_loop(int number, char path[32])
{
	int fd;

	snprintf(path, 32, "/dev/loop%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT &&
	    !mknod(path, S_IFBLK | 0600, makedev(LOOP_MAJOR_NUMBER, number)))
		fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * Somebody else may take the free one first. Its name is in xenstore before it has the file:
 * whoever is killed in between leaves none that nobody knows of.
 */
static int attach_loop(const char *xenbus, const char *params, int file, bool readonly,
		       char path[32])
{
	struct loop_config config = { .fd = file };
	int i, number, fd, rc = -EBUSY;
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -errno;
	config.info.lo_flags = readonly ? LO_FLAGS_READ_ONLY : 0;
	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", params);
	for (i = 0; i < TRIES && rc == -EBUSY; i++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		fd = number < 0 ? -errno : open_loop(number, path);
		if (fd < 0)
			return fd;
		rc = sv_xl_xenstore_write(xenbus, "node", path);
		if (!rc && ioctl(fd, LOOP_CONFIGURE, &config))
			rc = -errno;
		close(fd);
	}
	return rc;
}

static int publish(const char *xenbus, const char *node)
{
	char number[32];
	struct stat st;
	int rc;

	if (stat(node, &st))
		return -errno;
	snprintf(number, sizeof(number), "%x:%x", major(st.st_rdev), minor(st.st_rdev));
	rc = sv_xl_xenstore_write(xenbus, "node", node);
	rc = rc ?: sv_xl_xenstore_write(xenbus, "physical-device-path", node);
	/* blkback opens the device when it sees this. */
	rc = rc ?: sv_xl_xenstore_write(xenbus, "physical-device", number);
	return rc ?: sv_xl_xenstore_write(xenbus, "hotplug-status", "connected");
}

static int block_add(const char *xenbus)
{
	_cleanup_free_ char *params = sv_xl_xenstore_read(xenbus, "params");
	_cleanup_free_ char *mode = sv_xl_xenstore_read(xenbus, "mode");
	bool readonly = mode && mode[0] == 'r';
	_cleanup_close_ int file = -1;
	char loop[32];
	struct stat st;
	int rc;

	if (!params)
		return -EINVAL;
	file = open(params, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file < 0 || fstat(file, &st))
		return -errno;
	if (S_ISBLK(st.st_mode))
		return publish(xenbus, params);
	rc = attach_loop(xenbus, params, file, readonly, loop);
	return rc ?: publish(xenbus, loop);
}

/* Since its name was written down another may have taken it. */
static bool has_file(int loop, const char *params)
{
	struct loop_info64 info;
	struct stat st;

	if (ioctl(loop, LOOP_GET_STATUS64, &info))
		return false;
	return !params || stat(params, &st) ||
	       (info.lo_device == st.st_dev && info.lo_inode == st.st_ino);
}

static int block_remove(const char *xenbus)
{
	_cleanup_free_ char *params = sv_xl_xenstore_read(xenbus, "params");
	_cleanup_free_ char *node = sv_xl_xenstore_read(xenbus, "node");
	_cleanup_close_ int fd = -1;

	if (!node || strncmp(node, "/dev/loop", 9))
		return 0;
	fd = open(node, O_RDWR | O_CLOEXEC);
	/* Still open elsewhere, it goes when that ends. */
	if (fd >= 0 && has_file(fd, params) && ioctl(fd, LOOP_CLR_FD) && errno != ENXIO)
		return -errno;
	return 0;
}

int sv_xl_block(const char *action, const char *xenbus)
{
	return !strcmp(action, "add") ? block_add(xenbus) : block_remove(xenbus);
}
