// SPDX-License-Identifier: GPL-2.0-only
/*
 * txgen: sends Ethernet frames as they are, clock-paced and open-loop, from the network namespace
 * it is started in. Frames with a mark (probe.h) get a sequence number a stream and the time, and
 * their UDP checksum is put right again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe.h"

#define STREAMS_MAX 65536

struct frame {
	uint8_t *data;
	int len;
	int mark; /* offset of the probe, -1: none */
	int csum; /* offset of the UDP checksum to keep right, -1: none */
	struct probe_l4 l4;
};

struct txgen {
	const char *dev;
	double rate;
	uint64_t count; /* 0: until SIGTERM */
	uint64_t seconds_ns; /* 0: no limit */
	struct frame *frame;
	int n_frame;
	uint32_t *seq;
	uint64_t sent, errors;
	int last_errno;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "txgen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void frame_add(struct txgen *tx, uint8_t *data, int len)
{
	struct frame *f;

	tx->frame = realloc(tx->frame, (size_t)(tx->n_frame + 1) * sizeof(*tx->frame));
	if (!tx->frame)
		die("memory");
	f = &tx->frame[tx->n_frame++];
	*f = (struct frame){ .data = data, .len = len, .csum = -1 };
	f->mark = probe_find(data, (size_t)len);
	if (f->mark >= 0 && !probe_l4(&f->l4, data, len) && f->l4.proto == IPPROTO_UDP)
		f->csum = f->l4.l4 + 6;
}

static void frame_add_hex(struct txgen *tx, const char *hex)
{
	size_t n = strlen(hex) / 2;
	uint8_t *data = malloc(n ? n : 1);

	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1) {
			errno = EINVAL;
			die("--frame");
		}
		data[i] = (uint8_t)byte;
	}
	frame_add(tx, data, (int)n);
}

/* A list of frames: each a 32-bit big-endian length and that many bytes. */
static void frame_add_file(struct txgen *tx, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t head[4];

	if (!f)
		die(path);
	while (fread(head, 1, 4, f) == 4) {
		size_t n = probe_get(head, 4);
		uint8_t *data = malloc(n ? n : 1);

		if (!data || fread(data, 1, n, f) != n)
			die(path);
		frame_add(tx, data, (int)n);
	}
	fclose(f);
}

static void frame_stamp(struct txgen *tx, struct frame *f)
{
	uint8_t *p = f->data + f->mark;
	uint32_t *seq = &tx->seq[probe_get(p + 4, 2)];

	probe_put(p + 6, 4, (*seq)++);
	probe_put(p + 10, 8, probe_now(CLOCK_BOOTTIME));
	if (f->csum < 0)
		return;
	probe_put(f->data + f->csum, 2, 0);
	probe_put(f->data + f->csum, 2, probe_csum(f->data, &f->l4) ?: 0xffff);
}

static int open_socket(const char *dev)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)if_nametoindex(dev) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), size = 8 << 20;

	if (!to.sll_ifindex)
		die(dev);
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)))
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

static void wait_until(uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000),
			       .tv_nsec = (long)(ns % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void send_one(struct txgen *tx, int fd, struct frame *f)
{
	if (f->mark >= 0)
		frame_stamp(tx, f);
	/* The sender's own full buffer is not the network's loss: wait for room. */
	for (int tries = 0; tries < 1000; tries++) {
		if (send(fd, f->data, (size_t)f->len, 0) >= 0) {
			tx->sent++;
			return;
		}
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			break;
		usleep(20);
	}
	tx->last_errno = errno;
	tx->errors++;
	if (f->mark >= 0)
		tx->seq[probe_get(f->data + f->mark + 4, 2)]--; /* a number that never left */
}

static double run(struct txgen *tx)
{
	int fd = open_socket(tx->dev);
	uint64_t start = probe_now(CLOCK_MONOTONIC), now = start;

	for (uint64_t i = 0; !stop && (!tx->count || i < tx->count); i++) {
		uint64_t due = start + (uint64_t)((double)i * 1e9 / tx->rate);

		if (tx->seconds_ns && due - start >= tx->seconds_ns)
			break;
		if (due > now)
			now = probe_now(CLOCK_MONOTONIC);
		if (due > now) {
			wait_until(due);
			now = probe_now(CLOCK_MONOTONIC);
		}
		if (stop)
			break;
		send_one(tx, fd, &tx->frame[i % (uint64_t)tx->n_frame]);
	}
	close(fd);
	return (double)(probe_now(CLOCK_MONOTONIC) - start) / 1e9;
}

/* A sender that moves to another CPU overtakes itself in that CPU's backlog. */
static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("--cpu");
}

static void usage(void)
{
	fputs("usage: txgen --dev DEV [--rate PPS] [--count N] [--seconds S] [--fifo] [--cpu N]\n"
	      "             (--frame HEX | --file LIST) …\n",
	      stderr);
	exit(2);
}

static void report(const struct txgen *tx, double elapsed)
{
	const char *sep = "";

	printf("{\"sent\":%llu,\"errors\":%llu,\"error\":\"%s\",\"elapsed\":%.6f,\"streams\":{",
	       (unsigned long long)tx->sent, (unsigned long long)tx->errors,
	       tx->errors ? strerror(tx->last_errno) : "", elapsed);
	for (int i = 0; i < STREAMS_MAX; i++) {
		if (!tx->seq[i])
			continue;
		printf("%s\"%d\":%u", sep, i, tx->seq[i]);
		sep = ",";
	}
	puts("}}");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dev", 1, 0, 'd' },	  { "rate", 1, 0, 'r' },  { "count", 1, 0, 'c' },
		{ "seconds", 1, 0, 's' }, { "frame", 1, 0, 'f' }, { "file", 1, 0, 'l' },
		{ "cpu", 1, 0, 'C' },	  { "fifo", 0, 0, 'F' },  { 0 },
	};
	struct sched_param fifo = { .sched_priority = 10 };
	struct txgen tx = { .rate = 1000 };
	struct sigaction act = { .sa_handler = on_signal };
	double elapsed;
	int c;

	tx.seq = calloc(STREAMS_MAX, sizeof(*tx.seq));
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			tx.dev = optarg;
			break;
		case 'r':
			tx.rate = atof(optarg);
			break;
		case 'c':
			tx.count = strtoull(optarg, NULL, 10);
			break;
		case 's':
			tx.seconds_ns = (uint64_t)(atof(optarg) * 1e9);
			break;
		case 'C':
			pin(atoi(optarg));
			break;
		case 'F':
			if (sched_setscheduler(0, SCHED_FIFO, &fifo))
				die("--fifo");
			break;
		case 'f':
			frame_add_hex(&tx, optarg);
			break;
		case 'l':
			frame_add_file(&tx, optarg);
			break;
		default:
			usage();
		}
	}
	if (!tx.dev || !tx.n_frame || tx.rate <= 0 || !tx.seq)
		usage();
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
	elapsed = run(&tx);
	report(&tx, elapsed);
	return 0;
}
