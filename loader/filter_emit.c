// SPDX-License-Identifier: GPL-2.0-only
#include "filter_emit.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/pkt_cls.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* ---- classic instructions that are not loads of packet bytes ---- */

static __s16 mem_off(__u32 k)
{
	return SV_STACK_MEM + 4 * k;
}

/* LD and LDX of everything else. */
static void emit_value(struct sv_emit *e, const struct sv_cbpf *insn)
{
	__u8 dst = BPF_CLASS(insn->code) == BPF_LD ? SV_REG_A : SV_REG_X;

	switch (BPF_MODE(insn->code)) {
	case BPF_IMM:
		sv_emit_mov_imm(e, dst, insn->k);
		break;
	case BPF_MEM:
		sv_emit_ld(e, 4, dst, BPF_REG_10, mem_off(insn->k));
		break;
	case BPF_LEN:
		sv_emit_ld(e, 4, dst, SV_REG_VIEW, offsetof(struct sv_view, len));
		break;
	}
}

/* Shifts by 32 and more give 0, which eBPF would take modulo 32. */
static void emit_shift(struct sv_emit *e, const struct sv_cbpf *insn)
{
	__u8 op = BPF_OP(insn->code);
	__u32 small, done;

	if (BPF_SRC(insn->code) == BPF_K) {
		if (insn->k < 32)
			sv_emit(e, BPF_ALU | op | BPF_K, SV_REG_A, 0, 0, insn->k);
		else
			sv_emit_mov_imm(e, SV_REG_A, 0);
		return;
	}
	small = sv_emit_open(e, BPF_JMP32 | BPF_JLT | BPF_K, SV_REG_X, 32);
	sv_emit_mov_imm(e, SV_REG_A, 0);
	done = sv_emit_open(e, BPF_JMP | BPF_JA, 0, 0);
	sv_emit_close(e, small);
	sv_emit(e, BPF_ALU | op | BPF_X, SV_REG_A, SV_REG_X, 0, 0);
	sv_emit_close(e, done);
}

/* False: it always divides by zero. */
static bool emit_alu(struct sv_emit *e, const struct sv_cbpf *insn)
{
	__u8 op = BPF_OP(insn->code);
	bool divides = op == BPF_DIV || op == BPF_MOD;

	if (op == BPF_LSH || op == BPF_RSH) {
		emit_shift(e, insn);
		return true;
	}
	if (op == BPF_NEG) {
		sv_emit(e, BPF_ALU | BPF_NEG, SV_REG_A, 0, 0, 0);
		return true;
	}
	if (BPF_SRC(insn->code) == BPF_K) {
		if (divides && !insn->k) {
			sv_emit_goto(e, sv_target_none(e));
			return false;
		}
		sv_emit(e, BPF_ALU | op | BPF_K, SV_REG_A, 0, 0, insn->k);
		return true;
	}
	if (divides)
		sv_emit_if(e, BPF_JEQ, SV_REG_X, 0, sv_target_none(e));
	sv_emit(e, BPF_ALU | op | BPF_X, SV_REG_A, SV_REG_X, 0, 0);
	return true;
}

/* Where a jump to pc ends up: constant returns are not jumped to, but taken. */
static __u32 resolve(const struct sv_emit *e, __u32 pc)
{
	const struct sv_cbpf *insn = &e->prog[pc];

	if (insn->code == (BPF_RET | BPF_K))
		return insn->k ? sv_target_match(e) : sv_target_none(e);
	if (insn->code == (BPF_JMP | BPF_JA))
		return resolve(e, pc + 1 + insn->k);
	return sv_target(e, pc);
}

static __u8 inverted(__u8 op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JGE:
		return BPF_JLT;
	default:
		return 0;
	}
}

static void emit_branch(struct sv_emit *e, __u32 pc)
{
	const struct sv_cbpf *insn = &e->prog[pc];
	__u32 yes = resolve(e, pc + 1 + insn->jt), no = resolve(e, pc + 1 + insn->jf);
	__u32 next = sv_target(e, pc + 1);
	__u8 op = BPF_OP(insn->code), src = BPF_SRC(insn->code);

	if (yes == no) {
		sv_emit_goto(e, yes);
		return;
	}
	if (yes == next && inverted(op)) {
		op = inverted(op);
		yes = no;
		no = next;
	}
	if (src == BPF_X)
		sv_emit_jump(e, BPF_JMP32 | op | BPF_X, SV_REG_A, SV_REG_X, 0, yes);
	else
		sv_emit_jump(e, BPF_JMP32 | op | BPF_K, SV_REG_A, 0, insn->k, yes);
	if (no == next)
		e->reached[next] = true;
	else
		sv_emit_goto(e, no);
}

static void emit_ret(struct sv_emit *e, const struct sv_cbpf *insn)
{
	if (BPF_RVAL(insn->code) == BPF_A) {
		sv_emit_if(e, BPF_JNE, SV_REG_A, 0, sv_target_match(e));
		sv_emit_goto(e, sv_target_none(e));
	} else {
		sv_emit_goto(e, insn->k ? sv_target_match(e) : sv_target_none(e));
	}
}

/* False: the next instruction is not reached from this one. */
static bool emit_insn(struct sv_emit *e, __u32 pc)
{
	const struct sv_cbpf *insn = &e->prog[pc];

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD:
	case BPF_LDX:
		if (sv_cbpf_is_load(insn))
			return sv_emit_load(e, pc);
		emit_value(e, insn);
		return true;
	case BPF_ST:
		sv_emit_st(e, 4, BPF_REG_10, SV_REG_A, mem_off(insn->k));
		return true;
	case BPF_STX:
		sv_emit_st(e, 4, BPF_REG_10, SV_REG_X, mem_off(insn->k));
		return true;
	case BPF_ALU:
		return emit_alu(e, insn);
	case BPF_JMP:
		if (BPF_OP(insn->code) == BPF_JA)
			sv_emit_goto(e, resolve(e, pc));
		else
			emit_branch(e, pc);
		return false;
	case BPF_RET:
		emit_ret(e, insn);
		return false;
	default:
		sv_emit(e, BPF_ALU | BPF_MOV | BPF_X,
			BPF_MISCOP(insn->code) == BPF_TAX ? SV_REG_X : SV_REG_A,
			BPF_MISCOP(insn->code) == BPF_TAX ? SV_REG_A : SV_REG_X, 0, 0);
		return true;
	}
}

/* ---- one expression ---- */

static void emit_half(struct sv_emit *e, bool fast)
{
	e->fast = fast;
	for (__u32 pc = 0; pc < e->n; pc++) {
		if (!e->reached[sv_target(e, pc)])
			continue;
		sv_emit_here(e, sv_target(e, pc));
		if (emit_insn(e, pc))
			e->reached[sv_target(e, pc + 1)] = true;
	}
}

/* A, X and what is read of M[] begin as 0. */
static void emit_state(struct sv_emit *e)
{
	__u32 zeroed = 0;

	sv_emit_mov_imm(e, SV_REG_A, 0);
	sv_emit_mov_imm(e, SV_REG_X, 0);
	for (__u32 pc = 0; pc < e->n; pc++) {
		const struct sv_cbpf *insn = &e->prog[pc];
		bool reads = BPF_CLASS(insn->code) <= BPF_LDX && BPF_MODE(insn->code) == BPF_MEM;

		if (!reads || (zeroed & 1U << insn->k))
			continue;
		zeroed |= 1U << insn->k;
		sv_emit(e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, mem_off(insn->k), 0);
	}
}

static void emit_match(struct sv_emit *e, __u32 bit)
{
	const __s16 matched = offsetof(struct sv_view, matched);

	if (e->reached[sv_target_match(e)]) {
		sv_emit_here(e, sv_target_match(e));
		sv_emit_ld(e, 4, BPF_REG_1, SV_REG_VIEW, matched);
		sv_emit(e, BPF_ALU | BPF_OR | BPF_K, BPF_REG_1, 0, 0, 1U << bit);
		sv_emit_st(e, 4, SV_REG_VIEW, BPF_REG_1, matched);
	}
	sv_emit_here(e, sv_target_none(e));
}

static void emit_expression(struct sv_emit *e, const struct sv_cbpf_prog *prog, __u32 bit)
{
	size_t targets = 2 * prog->n + 2;
	_cleanup_free_ bool *reached = calloc(targets, sizeof(*reached));
	_cleanup_free_ int *at = calloc(targets, sizeof(*at));

	if (!reached || !at) {
		e->rc = -ENOMEM;
		return;
	}
	e->prog = prog->insn;
	e->n = prog->n;
	e->reached = reached;
	e->at = at;
	e->reached[0] = true;
	emit_state(e);
	sv_emit_load_init(e);
	emit_half(e, true);
	emit_half(e, false);
	emit_match(e, bit);
	sv_emit_resolve(e);
}

/* ---- what may be translated ---- */

static bool known(const struct sv_cbpf *insn)
{
	switch (insn->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_B | BPF_MSH:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return insn->k < BPF_MEMWORDS;
	case BPF_ALU | BPF_NEG:
		return true;
	}
	if (BPF_CLASS(insn->code) == BPF_ALU && insn->code < 0x100)
		return BPF_OP(insn->code) <= BPF_XOR && BPF_OP(insn->code) != BPF_NEG;
	return false;
}

/* All jumps lead forward to an instruction, and the last one returns. */
static bool valid(const struct sv_cbpf_prog *prog)
{
	for (size_t i = 0; i < prog->n; i++) {
		const struct sv_cbpf *insn = &prog->insn[i];
		size_t left = prog->n - i - 1;

		if (BPF_CLASS(insn->code) == BPF_JMP) {
			bool always = insn->code == (BPF_JMP | BPF_JA);

			if (insn->code > 0xff || BPF_OP(insn->code) > BPF_JSET ||
			    (always ? insn->k >= left : insn->jt >= left || insn->jf >= left) ||
			    (!always && BPF_OP(insn->code) == BPF_JA))
				return false;
		} else if (!known(insn) || (!left && BPF_CLASS(insn->code) != BPF_RET)) {
			return false;
		}
	}
	return true;
}

/* ---- the program ---- */

static void emit_drop(struct sv_emit *e)
{
	sv_emit_mov_imm(e, BPF_REG_0, e->hook == SV_FILTER_XDP ? XDP_DROP : TC_ACT_SHOT);
	sv_emit(e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* r9 = the view. There always is one; the verifier wants to see what happens otherwise. */
static void emit_entry(struct sv_emit *e, int scratch, __u32 always)
{
	__u32 found;

	sv_emit_mov(e, SV_REG_CTX, BPF_REG_1);
	sv_emit(e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, SV_STACK_KEY, 0);
	sv_emit_mov(e, BPF_REG_2, BPF_REG_10);
	sv_emit_add_imm(e, BPF_REG_2, SV_STACK_KEY);
	sv_emit_ld_fd(e, BPF_REG_1, scratch);
	sv_emit(e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	found = sv_emit_open(e, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_0, 0);
	emit_drop(e);
	sv_emit_close(e, found);
	sv_emit_mov(e, SV_REG_VIEW, BPF_REG_0);
	sv_emit(e, BPF_ST | BPF_MEM | BPF_W, SV_REG_VIEW, 0, offsetof(struct sv_view, matched),
		always);
}

static void emit_exit(struct sv_emit *e, int prog_array)
{
	sv_emit_mov(e, BPF_REG_1, SV_REG_CTX);
	sv_emit_ld_fd(e, BPF_REG_2, prog_array);
	sv_emit_mov_imm(e, BPF_REG_3, 0);
	sv_emit(e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call);
	emit_drop(e);
}

static __u32 always_mask(const struct sv_cbpf_prog *progs, size_t n)
{
	__u32 mask = 0;

	for (size_t i = 0; i < n; i++)
		mask |= progs[i].n ? 0 : 1U << i;
	return mask;
}

int sv_filter_emit(struct sv_filter_code *code, enum sv_filter_hook hook,
		   const struct sv_cbpf_prog *progs, size_t n, int scratch, int prog_array,
		   struct sv_err *err)
{
	struct sv_emit e = { .hook = hook };

	emit_entry(&e, scratch, always_mask(progs, n));
	for (size_t i = 0; i < n && !e.rc; i++) {
		if (!valid(&progs[i]))
			e.rc = -EINVAL;
		else if (progs[i].n)
			emit_expression(&e, &progs[i], i);
	}
	emit_exit(&e, prog_array);
	free(e.fix);
	if (!e.rc) {
		*code = e.code;
		return 0;
	}
	free(e.code.insn);
	switch (e.rc) {
	case -E2BIG:
		return sv_err_set(err, -EINVAL,
				  "the filters are too long for one program; use nets and ranges");
	case -EINVAL:
		return sv_err_set(err, -EINVAL, "the filter is no valid classic BPF program");
	default:
		return sv_err_set(err, e.rc, "no memory for a filter");
	}
}
