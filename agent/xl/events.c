/* SPDX-License-Identifier: GPL-2.0-only */
/* That something has happened to a domain; what it was is for list to say. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <xenstore.h>

#include "xl.h"

static int watch(struct xs_handle *xs)
{
	unsigned int n;
	char **what = xs_read_watch(xs, &n);

	if (!what)
		return -EIO;
	free(what);
	return 0;
}

int sv_xl_events(void)
{
	struct xs_handle *xs = xs_open(0);
	int rc = 0;

	if (!xs) {
		fprintf(stderr, "xenstore: %s\n", strerror(errno));
		return 1;
	}
	if (!xs_watch(xs, "@releaseDomain", "svnet") || !xs_watch(xs, "@introduceDomain", "svnet"))
		rc = -EIO;
	while (!rc) {
		/* The pipe's reader gone, there is nobody to tell. */
		struct pollfd p[2] = { { .fd = xs_fileno(xs), .events = POLLIN }, { .fd = 1 } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			rc = -errno;
		else if (p[1].revents)
			break;
		else if (p[0].revents)
			rc = watch(xs) ?: write(1, "domain\n", 7) == 7 ? 0 : -EPIPE;
	}
	xs_close(xs);
	return rc ? 1 : 0;
}
