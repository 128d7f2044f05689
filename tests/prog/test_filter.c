// SPDX-License-Identifier: GPL-2.0-only
/* The filter compiler: what its programs say equals libpcap's interpreter on the view, always. */
#include "filter_lab.h"

#include <dirent.h>
#include <linux/pkt_cls.h>
#include <linux/virtio_net.h>
#include <sys/stat.h>

#include "filter_cases.h"
#include "filter_frames.h"
#include "lab.h"
#include "loader/plane.h"
#include "tests/fuzz/filter_fuzz.h"

static struct flab lab;

/* Four expressions in one program, as libpcap has them and as ours are loaded. */
struct quad {
	const char *expression[SV_SESSION_BITS];
	struct sv_cbpf_prog libpcap[SV_SESSION_BITS];
	int prog[2];
};

/* libpcap's own compilation, not the one our translator was given. */
static struct sv_cbpf_prog compile(const char *expression)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	struct bpf_program program;
	struct sv_cbpf_prog ref;

	if (pcap_compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN))
		fail_msg("libpcap: `%s`: %s", expression, pcap_geterr(pcap));
	ref = flab_reference(program.bf_insns, program.bf_len);
	pcap_freecode(&program);
	pcap_close(pcap);
	return ref;
}

static void quad_open(struct quad *q, size_t first)
{
	struct sv_err err;

	for (int i = 0; i < SV_SESSION_BITS; i++) {
		q->expression[i] = filter_cases[(first + i) % FILTER_CASES];
		q->libpcap[i] = compile(q->expression[i]);
	}
	for (int hook = 0; hook < 2; hook++) {
		q->prog[hook] = sv_filter_load(hook, q->expression, SV_SESSION_BITS, lab.scratch,
					       lab.progs[hook], &err);
		if (q->prog[hook] < 0)
			fail_msg("`%s` and the next three: %s", q->expression[0], err.text);
	}
}

static void quad_close(struct quad *q)
{
	for (int i = 0; i < SV_SESSION_BITS; i++)
		free(q->libpcap[i].insn);
	close(q->prog[0]);
	close(q->prog[1]);
}

static uint32_t quad_expected(const struct quad *q, const struct flab_view *v)
{
	uint32_t mask = 0;

	for (int i = 0; i < SV_SESSION_BITS; i++)
		mask |= flab_expected(&q->libpcap[i], v) << i;
	return mask;
}

static void quad_try(const struct quad *q, const struct flab_view *v, const char *name,
		     size_t *runs, uint32_t *seen)
{
	uint32_t want = quad_expected(q, v), got;

	seen[0] |= want;
	seen[1] |= ~want;
	for (int way = 0; way < FLAB__WAYS; way++) {
		if (!flab_run(&lab, way, q->prog[flab_hook(way)], v, &got))
			continue;
		++*runs;
		if (got != want)
			fail_msg("%s, %s, %u bytes: mask %#x, libpcap says %#x for `%s`, `%s`, "
				 "`%s`, `%s`",
				 name, flab_way_name[way], v->cap, got, want, q->expression[0],
				 q->expression[1], q->expression[2], q->expression[3]);
	}
}

/* ---- frames of our own ---- */

/* Cut at every byte; on the emulated machine of check-kernel at every fourth, in turn. */
static void try_truncated(const struct quad *q, const struct ff *f, uint32_t phase, size_t *runs,
			  uint32_t *seen)
{
	uint32_t step = getenv("SV_EXPECT_XDP") ? 4 : 1;
	static uint8_t bytes[FLAB_FRAME_MAX];
	struct flab_view v = { .bytes = bytes };
	uint32_t len = ff_build(bytes, f);

	assert_true(len <= FLAB_FRAME_MAX);
	v.len = v.cap = len;
	quad_try(q, &v, f->name, runs, seen);
	/* Within every header, and what a snap length would leave of it. */
	for (v.cap = 14 + phase % step; v.cap < len && v.cap < 80; v.cap += step) {
		v.len = v.cap & 8 ? v.cap : len;
		quad_try(q, &v, f->name, runs, seen);
	}
}

static void test_frames(void **state)
{
	size_t runs = 0;
	struct quad q;

	(void)state;
	assert_true(FILTER_CASES >= 60);
	for (size_t first = 0; first < FILTER_CASES; first += SV_SESSION_BITS) {
		uint32_t seen[2] = {};

		quad_open(&q, first);
		for (size_t i = 0; i < FF_N; i++)
			try_truncated(&q, &ff_table[i], first / SV_SESSION_BITS + i, &runs, seen);
		quad_close(&q);
		for (int i = 0; i < SV_SESSION_BITS; i++) {
			if (!(seen[0] & 1 << i) || !(seen[1] & 1 << i))
				print_message("# `%s`: no frame %s it\n", q.expression[i],
					      seen[0] & 1 << i ? "misses" : "matches");
		}
	}
	print_message("# %zu expressions, %zu frames cut short, %zu runs\n", FILTER_CASES, FF_N,
		      runs);
}

/* ---- captures ---- */

struct capture {
	char name[160];
	size_t n;
	struct flab_view *view;
};

static void capture_add(struct capture *c, const struct pcap_pkthdr *hdr, const uint8_t *bytes)
{
	uint8_t *copy;

	if (hdr->caplen < 14 || hdr->caplen > FLAB_FRAME_MAX)
		return;
	c->view = realloc(c->view, (c->n + 1) * sizeof(*c->view));
	copy = malloc(hdr->caplen);
	assert_true(c->view && copy);
	memcpy(copy, bytes, hdr->caplen);
	c->view[c->n++] = (struct flab_view){ copy, hdr->caplen, hdr->len };
}

static bool capture_read(struct capture *c, const char *path, size_t most)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, why);
	struct pcap_pkthdr *hdr;
	const uint8_t *bytes;

	if (!pcap) {
		print_message("# %s: %s\n", path, why);
		return false;
	}
	*c = (struct capture){};
	snprintf(c->name, sizeof(c->name), "%s", strrchr(path, '/') + 1);
	if (pcap_datalink(pcap) == DLT_EN10MB) {
		while (c->n < most && pcap_next_ex(pcap, &hdr, &bytes) == 1)
			capture_add(c, hdr, bytes);
	} else {
		print_message("# %s is not Ethernet: left out\n", path);
	}
	pcap_close(pcap);
	return c->n > 0;
}

static size_t captures_read(struct capture *all, size_t n, size_t room, const char *folder)
{
	struct dirent **entry;
	int entries = scandir(folder, &entry, NULL, alphasort);
	char path[512];

	for (int i = 0; i < entries; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name);
		if (strstr(entry[i]->d_name, ".pcap") && n < room)
			n += capture_read(&all[n], path, 100);
		free(entry[i]);
	}
	if (entries > 0)
		free(entry);
	return n;
}

static size_t captures_find(struct capture *all, size_t room)
{
	const char *folder = getenv("CAPTURES") ?: "../shared/captures";
	const char *sipp = "/usr/share/sip-tester";
	size_t n = captures_read(all, 0, room, sipp), before = n;

	/* Only the machine that check-kernel boots does without the package. */
	if (!n && !getenv("SV_EXPECT_XDP"))
		fail_msg("no captures in %s: the package sip-tester is missing", sipp);
	n = captures_read(all, n, room, folder);
	if (n == before)
		print_message("# SKIPPED: no captures in %s ($CAPTURES)\n", folder);
	return n;
}

static void captures_free(struct capture *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < all[i].n; k++)
			free((void *)all[i].view[k].bytes);
		free(all[i].view);
	}
}

static void test_captures(void **state)
{
	static struct capture all[128];
	size_t n = captures_find(all, 128), runs = 0, packets = 0;
	struct quad q;

	(void)state;
	if (!n) {
		print_message("# SKIPPED: there are no captures at all on this machine\n");
		skip();
	}
	for (size_t first = 0; first < FILTER_CASES; first += SV_SESSION_BITS) {
		uint32_t seen[2] = {};

		quad_open(&q, first);
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; k < all[i].n; k++)
				quad_try(&q, &all[i].view[k], all[i].name, &runs, seen);
		}
		quad_close(&q);
	}
	for (size_t i = 0; i < n; i++)
		packets += all[i].n;
	captures_free(all, n);
	print_message("# %zu captures, %zu packets, %zu runs\n", n, packets, runs);
}

/* ---- non-linear skbs ---- */

/* Sends with all but `linear` bytes in fragments; only a frame longer than a page gets any. */
static void send_frags(int sock, uint32_t ifindex, const uint8_t *bytes, uint32_t len,
		       uint16_t linear)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = ifindex, .sll_halen = 6 };
	struct virtio_net_hdr hdr = { .hdr_len = linear };
	struct iovec iov[] = { { &hdr, sizeof(hdr) }, { (void *)bytes, len } };
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = 2
	};

	lab_must(sendmsg(sock, &msg, 0) == (ssize_t)(sizeof(hdr) + len), "send with a header");
}

/* Slot 0 of the live path: leaves how much was linear in sv_scratch, and drops. */
static void live_stage(struct flab *live)
{
	struct sv_emit e = { .hook = SV_FILTER_TC };
	__u32 lost, zero = 0;
	int fd;

	sv_emit_mov(&e, BPF_REG_6, BPF_REG_1);
	sv_emit(&e, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0);
	sv_emit_mov(&e, BPF_REG_2, BPF_REG_10);
	sv_emit_add_imm(&e, BPF_REG_2, -4);
	sv_emit_ld_fd(&e, BPF_REG_1, live->scratch);
	sv_emit(&e, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	lost = sv_emit_open(&e, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0);
	sv_emit_ld(&e, 4, BPF_REG_1, BPF_REG_6, offsetof(struct __sk_buff, data));
	sv_emit_ld(&e, 4, BPF_REG_2, BPF_REG_6, offsetof(struct __sk_buff, data_end));
	sv_emit(&e, BPF_ALU64 | BPF_SUB | BPF_X, BPF_REG_2, BPF_REG_1, 0, 0);
	sv_emit_st(&e, 4, BPF_REG_0, BPF_REG_2, offsetof(struct sv_scratch, state));
	sv_emit_close(&e, lost);
	sv_emit_mov_imm(&e, BPF_REG_0, TC_ACT_SHOT);
	sv_emit(&e, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fd = flab_load_insns(SV_FILTER_TC, e.code.insn, e.code.n, NULL, 0);
	free(e.code.insn);
	lab_must(fd >= 0 && !bpf_map_update_elem(live->progs[SV_FILTER_TC], &zero, &fd, BPF_ANY),
		 "the live stage");
	close(fd);
}

/* What the program left for the frame; *linear: how much of it was linear. */
static uint32_t live_mask(struct flab *live, uint32_t *linear)
{
	static struct sv_scratch values[1024];
	__u32 zero = 0;

	for (int tries = 0; tries < 2000; tries++) {
		lab_must(!bpf_map_lookup_elem(live->scratch, &zero, values), "sv_scratch");
		memcpy(linear, values[live->cpu].state, sizeof(*linear));
		if (*linear)
			return values[live->cpu].view.matched;
		usleep(1000);
	}
	fail_msg("the frame did not arrive");
	return 0;
}

static void live_try(struct flab *live, const struct lab *wire, int sock, const struct quad *q,
		     const struct flab_view *v, bool put)
{
	static uint8_t frame[FLAB_FRAME_MAX + 4];
	struct sv_view view;
	uint32_t linear, got, len = flab_frame(frame, put ? FLAB_TC_PUT : FLAB_TC, v, &view);

	if (!len)
		return;
	flab_set_view(live, &view, 0); /* also clears what the stage leaves */
	send_frags(sock, wire->q[0], frame, len, 14);
	got = live_mask(live, &linear);
	assert_true(linear < len);
	if (got != quad_expected(q, v))
		fail_msg("non-linear skb, %u of %u bytes linear, put %#x: mask %#x, libpcap says "
			 "%#x for `%s`, `%s`, `%s`, `%s`",
			 linear, len, view.put, got, quad_expected(q, v), q->expression[0],
			 q->expression[1], q->expression[2], q->expression[3]);
}

static void live_quad(struct flab *live, const struct lab *wire, int sock, size_t first, size_t *n)
{
	static uint8_t bytes[FLAB_FRAME_MAX];
	struct flab_view v = { .bytes = bytes };
	struct sv_err err;
	struct quad q;
	int prog;

	quad_open(&q, first);
	prog = sv_filter_load(SV_FILTER_TC, q.expression, SV_SESSION_BITS, live->scratch,
			      live->progs[SV_FILTER_TC], &err);
	assert_true(prog >= 0);
	{
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = wire->p[0],
			    .attach_point = BPF_TC_INGRESS);
		LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = 1, .priority = 1,
			    .flags = BPF_TC_F_REPLACE);

		assert_false(bpf_tc_attach(&hook, &opts));
	}
	for (size_t i = 0; i < FF_N; i++) {
		uint32_t len = ff_build(bytes, &ff_table[i]);

		v.cap = v.len = len > 5000 ? len : 5000;
		memset(bytes + len, 0x5a, v.cap - (len < v.cap ? len : v.cap));
		/* The kernel itself takes a tag off before TC: an outer one, here, is beside. */
		if (ff_table[i].tag[1][0])
			continue;
		live_try(live, wire, sock, &q, &v, ff_table[i].tag[0][0]);
		++*n;
	}
	close(prog);
	quad_close(&q);
}

static void test_nonlinear(void **state)
{
	struct flab live = lab;
	struct lab wire;
	size_t n = 0;
	int one = 1;

	(void)state;
	lab_open(&wire);
	lab_mtu(0, 9500);
	live.scratch = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "flab_live", 4,
				      sizeof(struct sv_scratch), 1, NULL);
	live.progs[SV_FILTER_TC] =
		bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "flab_live", 4, 4, 4, NULL);
	live_stage(&live);
	{
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = wire.p[0],
			    .attach_point = BPF_TC_INGRESS);
		int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

		assert_false(bpf_tc_hook_create(&hook));
		lab_must(sock >= 0 &&
				 !setsockopt(sock, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)),
			 "PACKET_VNET_HDR");
		for (size_t first = 0; first < FILTER_CASES; first += SV_SESSION_BITS)
			live_quad(&live, &wire, sock, first, &n);
		close(sock);
	}
	close(live.scratch);
	close(live.progs[SV_FILTER_TC]);
	print_message("# %zu non-linear frames\n", n);
}

/* ---- sets, exits, single instructions ---- */

static void test_sets(void **state)
{
	static const char *const terms[] = { "udp", NULL, "ip6", "port 5060", "arp", "" };
	static uint8_t bytes[FLAB_FRAME_MAX];
	const struct ff *sip = &ff_table[0];
	struct flab_view v = { .bytes = bytes };
	struct sv_err err;

	(void)state;
	v.cap = v.len = ff_build(bytes, sip);
	for (size_t n = 1; n <= SV_SESSION_BITS; n++) {
		for (int hook = 0; hook < 2; hook++) {
			for (int from = 0; from < 3; from++) {
				/* udp, all, ip6, 5060, arp, all */
				uint32_t want = 0x2b >> from & ((1U << n) - 1), got;
				enum flab_way way = hook == SV_FILTER_XDP ? FLAB_XDP : FLAB_TC;
				int fd = sv_filter_load(hook, terms + from, n, lab.scratch,
							lab.progs[hook], &err);

				assert_true(fd >= 0);
				assert_int_equal(flab_run(&lab, way, fd, &v, &got), 1);
				assert_int_equal(got, want);
				close(fd);
			}
		}
	}
}

/* Nobody behind the filter: the frame does not get through. */
static void test_no_stage(void **state)
{
	static const uint32_t want[] = { XDP_DROP, TC_ACT_SHOT };
	const char *expression = "udp";
	static uint8_t bytes[FLAB_FRAME_MAX];
	struct flab_view v = { .bytes = bytes };
	struct sv_err err;
	uint32_t got;

	(void)state;
	v.cap = v.len = ff_build(bytes, &ff_table[0]);
	for (int hook = 0; hook < 2; hook++) {
		int none = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "flab_none", 4, 4, 4, NULL);
		int fd = sv_filter_load(hook, &expression, 1, lab.scratch, none, &err);

		assert_true(none >= 0 && fd >= 0);
		assert_int_equal(flab_run(&lab, hook == SV_FILTER_XDP ? FLAB_XDP : FLAB_TC, fd, &v,
					  &got),
				 1);
		assert_int_equal(got, want[hook]);
		close(none);
		close(fd);
	}
}

/* A filter fits into the array that its entry and its stage are in. */
static void test_array(void **state)
{
	const char *expression = "udp portrange 10000-20000";
	struct sv_err err;
	__u32 slot = 3;

	(void)state;
	for (int hook = 0; hook < 2; hook++) {
		int fd = sv_filter_load(hook, &expression, 1, lab.scratch, lab.progs[hook], &err);

		assert_true(fd >= 0);
		assert_false(bpf_map_update_elem(lab.progs[hook], &slot, &fd, BPF_ANY));
		assert_false(bpf_map_delete_elem(lab.progs[hook], &slot));
		close(fd);
	}
}

static void many(char *out, size_t size, const char *term, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++) {
		len += snprintf(out + len, size - len, "%s", i ? " or " : "");
		len += snprintf(out + len, size - len, term, 14 + i);
	}
	assert_true(len < size);
}

/* As long as it may be, four times: the verifier takes it. */
static void try_long(const char *term, int n)
{
	static char text[16384];
	const char *set[SV_SESSION_BITS] = { text, text, text, text };
	struct sv_err err = {};

	many(text, sizeof(text), term, n);
	for (int hook = 0; hook < 2; hook++) {
		int fd = sv_filter_load(hook, set, SV_SESSION_BITS, lab.scratch, lab.progs[hook],
					&err);

		if (fd < 0)
			fail_msg("%d times `%s`: %s", n, term, err.text);
		close(fd);
	}
}

/* Longer: a clear word, and at once. */
static void try_too_long(const char *term, int n, const char *why)
{
	static char text[16384];
	struct sv_err err = {};

	many(text, sizeof(text), term, n);
	if (sv_filter_check(text, &err) != -EINVAL || !strstr(err.text, why))
		fail_msg("%d times `%s`: \"%s\", not a word of \"%s\"", n, term, err.text, why);
}

static void test_long(void **state)
{
	(void)state;
	try_long("host 10.0.0.%d", 50);
	try_long("port %d", 30);
	try_long("portrange %d-60000", 20);
	try_long("ip6 host fe80::%d", 55);
	try_long("ether[ether[%d]:4] = 77", 140);
	try_too_long("portrange %d-60000", 70, "too long");
	try_too_long("ip6 host fe80::%d", 70, "too long");
	try_too_long("host 10.0.0.%d", 300, "longer than");
}

static int load_raw(enum sv_filter_hook hook, const struct sv_cbpf_prog *set, size_t n)
{
	struct sv_filter_code code;
	int fd;

	assert_false(sv_filter_emit(&code, hook, set, n, lab.scratch, lab.progs[hook], NULL));
	fd = flab_load_insns(hook, code.insn, code.n, NULL, 0);
	free(code.insn);
	assert_true(fd >= 0);
	return fd;
}

/* A, X and M[] begin as 0, in the first filter of a set and after others. */
static void test_state(void **state)
{
	static const struct sv_cbpf dirty[] = {
		{ BPF_LD | BPF_IMM, 0, 0, 7 },	{ BPF_ST, 0, 0, 3 },
		{ BPF_LDX | BPF_IMM, 0, 0, 9 }, { BPF_STX, 0, 0, 15 },
		{ BPF_RET | BPF_A, 0, 0, 0 },
	};
	static const struct sv_cbpf clean[] = {
		{ BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0 }, { BPF_MISC | BPF_TAX, 0, 0, 0 },
		{ BPF_LD | BPF_MEM, 0, 0, 3 },		{ BPF_ALU | BPF_OR | BPF_X, 0, 0, 0 },
		{ BPF_LDX | BPF_MEM, 0, 0, 15 },	{ BPF_ALU | BPF_OR | BPF_X, 0, 0, 0 },
		{ BPF_RET | BPF_A, 0, 0, 0 },
	};
	const struct sv_cbpf_prog set[] = { { 5, (void *)dirty },
					    { 7, (void *)clean },
					    { 5, (void *)dirty },
					    { 7, (void *)clean } };
	static uint8_t bytes[FLAB_FRAME_MAX];
	struct flab_view v = { .bytes = bytes };
	uint32_t got;

	(void)state;
	v.cap = v.len = ff_build(bytes, &ff_table[0]);
	for (int hook = 0; hook < 2; hook++) {
		int fd = load_raw(hook, set, 4);

		for (int i = 0; i < 2; i++) {
			flab_run(&lab, hook == SV_FILTER_XDP ? FLAB_XDP : FLAB_TC, fd, &v, &got);
			assert_int_equal(got, 0x5);
		}
		close(fd);
	}
}

static void be32(uint8_t *at, uint32_t value)
{
	value = htonl(value);
	memcpy(at, &value, sizeof(value));
}

/* A operation X, and four things done with the result. */
struct operation {
	struct sv_cbpf insn[SV_SESSION_BITS][6];
	struct sv_cbpf_prog ref[SV_SESSION_BITS];
	int prog[2];
};

static void operation_open(struct operation *o, uint16_t op)
{
	static const struct sv_cbpf tail[SV_SESSION_BITS] = {
		{ BPF_ALU | BPF_ADD | BPF_K, 0, 0, 0 },
		{ BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x80000001 },
		{ BPF_ALU | BPF_MOD | BPF_K, 0, 0, 7 },
		{ BPF_ALU | BPF_DIV | BPF_X, 0, 0, 0 },
	};
	struct sv_cbpf_prog set[SV_SESSION_BITS];

	for (int i = 0; i < SV_SESSION_BITS; i++) {
		const struct sv_cbpf code[6] = {
			{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 18 },
			{ BPF_MISC | BPF_TAX, 0, 0, 0 },
			{ BPF_LD | BPF_W | BPF_ABS, 0, 0, 14 },
			{ BPF_ALU | op, 0, 0, 0 },
			tail[i],
			{ BPF_RET | BPF_A, 0, 0, 0 },
		};

		memcpy(o->insn[i], code, sizeof(code));
		set[i] = (struct sv_cbpf_prog){ 6, o->insn[i] };
		o->ref[i] = flab_reference(o->insn[i], 6);
	}
	for (int hook = 0; hook < 2; hook++)
		o->prog[hook] = load_raw(hook, set, SV_SESSION_BITS);
}

static void operation_close(struct operation *o)
{
	for (int i = 0; i < SV_SESSION_BITS; i++)
		free(o->ref[i].insn);
	close(o->prog[0]);
	close(o->prog[1]);
}

static void operation_try(const struct operation *o, uint32_t a, uint32_t x)
{
	uint8_t bytes[60] = {};
	struct flab_view v = { bytes, sizeof(bytes), sizeof(bytes) };
	uint32_t want = 0, got;

	be32(bytes + 14, a);
	be32(bytes + 18, x);
	for (int i = 0; i < SV_SESSION_BITS; i++)
		want |= flab_expected(&o->ref[i], &v) << i;
	for (int way = 0; way < FLAB__WAYS; way++) {
		if (flab_run(&lab, way, o->prog[flab_hook(way)], &v, &got) && got != want)
			fail_msg("%s, code %#x, A %#x, X %#x: mask %#x, libpcap says %#x",
				 flab_way_name[way], o->insn[0][3].code, a, x, got, want);
	}
}

/* Every operation with operands at the edges. */
static void test_arithmetic(void **state)
{
	static const uint16_t op[] = { BPF_ADD | BPF_X, BPF_SUB | BPF_X, BPF_MUL | BPF_X,
				       BPF_DIV | BPF_X, BPF_MOD | BPF_X, BPF_OR | BPF_X,
				       BPF_AND | BPF_X, BPF_XOR | BPF_X, BPF_LSH | BPF_X,
				       BPF_RSH | BPF_X, BPF_NEG };
	static const uint32_t edge[] = { 0,  1,	 2,	 7,	     31,	 32,
					 33, 64, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff };
	const size_t n = sizeof(edge) / sizeof(edge[0]);
	struct operation o;

	(void)state;
	for (size_t i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
		operation_open(&o, op[i]);
		for (size_t k = 0; k < n * n; k++)
			operation_try(&o, edge[k / n], edge[k % n]);
		operation_close(&o);
	}
}

/* What is no program is not translated. */
static void test_invalid(void **state)
{
	static const struct sv_cbpf bad[][2] = {
		{ { BPF_LD | BPF_IMM, 0, 0, 0 },
		  { BPF_LD | BPF_IMM, 0, 0, 0 } }, /* runs off its end */
		{ { BPF_JMP | BPF_JA, 0, 0, 1 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { BPF_JMP | BPF_JA, 0, 0, ~0U }, { BPF_RET | BPF_K, 0, 0, 0 } }, /* backward */
		{ { BPF_JMP | BPF_JEQ, 1, 0, 0 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { BPF_JMP | BPF_JEQ, 0, 1, 0 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { BPF_ST, 0, 0, 16 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { BPF_LDX | BPF_MEM, 0, 0, 16 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { BPF_LD | BPF_DW | BPF_ABS, 0, 0, 0 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { BPF_JMP | 0x50, 0, 0, 0 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { BPF_ALU | 0xb0, 0, 0, 0 }, { BPF_RET | BPF_K, 0, 0, 0 } },
		{ { 0x100, 0, 0, 0 }, { BPF_RET | BPF_K, 0, 0, 0 } },
	};
	struct sv_filter_code code;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct sv_cbpf_prog prog = { 2, (void *)bad[i] };

		assert_int_equal(sv_filter_emit(&code, SV_FILTER_XDP, &prog, 1, -1, -1, NULL),
				 -EINVAL);
	}
}

/* A short run of `make fuzz`, always the same one. */
static void test_fuzz(void **state)
{
	struct fuzz fuzz = { .lab = &lab, .seed = 20260131 };
	int rc;

	(void)state;
	rc = fuzz_run(&fuzz, 0, 250);
	print_message("# seed %lu: %lu programs, %lu runs\n", fuzz.seed, fuzz.programs, fuzz.runs);
	if (rc)
		fail_msg("%s", fuzz.failure);
	assert_true(fuzz.programs >= 250);
}

static int group_setup(void **state)
{
	(void)state;
	flab_open(&lab);
	for (int way = 0; way < FLAB__WAYS; way++) {
		if (!lab.can[way])
			print_message("# %s: this kernel's TEST_RUN cannot make such frames\n",
				      flab_way_name[way]);
	}
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	flab_close(&lab);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),	 cmocka_unit_test(test_no_stage),
		cmocka_unit_test(test_array),	 cmocka_unit_test(test_long),
		cmocka_unit_test(test_state),	 cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_invalid),	 cmocka_unit_test(test_frames),
		cmocka_unit_test(test_captures), cmocka_unit_test(test_nonlinear),
		cmocka_unit_test(test_fuzz),
	};

	return cmocka_run_group_tests_name("filters", tests, group_setup, group_teardown);
}
