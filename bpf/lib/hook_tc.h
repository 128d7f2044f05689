/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_HOOK_TC_H
#define SV_BPF_HOOK_TC_H

#include "helpers.h"

/* What view.h, tap.h and pick.h have to know of the hook they are built for. */
#define SV_CTX struct __sk_buff

/* The walk over the destinations trims the frame before its device sees it. */
#define SV_CUT_AFTER_CHECK 0

static __always_inline long sv_ctx_load(struct __sk_buff *skb, __u32 off, void *to, __u32 n)
{
	return bpf_skb_load_bytes(skb, off, to, n);
}

static __always_inline long sv_ctx_load_head(struct __sk_buff *skb, __u32 off, void *to, __u32 n,
					     __u32 max)
{
	(void)max;
	return bpf_skb_load_bytes(skb, off, to, n);
}

#endif
