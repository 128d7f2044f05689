/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_VENDOR_TCX_H
#define SV_VENDOR_TCX_H

#include <linux/types.h>

/*
 * What the kernel's include/uapi/linux/bpf.h says about tcx since Linux 6.6, missing in the headers
 * of Linux 6.1 that Debian 12 ships. Enumerators of an ABI: the values cannot change.
 */
#define SV_BPF_TCX_INGRESS 46 /* enum bpf_attach_type, BPF_TCX_INGRESS */
#define SV_BPF_LINK_TYPE_TCX 11 /* enum bpf_link_type, BPF_LINK_TYPE_TCX */

/* struct bpf_link_info up to the member tcx of its union, which starts after three u32
 * and padding. */
struct sv_bpf_link_info_tcx {
	__u32 type;
	__u32 id;
	__u32 prog_id;
	__u32 pad;
	__u32 ifindex; /* 0: the device is gone */
	__u32 attach_type;
};

#endif
