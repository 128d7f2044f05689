// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "agent/json.h"
#include "capture.h"

#define BATCH 512
#define POINTS 4096
#define WAIT_MS 50
#define CARE_NS 10000000ULL
#define FLUSH_PIPE_NS 20000000ULL
#define FLUSH_FILE_NS 1000000000ULL

enum why { GOING_ON = 0, ASKED, TIME, PACKETS, STOPPED, FAILED };

struct capture {
	struct sv_cli_tap tap;
	struct sv_capture_file file;
	struct sv_sink *sink;
	bool pipe;
	enum why why;
	uint64_t packets, bytes;
	uint64_t start_ns, end_ns; /* CLOCK_BOOTTIME; what is younger than the end is left out */
	uint64_t cared_ns, flushed_ns, file_ns;
	struct sv_err err;
};

static uint64_t lost(struct capture *c)
{
	struct sv_tap_stats stats;

	sv_tap_stats(c->tap.tap, &stats, NULL, 0);
	return stats.lost;
}

/* ---- between batches ---- */

static void look_for_end(struct capture *c, uint64_t now_ns)
{
	if (c->why == GOING_ON && sv_cli_tap_ended(&c->tap)) {
		c->why = ASKED;
		c->end_ns = now_ns;
	}
	if (sv_sink_failed(c->sink))
		c->why = FAILED;
}

/* What the sink has no room for waits in the rings: they count what they lose. */
static int again(struct capture *c, int rc)
{
	if (rc != -EAGAIN)
		return rc;
	sv_sink_wait(c->sink, WAIT_MS);
	look_for_end(c, sv_cli_boot_ns());
	return c->why == GOING_ON ? -EAGAIN : -ECANCELED;
}

static int rotate(struct capture *c, uint64_t now_ns)
{
	int rc;

	do
		rc = again(c, sv_capture_file_rotate(&c->file, lost(c)));
	while (rc == -EAGAIN);
	c->file_ns = now_ns;
	return rc;
}

static int take_care(struct capture *c, bool idle)
{
	const uint64_t now_ns = sv_cli_boot_ns(), rotate_ns = c->file.options.rotate_ns;

	if (!idle && now_ns - c->cared_ns < CARE_NS)
		return 0;
	c->cared_ns = now_ns;
	look_for_end(c, now_ns);
	if (rotate_ns && c->file.packets && now_ns - c->file_ns >= rotate_ns) {
		int rc = rotate(c, now_ns);

		if (rc)
			return rc;
	}
	if (now_ns - c->flushed_ns >= (c->pipe ? FLUSH_PIPE_NS : FLUSH_FILE_NS)) {
		sv_sink_flush(c->sink);
		c->flushed_ns = now_ns;
	}
	return 0;
}

/* ---- records ---- */

static int add(struct capture *c, const struct sv_tap_item *item)
{
	int rc = 0;

	if (sv_capture_file_full(&c->file, item->rec->cap))
		rc = rotate(c, sv_cli_boot_ns());
	if (rc)
		return rc;
	do
		rc = again(c, sv_capture_file_add(&c->file, item));
	while (rc == -EAGAIN);
	if (rc)
		return rc;
	c->packets++;
	c->bytes += item->rec->cap;
	if (c->packets == c->file.options.max_packets)
		c->why = PACKETS;
	return 0;
}

/* 1: one of them is beyond the end. */
static int add_batch(struct capture *c, const struct sv_tap_item *item, int n)
{
	for (int i = 0; i < n && c->why != PACKETS; i++) {
		int rc;

		if (item[i].rec->at_ns > c->end_ns)
			return 1;
		rc = add(c, &item[i]);
		if (rc)
			return rc;
	}
	return 0;
}

static bool over(struct capture *c, int n)
{
	if (c->why == PACKETS || c->why == FAILED)
		return true;
	/* The last records before the end have come when none does any more. */
	if (n || sv_cli_boot_ns() <= c->end_ns)
		return false;
	if (c->why == GOING_ON)
		c->why = TIME;
	return true;
}

static int read_all(struct capture *c)
{
	struct sv_tap_item item[BATCH];
	int n, rc = 0;

	do {
		int wait_ms = c->why == GOING_ON ? WAIT_MS : 2;

		n = sv_tap_read(c->tap.tap, item, BATCH, wait_ms, &c->err);
		if (n < 0)
			break;
		rc = add_batch(c, item, n);
		rc = rc ?: take_care(c, !n);
	} while (!rc && !over(c, n));
	if (n == -ESTALE)
		c->why = STOPPED;
	if (rc == 1 && c->why == GOING_ON)
		c->why = TIME;
	return n < 0 && n != -ESTALE ? n : rc < 0 && rc != -ECANCELED ? rc : 0;
}

/* ---- beginning and end ---- */

static int by_name(const void *a, const void *b)
{
	char name[2][SV_CLI_POINT_MAX];

	sv_cli_point_name(*(const struct sv_point *const *)a, name[0]);
	sv_cli_point_name(*(const struct sv_point *const *)b, name[1]);
	return strcmp(name[0], name[1]);
}

static int begin(struct capture *c)
{
	const struct sv_point *point[POINTS];
	int n = sv_tap_points(c->tap.tap, point, POINTS, &c->err);

	if (n < 0)
		return n;
	if (n > POINTS)
		n = POINTS;
	qsort(point, n, sizeof(*point), by_name);
	c->start_ns = c->cared_ns = c->file_ns = sv_cli_boot_ns();
	c->end_ns = c->file.options.max_ns ? c->start_ns + c->file.options.max_ns : ~0ULL;
	return sv_capture_file_begin(&c->file, point, n);
}

static void print_json(const struct capture *c, const struct sv_sink_result *result,
		       uint64_t n_lost, double seconds)
{
	static const char *const why[] = { "", "asked", "time", "packets", "stopped", "failed" };
	_cleanup_json_ cJSON *json = cJSON_CreateObject();
	_cleanup_free_ char *text = NULL;

	cJSON_AddStringToObject(json, "session", c->tap.session);
	cJSON_AddNumberToObject(json, "packets", c->packets);
	cJSON_AddNumberToObject(json, "bytes", c->bytes);
	cJSON_AddNumberToObject(json, "lost", n_lost);
	cJSON_AddNumberToObject(json, "seconds", seconds);
	cJSON_AddStringToObject(json, "ended", why[c->why]);
	cJSON_AddStringToObject(json, "file", result->last);
	cJSON_AddNumberToObject(json, "files", result->files);
	cJSON_AddNumberToObject(json, "written", result->bytes);
	text = cJSON_PrintUnformatted(json);
	fprintf(c->pipe ? stderr : stdout, "%s\n", text ?: "");
}

static void print_end(const struct capture *c, const struct sv_sink_result *result, uint64_t n_lost,
		      double seconds)
{
	fprintf(stderr, "svnet: %s: %llu packets, %llu bytes in %.1f s", c->tap.session,
		(unsigned long long)c->packets, (unsigned long long)c->bytes, seconds);
	if (c->why != FAILED && result->files > 1)
		fprintf(stderr, " to %u files, last %s", result->files, result->last);
	else if (c->why != FAILED)
		fprintf(stderr, " to %s", result->last);
	fprintf(stderr, n_lost ? "; %llu lost: the rings were full\n" : "; %llu lost\n",
		(unsigned long long)n_lost);
}

/* The trailer is written in any case, if need be in the place of the last packets. */
static int finish(struct capture *c, bool json, int rc)
{
	const double seconds = (sv_cli_boot_ns() - c->start_ns) / 1e9;
	const uint64_t n_lost = lost(c);
	_cleanup_free_ uint8_t *trailer = NULL;
	size_t len = sv_capture_file_trailer(&c->file, n_lost, &trailer);
	struct sv_sink_result result;
	struct sv_err err = { 0 };
	int closed = sv_sink_close(c->sink, trailer, len, &result, &err);

	if (rc || c->why == STOPPED)
		fprintf(stderr, "svnet: %s\n", c->err.text[0] ? c->err.text : strerror(-rc));
	if (closed)
		c->why = FAILED;
	if (closed && closed != -EPIPE) {
		fprintf(stderr, "svnet: %s\n", err.text);
		rc = closed;
	}
	if (json)
		print_json(c, &result, n_lost, seconds);
	else
		print_end(c, &result, n_lost, seconds);
	if (closed == -ETIMEDOUT)
		_exit(SV_EXIT_REFUSED);
	return rc ? SV_EXIT_REFUSED : SV_EXIT_DONE;
}

static int run(struct sv_cli *cli, struct capture *c)
{
	int rc;

	c->file.session = c->tap.session;
	c->file.host = sv_obj_string(c->tap.answer, "host");
	c->pipe = !strcmp(c->file.options.path, "-");
	rc = sv_sink_open(&c->sink, c->file.options.path,
			  c->file.options.rotate_bytes || c->file.options.rotate_ns,
			  c->file.options.files, &c->err);
	if (rc) {
		fprintf(stderr, "svnet: %s\n", c->err.text);
		return SV_EXIT_REFUSED;
	}
	c->file.sink = c->sink;
	rc = begin(c);
	rc = rc ?: read_all(c);
	rc = finish(c, cli->json, rc);
	sv_capture_file_fini(&c->file);
	return rc;
}

int sv_cli_capture(struct sv_cli *cli)
{
	struct capture c = { 0 };
	int rc = sv_capture_options_parse(cli->params, &c.file.options, &c.err);

	if (!rc && !strcmp(c.file.options.path, "-") && isatty(STDOUT_FILENO))
		rc = sv_err_set(
			&c.err, -EINVAL,
			"standard output is a terminal: svnet capture … -w - | tshark -i -");
	if (rc) {
		fprintf(stderr, "svnet: %s\n", c.err.text);
		return SV_EXIT_USAGE;
	}
	rc = sv_cli_tap_open(cli, &c.tap);
	if (!rc)
		rc = run(cli, &c);
	sv_cli_tap_close(&c.tap);
	return rc;
}
