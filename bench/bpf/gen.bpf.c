// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generator: run by BPF_PROG_TEST_RUN with live frames, it writes a frame's headers and sends
 * it out of a device.
 */
#include "frame.h"

const volatile struct gen_config config;

struct gen_turn turn;

SEC("xdp")
int gen(struct xdp_md *ctx)
{
	if (gen_write(ctx, &config, &turn))
		return XDP_ABORTED;
	return bpf_redirect(config.ifindex, 0);
}

char _license[] SEC("license") = "GPL";
