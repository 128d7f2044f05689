// SPDX-License-Identifier: GPL-2.0-only
/* The far end of the paced sender: how long did each frame take? */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "delay.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DELAY_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} delays SEC(".maps");

SEC("xdp")
int delay(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;
	__u64 took, *n;
	__u32 bucket;

	if (data + DELAY_STAMP_AT + sizeof(took) > (__u8 *)(long)ctx->data_end)
		return XDP_DROP;
	took = bpf_ktime_get_ns() - *(__u64 *)(data + DELAY_STAMP_AT);
	bucket = delay_bucket(took);
	n = bpf_map_lookup_elem(&delays, &bucket);
	if (n)
		(*n)++;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
