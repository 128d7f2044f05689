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

#define SV_CTX_CHUNK 32

static __always_inline void sv_ctx_chunk(void *to, const void *from)
{
	for (int i = 0; i < SV_CTX_CHUNK / 8; i++)
		((__u64 *)to)[i] = ((const __u64 *)from)[i];
}

/*
 * The same for the first bytes of a frame (off <= 4), read where they are: the helper's copy costs
 * more than everything else. Chunks from the start, and one that ends with the last byte.
 */
static __always_inline long sv_ctx_load_head(struct xdp_md *ctx, __u32 off, void *to, __u32 n,
					     const __u32 max)
{
	const void *from = (void *)(long)ctx->data + off, *end = (void *)(long)ctx->data_end;
	__u32 last = n - SV_CTX_CHUNK;

	for (__u32 i = 0; i + SV_CTX_CHUNK <= max; i += SV_CTX_CHUNK) {
		if (i + SV_CTX_CHUNK > n)
			break;
		if (from + i + SV_CTX_CHUNK > end)
			return bpf_xdp_load_bytes(ctx, off, to, n);
		sv_ctx_chunk(to + i, from + i);
	}
	if (!(n % SV_CTX_CHUNK))
		return 0;
	barrier_var(last);
	if (last > max - SV_CTX_CHUNK || from + last + SV_CTX_CHUNK > end)
		return bpf_xdp_load_bytes(ctx, off, to, n);
	sv_ctx_chunk(to + last, from + last);
	return 0;
}

#endif
