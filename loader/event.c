// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

static int on_sample(void *arg, void *data, size_t size)
{
	struct sv_plane *plane = arg;

	if (size >= sizeof(struct sv_event) && plane->event_fn)
		plane->event_fn(plane->event_arg, data);
	return 0;
}

static int open_ring(struct sv_plane *plane, struct sv_err *err)
{
	if (!plane->ring)
		plane->ring = ring_buffer__new(plane->map[SV_MAP_EVENT], on_sample, plane, NULL);
	if (!plane->ring)
		return sv_err_set(err, -errno, "cannot open the event ring: %s", strerror(errno));
	return 0;
}

int sv_event_fd(struct sv_plane *plane, struct sv_err *err)
{
	int rc = open_ring(plane, err);

	return rc ?: ring_buffer__epoll_fd(plane->ring);
}

int sv_event_read(struct sv_plane *plane, void (*fn)(void *arg, const struct sv_event *event),
		  void *arg, struct sv_err *err)
{
	int rc = open_ring(plane, err);

	if (rc)
		return rc;
	plane->event_fn = fn;
	plane->event_arg = arg;
	rc = ring_buffer__consume(plane->ring);
	plane->event_fn = NULL;
	return rc < 0 ? sv_err_set(err, rc, "cannot read events: %s", strerror(-rc)) : rc;
}
