// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "agent/json.h"
#include "cli.h"

static const char *str(const cJSON *item, const char *name)
{
	return sv_obj_string(item, name) ?: "-";
}

static double num(const cJSON *item, const char *name)
{
	return sv_obj_number(item, name, 0);
}

static const char *yes(const cJSON *item, const char *name)
{
	return sv_obj_true(item, name) ? "yes" : "no";
}

static void header(struct sv_table *table, size_t columns, const char *const names[])
{
	sv_table_init(table, columns);
	for (size_t i = 0; i < columns; i++)
		sv_table_add(table, "%s", names[i]);
}
#define HEADER(table, ...)                                                                         \
	header(table, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *),               \
	       (const char *const[]){ __VA_ARGS__ })

void sv_print_done(const cJSON *result)
{
	const cJSON *hosts = sv_obj_get(result, "hosts"), *host;

	if (!sv_obj_get(result, "revision")) {
		printf("done\n");
		return;
	}
	printf("revision %.0f applied on", num(result, "revision"));
	cJSON_ArrayForEach (host, hosts)
		printf(" %s", cJSON_GetStringValue(host));
	printf("%s\n", cJSON_GetArraySize(hosts) ? "" : " no host");
}

/* ---- status ---- */

/* "name=packets" of every counter that moved. */
static void format_counters(const cJSON *counters, char *text, size_t size)
{
	const cJSON *counter;
	size_t used = 0;

	*text = 0;
	cJSON_ArrayForEach (counter, counters) {
		double n = cJSON_IsNumber(counter) ? counter->valuedouble : num(counter, "packets");

		if (n > 0 && used < size)
			used += snprintf(text + used, size - used, "%s%s=%.0f", used ? " " : "",
					 counter->string, n);
	}
}

static void print_ports(const cJSON *ports)
{
	struct sv_table table;
	char text[512];
	const cJSON *port;

	HEADER(&table, "PORT", "ROLE", "UP", "XDP", "TC", "COUNTERS");
	cJSON_ArrayForEach (port, ports) {
		format_counters(sv_obj_get(port, "counters"), text, sizeof(text));
		sv_table_add(&table, "%s", str(port, "name"));
		sv_table_add(&table, "%s", str(port, "role"));
		sv_table_add(&table, "%s", yes(port, "up"));
		sv_table_add(&table, "%s", str(port, "xdp"));
		sv_table_add(&table, "%s", str(port, "tc"));
		sv_table_add(&table, "%s", text);
	}
	sv_table_print(&table);
}

static void print_attachments(const cJSON *attachments)
{
	struct sv_table table;
	char text[512];
	const cJSON *item;

	HEADER(&table, "PORT", "VLAN", "VNET", "SEGMENT", "PATH", "WHY", "COUNTERS");
	cJSON_ArrayForEach (item, attachments) {
		format_counters(sv_obj_get(item, "counters"), text, sizeof(text));
		sv_table_add(&table, "%s", str(item, "port"));
		if (num(item, "vlan"))
			sv_table_add(&table, "%.0f", num(item, "vlan"));
		else
			sv_table_add(&table, "-");
		sv_table_add(&table, "%s", str(item, "vnet"));
		sv_table_add(&table, "%s", str(item, "segment"));
		sv_table_add(&table, "%s", str(item, "datapath"));
		sv_table_add(&table, "%s", str(item, "why"));
		sv_table_add(&table, "%s", text);
	}
	sv_table_print(&table);
}

static void print_sessions(const cJSON *sessions)
{
	struct sv_table table;
	char text[512];
	const cJSON *item;

	HEADER(&table, "SESSION", "OF", "TO", "UP", "COUNTERS");
	cJSON_ArrayForEach (item, sessions) {
		format_counters(sv_obj_get(item, "counters"), text, sizeof(text));
		sv_table_add(&table, "%s", str(item, "name"));
		sv_table_add(&table, "%s", str(item, "of"));
		sv_table_add(&table, "%s", str(item, "to"));
		sv_table_add(&table, "%s", yes(item, "up"));
		sv_table_add(&table, "%s", text);
	}
	sv_table_print(&table);
}

static void print_groups(const cJSON *groups)
{
	struct sv_table table;
	const cJSON *item;

	HEADER(&table, "GROUP", "LIVE", "WORD", "NEXT", "SEEN");
	cJSON_ArrayForEach (item, groups) {
		const cJSON *word = sv_obj_get(item, "word"), *seen = sv_obj_get(item, "seen");
		bool edge = sv_obj_true(item, "edge");

		sv_table_add(&table, "%s", str(item, "name"));
		sv_table_add(&table, "%s", sv_obj_string(item, "live") ?: "nobody");
		for (int i = 0; i < 2; i++)
			sv_table_add(&table, "%s",
				     edge ? cJSON_GetStringValue(cJSON_GetArrayItem(word, i))
					  : "-");
		if (num(seen, "at_ns"))
			sv_table_add(&table, "role %.0f at %.6f s", num(seen, "role"),
				     num(seen, "at_ns") / 1e9);
		else
			sv_table_add(&table, "-");
	}
	sv_table_print(&table);
}

static void print_vnodes(const cJSON *vnodes)
{
	struct sv_table table;
	const cJSON *item;

	HEADER(&table, "VNODE", "DRIVER", "STATE", "TIER", "PID", "RESTARTS", "NOTE");
	cJSON_ArrayForEach (item, vnodes) {
		sv_table_add(&table, "%s", str(item, "name"));
		sv_table_add(&table, "%s", str(item, "driver"));
		sv_table_add(&table, "%s", str(item, "state"));
		sv_table_add(&table, "%s", str(item, "tier"));
		sv_table_add(&table, "%.0f", num(item, "pid"));
		sv_table_add(&table, "%.0f", num(item, "restarts"));
		sv_table_add(&table, "%s", str(item, "note"));
	}
	sv_table_print(&table);
}

static void print_copies(const cJSON *copies)
{
	if (!sv_obj_true(copies, "watched"))
		printf("copies: this kernel does not tell when a CPU is busy\n");
	else if (num(copies, "times"))
		printf("copies: at most %.0f %% of a busy CPU; %.0f are busy, and became so %.0f "
		       "times\n",
		       num(copies, "when_busy"), num(copies, "busy"), num(copies, "times"));
}

void sv_print_status(const cJSON *result)
{
	static const struct {
		const char *member;
		void (*print)(const cJSON *items);
	} parts[] = {
		{ "ports", print_ports },	{ "attachments", print_attachments },
		{ "sessions", print_sessions }, { "groups", print_groups },
		{ "vnodes", print_vnodes },
	};
	const cJSON *error;

	printf("host %s  revision %.0f  store %.0f\n", str(result, "host"), num(result, "revision"),
	       num(result, "store_revision"));
	cJSON_ArrayForEach (error, sv_obj_get(result, "errors"))
		printf("error: %s\n", cJSON_GetStringValue(error));
	print_copies(sv_obj_get(result, "copies"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		const cJSON *items = sv_obj_get(result, parts[i].member);

		if (!cJSON_GetArraySize(items))
			continue;
		printf("\n");
		parts[i].print(items);
	}
}

/* ---- the rest ---- */

void sv_print_show(const cJSON *result)
{
	_cleanup_free_ char *text = cJSON_Print(result);

	printf("%s\n", text ? text : "");
}

void sv_print_plan(const cJSON *result)
{
	const cJSON *operations = sv_obj_get(result, "operations"), *text;

	cJSON_ArrayForEach (text, operations)
		printf("%s\n", cJSON_GetStringValue(text));
	if (!cJSON_GetArraySize(operations))
		printf("host %s: nothing to do\n", str(result, "host"));
}

void sv_print_vnets(const cJSON *result)
{
	struct sv_table table;
	const cJSON *item;

	HEADER(&table, "VNET", "KIND", "OF", "GROUP", "ROLE", "LIVE", "VNODES", "LINKS");
	cJSON_ArrayForEach (item, sv_obj_get(result, "vnets")) {
		sv_table_add(&table, "%s", str(item, "name"));
		sv_table_add(&table, "%s", str(item, "kind"));
		sv_table_add(&table, "%s", *str(item, "of") ? str(item, "of") : "-");
		sv_table_add(&table, "%s", str(item, "group"));
		sv_table_add(&table, "%.0f", num(item, "role"));
		sv_table_add(&table, "%s", yes(item, "live"));
		sv_table_add(&table, "%.0f", num(item, "vnodes"));
		sv_table_add(&table, "%.0f", num(item, "links"));
	}
	sv_table_print(&table);
}

void sv_print_vnet(const cJSON *result)
{
	const cJSON *item, *part;
	struct sv_table table;

	printf("%s  %s%s%s  group %s  live %s\n\n", str(result, "name"), str(result, "kind"),
	       *str(result, "of") ? " of " : "", str(result, "of"), str(result, "group"),
	       yes(result, "live"));
	HEADER(&table, "VNODE", "HOST", "DRIVER", "INTERFACE", "PORT");
	cJSON_ArrayForEach (item, sv_obj_get(result, "vnodes"))
		cJSON_ArrayForEach (part, sv_obj_get(item, "interfaces")) {
			sv_table_add(&table, "%s", str(item, "name"));
			sv_table_add(&table, "%s", str(item, "host"));
			sv_table_add(&table, "%s", str(item, "driver"));
			sv_table_add(&table, "%s", part->string);
			sv_table_add(&table, "%s", cJSON_GetStringValue(part));
		}
	sv_table_print(&table);
	printf("\n");
	HEADER(&table, "LINK", "VLAN", "EDGE", "ENDS");
	cJSON_ArrayForEach (item, sv_obj_get(result, "links")) {
		char ends[256] = "";

		cJSON_ArrayForEach (part, sv_obj_get(item, "ends"))
			snprintf(ends + strlen(ends), sizeof(ends) - strlen(ends), "%s%s",
				 *ends ? " " : "", cJSON_GetStringValue(part));
		sv_table_add(&table, "%s", str(item, "name"));
		sv_table_add(&table, "%.0f", num(item, "vlan"));
		sv_table_add(&table, "%s", str(item, "edge"));
		sv_table_add(&table, "%s", ends);
	}
	sv_table_print(&table);
}

void sv_print_vnodes(const cJSON *result)
{
	print_vnodes(sv_obj_get(result, "vnodes"));
}

/* "a,b", or what stands for none. */
static void format_list(const cJSON *list, const char *none, char *text, size_t size)
{
	const cJSON *item;
	size_t used = 0;

	snprintf(text, size, "%s", cJSON_GetArraySize(list) ? "" : none);
	cJSON_ArrayForEach (item, list)
		if (used < size)
			used += snprintf(text + used, size - used, "%s%s", used ? "," : "",
					 cJSON_GetStringValue(item) ?: "");
}

static void add_packets(struct sv_table *table, const cJSON *counters, const char *name)
{
	if (counters)
		sv_table_add(table, "%.0f", num(sv_obj_get(counters, name), "packets"));
	else
		sv_table_add(table, "-");
}

/* Every reason that is not 0, without "shed-". */
static void format_sheds(const cJSON *counters, char *text, size_t size)
{
	const cJSON *counter;
	size_t used = 0;

	snprintf(text, size, "%s", counters ? "" : "-");
	cJSON_ArrayForEach (counter, counters) {
		if (strncmp(counter->string, "shed-", 5) || num(counter, "packets") <= 0 ||
		    used >= size)
			continue;
		used += snprintf(text + used, size - used, "%s%s=%.0f", used ? " " : "",
				 counter->string + 5, num(counter, "packets"));
	}
}

static void add_limits(struct sv_table *table, const cJSON *item)
{
	static const char *const strings[] = { "sample", "budget" };
	static const char *const numbers[] = { "snap", "priority" };
	char text[128] = "";
	size_t len = 0;

	for (size_t i = 0; i < 2; i++)
		if (sv_obj_string(item, strings[i]))
			len += snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
					sv_obj_string(item, strings[i]));
	for (size_t i = 0; i < 2 && len < sizeof(text); i++)
		if (num(item, numbers[i]))
			len += snprintf(text + len, sizeof(text) - len, "%s%s %.0f", len ? " " : "",
					numbers[i], num(item, numbers[i]));
	sv_table_add(table, "%s", text[0] ? text : "-");
}

void sv_print_monitors(const cJSON *result)
{
	struct sv_table table;
	char text[512];
	const cJSON *item;

	HEADER(&table, "SESSION", "OF", "DIRECTION", "AT", "FILTER", "LIMITS", "TO", "UP",
	       "UNOFFERED", "MATCHED", "COPIED", "SHED");
	cJSON_ArrayForEach (item, sv_obj_get(result, "sessions")) {
		const cJSON *counters = sv_obj_get(item, "counters");

		sv_table_add(&table, "%s", str(item, "name"));
		sv_table_add(&table, "%s", str(item, "of"));
		sv_table_add(&table, "%s", str(item, "direction"));
		format_list(sv_obj_get(item, "at"), "all", text, sizeof(text));
		sv_table_add(&table, "%s", text);
		sv_table_add(&table, "%s", str(item, "filter"));
		add_limits(&table, item);
		sv_table_add(&table, "%s", str(item, "target"));
		sv_table_add(&table, "%s", sv_obj_true(item, "here") ? yes(item, "up") : "-");
		add_packets(&table, counters, "unoffered");
		add_packets(&table, counters, "matched");
		add_packets(&table, counters, "copied");
		format_sheds(counters, text, sizeof(text));
		sv_table_add(&table, "%s", text);
	}
	sv_table_print(&table);
}

void sv_print_shadow(const cJSON *result)
{
	const cJSON *vnode, *line;

	sv_print_done(result);
	cJSON_ArrayForEach (vnode, sv_obj_get(result, "not_copied"))
		cJSON_ArrayForEach (line, vnode)
			printf("%s: %s\n", vnode->string, cJSON_GetStringValue(line));
	cJSON_ArrayForEach (line, sv_obj_get(result, "lacks"))
		printf("%s lacks %s\n", str(result, "vnet"), cJSON_GetStringValue(line));
}

void sv_print_order(const cJSON *result)
{
	const cJSON *host;

	printf("group %s: %s %s\n", str(result, "group"), str(result, "kind"),
	       sv_obj_string(result, "to") ?: "");
	cJSON_ArrayForEach (host, sv_obj_get(result, "hosts"))
		printf("  %s: %.0f map update(s), armed at %.6f s\n", host->string,
		       num(host, "map_updates"), num(host, "armed_at_us") / 1e6);
}

void sv_print_gates(const cJSON *result)
{
	print_groups(sv_obj_get(result, "groups"));
}
