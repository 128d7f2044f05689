/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_VIEW_H
#define SV_BPF_VIEW_H

/* The bytes of the view (maps/filter.h) at either hook. Include hook_xdp.h or hook_tc.h before. */
#include "maps/filter.h"

#define SV_VIEW_HEAD 16 /* both addresses and one tag */
#define SV_VIEW_CUT 4

/* 1 … max, for the verifier: it forgets what it learned of a copy of n. */
static __always_inline __u32 sv_view_bound(__u32 n, const __u32 max)
{
	n -= 1;
	barrier_var(n);
	if (n >= max)
		n = max - 1;
	return n + 1;
}

/*
 * The first n bytes of the view, n <= max; `to` has room for max and for SV_VIEW_HEAD, which may be
 * written beyond n. 0 or -errno.
 */
static __always_inline long sv_view_head(SV_CTX *ctx, const struct sv_view *v, void *to, __u32 n,
					 const __u32 max)
{
	if (v->put) {
		*(__be32 *)(to + SV_VIEW_AT) = bpf_htonl(v->put);
		if (n > SV_VIEW_HEAD &&
		    sv_ctx_load(ctx, SV_VIEW_AT, to + SV_VIEW_HEAD,
				sv_view_bound(n - SV_VIEW_HEAD, max - SV_VIEW_HEAD)))
			return -1;
	} else {
		if (sv_ctx_load_head(ctx, v->cut ? SV_VIEW_CUT : 0, to, sv_view_bound(n, max), max))
			return -1;
		if (!v->cut)
			return 0;
	}
	return sv_ctx_load(ctx, 0, to, SV_VIEW_AT);
}

/* n bytes from offset `off` of the view on, behind its head. 0 or -errno. */
static __always_inline long sv_view_rest(SV_CTX *ctx, const struct sv_view *v, __u32 off, void *to,
					 __u32 n, const __u32 max)
{
	return sv_ctx_load(ctx, off + v->cut - (v->put ? 4 : 0), to, sv_view_bound(n, max));
}

#endif
