// SPDX-License-Identifier: GPL-2.0-only
/* agent/voice: the E-model, RTP, what becomes of a stream's packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/voice/emodel.h"
#include "agent/voice/path.h"
#include "agent/voice/quality.h"

#define MS 1000000LL

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.6f is not within %g of %g", got, within, want);
}

/* ---- the E-model ---- */

static struct sv_emodel model(double delay_ms, double ppl, double bpl)
{
	struct sv_emodel m = sv_emodel_default;

	sv_emodel_delay(&m, delay_ms);
	m.ppl = ppl;
	m.bpl = bpl;
	return m;
}

static void test_check_values(void **state)
{
	static const struct {
		double delay_ms, ppl, bpl, r, mos;
	} cases[] = {
		{ 0, 0, 4.3, 93.21, 4.41 },   { 150, 0, 4.3, 89.54, 4.33 },
		{ 200, 0, 4.3, 85.81, 4.22 }, { 400, 0, 4.3, 62.25, 3.22 },
		{ 0, 1, 4.3, 75.28, 3.83 },   { 0, 5, 25.1, 77.43, 3.92 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_emodel m = model(cases[i].delay_ms, cases[i].ppl, cases[i].bpl);
		double r = sv_emodel_r(&m);

		assert_near(r, cases[i].r, 0.05);
		assert_near(sv_emodel_mos(r), cases[i].mos, 0.01);
	}
}

/* Every term away from its default: values of an implementation that shares no code with this. */
#define SET(member, value)                                                                         \
	{                                                                                          \
		offsetof(struct sv_emodel, member), value                                          \
	}
static void test_parameters(void **state)
{
	static const struct {
		double delay_ms, r;
		int n;
		struct {
			size_t offset;
			double value;
		} set[5];
	} cases[] = {
		{ 0, 42.0453, 1, { SET(ps, 75) } },
		{ 0, 43.3873, 2, { SET(pr, 75), SET(lstr, 12) } },
		{ 0, 79.4079, 2, { SET(slr, 14), SET(rlr, 6) } },
		{ 0, 80.8229, 2, { SET(slr, 0), SET(rlr, -4) } },
		{ 50, 90.7214, 1, { SET(stmr, 7) } },
		{ 80, 88.2333, 1, { SET(stmr, 24) } },
		{ 120, 55.3277, 1, { SET(telr, 40) } },
		{ 200, 79.3582, 1, { SET(wepl, 40) } },
		{ 0, 79.9349, 1, { SET(qdu, 8) } },
		{ 0, 69.1792, 1, { SET(nc, -45) } },
		{ 0, 73.7346, 1, { SET(nfor, -50) } },
		{ 250, 82.0356, 2, { SET(st, 0.55), SET(mt, 120) } },
		{ 0,
		  85.8265,
		  5,
		  { SET(a, 10), SET(ie, 11), SET(bpl, 19), SET(ppl, 1.5), SET(burst_r, 2) } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_emodel m = model(cases[i].delay_ms, 0, 4.3);

		for (int j = 0; j < cases[i].n; j++)
			*(double *)((char *)&m + cases[i].set[j].offset) = cases[i].set[j].value;
		assert_near(sv_emodel_r(&m), cases[i].r, 0.0002);
	}
}

/*
 * 100 delays by 100 losses, for both robustness factors of G.711. Between two neighbouring delays
 * of less than 2 ms the recommendation's own sidetone and echo terms (7-12, 7-22) rise by up to
 * 0.06; the grid's steps are 5 ms.
 */
static void test_monotone(void **state)
{
	static const double bpls[] = { 4.3, 25.1 };
	static double r[100][100];

	(void)state;
	for (size_t b = 0; b < 2; b++) {
		for (int d = 0; d < 100; d++)
			for (int l = 0; l < 100; l++) {
				struct sv_emodel m = model(d * 5, l * 0.2, bpls[b]);

				r[d][l] = sv_emodel_r(&m);
				if (d && r[d][l] >= r[d - 1][l])
					fail_msg("R rises at %d ms, %.1f %%", d * 5, l * 0.2);
				if (l && r[d][l] >= r[d][l - 1])
					fail_msg("R rises at %d ms, %.1f %%", d * 5, l * 0.2);
			}
		assert_true(r[0][0] > 93 && r[99][99] < 30);
	}
}

static void test_burst_impairs(void **state)
{
	struct sv_emodel m = model(0, 1.5, 4.3);
	double random = sv_emodel_r(&m);

	(void)state;
	m.burst_r = 2;
	assert_true(sv_emodel_r(&m) < random);
	assert_near(random - sv_emodel_r(&m), 95 * 1.5 * (1 / 5.05 - 1 / 5.8), 1e-9);
}

/* G.107 table B.1 gives R and MOS at the limits of its words. */
static void test_mapping(void **state)
{
	static const struct {
		double r, mos;
		const char *word, *below;
	} limits[] = {
		{ 90, 4.34, "very satisfied", "satisfied" },
		{ 80, 4.03, "satisfied", "some users dissatisfied" },
		{ 70, 3.60, "some users dissatisfied", "many users dissatisfied" },
		{ 60, 3.10, "many users dissatisfied", "nearly all users dissatisfied" },
		{ 50, 2.58, "nearly all users dissatisfied", "not recommended" },
	};
	double before = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		assert_near(sv_emodel_mos(limits[i].r), limits[i].mos, 0.01);
		assert_string_equal(sv_emodel_word(limits[i].r), limits[i].word);
		assert_string_equal(sv_emodel_word(limits[i].r - 0.001), limits[i].below);
	}
	assert_true(sv_emodel_mos(0) == 1 && sv_emodel_mos(-50) == 1);
	assert_true(sv_emodel_mos(100) == 4.5 && sv_emodel_mos(120) == 4.5);
	for (double r = -20; r < 120; r += 0.01) {
		double mos = sv_emodel_mos(r);

		assert_true(mos >= before && mos <= 4.5);
		before = mos;
	}
}

/* ---- RTP ---- */

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; hex[2 * n]; n++)
		sscanf(hex + 2 * n, "%2hhx", &out[n]);
	return n;
}

#define BODY                                                                                       \
	"1234"                                                                                     \
	"00000100"                                                                                 \
	"deadbeef"

static void test_rtp(void **state)
{
	static const struct {
		const char *what, *hex;
		int payload; /* -1: no RTP */
	} cases[] = {
		{ "plain", "8000" BODY "d5d5d5", 3 },
		{ "no payload", "8000" BODY, 0 },
		{ "marker", "8088" BODY "d5", 1 },
		{ "two CSRCs", "8200" BODY "0000000100000002d5d5", 2 },
		{ "a CSRC that is not there", "8100" BODY "d5d5d5", -1 },
		{ "header extension", "9000" BODY "bede0001aabbccddd5d5", 2 },
		{ "empty extension", "9000" BODY "bede0000d5", 1 },
		{ "extension longer than the packet", "9000" BODY "bede0002aabbccdd", -1 },
		{ "no room for the extension's head", "9000" BODY "bede", -1 },
		{ "padding", "a000" BODY "d5d5000003", 2 },
		{ "nothing but padding", "a000" BODY "0002", 0 },
		{ "padding of zero", "a000" BODY "d500", -1 },
		{ "more padding than packet", "a000" BODY "d504", -1 },
		{ "everything", "b100" BODY "00000001bede0001aabbccddd50002", 1 },
		{ "version 1", "4000" BODY "d5", -1 },
		{ "version 3", "c000" BODY "d5", -1 },
		{ "an RTCP sender report", "80c8" BODY "d5", -1 },
		{ "payload type 72", "8048" BODY "d5", -1 },
		{ "payload type 96", "8060" BODY "d5", 1 },
		{ "eleven bytes", "8000123400000100deadbe", -1 },
	};
	uint8_t bytes[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = from_hex(cases[i].hex, bytes);
		struct sv_rtp rtp = { 0 };
		bool is = sv_rtp_parse(&rtp, bytes, len, len);

		if (is != (cases[i].payload >= 0) ||
		    (is && (rtp.payload_len != (uint32_t)cases[i].payload || rtp.seq != 0x1234 ||
			    rtp.ts != 0x100 || rtp.ssrc != 0xdeadbeef)))
			fail_msg("%s", cases[i].what);
		/* Cut, it is never read beyond what is there. */
		for (size_t cap = 0; cap < len; cap++) {
			uint8_t *copy = malloc(cap ?: 1);

			memcpy(copy, bytes, cap);
			if (sv_rtp_parse(&rtp, copy, cap, len))
				assert_true(cap >= 12);
			free(copy);
		}
	}
}

static void test_rtp_noise(void **state)
{
	uint8_t bytes[96];
	unsigned int taken = 0;

	(void)state;
	srandom(1);
	for (int i = 0; i < 200000; i++) {
		size_t len = random() % sizeof(bytes), cap = len ? random() % (len + 1) : 0;
		struct sv_rtp rtp;
		uint8_t *copy;

		for (size_t j = 0; j < len; j++)
			bytes[j] = random();
		copy = malloc(cap ?: 1);
		memcpy(copy, bytes, cap);
		if (sv_rtp_parse(&rtp, copy, cap, len)) {
			taken++;
			assert_true(rtp.payload_len <= len - 12);
		}
		free(copy);
	}
	assert_in_range(taken, 1000, 60000);
}

/* ---- a stream ---- */

static struct sv_voice_profile profile;

static int setup(void **state)
{
	(void)state;
	sv_voice_payloads_init(profile.payload, false);
	profile.buffer = sv_voice_buffer_default;
	return 0;
}

struct call {
	struct sv_voice_stream stream;
	uint16_t seq0;
	uint32_t ts0;
	int64_t base_ns;
};

static void call_init(struct call *call, uint16_t seq0, uint32_t ts0)
{
	*call = (struct call){ .seq0 = seq0, .ts0 = ts0, .base_ns = 1700000000000000000LL };
	sv_voice_stream_init(&call->stream, &profile);
}

/* Packet i of 20 ms, `late_ms` after it is due. */
static void put(struct call *call, int i, double late_ms)
{
	struct sv_rtp rtp = { .seq = call->seq0 + i, .ts = call->ts0 + 160 * i };

	assert_int_equal(sv_voice_stream_add(&call->stream, &rtp,
					     call->base_ns + i * 20 * MS + (int64_t)(late_ms * MS)),
			 0);
}

static struct sv_voice_sum total(const struct call *call)
{
	struct sv_voice_sum sum;

	sv_voice_sum(&call->stream, INT64_MIN, INT64_MAX, &sum);
	assert_int_equal(sum.expected, sum.received + sum.lost);
	return sum;
}

static struct sv_voice_quality rate(const struct call *call)
{
	struct sv_voice_sum sum = total(call);
	struct sv_voice_quality quality;

	sv_voice_rate(&call->stream, &sum, 0, &quality);
	return quality;
}

static void test_clean(void **state)
{
	struct call call;
	struct sv_voice_sum sum;

	(void)state;
	call_init(&call, 65500, 0xffffff00);
	put(&call, 0, 0);
	assert_false(call.stream.established);
	for (int i = 1; i < 200000; i++)
		put(&call, i, 0);
	sum = total(&call);
	assert_true(call.stream.established);
	assert_int_equal(sum.received, 200000);
	assert_int_equal(sum.lost + sum.reordered + sum.duplicated + sum.late + sum.early, 0);
	assert_near(call.stream.step_ms, 20, 1e-9);
	assert_near(sum.jitter_max_ms, 0, 1e-6);
	assert_near(sv_voice_sum_burst_ratio(&sum), 1, 0);
	/* 20 ms of packet, 0.125 of coder, 60 of buffer */
	assert_near(rate(&call).mouth_to_ear_ms, 80.125, 1e-6);
	assert_near(rate(&call).mos, 4.36, 0.01);
	sv_voice_stream_fini(&call.stream);
}

static void test_losses(void **state)
{
	struct call call;
	struct sv_voice_sum sum;

	(void)state;
	/* Single ones, one in ten, over a wrap. */
	call_init(&call, 65000, 0);
	for (int i = 0; i < 1001; i++)
		if (i % 10 != 5)
			put(&call, i, 0);
	sum = total(&call);
	assert_int_equal(sum.lost, 100);
	assert_int_equal(sum.bursts, 100);
	assert_int_equal(sum.burst_max, 1);
	assert_near(sv_voice_sum_burst_ratio(&sum), 1 - 100.0 / 1001, 1e-9);
	sv_voice_stream_fini(&call.stream);
	/* The same rate in runs of ten. */
	call_init(&call, 65000, 0);
	for (int i = 0; i < 1001; i++)
		if (i % 100 < 50 || i % 100 >= 60)
			put(&call, i, 0);
	sum = total(&call);
	assert_int_equal(sum.lost, 100);
	assert_int_equal(sum.bursts, 10);
	assert_int_equal(sum.burst_max, 10);
	assert_near(sv_voice_sum_burst_ratio(&sum), 10 * (1 - 100.0 / 1001), 1e-9);
	/* Ppl 9.99, and a burst ratio beyond 8 is 8 */
	assert_near(rate(&call).r, 91.09 - 95 * 9.99 / (9.99 / 8 + 4.3), 0.05);
	sv_voice_stream_fini(&call.stream);
}

static void test_order(void **state)
{
	static const int order[] = { 0, 1, 3, 2, 4, 4, 7, 5, 6, 8, 8, 8, 9 };
	struct call call;
	struct sv_voice_sum sum;

	(void)state;
	call_init(&call, 65533, 0);
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
		put(&call, order[i], 0);
	sum = total(&call);
	assert_int_equal(sum.received, 10);
	assert_int_equal(sum.lost, 0);
	assert_int_equal(sum.reordered, 3);
	assert_int_equal(sum.duplicated, 3);
	sv_voice_stream_fini(&call.stream);
}

/* The first packet is overtaken. */
static void test_order_at_begin(void **state)
{
	struct call call;

	(void)state;
	call_init(&call, 1, 0);
	put(&call, 1, 0);
	put(&call, 0, 25);
	put(&call, 2, 0);
	put(&call, 3, 0);
	assert_int_equal(total(&call).received, 4);
	assert_int_equal(total(&call).reordered, 1);
	assert_int_equal(call.stream.strays, 0);
	sv_voice_stream_fini(&call.stream);
}

/* RFC 3550 A.8: |D| = 4 ms each time, so J goes towards 4 ms by sixteenths. */
static void test_jitter(void **state)
{
	struct call call;
	struct sv_voice_sum sum;

	(void)state;
	call_init(&call, 1, 0);
	for (int i = 0; i <= 40; i++)
		put(&call, i, i % 2 ? 4 : 0);
	sum = total(&call);
	assert_int_equal(sum.jitters, 40);
	assert_near(sum.jitter_max_ms, 4 * (1 - pow(15.0 / 16, 40)), 1e-4);
	sv_voice_stream_fini(&call.stream);
}

/*
 * Comfort noise, what follows it and what begins a talkspurt has a jitter that counts in neither
 * mean nor maximum: all of these come 40 ms later than the one before, the last stays so.
 */
static void test_jitter_after_silence(void **state)
{
	struct call call;
	struct sv_rtp rtp = { 0 };
	int64_t now_ns = 0;

	(void)state;
	call_init(&call, 0, 0);
	for (int i = 0; i < 100; i++, rtp.seq++, rtp.ts += 160, now_ns += 20 * MS) {
		rtp.pt = i == 50 ? 13 : 0;
		rtp.marker = i == 70;
		if (i == 50 || i == 51 || i == 70)
			now_ns += 40 * MS;
		sv_voice_stream_add(&call.stream, &rtp, now_ns);
	}
	assert_int_equal(total(&call).jitters, 99 - 3);
	/* J of the second packet of 40, a sixteenth less */
	assert_near(total(&call).jitter_max_ms, 2.5 * (15.0 / 16 + 1) * 15 / 16, 1e-4);
	sv_voice_stream_fini(&call.stream);
}

/* A number that jumps: one stray, two a restart; an outage as long as its gap is loss. */
static void test_jumps(void **state)
{
	struct call call;
	struct sv_rtp stray = { .seq = 30000, .ts = 7 };

	(void)state;
	call_init(&call, 1, 0);
	for (int i = 0; i < 100; i++)
		put(&call, i, 0);
	sv_voice_stream_add(&call.stream, &stray, call.base_ns + 1990 * MS);
	put(&call, 100, 0);
	assert_int_equal(total(&call).received, 101);
	assert_int_equal(total(&call).lost, 0);
	for (int i = 6101; i < 6200; i++)
		put(&call, i, 0);
	assert_int_equal(total(&call).lost, 6000);
	assert_int_equal(call.stream.restarts, 0);
	call.seq0 += 20000;
	call.ts0 ^= 0x5a5a5a5a;
	for (int i = 6200; i < 6300; i++)
		put(&call, i, 0);
	assert_int_equal(call.stream.restarts, 1);
	assert_int_equal(total(&call).received, 300);
	assert_int_equal(total(&call).lost, 6000);
	assert_int_equal(total(&call).late + total(&call).early, 0);
	assert_near(total(&call).jitter_max_ms, 0, 1e-6);
	/* The old jitter does not go on. */
	call.seq0 += 20000;
	for (int i = 6300; i < 6303; i++)
		put(&call, i, i == 6302 ? 0 : 500);
	assert_near(call.stream.jitter_ms, 500.0 / 16, 1e-4);
	call.seq0 += 20000;
	put(&call, 6303, 0);
	put(&call, 6304, 0);
	assert_near(call.stream.jitter_ms, 0, 1e-6);
	assert_int_equal(call.stream.restarts, 3);
	sv_voice_stream_fini(&call.stream);
}

/* A talkspurt, comfort noise, silence, another talkspurt by another payload type. */
static void test_silence(void **state)
{
	struct call call;
	struct sv_voice_sum sum;
	struct sv_rtp rtp = { .pt = 0, .marker = true };
	int64_t now_ns = 0;

	(void)state;
	call_init(&call, 0, 0);
	for (int i = 0; i < 300; i++) {
		rtp.pt = i >= 150 ? 8 : 0;
		if (i == 100 || i == 101)
			rtp.pt = 13;
		rtp.marker = i == 0 || i == 102;
		sv_voice_stream_add(&call.stream, &rtp, now_ns);
		rtp.seq++;
		/* Comfort noise every 400 ms. */
		rtp.ts += i == 100 || i == 101 ? 3200 : 160;
		now_ns += (i == 100 || i == 101 ? 400 : 20) * MS;
	}
	sum = total(&call);
	assert_int_equal(sum.received, 300);
	assert_int_equal(sum.lost + sum.late + sum.early + sum.reordered, 0);
	assert_int_equal(sum.comfort_noise, 2);
	assert_near(sum.jitter_max_ms, 0, 1e-6);
	assert_near(call.stream.step_ms, 20, 1e-9);
	assert_int_equal(sv_voice_stream_type(&call.stream), 8);
	assert_int_equal(call.stream.types[13], 2);
	sv_voice_stream_fini(&call.stream);
}

/* A sender that sets its clock to before the call began: numbers go on, and so does the jitter. */
static void test_clock_set_back(void **state)
{
	struct call call;

	(void)state;
	call_init(&call, 1, 1000000);
	for (int i = 0; i < 100; i++)
		put(&call, i, 0);
	call.ts0 = 1000;
	for (int i = 100; i < 300; i++)
		put(&call, i, i % 2 ? 4 : 0);
	assert_int_equal(total(&call).received, 300);
	assert_int_equal(total(&call).lost + total(&call).late + total(&call).early, 0);
	assert_int_equal(total(&call).jitters, 298);
	assert_near(total(&call).jitter_max_ms, 4, 1e-3);
	assert_near(call.stream.jitter_ms, 4, 1e-3);
	sv_voice_stream_fini(&call.stream);
}

/* An interval is rated by the codec that was spoken in it. */
static void test_types_by_interval(void **state)
{
	struct sv_voice_quality quality;
	struct sv_rtp rtp = { .pt = 0 };
	struct sv_voice_sum sum;
	struct call call;

	(void)state;
	call_init(&call, 0, 0);
	for (int i = 0; i < 1000; i++, rtp.seq++, rtp.ts += 160) {
		rtp.pt = i >= 800 ? 18 : 0;
		sv_voice_stream_add(&call.stream, &rtp, i * 20 * MS);
	}
	sv_voice_sum(&call.stream, 0, 10000 * MS, &sum);
	sv_voice_rate(&call.stream, &sum, 0, &quality);
	assert_string_equal(quality.codec, "G.711");
	sv_voice_sum(&call.stream, 17000 * MS, 20000 * MS, &sum);
	sv_voice_rate(&call.stream, &sum, 0, &quality);
	assert_string_equal(quality.codec, "G.729A+VAD");
	sv_voice_stream_fini(&call.stream);
}

/* Without a clock there is neither jitter nor playout, and without published values no rating. */
static void test_unknown_codec(void **state)
{
	struct call call;
	struct sv_rtp rtp = { .pt = 111 };

	(void)state;
	call_init(&call, 0, 0);
	for (int i = 0; i < 100; i++, rtp.seq++, rtp.ts += 960)
		if (i != 50)
			sv_voice_stream_add(&call.stream, &rtp, i * 20 * MS);
	assert_int_equal(total(&call).lost, 1);
	assert_int_equal(total(&call).jitters, 0);
	assert_true(isnan(rate(&call).mos));
	assert_null(rate(&call).word);
	sv_voice_stream_fini(&call.stream);
}

/* ---- the de-jitter buffer ---- */

static void test_fixed_buffer(void **state)
{
	struct call call;
	struct sv_voice_sum sum;

	(void)state;
	call_init(&call, 1, 0);
	for (int i = 0; i < 1000; i++)
		put(&call, i, i == 300 ? 55 : i == 400 ? 75 : i == 500 ? 200 : i == 600 ? -75 : 0);
	sum = total(&call);
	assert_int_equal(sum.late, 2);
	assert_int_equal(sum.early, 1);
	assert_int_equal(sum.lost, 0);
	assert_near(sv_voice_sum_missing(&sum), 0.3, 1e-9);
	assert_near(rate(&call).r, 91.09 - 95 * 0.3 / (0.3 + 4.3), 0.05);
	sv_voice_stream_fini(&call.stream);
}

/* The way is 150 ms longer from one packet to the next: half a second is lost, not the call. */
static void test_buffer_begins_again(void **state)
{
	struct call call;

	(void)state;
	call_init(&call, 1, 0);
	for (int i = 0; i < 1000; i++)
		put(&call, i, i >= 500 ? 150 : 0);
	assert_int_equal(total(&call).late, 25);
	sv_voice_stream_fini(&call.stream);
}

static void test_adaptive_buffer(void **state)
{
	const struct sv_voice_buffer_profile fixed = profile.buffer;
	struct call call;
	struct sv_voice_sum sum;
	double quiet_ms;

	(void)state;
	profile.buffer =
		(struct sv_voice_buffer_profile){ .adaptive = true, .min_ms = 20, .max_ms = 200 };
	call_init(&call, 1, 0);
	srandom(7);
	for (int i = 0; i < 1000; i++)
		put(&call, i, 0);
	sum = total(&call);
	quiet_ms = sum.buffer_sum_ms / sum.buffers;
	assert_near(quiet_ms, 20, 1e-6);
	for (int i = 1000; i < 6000; i++)
		put(&call, i, random() % 1000 * 0.08);
	sv_voice_sum(&call.stream, call.base_ns + 60000 * MS, INT64_MAX, &sum);
	/* v of 0 … 80 ms, evenly: 20 ms */
	assert_near(sum.buffer_sum_ms / sum.buffers, 80, 10);
	assert_int_equal(sum.late + sum.early, 0);
	sv_voice_stream_fini(&call.stream);
	profile.buffer = fixed;
}

/* ---- intervals ---- */

/* Whatever the stream: intervals that meet leave nothing out and count nothing twice. */
static void test_intervals(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 50; seed++) {
		struct sv_voice_sum all, sum[40], added = { 0 };
		int64_t edge[41];
		struct call call;

		srandom(seed);
		call_init(&call, random(), random());
		for (int i = 0; i < 3000; i++) {
			if (random() % 100 < 7)
				continue;
			put(&call, i, random() % 100 < 5 ? random() % 300 : random() % 10);
			if (random() % 100 < 3)
				put(&call, i, 15);
		}
		for (int i = 0; i <= 40; i++)
			edge[i] = call.base_ns + (i - 1) * 1701 * MS + random() % 1000;
		all = total(&call);
		sv_voice_sums(&call.stream, edge, 40, sum);
		for (int i = 0; i < 40; i++) {
			assert_int_equal(sum[i].expected, sum[i].received + sum[i].lost);
			added.expected += sum[i].expected;
			added.lost += sum[i].lost;
			added.reordered += sum[i].reordered;
			added.duplicated += sum[i].duplicated;
			added.late += sum[i].late;
			added.early += sum[i].early;
			added.jitters += sum[i].jitters;
			assert_true(sum[i].bursts >= !!(sum[i].lost + sum[i].late));
		}
		assert_int_equal(added.expected, all.expected);
		assert_int_equal(added.lost, all.lost);
		assert_int_equal(added.reordered, all.reordered);
		assert_int_equal(added.duplicated, all.duplicated);
		assert_int_equal(added.late, all.late);
		assert_int_equal(added.early, all.early);
		assert_int_equal(added.jitters, all.jitters);
		sv_voice_stream_fini(&call.stream);
	}
}

/* Losses belong to the second in which they were due. */
static void test_loss_has_a_time(void **state)
{
	struct sv_voice_sum sum;
	struct call call;

	(void)state;
	call_init(&call, 1, 0);
	for (int i = 0; i < 300; i++)
		if (i < 75 || i >= 125)
			put(&call, i, 0);
	for (int s = 0; s < 6; s++) {
		sv_voice_sum(&call.stream, call.base_ns + s * 1000 * MS,
			     call.base_ns + (s + 1) * 1000 * MS, &sum);
		assert_int_equal(sum.expected, 50);
		assert_int_equal(sum.lost, s == 1 || s == 2 ? 25 : 0);
	}
	sv_voice_stream_fini(&call.stream);
}

/* What is gone does not change what is there. */
static void test_trim(void **state)
{
	struct sv_voice_sum before, after;
	struct call call;

	(void)state;
	call_init(&call, 65000, 0);
	srandom(3);
	for (int i = 0; i < 2000; i++)
		if (random() % 10)
			put(&call, i, random() % 30);
	sv_voice_sum(&call.stream, call.base_ns + 20000 * MS, INT64_MAX, &before);
	sv_voice_stream_trim(&call.stream, call.base_ns + 20000 * MS);
	sv_voice_sum(&call.stream, call.base_ns + 20000 * MS, INT64_MAX, &after);
	assert_true(call.stream.trimmed > 900);
	assert_memory_equal(&before, &after, sizeof(before));
	put(&call, 2000, 0);
	put(&call, 2001, 0);
	assert_int_equal(call.stream.restarts, 0);
	sv_voice_stream_trim(&call.stream, INT64_MAX);
	put(&call, 2002, 0);
	assert_int_equal(call.stream.restarts + call.stream.strays, 0);
	sv_voice_stream_fini(&call.stream);
}

/* ---- a path ---- */

static void test_path(void **state)
{
	struct call in, out;
	struct sv_voice_sum sum;
	double mean_ms;

	(void)state;
	call_init(&in, 65400, 5);
	call_init(&out, 65400, 5);
	for (int i = 0; i < 500; i++) {
		put(&in, i, 0);
		if (i >= 20 && i % 10 != 3)
			put(&out, i, i % 2 ? 12.5 : 7.5);
	}
	assert_int_equal(sv_voice_path_delay(&out.stream, &in.stream, &mean_ms), 480 - 48);
	assert_near(mean_ms, 10, 0.5);
	assert_int_equal(sv_voice_path_delay(&in.stream, &out.stream, &mean_ms), 480 - 48);
	assert_near(mean_ms, -10, 0.5);
	sv_voice_path_match(&out.stream, &in.stream);
	sum = total(&out);
	assert_int_equal(sum.delays, 432);
	assert_near(sum.delay_min_ms, 7.5, 1e-3);
	assert_near(sum.delay_max_ms, 12.5, 1e-3);
	assert_near(sum.delay_sum_ms / sum.delays, 10, 0.5);
	assert_near(rate(&out).mouth_to_ear_ms, 80.125 + sum.delay_sum_ms / sum.delays, 1e-6);
	sv_voice_stream_fini(&out.stream);
	/* A stranger of the same SSRC. */
	call_init(&out, 5, 1000000);
	for (int i = 0; i < 500; i++)
		put(&out, i, 10);
	assert_int_equal(sv_voice_path_delay(&out.stream, &in.stream, &mean_ms), 0);
	sv_voice_path_match(&out.stream, &in.stream);
	assert_int_equal(total(&out).delays, 0);
	sv_voice_stream_fini(&out.stream);
	sv_voice_stream_fini(&in.stream);
}

static void count_missed(const struct call *to, const struct call *from, int64_t from_ns,
			 int64_t to_ns, struct sv_voice_missed *missed)
{
	const int64_t edge_ns[] = { from_ns, to_ns };

	sv_voice_path_missed(&to->stream, &from->stream, edge_ns, 1, missed);
}

/* What never came out, also when nothing does any more. */
static void test_missed(void **state)
{
	struct sv_voice_missed missed;
	struct call in, out;

	(void)state;
	call_init(&in, 65400, 5);
	call_init(&out, 65400, 5);
	for (int i = 0; i < 500; i++) {
		put(&in, i, 0);
		if (i >= 20 && i < 400 && i % 10 != 3)
			put(&out, i, 10);
	}
	count_missed(&out, &in, INT64_MIN, INT64_MAX, &missed);
	assert_int_equal(missed.sent, 500);
	assert_int_equal(missed.missed, 20 + 38 + 100);
	count_missed(&out, &in, in.base_ns + 2000 * MS, in.base_ns + 4000 * MS, &missed);
	assert_int_equal(missed.sent, 100);
	assert_int_equal(missed.missed, 10);
	count_missed(&out, &in, in.base_ns + 9000 * MS, INT64_MAX, &missed);
	assert_int_equal(missed.sent, 50);
	assert_int_equal(missed.missed, 50);
	sv_voice_stream_fini(&out.stream);
	sv_voice_stream_fini(&in.stream);
}

/* However long an outage is at the begin, and of whatever part of the call one asks. */
static void test_missed_at_begin(void **state)
{
	struct sv_voice_missed missed, bin[10];
	struct call in, out;
	int64_t edge_ns[11];

	(void)state;
	call_init(&in, 65400, 5);
	call_init(&out, 65400, 5);
	for (int i = 0; i < 500; i++) {
		put(&in, i, 0);
		if (i >= 300)
			put(&out, i, 10);
	}
	count_missed(&out, &in, INT64_MIN, INT64_MAX, &missed);
	assert_int_equal(missed.sent, 500);
	assert_int_equal(missed.missed, 300);
	for (int i = 0; i <= 10; i++)
		edge_ns[i] = in.base_ns + i * 1000 * MS;
	sv_voice_path_missed(&out.stream, &in.stream, edge_ns, 10, bin);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(bin[i].sent, 50);
		assert_int_equal(bin[i].missed, i < 6 ? 50 : 0);
	}
	sv_voice_stream_fini(&out.stream);
	sv_voice_stream_fini(&in.stream);
}

/* ---- anything ---- */

/* Headers at random: nothing breaks, and every packet is somewhere. */
static void test_noise(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 200; seed++) {
		struct sv_rtp rtp = { 0 };
		int64_t now_ns = 0;
		uint64_t placed;
		struct call call;

		srandom(seed);
		call_init(&call, 0, 0);
		for (int i = 0; i < 500; i++) {
			rtp.seq += random() % 8	  ? 1
				   : random() % 8 ? random() % 300 - 150
						  : random();
			rtp.ts += random() % 8 ? 160 : random();
			rtp.pt = random() % 16 ? 0 : random() % 64;
			rtp.marker = !(random() % 8);
			now_ns += random() % 40 * MS;
			assert_int_equal(sv_voice_stream_add(&call.stream, &rtp, now_ns), 0);
		}
		placed = total(&call).received + total(&call).duplicated + call.stream.strays +
			 call.stream.has_odd;
		if (call.stream.established)
			assert_in_range(placed, 400, 500);
		sv_voice_stream_fini(&call.stream);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_values),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_monotone),
		cmocka_unit_test(test_burst_impairs),
		cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_rtp),
		cmocka_unit_test(test_rtp_noise),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_at_begin),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_jitter_after_silence),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_unknown_codec),
		cmocka_unit_test(test_fixed_buffer),
		cmocka_unit_test(test_buffer_begins_again),
		cmocka_unit_test(test_adaptive_buffer),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_loss_has_a_time),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_missed),
		cmocka_unit_test(test_missed_at_begin),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_types_by_interval),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
