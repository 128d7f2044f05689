// SPDX-License-Identifier: GPL-2.0-only
/* What `svnet top` counts, and the options of `svnet capture`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/capture.h"
#include "agent/cli/flows.h"
#include "agent/json.h"

/* ---- frames ---- */

#define MACS                                                                                       \
	"020000000001"                                                                             \
	"020000000002"
#define IP4(more, frag, proto, options)                                                            \
	more "00002c"                                                                              \
	     "0001" frag "40" proto "0000"                                                         \
	     "0a000001"                                                                            \
	     "0a000002" options
#define IP6(next)                                                                                  \
	"60000000"                                                                                 \
	"0010" next "40"                                                                           \
	"fd000000000000000000000000000001"                                                         \
	"fd000000000000000000000000000002"
#define PORTS                                                                                      \
	"13c4"                                                                                     \
	"2710"

static const struct {
	const char *what, *frame, *text;
} cases[] = {
	{ "UDP", MACS "0800" IP4("45", "0000", "11", "") PORTS,
	  "udp 10.0.0.1:5060 10.0.0.2:10000" },
	{ "TCP behind options", MACS "0800" IP4("46", "0000", "06", "01010101") PORTS,
	  "tcp 10.0.0.1:5060 10.0.0.2:10000" },
	{ "first fragment", MACS "0800" IP4("45", "2000", "11", "") PORTS,
	  "udp 10.0.0.1:5060 10.0.0.2:10000" },
	{ "later fragment", MACS "0800" IP4("45", "2001", "11", "") PORTS,
	  "udp 10.0.0.1 10.0.0.2" },
	{ "ICMP has no ports", MACS "0800" IP4("45", "0000", "01", "") PORTS,
	  "icmp 10.0.0.1 10.0.0.2" },
	{ "unknown protocol", MACS "0800" IP4("45", "0000", "c8", "") PORTS,
	  "ip-200 10.0.0.1 10.0.0.2" },
	{ "a tag",
	  MACS "8100"
	       "0064"
	       "0800" IP4("45", "0000", "11", "") PORTS,
	  "udp 10.0.0.1:5060 10.0.0.2:10000" },
	{ "two tags",
	  MACS "88a8"
	       "0064"
	       "8100"
	       "0065"
	       "0800" IP4("45", "0000", "11", "") PORTS,
	  "udp 10.0.0.1:5060 10.0.0.2:10000" },
	{ "IPv6", MACS "86dd" IP6("11") PORTS, "udp [fd00::1]:5060 [fd00::2]:10000" },
	{ "ICMPv6", MACS "86dd" IP6("3a") "8000", "icmp6 fd00::1 fd00::2" },
	{ "IPv6 extensions",
	  MACS "86dd" IP6("00") "3c00000000000000"
				"060100000000000000000000"
				"00000000" PORTS,
	  "tcp [fd00::1]:5060 [fd00::2]:10000" },
	{ "IPv6 first fragment", MACS "86dd" IP6("2c") "1100000100000001" PORTS,
	  "udp [fd00::1]:5060 [fd00::2]:10000" },
	{ "IPv6 later fragment", MACS "86dd" IP6("2c") "1100000900000001" PORTS,
	  "udp fd00::1 fd00::2" },
	{ "ARP",
	  MACS "0806"
	       "0001080006040001"
	       "0200000000020a000001"
	       "0000000000000a000002",
	  "arp 10.0.0.1 10.0.0.2" },
	{ "LLDP",
	  MACS "88cc"
	       "0207",
	  "0x88cc 02:00:00:00:00:02 02:00:00:00:00:01" },
	{ "no IPv4 inside",
	  MACS "0800"
	       "65"
	       "0000000000000000000000000000000000000000",
	  "0x0800 02:00:00:00:00:02 02:00:00:00:00:01" },
	{ "shorter than a header says", MACS "0800" IP4("4f", "0000", "11", "") PORTS,
	  "udp 10.0.0.1 10.0.0.2" },
	{ "no frame", "0200", "0x0000 00:00:00:00:00:00 00:00:00:00:00:00" },
};

static size_t bytes_of(const char *hex, uint8_t *bytes)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
	return n;
}

static const char *text_of(const struct sv_flow *flow)
{
	static char text[200];
	char proto[16], src[SV_FLOW_END_MAX], dst[SV_FLOW_END_MAX];

	sv_flow_protocol(flow, proto);
	sv_flow_source(flow, src);
	sv_flow_destination(flow, dst);
	snprintf(text, sizeof(text), "%s %s %s", proto, src, dst);
	return text;
}

static void test_parse(void **state)
{
	struct sv_flow flow;
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sv_flow_parse(&flow, bytes, bytes_of(cases[i].frame, bytes));
		if (strcmp(text_of(&flow), cases[i].text))
			fail_msg("%s: %s", cases[i].what, text_of(&flow));
	}
}

/* Cut anywhere: not a byte beyond is read, which the sanitizer watches, and it is still a flow. */
static void test_truncated(void **state)
{
	uint8_t bytes[256], *cut;
	struct sv_flow flow;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t len = bytes_of(cases[i].frame, bytes); len--;) {
			cut = malloc(len ?: 1);
			memcpy(cut, bytes, len);
			sv_flow_parse(&flow, cut, len);
			assert_true(strlen(text_of(&flow)) > 8);
			free(cut);
		}
}

static void test_garbage(void **state)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100 };
	uint8_t *bytes = malloc(120);
	struct sv_flow flow;

	(void)state;
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		for (int i = 0; i < 120; i++)
			bytes[i] = random();
		bytes[12] = types[round % 4] >> 8;
		bytes[13] = types[round % 4];
		bytes[14] = (round % 4 ? 0x60 : 0x40) | (bytes[14] & 15);
		sv_flow_parse(&flow, bytes, 120);
	}
	free(bytes);
}

/* ---- the table ---- */

static struct sv_flow numbered(uint32_t n)
{
	struct sv_flow flow = { .kind = SV_FLOW_IP4, .proto = 17 };

	memcpy(flow.src, &n, 4);
	return flow;
}

static void add(struct sv_flows *flows, uint32_t n, const void *point, uint64_t packets)
{
	struct sv_flow flow = numbered(n);

	sv_flows_add(flows, &flow, point, packets, packets * 100);
}

static void test_flows(void **state)
{
	struct sv_flows flows;
	int here, there;

	(void)state;
	assert_int_equal(sv_flows_init(&flows, 100), 0);
	for (uint32_t n = 1; n <= 50; n++)
		for (uint32_t i = 0; i < 3; i++)
			add(&flows, n, &here, n);
	add(&flows, 7, &there, 1000); /* the same flow elsewhere is another row */
	assert_int_equal(sv_flows_sort(&flows), 51);
	assert_true(flows.row[0].point == &there && flows.row[0].now.packets == 1000);
	assert_int_equal(flows.row[1].now.packets, 150);
	assert_int_equal(flows.row[50].now.packets, 3);
	assert_int_equal(flows.now.packets, 1000 + 3 * 50 * 51 / 2);
	sv_flows_tick(&flows);
	assert_int_equal(sv_flows_sort(&flows), 0);
	add(&flows, 1, &here, 2);
	assert_int_equal(sv_flows_sort(&flows), 1);
	assert_int_equal(flows.row[0].now.packets, 2);
	assert_int_equal(flows.row[0].total.packets, 5);
	assert_int_equal(flows.total.bytes, 100 * (1002 + 3 * 50 * 51 / 2));
	sv_flows_fini(&flows);
}

/* A scan of a million addresses does not push the big ones out, and the sums stay right. */
static void test_eviction(void **state)
{
	struct sv_flow_sum left = { 0 };
	struct sv_flows flows;

	(void)state;
	assert_int_equal(sv_flows_init(&flows, 64), 0);
	for (uint32_t n = 0; n < 1000000; n++) {
		add(&flows, 100 + n, NULL, 1);
		if (n % 10 == 0)
			add(&flows, n / 10 % 5, NULL, 10);
	}
	assert_true(flows.n <= 64);
	assert_int_equal(sv_flows_sort(&flows), flows.n);
	for (int i = 0; i < 5; i++)
		assert_int_equal(flows.row[i].total.packets, 200000);
	for (size_t i = 0; i < flows.n; i++)
		left.packets += flows.row[i].total.packets;
	assert_int_equal(left.packets + flows.evicted.packets, 2000000);
	assert_int_equal(flows.total.packets, 2000000);
	assert_int_equal(flows.evictions, 1000005 - flows.n);
	sv_flows_fini(&flows);
}

/* ---- options ---- */

static int parse(const char *line, struct sv_capture_options *options, struct sv_err *err)
{
	static char text[512], *argv[32], *save;
	struct sv_cli cli;
	int argc = 0, rc;

	strcpy(text, line);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	rc = sv_cli_parse(&cli, argc, argv, err);
	rc = rc ?: sv_capture_options_parse(cli.params, options, err);
	if (!rc)
		options->path = options->path[0] == '-' ? "-" : "FILE"; /* it goes with params */
	sv_cli_fini(&cli);
	return rc;
}

static void test_options(void **state)
{
	static const char *const bad[] = {
		"capture s",
		"capture s -w",
		"capture s -w x --files 3",
		"capture s -w - --rotate-size 1M",
		"capture s -w x --rotate-size 1",
		"capture s -w x --rotate-size 1X",
		"capture s -w x --rotate-size 1MBs",
		"capture s -w x --rotate-size -5M",
		"capture s -w x --rotate-time 0s",
		"capture s -w x --rotate-time soon",
		"capture s -w x --packets 0",
		"capture s -w x --seconds -1",
		"capture s -x y",
		"capture -w x",
	};
	struct sv_capture_options options;
	struct sv_err err = { 0 };

	(void)state;
	assert_int_equal(parse("capture s -w f.pcapng --seconds 1.5 --packets 10", &options, &err),
			 0);
	assert_string_equal(options.path, "FILE");
	assert_int_equal(options.max_ns, 1500000000);
	assert_int_equal(options.max_packets, 10);
	assert_int_equal(options.rotate_bytes + options.rotate_ns + options.files, 0);
	assert_int_equal(parse("capture -w - s", &options, &err), 0);
	assert_string_equal(options.path, "-");
	assert_int_equal(parse("capture s --w=f --rotate-size 1.5M --rotate-time 2m --files 9",
			       &options, &err),
			 0);
	assert_int_equal(options.rotate_bytes, 1500000);
	assert_int_equal(options.rotate_ns, 120 * 1000000000ULL);
	assert_int_equal(options.files, 9);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err.text[0] = 0;
		if (parse(bad[i], &options, &err) != -EINVAL || !err.text[0])
			fail_msg("%s: %s", bad[i], err.text);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 },	{ "1500", 1500 },	{ "64k", 64000 },
		     { "64KB", 64000 }, { "100M", 100000000 },	{ "2G", 2000000000 },
		     { "0.5k", 500 },	{ "1T", 1000000000000 } };
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(sv_capture_parse_size(good[i].text, &bytes, NULL), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
	assert_int_equal(sv_capture_parse_size("", &bytes, NULL), -EINVAL);
	assert_int_equal(sv_capture_parse_size("M", &bytes, NULL), -EINVAL);
	assert_int_equal(sv_capture_parse_size("nan", &bytes, NULL), -EINVAL);
	assert_int_equal(sv_capture_parse_size("1e30", &bytes, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	 cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_garbage),	 cmocka_unit_test(test_flows),
		cmocka_unit_test(test_eviction), cmocka_unit_test(test_options),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
