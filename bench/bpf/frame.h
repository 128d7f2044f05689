/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BENCH_FRAME_H
#define SV_BENCH_FRAME_H

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "gen.h"

/*
 * Writes the frame's head. The kernel recycles the pages of live frames without resetting their
 * bytes, so everything that anybody on the way may have changed is written each time.
 */
static __always_inline int gen_write(struct xdp_md *ctx, const volatile struct gen_config *config,
				     struct gen_turn *turn)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + GEN_LEN_MIN > end)
		return -1;
		/* 60 bytes are there in the shortest frame: seven words and a half. */
#pragma unroll
	for (int i = 0; i < GEN_HEAD_WORDS - 1; i++)
		((__u64 *)data)[i] = config->head[i];
	*(__u32 *)(data + 56) = config->head[GEN_HEAD_WORDS - 1];

	if (++turn->flow >= config->flows)
		turn->flow = 0;
	if (config->vlans) {
		*(__be16 *)(data + 38) = bpf_htons(config->sport + turn->flow);
		*(__be16 *)(data + 14) = bpf_htons(config->vid + turn->vlan);
		if (++turn->vlan >= config->vlans)
			turn->vlan = 0;
	} else {
		*(__be16 *)(data + 34) = bpf_htons(config->sport + turn->flow);
	}
	return 0;
}

#endif
