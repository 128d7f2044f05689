/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_HELPERS_H
#define SV_BPF_HELPERS_H

/* Only for the BPF side: decisions that are also compiled natively must not include this. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
