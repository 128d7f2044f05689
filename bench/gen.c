// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generator and sink of the bench, both in the network namespace of the caller.
 *
 *	gen sink DEV PIN        count and drop what arrives at DEV; the counter is pinned at PIN
 *	gen bare DEV OUT …      redirect what arrives at DEV to one device, or to several
 *	gen send DEV OPTION …   send for a while, read the counters, print one JSON object
 */
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bpf/bare.skel.h"
#include "bench/bpf/gen.h"
#include "bench/bpf/gen.skel.h"
#include "bench/bpf/sink.skel.h"
#include "bench/lib/traffic.h"
#include "loader/cleanup.h"

#define COUNTERS_MAX 8
#define CALIBRATION 8192 /* frames sent first, to know how many fill the time */
#define SETTLE_NS 10000000 /* for what is still in a queue of the other CPU */

struct send_options {
	struct traffic traffic;
	double seconds;
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

/* How many frames fill the time; also warms up. */
static int calibrate(int fd, struct send_options *o, __u64 *repeat)
{
	__u64 took;
	int rc = traffic_run(&o->traffic, fd, CALIBRATION, &took);

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
	rc = rc ?: softirq_thread_ns(o->traffic.cpu, &thread[0]);
	rc = rc ?: traffic_run(&o->traffic, fd, repeat, &took);
	nanosleep(&settle, NULL);
	rc = rc ?: softirq_thread_ns(o->traffic.cpu, &thread[1]);
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
	TRAFFIC_OPTIONS,
	{ "seconds", required_argument, NULL, 't' },
	{ "count", required_argument, NULL, 'C' },
	{},
};

static int set_option(struct send_options *o, int opt, const char *arg)
{
	switch (opt) {
	case 't':
		o->seconds = strtod(arg, NULL);
		return o->seconds <= 0;
	case 'C':
		if (o->n_counter == COUNTERS_MAX)
			return 1;
		o->counter[o->n_counter++] = arg;
		return 0;
	}
	return traffic_option(&o->traffic, opt, arg);
}

static int cmd_send(int argc, char **argv)
{
	_cleanup_(free_gen) struct sv_gen *skel = NULL;
	struct send_options o = { .traffic = TRAFFIC_DEFAULT, .seconds = 0.5 };
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (set_option(&o, opt, optarg))
			return fail("bad option", -EINVAL);
	if (optind + 1 != argc)
		return fail("usage: gen send DEV OPTION…", -EINVAL);
	rc = traffic_ready(&o.traffic, argv[optind]);
	if (rc)
		return fail(argv[optind], rc);
	skel = sv_gen__open();
	if (!skel)
		return fail("open the generator", -errno);
	memcpy((void *)&skel->rodata->config, &o.traffic.config, sizeof(o.traffic.config));
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
