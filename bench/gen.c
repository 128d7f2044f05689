// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generator and sink of the bench, both in the network namespace of the caller.
 *
 *	gen sink DEV PIN        count and drop what arrives at DEV; the counter is pinned at PIN
 *	gen bare DEV OUT …      redirect what arrives at DEV to one device, or to several
 *	gen send DEV OPTION …   send for a while, read the counters, print one JSON object
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_link.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bpf/bare.skel.h"
#include "bench/bpf/gen.h"
#include "bench/bpf/gen.skel.h"
#include "bench/bpf/sink.skel.h"
#include "loader/cleanup.h"

#define FRAME_MAX 1600
#define COUNTERS_MAX 8
#define CALIBRATION 8192 /* frames sent first, to know how many fill the time */
#define SETTLE_NS 10000000 /* for what is still in a queue of the other CPU */

struct send_options {
	struct gen_config config;
	__u8 dst[6], src[6];
	struct in_addr saddr, daddr;
	double seconds;
	size_t len;
	unsigned int batch;
	int cpu;
	size_t n_counter;
	const char *counter[COUNTERS_MAX];
};

static int fail(const char *what, int rc)
{
	fprintf(stderr, "gen: %s: %s\n", what, strerror(-rc));
	return 1;
}

static void free_sink(struct sv_sink **skel)
{
	sv_sink__destroy(*skel);
}

static void free_gen(struct sv_gen **skel)
{
	sv_gen__destroy(*skel);
}

static void free_bare(struct sv_bare **skel)
{
	sv_bare__destroy(*skel);
}

static int attach(const char *dev, const struct bpf_program *prog)
{
	int ifindex = if_nametoindex(dev);

	if (!ifindex)
		return -errno;
	return bpf_xdp_attach(ifindex, bpf_program__fd(prog), XDP_FLAGS_DRV_MODE, NULL);
}

static int cmd_bare(int argc, char **argv)
{
	_cleanup_(free_bare) struct sv_bare *skel = sv_bare__open();
	int rc;

	if (!skel)
		return fail("open the bare redirect", -errno);
	skel->rodata->flags = argc > 3 ? BPF_F_BROADCAST : 0;
	rc = sv_bare__load(skel);
	if (rc)
		return fail("load the bare redirect", rc);
	for (int i = 2; i < argc; i++) {
		struct bpf_devmap_val out = { .ifindex = if_nametoindex(argv[i]) };
		__u32 key = i - 2;

		out.bpf_prog.fd = -1;
		if (bpf_map_update_elem(bpf_map__fd(skel->maps.outputs), &key, &out, BPF_ANY))
			return fail(argv[i], -errno);
	}
	rc = attach(argv[1], skel->progs.bare);
	return rc ? fail("attach the bare redirect", rc) : 0;
}

static int cmd_sink(int argc, char **argv)
{
	_cleanup_(free_sink) struct sv_sink *skel = NULL;
	int rc;

	if (argc != 3)
		return fail("usage: gen sink DEV PIN", -EINVAL);
	skel = sv_sink__open_and_load();
	if (!skel)
		return fail("load the sink", -errno);
	rc = bpf_map__pin(skel->maps.frames, argv[2]);
	if (rc)
		return fail(argv[2], rc);
	rc = attach(argv[1], skel->progs.sink);
	return rc ? fail("attach the sink", rc) : 0;
}

static int read_counter(const char *pin, __u64 *sum)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_close_ int fd = bpf_obj_get(pin);
	__u64 value[cpus];
	__u32 key = 0;

	if (fd < 0)
		return -errno;
	if (bpf_map_lookup_elem(fd, &key, value))
		return -errno;
	*sum = 0;
	for (int i = 0; i < cpus; i++)
		*sum += value[i];
	return 0;
}

static __u16 ip_checksum(const void *head)
{
	const __u16 *word = head;
	__u32 sum = 0;

	for (size_t i = 0; i < sizeof(struct iphdr) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* Ethernet, the tag, IPv4, UDP without a checksum: the part that is the same in every frame. */
static void make_head(struct send_options *o, __u8 *head)
{
	size_t l3 = o->config.vlans ? 18 : 14;
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(o->len - l3),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = o->saddr.s_addr,
		.daddr = o->daddr.s_addr,
	};
	struct udphdr udp = {
		.dest = htons(9),
		.len = htons(o->len - l3 - sizeof(ip)),
	};
	__be16 proto = htons(ETH_P_IP), tpid = htons(ETH_P_8021Q);

	memcpy(head, o->dst, 6);
	memcpy(head + 6, o->src, 6);
	if (o->config.vlans)
		memcpy(head + 12, &tpid, 2);
	memcpy(head + l3 - 2, &proto, 2);
	ip.check = ip_checksum(&ip);
	memcpy(head + l3, &ip, sizeof(ip));
	memcpy(head + l3 + sizeof(ip), &udp, sizeof(udp));
}

/* *took_ns: what the kernel says about the loop itself. Making and unmaking a run costs 20 ms of
 * grace periods, and other tasks may be let in between; neither is forwarding. */
static int test_run(int fd, struct send_options *o, __u64 repeat, __u64 *took_ns)
{
	__u8 frame[FRAME_MAX] = {};
	struct xdp_md ctx = { .data_end = o->len };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = o->len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = repeat,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = o->batch);

	if (bpf_prog_test_run_opts(fd, &opts))
		return -errno;
	*took_ns = repeat * opts.duration + repeat / 2; /* the mean was rounded down */
	return 0;
}

/* How many frames fill the time; also warms up. */
static int calibrate(int fd, struct send_options *o, __u64 *repeat)
{
	__u64 took;
	int rc = test_run(fd, o, CALIBRATION, &took);

	*repeat = o->seconds * 1e9 / took * CALIBRATION;
	return rc;
}

static int read_counters(const struct send_options *o, __u64 *value)
{
	for (size_t i = 0; i < o->n_counter; i++) {
		int rc = read_counter(o->counter[i], &value[i]);

		if (rc)
			return fail(o->counter[i], rc);
	}
	return 0;
}

/*
 * How long the CPU's softirq thread has run. When the scheduler wants the CPU, the rest of a
 * batch's way is left to it, and the test run's clock stands still meanwhile.
 */
static int softirq_thread_ns(int cpu, __u64 *ns)
{
	char want[32], comm[32], path[64];
	struct dirent *de;
	DIR *proc = opendir("/proc");
	int rc = -ESRCH;

	if (!proc)
		return -errno;
	snprintf(want, sizeof(want), "ksoftirqd/%d\n", cpu);
	while (rc && (de = readdir(proc))) {
		_cleanup_fclose_ FILE *name = NULL, *stat = NULL;

		snprintf(path, sizeof(path), "/proc/%d/comm", atoi(de->d_name));
		name = fopen(path, "re");
		if (!name || !fgets(comm, sizeof(comm), name) || strcmp(comm, want))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/schedstat", atoi(de->d_name));
		stat = fopen(path, "re");
		rc = stat && fscanf(stat, "%llu", ns) == 1 ? 0 : -EIO;
	}
	closedir(proc);
	return rc;
}

static int measure(struct send_options *o, int fd)
{
	const struct timespec settle = { .tv_nsec = SETTLE_NS };
	__u64 before[COUNTERS_MAX], after[COUNTERS_MAX], repeat, took, thread[2];
	int rc = calibrate(fd, o, &repeat);

	nanosleep(&settle, NULL);
	if (!rc && read_counters(o, before))
		return 1;
	rc = rc ?: softirq_thread_ns(o->cpu, &thread[0]);
	rc = rc ?: test_run(fd, o, repeat, &took);
	nanosleep(&settle, NULL);
	rc = rc ?: softirq_thread_ns(o->cpu, &thread[1]);
	if (rc)
		return fail("test run with live frames", rc);
	took += thread[1] - thread[0];
	if (read_counters(o, after))
		return 1;
	printf("{\"attempted\":%llu,\"seconds\":%.6f,\"counted\":[", repeat, took / 1e9);
	for (size_t i = 0; i < o->n_counter; i++)
		printf("%s%llu", i ? "," : "", after[i] - before[i]);
	printf("]}\n");
	return 0;
}

static const struct option options[] = {
	{ "len", required_argument, NULL, 'l' },
	{ "seconds", required_argument, NULL, 't' },
	{ "batch", required_argument, NULL, 'b' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "flows", required_argument, NULL, 'f' },
	{ "vid", required_argument, NULL, 'v' },
	{ "vlans", required_argument, NULL, 'n' },
	{ "dst", required_argument, NULL, 'd' },
	{ "src", required_argument, NULL, 's' },
	{ "saddr", required_argument, NULL, 'S' },
	{ "daddr", required_argument, NULL, 'D' },
	{ "count", required_argument, NULL, 'C' },
	{},
};

static int set_option(struct send_options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'l':
		o->len = strtoul(arg, NULL, 0);
		return o->len < 60 || o->len > FRAME_MAX;
	case 't':
		o->seconds = strtod(arg, NULL);
		return o->seconds <= 0;
	case 'b':
		o->batch = strtoul(arg, NULL, 0);
		return 0;
	case 'c':
		o->cpu = atoi(arg);
		return 0;
	case 'f':
		o->config.flows = strtoul(arg, NULL, 0);
		return !o->config.flows;
	case 'v':
		o->config.vid = strtoul(arg, NULL, 0);
		o->config.vlans = o->config.vlans ?: 1;
		return 0;
	case 'n':
		o->config.vlans = strtoul(arg, NULL, 0);
		return 0;
	case 'd':
		return !ether_aton_r(arg, (struct ether_addr *)o->dst);
	case 's':
		return !ether_aton_r(arg, (struct ether_addr *)o->src);
	case 'S':
		return !inet_aton(arg, &o->saddr);
	case 'D':
		return !inet_aton(arg, &o->daddr);
	case 'C':
		if (o->n_counter == COUNTERS_MAX)
			return 1;
		o->counter[o->n_counter++] = arg;
		return 0;
	}
	return 1;
}

static int pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static int cmd_send(int argc, char **argv)
{
	_cleanup_(free_gen) struct sv_gen *skel = NULL;
	struct send_options o = {
		.config = { .flows = 64, .sport = 10000 },
		.seconds = 0.5,
		.len = 60,
		.batch = 64,
	};
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (set_option(&o, opt, optarg))
			return fail("bad option", -EINVAL);
	if (optind + 1 != argc)
		return fail("usage: gen send DEV OPTION…", -EINVAL);
	o.config.ifindex = if_nametoindex(argv[optind]);
	if (!o.config.ifindex)
		return fail(argv[optind], -errno);
	rc = pin_to_cpu(o.cpu);
	if (rc)
		return fail("pin to the CPU", rc);
	make_head(&o, (__u8 *)o.config.head);

	skel = sv_gen__open();
	if (!skel)
		return fail("open the generator", -errno);
	memcpy((void *)&skel->rodata->config, &o.config, sizeof(o.config));
	rc = sv_gen__load(skel);
	if (rc)
		return fail("load the generator", rc);
	return measure(&o, bpf_program__fd(skel->progs.gen));
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "sink"))
		return cmd_sink(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "send"))
		return cmd_send(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "bare"))
		return cmd_bare(argc - 1, argv + 1);
	return fail("usage: gen sink|bare|send …", -EINVAL);
}
