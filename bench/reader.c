/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a session's rings until SIGINT, every byte of every record, as any consumer would.
 *
 *	reader PIN SESSION CPU        prints "ready", at the end one JSON object
 *	reader PIN SESSION CPU skip   only lets the records go, unread: what the writer alone costs
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <bpf/bpf.h>

#include "bench/lib/cpu.h"
#include "loader/cleanup.h"
#include "loader/tap.h"

#define BATCH 256
#define IDLE_MS 20
#define SKIP_NS 100000

static volatile sig_atomic_t ended;

struct sums {
	__u64 records, bytes, sum, batches;
};

static void on_end(int sig)
{
	(void)sig;
	ended = 1;
}

/* What was captured is looked at, so that the reader pays for having it in its cache. */
static void add(struct sums *sums, const struct sv_tap_item *item)
{
	__u32 n = item->rec->cap, i = 0;

	for (; i + 8 <= n; i += 8)
		sums->sum += *(const __u64 *)(item->bytes + i);
	for (; i < n; i++)
		sums->sum += item->bytes[i];
	sums->records++;
	sums->bytes += n;
}

/* To the end, and then until the rings are empty. */
static int read_all(struct sv_tap *tap, struct sums *sums, struct sv_err *err)
{
	struct sv_tap_item item[BATCH];
	int n;

	do {
		n = sv_tap_read(tap, item, BATCH, IDLE_MS, err);
		for (int i = 0; i < n; i++)
			add(sums, &item[i]);
		sums->batches += n > 0;
	} while (n > 0 || (!n && !ended));
	return n;
}

/* Session `number` has tap `number - 1` here, and its rings are the only ones that are
 * not empty. */
static int skip_all(const char *pin, unsigned int number, struct sums *sums, struct sv_err *err)
{
	const struct timespec pause = { .tv_nsec = SKIP_NS };
	size_t first = (number - 1) * SV_TAP_CPUS, len = SV_TAP_MAX * SV_TAP_CPUS;
	_cleanup_close_ int fd = -1;
	struct sv_tap_ctl *ctl;
	char path[256];

	snprintf(path, sizeof(path), "%s/maps/sv_tap_ctl", pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	len *= sizeof(*ctl);
	ctl = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ctl == MAP_FAILED)
		return sv_err_set(err, -errno, "%s: mapping it: %s", path, strerror(errno));
	while (!ended) {
		for (size_t i = first; i < first + SV_TAP_CPUS; i++) {
			__u64 head = __atomic_load_n(&ctl[i].head, __ATOMIC_ACQUIRE);

			sums->records += head - ctl[i].tail;
			if (head != ctl[i].tail)
				__atomic_store_n(&ctl[i].tail, head, __ATOMIC_RELEASE);
		}
		nanosleep(&pause, NULL);
	}
	munmap(ctl, len);
	return 0;
}

static void print(const struct sums *sums, __u64 lost)
{
	printf("{\"records\":%llu,\"lost\":%llu,\"bytes\":%llu,\"batches\":%llu,\"sum\":%llu}\n",
	       sums->records, lost, sums->bytes, sums->batches, sums->sum);
}

static void close_tap(struct sv_tap **tap)
{
	sv_tap_close(*tap);
}

static void say_ready(void)
{
	printf("ready\n");
	fflush(stdout);
}

static int run(char **argv, bool skip, struct sv_err *err)
{
	_cleanup_(close_tap) struct sv_tap *tap = NULL;
	struct sv_tap_stats total = {};
	struct sums sums = {};
	int rc = bench_pin_to_cpu(atoi(argv[3]));

	if (rc)
		return sv_err_set(err, rc, "CPU %s: %s", argv[3], strerror(-rc));
	if (skip) {
		say_ready();
		rc = skip_all(argv[1], atoi(argv[2]), &sums, err);
	} else {
		rc = sv_tap_open(&tap, argv[1], atoi(argv[2]), err);
		if (rc)
			return rc;
		say_ready();
		rc = read_all(tap, &sums, err);
		sv_tap_stats(tap, &total, NULL, 0);
	}
	if (rc >= 0)
		print(&sums, total.lost);
	return rc;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_end };
	bool skip = argc == 5 && !strcmp(argv[4], "skip");
	struct sv_err err = {};

	if (argc != 4 && !skip) {
		fprintf(stderr, "usage: reader PIN SESSION CPU [skip]\n");
		return 1;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (run(argv, skip, &err) < 0) {
		fprintf(stderr, "reader: %s\n", err.text);
		return 1;
	}
	return 0;
}
