// SPDX-License-Identifier: GPL-2.0-only
/* The second limit: a redirect that looks at nothing, to one device or to two. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__uint(value_size, 8);
} outputs SEC(".maps");

const volatile __u64 flags;

SEC("xdp")
int bare(struct xdp_md *ctx)
{
	(void)ctx;
	return bpf_redirect_map(&outputs, 0, flags);
}

char _license[] SEC("license") = "GPL";
