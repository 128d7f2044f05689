/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_BPF_PARSE_H
#define SV_BPF_PARSE_H

#include <linux/types.h>

#include <bpf/bpf_endian.h>

#define SV_ETH_LEN 14
#define SV_TAG_LEN 4
#define SV_ETH_8021Q 0x8100
#define SV_ETH_8021AD 0x88a8
#define SV_ETH_ARP 0x0806
#define SV_ETH_IPV6 0x86dd
#define SV_VID_MASK 0x0fff

/* What the data plane knows of a frame. Everything behind the VNet's own tag is opaque. */
struct sv_frame {
	__u16 vlan; /* VID of the VNet's tag; 0 = untagged, priority tag, another protocol's tag */
	__u16 tci; /* of the 802.1Q tag that was read, also with VID 0; else 0 */
	__be16 proto; /* type of what follows that tag; 0 = opaque: never looked into */
	__u16 l3; /* where it starts in the frame's bytes */
};

/* Frames start at even addresses: no header below needs more alignment than two bytes. */
struct sv_eth {
	__u8 dst[6];
	__u8 src[6];
	__be16 proto;
};

struct sv_tag {
	__be16 tci;
	__be16 proto;
};

/*
 * The frame's bytes with the tag still in them (XDP). `opaque`: the port is a VNode's, whose tags
 * are its own business. Returns 0, or -1 when the frame ends before its header does; then *f is as
 * for an untagged frame.
 */
static inline __attribute__((always_inline)) int sv_parse(const void *data, const void *end,
							  int opaque, struct sv_frame *f)
{
	const struct sv_eth *eth = data;
	const struct sv_tag *tag = data + SV_ETH_LEN;

	*f = (struct sv_frame){ .l3 = SV_ETH_LEN };
	if ((const void *)(eth + 1) > end)
		return -1;
	f->proto = eth->proto;
	if (opaque || eth->proto != bpf_htons(SV_ETH_8021Q))
		return 0;
	if ((const void *)(tag + 1) > end)
		return -1;
	f->tci = bpf_ntohs(tag->tci);
	f->vlan = f->tci & SV_VID_MASK;
	f->proto = tag->proto;
	f->l3 = SV_ETH_LEN + SV_TAG_LEN;
	return 0;
}

/* The same answer where the kernel has moved the outermost tag beside the frame (TC). */
static inline __attribute__((always_inline)) int sv_parse_beside(const void *data, const void *end,
								 int opaque, int tagged,
								 __be16 tag_proto, __u16 tci,
								 struct sv_frame *f)
{
	const struct sv_eth *eth = data;

	*f = (struct sv_frame){ .l3 = SV_ETH_LEN };
	if ((const void *)(eth + 1) > end)
		return -1;
	if (!tagged) {
		f->proto = eth->proto;
		return 0;
	}
	if (opaque || tag_proto != bpf_htons(SV_ETH_8021Q))
		return 0;
	f->tci = tci;
	f->vlan = tci & SV_VID_MASK;
	f->proto = eth->proto;
	return 0;
}

/* PCP and DEI as struct sv_meta carries them. */
static inline __u8 sv_pcp_dei(__u16 tci)
{
	return (tci >> 8) & 0xf0;
}

static inline __u16 sv_tci(__u16 vlan, __u8 pcp_dei)
{
	return vlan | (__u16)pcp_dei << 8;
}

#endif
