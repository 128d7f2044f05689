// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "filter_emit.h"

/*
 * Loads of packet bytes at an offset of the view: maps/filter.h. At XDP r4 = data + cut, so that
 * constant offsets stay constant. At TC nothing is cut, and r4 = data; with a tag to put in, the
 * whole filter runs slow.
 */

/* One check up to here for all loads at constant offsets: an Ethernet and an IPv6 header. A shorter
 * frame only runs slow. */
#define HEAD_MAX 54
/* What the verifier lets a packet pointer move by, with room for cut. */
#define MOVE_MAX 0xff00
/* As far as the helpers read; beyond it there is nothing. */
#define END_XDP 0xffff
#define END_TC 0x7fffffff

__u32 sv_cbpf_size(const struct sv_cbpf *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	default:
		return 4;
	}
}

bool sv_cbpf_is_load(const struct sv_cbpf *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
		return BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND;
	case BPF_LDX:
		return BPF_MODE(insn->code) == BPF_MSH;
	default:
		return false;
	}
}

static bool is_indirect(const struct sv_cbpf *insn)
{
	return BPF_MODE(insn->code) == BPF_IND;
}

static __u64 end_of(const struct sv_cbpf *insn)
{
	return (__u64)insn->k + sv_cbpf_size(insn);
}

/* Behind where the view shifts, or before it altogether. */
static bool is_high(const struct sv_emit *e, const struct sv_cbpf *insn)
{
	return e->hook == SV_FILTER_TC || insn->k >= SV_VIEW_AT;
}

static bool is_low(const struct sv_emit *e, const struct sv_cbpf *insn)
{
	return !is_high(e, insn) && !is_indirect(insn) && end_of(insn) <= SV_VIEW_AT;
}

/* ---- fast ---- */

static void emit_fast_pointers(struct sv_emit *e)
{
	bool xdp = e->hook == SV_FILTER_XDP;

	sv_emit_ld(e, 4, SV_REG_DATA, SV_REG_CTX,
		   xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data));
	sv_emit_ld(e, 4, SV_REG_END, SV_REG_CTX,
		   xdp ? offsetof(struct xdp_md, data_end) : offsetof(struct __sk_buff, data_end));
	if (!xdp) {
		sv_emit_mov(e, SV_REG_BASE, SV_REG_DATA);
		return;
	}
	sv_emit_ld(e, 4, SV_REG_BASE, SV_REG_VIEW, offsetof(struct sv_view, cut));
	sv_emit(e, BPF_ALU | BPF_AND | BPF_K, SV_REG_BASE, 0, 0, 4);
	sv_emit(e, BPF_ALU64 | BPF_ADD | BPF_X, SV_REG_BASE, SV_REG_DATA, 0, 0);
}

/* Goes on in slow at instruction pc unless `len` bytes are at `reg`. */
static void emit_bound(struct sv_emit *e, __u8 reg, __u32 len, __u32 pc)
{
	sv_emit_mov(e, BPF_REG_0, reg);
	sv_emit_add_imm(e, BPF_REG_0, len);
	sv_emit_jump(e, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_0, SV_REG_END, 0, e->n + pc);
}

void sv_emit_load_init(struct sv_emit *e)
{
	bool any = false;

	e->low = e->head = 0;
	for (__u32 i = 0; i < e->n; i++) {
		const struct sv_cbpf *insn = &e->prog[i];

		if (!sv_cbpf_is_load(insn))
			continue;
		any = true;
		if (is_low(e, insn))
			e->low = SV_VIEW_AT;
		else if (!is_indirect(insn) && is_high(e, insn) && end_of(insn) <= HEAD_MAX &&
			 end_of(insn) > e->head)
			e->head = end_of(insn);
	}
	if (!any)
		return;
	if (e->hook == SV_FILTER_TC) {
		sv_emit_ld(e, 4, BPF_REG_0, SV_REG_VIEW, offsetof(struct sv_view, put));
		sv_emit_if(e, BPF_JNE, BPF_REG_0, 0, e->n);
	}
	emit_fast_pointers(e);
	if (e->low)
		emit_bound(e, SV_REG_DATA, e->low, 0);
	if (e->head)
		emit_bound(e, SV_REG_BASE, e->head, 0);
}

static bool emit_fast_abs(struct sv_emit *e, const struct sv_cbpf *insn, __u8 dst, __u32 pc)
{
	__u8 base = is_low(e, insn) ? SV_REG_DATA : SV_REG_BASE;

	if (base == SV_REG_BASE && (!is_high(e, insn) || end_of(insn) > INT16_MAX)) {
		sv_emit_goto(e, e->n + pc);
		return false;
	}
	if (base == SV_REG_BASE && end_of(insn) > e->head)
		emit_bound(e, SV_REG_BASE, end_of(insn), pc);
	sv_emit_ld(e, sv_cbpf_size(insn), dst, base, insn->k);
	return true;
}

static bool emit_fast_ind(struct sv_emit *e, const struct sv_cbpf *insn, __u8 dst, __u32 pc)
{
	if (!is_high(e, insn) || end_of(insn) > INT16_MAX) {
		sv_emit_goto(e, e->n + pc);
		return false;
	}
	sv_emit_if(e, BPF_JGT, SV_REG_X, MOVE_MAX - end_of(insn), e->n + pc);
	sv_emit_mov(e, BPF_REG_1, SV_REG_X);
	sv_emit(e, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_1, SV_REG_BASE, 0, 0);
	emit_bound(e, BPF_REG_1, end_of(insn), pc);
	sv_emit_ld(e, sv_cbpf_size(insn), dst, BPF_REG_1, insn->k);
	return true;
}

/* ---- slow ---- */

/* `size` bytes at offset r2 of the frame to the buffer; none of them: no match. */
static void emit_helper(struct sv_emit *e, __u32 size)
{
	sv_emit_mov(e, BPF_REG_1, SV_REG_CTX);
	sv_emit_mov(e, BPF_REG_3, BPF_REG_10);
	sv_emit_add_imm(e, BPF_REG_3, SV_STACK_BUF);
	sv_emit_mov_imm(e, BPF_REG_4, size);
	sv_emit(e, BPF_JMP | BPF_CALL, 0, 0, 0,
		e->hook == SV_FILTER_XDP ? BPF_FUNC_xdp_load_bytes : BPF_FUNC_skb_load_bytes);
	sv_emit_if(e, BPF_JNE, BPF_REG_0, 0, sv_target_none(e));
}

/* r2: the offset in the view, k more than X or than 0. */
static void emit_offset(struct sv_emit *e, const struct sv_cbpf *insn, __u32 more)
{
	sv_emit_mov_imm(e, BPF_REG_2, insn->k + more);
	if (is_indirect(insn))
		sv_emit(e, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_2, SV_REG_X, 0, 0);
}

/* r2, an offset of the view behind what is cut or put, becomes one of the frame. */
static void emit_shift(struct sv_emit *e)
{
	__u32 none;

	if (e->hook == SV_FILTER_XDP) {
		sv_emit_ld(e, 4, BPF_REG_1, SV_REG_VIEW, offsetof(struct sv_view, cut));
		sv_emit(e, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, 4);
		sv_emit(e, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_2, BPF_REG_1, 0, 0);
		return;
	}
	sv_emit_ld(e, 4, BPF_REG_1, SV_REG_VIEW, offsetof(struct sv_view, put));
	none = sv_emit_open(e, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0);
	sv_emit_add_imm(e, BPF_REG_2, -4);
	sv_emit_close(e, none);
}

/* r0: the byte of `put` at offset r2 of the view, 12 … 15; r1 holds put. */
static void emit_put_byte(struct sv_emit *e)
{
	sv_emit_mov_imm(e, BPF_REG_0, SV_VIEW_AT + 3);
	sv_emit(e, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_0, BPF_REG_2, 0, 0);
	sv_emit(e, BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_0, 0, 0, 3);
	sv_emit(e, BPF_ALU64 | BPF_RSH | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0);
	sv_emit_mov(e, BPF_REG_0, BPF_REG_1);
	sv_emit(e, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, 0xff);
}

/* r0: the byte at offset r2 of the view, wherever that is. */
static void emit_byte(struct sv_emit *e)
{
	bool tc = e->hook == SV_FILTER_TC;
	__u32 low, plain = 0, behind = 0, done = 0;

	low = sv_emit_open(e, BPF_JMP | BPF_JLT | BPF_K, BPF_REG_2, SV_VIEW_AT);
	if (tc) {
		sv_emit_ld(e, 4, BPF_REG_1, SV_REG_VIEW, offsetof(struct sv_view, put));
		plain = sv_emit_open(e, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0);
		behind = sv_emit_open(e, BPF_JMP | BPF_JGT | BPF_K, BPF_REG_2, SV_VIEW_AT + 3);
		emit_put_byte(e);
		done = sv_emit_open(e, BPF_JMP | BPF_JA, 0, 0);
		sv_emit_close(e, behind);
		sv_emit_add_imm(e, BPF_REG_2, -4);
		sv_emit_close(e, plain);
	} else {
		emit_shift(e);
	}
	sv_emit_close(e, low);
	emit_helper(e, 1);
	sv_emit_ld(e, 1, BPF_REG_0, BPF_REG_10, SV_STACK_BUF);
	if (tc)
		sv_emit_close(e, done);
}

static void emit_bytes(struct sv_emit *e, const struct sv_cbpf *insn, __u8 dst)
{
	sv_emit_mov_imm(e, dst, 0);
	for (__u32 i = 0; i < sv_cbpf_size(insn); i++) {
		emit_offset(e, insn, i);
		emit_byte(e);
		sv_emit(e, BPF_ALU | BPF_LSH | BPF_K, dst, 0, 0, 8);
		sv_emit(e, BPF_ALU | BPF_OR | BPF_X, dst, BPF_REG_0, 0, 0);
	}
}

static bool emit_slow(struct sv_emit *e, const struct sv_cbpf *insn, __u8 dst)
{
	__u32 end = e->hook == SV_FILTER_XDP ? END_XDP : END_TC;
	__u32 behind = e->hook == SV_FILTER_XDP ? SV_VIEW_AT : SV_VIEW_AT + 4;
	__u32 size = sv_cbpf_size(insn);

	if (end_of(insn) > end) {
		sv_emit_goto(e, sv_target_none(e));
		return false;
	}
	if (is_indirect(insn))
		sv_emit_if(e, BPF_JGT, SV_REG_X, end - end_of(insn), sv_target_none(e));
	if (insn->k < behind && (is_indirect(insn) || end_of(insn) > SV_VIEW_AT)) {
		emit_bytes(e, insn, dst);
		return true;
	}
	emit_offset(e, insn, 0);
	if (insn->k >= behind)
		emit_shift(e);
	emit_helper(e, size);
	sv_emit_ld(e, size, dst, BPF_REG_10, SV_STACK_BUF);
	sv_emit_be(e, dst, size);
	return true;
}

/* --------------------------------------------------------------------------------------------- */

bool sv_emit_load(struct sv_emit *e, __u32 pc)
{
	const struct sv_cbpf *insn = &e->prog[pc];
	bool msh = BPF_CLASS(insn->code) == BPF_LDX;
	__u8 dst = msh ? SV_REG_X : SV_REG_A;
	bool on;

	if (!e->fast)
		on = emit_slow(e, insn, dst);
	else if (is_indirect(insn))
		on = emit_fast_ind(e, insn, dst, pc);
	else
		on = emit_fast_abs(e, insn, dst, pc);
	if (on && e->fast)
		sv_emit_be(e, dst, sv_cbpf_size(insn));
	if (on && msh) {
		sv_emit(e, BPF_ALU | BPF_AND | BPF_K, SV_REG_X, 0, 0, 0xf);
		sv_emit(e, BPF_ALU | BPF_LSH | BPF_K, SV_REG_X, 0, 0, 2);
	}
	return on;
}
