// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "agent/json.h"
#include "agent/when.h"
#include "flows.h"
#include "tap.h"

#define BATCH 512
#define FLOWS 8192
#define ROWS 30 /* of a table that is no screen */
#define ROWS_JSON 200
#define WAIT_MS 50
/* From the top left corner, long lines cut; and back. */
#define SCREEN_BEGIN "\033[H\033[J\033[?7l"
#define SCREEN_END "\033[?7h"

struct top {
	struct sv_cli_tap tap;
	struct sv_flows flows;
	__u64 interval_ns, next_ns, since_ns;
	__u64 count; /* tables left; 0: no end */
	__u64 lost; /* when the interval began */
	bool json, screen;
	struct sv_err err;
};

/* ---- numbers for people ---- */

static void format_number(double value, char text[16])
{
	static const char units[] = " kMGTP";
	int unit = 0;

	for (; value >= 9999.5 && units[unit + 1]; unit++)
		value /= 1000;
	if (unit)
		snprintf(text, 16, "%.*f%c", value < 100 ? 1 : 0, value, units[unit]);
	else
		snprintf(text, 16, "%.0f", value);
}

static void add_number(struct sv_table *table, double value)
{
	char text[16];

	format_number(value, text);
	sv_table_add(table, "%s", text);
}

static const char *direction(const struct sv_point *point)
{
	static const char *const names[] = { "-", "in", "out", "both" };

	return names[point->direction & (SV_POINT_IN | SV_POINT_OUT)];
}

/* ---- a table ---- */

static size_t rows_of_screen(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_row < 6)
		return ROWS;
	return size.ws_row - 4;
}

static void print_row(struct sv_table *table, const struct top *top, const struct sv_flow_row *row,
		      double seconds)
{
	const struct sv_point *point = row->point;
	char text[SV_FLOW_END_MAX];

	sv_table_add(table, "%.32s", point->vnet[0] ? point->vnet : "-");
	sv_table_add(table, "%.32s %.32s:%.16s", point->point, point->vnode, point->iface);
	sv_table_add(table, "%s", direction(point));
	sv_flow_protocol(&row->flow, text);
	sv_table_add(table, "%s", text);
	sv_flow_source(&row->flow, text);
	sv_table_add(table, "%s", text);
	sv_flow_destination(&row->flow, text);
	sv_table_add(table, "%s", text);
	add_number(table, row->now.packets / seconds);
	add_number(table, row->now.bytes * 8 / seconds);
	add_number(table, row->total.packets);
	add_number(table, row->total.bytes);
	sv_table_add(table, "%.1f%%", 100.0 * row->now.bytes / (top->flows.now.bytes ?: 1));
}

static void print_table(const struct top *top, size_t active, double seconds, __u64 lost)
{
	static const char *const names[] = { "VNET",	"POINT",       "DIR",	"PROTO",
					     "SOURCE",	"DESTINATION", "PKT/S", "BIT/S",
					     "PACKETS", "BYTES",       "SHARE" };
	const size_t columns = sizeof(names) / sizeof(*names);
	size_t rows = top->screen ? rows_of_screen() : ROWS;
	struct sv_table table;
	char pps[16], bps[16];

	format_number(top->flows.now.packets / seconds, pps);
	format_number(top->flows.now.bytes * 8 / seconds, bps);
	printf("%ssession %s: %zu flows, %s packets/s, %s bit/s, %llu lost\n\n",
	       top->screen ? SCREEN_BEGIN : "", top->tap.session, active, pps, bps,
	       (unsigned long long)lost);
	fflush(stdout);
	sv_table_init(&table, columns);
	for (size_t i = 0; i < columns; i++)
		sv_table_add(&table, "%s", names[i]);
	for (size_t i = 0; i < active && i < rows; i++)
		print_row(&table, top, &top->flows.row[i], seconds);
	sv_table_print(&table);
	printf("%s", top->screen ? SCREEN_END : "\n");
}

/* ---- JSON ---- */

static cJSON *row_json(const struct top *top, const struct sv_flow_row *row, double seconds)
{
	const struct sv_point *point = row->point;
	cJSON *json = cJSON_CreateObject();
	char text[SV_FLOW_END_MAX];

	cJSON_AddStringToObject(json, "vnet", point->vnet);
	cJSON_AddStringToObject(json, "vnode", point->vnode);
	cJSON_AddStringToObject(json, "interface", point->iface);
	cJSON_AddStringToObject(json, "point", point->point);
	cJSON_AddStringToObject(json, "direction", direction(point));
	sv_flow_protocol(&row->flow, text);
	cJSON_AddStringToObject(json, "protocol", text);
	sv_flow_source(&row->flow, text);
	cJSON_AddStringToObject(json, "source", text);
	sv_flow_destination(&row->flow, text);
	cJSON_AddStringToObject(json, "destination", text);
	cJSON_AddNumberToObject(json, "packets", row->now.packets);
	cJSON_AddNumberToObject(json, "bytes", row->now.bytes);
	cJSON_AddNumberToObject(json, "packets_per_s", row->now.packets / seconds);
	cJSON_AddNumberToObject(json, "bits_per_s", row->now.bytes * 8 / seconds);
	cJSON_AddNumberToObject(json, "total_packets", row->total.packets);
	cJSON_AddNumberToObject(json, "total_bytes", row->total.bytes);
	cJSON_AddNumberToObject(json, "share",
				(double)row->now.bytes / (top->flows.now.bytes ?: 1));
	return json;
}

/* A line an interval. */
static void print_json(const struct top *top, size_t active, double seconds, __u64 lost)
{
	_cleanup_json_ cJSON *json = cJSON_CreateObject();
	_cleanup_free_ char *text = NULL;
	cJSON *flows;

	cJSON_AddStringToObject(json, "session", top->tap.session);
	cJSON_AddNumberToObject(json, "time", time(NULL));
	cJSON_AddNumberToObject(json, "seconds", seconds);
	cJSON_AddNumberToObject(json, "packets", top->flows.now.packets);
	cJSON_AddNumberToObject(json, "bytes", top->flows.now.bytes);
	cJSON_AddNumberToObject(json, "lost", lost);
	cJSON_AddNumberToObject(json, "active", active);
	flows = cJSON_AddArrayToObject(json, "flows");
	for (size_t i = 0; i < active && i < ROWS_JSON; i++)
		cJSON_AddItemToArray(flows, row_json(top, &top->flows.row[i], seconds));
	text = cJSON_PrintUnformatted(json);
	printf("%s\n", text ?: "");
}

/* ---- the loop ---- */

/* false: that was the last, or nobody looks any more. */
static bool show(struct top *top, __u64 now_ns)
{
	const double seconds = (now_ns - top->since_ns) / 1e9;
	struct sv_tap_stats stats;
	size_t active = sv_flows_sort(&top->flows);

	sv_tap_stats(top->tap.tap, &stats, NULL, 0);
	if (top->json)
		print_json(top, active, seconds, stats.lost - top->lost);
	else
		print_table(top, active, seconds, stats.lost - top->lost);
	top->lost = stats.lost;
	sv_flows_tick(&top->flows);
	top->since_ns = now_ns;
	top->next_ns += top->interval_ns;
	if (top->next_ns <= now_ns)
		top->next_ns = now_ns + top->interval_ns;
	return !fflush(stdout) && !ferror(stdout) && (!top->count || --top->count);
}

static void add(struct top *top, const struct sv_tap_item *item)
{
	const struct sv_tap_rec *rec = item->rec;
	struct sv_flow flow;

	sv_flow_parse(&flow, item->bytes, rec->cap);
	sv_flows_add(&top->flows, &flow, item->point, rec->packets ?: 1, rec->len);
}

static int watch(struct top *top)
{
	struct sv_tap_item item[BATCH];
	__u64 now_ns;
	int n;

	top->since_ns = sv_cli_boot_ns();
	top->next_ns = top->since_ns + top->interval_ns;
	for (;;) {
		n = sv_tap_read(top->tap.tap, item, BATCH, WAIT_MS, &top->err);
		if (n < 0)
			return n;
		for (int i = 0; i < n; i++)
			add(top, &item[i]);
		now_ns = sv_cli_boot_ns();
		if (now_ns >= top->next_ns && !show(top, now_ns))
			return 0;
		if (sv_cli_tap_ended(&top->tap))
			return 0;
	}
}

static int parse(struct sv_cli *cli, struct top *top, struct sv_err *err)
{
	double count = sv_obj_number(cli->params, "count", 0);
	__u64 us = 1000000;
	int rc;

	rc = sv_when_parse_duration(sv_obj_string(cli->params, "interval") ?: "1s", &us, err);
	if (rc)
		return rc;
	if (us < 10000 || us > 3600000000ULL)
		return sv_err_set(err, -EINVAL, "--interval: between 10ms and 1h");
	if (sv_obj_get(cli->params, "count") && !(count >= 1 && count <= 1e9))
		return sv_err_set(err, -EINVAL, "--count %g: at least 1", count);
	top->interval_ns = us * 1000;
	top->count = count;
	top->json = cli->json;
	top->screen = !cli->json && isatty(STDOUT_FILENO);
	return 0;
}

int sv_cli_top(struct sv_cli *cli)
{
	struct top top = { 0 };
	int rc;

	if (parse(cli, &top, &top.err)) {
		fprintf(stderr, "svnet: %s\n", top.err.text);
		return SV_EXIT_USAGE;
	}
	rc = sv_cli_tap_open(cli, &top.tap);
	if (rc)
		return rc;
	rc = sv_flows_init(&top.flows, FLOWS);
	rc = rc ?: watch(&top);
	if (rc)
		fprintf(stderr, "svnet: %s: %s\n", top.tap.session,
			top.err.text[0] ? top.err.text : strerror(-rc));
	sv_flows_fini(&top.flows);
	sv_cli_tap_close(&top.tap);
	return rc && rc != -ESTALE ? SV_EXIT_REFUSED : SV_EXIT_DONE;
}
