// SPDX-License-Identifier: GPL-2.0-only
/* Somebody else's programs on our devices: they count frames and let them go on. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} beside_seen SEC(".maps");

struct {
	__uint(priority, 10);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(beside_xdp);

static __always_inline void count(__u32 row)
{
	__u64 *seen = bpf_map_lookup_elem(&beside_seen, &row);

	if (seen)
		__sync_fetch_and_add(seen, 1);
}

SEC("xdp.frags")
int beside_xdp(struct xdp_md *ctx __attribute__((unused)))
{
	count(0);
	return XDP_PASS;
}

SEC("tc")
int beside_tc(struct __sk_buff *skb __attribute__((unused)))
{
	count(1);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
