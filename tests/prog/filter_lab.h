/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_PROG_FILTER_LAB_H
#define SV_TESTS_PROG_FILTER_LAB_H

/*
 * Generated filters under BPF_PROG_TEST_RUN, beside libpcap's own interpreter on the view. A stage
 * of our own in slot 0 returns the mask, so that the verdict of a run is what matched.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PCAP_DONT_INCLUDE_PCAP_BPF_H /* its struct bpf_insn is not the kernel's */
#include <pcap/dlt.h>
#include <pcap/pcap.h>

#include "loader/filter_emit.h"

struct bpf_program { /* libpcap's, with our name for the same instructions */
	u_int bf_len;
	struct sv_cbpf *bf_insns;
};

#define FLAB_FRAME_MAX 9300
#define FLAB_SKB_MIN 64
#define FLAB_SKB_MAX                                                                               \
	3400 /* TEST_RUN makes no skb longer than a page; test_nonlinear sends those               \
	      */

/* The ways a view reaches a filter. */
enum flab_way {
	FLAB_XDP, /* the frame is the view */
	FLAB_XDP_CUT, /* the VNet's tag is in the frame */
	FLAB_XDP_FRAGS, /* the same, all but the first bytes in fragments */
	FLAB_TC,
	FLAB_TC_PUT, /* a tag of the view stands beside the frame */
	FLAB_TC_FRAGS, /* all but the first bytes in fragments */
	FLAB__WAYS
};

static const char *const flab_way_name[] = {
	"XDP", "XDP, cut", "XDP, cut, fragments", "TC", "TC, put", "TC, fragments",
};

struct flab {
	int scratch;
	int progs[2]; /* by hook */
	int trim; /* TC: makes the frame shorter, then calls the filter */
	int cpus, cpu;
	bool can[FLAB__WAYS]; /* what this kernel's TEST_RUN can make */
};

struct flab_view {
	const uint8_t *bytes;
	uint32_t cap; /* bytes there are */
	uint32_t len; /* what `len` means */
};

static inline void flab_must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "filter lab: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static inline enum sv_filter_hook flab_hook(enum flab_way way)
{
	return way < FLAB_TC ? SV_FILTER_XDP : SV_FILTER_TC;
}

static inline int flab_load_insns(enum sv_filter_hook hook, const struct bpf_insn *insn, size_t n,
				  char *log, size_t log_size)
{
	bool xdp = hook == SV_FILTER_XDP;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = log_size,
		    .log_level = log ? 1 : 0, .expected_attach_type = xdp ? BPF_XDP : 0,
		    .prog_flags = xdp ? BPF_F_XDP_HAS_FRAGS : 0);

	return bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "flab", "GPL", insn,
			     n, &opts);
}

/* Slot 0: returns view.matched. */
static inline int flab_stage(struct flab *lab, enum sv_filter_hook hook)
{
	struct sv_emit e = { .hook = hook };
	__u32 lost;
	int fd;

	sv_emit(&e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0);
	sv_emit_mov(&e, BPF_REG_2, BPF_REG_10);
	sv_emit_add_imm(&e, BPF_REG_2, -4);
	sv_emit_ld_fd(&e, BPF_REG_1, lab->scratch);
	sv_emit(&e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	lost = sv_emit_open(&e, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0);
	sv_emit_ld(&e, 4, BPF_REG_0, BPF_REG_0, offsetof(struct sv_view, matched));
	sv_emit_close(&e, lost);
	sv_emit(&e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fd = flab_load_insns(hook, e.code.insn, e.code.n, NULL, 0);
	free(e.code.insn);
	flab_must(fd >= 0, "cannot load the stage");
	return fd;
}

/*
 * Newer kernels' TEST_RUN refuses an IP frame that ends within its header, which a wire does not:
 * such a frame is made longer, and trimmed by this program before the filter in slot 1 sees it.
 */
static inline int flab_trim(struct flab *lab)
{
	struct sv_emit e = { .hook = SV_FILTER_TC };
	__u32 lost, failed;
	int fd;

	sv_emit_mov(&e, BPF_REG_6, BPF_REG_1);
	sv_emit(&e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0);
	sv_emit_mov(&e, BPF_REG_2, BPF_REG_10);
	sv_emit_add_imm(&e, BPF_REG_2, -4);
	sv_emit_ld_fd(&e, BPF_REG_1, lab->scratch);
	sv_emit(&e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	lost = sv_emit_open(&e, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0);
	sv_emit_ld(&e, 4, BPF_REG_2, BPF_REG_0, offsetof(struct sv_scratch, state));
	sv_emit_mov(&e, BPF_REG_1, BPF_REG_6);
	sv_emit_mov_imm(&e, BPF_REG_3, 0);
	sv_emit(&e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_change_tail);
	failed = sv_emit_open(&e, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0);
	sv_emit_mov(&e, BPF_REG_1, BPF_REG_6);
	sv_emit_ld_fd(&e, BPF_REG_2, lab->progs[SV_FILTER_TC]);
	sv_emit_mov_imm(&e, BPF_REG_3, 1);
	sv_emit(&e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call);
	sv_emit_close(&e, lost);
	sv_emit_close(&e, failed);
	sv_emit_mov_imm(&e, BPF_REG_0, ~0U);
	sv_emit(&e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fd = flab_load_insns(SV_FILTER_TC, e.code.insn, e.code.n, NULL, 0);
	free(e.code.insn);
	flab_must(fd >= 0, "cannot load the trimmer");
	return fd;
}

/* trim: what is to be left of the frame, 0 = all. */
static inline void flab_set_view(struct flab *lab, const struct sv_view *view, __u32 trim)
{
	static struct sv_scratch values[1024];
	__u32 zero = 0;

	values[lab->cpu].view = *view;
	memcpy(values[lab->cpu].state, &trim, sizeof(trim));
	flab_must(!bpf_map_update_elem(lab->scratch, &zero, values, BPF_ANY), "sv_scratch");
}

/* Runs one frame; linear 0: TEST_RUN's own choice. -errno, or 0 with the mask. */
static inline int flab_run_frame(enum sv_filter_hook hook, int prog, const uint8_t *frame,
				 uint32_t len, uint32_t linear, uint32_t *mask)
{
	struct xdp_md xdp = { .data_end = linear };
	struct __sk_buff skb = { .data_end = linear };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len, .repeat = 1);

	if (linear) {
		opts.ctx_in = hook == SV_FILTER_XDP ? (void *)&xdp : (void *)&skb;
		opts.ctx_size_in = hook == SV_FILTER_XDP ? sizeof(xdp) : sizeof(skb);
	}
	if (bpf_prog_test_run_opts(prog, &opts))
		return -errno;
	*mask = opts.retval;
	return 0;
}

/* The frame as it would come in on this way. 0: there is no such frame. */
static inline uint32_t flab_frame(uint8_t *frame, enum flab_way way, const struct flab_view *v,
				  struct sv_view *view)
{
	static const uint8_t tag[4] = { 0x81, 0x00, 0x20, 0x64 };
	uint32_t len = v->cap;

	*view = (struct sv_view){ .len = v->len, .matched = ~0U };
	switch (way) {
	case FLAB_XDP_CUT:
	case FLAB_XDP_FRAGS:
		view->cut = 4;
		memcpy(frame, v->bytes, SV_VIEW_AT);
		memcpy(frame + SV_VIEW_AT, tag, 4);
		memcpy(frame + SV_VIEW_AT + 4, v->bytes + SV_VIEW_AT, len - SV_VIEW_AT);
		return len + 4;
	case FLAB_TC_PUT:
		if (len < 18)
			return 0;
		memcpy(&view->put, v->bytes + SV_VIEW_AT, 4);
		view->put = __builtin_bswap32(view->put);
		if (!view->put)
			return 0;
		memcpy(frame, v->bytes, SV_VIEW_AT);
		memcpy(frame + SV_VIEW_AT, v->bytes + SV_VIEW_AT + 4, len - SV_VIEW_AT - 4);
		return len - 4;
	default:
		memcpy(frame, v->bytes, len);
		return len;
	}
}

/* How much of a frame is linear: so little that most loads have to go beyond. */
static inline uint32_t flab_linear(enum flab_way way, uint32_t len)
{
	if (way != FLAB_XDP_FRAGS && way != FLAB_TC_FRAGS)
		return 0;
	return len > 24 ? 24 : len > 14 ? 14 : 0;
}

static inline void flab_set_slot(struct flab *lab, int prog)
{
	__u32 one = 1;

	flab_must(!bpf_map_update_elem(lab->progs[SV_FILTER_TC], &one, &prog, BPF_ANY), "slot 1");
}

/* 1 with the mask, or 0: no such frame on this way. */
static inline int flab_run(struct flab *lab, enum flab_way way, int prog, const struct flab_view *v,
			   uint32_t *mask)
{
	static uint8_t frame[FLAB_FRAME_MAX + 4];
	struct sv_view view;
	uint32_t len;

	if (!lab->can[way] || v->cap < 14)
		return 0;
	len = flab_frame(frame, way, v, &view);
	if (!len || (flab_hook(way) == SV_FILTER_TC && len > FLAB_SKB_MAX))
		return 0;
	if (flab_hook(way) == SV_FILTER_TC && len < FLAB_SKB_MIN) {
		flab_set_view(lab, &view, len);
		flab_set_slot(lab, prog);
		prog = lab->trim;
		len = FLAB_SKB_MIN;
	} else {
		flab_set_view(lab, &view, 0);
	}
	errno = -flab_run_frame(flab_hook(way), prog, frame, len, flab_linear(way, len), mask);
	flab_must(!errno, flab_way_name[way]);
	return 1;
}

/*
 * What libpcap is given to interpret: it leaves M[] undefined where a filter defines it as 0, and
 * its own compiler reads what was never written (`geneve or mpls 99`). So the reference writes
 * first.
 */
static inline struct sv_cbpf_prog flab_reference(const struct sv_cbpf *insn, size_t n)
{
	struct sv_cbpf_prog ref = { .n = n + 16, .insn = calloc(n + 16, sizeof(*insn)) };

	flab_must(ref.insn, "memory");
	for (__u32 k = 0; k < 16; k++)
		ref.insn[k] = (struct sv_cbpf){ .code = BPF_ST, .k = k };
	memcpy(ref.insn + 16, insn, n * sizeof(*insn));
	return ref;
}

/* libpcap's verdict on the view. */
static inline bool flab_expected(const struct sv_cbpf_prog *ref, const struct flab_view *v)
{
	const struct bpf_program program = { .bf_len = ref->n, .bf_insns = ref->insn };
	const struct pcap_pkthdr hdr = { .caplen = v->cap, .len = v->len };

	return pcap_offline_filter(&program, &hdr, v->bytes);
}

/* A program whose load beyond the linear part tells whether the kernel made one. */
static inline void flab_probe(struct flab *lab, enum flab_way way)
{
	static const uint8_t frame[128];
	struct sv_emit e = { .hook = flab_hook(way) };
	bool xdp = e.hook == SV_FILTER_XDP;
	uint32_t room = 0;
	int fd;

	sv_emit_ld(&e, 4, BPF_REG_2, BPF_REG_1,
		   xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data));
	sv_emit_ld(&e, 4, BPF_REG_0, BPF_REG_1,
		   xdp ? offsetof(struct xdp_md, data_end) : offsetof(struct __sk_buff, data_end));
	sv_emit(&e, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_0, BPF_REG_2, 0, 0);
	sv_emit(&e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fd = flab_load_insns(e.hook, e.code.insn, e.code.n, NULL, 0);
	free(e.code.insn);
	flab_must(fd >= 0, "cannot load a probe");
	lab->can[way] = !flab_run_frame(e.hook, fd, frame, sizeof(frame), 24, &room) && room == 24;
	close(fd);
}

static inline void flab_open(struct flab *lab)
{
	cpu_set_t one;
	__u32 zero = 0;

	lab->cpus = libbpf_num_possible_cpus();
	lab->cpu = sched_getcpu();
	flab_must(lab->cpus > 0 && lab->cpus <= 1024 && lab->cpu >= 0, "CPUs");
	CPU_ZERO(&one);
	CPU_SET(lab->cpu, &one);
	flab_must(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	lab->scratch = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "flab_scratch", 4,
				      sizeof(struct sv_scratch), 1, NULL);
	flab_must(lab->scratch >= 0, "cannot make sv_scratch: root is needed");
	for (int hook = 0; hook < 2; hook++) {
		int stage = flab_stage(lab, hook);

		lab->progs[hook] =
			bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "flab_progs", 4, 4, 4, NULL);
		flab_must(lab->progs[hook] >= 0 &&
				  !bpf_map_update_elem(lab->progs[hook], &zero, &stage, BPF_ANY),
			  "program array");
		close(stage);
	}
	lab->trim = flab_trim(lab);
	for (int way = 0; way < FLAB__WAYS; way++)
		lab->can[way] = true;
	flab_probe(lab, FLAB_XDP_FRAGS);
	flab_probe(lab, FLAB_TC_FRAGS);
}

static inline void flab_close(struct flab *lab)
{
	close(lab->scratch);
	close(lab->trim);
	close(lab->progs[0]);
	close(lab->progs[1]);
}

#endif
