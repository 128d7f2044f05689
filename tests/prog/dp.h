/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_PROG_DP_H
#define SV_TESTS_PROG_DP_H

/* The shipped objects with their maps shared, without the loader: tables are written by hand. */
#include "bpf/devmap.skel.h"
#include "bpf/tc.skel.h"
#include "bpf/trace.skel.h"
#include "bpf/xdp.skel.h"
#include "lab.h"
#include "maps/attach.h"
#include "maps/count.h"
#include "maps/event.h"
#include "maps/fanout.h"
#include "maps/fdb.h"
#include "maps/gate.h"
#include "maps/neigh.h"
#include "maps/port.h"
#include "maps/session.h"

#include <linux/pkt_cls.h>
#include <sys/stat.h>

struct dp {
	struct sv_devmap *devmap;
	struct sv_xdp *xdp;
	struct sv_tc *tc;
	struct sv_trace *trace;
	struct ring_buffer *ring;
	unsigned int n_event;
	struct sv_event event; /* the last one */
};

#define DP_MAP(dp, name) bpf_map__fd((dp)->devmap->maps.name)
#define DP_TABLE(dp, name) bpf_map__fd((dp)->xdp->maps.name) /* sv_neigh, sv_fdb */

static inline void dp_share(struct bpf_object *to, struct bpf_object *from)
{
	struct bpf_map *map, *other;

	bpf_object__for_each_map(map, to)
	{
		other = bpf_object__find_map_by_name(from, bpf_map__name(map));
		if (other && !bpf_map__is_internal(map))
			lab_must(!bpf_map__reuse_fd(map, bpf_map__fd(other)), bpf_map__name(map));
	}
}

static inline int dp_on_event(void *arg, void *data, size_t len)
{
	struct dp *dp = arg;

	assert_int_equal(len, sizeof(struct sv_event));
	memcpy(&dp->event, data, len);
	dp->n_event++;
	return 0;
}

static inline unsigned int dp_events(struct dp *dp)
{
	dp->n_event = 0;
	ring_buffer__consume(dp->ring);
	return dp->n_event;
}

static inline void dp_open(struct dp *dp)
{
	struct stat netns;

	dp->devmap = sv_devmap__open_and_load();
	lab_must(dp->devmap, "devmap.bpf.o");
	dp->xdp = sv_xdp__open();
	lab_must(dp->xdp, "xdp.bpf.o");
	dp_share(dp->xdp->obj, dp->devmap->obj);
	lab_must(!sv_xdp__load(dp->xdp), "xdp.bpf.o");
	dp->tc = sv_tc__open();
	lab_must(dp->tc, "tc.bpf.o");
	dp_share(dp->tc->obj, dp->devmap->obj);
	dp_share(dp->tc->obj, dp->xdp->obj);
	lab_must(!sv_tc__load(dp->tc), "tc.bpf.o");
	dp->trace = sv_trace__open();
	lab_must(dp->trace && !stat("/proc/self/ns/net", &netns), "trace.bpf.o");
	dp->trace->rodata->sv_netns_inum = netns.st_ino;
	dp_share(dp->trace->obj, dp->devmap->obj);
	lab_must(!sv_trace__load(dp->trace), "trace.bpf.o");
	dp->ring = ring_buffer__new(DP_MAP(dp, sv_event), dp_on_event, dp, NULL);
	lab_must(dp->ring, "sv_event");
}

static inline void dp_close(struct dp *dp)
{
	ring_buffer__free(dp->ring);
	sv_trace__destroy(dp->trace);
	sv_tc__destroy(dp->tc);
	sv_xdp__destroy(dp->xdp);
	sv_devmap__destroy(dp->devmap);
}

static inline void dp_set(int map, const void *key, const void *value)
{
	lab_must(!bpf_map_update_elem(map, key, value, BPF_ANY), "map update");
}

static inline void dp_clear_hash(int map)
{
	uint8_t key[64];

	while (!bpf_map_get_next_key(map, NULL, key))
		bpf_map_delete_elem(map, key);
}

/* A fan-out in both its forms: production has the highest key in the devmap. */
static inline void dp_fanout(struct dp *dp, uint32_t number, const struct sv_dests *dests)
{
	uint32_t size = 1;
	int inner;

	dp_set(DP_MAP(dp, sv_dest), &number, dests);
	if (!dests->n) {
		bpf_map_delete_elem(DP_MAP(dp, sv_fanout), &number);
		return;
	}
	while (size < dests->n)
		size *= 2;
	inner = bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "lab_fan", 4, 8, size, NULL);
	lab_must(inner >= 0, "inner devmap");
	for (uint32_t i = 0; i < dests->n; i++) {
		uint32_t key = dests->n - 1 - i;
		struct bpf_devmap_val val = { .ifindex = dests->dest[i].ifindex,
					      .bpf_prog.fd = -1 };

		if (dests->dest[i].flags & SV_DEST_GUARDED)
			val.bpf_prog.fd = bpf_program__fd(dp->devmap->progs.sv_egress);
		/* A device that is gone cannot be in a devmap; it is then a missing key. */
		if (bpf_map_update_elem(inner, &key, &val, BPF_ANY))
			lab_must(errno == EINVAL, "devmap entry");
	}
	dp_set(DP_MAP(dp, sv_fanout), &number, &inner);
	close(inner);
}

static inline void dp_gate(struct dp *dp, uint32_t slot, uint64_t word)
{
	dp_set(DP_MAP(dp, sv_gate), &slot, &word);
}

static inline void dp_sum(int map, const void *key, void *sum, size_t size)
{
	int cpus = libbpf_num_possible_cpus();
	__u64 *all = calloc(cpus, size), *out = sum; /* as the structs have it: aliasing */

	memset(sum, 0, size);
	if (!bpf_map_lookup_elem(map, key, all)) {
		for (size_t i = 0; i < cpus * size / 8; i++)
			out[i % (size / 8)] += all[i];
	}
	free(all);
}

static inline void dp_zero(int map, const void *key, size_t size)
{
	void *all = calloc(libbpf_num_possible_cpus(), size);

	dp_set(map, key, all);
	free(all);
}

static inline struct sv_count dp_count(struct dp *dp, uint32_t attach)
{
	struct sv_count c;

	dp_sum(DP_MAP(dp, sv_count), &attach, &c, sizeof(c));
	return c;
}

static inline struct sv_scount dp_scount(struct dp *dp, uint32_t session)
{
	struct sv_scount c;

	dp_sum(DP_MAP(dp, sv_scount), &session, &c, sizeof(c));
	return c;
}

static inline struct sv_dcount dp_dcount(struct dp *dp, uint32_t ifindex)
{
	struct sv_dcount c;

	dp_sum(DP_MAP(dp, sv_dcount), &ifindex, &c, sizeof(c));
	return c;
}

/* Live TC ingress on one device, by clsact: every kernel has it. */
static inline void dp_tc_attach(uint32_t ifindex, int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = 1, .priority = 1,
		    .flags = BPF_TC_F_REPLACE);

	lab_must(!bpf_tc_attach(&hook, &opts), "TC filter");
}

static inline void dp_tc_hook(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);

	lab_must(!bpf_tc_hook_create(&hook), "clsact");
}

#endif
