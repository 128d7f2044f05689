/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_FILTER_EMIT_H
#define SV_LOADER_FILTER_EMIT_H

#include <stdbool.h>

#include "filter.h"
#include "filter_parse.h"

/*
 * Classic BPF to eBPF. Each expression is translated twice: `fast` reads the linear part of the
 * frame by pointers, `slow` reads every byte of it by a helper. A frame begins in fast and, at the
 * first load that does not fit there, goes on in slow at the same instruction for good, so that
 * fast has no calls and the verifier sees no path from slow to fast.
 *
 * r6 context, r7 A, r8 X, r9 struct sv_view; fast: r2 data, r3 its end, r4 view offset 0 for
 * offsets from SV_VIEW_AT on. M[] and the helpers' buffer are on the stack.
 */
enum { SV_REG_CTX = 6, SV_REG_A = 7, SV_REG_X = 8, SV_REG_VIEW = 9 };
enum { SV_REG_DATA = 2, SV_REG_END = 3, SV_REG_BASE = 4 };

#define SV_STACK_KEY (-4)
#define SV_STACK_BUF (-8)
#define SV_STACK_MEM (-72) /* M[0 … 15] */

struct sv_emit_fix { /* a jump to a place that is not known yet */
	__u32 insn;
	__u32 target;
};

struct sv_emit {
	enum sv_filter_hook hook;
	struct sv_filter_code code;
	size_t cap;
	int rc; /* the first failure */

	/* The expression in hand. Targets: fast i = i, slow i = n + i, then match and no match. */
	const struct sv_cbpf *prog;
	__u32 n;
	bool fast; /* which of the two is being written */
	__u32 low, head; /* fast: bytes known to be there, at r2 and at r4 */
	int *at; /* of each target */
	bool *reached; /* of each target: code that nothing jumps to may not exist */
	struct sv_emit_fix *fix;
	size_t n_fix, cap_fix;
};

/* The whole program of a set. progs[i].n == 0: matches everything. */
int sv_filter_emit(struct sv_filter_code *code, enum sv_filter_hook hook,
		   const struct sv_cbpf_prog *progs, size_t n, int scratch, int prog_array,
		   struct sv_err *err);

/* filter_insn.c: single instructions and jumps. */
void sv_emit(struct sv_emit *e, __u8 code, __u8 dst, __u8 src, __s16 off, __s32 imm);
void sv_emit_ld_fd(struct sv_emit *e, __u8 dst, int fd);
void sv_emit_ld(struct sv_emit *e, __u32 size, __u8 dst, __u8 src, __s16 off);
void sv_emit_st(struct sv_emit *e, __u32 size, __u8 dst, __u8 src, __s16 off);
void sv_emit_mov(struct sv_emit *e, __u8 dst, __u8 src); /* 64 bits */
void sv_emit_mov_imm(struct sv_emit *e, __u8 dst, __u32 imm); /* zero-extended */
void sv_emit_add_imm(struct sv_emit *e, __u8 dst, __s32 imm);
void sv_emit_be(struct sv_emit *e, __u8 dst, __u32 size);
/* Jumps to targets; sv_emit_if() compares 64 bits with an immediate. */
void sv_emit_goto(struct sv_emit *e, __u32 target);
void sv_emit_if(struct sv_emit *e, __u8 op, __u8 dst, __s32 imm, __u32 target);
void sv_emit_jump(struct sv_emit *e, __u8 code, __u8 dst, __u8 src, __s32 imm, __u32 target);
/* A short way forward: the jump's place, to be closed where it leads. */
__u32 sv_emit_open(struct sv_emit *e, __u8 code, __u8 dst, __s32 imm);
void sv_emit_close(struct sv_emit *e, __u32 jump);
void sv_emit_here(struct sv_emit *e, __u32 target);
void sv_emit_resolve(struct sv_emit *e);

static inline __u32 sv_target_match(const struct sv_emit *e)
{
	return 2 * e->n;
}

static inline __u32 sv_target_none(const struct sv_emit *e)
{
	return 2 * e->n + 1;
}

static inline __u32 sv_target(const struct sv_emit *e, __u32 pc)
{
	return e->fast ? pc : e->n + pc;
}

/* filter_load.c: LD and LDX of packet bytes. False: what follows is not reached from here. */
void sv_emit_load_init(struct sv_emit *e); /* the fast registers, before fast's first instruction */
bool sv_emit_load(struct sv_emit *e, __u32 pc);

/* The bytes that a load reads. */
__u32 sv_cbpf_size(const struct sv_cbpf *insn);
bool sv_cbpf_is_load(const struct sv_cbpf *insn); /* of packet bytes */

#endif
