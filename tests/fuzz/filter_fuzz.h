/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_FUZZ_FILTER_FUZZ_H
#define SV_TESTS_FUZZ_FILTER_FUZZ_H

/*
 * Random filters over random frames: the verifier accepts every program, and each says what
 * libpcap's interpreter says. Half of the filters are expressions, half are raw classic BPF.
 * Program i of a seed depends on nothing else, so that a failure can be repeated alone.
 */
#include <linux/filter.h>
#include <stdarg.h>
#include <time.h>

#include "tests/prog/filter_frames.h"
#include "tests/prog/filter_lab.h"

#define FUZZ_FRAMES 24
#define FUZZ_RAW_MAX 120
#define FUZZ_TEXT 2000

struct fuzz {
	struct flab *lab;
	unsigned long seed;
	unsigned long programs, runs, matched, refused; /* what was done */
	char failure[8192];

	uint64_t rng;
	char text[SV_SESSION_BITS][FUZZ_TEXT]; /* the program in hand */
	size_t len; /* of the text that is being written */
	struct sv_cbpf_prog set[SV_SESSION_BITS], ref[SV_SESSION_BITS];
	size_t n;
};

static inline uint64_t fuzz_next(struct fuzz *z)
{
	z->rng ^= z->rng << 13;
	z->rng ^= z->rng >> 7;
	z->rng ^= z->rng << 17;
	return z->rng * 0x2545f4914f6cdd1dULL >> 32;
}

static inline uint32_t fuzz_below(struct fuzz *z, uint32_t n)
{
	return fuzz_next(z) % n;
}

#define fuzz_pick(z, array) ((array)[fuzz_below(z, sizeof(array) / sizeof((array)[0]))])

static inline void fuzz_seed(struct fuzz *z, unsigned long program)
{
	z->rng = (z->seed + 1) * 0x9e3779b97f4a7c15ULL ^ (program + 1) * 0xbf58476d1ce4e5b9ULL;
	for (int i = 0; i < 8; i++)
		fuzz_next(z);
}

/* ---- expressions ---- */

__attribute__((format(printf, 3, 4))) static inline void fuzz_say(struct fuzz *z, char *out,
								  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	z->len += vsnprintf(out + z->len, FUZZ_TEXT - z->len, fmt, ap);
	va_end(ap);
	if (z->len >= FUZZ_TEXT)
		z->len = FUZZ_TEXT - 1;
}

static inline void fuzz_number(struct fuzz *z, char *out)
{
	static const uint32_t favourite[] = { 0,	  1,	      2,	 4,	 5,
					      6,	  12,	      14,	 17,	 80,
					      0xff,	  0x800,      0x8100,	 0xffff, 0x10000,
					      0x7fffffff, 0x80000000, 0xffffffff };

	if (fuzz_below(z, 2))
		fuzz_say(z, out, "%u", fuzz_below(z, 64));
	else if (fuzz_below(z, 4))
		fuzz_say(z, out, "0x%x", fuzz_pick(z, favourite));
	else
		fuzz_say(z, out, "%u", (uint32_t)fuzz_next(z));
}

static inline void fuzz_arith(struct fuzz *z, char *out, int depth)
{
	static const char *const proto[] = { "ether", "ether", "ip",	"ip6", "tcp",
					     "udp",   "icmp",  "icmp6", "arp" };
	static const char *const op[] = { "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>" };
	static const char *const size[] = { "", ":1", ":2", ":4" };

	switch (fuzz_below(z, depth ? 6 : 3)) {
	case 0:
		fuzz_number(z, out);
		break;
	case 1:
		fuzz_say(z, out, "%s[%u%s]", fuzz_pick(z, proto), fuzz_below(z, 50),
			 fuzz_pick(z, size));
		break;
	case 2:
		fuzz_say(z, out, "len");
		break;
	case 3:
		fuzz_say(z, out, "%s[", fuzz_pick(z, proto));
		fuzz_arith(z, out, depth - 1);
		fuzz_say(z, out, "%s]", fuzz_pick(z, size));
		break;
	default:
		fuzz_say(z, out, "(");
		fuzz_arith(z, out, depth - 1);
		fuzz_say(z, out, " %s ", fuzz_pick(z, op));
		fuzz_arith(z, out, depth - 1);
		fuzz_say(z, out, ")");
	}
}

static inline void fuzz_address(struct fuzz *z, char *out)
{
	static const char *const dir[] = { "", "src ", "dst ", "src or dst ", "src and dst " };
	uint32_t bits;

	switch (fuzz_below(z, 5)) {
	case 0:
		fuzz_say(z, out, "%shost 10.0.0.%u", fuzz_pick(z, dir), fuzz_below(z, 6));
		break;
	case 1:
		bits = fuzz_below(z, 9);
		fuzz_say(z, out, "%snet 10.0.0.%u/%u", fuzz_pick(z, dir),
			 fuzz_below(z, 256) & ~(0xffU >> bits) & 0xff, 24 + bits);
		break;
	case 2:
		fuzz_say(z, out, "ip6 %shost fe80::%u", fuzz_pick(z, dir), fuzz_below(z, 6));
		break;
	case 3:
		fuzz_say(z, out, "net fe80::/%u", 10 + fuzz_below(z, 118));
		break;
	default:
		fuzz_say(z, out, "ether %shost 02:00:00:00:00:%s", fuzz_below(z, 2) ? "src " : "",
			 fuzz_below(z, 2) ? "aa" : "bb");
	}
}

static inline void fuzz_primitive(struct fuzz *z, char *out)
{
	static const char *const word[] = {
		"ip",
		"ip6",
		"arp",
		"rarp",
		"tcp",
		"udp",
		"icmp",
		"icmp6",
		"igmp",
		"sctp",
		"stp",
		"isis",
		"llc",
		"ether broadcast",
		"ipx",
		"vrrp",
		"pppoes",
		"multicast",
		"ip6 multicast",
		"geneve",
		"mpls",
		"ip[6:2] & 0x1fff = 0",
		"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	};
	static const char *const l4[] = { "", "udp ", "tcp ", "sctp ", "src ", "dst ", "ip6 " };
	static const char *const rel[] = { "=", "!=", "<", ">", "<=", ">=" };
	static const uint32_t port[] = { 5060, 53, 80, 443, 22, 1024, 10000, 20000, 6081 };

	switch (fuzz_below(z, 8)) {
	case 0:
		fuzz_address(z, out);
		break;
	case 1:
		fuzz_say(z, out, "%sport %u", fuzz_pick(z, l4), fuzz_pick(z, port));
		break;
	case 2:
		fuzz_say(z, out, "%sportrange %u-%u", fuzz_pick(z, l4), fuzz_below(z, 30000),
			 fuzz_below(z, 30000));
		break;
	case 3:
		fuzz_say(z, out, "%s proto %u", fuzz_below(z, 2) ? "ip" : "ip6",
			 fuzz_below(z, 256));
		break;
	case 4:
		fuzz_say(z, out, "%s", fuzz_pick(z, word));
		break;
	case 5:
		fuzz_say(z, out, "mpls %u", 99 + fuzz_below(z, 4));
		break;
	default:
		fuzz_arith(z, out, 2);
		fuzz_say(z, out, " %s ", fuzz_pick(z, rel));
		fuzz_arith(z, out, 2);
	}
}

static inline void fuzz_expression(struct fuzz *z, char *out, int depth)
{
	if (!depth || !fuzz_below(z, 3)) {
		fuzz_primitive(z, out);
		return;
	}
	if (!fuzz_below(z, 4)) {
		fuzz_say(z, out, "not (");
		fuzz_expression(z, out, depth - 1);
		fuzz_say(z, out, ")");
		return;
	}
	fuzz_say(z, out, "(");
	fuzz_expression(z, out, depth - 1);
	fuzz_say(z, out, ") %s (", fuzz_below(z, 2) ? "and" : "or");
	fuzz_expression(z, out, depth - 1);
	fuzz_say(z, out, ")");
}

/* An expression that libpcap takes: what cannot be, such as `ip6[0] / 0`, is written anew. */
static inline void fuzz_make_expression(struct fuzz *z, size_t i)
{
	struct sv_err err;

	for (;;) {
		z->len = 0;
		fuzz_expression(z, z->text[i], fuzz_below(z, 5));
		if (z->len < FUZZ_TEXT - 1 && !sv_filter_parse(&z->set[i], z->text[i], &err))
			return;
		z->refused++;
	}
}

/* ---- raw classic BPF ---- */

static inline uint32_t fuzz_offset(struct fuzz *z)
{
	static const uint32_t edge[] = { 8,	     9,		 10,	    11,	    12,
					 13,	     14,	 15,	    16,	    17,
					 50,	     51,	 54,	    0xfffc, 0xffff,
					 0x7fffffff, 3516,	 9000,	    0x7ffc, 0x80000000,
					 0xfffff000, 0xfffffff8, 0xffffffff };

	return fuzz_below(z, 3) ? fuzz_below(z, 64) : fuzz_pick(z, edge);
}

static inline struct sv_cbpf fuzz_alu(struct fuzz *z)
{
	static const uint16_t op[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_OR,
				       BPF_AND, BPF_LSH, BPF_RSH, BPF_XOR, BPF_NEG };
	struct sv_cbpf insn = { .code = BPF_ALU | fuzz_pick(z, op), .k = fuzz_next(z) };

	if (BPF_OP(insn.code) == BPF_NEG)
		return insn;
	if (fuzz_below(z, 2)) {
		insn.code |= BPF_X;
		return insn;
	}
	if (fuzz_below(z, 2))
		insn.k &= 0xff;
	/* What libpcap's own checker refuses. */
	if (BPF_OP(insn.code) == BPF_LSH || BPF_OP(insn.code) == BPF_RSH)
		insn.k %= 32;
	if ((BPF_OP(insn.code) == BPF_DIV || BPF_OP(insn.code) == BPF_MOD) && !insn.k)
		insn.k = 1;
	return insn;
}

static inline struct sv_cbpf fuzz_jump(struct fuzz *z, uint32_t left)
{
	static const uint16_t op[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	uint32_t reach = left < 255 ? left : 255;
	struct sv_cbpf insn = { .code = BPF_JMP | fuzz_pick(z, op), .k = fuzz_next(z) };

	if (!fuzz_below(z, 12))
		return (struct sv_cbpf){ .code = BPF_JMP | BPF_JA, .k = fuzz_below(z, left) };
	if (reach > 12 && fuzz_below(z, 4))
		reach = 12;
	insn.jt = fuzz_below(z, reach);
	insn.jf = fuzz_below(z, 2) ? 0 : fuzz_below(z, reach);
	if (!fuzz_below(z, 3))
		insn.code |= BPF_X;
	else if (fuzz_below(z, 3))
		insn.k &= fuzz_below(z, 2) ? 0xffff : 0x3f;
	return insn;
}

static inline struct sv_cbpf fuzz_load(struct fuzz *z)
{
	static const uint16_t size[] = { BPF_B, BPF_H, BPF_W };
	uint16_t code = BPF_LD | fuzz_pick(z, size);

	switch (fuzz_below(z, 6)) {
	case 0:
		return (struct sv_cbpf){ .code = BPF_LDX | BPF_B | BPF_MSH, .k = fuzz_offset(z) };
	case 1:
	case 2:
		return (struct sv_cbpf){ .code = code | BPF_IND, .k = fuzz_offset(z) };
	default:
		return (struct sv_cbpf){ .code = code | BPF_ABS, .k = fuzz_offset(z) };
	}
}

static inline struct sv_cbpf fuzz_insn(struct fuzz *z, uint32_t left)
{
	static const uint16_t state[] = { BPF_LD | BPF_IMM,
					  BPF_LDX | BPF_IMM,
					  BPF_LD | BPF_MEM,
					  BPF_LDX | BPF_MEM,
					  BPF_ST,
					  BPF_STX,
					  BPF_MISC | BPF_TAX,
					  BPF_MISC | BPF_TXA,
					  BPF_LD | BPF_W | BPF_LEN,
					  BPF_LDX | BPF_W | BPF_LEN };
	struct sv_cbpf insn;

	switch (fuzz_below(z, 20)) {
	case 0 ... 6:
		return fuzz_load(z);
	case 7 ... 10:
		return fuzz_alu(z);
	case 11 ... 14:
		return fuzz_jump(z, left);
	case 15:
		if (fuzz_below(z, 3))
			return fuzz_load(z);
		return (struct sv_cbpf){ .code = BPF_RET | (fuzz_below(z, 2) ? BPF_A : BPF_K),
					 .k = fuzz_below(z, 2) };
	default:
		insn = (struct sv_cbpf){ .code = fuzz_pick(z, state), .k = fuzz_below(z, 16) };
		if (BPF_MODE(insn.code) == BPF_IMM && BPF_CLASS(insn.code) <= BPF_LDX)
			insn.k = fuzz_offset(z);
		return insn;
	}
}

static inline void fuzz_make_raw(struct fuzz *z, size_t i)
{
	uint32_t n = 1 + fuzz_below(z, fuzz_below(z, 4) ? 24 : FUZZ_RAW_MAX);
	struct sv_cbpf *insn = calloc(n, sizeof(*insn));

	flab_must(insn, "memory");
	for (uint32_t pc = 0; pc < n - 1; pc++)
		insn[pc] = fuzz_insn(z, n - pc - 1);
	insn[n - 1] = (struct sv_cbpf){ .code = BPF_RET | (fuzz_below(z, 3) ? BPF_A : BPF_K),
					.k = fuzz_below(z, 2) };
	z->set[i] = (struct sv_cbpf_prog){ .n = n, .insn = insn };
	snprintf(z->text[i], FUZZ_TEXT, "(raw, %u instructions)", n);
}

/* ---- frames ---- */

static inline void fuzz_frame(struct fuzz *z, struct flab_view *v, uint8_t *bytes)
{
	uint32_t len = ff_build(bytes, &fuzz_pick(z, ff_table));

	if (!fuzz_below(z, 6)) {
		len = 14 + fuzz_below(z, 200);
		for (uint32_t i = 0; i < len; i++)
			bytes[i] = fuzz_next(z);
	} else if (fuzz_below(z, 2)) {
		for (uint32_t i = fuzz_below(z, 6); i > 0; i--)
			bytes[fuzz_below(z, len < 64 ? len : 64)] = fuzz_next(z);
	}
	v->bytes = bytes;
	v->cap = fuzz_below(z, 3) ? len : 14 + fuzz_below(z, len - 13);
	v->len = fuzz_below(z, 4) ? v->cap : v->cap + fuzz_below(z, 2000);
}

/* ---- one program ---- */

__attribute__((format(printf, 3, 4))) static inline int fuzz_fail(struct fuzz *z, uint32_t which,
								  const char *fmt, ...)
{
	char *at = z->failure;
	size_t room = sizeof(z->failure);
	va_list ap;
	int n = snprintf(at, room, "FUZZ_SEED=%lu FUZZ_PROGRAM=%lu: ", z->seed, z->programs);

	va_start(ap, fmt);
	vsnprintf(at + n, room - n, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < z->n; i++) {
		if (!(which & 1U << i))
			continue;
		fprintf(stderr, "filter %zu: %s\n", i, z->text[i]);
		for (size_t k = 0; k < z->set[i].n; k++)
			fprintf(stderr, "  %3zu: %#06x jt %u jf %u k %#x\n", k,
				z->set[i].insn[k].code, z->set[i].insn[k].jt, z->set[i].insn[k].jf,
				z->set[i].insn[k].k);
	}
	return -1;
}

static inline int fuzz_load_hook(struct fuzz *z, enum sv_filter_hook hook)
{
	struct sv_filter_code code;
	struct sv_err err;
	char *log;
	int fd;

	if (sv_filter_emit(&code, hook, z->set, z->n, z->lab->scratch, z->lab->progs[hook], &err))
		return fuzz_fail(z, ~0U, "the translator refuses it: %s", err.text);
	fd = flab_load_insns(hook, code.insn, code.n, NULL, 0);
	if (fd < 0) {
		log = calloc(1, 1 << 24);
		flab_must(log, "memory");
		flab_load_insns(hook, code.insn, code.n, log, 1 << 24);
		fprintf(stderr, "%s\n", strlen(log) > 4000 ? log + strlen(log) - 4000 : log);
		free(log);
		fd = fuzz_fail(z, ~0U, "the verifier refuses it (hook %d)", hook);
	}
	free(code.insn);
	return fd;
}

static inline int fuzz_try_frame(struct fuzz *z, const int prog[2], const struct flab_view *v)
{
	uint32_t want = 0, got;

	for (size_t i = 0; i < z->n; i++)
		want |= flab_expected(&z->ref[i], v) << i;
	z->matched += __builtin_popcount(want);
	for (int way = 0; way < FLAB__WAYS; way++) {
		if (!flab_run(z->lab, way, prog[flab_hook(way)], v, &got))
			continue;
		z->runs++;
		if (got == want)
			continue;
		for (uint32_t i = 0; i < v->cap && i < 200; i++)
			fprintf(stderr, "%02x%s", v->bytes[i],
				i % 16 == 15 || i == v->cap - 1 ? "\n" : " ");
		return fuzz_fail(z, got ^ want, "%s, %u bytes of %u: mask %#x, libpcap says %#x",
				 flab_way_name[way], v->cap, v->len, got, want);
	}
	return 0;
}

static inline int fuzz_try_frames(struct fuzz *z, const int prog[2])
{
	static uint8_t bytes[FLAB_FRAME_MAX];
	struct flab_view v;
	int rc = 0;

	for (int i = 0; i < FUZZ_FRAMES && !rc; i++) {
		fuzz_frame(z, &v, bytes);
		rc = fuzz_try_frame(z, prog, &v);
	}
	return rc;
}

static inline int fuzz_program(struct fuzz *z, unsigned long number)
{
	int prog[2] = { -1, -1 }, rc = 0;

	fuzz_seed(z, number);
	z->n = 1 + fuzz_below(z, SV_SESSION_BITS);
	for (size_t i = 0; i < z->n; i++) {
		if (fuzz_below(z, 2))
			fuzz_make_expression(z, i);
		else
			fuzz_make_raw(z, i);
	}
	for (size_t i = 0; i < z->n; i++)
		z->ref[i] = flab_reference(z->set[i].insn, z->set[i].n);
	for (int hook = 0; hook < 2 && !rc; hook++) {
		prog[hook] = fuzz_load_hook(z, hook);
		rc = prog[hook] < 0 ? -1 : 0;
	}
	if (!rc)
		rc = fuzz_try_frames(z, prog);
	for (size_t i = 0; i < z->n; i++) {
		free(z->set[i].insn);
		free(z->ref[i].insn);
	}
	close(prog[0]);
	close(prog[1]);
	return rc;
}

/* Until `seconds` are over, or `programs` were tried; 0: does not end it. */
static inline int fuzz_run(struct fuzz *z, time_t seconds, unsigned long programs)
{
	time_t end = time(NULL) + seconds;
	int rc = 0;

	while (!rc && (seconds ? time(NULL) < end : z->programs < programs)) {
		rc = fuzz_program(z, z->programs);
		z->programs += !rc;
	}
	return rc;
}

#endif
