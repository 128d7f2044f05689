// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>

#include "filter_emit.h"

/* The loader's own limit is far below the kernel's million: jumps are 16 bits wide. */
#define INSNS_MAX 120000

static bool grow(struct sv_emit *e, void **array, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap ? *cap * 2 : 256;
	void *more;

	if (n < *cap)
		return true;
	more = reallocarray(*array, want, size);
	if (!more) {
		e->rc = -ENOMEM;
		return false;
	}
	*array = more;
	*cap = want;
	return true;
}

void sv_emit(struct sv_emit *e, __u8 code, __u8 dst, __u8 src, __s16 off, __s32 imm)
{
	void *insn = e->code.insn;

	if (!e->rc && e->code.n >= INSNS_MAX)
		e->rc = -E2BIG;
	if (e->rc || !grow(e, &insn, &e->cap, e->code.n, sizeof(*e->code.insn)))
		return;
	e->code.insn = insn;
	e->code.insn[e->code.n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm
	};
}

void sv_emit_ld_fd(struct sv_emit *e, __u8 dst, int fd)
{
	sv_emit(e, BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd);
	sv_emit(e, 0, 0, 0, 0, 0);
}

static __u8 width(__u32 size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : BPF_W;
}

void sv_emit_ld(struct sv_emit *e, __u32 size, __u8 dst, __u8 src, __s16 off)
{
	sv_emit(e, BPF_LDX | BPF_MEM | width(size), dst, src, off, 0);
}

void sv_emit_st(struct sv_emit *e, __u32 size, __u8 dst, __u8 src, __s16 off)
{
	sv_emit(e, BPF_STX | BPF_MEM | width(size), dst, src, off, 0);
}

void sv_emit_mov(struct sv_emit *e, __u8 dst, __u8 src)
{
	sv_emit(e, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void sv_emit_mov_imm(struct sv_emit *e, __u8 dst, __u32 imm)
{
	sv_emit(e, BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

void sv_emit_add_imm(struct sv_emit *e, __u8 dst, __s32 imm)
{
	sv_emit(e, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm);
}

void sv_emit_be(struct sv_emit *e, __u8 dst, __u32 size)
{
	if (size > 1)
		sv_emit(e, BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, 8 * size);
}

void sv_emit_jump(struct sv_emit *e, __u8 code, __u8 dst, __u8 src, __s32 imm, __u32 target)
{
	void *fix = e->fix;

	if (e->rc || !grow(e, &fix, &e->cap_fix, e->n_fix, sizeof(*e->fix)))
		return;
	e->fix = fix;
	e->fix[e->n_fix++] = (struct sv_emit_fix){ .insn = e->code.n, .target = target };
	e->reached[target] = true;
	sv_emit(e, code, dst, src, 0, imm);
}

void sv_emit_goto(struct sv_emit *e, __u32 target)
{
	sv_emit_jump(e, BPF_JMP | BPF_JA, 0, 0, 0, target);
}

void sv_emit_if(struct sv_emit *e, __u8 op, __u8 dst, __s32 imm, __u32 target)
{
	sv_emit_jump(e, BPF_JMP | op | BPF_K, dst, 0, imm, target);
}

__u32 sv_emit_open(struct sv_emit *e, __u8 code, __u8 dst, __s32 imm)
{
	__u32 jump = e->code.n;

	sv_emit(e, code, dst, 0, 0, imm);
	return jump;
}

void sv_emit_close(struct sv_emit *e, __u32 jump)
{
	size_t off = e->code.n - jump - 1;

	if (!e->rc && off > INT16_MAX)
		e->rc = -E2BIG;
	if (!e->rc)
		e->code.insn[jump].off = off;
}

void sv_emit_here(struct sv_emit *e, __u32 target)
{
	e->at[target] = e->code.n;
}

void sv_emit_resolve(struct sv_emit *e)
{
	for (size_t i = 0; i < e->n_fix && !e->rc; i++) {
		long off = e->at[e->fix[i].target] - (long)e->fix[i].insn - 1;

		if (off < 0 || off > INT16_MAX)
			e->rc = -E2BIG;
		else
			e->code.insn[e->fix[i].insn].off = off;
	}
	e->n_fix = 0;
}
