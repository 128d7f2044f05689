// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies on their way to a collector: what is put in front of them, byte by byte, and every reason
 * not to send one. q0 is where copies are delivered, p0 the export port behind it; p1 leads to the
 * collectors, p2 is an edge, p3 a second export port.
 */
#include "lab.h"

#include "bpf/encap.skel.h"
#include "maps/attach.h"
#include "maps/count.h"
#include "maps/export.h"

#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <net/route.h>

#define OUTER 50
#define PORT 4789
#define LOCAL "192.0.2.1"
#define COLLECTOR "192.0.2.9"

static struct lab lab;
static struct sv_encap *encap;
static const uint8_t collector_mac[6] = { 0x02, 0, 0, 0, 0, 0xc0 };
static const uint8_t gateway_mac[6] = { 0x02, 0, 0, 0, 0, 0xfe };
static uint8_t way_mac[6];

#define MAP(name) bpf_map__fd(encap->maps.name)

/* ---- the host's addresses, routes and neighbours ---- */

static struct sockaddr address(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr(text) };
	struct sockaddr out;

	memcpy(&out, &in, sizeof(out));
	return out;
}

static void set_address(const char *dev, const char *text)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_addr = address(text) };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", dev);
	lab_must(s >= 0 && !ioctl(s, SIOCSIFADDR, &req), text);
	close(s);
}

static void route(const char *to, const char *via, bool add)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry rt = { .rt_dst = address(to),
			      .rt_gateway = address(via),
			      .rt_genmask = address("255.255.255.0"),
			      .rt_flags = RTF_UP | RTF_GATEWAY };

	lab_must(s >= 0 && !ioctl(s, add ? SIOCADDRT : SIOCDELRT, &rt), to);
	close(s);
}

static void neighbour(uint32_t ifindex, const char *text, const uint8_t *mac)
{
	struct {
		struct nlmsghdr h;
		struct ndmsg nd;
		struct rtattr dst_attr;
		uint32_t dst;
		struct rtattr mac_attr;
		uint8_t mac[8];
	} m = { .h = { .nlmsg_len = sizeof(m),
		       .nlmsg_type = RTM_NEWNEIGH,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
		.nd = { .ndm_family = AF_INET, .ndm_ifindex = ifindex, .ndm_state = NUD_PERMANENT },
		.dst_attr = { .rta_len = 8, .rta_type = NDA_DST },
		.dst = inet_addr(text),
		.mac_attr = { .rta_len = 10, .rta_type = NDA_LLADDR } };
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		uint8_t rest[1024];
	} answer;
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	memcpy(m.mac, mac, 6);
	lab_must(s >= 0 && send(s, &m, sizeof(m), 0) > 0 &&
			 recv(s, &answer, sizeof(answer), 0) > 0 && !answer.e.error,
		 text);
	close(s);
}

static void forwarding(const char *dev)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", dev);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	lab_must(fd >= 0 && write(fd, "1", 1) == 1, path);
	close(fd);
}

/* ---- tables ---- */

static void dcount_set(uint32_t ifindex, enum sv_port_role role)
{
	int cpus = libbpf_num_possible_cpus();
	struct sv_dcount *all = calloc(cpus, sizeof(*all));

	for (int i = 0; i < cpus; i++)
		all[i].role = role;
	lab_must(!bpf_map_update_elem(MAP(sv_dcount), &ifindex, all, BPF_ANY), "sv_dcount");
	free(all);
}

static uint64_t dcount(uint32_t ifindex, enum sv_dev_reason reason)
{
	int cpus = libbpf_num_possible_cpus();
	struct sv_dcount *all = calloc(cpus, sizeof(*all));
	uint64_t sum = 0;

	lab_must(!bpf_map_lookup_elem(MAP(sv_dcount), &ifindex, all), "sv_dcount");
	for (int i = 0; i < cpus; i++)
		sum += all[i].r[reason];
	free(all);
	return sum;
}

/* `why` n times at p0, and nothing else. */
static void expect_count(enum sv_dev_reason why, uint64_t n)
{
	for (int r = 0; r < SV_DEV__COUNT; r++) {
		uint64_t want = r == (int)why ? n : 0, got = dcount(lab.p[0], r);

		if (got != want)
			fail_msg("counter %d: %llu instead of %llu", r, (unsigned long long)got,
				 (unsigned long long)want);
	}
}

static struct sv_export vxlan(void)
{
	return (struct sv_export){ .local = inet_addr(LOCAL),
				   .remote = inet_addr(COLLECTOR),
				   .id = 0xabcdef,
				   .port = htons(PORT),
				   .kind = SV_EXPORT_VXLAN,
				   .ttl = 61,
				   .mtu = 9000,
				   .dev = lab.p[1] };
}

static struct sv_export erspan(void)
{
	struct sv_export x = vxlan();

	x.kind = SV_EXPORT_ERSPAN;
	x.id = 0x2a5;
	x.port = 0;
	return x;
}

static void set_export(uint32_t ifindex, const struct sv_export *x)
{
	lab_must(!bpf_map_update_elem(MAP(sv_export), &ifindex, x, BPF_ANY), "sv_export");
	dcount_set(lab.p[0], SV_ROLE_EXPORT);
	dcount_set(lab.p[3], SV_ROLE_EXPORT);
	lab_drain(&lab);
}

static int group_setup(void **state)
{
	(void)state;
	lab_open(&lab);
	encap = sv_encap__open_and_load();
	lab_must(encap, "encap.bpf.o");
	for (int i = 0; i <= 3; i += 3) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = lab.p[i], .attach_point = BPF_TC_INGRESS);
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1,
			    .prog_fd = bpf_program__fd(encap->progs.sv_tc_export));

		lab_must(!bpf_tc_hook_create(&hook) && !bpf_tc_attach(&hook, &opts), "clsact");
	}
	forwarding("p0");
	forwarding("p3");
	for (int i = 0; i < 4; i++)
		lab_mtu(i, 9100);
	for (int i = 1; i < 3; i++) {
		char name[16];

		lab_name(name, 'p', i);
		lab_ioctl(name, SIOCSIFFLAGS, IFF_UP); /* with ARP: it has neighbours */
		set_address(name, i == 1 ? LOCAL : "198.51.100.1");
	}
	neighbour(lab.p[1], COLLECTOR, collector_mac);
	neighbour(lab.p[1], "192.0.2.254", gateway_mac);
	neighbour(lab.p[2], "198.51.100.9", collector_mac);
	dcount_set(lab.p[1], SV_ROLE_TRUNK);
	dcount_set(lab.p[2], SV_ROLE_EDGE);
	{
		int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		struct ifreq req = { .ifr_name = "p1" };

		lab_must(s >= 0 && !ioctl(s, SIOCGIFHWADDR, &req), "p1");
		memcpy(way_mac, req.ifr_hwaddr.sa_data, 6);
		close(s);
	}
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	sv_encap__destroy(encap);
	return 0;
}

/* ---- frames ---- */

struct frame {
	uint32_t len;
	uint8_t bytes[LAB_FRAME];
};

static void put_be16(uint8_t *at, uint16_t v)
{
	at[0] = v >> 8;
	at[1] = v;
}

/* UDP over IPv4, the tags of `tags` in front, `len` bytes; the IP header says so many `more`. */
static struct frame frame(uint32_t len, const uint32_t *tags, size_t n_tags, uint16_t sport,
			  uint16_t more)
{
	struct frame f = { .len = len };
	uint8_t *at = f.bytes + 12;

	for (uint32_t i = 0; i < len; i++)
		f.bytes[i] = i * 7 + 3;
	memcpy(f.bytes, (uint8_t[]){ 2, 0, 0, 0, 1, 1, 2, 0, 0, 0, 2, 2 }, 12);
	for (size_t i = 0; i < n_tags; i++, at += 4) {
		put_be16(at, tags[i] >> 16);
		put_be16(at + 2, tags[i]);
	}
	put_be16(at, ETH_P_IP);
	at += 2;
	if (at + 28 > f.bytes + len)
		return f;
	memcpy(at, (uint8_t[]){ 0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 },
	       20);
	put_be16(at + 2, f.bytes + len - at + more);
	put_be16(at + 20, sport);
	return f;
}

static struct frame plain(uint32_t len)
{
	return frame(len, NULL, 0, 1000, 0);
}

static struct frame ipv6(uint16_t payload)
{
	struct frame f = plain(100);

	put_be16(f.bytes + 12, ETH_P_IPV6);
	f.bytes[14] = 0x60;
	put_be16(f.bytes + 18, payload);
	return f;
}

/* Over the wire; the frame that reached the collector's side. */
static struct lab_frame sent(int port, const struct frame *f)
{
	struct lab_frame got = {};

	lab_send(&lab, port, f->bytes, f->len);
	if (!lab_next(&lab, &got, 1000))
		fail_msg("no packet left");
	assert_int_equal(got.port, 1);
	return got;
}

static uint16_t be16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)be16(at) << 16 | be16(at + 2);
}

/* RFC 1071, written apart from the code under test: a right header sums up to 0xffff. */
static uint32_t ip_sum(const uint8_t *ip)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += be16(ip + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void check_outer(const uint8_t *out, uint32_t out_len, const struct frame *in,
			const uint8_t *mac, uint8_t proto, uint16_t id)
{
	const uint8_t *ip = out + 14;
	uint32_t local = inet_addr(LOCAL);

	assert_int_equal(out_len, in->len + OUTER);
	assert_memory_equal(out, mac, 6);
	assert_memory_equal(out + 6, way_mac, 6);
	assert_int_equal(be16(out + 12), 0x0800);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], 0);
	assert_int_equal(be16(ip + 2), in->len + 36);
	assert_int_equal(be16(ip + 4), id);
	assert_int_equal(be16(ip + 6), 0x4000);
	assert_int_equal(ip[8], 61);
	assert_int_equal(ip[9], proto);
	assert_int_equal(ip_sum(ip), 0xffff);
	assert_memory_equal(ip + 12, &local, 4);
	assert_memory_equal(out + OUTER, in->bytes, in->len);
}

static void check_vxlan(const uint8_t *out, uint32_t out_len, const struct frame *in, uint16_t id)
{
	const uint8_t *udp = out + 34;

	check_outer(out, out_len, in, collector_mac, 17, id);
	assert_in_range(be16(udp), 49152, 65535);
	assert_int_equal(be16(udp + 2), PORT);
	assert_int_equal(be16(udp + 4), in->len + 16);
	assert_int_equal(be16(udp + 6), 0);
	assert_int_equal(be32(udp + 8), 0x08000000);
	assert_int_equal(be32(udp + 12), 0xabcdef00);
}

static void check_erspan(const uint8_t *out, uint32_t out_len, const struct frame *in, uint32_t seq,
			 int encapsulation, int cut)
{
	const uint8_t *gre = out + 34;

	check_outer(out, out_len, in, collector_mac, 47, seq);
	assert_int_equal(be16(gre), 0x1000);
	assert_int_equal(be16(gre + 2), 0x88be);
	assert_int_equal(be32(gre + 4), seq);
	assert_int_equal(gre[8] >> 4, 1); /* version: type II */
	assert_int_equal(be16(gre + 8) & 0xfff, 0); /* VLAN */
	assert_int_equal(gre[10] >> 5, 0); /* COS */
	assert_int_equal(gre[10] >> 3 & 3, encapsulation);
	assert_int_equal(gre[10] >> 2 & 1, cut);
	assert_int_equal(be16(gre + 10) & 0x3ff, 0x2a5);
	assert_int_equal(be32(gre + 12), 0);
}

/* ---- headers ---- */

static void test_vxlan(void **state)
{
	static const uint32_t lengths[] = { 14, 15, 60, 61, 1514, 8000, 8964 };
	struct sv_export x = vxlan();

	(void)state;
	set_export(lab.p[0], &x);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct frame f = plain(lengths[i]);
		struct lab_frame got = sent(0, &f);

		check_vxlan(got.bytes, got.len, &f, i);
	}
	expect_count(SV_DEV_EXPORTED, sizeof(lengths) / sizeof(lengths[0]));
}

static void test_erspan(void **state)
{
	struct frame whole = plain(100), cut = frame(100, NULL, 0, 1000, 1), six = ipv6(46),
		     six_cut = ipv6(47), other = plain(100);
	struct sv_export x = erspan();
	struct lab_frame got;

	(void)state;
	put_be16(other.bytes + 12, 0x88b5);
	set_export(lab.p[0], &x);
	got = sent(0, &whole);
	check_erspan(got.bytes, got.len, &whole, 0, 0, 0);
	got = sent(0, &cut);
	check_erspan(got.bytes, got.len, &cut, 1, 0, 1);
	got = sent(0, &six);
	check_erspan(got.bytes, got.len, &six, 2, 0, 0);
	got = sent(0, &six_cut);
	check_erspan(got.bytes, got.len, &six_cut, 3, 0, 1);
	got = sent(0, &other);
	check_erspan(got.bytes, got.len, &other, 4, 0, 0);
	expect_count(SV_DEV_EXPORTED, 5);
}

static void test_tags(void **state)
{
	static const struct {
		size_t n;
		uint32_t tag[3];
		bool cut; /* behind so many tags it can still be known */
	} cases[] = {
		{ 1, { 0x81000005 }, true },
		{ 1, { 0x8100e000 }, true }, /* priority tag */
		{ 1, { 0x81002001 }, true }, /* the number of the tag that comes and goes */
		{ 1, { 0x88a8f005 }, true },
		{ 2, { 0x81000005, 0x81006007 }, true },
		{ 2, { 0x88a80005, 0x81006007 }, true },
		{ 2, { 0x81000005, 0x88a80007 }, true },
		{ 3, { 0x81000001, 0x81000001, 0x81000001 }, true },
	};
	struct sv_export v = vxlan(), e = erspan();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame whole = frame(200, cases[i].tag, cases[i].n, 1000, 0);
		struct frame cut = frame(200, cases[i].tag, cases[i].n, 1000, 1);
		struct lab_frame got;

		set_export(lab.p[0], &v);
		got = sent(0, &whole);
		check_vxlan(got.bytes, got.len, &whole, 0);
		set_export(lab.p[0], &e);
		got = sent(0, &whole);
		check_erspan(got.bytes, got.len, &whole, 0, 3, 0);
		got = sent(0, &cut);
		check_erspan(got.bytes, got.len, &cut, 1, 3, cases[i].cut);
	}
}

/* Sniffers and queues must take it for IPv4, whatever is in it. */
static void test_protocol(void **state)
{
	struct sockaddr_ll on = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = lab.p[1] };
	static const uint32_t tags[2] = { 0x81000005, 0x81000006 };
	int tap = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sv_export x = vxlan();

	(void)state;
	lab_must(tap >= 0 && !bind(tap, (void *)&on, sizeof(on)), "packet socket");
	set_export(lab.p[0], &x);
	for (size_t n = 0; n <= 2; n++) {
		struct frame f = frame(100, tags, n, 1, 0);
		struct sockaddr_ll from = {};
		socklen_t len = sizeof(from);
		uint8_t bytes[LAB_FRAME];

		if (!n)
			put_be16(f.bytes + 12, ETH_P_ARP);
		sent(0, &f);
		lab_must(recvfrom(tap, bytes, sizeof(bytes), 0, (void *)&from, &len) > 0, "recv");
		assert_int_equal(from.sll_pkttype, PACKET_OUTGOING);
		assert_int_equal(ntohs(from.sll_protocol), ETH_P_IP);
	}
	close(tap);
}

/* One flow keeps its port, many flows have many. */
static void test_source_port(void **state)
{
	struct sv_export x = vxlan();
	uint16_t ports[32];
	int different = 0;

	(void)state;
	set_export(lab.p[0], &x);
	for (int i = 0; i < 32; i++) {
		struct frame f = frame(100, NULL, 0, 1000 + i, 0);
		struct lab_frame a = sent(0, &f), b = sent(0, &f);

		ports[i] = be16(a.bytes + 34);
		assert_int_equal(ports[i], be16(b.bytes + 34));
		for (int j = 0; j < i; j++)
			different += ports[i] != ports[j];
	}
	assert_true(different > 32 * 31 / 2 * 9 / 10);
}

/* Each session has its own sequence, and it goes on behind the largest number. */
static void test_sequence(void **state)
{
	struct sv_export a = erspan(), b = erspan();
	struct frame f = plain(100);
	struct lab_frame got;

	(void)state;
	a.seq = 0xfffffffe;
	set_export(lab.p[0], &a);
	set_export(lab.p[3], &b);
	for (uint32_t i = 0; i < 100; i++) {
		got = sent(0, &f);
		check_erspan(got.bytes, got.len, &f, 0xfffffffe + i, 0, 0);
		got = sent(3, &f);
		check_erspan(got.bytes, got.len, &f, i, 0, 0);
	}
	assert_int_equal(dcount(lab.p[3], SV_DEV_EXPORTED), 100);
	expect_count(SV_DEV_EXPORTED, 100);
}

static void test_gateway(void **state)
{
	struct sv_export x = vxlan();
	struct frame f = plain(100);
	struct lab_frame got;

	(void)state;
	route("203.0.113.0", "192.0.2.254", true);
	x.remote = inet_addr("203.0.113.7");
	set_export(lab.p[0], &x);
	got = sent(0, &f);
	check_outer(got.bytes, got.len, &f, gateway_mac, 17, 0);
	route("203.0.113.0", "192.0.2.254", false);
	expect_count(SV_DEV_EXPORTED, 1);
}

/* ---- refusals ---- */

static int run_prog(const struct frame *f, uint32_t gso_segs, struct frame *out)
{
	struct __sk_buff ctx = { .ifindex = lab.p[0],
				 .gso_segs = gso_segs,
				 .gso_size = gso_segs ? 500 : 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .data_out = out ? out->bytes : NULL,
		    .data_size_out = out ? sizeof(out->bytes) : 0);

	lab_must(!bpf_prog_test_run_opts(bpf_program__fd(encap->progs.sv_tc_export), &opts),
		 "TEST_RUN");
	if (out)
		out->len = opts.data_size_out;
	return opts.retval;
}

struct refusal {
	const char *desc;
	const char *remote; /* NULL: the collector */
	uint32_t mtu; /* 0: 9000 */
	uint32_t len; /* of the copy; 0: 100 */
	int dev; /* p<dev> is the way; 0: p1 */
	int way_mtu; /* of p1; 0: 9100 */
	enum sv_dev_reason why;
};

static const struct refusal refusals[] = {
	{ "no route", .remote = "10.9.9.9", .why = SV_DEV_EXPORT_ROUTE },
	{ "the host itself", .remote = LOCAL, .why = SV_DEV_EXPORT_ROUTE },
	{ "broadcast", .remote = "192.0.2.255", .why = SV_DEV_EXPORT_ROUTE },
	{ "another device than was looked at", .dev = 3, .why = SV_DEV_EXPORT_ROUTE },
	{ "an edge that nobody looked at", .remote = "198.51.100.9", .why = SV_DEV_EXPORT_EDGE },
	{ "an edge", .remote = "198.51.100.9", .dev = 2, .why = SV_DEV_EXPORT_EDGE },
	{ "an edge whose neighbour is not known", .remote = "198.51.100.10", .dev = 2,
	  .why = SV_DEV_EXPORT_EDGE },
	{ "no neighbour", .remote = "192.0.2.10", .why = SV_DEV_EXPORT_NEIGH },
	{ "a byte too long", .mtu = 135, .why = SV_DEV_EXPORT_LONG },
	{ "a byte too long for the way", .way_mtu = 1500, .len = 1465, .why = SV_DEV_EXPORT_LONG },
	{ "just so long", .mtu = 136, .why = SV_DEV_EXPORTED },
	{ "just so long for the way", .way_mtu = 1500, .len = 1464, .why = SV_DEV_EXPORTED },
};

static void check_refusal(const struct refusal *r)
{
	struct sv_export x = vxlan();
	struct frame f = plain(r->len ? r->len : 100);
	int verdict = r->why == SV_DEV_EXPORTED ? TC_ACT_REDIRECT : TC_ACT_SHOT;
	struct lab_frame got;

	x.remote = inet_addr(r->remote ? r->remote : COLLECTOR);
	x.mtu = r->mtu ? r->mtu : 9000;
	x.dev = lab.p[r->dev ? r->dev : 1];
	lab_mtu(1, r->way_mtu ? r->way_mtu : 9100);
	set_export(lab.p[0], &x);
	if (run_prog(&f, 0, NULL) != verdict)
		fail_msg("%s: another verdict", r->desc);
	expect_count(r->why, 1);
	lab_send(&lab, 0, f.bytes, f.len);
	if (lab_next(&lab, &got, verdict == TC_ACT_SHOT ? 20 : 1000) != (verdict != TC_ACT_SHOT))
		fail_msg("%s: %s", r->desc, verdict == TC_ACT_SHOT ? "left" : "did not leave");
	expect_count(r->why, 2);
}

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		check_refusal(&refusals[i]);
	lab_mtu(1, 9100);
}

/* Tags count: the copy is as long as it was on the wire. */
static void test_long_with_tag(void **state)
{
	static const uint32_t tag = 0x81000005;
	struct frame f = frame(104, &tag, 1, 1, 0);
	struct sv_export x = vxlan();
	struct lab_frame got;

	(void)state;
	x.mtu = 139;
	set_export(lab.p[0], &x);
	lab_send(&lab, 0, f.bytes, f.len);
	assert_false(lab_next(&lab, &got, 20));
	expect_count(SV_DEV_EXPORT_LONG, 1);
	x.mtu = 140;
	set_export(lab.p[0], &x);
	sent(0, &f);
}

static void test_no_entry(void **state)
{
	struct sv_export x = vxlan();
	struct frame f = plain(100);

	(void)state;
	set_export(lab.p[0], &x);
	bpf_map_delete_elem(MAP(sv_export), &lab.p[0]);
	assert_int_equal(run_prog(&f, 0, NULL), TC_ACT_SHOT);
	expect_count(SV_DEV_EXPORT_ROUTE, 1);
}

/* What was not cut into packets cannot be numbered: it counts as what it stands for. */
static void test_gso(void **state)
{
	struct sv_export x = vxlan();
	struct frame f = plain(1500);

	(void)state;
	set_export(lab.p[0], &x);
	assert_int_equal(run_prog(&f, 3, NULL), TC_ACT_SHOT);
	expect_count(SV_DEV_EXPORT_FAIL, 3);
}

static void test_run(void **state)
{
	struct sv_export x = vxlan();
	struct frame f = plain(333), out;

	(void)state;
	set_export(lab.p[0], &x);
	assert_int_equal(run_prog(&f, 0, &out), TC_ACT_REDIRECT);
	check_vxlan(out.bytes, out.len, &f, 0);
	x = erspan();
	set_export(lab.p[0], &x);
	assert_int_equal(run_prog(&f, 0, &out), TC_ACT_REDIRECT);
	check_erspan(out.bytes, out.len, &f, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),	 cmocka_unit_test(test_vxlan),
		cmocka_unit_test(test_erspan),	 cmocka_unit_test(test_tags),
		cmocka_unit_test(test_protocol), cmocka_unit_test(test_source_port),
		cmocka_unit_test(test_sequence), cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_long_with_tag),
		cmocka_unit_test(test_no_entry), cmocka_unit_test(test_gso),
	};

	return cmocka_run_group_tests_name("export", tests, group_setup, group_teardown);
}
