// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data plane's decisions, compiled natively: every frame stands in a buffer of exactly its
 * length, so that a read beyond its end is a finding of the address sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bpf/lib/budget.h"
#include "bpf/lib/exit.h"
#include "bpf/lib/flow.h"
#include "bpf/lib/gate.h"
#include "bpf/lib/neigh.h"
#include "bpf/lib/parse.h"
#include "bpf/lib/ring.h"
#include "bpf/lib/select.h"
#include "bpf/lib/way.h"
#include "tests/prog/frames.h"

#define LAST_BODY BODY_FROM_GROUP

/* The first n bytes of a frame, in a buffer of their own. The caller frees. */
static uint8_t *frame(const struct pkt *pkt, uint32_t n, uint32_t *len)
{
	static uint8_t bytes[9200];
	uint32_t all = frame_build(bytes, pkt);
	uint8_t *copy;

	*len = n < all ? n : all;
	copy = malloc(*len ? *len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, *len);
	return copy;
}

/* ---- parse ---- */

static const struct parse_case {
	const char *desc;
	struct pkt pkt;
	int opaque;
	uint32_t cut;
	int rc;
	struct sv_frame want; /* proto in host order */
} parses[] = {
	{ "empty", {}, 0, 0, -1, { .l3 = 14 } },
	{ "13 bytes", {}, 0, 13, -1, { .l3 = 14 } },
	{ "13 bytes, opaque", {}, 1, 13, -1, { .l3 = 14 } },
	{ "14 bytes", {}, 0, 14, 0, { .l3 = 14, .proto = 0x0800 } },
	{ "untagged", {}, 0, 99, 0, { .l3 = 14, .proto = 0x0800 } },
	{ "a tag's type only",
	  { .tpid = 0x8100, .tci = 5 },
	  0,
	  14,
	  -1,
	  { .l3 = 14, .proto = 0x8100 } },
	{ "a tag but for a byte",
	  { .tpid = 0x8100, .tci = 5 },
	  0,
	  17,
	  -1,
	  { .l3 = 14, .proto = 0x8100 } },
	{ "a tag",
	  { .tpid = 0x8100, .tci = 5 },
	  0,
	  18,
	  0,
	  { .vlan = 5, .tci = 5, .l3 = 18, .proto = 0x0800 } },
	{ "all bits of a tag",
	  { .tpid = 0x8100, .tci = 0xffff },
	  0,
	  99,
	  0,
	  { .vlan = 4095, .tci = 0xffff, .l3 = 18, .proto = 0x0800 } },
	{ "priority tag",
	  { .tpid = 0x8100, .tci = 0xe000 },
	  0,
	  99,
	  0,
	  { .tci = 0xe000, .l3 = 18, .proto = 0x0800 } },
	{ "QinQ",
	  { BODY_QINQ, 0x8100, 5, 0 },
	  0,
	  99,
	  0,
	  { .vlan = 5, .tci = 5, .l3 = 18, .proto = 0x8100 } },
	{ "802.1ad", { .tpid = 0x88a8, .tci = 5 }, 0, 99, 0, { .l3 = 14, .proto = 0x88a8 } },
	{ "a VNode's tag", { .tpid = 0x8100, .tci = 5 }, 1, 99, 0, { .l3 = 14, .proto = 0x8100 } },
	{ "a VNode's cut tag",
	  { .tpid = 0x8100, .tci = 5 },
	  1,
	  14,
	  0,
	  { .l3 = 14, .proto = 0x8100 } },
};

static void same_frame(const struct sv_frame *f, const struct sv_frame *want)
{
	assert_int_equal(f->vlan, want->vlan);
	assert_int_equal(f->tci, want->tci);
	assert_int_equal(f->l3, want->l3);
	assert_int_equal(ntohs(f->proto), want->proto);
}

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parses) / sizeof(parses[0]); i++) {
		const struct parse_case *c = &parses[i];
		struct sv_frame f;
		uint32_t len;
		uint8_t *bytes = frame(&c->pkt, c->cut, &len);

		if (sv_parse(bytes, bytes + len, c->opaque, &f) != c->rc)
			fail_msg("%s", c->desc);
		same_frame(&f, &c->want);
		free(bytes);
	}
}

/* With the tag beside the frame the answer is the same, but for where the rest begins. */
static void test_parse_beside(void **state)
{
	static const uint16_t tpids[] = { 0x8100, 0x88a8 };
	static const uint16_t tcis[] = { 0, 5, 0xa000, 0xffff };

	(void)state;
	for (int i = 0; i < 2 * 4 * 2; i++) {
		struct pkt in = { .tpid = tpids[i & 1], .tci = tcis[i >> 1 & 3] }, bare = {};
		int opaque = i >> 3, own = in.tpid == 0x8100 && !opaque;
		struct sv_frame f, beside;
		uint32_t len, bare_len;
		uint8_t *bytes = frame(&in, 99, &len), *rest = frame(&bare, 99, &bare_len);

		assert_int_equal(sv_parse(bytes, bytes + len, opaque, &f), 0);
		assert_int_equal(sv_parse_beside(rest, rest + bare_len, opaque, 1, htons(in.tpid),
						 in.tci, &beside),
				 0);
		assert_int_equal(beside.vlan, f.vlan);
		assert_int_equal(beside.tci, f.tci);
		assert_int_equal(beside.l3, 14);
		/* What is not ours is not looked into. */
		assert_int_equal(beside.proto, own ? f.proto : 0);
		assert_int_equal(sv_parse_beside(rest, rest + 13, opaque, 1, htons(in.tpid), in.tci,
						 &beside),
				 -1);
		free(bytes);
		free(rest);
	}
}

static void test_tci(void **state)
{
	(void)state;
	for (uint32_t tci = 0; tci < 0x10000; tci++)
		assert_int_equal(sv_tci(tci & SV_VID_MASK, sv_pcp_dei(tci)), tci);
}

/* ---- gate ---- */

/* The layout, written apart from the code under test. */
#define W(at, before, after) ((uint64_t)(at) << 16 | (before) << 8 | (after))

static const struct gate_case {
	uint64_t word, next, now;
	uint8_t want;
} gates[] = {
	{ 0, 0, 0, 0 },
	{ 0, W(0, 3, 3), 5, 0 },
	{ W(0, 3, 3), 0, 0, 3 },
	{ W(0, 3, 3), 0, UINT64_MAX, 3 },
	{ W(100, 1, 2), 0, 99, 1 },
	{ W(100, 1, 2), 0, 100, 2 },
	{ W(100, 1, 2), 0, 101, 2 },
	{ W(100, 1, 0), 0, 100, 0 },
	{ W(SV_GATE_AT_MAX, 1, 2), 0, SV_GATE_AT_MAX - 1, 1 },
	{ W(SV_GATE_AT_MAX, 1, 2), 0, SV_GATE_AT_MAX, 2 },
	{ W(100, 1, 255), W(200, 2, 1), 99, 1 },
	{ W(100, 1, 255), W(200, 2, 1), 100, 2 },
	{ W(100, 1, 255), W(200, 2, 1), 199, 2 },
	{ W(100, 1, 255), W(200, 2, 1), 200, 1 },
	{ W(100, 255, 1), W(0, 2, 2), 99, 2 },
	{ W(0, 255, 255), W(0, 255, 255), 0, 0 },
	{ W(0, 255, 255), W(50, 255, 4), 49, 0 },
	{ W(0, 255, 255), W(50, 255, 4), 50, 4 },
	{ W(0, 255, 255), W(0, 254, 254), 0, 0 },
	{ W(0, 255, 255), 0, 0, 0 },
	{ W(0, 250, 250), 0, 0, 250 },
	{ W(0, 251, 251), 0, 0, 0 },
	{ W(0, 252, 252), 0, 0, 0 },
	{ W(0, 253, 253), 0, 0, 0 },
	{ W(0, 254, 254), 0, 0, 0 },
	{ W(100, 251, 1), 0, 99, 0 },
};

static void test_gate(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
		if (sv_gate_decide(gates[i].word, gates[i].next, gates[i].now) != gates[i].want)
			fail_msg("gate case %zu", i);
	}
}

/* Only words that need it read the clock or the second slot. */
static void test_gate_needs(void **state)
{
	(void)state;
	for (int b = 0; b < 256; b++) {
		for (int a = 0; a < 256; a++) {
			uint64_t w = sv_gate_word(77, b, a);

			assert_true(w == W(77, b, a));
			assert_int_equal(sv_gate_timed(w), a != b);
			assert_int_equal(sv_gate_asks_next(w), a == 255 || b == 255);
			assert_int_equal(sv_gate_at(w), 77);
		}
	}
}

/* ---- way ---- */

static void test_way_gated(void **state)
{
	struct sv_attach a = { .flags = SV_ATTACH_GATED, .variants = 2 };

	(void)state;
	/* Every role of ours against every live one: open only where both are the same
	 * real role. */
	for (int role = 0; role < 256; role++) {
		for (int live = 0; live <= SV_GATE_ROLE_MAX; live++) {
			struct sv_way way;

			a.role = role;
			way = sv_way_choose(&a, 0, live);
			assert_int_equal(way.open, live && live == role);
			assert_int_equal(way.variant, live && live == role);
			assert_int_equal(way.reason, way.open ? 0
						     : live   ? SV_REASON_GATE_SHADOW
							      : SV_REASON_GATE_HOLD);
			assert_int_equal(way.muted, 0);
		}
	}
	a.role = 1;
	a.variants = 1;
	assert_int_equal(sv_way_choose(&a, 0, 1).open, 0);
	assert_int_equal(sv_way_choose(&a, 0, 1).variant, 0);
}

static void test_way_live(void **state)
{
	struct sv_attach a = { .flags = SV_ATTACH_LIVE, .variants = 4 };

	(void)state;
	for (int live = 0; live <= SV_GATE_ROLE_MAX; live++) {
		struct sv_way way = sv_way_choose(&a, 0, live);

		assert_int_equal(way.variant, live < 4 ? live : 0);
		assert_true(way.variant < a.variants);
		assert_int_equal(way.reason, !live	? SV_REASON_GATE_HOLD
					     : live < 4 ? 0
							: SV_REASON_GATE_SHADOW);
	}
	a.flags = 0;
	assert_int_equal(sv_way_choose(&a, 0, 0).reason, 0);
	assert_int_equal(sv_way_choose(&a, 0, 0).open, 1);
}

static void test_way_segment(void **state)
{
	struct sv_attach a = { .flags = SV_ATTACH_GATED | SV_ATTACH_FDB | SV_ATTACH_OTHERS,
			       .variants = 2,
			       .role = 1,
			       .members = 3,
			       .member = 1,
			       .edge_member = 3 };
	struct sv_way way;

	(void)state;
	assert_true(sv_way_meets_edge(&a, 0));
	assert_true(sv_way_meets_edge(&a, 3));
	assert_false(sv_way_meets_edge(&a, 2));
	assert_false(sv_way_is_heard(&a, SV_GATE_HOLD));
	assert_true(sv_way_is_heard(&a, 1));
	assert_false(sv_way_is_heard(&a, 2));
	way = sv_way_choose(&a, 2, 0);
	assert_int_equal(way.reason, 0);
	assert_int_equal(way.open, 0);
	way = sv_way_choose(&a, 0, 2);
	assert_int_equal(way.muted, 1);
	assert_int_equal(way.reason, SV_REASON_GATE_SHADOW);
	assert_int_equal(sv_way_choose(&a, 3, 2).muted, 0);
	assert_int_equal(sv_way_choose(&a, 9, 2).member, 0);
	a.flags &= ~SV_ATTACH_FDB;
	assert_int_equal(sv_way_choose(&a, 0, 2).muted, 1);
	assert_int_equal(sv_way_choose(&a, 0, 1).muted, 0);
	a.flags &= ~SV_ATTACH_OTHERS;
	assert_int_equal(sv_way_choose(&a, 0, 2).muted, 0);
}

/* ---- exit ---- */

/* Every exit against every frame: the gate's yes, and whose tag may be outermost. */
static void test_exit(void **state)
{
	(void)state;
	for (int flags = 0; flags < 4; flags++) {
		for (int meta = 0; meta < 8; meta++) {
			struct sv_port row = {
				.exit = { { .ifindex = 6, .arg = 0xabc, .flags = flags } }
			};
			struct sv_exit how = sv_exit_find(&row, 6, 0);
			int gated = flags & SV_EXIT_GATED, push = flags & SV_EXIT_PUSH;

			assert_int_equal(how.arg, 0xabc);
			assert_int_equal(how.flags, flags);
			assert_int_equal(sv_exit_opens(how, meta), !gated || meta & SV_META_OPEN);
			assert_int_equal(sv_exit_bare(how, meta),
					 gated && !push && !(meta & SV_META_KEPT));
		}
	}
}

/* Every place of a row, every other device and every other way by the same one. */
static void test_exit_find(void **state)
{
	(void)state;
	for (int i = 0; i < SV_EXIT_MAX; i++) {
		struct sv_port row = {};

		row.exit[i] = (struct sv_exit){ .ifindex = 6, .arg = 100 + i, .nth = i };
		assert_int_equal(sv_exit_find(&row, 6, i).ifindex, 6);
		assert_int_equal(sv_exit_find(&row, 6, i).arg, 100 + i);
		assert_int_equal(sv_exit_find(&row, 6, i + 1).ifindex, 0);
		assert_int_equal(sv_exit_find(&row, 7, i).ifindex, 0);
		row.exit[(i + 1) % SV_EXIT_MAX] = (struct sv_exit){ .ifindex = 7, .nth = i };
		assert_int_equal(sv_exit_find(&row, 6, i).arg, 100 + i);
		assert_int_equal(sv_exit_find(&row, 7, i).arg, 0);
	}
}

static const struct exit_case {
	const char *desc;
	struct pkt pkt;
	uint32_t cut;
	int vid;
} exits[] = {
	{ "untagged", {}, 99, 0 },
	{ "a header alone", {}, 14, 0 },
	{ "less than a header", {}, 13, -1 },
	{ "a tag", { .tpid = 0x8100, .tci = 0xf01e }, 99, 30 },
	{ "a tag and no more", { .tpid = 0x8100, .tci = 30 }, 18, 30 },
	{ "a cut tag", { .tpid = 0x8100, .tci = 30 }, 17, -1 },
	{ "a tag's type", { .tpid = 0x8100, .tci = 30 }, 14, -1 },
	{ "the highest VID", { .tpid = 0x8100, .tci = 0xffff }, 99, 4095 },
	{ "priority tag", { .tpid = 0x8100, .tci = 0xf000 }, 99, 0 },
	{ "802.1ad", { .tpid = 0x88a8, .tci = 30 }, 99, 0 },
	{ "the outer of two", { .body = BODY_QINQ, .tpid = 0x8100, .tci = 30 }, 99, 30 },
	{ "VID 0 before another", { .body = BODY_QINQ, .tpid = 0x8100 }, 99, -1 },
};

static void test_exit_vid(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		const struct exit_case *c = &exits[i];
		uint32_t len;
		uint8_t *bytes = frame(&c->pkt, c->cut, &len);

		if (sv_exit_vid(bytes, bytes + len) != c->vid)
			fail_msg("%s", c->desc);
		free(bytes);
		if (c->vid >= 0)
			assert_int_equal(sv_exit_vid_beside(!!c->pkt.tpid, htons(c->pkt.tpid),
							    c->pkt.tci, htons(0x0800)),
					 c->vid);
	}
	assert_int_equal(sv_exit_vid_beside(0, htons(0x8100), 30, htons(0x0800)), 0);
	assert_int_equal(sv_exit_vid_beside(1, htons(0x8100), 0xf000, htons(0x8100)), -1);
	assert_int_equal(sv_exit_vid_beside(1, htons(0x8100), 0xf000, htons(0x88a8)), -1);
	assert_int_equal(sv_exit_vid_beside(1, htons(0x8100), 30, htons(0x8100)), 30);
}

/* ---- select ---- */

static void test_select_device(void **state)
{
	struct sv_session up = { .up = 1, .max_len = 100 }, down = { .max_len = 100 };

	(void)state;
	assert_int_equal(sv_select_device(&up, 100), SV_SCOUNT_COPIED);
	assert_int_equal(sv_select_device(&up, 101), SV_SCOUNT_SHED_LONG);
	assert_int_equal(sv_select_device(&up, 0), SV_SCOUNT_COPIED);
	assert_int_equal(sv_select_device(&down, 1), SV_SCOUNT_SHED_DOWN);
	assert_int_equal(sv_select_device(&down, 101), SV_SCOUNT_SHED_DOWN);
	assert_int_equal(sv_select_device(&(struct sv_session){}, 1), SV_SCOUNT_SHED_DOWN);
}

static void test_select_len(void **state)
{
	struct sv_session s = {};

	(void)state;
	assert_int_equal(sv_select_len(&s, 1514), 1514);
	s.snap = 128;
	assert_int_equal(sv_select_len(&s, 127), 127);
	assert_int_equal(sv_select_len(&s, 128), 128);
	assert_int_equal(sv_select_len(&s, 129), 128);
	assert_int_equal(sv_select_len(&s, 65535), 128);
}

static void test_select_sampled(void **state)
{
	struct sv_session s = {};

	(void)state;
	assert_true(sv_select_sampled(&s, 0));
	assert_true(sv_select_sampled(&s, UINT32_MAX));
	s.keep = 1;
	assert_true(sv_select_sampled(&s, 0));
	assert_false(sv_select_sampled(&s, 1));
	s.keep = 1u << 24;
	assert_true(sv_select_sampled(&s, (1u << 24) - 1));
	assert_false(sv_select_sampled(&s, 1u << 24));
	assert_false(sv_select_sampled(&s, UINT32_MAX));
}

static void test_select_fate(void **state)
{
	(void)state;
	assert_int_equal(sv_select_fate(0, 0, SV_SCOUNT_SHED_NO_FANOUT, 0), SV_SCOUNT_COPIED);
	assert_int_equal(sv_select_fate(0, 1, SV_SCOUNT_SHED_NO_FANOUT, 0),
			 SV_SCOUNT_SHED_NO_FANOUT);
	assert_int_equal(sv_select_fate(3, 7, SV_SCOUNT_SHED_NO_FANOUT, 8), SV_SCOUNT_SHED_TX);
	assert_int_equal(sv_select_fate(3, 7, SV_SCOUNT_SHED_NO_FANOUT, 4), SV_SCOUNT_COPIED);
	for (int n = 0; n <= SV_SESSION_BITS; n++) {
		struct sv_attach a = { .sessions = n };

		assert_int_equal(sv_select_all(&a), (1 << n) - 1);
	}
}

static void test_select_verdict(void **state)
{
	struct sv_attach gated = { .flags = SV_ATTACH_GATED }, live = { .flags = SV_ATTACH_LIVE };
	struct sv_way open = { .open = 1 }, shadow = { .reason = SV_REASON_GATE_SHADOW };
	struct sv_way held = { .reason = SV_REASON_GATE_HOLD }, inside = {};

	(void)state;
	assert_int_equal(sv_select_verdict(&gated, &open), SV_TAP_OPEN);
	assert_int_equal(sv_select_verdict(&gated, &shadow), SV_TAP_SHADOW);
	assert_int_equal(sv_select_verdict(&gated, &held), SV_TAP_HELD);
	assert_int_equal(sv_select_verdict(&gated, &inside), SV_TAP_INSIDE);
	assert_int_equal(sv_select_verdict(&live, &held), SV_TAP_INSIDE);
	assert_int_equal(sv_select_verdict(&live, &open), SV_TAP_INSIDE);
}

/* ---- budget ---- */

/* `n` frames of `bytes`, one every `gap_ns` from now on: how many get through? */
static int budget_run(const struct sv_session *s, uint64_t *until, uint64_t now, int n,
		      uint64_t gap_ns, uint32_t bytes)
{
	uint64_t cost = sv_budget_cost(s, 1, bytes);
	int through = 0;

	for (int i = 0; i < n; i++, now += gap_ns) {
		if (!sv_budget_fits(s, *until, now))
			continue;
		*until = sv_budget_next(*until, now, cost);
		through++;
	}
	return through;
}

static void test_budget(void **state)
{
	struct sv_session frames = { .per_frame = 100000ULL << 16, .burst_ns = 0 };
	struct sv_session bits = { .per_byte = 8ULL << 16, .burst_ns = 1000000 };
	uint64_t until = 0, now = 1000000000;

	(void)state;
	assert_true(sv_budget_has(&frames));
	assert_true(sv_budget_has(&bits));
	assert_false(sv_budget_has(&(struct sv_session){ .burst_ns = 5 }));
	/* 10,000 a second out of 200,000 a second. */
	assert_in_range(budget_run(&frames, &until, now, 200000, 5000, 60), 9999, 10001);
	/* As slow as that: all of them. */
	until = 0;
	assert_int_equal(budget_run(&frames, &until, now, 1000, 100000, 60), 1000);
	/* What was not used before is not there later, beyond the burst. */
	until = 0;
	frames.burst_ns = 900000;
	assert_int_equal(budget_run(&frames, &until, now, 100, 0, 60), 10);
	now += 60000000000ULL;
	assert_int_equal(budget_run(&frames, &until, now, 100, 0, 60), 10);
	/* 1 Gbit/s of 1000-byte frames offered at four times that, for 10 ms. */
	until = 0;
	assert_in_range(budget_run(&bits, &until, now, 5000, 2000, 1000), 1250, 1250 + 126);
}

static void test_budget_cost(void **state)
{
	struct sv_session s = { .per_frame = 3ULL << 16, .per_byte = 1ULL << 15 };
	struct sv_session slow = { .per_byte = 8000000000ULL << 16 }; /* a bit a second */

	(void)state;
	assert_int_equal(sv_budget_cost(&s, 1, 60), 3 + 30);
	assert_int_equal(sv_budget_cost(&s, 44, 65000), 3 * 44 + 32500);
	assert_true(sv_budget_cost(&slow, 1, 65536) == 8000000000ULL * 65536);
	assert_true(sv_budget_tells(0, 5));
	assert_false(sv_budget_tells(5, 5 + 999999999ULL));
	assert_true(sv_budget_tells(5, 5 + 1000000000ULL));
}

/* ---- rings ---- */

static void test_ring(void **state)
{
	struct sv_session s = { .kind = SV_SESSION_RING };
	uint64_t big = UINT64_MAX - 3;

	(void)state;
	assert_int_equal(sv_ring_cap(&s, 60), 60);
	assert_int_equal(sv_ring_cap(&s, 65549), SV_TAP_CAP_MAX);
	s.snap = 128;
	assert_int_equal(sv_ring_cap(&s, 128), 128);
	assert_int_equal(sv_ring_cap(&s, 129), 128);
	s.snap = UINT16_MAX;
	assert_int_equal(sv_ring_cap(&s, 65549), SV_TAP_CAP_MAX);
	assert_int_equal(sv_ring_slots(1), 1);
	assert_int_equal(sv_ring_slots(SV_TAP_SLOT - 32), 1);
	assert_int_equal(sv_ring_slots(SV_TAP_SLOT - 31), 2);
	assert_int_equal(sv_ring_slots(SV_TAP_CAP_MAX), 37);

	assert_true(sv_ring_fits(0, 0, 1));
	assert_true(sv_ring_fits(SV_TAP_SLOTS - 1, 0, 1));
	assert_false(sv_ring_fits(SV_TAP_SLOTS, 0, 1));
	assert_false(sv_ring_fits(SV_TAP_SLOTS - 36, 0, 37));
	assert_true(sv_ring_fits(SV_TAP_SLOTS - 37, 0, 37));
	assert_true(sv_ring_fits(big + 10, big, 1)); /* the counter wraps around */
	assert_false(sv_ring_fits(5, 6, 1)); /* a reader that lies */

	s.tap = 3;
	assert_int_equal(sv_ring_number(&s, 5), 3 * SV_TAP_CPUS + 5);
	assert_int_equal(sv_ring_number(&s, SV_TAP_CPUS), UINT32_MAX);
	s.tap = SV_TAP_MAX;
	assert_int_equal(sv_ring_number(&s, 0), UINT32_MAX);
	s = (struct sv_session){ .kind = SV_SESSION_DEVICE };
	assert_int_equal(sv_ring_number(&s, 0), UINT32_MAX);
}

/* ---- flows ---- */

/* A view by hand: bytes in hex, spaces are nothing. */
static uint32_t flow(const char *hex, uint32_t cut)
{
	struct sv_flow_head head = {};
	uint32_t n = 0;

	for (; *hex && n < SV_FLOW_HEAD; hex++) {
		char byte[3] = { hex[0], hex[1] };

		if (*hex == ' ')
			continue;
		head.byte[n++] = strtoul(byte, NULL, 16);
		hex++;
	}
	if (cut && cut < n) {
		memset(head.byte + cut, 0, n - cut);
		n = cut;
	}
	return sv_flow_hash(&head, n);
}

#define F_MACS "0200000000bb 0200000000aa "
#define F_BACK "0200000000aa 0200000000bb "
#define F_IP4(frag, proto) "0800 45000028 1234" frag " 40" proto "0000 "
#define F_AB "0a000005 0a000001 "
#define F_BA "0a000001 0a000005 "
#define F_PORTS "03e80035 "
#define F_PORTS_BACK "003503e8 "
#define F_FILL "0102030405060708090a0b0c0d0e0f10"
#define F_IP6(next) "86dd 60000000 0020" next "40 "
#define F_A6 "fe800000000000000000000000000005 "
#define F_B6 "fe800000000000000000000000000001 "

/* Groups of frames: within one all have the same number, and no two groups share one. */
static const char *const flows[][8] = {
	{ F_MACS F_IP4("0000", "11") F_AB F_PORTS F_FILL,
	  F_BACK F_IP4("0000", "11") F_BA F_PORTS_BACK F_FILL,
	  F_MACS F_IP4("4000", "11") F_AB F_PORTS, /* don't fragment */
	  F_MACS "81000005 " F_IP4("0000", "11") F_AB F_PORTS,
	  F_MACS "88a80005 81000006 " F_IP4("0000", "11") F_AB F_PORTS F_FILL,
	  F_MACS "0800 46000028 12340000 40110000 " F_AB "01020304 " F_PORTS,
	  F_MACS "0800 4f000028 12340000 40110000 " F_AB
		 "01020304 01020304 01020304 01020304 01020304 01020304 01020304 01020304 "
		 "01020304 01020304 " F_PORTS,
	  F_MACS "81000005 88a80006 0800 4f000028 12340000 40110000 " F_AB
		 "01020304 01020304 01020304 01020304 01020304 01020304 01020304 01020304 "
		 "01020304 01020304 " F_PORTS },
	{ F_MACS F_IP4("0000", "06") F_AB F_PORTS F_FILL,
	  F_BACK F_IP4("0000", "06") F_BA F_PORTS_BACK },
	/* The ports the other way round are another flow. */
	{ F_MACS F_IP4("0000", "11") F_AB F_PORTS_BACK F_FILL,
	  F_BACK F_IP4("0000", "11") F_BA F_PORTS F_FILL },
	{ F_MACS F_IP4("0000", "11") F_AB "03e90035 " F_FILL },
	{ F_MACS F_IP4("0000", "11") "0a000006 0a000001 " F_PORTS F_FILL },
	/* Fragments, the first as the last; and what has no ports. */
	{ F_MACS F_IP4("2000", "11") F_AB F_PORTS F_FILL, F_MACS F_IP4("00b9", "11") F_AB F_FILL,
	  F_BACK F_IP4("20b9", "11") F_BA "ffffffff " F_FILL,
	  F_MACS "0800 41000028 12340000 40110000 " F_AB F_PORTS F_FILL /* a header too short */ },
	{ F_MACS F_IP4("0000", "01") F_AB "08001234 " F_FILL,
	  F_BACK F_IP4("0000", "01") F_BA "00004321 " F_FILL },
	{ F_MACS F_IP6("11") F_A6 F_B6 F_PORTS F_FILL, F_BACK F_IP6("11") F_B6 F_A6 F_PORTS_BACK,
	  F_MACS "81000005 " F_IP6("11") F_A6 F_B6 F_PORTS F_FILL,
	  F_MACS "81000005 88a80006 " F_IP6("11") F_A6 F_B6 F_PORTS F_FILL },
	{ F_MACS F_IP6("06") F_A6 F_B6 F_PORTS F_FILL },
	{ F_MACS F_IP6("2c") F_A6 F_B6 "11000001 00001234 " F_PORTS,
	  F_BACK F_IP6("2c") F_B6 F_A6 "110000b9 00001234 " F_FILL },
	{ F_MACS F_IP6("00") F_A6 F_B6 "1100000000000000 " F_PORTS,
	  F_BACK F_IP6("00") F_B6 F_A6 "0600000000000000 " F_FILL },
	{ F_MACS F_IP6("3a") F_A6 F_B6 "80001234 " F_FILL,
	  F_BACK F_IP6("3a") F_B6 F_A6 "81004321 " F_FILL },
	/* Neither. */
	{ F_MACS "0806 " F_FILL F_FILL, F_BACK "0806 " F_FILL F_FILL, F_BACK "0806" },
	{ F_MACS "8847 " F_FILL F_FILL, F_MACS "81000009 8847 " F_FILL },
	{ F_MACS "81000001 81000002 81000003 " F_IP4("0000", "11") F_AB F_PORTS,
	  F_BACK "81000001 81000002 81000003 " F_IP4("0000", "06") F_BA F_PORTS },
	{ "0200000000bc 0200000000aa 0806 " F_FILL F_FILL },
};

static void test_flow(void **state)
{
	const size_t groups = sizeof(flows) / sizeof(flows[0]);

	(void)state;
	for (size_t g = 0; g < groups; g++) {
		uint32_t number = flow(flows[g][0], 0);

		for (int i = 1; i < 8 && flows[g][i]; i++)
			if (flow(flows[g][i], 0) != number)
				fail_msg("flow group %zu, frame %d", g, i);
		for (size_t other = 0; other < g; other++)
			if (flow(flows[other][0], 0) == number)
				fail_msg("flow groups %zu and %zu", g, other);
	}
}

/* What is cut before the ports has none; before its header it is a pair of MAC addresses. */
static void test_flow_cut(void **state)
{
	uint32_t bare4 = flow(F_MACS F_IP4("2000", "11") F_AB, 0), whole4 = flow(flows[0][0], 0);
	uint32_t macs4 = flow(F_MACS "0800", 0), macs6 = flow(F_MACS "86dd", 0);
	uint32_t whole6 = flow(flows[7][0], 0), bare6 = flow(F_MACS F_IP6("11") F_A6 F_B6, 0);

	(void)state;
	for (uint32_t n = 14; n < 96; n++) {
		assert_int_equal(flow(flows[0][0], n), n < 34 ? macs4 : n < 38 ? bare4 : whole4);
		assert_int_equal(flow(flows[7][0], n), n < 54 ? macs6 : n < 58 ? bare6 : whole6);
	}
}

/* No bytes take it out of its head: the sanitizer watches. And numbers are spread evenly. */
static void test_flow_spread(void **state)
{
	uint32_t seed = 1, low = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct sv_flow_head *head = malloc(sizeof(*head));

		for (int j = 0; j < SV_FLOW_HEAD; j++)
			head->byte[j] = (seed = seed * 1103515245 + 12345) >> 16;
		head->byte[12] = i & 1 ? 0x08 : i & 2 ? 0x86 : 0x81;
		head->byte[13] = i & 1 ? 0x00 : i & 2 ? 0xdd : 0x00;
		low += sv_flow_hash(head, 14 + i % (SV_FLOW_HEAD - 13)) < 1u << 28;
		free(head);
	}
	assert_in_range(low, 100000 / 16 - 400, 100000 / 16 + 400);
}

/* ---- neighbours ---- */

static const struct neigh_case {
	enum body body;
	int v6;
	const uint8_t *teaches, *mac; /* whose address, or NULL */
	const uint8_t *asks;
	enum body answer;
	uint32_t need; /* bytes behind l3 that it takes to know */
} neighs[] = {
	{ BODY_UDP, 0, NULL, NULL, NULL, 0, 0 },
	{ BODY_ARP_REQUEST, 0, ip4_aa, mac_aa, ip4_gw, BODY_ARP_REPLY, 28 },
	{ BODY_ARP_REPLY, 0, ip4_gw, mac_gw, NULL, 0, 28 },
	{ BODY_ARP_PROBE, 0, NULL, NULL, NULL, 0, 0 },
	{ BODY_ARP_GRATUITOUS, 0, ip4_gw, mac_aa, NULL, 0, 28 },
	{ BODY_ARP_GROUP, 0, NULL, NULL, ip4_gw, 0, 28 },
	{ BODY_NS, 1, ip6_aa, mac_aa, ip6_gw, BODY_NA, 72 },
	{ BODY_NS_SHORT, 1, NULL, NULL, ip6_gw, BODY_NA_SHORT, 64 },
	{ BODY_NS_LONG, 1, ip6_aa, mac_aa, ip6_gw, BODY_NA_LONG, 72 },
	{ BODY_NS_DAD, 1, NULL, NULL, NULL, 0, 0 },
	{ BODY_NA, 1, ip6_gw, mac_gw, NULL, 0, 72 },
	{ BODY_NA_SHORT, 1, NULL, NULL, NULL, 0, 0 },
	{ BODY_RS, 1, ip6_aa, mac_aa, NULL, 0, 56 },
	{ BODY_RA, 1, ip6_gw, mac_gw, NULL, 0, 72 },
	{ BODY_RA_HOPS, 1, NULL, NULL, NULL, 0, 0 },
};

static void same_addr(const uint8_t *addr, const uint8_t *want, int v6)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

	if (!v6)
		assert_memory_equal(addr, mapped, 12);
	assert_memory_equal(addr + (v6 ? 0 : 12), want, v6 ? 16 : 4);
}

/* Complete frames teach and ask what they should, cut ones nothing, at every length, with and
 * without a tag. */
static void test_neigh_lengths(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(neighs) / sizeof(neighs[0]); i++) {
		const struct neigh_case *c = &neighs[i / 2];
		struct pkt pkt = { .body = c->body, .tpid = i & 1 ? 0x8100 : 0, .tci = 5 };

		for (uint32_t n = 14; n < 120; n++) {
			uint8_t addr[16], mac[6];
			struct sv_frame f;
			uint32_t len;
			uint8_t *bytes = frame(&pkt, n, &len);
			const void *end = bytes + len;
			int teaches = 0, asks = 0;

			if (!sv_parse(bytes, end, 0, &f) && sv_neigh_may(f.proto)) {
				teaches = sv_neigh_teaches(bytes, end, f.l3, f.proto, addr, mac);
				if (teaches) {
					same_addr(addr, c->teaches, c->v6);
					assert_memory_equal(mac, c->mac, 6);
				}
				asks = sv_neigh_asks(bytes, end, f.l3, f.proto, addr);
				if (asks)
					same_addr(addr, c->asks, c->v6);
			}
			assert_int_equal(teaches, c->teaches && len >= f.l3 + c->need);
			assert_int_equal(asks, c->asks && len >= f.l3 + (c->v6 ? 64u : 28u));
			free(bytes);
		}
	}
}

static void test_neigh_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(neighs) / sizeof(neighs[0]); i++) {
		const struct neigh_case *c = &neighs[i / 2];
		struct pkt in = { .body = c->body, .tpid = i & 1 ? 0x8100 : 0, .tci = 0xa005 };
		struct pkt out = { .body = c->answer, .tpid = in.tpid, .tci = in.tci };
		struct sv_frame f;
		uint32_t len, want_len;
		uint8_t *bytes, *want;

		if (!c->answer)
			continue;
		bytes = frame(&in, 9200, &len);
		want = frame(&out, 9200, &want_len);
		assert_int_equal(sv_parse(bytes, bytes + len, 0, &f), 0);
		assert_int_equal(sv_neigh_answer(bytes, bytes + len, f.l3, f.proto, mac_gw), 0);
		assert_int_equal(len, want_len);
		assert_memory_equal(bytes, want, len);
		free(bytes);
		free(want);
	}
}

/* An option that is said to be there but is not: the answer has none, and nothing beyond is
 * written. */
static void test_neigh_answer_cut(void **state)
{
	struct pkt in = { .body = BODY_NS };
	uint32_t len;
	uint8_t *bytes;

	(void)state;
	bytes = frame(&in, 14 + 64 + 7, &len);
	assert_int_equal(sv_neigh_answer(bytes, bytes + len, 14, htons(0x86dd), mac_gw), 0);
	assert_int_equal(bytes[14 + 5], 24);
	assert_int_equal(frame_sum6(bytes + 14, 24), 0);
	free(bytes);
	bytes = frame(&in, 14 + 63, &len);
	assert_int_equal(sv_neigh_answer(bytes, bytes + len, 14, htons(0x86dd), mac_gw), -1);
	free(bytes);
}

/* Options that lie about their length end the search; all bytes of all options are tried. */
static void test_neigh_options(void **state)
{
	struct pkt in = { .body = BODY_RA };
	uint8_t addr[16], mac[6];

	(void)state;
	for (uint32_t at = 14 + 40; at < 14 + 40 + 32; at++) {
		for (int v = 0; v < 256; v++) {
			uint32_t len;
			uint8_t *bytes = frame(&in, 9200, &len);

			bytes[at] = v;
			sv_neigh_teaches(bytes, bytes + len, 14, htons(0x86dd), addr, mac);
			sv_neigh_asks(bytes, bytes + len, 14, htons(0x86dd), addr);
			free(bytes);
		}
	}
}

static void test_mac(void **state)
{
	static const uint8_t zero[6];

	(void)state;
	assert_true(sv_mac_unicast(mac_aa));
	assert_false(sv_mac_unicast(mac_all));
	assert_false(sv_mac_unicast(mac_group));
	assert_false(sv_mac_unicast(zero));
	assert_true(sv_mac_equal(mac_aa, mac_aa));
	assert_false(sv_mac_equal(mac_aa, mac_bb));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_beside),
		cmocka_unit_test(test_tci),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_gate_needs),
		cmocka_unit_test(test_way_gated),
		cmocka_unit_test(test_way_live),
		cmocka_unit_test(test_way_segment),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_exit_find),
		cmocka_unit_test(test_exit_vid),
		cmocka_unit_test(test_select_device),
		cmocka_unit_test(test_select_len),
		cmocka_unit_test(test_select_sampled),
		cmocka_unit_test(test_select_fate),
		cmocka_unit_test(test_select_verdict),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_cost),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_flow_cut),
		cmocka_unit_test(test_flow_spread),
		cmocka_unit_test(test_neigh_lengths),
		cmocka_unit_test(test_neigh_answers),
		cmocka_unit_test(test_neigh_answer_cut),
		cmocka_unit_test(test_neigh_options),
		cmocka_unit_test(test_mac),
	};

	return cmocka_run_group_tests_name("decisions of the data plane", tests, NULL, NULL);
}
