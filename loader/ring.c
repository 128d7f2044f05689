// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

#define RING_BYTES ((size_t)SV_TAP_SLOTS * SV_TAP_SLOT)

/* CPUs beyond SV_TAP_CPUS have none; what they would record is counted as SHED_NO_RING. */
static int ring_cpus(void)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus < SV_TAP_CPUS ? cpus : SV_TAP_CPUS;
}

static __u32 number_of(__u16 tap, int cpu)
{
	return (__u32)tap * SV_TAP_CPUS + cpu;
}

static bool has_ring(struct sv_plane *plane, __u32 number)
{
	__u32 id;

	return !bpf_map_lookup_elem(plane->map[SV_MAP_TAP], &number, &id);
}

struct rings {
	size_t n;
	__u32 number[SV_TAP_CPUS];
	int fd[SV_TAP_CPUS];
};

static void rings_close(struct rings *rings)
{
	for (size_t i = 0; i < rings->n; i++)
		close(rings->fd[i]);
}

static int new_ring(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sv_ring", 4, SV_TAP_SLOT, SV_TAP_SLOTS, &opts);

	return fd < 0 ? -errno : fd;
}

static int make_rings(struct sv_plane *plane, struct rings *rings, __u16 tap, bool all,
		      struct sv_err *err)
{
	int cpus = ring_cpus(), fd;

	for (int cpu = 0; cpu < cpus; cpu++) {
		if (!all && has_ring(plane, number_of(tap, cpu)))
			continue;
		fd = new_ring();
		if (fd < 0)
			return sv_err_set(err, fd,
					  "cannot make %d rings of %zu KiB, one a CPU, %zu KiB in "
					  "all: %s",
					  cpus, RING_BYTES >> 10, cpus * RING_BYTES >> 10,
					  strerror(-fd));
		rings->number[rings->n] = number_of(tap, cpu);
		rings->fd[rings->n++] = fd;
	}
	return 0;
}

int sv_ring_make(struct sv_plane *plane, __u16 tap, bool all, struct sv_err *err)
{
	_cleanup_free_ struct sv_tap_ctl *none = calloc(SV_TAP_CPUS, sizeof(*none));
	_cleanup_(rings_close) struct rings rings = {};
	int rc = none ? make_rings(plane, &rings, tap, all, err)
		      : sv_err_set(err, -ENOMEM, "out of memory");

	if (rc || !rings.n)
		return rc;
	rc = sv_map_batch(plane, SV_MAP_TAP_CTL, rings.number, none, rings.n, err);
	return rc ?: sv_map_batch(plane, SV_MAP_TAP, rings.number, rings.fd, rings.n, err);
}

/* One by one: the kernel has no batch for it, and another map in its place would be a ring. */
int sv_ring_drop(struct sv_plane *plane, __u16 tap, struct sv_err *err)
{
	int cpus = ring_cpus(), rc = 0;

	for (int cpu = 0; cpu < cpus && !rc; cpu++) {
		__u32 number = number_of(tap, cpu);

		if (has_ring(plane, number))
			rc = sv_map_del(plane, SV_MAP_TAP, &number, err);
	}
	return rc;
}
