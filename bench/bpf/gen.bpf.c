// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generator: run by BPF_PROG_TEST_RUN with live frames, it writes a frame's headers and sends
 * it out of a device. The kernel recycles the pages without resetting their bytes, so everything
 * that anybody on the way may have changed is written each time.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "gen.h"

const volatile struct gen_config config;

/* Only one CPU runs this. */
static __u32 flow, vlan;

SEC("xdp")
int gen(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 60 > end)
		return XDP_ABORTED;
		/* 60 bytes are there in the shortest frame: seven words and a half. */
#pragma unroll
	for (int i = 0; i < GEN_HEAD_WORDS - 1; i++)
		((__u64 *)data)[i] = config.head[i];
	*(__u32 *)(data + 56) = config.head[GEN_HEAD_WORDS - 1];

	if (++flow >= config.flows)
		flow = 0;
	if (config.vlans) {
		*(__be16 *)(data + 38) = bpf_htons(config.sport + flow);
		*(__be16 *)(data + 14) = bpf_htons(config.vid + vlan);
		if (++vlan >= config.vlans)
			vlan = 0;
	} else {
		*(__be16 *)(data + 34) = bpf_htons(config.sport + flow);
	}
	return bpf_redirect(config.ifindex, 0);
}

char _license[] SEC("license") = "GPL";
