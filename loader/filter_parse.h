/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_FILTER_PARSE_H
#define SV_LOADER_FILTER_PARSE_H

#include <linux/types.h>
#include <stddef.h>

#include "err.h"

/* Classic BPF, as bpf(4) describes it; a layout that libpcap and the kernel share. */
struct sv_cbpf {
	__u16 code;
	__u8 jt, jf;
	__u32 k;
};

struct sv_cbpf_prog {
	size_t n; /* 0: matches everything */
	struct sv_cbpf *insn; /* the caller's to free() */
};

/* Instructions of one expression: what a jump of eBPF can cross, translated twice
 * (filter_emit.c). */
#define SV_CBPF_MAX 1000

/*
 * A pcap-filter expression over Ethernet; NULL and blank match everything. Reads no name service
 * but /etc/services and /etc/protocols: -EINVAL for a host's name, and for what a filter on the
 * view cannot mean.
 */
int sv_filter_parse(struct sv_cbpf_prog *prog, const char *expression, struct sv_err *err);

/* filter_word.c: the words that are refused. Pure. */
int sv_filter_words(const char *expression, struct sv_err *err);

#endif
