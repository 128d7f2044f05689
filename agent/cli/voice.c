// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <time.h>

#include "agent/json.h"
#include "tap.h"
#include "voice.h"
#include "voice_file.h"

#define BATCH 512
#define WAIT_MS 50
#define WATCH_NS 1000000000LL
/* An interval is shown when what came late or out of order in it has come. */
#define HOLD_NS 300000000LL
/* Streams remember that much of what was shown, for packets out of order. */
#define KEEP_NS 3000000000LL

struct voice {
	struct sv_cli *cli;
	struct sv_voice_options options;
	struct sv_voice_table table;
	struct sv_cli_tap tap;
	int64_t wall_ns; /* CLOCK_REALTIME minus CLOCK_BOOTTIME, once: it must not step */
	int64_t since_ns; /* of --watch: the interval that is next to be shown */
	uint64_t lost; /* when it began */
	int64_t unrecorded;
	struct sv_err err;
};

/* ---- files ---- */

static int read_file(struct voice *v, const char *path)
{
	struct sv_voice_packet packet;
	struct sv_voice_file *file;
	int rc = sv_voice_file_open(&file, path, &v->err), added = 0;

	if (rc)
		return rc;
	while (!added && (rc = sv_voice_file_next(file, &packet, &v->err)) > 0)
		added = sv_voice_table_add(&v->table, &packet.point, path, packet.frame, packet.cap,
					   packet.at_ns);
	sv_voice_file_close(file);
	return added ?: rc;
}

/* Bins that are too many are said, and left out. */
static int show(struct voice *v, int64_t from_ns, int64_t to_ns, uint64_t lost, int64_t unrecorded)
{
	_cleanup_free_ int64_t *edge_ns = NULL;
	struct sv_voice_view view = {
		.table = &v->table,
		.options = &v->options,
		.session = v->tap.session,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.lost = lost,
		.unrecorded = unrecorded,
	};
	int rc;

	sv_voice_table_match(&v->table);
	rc = sv_voice_bins(&view, &edge_ns, &view.bins, &v->err);
	view.edge_ns = edge_ns;
	if (v->options.json)
		sv_voice_print_json(&view);
	else
		sv_voice_print_table(&view);
	return rc;
}

/* What could be read of a file that is cut short is shown, and then said that it is. */
static int files(struct voice *v)
{
	const cJSON *file;
	int rc = 0, shown = 0;

	cJSON_ArrayForEach (file, v->options.files) {
		rc = read_file(v, cJSON_GetStringValue(file));
		if (rc)
			break;
	}
	if (!rc || v->table.packets)
		shown = show(v, v->options.from_ns, v->options.to_ns, 0, 0);
	rc = rc ?: shown;
	if (rc)
		fprintf(stderr, "svnet: %s\n", v->err.text[0] ? v->err.text : strerror(-rc));
	return rc ? SV_EXIT_REFUSED : SV_EXIT_DONE;
}

/* ---- rings ---- */

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static uint64_t lost(struct voice *v)
{
	struct sv_tap_stats stats;

	sv_tap_stats(v->tap.tap, &stats, NULL, 0);
	return stats.lost;
}

static int add_batch(struct voice *v, const struct sv_tap_item *item, int n)
{
	int rc = 0;

	for (int i = 0; i < n && !rc; i++)
		rc = sv_voice_table_add(&v->table, item[i].point, NULL, item[i].bytes,
					item[i].rec->cap, (int64_t)item[i].rec->at_ns + v->wall_ns);
	return rc;
}

static int64_t unrecorded_since(struct voice *v, int64_t *before)
{
	int64_t now = sv_cli_tap_unrecorded(v->cli, &v->tap), since = now - *before;

	if (now < 0)
		return -1;
	*before = now;
	return since;
}

/* An interval of --watch. false: nobody looks any more. */
static bool show_until(struct voice *v, int64_t to_ns)
{
	uint64_t now_lost = lost(v);

	show(v, v->since_ns, to_ns, now_lost - v->lost, unrecorded_since(v, &v->unrecorded));
	v->lost = now_lost;
	v->since_ns = to_ns;
	sv_voice_table_shown(&v->table, v->since_ns, v->since_ns - KEEP_NS);
	return !fflush(stdout) && !ferror(stdout);
}

static bool watch(struct voice *v, int64_t now_ns)
{
	const int64_t interval_ns = v->options.bin_ns ?: WATCH_NS;

	if (!v->options.watch || now_ns < v->since_ns + interval_ns + HOLD_NS)
		return true;
	return show_until(v, v->since_ns + interval_ns);
}

/* What is left when it ends: whole intervals, and the part of one. */
static void watch_rest(struct voice *v)
{
	const int64_t interval_ns = v->options.bin_ns ?: WATCH_NS;
	const int64_t now_ns = clock_ns(CLOCK_BOOTTIME) + v->wall_ns;

	while (now_ns >= v->since_ns + interval_ns)
		if (!show_until(v, v->since_ns + interval_ns))
			return;
	show_until(v, now_ns);
}

static int read_rings(struct voice *v)
{
	const int64_t begin_ns = clock_ns(CLOCK_BOOTTIME) + v->wall_ns;
	struct sv_tap_item item[BATCH];

	v->since_ns = begin_ns;
	for (;;) {
		int n = sv_tap_read(v->tap.tap, item, BATCH, WAIT_MS, &v->err), rc;
		int64_t now_ns = clock_ns(CLOCK_BOOTTIME) + v->wall_ns;

		if (n < 0)
			return n;
		rc = add_batch(v, item, n);
		if (rc || !watch(v, now_ns) || sv_cli_tap_ended(&v->tap) ||
		    (v->options.max_ns && now_ns >= begin_ns + v->options.max_ns))
			return rc;
	}
}

static int rings(struct sv_cli *cli, struct voice *v)
{
	int rc = sv_cli_tap_open(cli, &v->tap), shown = 0;

	if (rc)
		return rc;
	v->wall_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	fprintf(stderr, "svnet: %s: listening\n", v->tap.session);
	rc = read_rings(v);
	if (v->options.watch)
		watch_rest(v);
	else
		shown = show(v, v->options.from_ns, v->options.to_ns, lost(v),
			     unrecorded_since(v, &v->unrecorded));
	rc = rc ?: shown;
	if (rc)
		fprintf(stderr, "svnet: %s: %s\n", v->tap.session,
			v->err.text[0] ? v->err.text : strerror(-rc));
	sv_cli_tap_close(&v->tap);
	return rc && rc != -ESTALE ? SV_EXIT_REFUSED : SV_EXIT_DONE;
}

int sv_cli_voice(struct sv_cli *cli)
{
	struct voice v = { .cli = cli };
	int rc = sv_voice_options_parse(cli->params, &v.options, &v.err);

	if (rc) {
		fprintf(stderr, "svnet: %s\n", v.err.text);
		return SV_EXIT_USAGE;
	}
	v.options.json = cli->json;
	if (sv_voice_table_init(&v.table, &v.options.profile)) {
		fprintf(stderr, "svnet: no memory\n");
		return SV_EXIT_REFUSED;
	}
	rc = v.options.files ? files(&v) : rings(cli, &v);
	sv_voice_table_fini(&v.table);
	return rc;
}
