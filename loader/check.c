// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "internal.h"

#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){ .code = c, .dst_reg = d, .src_reg = s, .off = o, .imm = i })
#define RET(value)                                                                                 \
	INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, value), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* ---- probes: 1 works, 0 does not, -EPERM we may not ---- */

static int loads(enum bpf_prog_type type, enum bpf_attach_type attach, __u32 flags,
		 const struct bpf_insn *insns, size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach, .prog_flags = flags);
	_cleanup_close_ int fd = bpf_prog_load(type, "sv_probe", "GPL", insns, n, &opts);

	if (fd >= 0)
		return 1;
	return errno == EPERM ? -EPERM : 0;
}

static int has_btf(void)
{
	return !access("/sys/kernel/btf/vmlinux", R_OK);
}

static int has_xdp(void)
{
	const struct bpf_insn prog[] = { RET(XDP_PASS) };

	return loads(BPF_PROG_TYPE_XDP, BPF_XDP, 0, prog, 2);
}

static int has_frags(void)
{
	const struct bpf_insn prog[] = { RET(XDP_PASS) };

	return loads(BPF_PROG_TYPE_XDP, BPF_XDP, BPF_F_XDP_HAS_FRAGS, prog, 2);
}

static int has_devmap_prog(void)
{
	const struct bpf_insn prog[] = { RET(XDP_PASS) };

	return loads(BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, 0, prog, 2);
}

static int has_tc(void)
{
	const struct bpf_insn prog[] = { RET(0) };

	return loads(BPF_PROG_TYPE_SCHED_CLS, 0, 0, prog, 2);
}

static int has_raw_tp(void)
{
	const struct bpf_insn prog[] = { RET(0) };

	return loads(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, prog, 2);
}

static int has_boot_clock(void)
{
	const struct bpf_insn prog[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_boot_ns),
		RET(0),
	};

	return loads(BPF_PROG_TYPE_XDP, BPF_XDP, 0, prog, 3);
}

static int has_map(enum bpf_map_type type, __u32 key, __u32 value, __u32 max, int inner)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	_cleanup_close_ int fd = -1;

	if (inner >= 0)
		opts.inner_map_fd = inner;
	fd = bpf_map_create(type, "sv_probe", key, value, max, &opts);
	if (fd >= 0)
		return 1;
	return errno == EPERM ? -EPERM : 0;
}

static int has_prog_array(void)
{
	return has_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, -1);
}

static int has_mmap(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	_cleanup_close_ int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sv_probe", 4, 8, 1, &opts);

	if (inner < 0)
		return errno == EPERM ? -EPERM : 0;
	return has_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 2, inner);
}

static int has_cmpxchg(void)
{
	const struct bpf_insn prog[] = {
		INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 10, 1, -8, BPF_CMPXCHG),
		RET(XDP_PASS),
	};

	return loads(BPF_PROG_TYPE_XDP, BPF_XDP, 0, prog, 6);
}

static int has_ringbuf(void)
{
	return has_map(BPF_MAP_TYPE_RINGBUF, 0, 0, SV_EVENT_BYTES, -1);
}

static int has_fanout(void)
{
	_cleanup_close_ int inner =
		bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "sv_probe", 4, 8, 1, NULL);

	if (inner < 0)
		return errno == EPERM ? -EPERM : 0;
	return has_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 2, inner);
}

/* The flag is only looked at when the helper runs: it answers XDP_ABORTED to one it does
 * not know. */
static int has_broadcast(void)
{
	_cleanup_close_ int map =
		bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH, "sv_probe", 4, 8, 1, NULL);
	const struct bpf_insn insns[] = {
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, BPF_F_BROADCAST),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	char frame[64] = "";
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame));
	_cleanup_close_ int prog = -1;

	if (map < 0)
		return errno == EPERM ? -EPERM : 0;
	prog = bpf_prog_load(BPF_PROG_TYPE_XDP, "sv_probe", "GPL", insns, 6, NULL);
	if (prog < 0)
		return errno == EPERM ? -EPERM : 0;
	return !bpf_prog_test_run_opts(prog, &run) && run.retval == XDP_REDIRECT;
}

static int has_batch(void)
{
	_cleanup_close_ int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sv_probe", 4, 8, 2, NULL);
	__u32 keys[2] = { 0, 1 }, n = 2;
	__u64 values[2] = { 1, 2 };

	if (map < 0)
		return errno == EPERM ? -EPERM : 0;
	return !bpf_map_update_batch(map, keys, values, &n, NULL);
}

bool sv_check_ext(void)
{
	sv_log_start();
	return libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) == 1;
}

/* ---- the list ---- */

static const struct feature {
	int (*works)(void);
	const char *missing;
} features[] = {
	{ has_btf,
	  "type information of the kernel: /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)" },
	{ has_xdp, "XDP programs (Linux 4.8)" },
	{ has_tc, "TC programs (Linux 4.1, CONFIG_NET_CLS_BPF)" },
	{ has_prog_array, "tail calls between BPF programs (Linux 4.2)" },
	{ has_raw_tp, "raw tracepoint programs (Linux 4.17, CONFIG_BPF_EVENTS)" },
	{ has_fanout, "arrays of hashed device maps (Linux 5.4)" },
	{ has_mmap, "arrays of memory-mapped arrays (Linux 5.5)" },
	{ has_batch, "batched map updates (Linux 5.6)" },
	{ has_boot_clock, "bpf_ktime_get_boot_ns (Linux 5.8)" },
	{ has_devmap_prog, "programs in device maps (Linux 5.8)" },
	{ has_ringbuf, "BPF ring buffers (Linux 5.8)" },
	{ has_cmpxchg, "atomic compare-and-exchange in BPF (Linux 5.12)" },
	{ has_broadcast, "XDP redirects to several devices, BPF_F_BROADCAST (Linux 5.14)" },
	{ has_frags, "XDP frames of several buffers (Linux 5.18)" },
};

int sv_plane_check(struct sv_err *err)
{
	char list[sizeof(err->text)] = "";
	size_t len = 0;

	sv_log_start();
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		int rc = features[i].works();

		if (rc == -EPERM)
			return sv_err_set(err, -EPERM,
					  "not allowed to use BPF: needs root, or CAP_BPF and "
					  "CAP_NET_ADMIN (and CAP_PERFMON)");
		if (!rc && len < sizeof(list))
			len += snprintf(list + len, sizeof(list) - len, "%s%s", len ? "; " : "",
					features[i].missing);
	}
	if (len)
		return sv_err_set(err, -EOPNOTSUPP, "the kernel lacks: %.480s", list);
	return 0;
}
