/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a session's rings until SIGINT, every byte of every record, as any consumer would.
 *
 *	reader PIN SESSION CPU      prints "ready", at the end one JSON object
 */
#include <signal.h>
#include <string.h>

#include "bench/lib/cpu.h"
#include "loader/cleanup.h"
#include "loader/tap.h"

#define BATCH 256
#define IDLE_MS 20

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

static void print(struct sv_tap *tap, const struct sums *sums)
{
	struct sv_tap_stats total;

	sv_tap_stats(tap, &total, NULL, 0);
	printf("{\"records\":%llu,\"lost\":%llu,\"bytes\":%llu,\"batches\":%llu,\"sum\":%llu}\n",
	       sums->records, total.lost, sums->bytes, sums->batches, sums->sum);
}

static void close_tap(struct sv_tap **tap)
{
	sv_tap_close(*tap);
}

int main(int argc, char **argv)
{
	_cleanup_(close_tap) struct sv_tap *tap = NULL;
	struct sigaction act = { .sa_handler = on_end };
	struct sums sums = {};
	struct sv_err err = {};
	int rc;

	if (argc != 4) {
		fprintf(stderr, "usage: reader PIN SESSION CPU\n");
		return 1;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	rc = bench_pin_to_cpu(atoi(argv[3]));
	if (rc) {
		fprintf(stderr, "reader: CPU %s: %s\n", argv[3], strerror(-rc));
		return 1;
	}
	rc = sv_tap_open(&tap, argv[1], atoi(argv[2]), &err);
	if (!rc) {
		printf("ready\n");
		fflush(stdout);
		rc = read_all(tap, &sums, &err);
	}
	if (rc < 0) {
		fprintf(stderr, "reader: %s\n", err.text);
		return 1;
	}
	print(tap, &sums);
	return 0;
}
