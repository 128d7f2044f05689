/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_HOOK_XDP_H
#define SV_BPF_HOOK_XDP_H

#include "helpers.h"

/* What view.h, tap.h and pick.h have to know of the hook they are built for. */
#define SV_CTX struct xdp_md

/* A broadcast skips a device by the length of the whole frame; the guard cuts it afterwards. */
#define SV_CUT_AFTER_CHECK 1

static __always_inline long sv_ctx_load(struct xdp_md *ctx, __u32 off, void *to, __u32 n)
{
	return bpf_xdp_load_bytes(ctx, off, to, n);
}

#endif
