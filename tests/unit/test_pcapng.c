// SPDX-License-Identifier: GPL-2.0-only
/* What captures write: read back by Wireshark's tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/capture.h"
#include "agent/cli/pcapng.h"
#include "agent/cli/sink.h"

#define NS 1000000000ULL
#define WHEN (1800000000 * NS + 123456789)

static char dir[64];
static struct sv_err err;

static char *path_of(const char *name)
{
	static char path[4][128];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/svnet-unit-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

/* What a command prints, on both streams; Wireshark's remark about root taken out. */
static const char *output(const char *fmt, ...)
{
	static char text[65536];
	char cmd[512], all[640], line[4096];
	va_list ap;
	FILE *pipe;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "export HOME=%s; { %s; } 2>&1", dir, cmd);
	*text = 0;
	pipe = popen(all, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
		if (!strstr(line, "Running as user"))
			strncat(text, line, sizeof(text) - strlen(text) - 1);
	if (pclose(pipe))
		fail_msg("%s: %s", cmd, text);
	return text;
}

static uint32_t word(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, 4);
	return value;
}

/* ---- blocks ---- */

static void check_block(const uint8_t *block, size_t len, uint32_t type)
{
	assert_int_equal(len % 4, 0);
	assert_int_equal(word(block), type);
	assert_int_equal(word(block + 4), len);
	assert_int_equal(word(block + len - 4), len);
}

static char *long_text(void)
{
	static char text[3000];

	/* two bytes a character: a cut must not split one */
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xbc", 3);
	return text;
}

static void test_packets_fit(void **state)
{
	static const uint32_t caps[] = { 0, 1, 2, 3, 4, 59, 60, 61, 1514, SV_TAP_CAP_MAX };
	uint8_t bytes[SV_TAP_CAP_MAX];

	(void)state;
	memset(bytes, 0xa5, sizeof(bytes));
	for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++)
		for (int comment = 0; comment < 2; comment++) {
			struct sv_pcapng_packet packet = { .wall_ns = WHEN,
							   .len = 9999,
							   .cap = caps[i],
							   .bytes = bytes,
							   .comment =
								   comment ? long_text() : NULL };
			uint8_t *block = malloc(sv_pcapng_packet_max(caps[i]));
			size_t len = sv_pcapng_packet(block, &packet);

			assert_true(len <= sv_pcapng_packet_max(caps[i]));
			check_block(block, len, 6);
			assert_int_equal(word(block + 20), caps[i]);
			assert_int_equal(word(block + 24), 9999);
			assert_int_equal(((uint64_t)word(block + 12) << 32) + word(block + 16),
					 WHEN);
			assert_memory_equal(block + 28, bytes, caps[i]);
			free(block);
		}
}

static void test_long_texts(void **state)
{
	struct sv_pcapng_interface interface = { .name = long_text(), .description = long_text() };
	struct sv_pcapng_statistics statistics = { .comment = long_text() };
	uint8_t *block = malloc(SV_PCAPNG_BLOCK_MAX);

	(void)state;
	check_block(block, sv_pcapng_section(block, long_text(), long_text(), long_text()),
		    0x0a0d0d0a);
	check_block(block, sv_pcapng_interface(block, &interface), 1);
	check_block(block, sv_pcapng_statistics(block, &statistics), 5);
	free(block);
}

static void test_whole(void **state)
{
	uint8_t blocks[4096], bytes[64] = { 0 };
	size_t end[5] = { 0 };
	uint64_t packets;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct sv_pcapng_packet packet = { .cap = 10 * i, .bytes = bytes };

		end[i + 1] = end[i] + (i ? sv_pcapng_packet(blocks + end[i], &packet)
					 : sv_pcapng_section(blocks, "", "", ""));
	}
	for (size_t limit = 0; limit <= end[4] + 8; limit++) {
		int n = 0;

		while (n < 4 && end[n + 1] <= limit)
			n++;
		assert_int_equal(sv_pcapng_whole(blocks, end[4], limit, &packets), end[n]);
		assert_int_equal(packets, n ? n - 1 : 0);
	}
}

/* ---- a capture ---- */

static const struct sv_point exit_out = { .vnet = "A",
					  .vnode = "r3",
					  .iface = "eth1",
					  .point = "exit",
					  .direction = SV_POINT_OUT },
			     exit_in = { .vnet = "A",
					 .vnode = "r3",
					 .iface = "eth1",
					 .point = "exit",
					 .direction = SV_POINT_IN },
			     shadow = { .vnet = "B",
					.vnode = "r3",
					.iface = "eth1",
					.point = "exit",
					.direction = SV_POINT_OUT };

/* A frame of an experimental type that carries its number. */
static int add(struct sv_capture_file *file, const struct sv_point *point, uint32_t number,
	       struct sv_tap_rec rec)
{
	uint8_t bytes[SV_TAP_CAP_MAX] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	struct sv_tap_item item = { .rec = &rec, .bytes = bytes, .point = point };

	memcpy(bytes + 14, &number, 4);
	rec.len = rec.len ?: 60;
	rec.cap = rec.cap ?: 60;
	item.wall_ns = WHEN + number * 1001;
	return sv_capture_file_add(file, &item);
}

static void end(struct sv_capture_file *file, uint64_t lost, struct sv_sink_result *result,
		int want)
{
	uint8_t *trailer;
	size_t len = sv_capture_file_trailer(file, lost, &trailer);
	int rc = sv_sink_close(file->sink, trailer, len, result, &err);

	if (rc != want)
		fail_msg("%d %s", rc, err.text);
	free(trailer);
	sv_capture_file_fini(file);
}

static void test_read_back(void **state)
{
	struct sv_capture_file file = { .session = "voip", .host = "h3" };
	const struct sv_point *known[] = { &exit_out, &exit_in };
	struct sv_sink_result result;
	const char *text;

	(void)state;
	assert_int_equal(sv_sink_open(&file.sink, path_of("a.pcapng"), false, 0, &err), 0);
	assert_int_equal(sv_capture_file_begin(&file, known, 2), 0);
	add(&file, &exit_out, 0, (struct sv_tap_rec){ .verdict = SV_TAP_OPEN });
	add(&file, &exit_in, 1, (struct sv_tap_rec){ 0 });
	/* one that nobody knew of when the file began */
	add(&file, &shadow, 2, (struct sv_tap_rec){ .verdict = SV_TAP_SHADOW });
	add(&file, &exit_out, 3, (struct sv_tap_rec){ .verdict = SV_TAP_HELD, .packets = 3 });
	add(&file, &exit_out, 4, (struct sv_tap_rec){ .len = 9000, .cap = 128 });
	end(&file, 7, &result, 0);
	assert_int_equal(result.packets, 5);

	text = output(
		"tshark -r %s -T fields -E separator=, -e frame.interface_name "
		"-e frame.time_epoch -e frame.len -e frame.cap_len -e frame.packet_flags_direction "
		"-e frame.comment",
		path_of("a.pcapng"));
	assert_string_equal(
		text, "A/exit r3:eth1 out,1800000000.123456789,60,60,0x00000002,\n"
		      "A/exit r3:eth1 in,1800000000.123457790,60,60,0x00000001,\n"
		      "B/exit r3:eth1 out,1800000000.123458791,60,60,0x00000002,silenced: shadow\n"
		      "A/exit r3:eth1 out,1800000000.123459792,60,60,0x00000002,"
		      "silenced: the gate holds; stands for 3 segments\n"
		      "A/exit r3:eth1 out,1800000000.123460793,9000,128,0x00000002,\n");
	text = output("capinfos -M %s", path_of("a.pcapng"));
	assert_non_null(strstr(text, "Number of packets:   5\n"));
	assert_non_null(strstr(text, "Capture application: svnet capture\n"));
	assert_non_null(strstr(text, "Number of interfaces in file: 3\n"));
	assert_non_null(strstr(text,
			       "VNet A, VNode r3, interface eth1, at exit, sent by the VNode; "
			       "session voip on host h3\n"));
	assert_non_null(strstr(text, "Number of stat entries = 1\n"));
	assert_non_null(strstr(text, "Time precision = nanoseconds (9)\n"));
}

/* The numbers of the statistics blocks, which Wireshark's tools do not print. */
static void statistics_of(const char *path, uint64_t recv[4], uint64_t drop[4])
{
	static uint8_t bytes[4 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));
	uint32_t face;

	close(fd);
	for (ssize_t at = 0; at < n; at += word(bytes + at + 4)) {
		const uint8_t *p = bytes + at + 20, *stop = bytes + at + word(bytes + at + 4) - 4;

		if (word(bytes + at) != 5)
			continue;
		face = word(bytes + at + 8);
		assert_in_range(face, 0, 3);
		for (; p < stop; p += 4 + ((word(p) >> 16) + 3) / 4 * 4) {
			if ((word(p) & 0xffff) == 4)
				memcpy(&recv[face], p + 4, 8);
			if ((word(p) & 0xffff) == 5)
				memcpy(&drop[face], p + 4, 8);
		}
	}
}

static void test_rotation(void **state)
{
	struct sv_capture_file file = { .options = { .rotate_bytes = 100000 } };
	uint64_t recv[4] = { 0 }, drop[4] = { 0 };
	struct sv_sink_result result;
	uint32_t n = 0, total = 0;
	struct stat st;
	glob_t found;

	(void)state;
	assert_int_equal(sv_sink_open(&file.sink, path_of("r.x.pcapng"), true, 3, &err), 0);
	assert_int_equal(sv_capture_file_begin(&file, NULL, 0), 0);
	for (; n < 5000; n++) {
		if (sv_capture_file_full(&file, 60))
			assert_int_equal(sv_capture_file_rotate(&file, n), 0);
		add(&file, n % 2 ? &exit_out : &exit_in, n, (struct sv_tap_rec){ 0 });
	}
	end(&file, n + 5, &result, 0);
	assert_int_equal(result.packets, 5000);
	assert_true(result.files > 4);
	assert_int_equal(glob(path_of("r.x_0*.pcapng"), 0, NULL, &found), 0);
	assert_int_equal(found.gl_pathc, 3);
	assert_string_equal(found.gl_pathv[2], result.last);
	for (size_t i = 0; i < 3; i++) {
		stat(found.gl_pathv[i], &st);
		assert_true(st.st_size <= 100000 && (i == 2 || st.st_size > 95000));
		total += atoi(strrchr(output("capinfos -TrmM -c %s", found.gl_pathv[i]), ',') + 1);
	}
	statistics_of(found.gl_pathv[1], recv, drop);
	assert_true(recv[0] + recv[1] == drop[0] && drop[1] == 0); /* one was lost a packet */
	assert_in_range(recv[0], recv[1] - 1, recv[1] + 1);
	/* all of the last three files, without a gap */
	assert_int_equal(atoi(output("tshark -r %s -c 1 -T fields -e frame.time_epoch | tail -c 10",
				     found.gl_pathv[0])),
			 (123456789 + (5000 - total) * 1001) % 1000000000);
	globfree(&found);
}

static void test_names(void **state)
{
	static const char *const cases[][2] = {
		{ "plain", "plain_00001" },
		{ "a.b.pcapng", "a.b_00001.pcapng" },
		{ "d.x/plain", "d.x/plain_00001" },
	};
	struct sv_sink_result result;
	struct sv_sink *sink = NULL;

	(void)state;
	mkdir(path_of("d.x"), 0700);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(sv_sink_open(&sink, path_of(cases[i][0]), true, 0, &err), 0);
		assert_int_equal(sv_sink_close(sink, (uint8_t *)"", 0, &result, &err), 0);
		assert_string_equal(result.last, path_of(cases[i][1]));
		assert_int_equal(access(result.last, F_OK), 0);
	}
	sink = NULL;
	assert_int_equal(sv_sink_open(&sink, path_of("none/x"), false, 0, &err), -ENOENT);
	assert_non_null(strstr(err.text, "none/x"));
	assert_null(sink);
}

/* ---- when it does not work ---- */

static void limit_files(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that may not grow is a full disk: everything that was whole stays, with the statistics. */
static void check_full(rlim_t limit, bool flush)
{
	struct sv_capture_file file = { .session = "s" };
	uint64_t recv[4] = { 0 }, drop[4] = { 0 }, packets = 0;
	const struct sv_point *known[] = { &exit_out };
	struct sv_sink_result result;
	const char *path = path_of("full.pcapng");
	struct stat st;
	uint32_t n = 0;

	assert_int_equal(sv_sink_open(&file.sink, path, false, 0, &err), 0);
	limit_files(limit);
	sv_capture_file_begin(&file, known, 1);
	for (; n < 40000 && !sv_sink_failed(file.sink); n++) {
		if (add(&file, &exit_out, n, (struct sv_tap_rec){ .cap = 60 }) == -EAGAIN)
			sv_sink_wait(file.sink, 100);
		if (flush && n % 100 == 0)
			sv_sink_flush(file.sink);
	}
	end(&file, 3, &result, -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_non_null(strstr(err.text, "full.pcapng: File too large"));
	stat(path, &st);
	assert_int_equal(st.st_size, result.bytes);
	assert_true((rlim_t)st.st_size <= limit && (rlim_t)st.st_size > limit - 400);
	packets = atoi(strrchr(output("capinfos -TrmM -c %s", path), ',') + 1);
	assert_int_equal(packets, result.packets);
	statistics_of(path, recv, drop);
	assert_true(recv[0] >= packets);
	assert_int_equal(drop[0], 3);
}

static void test_full(void **state)
{
	(void)state;
	check_full(20000, true);
	check_full(SV_SINK_CHUNK + 300000, false);
	/* so that less than the statistics' own length fits of a chunk, or of the statistics */
	for (rlim_t more = 0; more < 260; more += 20) {
		check_full(30000 + more, true);
		check_full(2 * SV_SINK_CHUNK - 60 + more, false);
	}
}

static void test_full_at_once(void **state)
{
	struct sv_capture_file file = { .session = "s" };
	struct sv_sink_result result;
	struct stat st;

	(void)state;
	assert_int_equal(sv_sink_open(&file.sink, path_of("full.pcapng"), false, 0, &err), 0);
	limit_files(50);
	sv_capture_file_begin(&file, NULL, 0);
	sv_sink_flush(file.sink);
	end(&file, 0, &result, -EFBIG);
	limit_files(RLIM_INFINITY);
	stat(path_of("full.pcapng"), &st);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(result.packets, 0);
}

/* Standard output, for as long as a test needs another one. */
static int replace_stdout(int fd)
{
	int old = dup(STDOUT_FILENO);

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	return old;
}

static void test_pipe(void **state)
{
	struct sv_capture_file file = { .session = "s" };
	uint8_t bytes[64];
	struct sv_sink_result result;
	int fds[2], old;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	old = replace_stdout(fds[1]);
	close(fds[1]);
	assert_int_equal(sv_sink_open(&file.sink, "-", false, 0, &err), 0);
	dup2(old, STDOUT_FILENO);
	close(old);
	sv_capture_file_begin(&file, NULL, 0);
	sv_sink_flush(file.sink);
	assert_int_equal(read(fds[0], bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(word(bytes), 0x0a0d0d0a);
	close(fds[0]);
	for (int i = 0; i < 200 && !sv_sink_failed(file.sink); i++) {
		add(&file, &exit_out, i, (struct sv_tap_rec){ 0 });
		sv_sink_flush(file.sink);
		usleep(1000);
	}
	assert_int_equal(sv_sink_failed(file.sink), -EPIPE);
	end(&file, 0, &result, -EPIPE);
}

/* A disk that stands still: chunks fill up to the limit, then there is no room; then there is. */
static void test_slow(void **state)
{
	struct sv_capture_file file = { .session = "s" };
	struct sv_sink_result result;
	size_t total = 0, got;
	uint8_t buffer[65536];
	uint32_t n = 0;
	int fds[2], old;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	old = replace_stdout(fds[1]);
	close(fds[1]);
	assert_int_equal(sv_sink_open(&file.sink, "-", false, 0, &err), 0);
	dup2(old, STDOUT_FILENO);
	close(old);
	sv_capture_file_begin(&file, NULL, 0);
	while (!add(&file, &exit_out, n, (struct sv_tap_rec){ .cap = 9000, .len = 9000 }))
		n++;
	assert_in_range(n, SV_SINK_CHUNKS * 100, SV_SINK_CHUNKS * 117);
	while (total < 8 * SV_SINK_CHUNK && (got = read(fds[0], buffer, sizeof(buffer))) > 0)
		total += got;
	sv_sink_wait(file.sink, 1000);
	assert_int_equal(add(&file, &exit_out, n, (struct sv_tap_rec){ 0 }), 0);
	close(fds[0]);
	end(&file, 0, &result, -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_fit), cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_whole),	    cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_rotation),    cmocka_unit_test(test_names),
		cmocka_unit_test(test_full),	    cmocka_unit_test(test_full_at_once),
		cmocka_unit_test(test_pipe),	    cmocka_unit_test(test_slow),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
