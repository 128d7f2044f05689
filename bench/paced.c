/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The open-loop sender, and the far end that measures how long its frames took.
 *
 *	paced sink DEV PIN		measure and drop what arrives; the histogram is pinned
 *	paced read PIN			its frames by CPU and [[delay_ns, frames], …], JSON
 *	paced send DEV OPTION …		--frames N, one every --interval NS (0: no pause);
 *					--away: also the longest time that each CPU was away, ns
 */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bpf/delay.h"
#include "bench/bpf/delay.skel.h"
#include "bench/bpf/gen.h"
#include "bench/bpf/paced.skel.h"
#include "bench/lib/away.h"
#include "bench/lib/traffic.h"
#include "loader/cleanup.h"

#define STALL_NS 20000
#define ARRIVED_US 5000

static int fail(const char *what, int rc)
{
	fprintf(stderr, "paced: %s: %s\n", what, strerror(-rc));
	return 1;
}

static void free_delay(struct sv_delay **skel)
{
	sv_delay__destroy(*skel);
}

static void free_paced(struct sv_paced **skel)
{
	sv_paced__destroy(*skel);
}

static int cmd_sink(int argc, char **argv)
{
	_cleanup_(free_delay) struct sv_delay *skel = NULL;
	int rc;

	if (argc != 3)
		return fail("usage: paced sink DEV PIN", -EINVAL);
	skel = sv_delay__open_and_load();
	if (!skel)
		return fail("load the sink", -errno);
	rc = bpf_map__pin(skel->maps.delays, argv[2]);
	if (rc)
		return fail(argv[2], rc);
	rc = bpf_xdp_attach(if_nametoindex(argv[1]), bpf_program__fd(skel->progs.delay),
			    XDP_FLAGS_DRV_MODE, NULL);
	return rc ? fail("attach the sink", rc) : 0;
}

static int cmd_read(int argc, char **argv)
{
	_cleanup_close_ int fd = argc == 2 ? bpf_obj_get(argv[1]) : -1;
	int cpus = libbpf_num_possible_cpus();
	__u64 value[cpus], frames[cpus], n = 0;

	if (fd < 0)
		return fail("the histogram's pin", -errno);
	memset(frames, 0, sizeof(frames));
	printf("{\"delays\":[");
	for (__u32 bucket = 0; bucket < DELAY_BUCKETS; bucket++) {
		__u64 sum = 0;

		if (bpf_map_lookup_elem(fd, &bucket, value))
			return fail("the histogram", -errno);
		for (int cpu = 0; cpu < cpus; cpu++) {
			sum += value[cpu];
			frames[cpu] += value[cpu];
		}
		if (sum)
			printf("%s[%llu,%llu]", n++ ? "," : "", delay_of_bucket(bucket), sum);
	}
	printf("],\"by_cpu\":[");
	for (int cpu = 0; cpu < cpus; cpu++)
		printf("%s%llu", cpu ? "," : "", frames[cpu]);
	printf("]}\n");
	return 0;
}

struct send_options {
	struct traffic traffic;
	__u64 frames, interval_ns;
	bool away;
};

static const struct option options[] = {
	TRAFFIC_OPTIONS,
	{ "frames", required_argument, NULL, 'N' },
	{ "interval", required_argument, NULL, 'i' },
	{ "away", no_argument, NULL, 'a' },
	{},
};

static int set_option(struct send_options *o, int opt, const char *arg)
{
	switch (opt) {
	case 'N':
		o->frames = strtoull(arg, NULL, 0);
		return !o->frames;
	case 'i':
		o->interval_ns = strtoull(arg, NULL, 0);
		return 0;
	case 'a':
		o->away = true;
		return 0;
	}
	return traffic_option(&o->traffic, opt, arg);
}

static int run(const struct send_options *o, int prog)
{
	__u64 took;
	int rc = traffic_run(&o->traffic, prog, o->frames, &took);

	return rc ? fail("run with live frames", rc) : 0;
}

/* Prints ,"away_ns":[…] by CPU, until the last frames have arrived. */
static int run_watched(const struct send_options *o, const struct sv_paced *skel, int prog)
{
	_cleanup_(away_close) struct away_watch away;
	int rc = away_open(&away, skel->progs.away);
	__u64 ns[AWAY_CPUS];

	if (rc)
		return fail("watch the CPUs", rc);
	if (run(o, prog))
		return 1;
	usleep(ARRIVED_US);
	rc = away_read(&away, bpf_map__fd(skel->maps.aways), ns);
	if (rc)
		return fail("watch the CPUs", rc);
	printf(",\"away_ns\":[");
	for (int i = 0; i < away.cpus; i++)
		printf("%s%llu", i ? "," : "", ns[i]);
	printf("]");
	return 0;
}

static int cmd_send(int argc, char **argv)
{
	_cleanup_(free_paced) struct sv_paced *skel = sv_paced__open();
	struct send_options o = { .traffic = TRAFFIC_DEFAULT, .frames = 1 };
	const struct paced_state *state;
	int opt, rc, prog;

	if (!skel)
		return fail("open the sender", -errno);
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (set_option(&o, opt, optarg))
			return fail("bad option", -EINVAL);
	if (optind + 1 != argc)
		return fail("usage: paced send DEV OPTION…", -EINVAL);
	rc = traffic_ready(&o.traffic, argv[optind]);
	if (rc)
		return fail(argv[optind], rc);
	memcpy((void *)&skel->rodata->config, &o.traffic.config, sizeof(o.traffic.config));
	skel->rodata->pace.interval_ns = o.interval_ns;
	skel->rodata->pace.stall_ns = STALL_NS;
	rc = sv_paced__load(skel);
	if (rc)
		return fail("load the sender", rc);
	prog = bpf_program__fd(skel->progs.paced);
	state = &skel->bss->state;
	printf("{\"offered\":%llu", o.frames);
	if (o.away ? run_watched(&o, skel, prog) : run(&o, prog))
		return 1;
	printf(",\"sent\":%llu,\"seconds\":%.6f,\"stalls\":%llu,\"stalled_seconds\":%.6f}\n",
	       state->sent, (state->last_ns - state->first_ns) / 1e9, state->stalls,
	       state->stalled_ns / 1e9);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "sink"))
		return cmd_sink(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "read"))
		return cmd_read(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "send"))
		return cmd_send(argc - 1, argv + 1);
	return fail("usage: paced sink|read|send …", -EINVAL);
}
