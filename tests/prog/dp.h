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
#include "maps/cpu.h"
#include "maps/event.h"
#include "maps/fanout.h"
#include "maps/fdb.h"
#include "maps/filter.h"
#include "maps/gate.h"
#include "maps/neigh.h"
#include "maps/port.h"
#include "maps/session.h"
#include "maps/tap.h"

#include <linux/pkt_cls.h>
#include <sys/mman.h>
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

#define DP_INSN(c, d, s, o, i)                                                                     \
	((struct bpf_insn){ .code = c, .dst_reg = d, .src_reg = s, .off = o, .imm = i })

/*
 * A program as the filter compiler would make it, but for what it decides: these sessions match,
 * whatever the frame is.
 */
static inline int dp_filter_load(struct dp *dp, bool xdp, uint32_t matched)
{
	int progs = xdp ? DP_TABLE(dp, sv_filter_xdp) : bpf_map__fd(dp->tc->maps.sv_filter_tc);
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_flags = xdp ? BPF_F_XDP_HAS_FRAGS : 0,
		    .expected_attach_type = xdp ? BPF_XDP : 0);
	struct bpf_insn code[] = {
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		DP_INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		DP_INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		DP_INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0,
			DP_TABLE(dp, sv_scratch)),
		DP_INSN(0, 0, 0, 0, 0),
		DP_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		DP_INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 6, 0),
		DP_INSN(BPF_ST | BPF_MEM | BPF_W, 0, 0, offsetof(struct sv_view, matched), matched),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
		DP_INSN(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_MAP_FD, 0, progs),
		DP_INSN(0, 0, 0, 0, 0),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0),
		DP_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 99),
		DP_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	int fd = bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "lab_filter",
			       "GPL", code, sizeof(code) / sizeof(code[0]), &opts);

	lab_must(fd >= 0, "a filter");
	return fd;
}

/* The delivery stage, where every filter goes on. */
static inline void dp_stage(struct dp *dp)
{
	int xdp = bpf_program__fd(dp->xdp->progs.sv_xdp_deliver), zero = 0;
	int tc = bpf_program__fd(dp->tc->progs.sv_tc_deliver);

	dp_set(DP_TABLE(dp, sv_filter_xdp), &zero, &xdp);
	dp_set(bpf_map__fd(dp->tc->maps.sv_filter_tc), &zero, &tc);
}

/* Puts a filter in a slot, for both hooks. */
static inline void dp_filter(struct dp *dp, uint32_t slot, uint32_t matched)
{
	int xdp = dp_filter_load(dp, true, matched), tc = dp_filter_load(dp, false, matched);

	dp_set(DP_TABLE(dp, sv_filter_xdp), &slot, &xdp);
	dp_set(bpf_map__fd(dp->tc->maps.sv_filter_tc), &slot, &tc);
	close(xdp);
	close(tc);
}

static inline void dp_filter_none(struct dp *dp, uint32_t slot)
{
	bpf_map_delete_elem(DP_TABLE(dp, sv_filter_xdp), &slot);
	bpf_map_delete_elem(bpf_map__fd(dp->tc->maps.sv_filter_tc), &slot);
}

/* The ring of a tap on one CPU, mapped twice in a row as a reader does it. */
struct dp_ring {
	uint32_t number;
	int map;
	uint8_t *slots;
};

static inline void dp_ring_put(struct dp *dp, const struct dp_ring *r)
{
	dp_set(DP_TABLE(dp, sv_tap), &r->number, &r->map);
}

static inline void dp_ring_take(struct dp *dp, const struct dp_ring *r)
{
	lab_must(!bpf_map_delete_elem(DP_TABLE(dp, sv_tap), &r->number), "ring");
}

static inline struct dp_ring dp_ring_make(struct dp *dp, uint32_t tap, uint32_t cpu)
{
	size_t size = (size_t)SV_TAP_SLOTS * SV_TAP_SLOT;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct dp_ring r = {
		.number = tap * SV_TAP_CPUS + cpu,
		.map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lab_ring", 4, SV_TAP_SLOT, SV_TAP_SLOTS,
				      &opts),
	};

	lab_must(r.map >= 0, "a ring");
	r.slots = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	lab_must(r.slots != MAP_FAILED, "mmap");
	for (int i = 0; i < 2; i++)
		lab_must(mmap(r.slots + i * size, size, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, r.map, 0) != MAP_FAILED,
			 "mmap");
	dp_ring_put(dp, &r);
	return r;
}

static inline struct sv_tap_ctl dp_ring_ctl(struct dp *dp, const struct dp_ring *r)
{
	struct sv_tap_ctl ctl;

	lab_must(!bpf_map_lookup_elem(DP_TABLE(dp, sv_tap_ctl), &r->number, &ctl), "sv_tap_ctl");
	return ctl;
}

/* Both ends at one place: empty. Or with `used` slots that nobody reads. */
static inline void dp_ring_reset(struct dp *dp, const struct dp_ring *r, uint64_t head,
				 uint64_t used)
{
	struct sv_tap_ctl ctl = { .head = head, .tail = head - used };

	dp_set(DP_TABLE(dp, sv_tap_ctl), &r->number, &ctl);
}

static inline const struct sv_tap_rec *dp_ring_at(const struct dp_ring *r, uint64_t slot)
{
	return (const void *)(r->slots + slot % SV_TAP_SLOTS * SV_TAP_SLOT);
}

/* Puts a tag beside a frame of a test run, where the kernel puts it before TC. */
struct dp_wrap {
	int prog, args, next;
};

/* skb_vlan_push(args >> 16, args & 0xffff), then the program in slot 0 of next. */
static inline struct dp_wrap dp_wrap_make(void)
{
	struct dp_wrap w = {
		.args = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lab_args", 4, 4, 1, NULL),
		.next = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "lab_next", 4, 4, 1, NULL),
	};
	struct bpf_insn code[] = {
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		DP_INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		DP_INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		DP_INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, w.args),
		DP_INSN(0, 0, 0, 0, 0),
		DP_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		DP_INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 11, 0),
		DP_INSN(BPF_LDX | BPF_MEM | BPF_H, 3, 0, 0, 0),
		DP_INSN(BPF_LDX | BPF_MEM | BPF_H, 2, 0, 2, 0),
		DP_INSN(BPF_ALU | BPF_END | BPF_TO_BE, 2, 0, 0, 16),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
		DP_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_vlan_push),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
		DP_INSN(BPF_LD | BPF_DW | BPF_IMM, 2, BPF_PSEUDO_MAP_FD, 0, w.next),
		DP_INSN(0, 0, 0, 0, 0),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0),
		DP_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
		DP_INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 99),
		DP_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	lab_must(w.args >= 0 && w.next >= 0, "maps");
	w.prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "lab_wrap", "GPL", code,
			       sizeof(code) / sizeof(code[0]), NULL);
	lab_must(w.prog >= 0, "the wrapper");
	return w;
}

/* Takes the outer tag out of the bytes; what is returned puts it beside the frame, then
 * runs prog. */
static inline int dp_wrap_tag(const struct dp_wrap *w, uint8_t *bytes, uint32_t *len, int prog)
{
	uint32_t zero = 0, tag = bytes[12] << 24 | bytes[13] << 16 | bytes[14] << 8 | bytes[15];

	*len -= 4;
	memmove(bytes + 12, bytes + 16, *len - 12);
	dp_set(w->args, &zero, &tag);
	dp_set(w->next, &zero, &prog);
	return w->prog;
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
