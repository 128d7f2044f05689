/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bpf/stolen.skel.h"
#include "bench/bpf/stolen_row.h"
#include "bench/lib/stolen.h"
#include "loader/cleanup.h"

#define TOLD_AFTER_US 10000

int stolen_open(struct stolen *s)
{
	s->skel = sv_stolen__open_and_load();
	return s->skel ? sv_stolen__attach(s->skel) : -errno;
}

void stolen_close(struct stolen *s)
{
	sv_stolen__destroy(s->skel);
	s->skel = NULL;
}

int stolen_read(const struct stolen *s, __u64 *ns, __u64 cpus)
{
	_cleanup_close_ int fd = -1;
	struct stolen_row row;
	__u64 rows = 0;
	ssize_t n;

	usleep(TOLD_AFTER_US);
	fd = bpf_iter_create(bpf_link__fd(s->skel->links.stolen));
	if (fd < 0)
		return fd;
	memset(ns, 0, cpus * sizeof(*ns));
	while ((n = read(fd, &row, sizeof(row))) == sizeof(row)) {
		if (row.cpu < cpus)
			ns[row.cpu] = row.ns;
		rows++;
	}
	return n ? -EIO : rows ? 0 : -ENOENT;
}
