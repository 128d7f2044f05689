/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_FILTER_H
#define SV_LOADER_FILTER_H

#include <linux/bpf.h>
#include <stddef.h>

#include "err.h"
#include "maps/filter.h"

/*
 * The filter compiler: pcap-filter expression ─libpcap─► classic BPF ─► eBPF, one program for all
 * the sessions of an attachment. maps/filter.h says how such a program is entered and left, and
 * what it sees. Inside the loader; everybody else uses sv_filter_check() and sv_filter_digest().
 */
enum sv_filter_hook {
	SV_FILTER_XDP,
	SV_FILTER_TC,
};

/* Raise it when the same expressions come to mean another program: it is part of the digest. */
#define SV_FILTER_VERSION 1

struct sv_filter_code {
	size_t n;
	struct bpf_insn *insn; /* the caller's to free() */
};

/*
 * Generates the program of a set: `n` expressions by mask bit, NULL = matches everything.
 * `scratch` and `progs` are descriptors of sv_scratch and of the hook's program array. Pure.
 */
int sv_filter_generate(struct sv_filter_code *code, enum sv_filter_hook hook,
		       const char *const *expression, size_t n, int scratch, int progs,
		       struct sv_err *err);
/* Generates and loads; a descriptor or -errno, with the verifier's last lines in err. */
int sv_filter_load(enum sv_filter_hook hook, const char *const *expression, size_t n, int scratch,
		   int progs, struct sv_err *err);

#endif
