// SPDX-License-Identifier: GPL-2.0-only
/* `svnet voice`: capture files, streams by their points, options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <byteswap.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/pcapng.h"
#include "agent/cli/tap.h"
#include "agent/cli/voice.h"
#include "agent/cli/voice_file.h"
#include "agent/json.h"

#define G711A "/usr/share/sip-tester/g711a.pcap"
#define MS 1000000LL
#define BASE_NS 1700000000123456789LL

/* ---- frames and files ---- */

struct bytes {
	uint8_t byte[1 << 16];
	size_t len;
};

static void put_hex(struct bytes *b, const char *hex)
{
	for (; *hex; hex += 2)
		sscanf(hex, "%2hhx", &b->byte[b->len++]);
}

static void put32(struct bytes *b, uint32_t value, bool swapped)
{
	value = swapped ? bswap_32(value) : value;
	memcpy(b->byte + b->len, &value, 4);
	b->len += 4;
}

/* From `ether` on: an RTP packet in UDP. */
static void put_rtp(struct bytes *b, const char *ether, bool six, uint16_t seq, uint32_t ssrc)
{
	char rtp[64];

	put_hex(b, ether);
	put_hex(b, six ? "600000000018"
			 "1140"
			 "fd000000000000000000000000000001"
			 "fd000000000000000000000000000002"
		       : "4500002c000000004011"
			 "0000"
			 "0a0000010a000002");
	put_hex(b, "138817700018"
		   "0000");
	snprintf(rtp, sizeof(rtp), "8000%04x%08x%08x", seq, seq * 160, ssrc);
	put_hex(b, rtp);
	put_hex(b, "d5d5d5d5");
}

#define MACS "020000000001020000000002"

static int path_number;

static void write_file(const struct bytes *b, size_t len, char path[64])
{
	FILE *file;

	snprintf(path, 64, "/tmp/svnet-voice-%d-%d", getpid(), path_number++);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(b->byte, 1, len, file), len);
	fclose(file);
}

/* How many packets of a file are read; *rc what ended it. */
static int count_packets(const struct bytes *b, size_t len, int *rc, struct sv_voice_packet *last)
{
	struct sv_voice_packet packet;
	struct sv_voice_file *file;
	struct sv_err err = { 0 };
	volatile uint8_t sum = 0;
	char path[64];
	int n = 0;

	write_file(b, len, path);
	*rc = sv_voice_file_open(&file, path, &err);
	unlink(path);
	if (*rc)
		return 0;
	while ((*rc = sv_voice_file_next(file, &packet, &err)) > 0) {
		n++;
		for (uint32_t i = 0; i < packet.cap; i++)
			sum ^= packet.frame[i];
		if (last) {
			if (n > 1)
				free((void *)last->frame);
			*last = packet;
			last->frame = memcpy(malloc(packet.cap + 1), packet.frame, packet.cap);
		}
	}
	assert_true(!*rc || err.text[0]);
	sv_voice_file_close(file);
	return n;
}

static void test_pcap(void **state)
{
	static const struct {
		const char *what, *head;
		uint32_t link, magic;
		bool swapped, six;
	} cases[] = {
		{ "microseconds", MACS "0800", 1, 0xa1b2c3d4, false, false },
		{ "nanoseconds", MACS "0800", 1, 0xa1b23c4d, false, false },
		{ "swapped", MACS "0800", 1, 0xa1b2c3d4, true, false },
		{ "swapped nanoseconds", MACS "86dd", 1, 0xa1b23c4d, true, true },
		{ "two tags",
		  MACS "88a80064"
		       "810000c8"
		       "0800",
		  1, 0xa1b2c3d4, false, false },
		{ "raw IPv4", "", 101, 0xa1b2c3d4, false, false },
		{ "raw IPv6", "", 101, 0xa1b2c3d4, false, true },
		{ "cooked", "00000001000602000000000100000800", 113, 0xa1b2c3d4, false, false },
		{ "cooked 2",
		  "86dd0000000000020001000602000000"
		  "00010000",
		  276, 0xa1b2c3d4, false, true },
		{ "loopback", "02000000", 0, 0xa1b2c3d4, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool nano = cases[i].magic == 0xa1b23c4d, swapped = cases[i].swapped;
		struct bytes b = { 0 }, frame = { 0 };
		struct sv_voice_packet packet;
		size_t have, len;
		struct sv_flow flow;
		struct sv_rtp rtp;
		const uint8_t *udp;
		int rc;

		put_rtp(&frame, cases[i].head, cases[i].six, 77, 0xabcd);
		put32(&b, cases[i].magic, swapped);
		put32(&b, swapped ? 0x00020004 : 0x00040002, false);
		for (int j = 0; j < 3; j++)
			put32(&b, 65535, swapped);
		put32(&b, cases[i].link, swapped);
		put32(&b, 1700000000, swapped);
		put32(&b, nano ? 123456789 : 123456, swapped);
		put32(&b, frame.len, swapped);
		put32(&b, frame.len, swapped);
		memcpy(b.byte + b.len, frame.byte, frame.len);
		b.len += frame.len;
		if (count_packets(&b, b.len, &rc, &packet) != 1 || rc)
			fail_msg("%s", cases[i].what);
		assert_int_equal(packet.at_ns, 1700000000123456000LL + (nano ? 789 : 0));
		udp = sv_flow_parse_udp(&flow, packet.frame, packet.cap, &have, &len);
		if (!udp || !sv_rtp_parse(&rtp, udp, have, len) || rtp.seq != 77 ||
		    rtp.payload_len != 4)
			fail_msg("%s: no RTP", cases[i].what);
		free((void *)packet.frame);
		for (size_t cut = 0; cut < b.len; cut++)
			assert_int_equal(count_packets(&b, cut, &rc, NULL), 0);
	}
}

static const struct sv_point exit_out = { "A", "r3", "eth1", "exit", SV_POINT_OUT, { 0 } };

static void begin_pcapng(struct bytes *b)
{
	char name[SV_CLI_POINT_MAX];
	const struct sv_pcapng_interface interface = { .name = name, .description = "d" };

	b->len = sv_pcapng_section(b->byte, "", "", "test");
	sv_cli_point_name(&exit_out, name);
	b->len += sv_pcapng_interface(b->byte + b->len, &interface);
}

static void add_pcapng(struct bytes *b, uint16_t seq, int64_t at_ns)
{
	struct bytes frame = { 0 };
	struct sv_pcapng_packet packet = { .wall_ns = at_ns, .comment = "silenced: shadow" };

	put_rtp(&frame, MACS "0800", false, seq, 0xabcd);
	packet.bytes = frame.byte;
	packet.len = packet.cap = frame.len;
	b->len += sv_pcapng_packet(b->byte + b->len, &packet);
}

/* What `svnet capture` writes: the point comes back. */
static void test_pcapng(void **state)
{
	struct sv_voice_packet packet;
	struct bytes b;
	int rc, whole = 0;

	(void)state;
	begin_pcapng(&b);
	for (int i = 0; i < 20; i++)
		add_pcapng(&b, i, BASE_NS + i);
	assert_int_equal(count_packets(&b, b.len, &rc, &packet), 20);
	assert_int_equal(rc, 0);
	assert_int_equal(packet.at_ns, BASE_NS + 19);
	assert_memory_equal(&packet.point, &exit_out, sizeof(exit_out));
	free((void *)packet.frame);
	for (size_t cut = 0; cut < b.len; cut++) {
		int n = count_packets(&b, cut, &rc, NULL);

		assert_true(n >= whole && n <= whole + 1);
		assert_true(rc == -EBADMSG || rc == 0);
		whole = n;
	}
}

static void test_damage(void **state)
{
	struct bytes b, damaged;
	int rc;

	(void)state;
	begin_pcapng(&b);
	for (int i = 0; i < 5; i++)
		add_pcapng(&b, i, BASE_NS + i);
	for (unsigned int seed = 1; seed <= 3000; seed++) {
		srandom(seed);
		damaged = b;
		for (int i = random() % 6; i >= 0; i--)
			damaged.byte[random() % b.len] = random();
		count_packets(&damaged, b.len, &rc, NULL);
	}
	for (unsigned int seed = 1; seed <= 300; seed++) {
		srandom(seed);
		for (size_t i = seed % 2 ? 4 : 0; i < 400; i++)
			damaged.byte[i] = random();
		if (seed % 2)
			memcpy(damaged.byte, "\xd4\xc3\xb2\xa1", 4);
		count_packets(&damaged, 400, &rc, NULL);
	}
}

static void test_points(void **state)
{
	static const char *const others[] = { "eth0",
					      "A/exit",
					      "A/exit r3",
					      "A/exit r3:eth1 up",
					      "A/exit r3:eth1 out more",
					      "",
					      "/ :",
					      "A/\x1b[2J r3:eth1 out",
					      "A/e\xff r3:eth1" };
	static const uint8_t directions[] = { 0, SV_POINT_IN, SV_POINT_OUT,
					      SV_POINT_IN | SV_POINT_OUT };
	struct sv_point point, back;

	(void)state;
	for (size_t i = 0; i < sizeof(directions); i++) {
		char name[SV_CLI_POINT_MAX];

		point = exit_out;
		point.direction = directions[i];
		sv_cli_point_name(&point, name);
		assert_true(sv_voice_file_point(name, &back));
		assert_memory_equal(&point, &back, sizeof(point));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(sv_voice_file_point(others[i], &back));
}

/* ---- a table ---- */

static struct sv_voice_profile profile;
static const struct sv_point entry_in = { "A", "r1", "eth0", "entry", SV_POINT_IN, { 0 } };
static const struct sv_point shadow_out = { "B", "r3", "eth1", "exit", SV_POINT_OUT, { 0 } };
static const struct sv_point nowhere;

static void add_rtp(struct sv_voice_table *table, const struct sv_point *point, const char *ether,
		    bool six, uint16_t seq, uint32_t ssrc, int64_t at_ns)
{
	struct bytes frame = { 0 };

	put_rtp(&frame, ether, six, seq, ssrc);
	assert_int_equal(sv_voice_table_add(table, point, "f", frame.byte, frame.len, at_ns), 0);
}

/* Two streams on one port, over IPv6 and behind tags, at three points: each by itself. */
static void test_streams(void **state)
{
	struct sv_voice_table table;
	struct sv_voice_sum sum;
	size_t delayed = 0;

	(void)state;
	sv_voice_payloads_init(profile.payload, false);
	profile.buffer = sv_voice_buffer_default;
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	for (int i = 0; i < 100; i++) {
		int64_t now_ns = BASE_NS + i * 20 * MS;

		add_rtp(&table, &entry_in, MACS "0800", false, i, 1, now_ns);
		add_rtp(&table, &entry_in, MACS "0800", false, 500 + i, 2, now_ns + MS);
		add_rtp(&table, &entry_in, MACS "86dd", true, i, 3, now_ns);
		add_rtp(&table, &entry_in, MACS "810000070800", false, i, 4, now_ns);
		if (i % 4)
			add_rtp(&table, &exit_out, MACS "0800", false, i, 1, now_ns + 7 * MS);
		add_rtp(&table, &shadow_out, MACS "0800", false, i, 1, now_ns + 9 * MS);
		add_rtp(&table, &nowhere, MACS "0800", false, i, 1, now_ns + 11 * MS);
		/* No stream: every packet says that it is another's. */
		add_rtp(&table, &entry_in, MACS "0800", false, i, 1000 + i, now_ns);
	}
	assert_int_equal(table.packets, 800 - 25);
	assert_int_equal(sv_voice_table_sort(&table), 7);
	sv_voice_table_match(&table);
	for (int i = 0; i < 7; i++) {
		const struct sv_voice_row *row = table.row[i];
		bool lossy = !memcmp(&row->place->point, &exit_out, sizeof(exit_out));
		bool outside = !row->place->point.vnet[0];

		sv_voice_sum(&row->stream, INT64_MIN, INT64_MAX, &sum);
		assert_int_equal(sum.received, lossy ? 75 : 100);
		assert_int_equal(sum.lost, lossy ? 24 : 0);
		/* B's way in was not tapped; A's exit and the receiver have A's entry. */
		assert_true(!!row->entry == (lossy || outside));
		if (row->entry)
			assert_true(fabs(sum.delay_max_ms - (lossy ? 7 : 11)) < 1e-3);
		delayed += !!row->entry;
	}
	assert_int_equal(delayed, 2);
	sv_voice_table_fini(&table);
}

/* However many strangers there are, streams have a place. */
static void test_strangers(void **state)
{
	struct sv_voice_table table;

	(void)state;
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	for (int i = 0; i < 40000; i++) {
		add_rtp(&table, &entry_in, MACS "0800", false, i, 100000 + i, BASE_NS + i * MS);
		if (i % 20 == 0)
			add_rtp(&table, &entry_in, MACS "0800", false, i / 20, 5, BASE_NS + i * MS);
	}
	assert_int_equal(sv_voice_table_sort(&table), 1);
	assert_int_equal(table.row[0]->stream.types[0], 2000);
	assert_int_equal(table.ignored, 0);
	assert_in_range(table.n, 1, 16384);
	sv_voice_table_fini(&table);
}

/* A table of streams stays full; numbers that jump take no more room than there is. */
static void test_full(void **state)
{
	struct sv_voice_table table;

	(void)state;
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	for (int i = 0; i < 2 * SV_VOICE_STREAMS; i++)
		for (int seq = 0; seq < 2; seq++)
			add_rtp(&table, &entry_in, MACS "0800", false, seq, i, BASE_NS + seq * MS);
	assert_int_equal(table.n, SV_VOICE_STREAMS);
	assert_int_equal(table.ignored, 2 * SV_VOICE_STREAMS);
	/* A minute later they have ended, and others have their places. */
	sv_voice_table_shown(&table, BASE_NS + 100000 * MS, BASE_NS + 99000 * MS);
	assert_int_equal(table.n, 0);
	table.ignored = 0;
	for (int i = 0; i < 20000; i++)
		add_rtp(&table, &entry_in, MACS "0800", false, i < 2 ? i : i * 2999, 7,
			BASE_NS + (100000 + i) * MS);
	assert_true(table.ignored > 10000);
	assert_true(table.slots < 5 << 20);
	sv_voice_table_fini(&table);
}

/* An echo of a call, or another call that plays the same file, is not on its way. */
static void test_entries(void **state)
{
	static const char *const calls[] = { MACS "0800", MACS "86dd" };
	struct sv_voice_table table;

	(void)state;
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	for (int i = 0; i < 100; i++)
		for (int call = 0; call < 2; call++) {
			int64_t at_ns = BASE_NS + (i * 20 + call * 300) * MS;

			add_rtp(&table, &entry_in, calls[call], call, i, 1, at_ns);
			add_rtp(&table, &exit_out, calls[call], call, i, 1, at_ns + 5 * MS);
		}
	sv_voice_table_match(&table);
	assert_int_equal(sv_voice_table_sort(&table), 4);
	for (int i = 0; i < 4; i++) {
		const struct sv_voice_row *row = table.row[i];
		struct sv_voice_sum sum;

		sv_voice_sum(&row->stream, INT64_MIN, INT64_MAX, &sum);
		if (!memcmp(&row->place->point, &entry_in, sizeof(entry_in))) {
			assert_null(row->entry);
			continue;
		}
		assert_memory_equal(&row->entry->flow, &row->flow, sizeof(row->flow));
		assert_true(fabs(sum.delay_max_ms - 5) < 1e-3);
	}
	sv_voice_table_fini(&table);
	/* Translated on the way: nobody else has its packets. */
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	for (int i = 0; i < 100; i++) {
		add_rtp(&table, &entry_in, calls[0], false, i, 1, BASE_NS + i * 20 * MS);
		add_rtp(&table, &exit_out, calls[1], true, i, 1, BASE_NS + (i * 20 + 5) * MS);
	}
	sv_voice_table_match(&table);
	sv_voice_table_sort(&table);
	assert_true(!!table.row[0]->entry != !!table.row[1]->entry);
	sv_voice_table_fini(&table);
}

/* Files of one name in different folders are two points. */
static void test_files(void **state)
{
	struct bytes frame = { 0 };
	struct sv_voice_table table;

	(void)state;
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	put_rtp(&frame, MACS "0800", false, 1, 1);
	sv_voice_table_add(&table, &nowhere, "host1/call.pcap", frame.byte, frame.len, BASE_NS);
	sv_voice_table_add(&table, &nowhere, "host3/call.pcap", frame.byte, frame.len, BASE_NS);
	assert_int_equal(table.n, 2);
	sv_voice_table_fini(&table);
}

/* Frames at random, whole and cut: never a read beyond their end. */
static void test_frames(void **state)
{
	static const char *const heads[] = { MACS "0800", MACS "86dd", MACS "88a800010800",
					     MACS "8100000286dd", MACS "0806" };
	struct sv_voice_table table;

	(void)state;
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	for (unsigned int seed = 1; seed <= 30000; seed++) {
		struct bytes frame = { 0 };
		uint8_t *copy;
		size_t len;

		srandom(seed);
		put_rtp(&frame, heads[seed % 5], seed % 5 == 1 || seed % 5 == 3, seed, 9);
		for (int i = random() % 4; i > 0; i--)
			frame.byte[random() % frame.len] = random();
		len = random() % 4 ? frame.len : random() % (frame.len + 1);
		copy = malloc(len ?: 1);
		memcpy(copy, frame.byte, len);
		assert_int_equal(sv_voice_table_add(&table, &entry_in, NULL, copy, len,
						    BASE_NS + seed * MS),
				 0);
		free(copy);
	}
	assert_int_equal(table.packets, 30000);
	assert_in_range(table.rtp, 10000, 29000);
	sv_voice_table_fini(&table);
}

/* Show 2 of the issue: a recording of somebody else's. */
static void test_g711a(void **state)
{
	struct sv_voice_table table;
	struct sv_voice_packet packet;
	struct sv_voice_file *file;
	struct sv_voice_sum sum;
	struct sv_err err = { 0 };

	(void)state;
	if (access(G711A, R_OK))
		fail_msg("%s: not there (package sip-tester)", G711A);
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	assert_int_equal(sv_voice_file_open(&file, G711A, &err), 0);
	while (sv_voice_file_next(file, &packet, &err) > 0)
		sv_voice_table_add(&table, &packet.point, "g711a", packet.frame, packet.cap,
				   packet.at_ns);
	sv_voice_file_close(file);
	assert_int_equal(sv_voice_table_sort(&table), 1);
	sv_voice_sum(&table.row[0]->stream, INT64_MIN, INT64_MAX, &sum);
	assert_int_equal(sum.received, 236);
	assert_int_equal(sum.lost + sum.reordered + sum.duplicated + sum.late + sum.early, 0);
	assert_true(fabs(table.row[0]->stream.step_ms - 30) < 1e-9);
	/* tshark -z rtp,streams */
	assert_true(fabs(sum.jitter_max_ms - 0.829) < 0.001);
	assert_true(fabs(sum.jitter_sum_ms / sum.jitters - 0.350) < 0.001);
	sv_voice_table_fini(&table);
}

/* ---- options ---- */

static void test_options(void **state)
{
	static const struct {
		const char *params, *error; /* NULL: they are good */
	} cases[] = {
		{ "{\"session\":\"s\"}", NULL },
		{ "{\"r\":[\"f\",\"g\"],\"bin\":[\"10s\"],\"plc\":true}", NULL },
		{ "{\"r\":[\"f\"],\"bin\":[\"@10\",\"@20.5\",\"@30\"],\"to\":\"@40\"}", NULL },
		{ "{\"r\":[\"f\"],\"from\":\"2026-01-31T12:00:00Z\"}", NULL },
		{ "{\"r\":[\"f\"],\"buffer\":\"fixed:40/100\"}", NULL },
		{ "{\"r\":[\"f\"],\"buffer\":\"adaptive:10-150\"}", NULL },
		{ "{\"r\":[\"f\"],\"codec\":[\"111=opus/48000\",\"96=g.729a+vad\"]}", NULL },
		{ "{}", "svnet voice SESSION" },
		{ "{\"session\":\"s\",\"r\":[\"f\"]}", "svnet voice SESSION" },
		{ "{\"r\":[\"f\"],\"watch\":true}", "--watch" },
		{ "{\"session\":\"s\",\"watch\":true,\"bin\":[\"@1\",\"@2\"]}", "--watch" },
		{ "{\"session\":\"s\",\"watch\":true,\"from\":\"@1\"}", "--watch" },
		{ "{\"r\":[\"f\"],\"bin\":[\"@20\",\"@10\"]}", "go up" },
		{ "{\"r\":[\"f\"],\"bin\":[\"1ms\"]}", "at least 10ms" },
		{ "{\"r\":[\"f\"],\"bin\":[\"soon\"]}", "no duration" },
		{ "{\"r\":[\"f\"],\"from\":\"@20\",\"to\":\"@10\"}", "--from" },
		{ "{\"r\":[\"f\"],\"from\":\"now+2s\"}", "--from" },
		{ "{\"r\":[\"f\"],\"buffer\":\"fixed:100/40\"}", "--buffer" },
		{ "{\"r\":[\"f\"],\"buffer\":\"fixed:0/40\"}", "--buffer" },
		{ "{\"r\":[\"f\"],\"buffer\":\"fixed:nan/40\"}", "--buffer" },
		{ "{\"r\":[\"f\"],\"buffer\":\"adaptive:100-150\"}", "--buffer" },
		{ "{\"r\":[\"f\"],\"codec\":[\"111=opus\"]}", "48000" },
		{ "{\"r\":[\"f\"],\"codec\":[\"128=opus/48000\"]}", "TYPE=NAME" },
		{ "{\"r\":[\"f\"],\"codec\":[\"opus\"]}", "TYPE=NAME" },
		{ "{\"r\":[\"f\"],\"delay\":-1}", "--delay" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_json_ cJSON *params = cJSON_Parse(cases[i].params);
		struct sv_voice_options options;
		struct sv_err err = { 0 };
		int rc = sv_voice_options_parse(params, &options, &err);

		assert_non_null(params);
		if (cases[i].error ? !rc || !strstr(err.text, cases[i].error) : rc)
			fail_msg("%s: %d %s", cases[i].params, rc, err.text);
	}
}

static void test_bins(void **state)
{
	struct sv_voice_options options = { .bin_ns = 500 * MS };
	struct sv_voice_table table;
	struct sv_voice_view view = {
		.table = &table, .options = &options, .from_ns = INT64_MIN, .to_ns = INT64_MAX
	};
	struct sv_err err = { 0 };
	int64_t *edge;
	size_t n;

	(void)state;
	assert_int_equal(sv_voice_table_init(&table, &profile), 0);
	assert_int_equal(sv_voice_bins(&view, &edge, &n, &err), 0);
	assert_null(edge);
	assert_int_equal(n, 0);
	for (int i = 0; i < 100; i++)
		add_rtp(&table, &entry_in, MACS "0800", false, i, 1, BASE_NS + i * 20 * MS);
	assert_int_equal(sv_voice_bins(&view, &edge, &n, &err), 0);
	assert_int_equal(n, 5);
	assert_int_equal(edge[0], 1700000000000 * MS);
	assert_int_equal(edge[5], 1700000002500 * MS);
	free(edge);
	view.from_ns = BASE_NS + 100 * MS;
	view.to_ns = BASE_NS + 1000 * MS;
	assert_int_equal(sv_voice_bins(&view, &edge, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(edge[0], view.from_ns);
	assert_int_equal(edge[2], view.to_ns);
	free(edge);
	options.bin_ns = 1000;
	view.from_ns = BASE_NS - 1000 * MS;
	assert_int_equal(sv_voice_bins(&view, &edge, &n, &err), -ERANGE);
	assert_null(edge);
	assert_non_null(strstr(err.text, "--from"));
	options = (struct sv_voice_options){ .cut_ns = { 10, 20, 40 }, .cuts = 3 };
	assert_int_equal(sv_voice_bins(&view, &edge, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(edge[2], 40);
	free(edge);
	sv_voice_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcap),	cmocka_unit_test(test_pcapng),
		cmocka_unit_test(test_damage),	cmocka_unit_test(test_points),
		cmocka_unit_test(test_streams), cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_full),	cmocka_unit_test(test_entries),
		cmocka_unit_test(test_files),	cmocka_unit_test(test_frames),
		cmocka_unit_test(test_g711a),	cmocka_unit_test(test_options),
		cmocka_unit_test(test_bins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
