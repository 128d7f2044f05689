// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selection: what becomes of a frame for the sessions of its attachment. Tables of sessions in, and
 * their counters, records and copies out, for XDP and for TC; under BPF_PROG_TEST_RUN, and alive
 * where a frame's tail is cut.
 */
#include "dp.h"
#include "frames.h"

#include "bpf/lib/flow.h"

#define ID 7
#define GROUP 3
#define ROLE 2
#define FAN 100
#define SLOT 5 /* of the filter */
#define TAP 9 /* of the first session; the others follow */
#define HOUR_NS 3600000000000ULL
#define N(a) (sizeof(a) / sizeof(a[0]))

enum { VIA_XDP = 1, VIA_TC = 2, VIA_BOTH = 3 };

static struct lab lab;
static struct dp dp;
static struct dp_wrap wrap;
static struct dp_ring ring[SV_SESSION_BITS];
static bool ring_there[SV_SESSION_BITS];
static int bad;

static void complain(const char *desc, int via, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error("%s [%s]: ", desc, via == VIA_XDP ? "XDP" : "TC");
	vprint_error(fmt, ap);
	print_error("\n");
	va_end(ap);
	bad++;
}

/* ---- sessions in ---- */

/* What is special about a session's ring or budget. */
enum odd {
	ODD_NONE = 0,
	ODD_NO_RING, /* it is not there */
	ODD_FULL, /* nobody has read it */
	ODD_SPENT, /* the budget is used up for an hour */
	ODD_WRONG_KIND, /* where a ring should be there is a device */
};

enum { FILTER_NONE = 0, FILTER_MISSING = 1, FILTER = 2 /* with row.matched */ };

struct row {
	const char *desc;
	int via;
	uint8_t bits, sessions;
	int filter;
	uint32_t matched;
	uint16_t flags; /* of the attachment, beside those of the hook */
	uint8_t live; /* the role that the gate names */
	struct {
		struct sv_session s;
		enum odd odd;
	} in[SV_SESSION_BITS];
	bool no_fan; /* none for a set of sessions, only for none */
	bool busy; /* the CPU is, and selection has used up its share */
	struct pkt pkt;
	uint8_t fate[SV_SESSION_BITS]; /* 0: it does not match */
	uint8_t verdict; /* of the records */
	uint8_t reason; /* why production did not get it; 0: it did */
};

#define DEVICE .kind = SV_SESSION_DEVICE, .up = 1, .max_len = 1514
#define RING .kind = SV_SESSION_RING, .up = 1
#define IN(...)                                                                                    \
	{                                                                                          \
		.s = { __VA_ARGS__ }                                                               \
	}
#define ODD_IN(o, ...)                                                                             \
	{                                                                                          \
		.s = { __VA_ARGS__ }, .odd = ODD_##o                                               \
	}
#define NEVER .keep = 1 /* one in 2^32 */
#define BUDGET .per_frame = HOUR_NS << 16

#define COPIED SV_SCOUNT_COPIED
#define S(x) SV_SCOUNT_SHED_##x

static const struct row rows[] = {
	{ "all match without a filter", VIA_BOTH, 1, 2, .in = { IN(DEVICE), IN(RING) },
	  .fate = { COPIED, COPIED } },
	{ "a ring alone", VIA_BOTH, 0, 1, .in = { IN(RING) }, .fate = { COPIED } },
	{ "four rings", VIA_BOTH, 0, 4, .in = { IN(RING), IN(RING), IN(RING), IN(RING) },
	  .fate = { COPIED, COPIED, COPIED, COPIED } },
	{ "a filter that picks the second of three", VIA_BOTH, 2, 3, FILTER, 0x2,
	  .in = { IN(DEVICE), IN(DEVICE), IN(RING) }, .fate = { 0, COPIED } },
	{ "a filter that picks the ring", VIA_BOTH, 2, 3, FILTER, 0x4,
	  .in = { IN(DEVICE), IN(DEVICE), IN(RING) }, .fate = { 0, 0, COPIED } },
	{ "a filter that picks nothing", VIA_BOTH, 2, 3, FILTER, 0,
	  .in = { IN(DEVICE), IN(DEVICE), IN(RING) } },
	{ "a filter that picks more than there are", VIA_BOTH, 1, 2, FILTER, 0xffffffff,
	  .in = { IN(DEVICE), IN(RING), IN(DEVICE), IN(RING) }, .fate = { COPIED, COPIED } },
	{ "the filter is missing: nothing matches, production goes on", VIA_BOTH, 2, 3,
	  FILTER_MISSING, .in = { IN(DEVICE), IN(DEVICE), IN(RING) } },
	{ "in the sample", VIA_BOTH, 1, 2,
	  .in = { IN(DEVICE, .keep = UINT32_MAX), IN(RING, .keep = UINT32_MAX) },
	  .fate = { COPIED, COPIED } },
	{ "not in the sample", VIA_BOTH, 1, 2, .in = { IN(DEVICE, NEVER), IN(RING, NEVER) },
	  .fate = { S(SAMPLE), S(SAMPLE) } },
	{ "the sample before a device that is down, and before the budget", VIA_BOTH, 2, 3,
	  .in = { IN(.kind = SV_SESSION_DEVICE, NEVER), ODD_IN(SPENT, DEVICE, NEVER, BUDGET),
		  ODD_IN(SPENT, RING, NEVER, BUDGET) },
	  .fate = { S(SAMPLE), S(SAMPLE), S(SAMPLE) } },
	{ "the device before the budget", VIA_BOTH, 2, 2,
	  .in = { ODD_IN(SPENT, .kind = SV_SESSION_DEVICE, BUDGET),
		  ODD_IN(SPENT, .kind = SV_SESSION_DEVICE, .up = 1, .max_len = 40, BUDGET) },
	  .fate = { S(DOWN), S(LONG) } },
	{ "within the budget", VIA_BOTH, 1, 2, .in = { IN(DEVICE, BUDGET), IN(RING, BUDGET) },
	  .fate = { COPIED, COPIED } },
	{ "over the budget", VIA_BOTH, 1, 2,
	  .in = { ODD_IN(SPENT, DEVICE, BUDGET), ODD_IN(SPENT, RING, BUDGET) },
	  .fate = { S(BUDGET), S(BUDGET) } },
	{ "the budget in bytes", VIA_BOTH, 1, 2,
	  .in = { ODD_IN(SPENT, DEVICE, .per_byte = HOUR_NS << 16),
		  ODD_IN(SPENT, RING, .per_byte = 1) },
	  .fate = { S(BUDGET), S(BUDGET) } },
	{ "no budget at all looks at none", VIA_BOTH, 1, 2,
	  .in = { ODD_IN(SPENT, DEVICE), ODD_IN(SPENT, RING) }, .fate = { COPIED, COPIED } },
	{ "a ring that is not there", VIA_BOTH, 0, 2, .in = { ODD_IN(NO_RING, RING), IN(RING) },
	  .fate = { S(NO_RING), COPIED } },
	{ "a ring that is full", VIA_BOTH, 0, 2, .in = { ODD_IN(FULL, RING), IN(RING) },
	  .fate = { S(RING), COPIED } },
	{ "a ring in trouble, and a device", VIA_BOTH, 1, 2,
	  .in = { IN(DEVICE), ODD_IN(NO_RING, RING) }, .fate = { COPIED, S(NO_RING) } },
	{ "the budget before the ring", VIA_BOTH, 0, 2,
	  .in = { ODD_IN(SPENT, RING, BUDGET), ODD_IN(NO_RING, RING, BUDGET) },
	  .fate = { S(BUDGET), S(NO_RING) } },
	{ "a ring that is switched off", VIA_BOTH, 0, 1, .in = { IN(.kind = SV_SESSION_RING) },
	  .fate = { S(DOWN) } },
	{ "a device among the rings", VIA_BOTH, 0, 1, .in = { IN(DEVICE) },
	  .fate = { S(NO_RING) } },
	{ "a tap beyond the last", VIA_BOTH, 0, 1, .in = { ODD_IN(WRONG_KIND, RING) },
	  .fate = { S(NO_RING) } },
	{ "everything at once", VIA_BOTH, 2, 4, FILTER, 0xf,
	  .in = { IN(DEVICE, .keep = UINT32_MAX), ODD_IN(SPENT, DEVICE, BUDGET),
		  IN(RING, .snap = 20, .keep = UINT32_MAX), ODD_IN(FULL, RING) },
	  .fate = { COPIED, S(BUDGET), COPIED, S(RING) } },
	{ "no fan-out for the set: the ring has it", VIA_BOTH, 1, 2, .in = { IN(DEVICE), IN(RING) },
	  .no_fan = true, .fate = { S(NO_FANOUT), COPIED } },
	{ "a bit without a session", VIA_BOTH, 0, 2, .in = { {}, IN(RING) },
	  .fate = { 0, COPIED } },
	{ "as long as the device takes", VIA_BOTH, 1, 1, .pkt = { .body = BODY_LONG },
	  .in = { IN(.kind = SV_SESSION_DEVICE, .up = 1, .max_len = 1414) }, .fate = { COPIED } },
	{ "longer than the device takes, but for the snap: TC trims before", VIA_TC, 1, 1,
	  .pkt = { .body = BODY_LONG },
	  .in = { IN(.kind = SV_SESSION_DEVICE, .up = 1, .max_len = 200, .snap = 200) },
	  .fate = { COPIED } },
	{ "longer than the device takes, but for the snap: XDP trims behind the kernel's check",
	  VIA_XDP, 1, 1, .pkt = { .body = BODY_LONG },
	  .in = { IN(.kind = SV_SESSION_DEVICE, .up = 1, .max_len = 200, .snap = 200) },
	  .fate = { S(LONG) } },
	{ "longer than the device takes with the snap", VIA_BOTH, 1, 1,
	  .pkt = { .body = BODY_LONG },
	  .in = { IN(.kind = SV_SESSION_DEVICE, .up = 1, .max_len = 199, .snap = 200) },
	  .fate = { S(LONG) } },

	{ "a busy CPU: nobody is asked, production goes on", VIA_BOTH, 1, 2,
	  .in = { IN(DEVICE, BUDGET), ODD_IN(FULL, RING) }, .busy = true,
	  .fate = { SV_SCOUNT_UNOFFERED, SV_SCOUNT_UNOFFERED } },
	{ "a busy CPU: the filter does not run", VIA_BOTH, 0, 4, FILTER, 0xf,
	  .in = { IN(RING), IN(RING), IN(RING), IN(RING) }, .busy = true,
	  .fate = { SV_SCOUNT_UNOFFERED, SV_SCOUNT_UNOFFERED, SV_SCOUNT_UNOFFERED,
		    SV_SCOUNT_UNOFFERED } },
	{ "a busy CPU: a shadow stays silent", VIA_BOTH, 1, 2, .flags = SV_ATTACH_GATED,
	  .live = ROLE + 1, .in = { IN(DEVICE), IN(RING) }, .busy = true,
	  .fate = { SV_SCOUNT_UNOFFERED, SV_SCOUNT_UNOFFERED }, .reason = SV_REASON_GATE_SHADOW },

	/* ---- the gate's verdict ---- */
	{ "the gate is open", VIA_BOTH, 1, 2, .flags = SV_ATTACH_GATED, .live = ROLE,
	  .in = { IN(DEVICE), IN(RING) }, .fate = { COPIED, COPIED }, .verdict = SV_TAP_OPEN },
	{ "a shadow", VIA_BOTH, 1, 2, .flags = SV_ATTACH_GATED, .live = ROLE + 1,
	  .in = { IN(DEVICE), IN(RING) }, .fate = { COPIED, COPIED }, .verdict = SV_TAP_SHADOW,
	  .reason = SV_REASON_GATE_SHADOW },
	{ "a shadow with a ring alone, and a filter", VIA_BOTH, 0, 1, FILTER, 1,
	  .flags = SV_ATTACH_GATED, .live = ROLE + 1, .in = { IN(RING) }, .fate = { COPIED },
	  .verdict = SV_TAP_SHADOW, .reason = SV_REASON_GATE_SHADOW },
	{ "the gate holds", VIA_BOTH, 0, 1, .flags = SV_ATTACH_GATED, .in = { IN(RING) },
	  .fate = { COPIED }, .verdict = SV_TAP_HELD, .reason = SV_REASON_GATE_HOLD },
	{ "a shadow whose filter is missing stays silent", VIA_BOTH, 1, 2, FILTER_MISSING,
	  .flags = SV_ATTACH_GATED, .live = ROLE + 1, .in = { IN(DEVICE), IN(RING) },
	  .reason = SV_REASON_GATE_SHADOW },
};

static uint32_t fan_dest(struct sv_dests *d, uint32_t port, uint8_t kind, uint8_t bit,
			 uint16_t snap)
{
	d->dest[d->n] = (struct sv_dest){ .ifindex = lab.p[port],
					  .kind = kind,
					  .bit = bit,
					  .flags = snap ? SV_DEST_GUARDED : 0 };
	return d->n++;
}

/* What the fan-outs of a row depend on. */
struct fans {
	uint8_t bits;
	bool gated, no_fan;
	uint16_t snap[SV_SESSION_BITS];
};

static struct fans fans_now = { .bits = 0xff };

/* A change of the outer map waits for all CPUs: only when there is one. */
static bool fans_change(const struct row *r)
{
	struct fans f;

	memset(&f, 0, sizeof(f));
	f.bits = r->bits;
	f.gated = r->flags & SV_ATTACH_GATED;
	f.no_fan = r->no_fan;
	for (int bit = 0; bit < r->bits; bit++)
		f.snap[bit] = r->in[bit].s.snap;
	if (!memcmp(&f, &fans_now, sizeof(f)))
		return false;
	fans_now = f;
	return true;
}

/* For every set of sessions: production at p1, targets at p2 …; variant 0 of a gated one has no
 * production. */
static void set_fans(const struct row *r)
{
	bool gated = r->flags & SV_ATTACH_GATED;

	if (!fans_change(r))
		return;
	for (uint32_t n = FAN; n < FAN + 16; n++)
		dp_fanout(&dp, n, &(struct sv_dests){});
	for (uint32_t variant = 0; variant <= gated; variant++) {
		for (uint32_t mask = 0; mask < 1u << r->bits; mask++) {
			struct sv_dests d = {};

			if (r->no_fan && mask)
				continue;
			if (!gated || variant)
				fan_dest(&d, 1, SV_DEST_PRIMARY, 0, 0);
			for (int bit = 0; bit < r->bits; bit++)
				if (mask >> bit & 1)
					fan_dest(&d, 2 + bit, SV_DEST_SESSION, bit,
						 r->in[bit].s.snap);
			dp_fanout(&dp, FAN + (variant << r->bits) + mask, &d);
		}
	}
}

static void set_exits(const struct row *r)
{
	struct sv_port exits = {};
	uint32_t id = ID;

	for (int bit = 0; bit < r->bits; bit++)
		if (r->in[bit].s.snap)
			exits.exit[bit] = (struct sv_exit){ .ifindex = lab.p[2 + bit],
							    .arg = r->in[bit].s.snap,
							    .flags = SV_EXIT_SNAP };
	dp_set(DP_MAP(&dp, sv_port), &id, &exits);
}

static uint64_t boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* What budgets go by. */
static uint64_t coarse_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void set_session(const struct row *r, int bit)
{
	struct sv_session s = r->in[bit].s;
	struct sv_budget budget = {};
	uint32_t number = bit + 1;
	enum odd odd = r->in[bit].odd;

	s.ifindex = lab.p[2 + bit];
	s.tap = odd == ODD_WRONG_KIND ? SV_TAP_MAX : TAP + bit;
	if (odd == ODD_SPENT)
		budget.until_ns = coarse_ns() + HOUR_NS;
	dp_set(DP_MAP(&dp, sv_session), &number, &s);
	dp_set(DP_MAP(&dp, sv_budget), &number, &budget);
	dp_zero(DP_MAP(&dp, sv_scount), &number, sizeof(struct sv_scount));
	if (!ring_there[bit])
		dp_ring_put(&dp, &ring[bit]);
	ring_there[bit] = odd != ODD_NO_RING;
	dp_ring_reset(&dp, &ring[bit], 77, odd == ODD_FULL ? SV_TAP_SLOTS : 0);
	if (odd == ODD_NO_RING)
		dp_ring_take(&dp, &ring[bit]);
}

/* One program for each set of sessions is enough. */
static void set_filter(const struct row *r)
{
	static bool there;
	static uint32_t matched;

	if (r->filter != FILTER) {
		dp_filter_none(&dp, SLOT);
		there = false;
	} else if (!there || matched != r->matched) {
		dp_filter(&dp, SLOT, r->matched);
		there = true;
		matched = r->matched;
	}
}

static void set_up(const struct row *r, enum sv_port_role role, uint16_t vlan)
{
	struct sv_attach_key key = { .ifindex = lab.p[0], .vlan = vlan };
	struct sv_attach a = { .id = ID,
			       .fanout = FAN,
			       .flags = r->flags | SV_ATTACH_XDP,
			       .group = GROUP,
			       .role = ROLE,
			       .port_role = role,
			       .variants = r->flags & SV_ATTACH_GATED ? 2 : 1,
			       .bits = r->bits,
			       .sessions = r->sessions,
			       .filter = SLOT };
	uint32_t id = ID;

	for (int bit = 0; bit < SV_SESSION_BITS; bit++) {
		bool none = !r->in[bit].s.kind && !r->in[bit].s.up;

		set_session(r, bit);
		a.session[bit] = none && !r->fate[bit] ? 0 : bit + 1;
		if (r->in[bit].s.snap && bit < r->bits)
			a.flags |= SV_ATTACH_META;
	}
	set_fans(r);
	set_exits(r);
	set_filter(r);
	if (r->filter)
		a.flags |= SV_ATTACH_FILTER;
	dp_gate(&dp, 2 * GROUP, sv_gate_word(0, r->live, r->live));
	dp_zero(DP_MAP(&dp, sv_count), &id, sizeof(struct sv_count));
	dp_clear_hash(DP_MAP(&dp, sv_attach));
	dp_set(DP_MAP(&dp, sv_attach), &key, &a);
	dp_events(&dp);
	lab_drain(&lab);
}

/* For an hour, without any credit, or not at all. */
static void set_busy(bool busy)
{
	int cpus = libbpf_num_possible_cpus();
	struct sv_cpu *cpu = calloc(cpus, sizeof(*cpu));
	uint32_t zero = 0, share = 0;

	for (int i = 0; i < cpus && busy; i++)
		cpu[i].until_ns = coarse_ns() + HOUR_NS;
	dp_set(DP_TABLE(&dp, sv_cpu), &zero, cpu);
	dp_set(DP_TABLE(&dp, sv_share), &zero, &share);
	free(cpu);
}

static struct bpf_program *program(enum sv_port_role role, int via)
{
	if (via == VIA_XDP)
		return role == SV_ROLE_TRUNK  ? dp.xdp->progs.sv_xdp_trunk
		       : role == SV_ROLE_EDGE ? dp.xdp->progs.sv_xdp_edge
					      : dp.xdp->progs.sv_xdp_vnode;
	return role == SV_ROLE_TRUNK  ? dp.tc->progs.sv_tc_trunk
	       : role == SV_ROLE_EDGE ? dp.tc->progs.sv_tc_edge
				      : dp.tc->progs.sv_tc_vnode;
}

/* Runs one frame (with its tag beside it at TC); returns the verdict. */
static int run_bytes(const uint8_t *frame, uint32_t len, enum sv_port_role role, int via,
		     int repeat)
{
	static uint8_t bytes[LAB_FRAME];
	struct __sk_buff skb = { .ifindex = lab.p[0] };
	struct xdp_md xdp = { .data_end = len, .ingress_ifindex = lab.p[0] };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = len,
		    .repeat = repeat);
	int prog = bpf_program__fd(program(role, via));

	memcpy(bytes, frame, len);
	if (via == VIA_XDP) {
		opts.ctx_in = &xdp;
		opts.ctx_size_in = sizeof(xdp);
	} else {
		opts.ctx_in = &skb;
		opts.ctx_size_in = sizeof(skb);
		if ((bytes[12] == 0x81 && !bytes[13]) || (bytes[12] == 0x88 && bytes[13] == 0xa8))
			prog = dp_wrap_tag(&wrap, bytes, &opts.data_size_in, prog);
	}
	lab_must(!bpf_prog_test_run_opts(prog, &opts), "test run");
	return opts.retval;
}

static int run(const struct pkt *pkt, enum sv_port_role role, int via, int repeat)
{
	uint8_t bytes[LAB_FRAME];

	return run_bytes(bytes, frame_build(bytes, pkt), role, via, repeat);
}

/* ---- what came of it ---- */

static void check_counter(const char *desc, int via, const char *what, int i,
			  const struct sv_counter *c, uint64_t want, uint32_t len)
{
	if (c->packets != want || c->bytes != want * len)
		complain(desc, via, "%s[%d]: %llu packets, %llu bytes; wanted %llu of %u", what, i,
			 (unsigned long long)c->packets, (unsigned long long)c->bytes,
			 (unsigned long long)want, len);
}

static void check_attach(const struct row *r, int via, uint32_t len)
{
	struct sv_count c = dp_count(&dp, ID);

	for (int i = 0; i < SV_REASON__COUNT; i++) {
		int want = i == SV_REASON_RECEIVED ||
			   i == (r->reason ? r->reason : SV_REASON_FORWARDED) ||
			   (i == SV_REASON_NO_FILTER && r->filter == FILTER_MISSING);

		check_counter(r->desc, via, "attachment", i, &c.r[i], want, len);
	}
}

/* Matched once, with its fate; whoever does not match has no counter at all. */
static void check_session(const struct row *r, int via, int bit, uint32_t len)
{
	struct sv_scount c = dp_scount(&dp, bit + 1);
	char what[16];

	snprintf(what, sizeof(what), "session %d", bit + 1);
	for (int i = 0; i < SV_SCOUNT__COUNT; i++)
		check_counter(r->desc, via, what, i, &c.r[i],
			      r->fate[bit] &&
				      (i == r->fate[bit] || (i == SV_SCOUNT_MATCHED && !r->busy)),
			      len);
}

/* A record where the ring says so, and only then. */
static void check_ring(const struct row *r, int via, int bit)
{
	struct sv_tap_ctl ctl = dp_ring_ctl(&dp, &ring[bit]);
	bool written = bit >= r->bits && r->fate[bit] == COPIED;
	const struct sv_tap_rec *rec = dp_ring_at(&ring[bit], 77);

	if (ctl.head != 77u + written || ctl.records != written ||
	    ctl.lost != (r->fate[bit] == S(RING)))
		complain(r->desc, via, "ring %d: head %llu records %llu lost %llu", bit,
			 (unsigned long long)ctl.head, (unsigned long long)ctl.records,
			 (unsigned long long)ctl.lost);
	if (written && (rec->session != bit + 1 || rec->attach != ID || rec->slots != 1 ||
			rec->packets != 1 || rec->verdict != r->verdict))
		complain(r->desc, via, "ring %d: a record of session %u, attachment %u, verdict %u",
			 bit, rec->session, rec->attach, rec->verdict);
}

/* Costs are charged to who gets a copy, and to nobody else. */
static void check_budget(const struct row *r, int via, int bit, uint64_t before)
{
	struct sv_budget b;
	uint32_t number = bit + 1;
	uint64_t now = coarse_ns();
	/* A ring is asked only once the budget has said yes. */
	bool charged =
		r->in[bit].s.per_frame && (r->fate[bit] == COPIED || r->fate[bit] == S(NO_RING));

	bpf_map_lookup_elem(DP_MAP(&dp, sv_budget), &number, &b);
	if (charged && (b.until_ns < before + HOUR_NS || b.until_ns > now + HOUR_NS))
		complain(r->desc, via, "session %d: its costs stand wrong", number);
	if (!charged && b.until_ns && b.until_ns > now + HOUR_NS)
		complain(r->desc, via, "session %d: was charged", number);
	if (!charged && r->in[bit].odd != ODD_SPENT && b.until_ns)
		complain(r->desc, via, "session %d: was charged for nothing", number);
}

static unsigned int spent(const struct row *r)
{
	unsigned int n = 0;

	for (int bit = 0; bit < SV_SESSION_BITS; bit++)
		n += r->fate[bit] == S(BUDGET);
	return n;
}

static void run_row(const struct row *r, int via)
{
	int want = via == VIA_XDP ? XDP_REDIRECT : TC_ACT_REDIRECT, got;
	uint8_t bytes[LAB_FRAME];
	uint32_t len = frame_build(bytes, &r->pkt), devices = 0;
	uint64_t before = coarse_ns();
	unsigned int events;

	set_up(r, SV_ROLE_VNODE, 0);
	set_busy(r->busy);
	for (int bit = 0; bit < r->bits; bit++)
		devices += r->fate[bit] == COPIED;
	if (r->reason && !devices)
		want = via == VIA_XDP ? XDP_DROP : TC_ACT_SHOT;
	got = run(&r->pkt, SV_ROLE_VNODE, via, 1);
	if (got != want)
		complain(r->desc, via, "verdict %d, wanted %d", got, want);
	check_attach(r, via, len);
	for (int bit = 0; bit < SV_SESSION_BITS; bit++) {
		check_session(r, via, bit, len);
		check_ring(r, via, bit);
		check_budget(r, via, bit, before);
	}
	events = dp_events(&dp) - (r->live == ROLE && r->flags & SV_ATTACH_GATED && via == VIA_XDP);
	if (events != spent(r))
		complain(r->desc, via, "%u events, wanted %u", events, spent(r));
}

static void test_sessions(void **state)
{
	(void)state;
	bad = 0;
	for (size_t i = 0; i < N(rows); i++) {
		for (int via = VIA_XDP; via <= VIA_TC; via++)
			if (rows[i].via & via)
				run_row(&rows[i], via);
	}
	set_busy(false);
	print_message("# %zu rows\n", N(rows));
	assert_int_equal(bad, 0);
}

/* A counter that no row wants is a counter that could be taken out unseen; the rest is
 * test_path's. */
static void test_every_counter_is_wanted(void **state)
{
	unsigned int fates = 0, missing = 0;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		missing += rows[i].filter == FILTER_MISSING;
		for (int bit = 0; bit < SV_SESSION_BITS; bit++)
			fates |= 1 << rows[i].fate[bit];
	}
	assert_true(missing);
	for (int i = SV_SCOUNT_SHED_SAMPLE; i < SV_SCOUNT__COUNT; i++)
		assert_true(fates >> i & 1);
}

/* ---- the view ---- */

static const struct view_case {
	const char *desc;
	enum sv_port_role role;
	uint16_t vlan;
	struct pkt pkt, view; /* the view is this frame */
	int via;
} views[] = {
	{ "untagged", SV_ROLE_EDGE, 0, {}, {}, VIA_BOTH },
	{ "14 bytes", SV_ROLE_EDGE, 0, { .body = BODY_MIN }, { .body = BODY_MIN }, VIA_BOTH },
	{ "the VNet's tag", SV_ROLE_TRUNK, 5, { .tpid = 0x8100, .tci = 0xa005 }, {}, VIA_BOTH },
	{ "the VNet's tag and no more",
	  SV_ROLE_TRUNK,
	  5,
	  { .body = BODY_MIN, .tpid = 0x8100, .tci = 5 },
	  { .body = BODY_MIN },
	  VIA_XDP },
	{ "a tag behind the VNet's",
	  SV_ROLE_TRUNK,
	  5,
	  { .body = BODY_QINQ, .tpid = 0x8100, .tci = 5 },
	  { .body = BODY_QINQ },
	  VIA_BOTH },
	{ "a priority tag",
	  SV_ROLE_EDGE,
	  0,
	  { .tpid = 0x8100, .tci = 0xa000 },
	  { .tpid = 0x8100, .tci = 0xa000 },
	  VIA_BOTH },
	{ "802.1ad",
	  SV_ROLE_EDGE,
	  0,
	  { .tpid = 0x88a8, .tci = 0x2005 },
	  { .tpid = 0x88a8, .tci = 0x2005 },
	  VIA_BOTH },
	{ "a VNode's own tag",
	  SV_ROLE_VNODE,
	  0,
	  { .tpid = 0x8100, .tci = 0x0005 },
	  { .tpid = 0x8100, .tci = 0x0005 },
	  VIA_BOTH },
	{ "two tags of a VNode's",
	  SV_ROLE_VNODE,
	  0,
	  { .body = BODY_QINQ, .tpid = 0x88a8, .tci = 0xf005 },
	  { .body = BODY_QINQ, .tpid = 0x88a8, .tci = 0xf005 },
	  VIA_BOTH },
	{ "long, with the VNet's tag",
	  SV_ROLE_TRUNK,
	  5,
	  { .body = BODY_LONG, .tpid = 0x8100, .tci = 5 },
	  { .body = BODY_LONG },
	  VIA_BOTH },
	{ "long, with a VNode's tag",
	  SV_ROLE_VNODE,
	  0,
	  { .body = BODY_LONG, .tpid = 0x8100, .tci = 5 },
	  { .body = BODY_LONG, .tpid = 0x8100, .tci = 5 },
	  VIA_BOTH },
	{ "9000 bytes", SV_ROLE_VNODE, 0, { .body = BODY_JUMBO }, { .body = BODY_JUMBO }, VIA_XDP },
};

static void check_record(const struct view_case *c, int via, uint64_t slot, uint16_t snap,
			 uint64_t before)
{
	static uint8_t want[LAB_FRAME];
	const struct sv_tap_rec *rec = dp_ring_at(&ring[0], slot);
	struct sv_tap_ctl ctl = dp_ring_ctl(&dp, &ring[0]);
	uint32_t len = frame_build(want, &c->view), cap = snap && snap < len ? snap : len;

	if (rec->len != len || rec->cap != cap || rec->slots != (32 + cap + 255) / 256) {
		complain(c->desc, via, "snap %u: %u of %u bytes in %u slots; wanted %u of %u", snap,
			 rec->cap, rec->len, rec->slots, cap, len);
		return;
	}
	if (memcmp(rec + 1, want, cap))
		complain(c->desc, via, "snap %u: the bytes are not those of the view", snap);
	if (rec->at_ns < before || rec->at_ns > boot_ns())
		complain(c->desc, via, "the time is wrong");
	if (ctl.head != slot + rec->slots || ctl.records != 1)
		complain(c->desc, via, "snap %u: head %llu", snap, (unsigned long long)ctl.head);
}

/* sv_view as the last filter saw it: on this CPU, where the test runs. */
static void check_view(const struct view_case *c, int via, int cpu)
{
	static uint8_t frame[LAB_FRAME];
	struct sv_scratch all[SV_TAP_CPUS];
	const struct sv_view *v = &all[cpu].view;
	uint32_t zero = 0, in = frame_build(frame, &c->pkt), out = frame_build(frame, &c->view);
	uint32_t tag = (uint32_t)c->pkt.tpid << 16 | c->pkt.tci;

	assert_true(libbpf_num_possible_cpus() <= SV_TAP_CPUS);
	bpf_map_lookup_elem(DP_TABLE(&dp, sv_scratch), &zero, all);
	if (v->len != out || v->cut != (via == VIA_XDP ? in - out : 0) ||
	    v->put != (via == VIA_TC && in == out && c->pkt.tpid ? tag : 0))
		complain(c->desc, via, "view: len %u cut %u put %x", v->len, v->cut, v->put);
}

static int this_cpu(void)
{
	return ring[0].number % SV_TAP_CPUS;
}

static void test_views(void **state)
{
	static const uint16_t snaps[] = { 0, 1, 10, 14, 16, 17, 64, 128, 223, 224, 225, 480, 1000 };
	/* The last: a record that begins in the last slot goes on in the first. */
	static const uint64_t heads[] = {
		0, 77, SV_TAP_SLOTS - 1, SV_TAP_SLOTS, 3 * SV_TAP_SLOTS - 1, UINT32_MAX
	};

	(void)state;
	bad = 0;
	for (size_t i = 0; i < N(views) * N(snaps) * N(heads) * 2; i++) {
		const struct view_case *c = &views[i / 2 % N(views)];
		uint16_t snap = snaps[i / 2 / N(views) % N(snaps)];
		uint64_t head = heads[i / 2 / N(views) / N(snaps)], before = boot_ns();
		struct row r = { .sessions = 1,
				 .filter = FILTER,
				 .matched = 1,
				 .in = { IN(RING, .snap = snap) } };
		int via = VIA_XDP + i % 2;

		if (!(c->via & via))
			continue;
		set_up(&r, c->role, c->vlan);
		memset(ring[0].slots + head % SV_TAP_SLOTS * SV_TAP_SLOT, 0xee, 32);
		dp_ring_reset(&dp, &ring[0], head, 0);
		run(&c->pkt, c->role, via, 1);
		check_record(c, via, head, snap, before);
		check_view(c, via, this_cpu());
	}
	assert_int_equal(bad, 0);
}

/* A ring fills, and what is behind its head stays as it was; read, it takes records again. */
static void test_ring_fills(void **state)
{
	struct row r = { .sessions = 1, .in = { IN(RING) }, .pkt = { .body = BODY_LONG } };
	uint64_t slots = (32 + 1414 + 255) / 256, room = SV_TAP_SLOTS / slots;
	struct sv_tap_ctl ctl;
	struct sv_scount c;

	(void)state;
	for (int via = VIA_XDP; via <= VIA_TC; via++) {
		set_up(&r, SV_ROLE_VNODE, 0);
		run(&r.pkt, SV_ROLE_VNODE, via, room + 100);
		ctl = dp_ring_ctl(&dp, &ring[0]);
		c = dp_scount(&dp, 1);
		assert_int_equal(ctl.records, room);
		assert_int_equal(ctl.lost, 100);
		assert_int_equal(ctl.head, 77 + room * slots);
		assert_int_equal(c.r[SV_SCOUNT_MATCHED].packets, room + 100);
		assert_int_equal(c.r[COPIED].packets, room);
		assert_int_equal(c.r[S(RING)].packets, 100);
		assert_int_equal(dp_ring_at(&ring[0], 77)->cap, 1414);
		ctl.tail += slots;
		dp_set(DP_TABLE(&dp, sv_tap_ctl), &ring[0].number, &ctl);
		run(&r.pkt, SV_ROLE_VNODE, via, 2);
		ctl = dp_ring_ctl(&dp, &ring[0]);
		assert_int_equal(ctl.records, room + 1);
		assert_int_equal(ctl.lost, 101);
	}
}

/* ---- sampling ---- */

static void test_sample_of_packets(void **state)
{
	enum { RUNS = 100000 };
	struct row r = { .sessions = 2,
			 .in = { IN(RING, .keep = 1u << 30), IN(RING, .keep = 1u << 24) } };
	struct sv_scount quarter, little;

	(void)state;
	for (int via = VIA_XDP; via <= VIA_TC; via++) {
		set_up(&r, SV_ROLE_VNODE, 0);
		/* Nobody reads: whether it is recorded or shed, it was in the sample. */
		run(&r.pkt, SV_ROLE_VNODE, via, RUNS);
		quarter = dp_scount(&dp, 1);
		little = dp_scount(&dp, 2);
		assert_int_equal(quarter.r[SV_SCOUNT_MATCHED].packets, RUNS);
		assert_in_range(RUNS - quarter.r[S(SAMPLE)].packets, RUNS / 4 - 1000,
				RUNS / 4 + 1000);
		assert_in_range(RUNS - little.r[S(SAMPLE)].packets, RUNS / 256 - 120,
				RUNS / 256 + 120);
	}
}

/* Flow `n` of UDP over IPv4 or IPv6, one direction or the other, tagged or not. */
static uint32_t flow_frame(uint8_t *bytes, int n, int v6, int back, uint16_t tpid, uint16_t tci)
{
	struct writer w = { bytes };
	uint8_t here[16] = { 10, 0, n >> 2, 5 }, there[16] = { 10, 9, 0, n & 3 };

	put(&w, back ? mac_aa : mac_bb, 6);
	put(&w, back ? mac_bb : mac_aa, 6);
	if (tpid) {
		put16(&w, tpid);
		put16(&w, tci);
	}
	put16(&w, v6 ? 0x86dd : 0x0800);
	if (v6) {
		put16(&w, 0x6000);
		put16(&w, 0);
		put16(&w, 20);
		put8(&w, 17);
	} else {
		put16(&w, 0x4500);
		put16(&w, 40);
		put16(&w, n * 13);
		put16(&w, 0);
		put8(&w, 60 + back);
		put8(&w, 17);
		put16(&w, n);
	}
	if (v6)
		put8(&w, 60 + back);
	put(&w, back ? there : here, v6 ? 16 : 4);
	put(&w, back ? here : there, v6 ? 16 : 4);
	put16(&w, back ? 53 : 1000 + n);
	put16(&w, back ? 1000 + n : 53);
	put_fill(&w, 30);
	return w.at - bytes;
}

static uint32_t flow_number(const uint8_t *view, uint32_t len)
{
	struct sv_flow_head head = {};
	uint32_t n = len < SV_FLOW_HEAD ? len : SV_FLOW_HEAD;

	memcpy(&head, view, n);
	return sv_flow_hash(&head, n);
}

/* The same flows are in the sample at both hooks, both ways, and whatever tag is around them. */
static void test_sample_of_flows(void **state)
{
	static const struct {
		enum sv_port_role role;
		uint16_t vlan, tpid, tci;
	} where[] = { { SV_ROLE_VNODE, 0, 0, 0 },
		      { SV_ROLE_TRUNK, 5, 0x8100, 5 },
		      { SV_ROLE_VNODE, 0, 0x8100, 9 },
		      { SV_ROLE_EDGE, 0, 0x8100, 0xe000 },
		      { SV_ROLE_EDGE, 0, 0x88a8, 0x0009 } };
	struct row r = { .sessions = 1,
			 .in = { IN(RING, .keep = 1u << 31, .flags = SV_SESSION_FLOWS) } };
	uint8_t bytes[256], plain[256];
	int kept = 0, all = 0;

	(void)state;
	for (size_t i = 0; i < N(where) * 2 * 2 * 2 * 32; i++) {
		int via = VIA_XDP + (i & 1), v6 = i >> 1 & 1, back = i >> 2 & 1, n = i >> 3 & 31;
		size_t at = i >> 8;
		uint32_t len = flow_frame(bytes, n, v6, back, where[at].tpid, where[at].tci);
		uint32_t bare = flow_frame(plain, n, v6, 0, 0, 0);
		int want = flow_number(plain, bare) < 1u << 31;
		struct sv_scount c;

		set_up(&r, where[at].role, where[at].vlan);
		run_bytes(bytes, len, where[at].role, via, 1);
		c = dp_scount(&dp, 1);
		if ((int)c.r[COPIED].packets != want || (int)c.r[S(SAMPLE)].packets != !want)
			fail_msg("flow %d, IPv%d, back %d, where %zu, via %d: wanted %d", n,
				 v6 ? 6 : 4, back, at, via, want);
		kept += want;
		all++;
	}
	assert_in_range(kept, all / 4, all * 3 / 4);
}

/* ---- budgets ---- */

static void test_budget_runs_out(void **state)
{
	enum { RUNS = 1000 };
	struct row r = { .bits = 1,
			 .sessions = 2,
			 .in = { IN(DEVICE, .per_frame = HOUR_NS / 10 << 16, .burst_ns = 0),
				 IN(RING, .per_frame = 1ULL << 34, .per_byte = 1ULL << 34,
				    .burst_ns = 61 * 10 * (1u << 18), .snap = 60) },
			 .pkt = { .body = BODY_LONG } };

	(void)state;
	for (int via = VIA_XDP; via <= VIA_TC; via++) {
		struct sv_scount one, ten;
		struct sv_budget b;
		uint32_t number = 1;

		set_up(&r, SV_ROLE_VNODE, 0);
		run(&r.pkt, SV_ROLE_VNODE, via, RUNS);
		one = dp_scount(&dp, 1);
		ten = dp_scount(&dp, 2);
		assert_int_equal(one.r[COPIED].packets, 1);
		assert_int_equal(one.r[S(BUDGET)].packets, RUNS - 1);
		/* A copy costs a frame and 60 bytes: ten of them, and one that began within. */
		assert_in_range(ten.r[COPIED].packets, 11, 12);
		/* Told once a second, each. */
		assert_int_equal(dp_events(&dp), 2);
		assert_int_equal(dp.event.type, SV_EVENT_BUDGET);
		assert_in_range(dp.event.group, 1, 2);
		assert_int_equal(dp.event.attach, ID);
		bpf_map_lookup_elem(DP_MAP(&dp, sv_budget), &number, &b);
		assert_in_range(b.told_ns, coarse_ns() - 1000000000, coarse_ns());
		b.told_ns -= 1000000000;
		dp_set(DP_MAP(&dp, sv_budget), &number, &b);
		run(&r.pkt, SV_ROLE_VNODE, via, 2);
		assert_int_equal(dp_events(&dp), 1);
		assert_int_equal(dp.event.group, 1);
	}
}

/* A GSO frame costs what it stands for. */
static void test_budget_of_gso(void **state)
{
	struct row r = { .sessions = 1, .in = { IN(RING, BUDGET) } };
	struct __sk_buff ctx = { .ifindex = 0, .gso_segs = 3, .gso_size = 466 };
	struct pkt pkt = { .body = BODY_LONG };
	uint8_t bytes[2048];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	struct sv_budget b;
	struct sv_scount c;
	uint32_t number = 1;
	uint64_t before = coarse_ns();

	(void)state;
	ctx.ifindex = lab.p[0];
	set_up(&r, SV_ROLE_VNODE, 0);
	opts.data_size_in = frame_build(bytes, &pkt);
	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(dp.tc->progs.sv_tc_vnode), &opts),
			 0);
	bpf_map_lookup_elem(DP_MAP(&dp, sv_budget), &number, &b);
	assert_in_range(b.until_ns, before + 3 * HOUR_NS, coarse_ns() + 3 * HOUR_NS);
	c = dp_scount(&dp, 1);
	assert_int_equal(c.r[SV_SCOUNT_MATCHED].packets, 3);
	assert_int_equal(c.r[COPIED].packets, 3);
	assert_int_equal(dp_ring_at(&ring[0], 77)->packets, 3);
}

/* ---- snap lengths, alive ---- */

static void go_live(enum sv_port_role role, int via)
{
	dp_tc_attach(lab.p[0], bpf_program__fd(program(role, VIA_TC)));
	lab_must(!bpf_xdp_attach(lab.p[0],
				 via == VIA_XDP ? bpf_program__fd(program(role, VIA_XDP))
						: lab.pass,
				 XDP_FLAGS_DRV_MODE, NULL),
		 "XDP attach");
	lab_drain(&lab);
}

/* Sends the frame; got[port] is what arrived there, or nothing: `n` frames, and no more. */
static void send_live(const struct pkt *pkt, struct lab_frame got[LAB_PORTS], int n)
{
	static struct lab_frame f;
	uint8_t bytes[LAB_FRAME];

	memset(got, 0, LAB_PORTS * sizeof(*got));
	lab_send(&lab, 0, bytes, frame_build(bytes, pkt));
	for (; lab_next(&lab, &f, n > 0 ? 5000 : 5); n--) {
		assert_int_equal(got[f.port].len, 0);
		got[f.port] = f;
	}
	assert_int_equal(n, 0);
}

static void expect_head(const struct lab_frame *f, const struct pkt *pkt, uint32_t len)
{
	uint8_t want[LAB_FRAME];
	uint32_t all = frame_build(want, pkt);

	assert_int_equal(f->len, len < all ? len : all);
	assert_memory_equal(f->bytes, want, f->len);
}

static void expect_fate(int session, enum sv_scount_reason fate)
{
	struct sv_scount c = dp_scount(&dp, session);

	assert_int_equal(c.r[SV_SCOUNT_MATCHED].packets, 1);
	assert_int_equal(c.r[fate].packets, 1);
}

/* A whole copy, one of 500 bytes, one of 128: production is whole, before and behind the gate. */
static void test_snap(void **state)
{
	static struct lab_frame got[LAB_PORTS];
	static const struct pkt in[] = { { .body = BODY_LONG },
					 { .body = BODY_UDP },
					 { .body = BODY_LONG, .tpid = 0x8100, .tci = 5 },
					 { .body = BODY_QINQ, .tpid = 0x8100, .tci = 5 } };
	struct row r = { .bits = 3,
			 .sessions = 4,
			 .in = { IN(DEVICE), IN(DEVICE, .snap = 500), IN(DEVICE, .snap = 128),
				 IN(RING, .snap = 64) },
			 .fate = { COPIED, COPIED, COPIED, COPIED } };

	(void)state;
	for (size_t i = 0; i < N(in) * 2 * 2; i++) {
		struct pkt pkt = in[i / 4], out = pkt;
		enum sv_port_role role = pkt.tpid ? SV_ROLE_TRUNK : SV_ROLE_VNODE;
		bool pop = i & 2;
		int via = VIA_XDP + (i & 1);

		r.flags = pop ? SV_ATTACH_POP : 0;
		if (pop)
			out.tpid = 0;
		set_up(&r, role, pkt.tpid ? 5 : 0);
		go_live(role, via);
		send_live(&pkt, got, 4);
		expect_head(&got[1], &out, LAB_FRAME);
		expect_head(&got[2], &out, LAB_FRAME);
		expect_head(&got[3], &out, 500);
		expect_head(&got[4], &out, 128);
		for (int s = 1; s <= 4; s++)
			expect_fate(s, COPIED);
	}
}

/* Less than its headers: TC sheds the copy, and nobody but the session has less. */
static void test_snap_too_short(void **state)
{
	static struct lab_frame got[LAB_PORTS];
	struct row r = { .bits = 2,
			 .sessions = 2,
			 .in = { IN(DEVICE), IN(DEVICE, .snap = 8) },
			 .pkt = { .body = BODY_LONG } };

	(void)state;
	set_up(&r, SV_ROLE_VNODE, 0);
	go_live(SV_ROLE_VNODE, VIA_TC);
	send_live(&r.pkt, got, 2);
	expect_head(&got[1], &r.pkt, LAB_FRAME);
	expect_head(&got[2], &r.pkt, LAB_FRAME);
	assert_int_equal(got[3].len, 0);
	expect_fate(1, COPIED);
	expect_fate(2, S(TX));
}

/* Without its exit a target that wants the head of a frame gets nothing. */
static void test_snap_without_exit(void **state)
{
	static struct lab_frame got[LAB_PORTS];
	struct row r = { .bits = 1, .sessions = 1, .in = { IN(DEVICE, .snap = 100) } };
	struct sv_port none = {};
	struct sv_dcount d;
	uint32_t id = ID;

	(void)state;
	for (int via = VIA_XDP; via <= VIA_TC; via++) {
		set_up(&r, SV_ROLE_VNODE, 0);
		dp_set(DP_MAP(&dp, sv_port), &id, &none);
		dp_zero(DP_MAP(&dp, sv_dcount), &lab.p[2], sizeof(d));
		go_live(SV_ROLE_VNODE, via);
		send_live(&r.pkt, got, 1);
		expect_head(&got[1], &r.pkt, LAB_FRAME);
		assert_int_equal(got[2].len, 0);
		d = dp_dcount(&dp, lab.p[2]);
		assert_int_equal(d.r[SV_DEV_GUARD], 1);
		expect_fate(1, via == VIA_XDP ? COPIED : S(TX));
	}
}

/* A fan-out in a wrong order: who is behind a trimmed copy and is no session gets nothing. */
static void test_snap_before_production(void **state)
{
	static struct lab_frame got[LAB_PORTS];
	struct row r = { .bits = 1, .sessions = 1, .in = { IN(DEVICE, .snap = 100) } };
	struct sv_dests d = {};
	struct sv_count c;

	(void)state;
	r.pkt = (struct pkt){ .body = BODY_LONG };
	set_up(&r, SV_ROLE_VNODE, 0);
	fan_dest(&d, 2, SV_DEST_SESSION, 0, 100);
	fan_dest(&d, 3, SV_DEST_SHADOW, 0, 0);
	fan_dest(&d, 1, SV_DEST_PRIMARY, 0, 0);
	dp_fanout(&dp, FAN + 1, &d);
	fans_now.bits = 0xff;
	go_live(SV_ROLE_VNODE, VIA_TC);
	send_live(&r.pkt, got, 1);
	expect_head(&got[2], &r.pkt, 100);
	assert_int_equal(got[1].len, 0);
	assert_int_equal(got[3].len, 0);
	c = dp_count(&dp, ID);
	assert_int_equal(c.r[SV_REASON_TX_FAIL].packets, 1);
	assert_int_equal(c.r[SV_REASON_SHADOW_SHED].packets, 1);
	assert_int_equal(c.r[SV_REASON_FORWARDED].packets, 0);
}

/* ---- the proxy ---- */

static void set_neigh(void)
{
	struct sv_neigh_key gw = { .addr = { [10] = 0xff, 0xff, 10, 0, 0, 1 } };
	struct sv_neigh to = {};

	memcpy(to.mac, mac_gw, 6);
	dp_set(DP_TABLE(&dp, sv_neigh), &gw, &to);
}

/* A question crosses the filter, is copied and recorded as asked, and then answered. */
static void test_proxy(void **state)
{
	static struct lab_frame got[LAB_PORTS];
	struct row r = { .bits = 2,
			 .sessions = 3,
			 .filter = FILTER,
			 .matched = 5,
			 .flags = SV_ATTACH_GATED,
			 .live = ROLE + 1,
			 .in = { IN(DEVICE), IN(DEVICE), IN(RING) },
			 .pkt = { .body = BODY_ARP_REQUEST } };
	struct pkt answer = { .body = BODY_ARP_REPLY };
	uint8_t asked[LAB_FRAME];
	uint32_t len = frame_build(asked, &r.pkt);

	(void)state;
	set_neigh();
	for (int snap = 0; snap <= 30; snap += 30) {
		r.in[0].s.snap = snap;
		set_up(&r, SV_ROLE_VNODE, 0);
		go_live(SV_ROLE_VNODE, VIA_XDP);
		send_live(&r.pkt, got, snap ? 1 : 2);
		expect_head(&got[0], &answer, LAB_FRAME);
		assert_int_equal(got[1].len, 0);
		assert_int_equal(got[3].len, 0);
		assert_int_equal(dp_count(&dp, ID).r[SV_REASON_PROXIED].packets, 1);
		assert_int_equal(dp_count(&dp, ID).r[SV_REASON_RECEIVED].packets, 1);
		/* The question is still needed: it is not trimmed for a copy. */
		expect_fate(1, snap ? S(TX) : COPIED);
		if (!snap)
			expect_head(&got[2], &r.pkt, LAB_FRAME);
		expect_fate(3, COPIED);
		assert_int_equal(dp_scount(&dp, 2).r[SV_SCOUNT_MATCHED].packets, 0);
		assert_memory_equal(dp_ring_at(&ring[2], 77) + 1, asked, len);
		assert_int_equal(dp_ring_at(&ring[2], 77)->verdict, SV_TAP_SHADOW);
	}
}

/* ---- */

static int group_setup(void **state)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	(void)state;
	/* One CPU, whose rings and scratch we look at. */
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	lab_must(!sched_setaffinity(0, sizeof(one), &one), "one CPU");
	lab_open(&lab);
	dp_tc_hook(lab.p[0]);
	dp_open(&dp);
	dp_stage(&dp);
	wrap = dp_wrap_make();
	for (int i = 0; i < SV_SESSION_BITS; i++)
		ring[i] = dp_ring_make(&dp, TAP + i, cpu);
	for (int i = 0; i < LAB_PORTS; i++)
		dp_zero(DP_MAP(&dp, sv_dcount), &lab.p[i], sizeof(struct sv_dcount));
	lab_must(!bpf_xdp_attach(lab.p[0], lab.pass, XDP_FLAGS_DRV_MODE, NULL), "XDP");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	dp_close(&dp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_every_counter_is_wanted),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_ring_fills),
		cmocka_unit_test(test_sample_of_packets),
		cmocka_unit_test(test_sample_of_flows),
		cmocka_unit_test(test_budget_runs_out),
		cmocka_unit_test(test_budget_of_gso),
		cmocka_unit_test(test_snap),
		cmocka_unit_test(test_snap_too_short),
		cmocka_unit_test(test_snap_without_exit),
		cmocka_unit_test(test_snap_before_production),
		cmocka_unit_test(test_proxy),
	};

	return cmocka_run_group_tests_name("selection", tests, group_setup, group_teardown);
}
