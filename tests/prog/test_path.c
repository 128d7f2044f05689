// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a packet, as a table: configuration and frame in; verdict, frames out and every
 * counter. Each row runs by XDP and by TC, under BPF_PROG_TEST_RUN for the verdict and alive for
 * what leaves.
 */
#include "dp.h"
#include "frames.h"

enum { VIA_XDP = 1, VIA_TC = 2, VIA_BOTH = 3 };

/* Verdicts of both hooks. */
enum verdict {
	V_DROP = 0,
	V_REDIRECT,
	V_HOST, /* to the host's stack */
	V_OTHER, /* XDP: TC does it */
};

#define ID 7
#define EDGE 9
#define GROUP 3
#define ROLE 2
#define FAN 100
#define SEGMENT 5
#define MAX 6

struct dest {
	uint8_t port, kind, bit, guarded, nth;
};
struct fan {
	uint8_t number; /* from FAN; the entry ends the list when dest[0].kind is 0 */
	struct dest dest[5];
};
struct out {
	int8_t port;
	struct pkt pkt;
};
struct want {
	char row; /* 'A' this attachment, '0' row 0, 'S' session, 'D' device */
	uint8_t number, reason;
	int n;
};
struct word {
	int in_s; /* `at`: seconds from now, 0 = untimed */
	uint8_t before, after;
};

struct row {
	const char *desc;
	int via;
	enum sv_port_role role;
	uint16_t vlan; /* of the attachment's key */
	bool none; /* no attachment */
	struct sv_attach att;
	struct word gate, next;
	struct fan fan[4];
	struct {
		uint8_t port; /* 0: none */
		struct sv_exit how;
	} exit[3];
	struct {
		uint8_t port, down;
		uint16_t max_len;
		bool set;
	} session[4]; /* numbers 1 … 4 */
	struct {
		uint8_t port;
		uint16_t vlan;
	} other; /* a VNet of others, on another port than p0 */
	uint8_t fdb_b; /* the member behind which B is */
	bool neigh; /* 10.0.0.1 and fe80::1 are known at the edge */
	uint8_t dead; /* the port that is down while the row runs; 9 = p0 is no port of its own
			 devmap */
	struct pkt in;
	enum verdict xdp, tc;
	struct out out[MAX];
	struct want want[10];
	int events;
};

#define PRIMARY(p)                                                                                 \
	{                                                                                          \
		.port = p, .kind = SV_DEST_PRIMARY                                                 \
	}
#define GUARDED(p)                                                                                 \
	{                                                                                          \
		.port = p, .kind = SV_DEST_PRIMARY, .guarded = 1                                   \
	}
#define SHADOW(p)                                                                                  \
	{                                                                                          \
		.port = p, .kind = SV_DEST_SHADOW                                                  \
	}
#define TARGET(p, b)                                                                               \
	{                                                                                          \
		.port = p, .kind = SV_DEST_SESSION, .bit = b                                       \
	}
#define EXIT(p, v, f)                                                                              \
	{                                                                                          \
		.port = p, .how = {.arg = v, .flags = f }                                          \
	}
#define UP(p)                                                                                      \
	{                                                                                          \
		.port = p, .max_len = 1514, .set = true                                            \
	}
#define A(r, n)                                                                                    \
	{                                                                                          \
		'A', 0, SV_REASON_##r, n                                                           \
	}
#define S(s, r, n)                                                                                 \
	{                                                                                          \
		'S', s, SV_SCOUNT_##r, n                                                           \
	}
#define D(p, r, n)                                                                                 \
	{                                                                                          \
		'D', p, SV_DEV_##r, n                                                              \
	}
#define XF SV_ATTACH_XDP
#define GATED_WITH(f) .flags = XF | SV_ATTACH_GATED | (f), .variants = 2
#define GATED_ATT GATED_WITH(0)
#define OPEN_FAN                                                                                   \
	{                                                                                          \
		1,                                                                                 \
		{                                                                                  \
			PRIMARY(1)                                                                 \
		}                                                                                  \
	}
#define TO1                                                                                        \
	{                                                                                          \
		{                                                                                  \
			0,                                                                         \
			{                                                                          \
				PRIMARY(1)                                                         \
			}                                                                          \
		}                                                                                  \
	}
#define VID(v) .tpid = 0x8100, .tci = v

static const struct row rows[] = {
	/* ---- plain ways ---- */
	{ "trunk to trunk, the same tag: unicast", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = TO1, .in = { VID(0xa005) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { VID(0xa005) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "the same by broadcast", VIA_BOTH, SV_ROLE_TRUNK, 5, .att = { .flags = XF }, .fan = TO1,
	  .in = { VID(5) }, .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "tag popped", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_POP }, .fan = TO1, .in = { VID(5) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "QinQ: the inner tag is the VNet's business", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_POP }, .fan = TO1,
	  .in = { BODY_QINQ, VID(5) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { BODY_QINQ } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "a header and a tag and nothing else", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = TO1, .in = { BODY_MIN, VID(5) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { BODY_MIN, VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "from a VNode, untagged", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = TO1, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 1, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "from a VNode, 14 bytes", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = TO1, .in = { BODY_MIN },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { BODY_MIN } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "a VNode's own tag is opaque", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_POP }, .fan = TO1, .in = { VID(5) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "priority tag at an edge: untagged, the tag stays", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_POP }, .fan = TO1,
	  .in = { VID(0xa000) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { VID(0xa000) } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "802.1ad VID 5 is not VLAN 5", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = TO1, .in = { .tpid = 0x88a8, .tci = 5 },
	  .xdp = V_HOST, .tc = V_HOST, .want = { D(0, HOST, 1) } },
	{ "802.1ad at an edge: opaque", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_POP }, .fan = TO1,
	  .in = { .tpid = 0x88a8, .tci = 5 }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { .tpid = 0x88a8, .tci = 5 } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "9000 bytes", VIA_TC, SV_ROLE_TRUNK, 5, .att = { .flags = SV_ATTACH_POP }, .fan = TO1,
	  .in = { BODY_JUMBO, VID(5) }, .tc = V_REDIRECT, .out = { { 1, { BODY_JUMBO } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "not for XDP: TC does it", VIA_BOTH, SV_ROLE_TRUNK, 5, .att = { .flags = 0 }, .fan = TO1,
	  .in = { VID(5) }, .xdp = V_OTHER, .tc = V_REDIRECT, .out = { { 1, { VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },

	/* ---- nobody's, broken, nowhere to go ---- */
	{ "unknown VLAN on a trunk: the host's", VIA_BOTH, SV_ROLE_TRUNK, 5, .att = { .flags = XF },
	  .fan = TO1, .in = { VID(6) }, .xdp = V_HOST, .tc = V_HOST, .want = { D(0, HOST, 1) } },
	{ "untagged on a trunk: the host's", VIA_BOTH, SV_ROLE_TRUNK, 5, .att = { .flags = XF },
	  .fan = TO1, .xdp = V_HOST, .tc = V_HOST, .want = { D(0, HOST, 1) } },
	{ "edge without an attachment: the host's", VIA_BOTH, SV_ROLE_EDGE, 0, .none = true,
	  .xdp = V_HOST, .tc = V_HOST, .want = { D(0, HOST, 1) } },
	{ "VNode port without an attachment", VIA_BOTH, SV_ROLE_VNODE, 0, .none = true,
	  .xdp = V_DROP, .tc = V_DROP,
	  .want = { { '0', 0, SV_REASON_RECEIVED, 1 }, { '0', 0, SV_REASON_UNATTACHED, 1 } } },
	{ "the same, tagged", VIA_BOTH, SV_ROLE_VNODE, 0, .none = true, .in = { VID(5) },
	  .xdp = V_DROP, .tc = V_DROP,
	  .want = { { '0', 0, SV_REASON_RECEIVED, 1 }, { '0', 0, SV_REASON_UNATTACHED, 1 } } },
	{ "cut after the tag's type", VIA_XDP, SV_ROLE_EDGE, 0, .att = { .flags = XF }, .fan = TO1,
	  .in = { VID(5), .cut = 14 }, .xdp = V_DROP, .want = { A(RECEIVED, 1), A(SHORT, 1) } },
	{ "cut within the tag", VIA_XDP, SV_ROLE_EDGE, 0, .att = { .flags = XF }, .fan = TO1,
	  .in = { VID(5), .cut = 17 }, .xdp = V_DROP, .want = { A(RECEIVED, 1), A(SHORT, 1) } },
	{ "cut within the tag, on a trunk that knows no untagged frames", VIA_XDP, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF }, .fan = TO1, .in = { VID(5), .cut = 17 }, .xdp = V_HOST },
	{ "cut within a VNode's tag: opaque", VIA_XDP, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = TO1, .in = { VID(5), .cut = 17 },
	  .xdp = V_REDIRECT, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "no fan-out yet", VIA_BOTH, SV_ROLE_TRUNK, 5, .att = { .flags = XF }, .in = { VID(5) },
	  .xdp = V_DROP, .tc = V_DROP, .want = { A(RECEIVED, 1), A(NO_FANOUT, 1) } },
	{ "the device is gone: unicast", VIA_XDP, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = { { 0, { PRIMARY(99) } } },
	  .in = { VID(5) }, .xdp = V_DROP, .want = { A(RECEIVED, 1), A(NO_DEST, 1) } },
	{ "the device is gone, a shadow's is not", VIA_TC, SV_ROLE_EDGE, 0,
	  .fan = { { 0, { PRIMARY(99), SHADOW(2) } } }, .tc = V_REDIRECT, .out = { { 2, {} } },
	  .want = { A(RECEIVED, 1), A(NO_DEST, 1), A(SHADOW_COPY, 1) } },
	{ "the device is down", VIA_TC, SV_ROLE_EDGE, 0,
	  .fan = { { 0, { PRIMARY(1), SHADOW(2) } } }, .dead = 1, .tc = V_REDIRECT,
	  .out = { { 2, {} } }, .want = { A(RECEIVED, 1), A(TX_FAIL, 1), A(SHADOW_COPY, 1) } },
	{ "the tag cannot be taken out: a second one is cut", VIA_TC, SV_ROLE_TRUNK, 5,
	  .att = { .flags = SV_ATTACH_POP }, .fan = TO1, .in = { BODY_QINQ, VID(5), .cut = 20 },
	  .tc = V_DROP, .want = { A(RECEIVED, 1), A(TAG_FAIL, 1) } },

	/* ---- shadows at edge ingress ---- */
	{ "edge to production and two shadows", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_LIVE, .variants = 3 }, .gate = { 0, 2, 2 },
	  .fan = { { 1, { PRIMARY(4) } }, { 2, { PRIMARY(1), SHADOW(2), SHADOW(3) } } },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, {} }, { 2, {} }, { 3, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(SHADOW_COPY, 2) } },
	{ "another role is live: another variant", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_LIVE, .variants = 3 }, .gate = { 0, 1, 1 },
	  .fan = { { 1, { PRIMARY(4), SHADOW(1) } }, { 2, { PRIMARY(1) } } }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 4, {} }, { 1, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(SHADOW_COPY, 1) } },
	{ "nobody is live: shadows only", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_LIVE, .variants = 3 },
	  .fan = { { 0, { SHADOW(1), SHADOW(2) } } }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} }, { 2, {} } },
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1), A(SHADOW_COPY, 2) } },
	{ "a role without a variant counts as none", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_LIVE, .variants = 3 }, .gate = { 0, 3, 3 },
	  .fan = { { 0, { SHADOW(1) } }, { 3, { PRIMARY(2) } } }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 1, {} } },
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1), A(SHADOW_COPY, 1) } },
	{ "a shadow's device is down", VIA_TC, SV_ROLE_EDGE, 0,
	  .fan = { { 0, { PRIMARY(1), SHADOW(2), SHADOW(3) } } }, .dead = 2, .tc = V_REDIRECT,
	  .out = { { 1, {} }, { 3, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(SHADOW_SHED, 1), A(SHADOW_COPY, 1) } },

	/* ---- the gate ---- */
	{ "gate: our role", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_GATED | SV_ATTACH_SINGLE, .variants = 2 },
	  .gate = { 0, ROLE, ROLE }, .fan = { OPEN_FAN }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "gate: HOLD", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT }, .fan = { OPEN_FAN },
	  .xdp = V_DROP, .tc = V_DROP, .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "gate: HOLD, and a role of 0 is nobody's", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT, .role = 255 }, .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "gate: another's role", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 0, 1, 1 }, .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },
	{ "gate: until T we", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 100, ROLE, 1 }, .fan = { OPEN_FAN }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "gate: from T another", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { -1, ROLE, 1 }, .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },
	{ "gate: from T we", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { -1, 1, ROLE }, .fan = { OPEN_FAN }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "gate: until T another", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 100, 1, ROLE }, .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },
	{ "gate: NEXT names us", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 0, 255, 255 }, .next = { 0, ROLE, ROLE }, .fan = { OPEN_FAN },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "gate: from T NEXT, which says we until later", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT }, .gate = { -1, 1, 255 }, .next = { 100, ROLE, 1 },
	  .fan = { OPEN_FAN }, .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "gate: from T NEXT, whose time is over too", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT }, .gate = { -2, 1, 255 }, .next = { -1, ROLE, 1 },
	  .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },
	{ "gate: an untimed NEXT and a timed next slot", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT }, .gate = { 0, 255, 255 }, .next = { -1, 1, ROLE },
	  .fan = { OPEN_FAN }, .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "gate: NEXT in NEXT", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 0, 255, 255 }, .next = { 0, 255, 255 }, .fan = { OPEN_FAN }, .xdp = V_DROP,
	  .tc = V_DROP, .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "gate: reserved 251", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT, .role = 251 },
	  .gate = { 0, 251, 251 }, .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "gate: reserved 254", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT, .role = 254 },
	  .gate = { 0, 254, 254 }, .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "gate: reserved 252 in NEXT", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT, .role = 252 }, .gate = { 0, 255, 255 }, .next = { 0, 252, 252 },
	  .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "gate: 250 is a role", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT, .role = 250 },
	  .gate = { 0, 250, 250 }, .fan = { OPEN_FAN }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "gate: open, but the open fan-out is missing", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT }, .gate = { 0, ROLE, ROLE }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(NO_FANOUT, 1) } },
	{ "gate: open, but no open variant exists: nobody else's fan-out", VIA_BOTH, SV_ROLE_VNODE,
	  0, .att = { .flags = XF | SV_ATTACH_GATED, .variants = 1 }, .gate = { 0, ROLE, ROLE },
	  .fan = { OPEN_FAN }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },

	/* ---- sessions ---- */
	{ "two sessions", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF, .bits = 2, .session = { 1, 2 } },
	  .fan = { { 0, { PRIMARY(1) } }, { 3, { PRIMARY(1), TARGET(2, 0), TARGET(3, 1) } } },
	  .session = { UP(2), UP(3) }, .in = { VID(5) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { VID(5) } }, { 2, { VID(5) } }, { 3, { VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, COPIED, 1),
		    S(2, MATCHED, 1), S(2, COPIED, 1) } },
	{ "four sessions, the tag popped", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_POP, .bits = 4, .session = { 1, 2, 3, 4 } },
	  .fan = { { 15, { PRIMARY(1), TARGET(2, 0), TARGET(3, 1), TARGET(4, 2), TARGET(5, 3) } } },
	  .session = { UP(2), UP(3), UP(4), UP(5) }, .in = { VID(5) }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 1, {} }, { 2, {} }, { 3, {} }, { 4, {} }, { 5, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, COPIED, 1),
		    S(2, MATCHED, 1), S(2, COPIED, 1), S(3, MATCHED, 1), S(3, COPIED, 1),
		    S(4, MATCHED, 1), S(4, COPIED, 1) } },
	{ "one target is down, one bit has no session", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF, .bits = 3, .session = { 1, 2, 0 } },
	  .fan = { { 0, { PRIMARY(1) } }, { 1, { PRIMARY(1), TARGET(2, 0) } } },
	  .session = { UP(2), { .port = 3, .max_len = 1514, .down = 1, .set = true } },
	  .in = { VID(5) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { VID(5) } }, { 2, { VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, COPIED, 1),
		    S(2, MATCHED, 1), S(2, SHED_DOWN, 1) } },
	{ "as long as the target takes, the VNet's tag not counted", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_POP, .bits = 1, .session = { 1 } },
	  .fan = { { 0, { PRIMARY(1) } }, { 1, { PRIMARY(1), TARGET(2, 0) } } },
	  .session = { { .port = 2, .max_len = 1414, .set = true } }, .in = { BODY_LONG, VID(5) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { BODY_LONG } }, { 2, { BODY_LONG } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, COPIED, 1) } },
	{ "a byte longer than the target takes", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_POP, .bits = 1, .session = { 1 } },
	  .fan = { { 0, { PRIMARY(1) } }, { 1, { PRIMARY(1), TARGET(2, 0) } } },
	  .session = { { .port = 2, .max_len = 1413, .set = true } }, .in = { BODY_LONG, VID(5) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { BODY_LONG } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, SHED_LONG, 1) } },
	{ "a VNode's own tag counts", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF, .bits = 1, .session = { 1 } },
	  .fan = { { 0, { PRIMARY(1) } }, { 1, { PRIMARY(1), TARGET(2, 0) } } },
	  .session = { { .port = 2, .max_len = 1417, .set = true } }, .in = { BODY_LONG, VID(5) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { BODY_LONG, VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, SHED_LONG, 1) } },
	{ "no fan-out for the mask: production all the same", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF, .bits = 1, .session = { 1 } }, .fan = TO1, .session = { UP(2) },
	  .in = { VID(5) }, .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, SHED_NO_FANOUT, 1) } },
	{ "no fan-out at all, with a session", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF, .bits = 1, .session = { 1 } }, .session = { UP(2) },
	  .in = { VID(5) }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(NO_FANOUT, 1), S(1, MATCHED, 1), S(1, SHED_NO_FANOUT, 1) } },
	{ "the target's device refuses the copy", VIA_TC, SV_ROLE_TRUNK, 5,
	  .att = { .bits = 2, .session = { 1, 2 } },
	  .fan = { { 3, { PRIMARY(1), TARGET(2, 0), TARGET(3, 1) } } }, .session = { UP(2), UP(3) },
	  .dead = 2, .in = { VID(5) }, .tc = V_REDIRECT,
	  .out = { { 1, { VID(5) } }, { 3, { VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), S(1, MATCHED, 1), S(1, SHED_TX, 1),
		    S(2, MATCHED, 1), S(2, COPIED, 1) } },
	{ "the tag cannot be taken out, with a session", VIA_TC, SV_ROLE_TRUNK, 5,
	  .att = { .flags = SV_ATTACH_POP, .bits = 1, .session = { 1 } },
	  .fan = { { 1, { PRIMARY(1), TARGET(2, 0) } } }, .session = { UP(2) },
	  .in = { BODY_QINQ, VID(5), .cut = 20 }, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(TAG_FAIL, 1), S(1, MATCHED, 1), S(1, SHED_TX, 1) } },
	{ "gate closed: the monitor still sees what would have been sent", VIA_BOTH, SV_ROLE_VNODE,
	  0, .att = { GATED_ATT, .bits = 1, .session = { 1 } }, .gate = { 0, 1, 1 },
	  .fan = { { 1, { TARGET(3, 0) } },
		   { 2, { PRIMARY(1) } },
		   { 3, { PRIMARY(1), TARGET(3, 0) } } },
	  .session = { UP(3) }, .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 3, {} } },
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1), S(1, MATCHED, 1), S(1, COPIED, 1) } },
	{ "gate closed, target down", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT, .bits = 1, .session = { 1 } },
	  .fan = { { 1, { TARGET(3, 0) } }, { 2, { PRIMARY(1) } } },
	  .session = { { .port = 3, .max_len = 1514, .down = 1, .set = true } }, .xdp = V_DROP,
	  .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1), S(1, MATCHED, 1), S(1, SHED_DOWN, 1) } },
	{ "gate closed, fan-out of the mask missing", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT, .bits = 1, .session = { 1 } }, .fan = { { 2, { PRIMARY(1) } } },
	  .session = { UP(3) }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1), S(1, MATCHED, 1), S(1, SHED_NO_FANOUT, 1) } },
	{ "edge, production, shadow and session", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_LIVE, .variants = 3, .bits = 1, .session = { 1 } },
	  .gate = { 0, 2, 2 },
	  .fan = { { 4, { PRIMARY(1) } }, { 5, { PRIMARY(1), SHADOW(2), TARGET(3, 0) } } },
	  .session = { UP(3) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} }, { 2, {} }, { 3, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(SHADOW_COPY, 1), S(1, MATCHED, 1),
		    S(1, COPIED, 1) } },

	/* ---- the guard ---- */
	{ "VNode to trunk: tag pushed", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_META },
	  .fan = { { 0, { GUARDED(1) } } }, .exit = { EXIT(1, 9, SV_EXIT_PUSH) }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 1, { VID(9) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "a VNode's own tag stays inside the pushed one", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_META },
	  .fan = { { 0, { GUARDED(1) } } }, .exit = { EXIT(1, 9, SV_EXIT_PUSH) },
	  .in = { BODY_QINQ }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { BODY_QINQ, VID(9) } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "another tag: popped and pushed, priority and DEI kept", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_META | SV_ATTACH_POP },
	  .fan = { { 0, { GUARDED(1) } } }, .exit = { EXIT(1, 9, SV_EXIT_PUSH) },
	  .in = { VID(0xb005) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { VID(0xb009) } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "the same tag past the guard", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_META },
	  .fan = { { 0, { GUARDED(1) } } }, .exit = { EXIT(1, 0, 0) }, .in = { VID(0x6005) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { VID(0x6005) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "pushed for one, not for the next: copies are as they were", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_META | SV_ATTACH_LIVE,
		   .variants = 3,
		   .bits = 1,
		   .session = { 1 } },
	  .gate = { 0, 2, 2 }, .fan = { { 5, { GUARDED(1), SHADOW(2), TARGET(3, 0) } } },
	  .session = { UP(3) }, .exit = { EXIT(1, 9, SV_EXIT_PUSH) }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 1, { VID(9) } }, { 2, {} }, { 3, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(SHADOW_COPY, 1), S(1, MATCHED, 1),
		    S(1, COPIED, 1) } },
	{ "one device twice, two tags", VIA_TC, SV_ROLE_EDGE, 0,
	  .fan = { { 0,
		     { GUARDED(1),
		       { .port = 1, .kind = SV_DEST_SHADOW, .guarded = 1, .nth = 1 } } } },
	  .exit = { EXIT(1, 9, SV_EXIT_PUSH),
		    { .port = 1, .how = { .arg = 10, .flags = SV_EXIT_PUSH, .nth = 1 } } },
	  .tc = V_REDIRECT, .out = { { 1, { VID(9) } }, { 1, { VID(10) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(SHADOW_COPY, 1) } },
	{ "guard: no exit for this attachment", VIA_XDP, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE | SV_ATTACH_META },
	  .fan = { { 0, { GUARDED(1) } } }, .xdp = V_REDIRECT,
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), D(1, GUARD, 1) }, .events = 1 },
	{ "guard: the same at TC, where it is known in time", VIA_TC, SV_ROLE_VNODE, 0,
	  .fan = { { 0, { GUARDED(1) } } }, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(TX_FAIL, 1), D(1, GUARD, 1) }, .events = 1 },
	{ "guard: a frame without metadata", VIA_XDP, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = { { 0, { GUARDED(1) } } },
	  .exit = { EXIT(1, 0, 0) }, .xdp = V_REDIRECT,
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), D(1, GUARD, 1) }, .events = 1 },
	{ "guard: an edge needs the gate's yes", VIA_XDP, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_META | SV_ATTACH_GATED,
		   .variants = 2,
		   .bits = 1,
		   .session = { 1 } },
	  /* The closed fan-out wrongly holds the edge: the guard is the second lock. */
	  .fan = { { 1, { GUARDED(1), TARGET(3, 0) } } }, .session = { UP(3) },
	  .exit = { EXIT(1, 0, SV_EXIT_GATED) }, .xdp = V_REDIRECT, .out = { { 3, {} } },
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1), S(1, MATCHED, 1), S(1, COPIED, 1),
		    D(1, GUARD, 1) },
	  .events = 1 },
	{ "guard: the same at TC", VIA_TC, SV_ROLE_VNODE, 0,
	  .att = { .flags = SV_ATTACH_GATED, .variants = 2, .bits = 1, .session = { 1 } },
	  .fan = { { 1, { GUARDED(1), TARGET(3, 0) } } }, .session = { UP(3) },
	  .exit = { EXIT(1, 0, SV_EXIT_GATED) }, .tc = V_REDIRECT, .out = { { 3, {} } },
	  .want = { A(RECEIVED, 1), A(TX_FAIL, 1), S(1, MATCHED, 1), S(1, COPIED, 1),
		    D(1, GUARD, 1) },
	  .events = 1 },
	{ "the gate's yes opens the edge", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { .flags = XF | SV_ATTACH_META | SV_ATTACH_GATED | SV_ATTACH_SINGLE,
		   .variants = 2 },
	  .gate = { 0, ROLE, ROLE }, .fan = { { 1, { GUARDED(1) } } },
	  .exit = { EXIT(1, 0, SV_EXIT_GATED) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },

/* ---- a tag of the sender's at an edge that adds none ---- */
#define BARE_WITH(f) GATED_WITH(SV_ATTACH_META | SV_ATTACH_SINGLE | (f))
#define BARE_ATT BARE_WITH(0)
#define BARE_WAY .gate = { 0, ROLE, ROLE }, .fan = { { 1, { GUARDED(1) } } }
#define BARE_EXIT EXIT(1, 0, SV_EXIT_GATED)
	{ "edge: a VLAN of others behind it is not for the sender to choose", VIA_XDP,
	  SV_ROLE_VNODE, 0, .att = { BARE_ATT }, BARE_WAY, .exit = { BARE_EXIT },
	  .other = { 1, 30 }, .in = { VID(0x601e) }, .xdp = V_REDIRECT,
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), D(1, GUARD, 1) }, .events = 2 },
	{ "edge: a VLAN of others behind it is not for the sender to choose, at TC", VIA_TC,
	  SV_ROLE_VNODE, 0, .att = { BARE_ATT }, BARE_WAY, .exit = { BARE_EXIT },
	  .other = { 1, 30 }, .in = { VID(0x601e) }, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(TX_FAIL, 1), D(1, GUARD, 1) }, .events = 2 },
	{ "edge: nor by a tag behind the one that was popped", VIA_XDP, SV_ROLE_TRUNK, 5,
	  .att = { BARE_WITH(SV_ATTACH_POP) }, BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 77 },
	  .in = { BODY_QINQ, VID(5) }, .xdp = V_REDIRECT,
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), D(1, GUARD, 1) }, .events = 2 },
	{ "edge: nor by a tag behind the one that was popped, at TC", VIA_TC, SV_ROLE_TRUNK, 5,
	  .att = { BARE_WITH(SV_ATTACH_POP) }, BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 77 },
	  .in = { BODY_QINQ, VID(5) }, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(TX_FAIL, 1), D(1, GUARD, 1) }, .events = 2 },
	{ "edge: a VLAN that is nobody's there", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { BARE_ATT },
	  BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 31 }, .in = { VID(0x601e) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { VID(0x601e) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "edge: a VLAN that is somebody's at another port", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { BARE_ATT }, BARE_WAY, .exit = { BARE_EXIT }, .other = { 2, 30 },
	  .in = { VID(30) }, .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { VID(30) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "edge: untagged, beside others", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { BARE_ATT },
	  BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 30 }, .in = {}, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 1, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) },
	  .events = 1 },
	{ "edge: a priority tag is in the untagged VLAN", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { BARE_ATT }, BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 0 },
	  .in = { VID(0xa000) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { VID(0xa000) } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) },
	  .events = 1 },
	{ "edge: nor by a tag behind a priority tag", VIA_XDP, SV_ROLE_VNODE, 0,
	  .att = { BARE_ATT }, BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 30 },
	  .in = { BODY_QINQ, VID(0xa000) }, .xdp = V_REDIRECT,
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), D(1, GUARD, 1) }, .events = 2 },
	{ "edge: nor by a tag behind a priority tag, at TC", VIA_TC, SV_ROLE_VNODE, 0,
	  .att = { BARE_ATT }, BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 30 },
	  .in = { BODY_QINQ, VID(0xa000) }, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(TX_FAIL, 1), D(1, GUARD, 1) }, .events = 2 },
	{ "edge: 802.1ad VID 30 is not VLAN 30", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { BARE_ATT },
	  BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 30 }, .in = { .tpid = 0x88a8, .tci = 30 },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { .tpid = 0x88a8, .tci = 30 } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "edge: within the tag that is pushed", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { BARE_ATT },
	  BARE_WAY, .exit = { EXIT(1, 9, SV_EXIT_GATED | SV_EXIT_PUSH) }, .other = { 1, 77 },
	  .in = { BODY_QINQ }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { BODY_QINQ, VID(9) } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) },
	  .events = 1 },
	{ "edge: the VNet's own tag, kept from the trunk", VIA_BOTH, SV_ROLE_TRUNK, 30,
	  .att = { BARE_ATT }, BARE_WAY, .exit = { BARE_EXIT }, .other = { 1, 30 },
	  .in = { VID(0x601e) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { VID(0x601e) } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) },
	  .events = 1 },

/* ---- switching ---- */
#define FDB_ATT .flags = XF | SV_ATTACH_FDB, .members = 3, .member = 1
#define FDB_GATED                                                                                  \
	.flags = XF | SV_ATTACH_FDB | SV_ATTACH_GATED | SV_ATTACH_OTHERS, .members = 3,            \
	.member = 1, .edge_member = 3, .variants = 2
	{ "switch: known member", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_ATT },
	  .fan = { { 0, { PRIMARY(1), PRIMARY(2) } }, { 2, { PRIMARY(2) } } }, .fdb_b = 2,
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 2, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) } },
	{ "switch: unknown address is flooded", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_ATT },
	  .fan = { { 0, { PRIMARY(1), PRIMARY(2) } } }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, {} }, { 2, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) } },
	{ "switch: broadcast is flooded", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_ATT },
	  .fan = { { 0, { PRIMARY(1), PRIMARY(2) } } }, .fdb_b = 2, .in = { BODY_BCAST },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { BODY_BCAST } }, { 2, { BODY_BCAST } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) } },
	{ "switch: a multicast sender teaches nothing", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { FDB_ATT }, .fan = { { 2, { PRIMARY(2) } } }, .fdb_b = 2,
	  .in = { BODY_FROM_GROUP }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 2, { BODY_FROM_GROUP } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "switch: back to where it came from", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_ATT },
	  .fan = { { 0, { PRIMARY(1) } }, { 1, { PRIMARY(1) } } }, .fdb_b = 1, .xdp = V_DROP,
	  .tc = V_DROP, .want = { A(RECEIVED, 1), A(HAIRPIN, 1), A(LEARNED, 1) } },
	{ "switch: B moved to us", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_ATT },
	  .fan = { { 0, { PRIMARY(1) } } }, .fdb_b = 2, .in = { BODY_FROM_B }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 1, { BODY_FROM_B } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) } },
	{ "switch: a member that is no longer there is flooded", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { FDB_ATT }, .fan = { { 0, { PRIMARY(1) } }, { 4, { PRIMARY(5) } } }, .fdb_b = 4,
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) } },
	{ "switch and gate: to another member, and nothing is learned", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { FDB_GATED }, .fan = { { 4, { PRIMARY(2) } } }, .fdb_b = 2, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 2, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "switch and gate: to another member, while somebody else is heard", VIA_BOTH,
	  SV_ROLE_VNODE, 0, .att = { FDB_GATED }, .gate = { 0, 1, 1 },
	  .fan = { { 4, { PRIMARY(2) } } }, .fdb_b = 2, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 2, {} } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "switch and gate: to another member, heard", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { FDB_GATED }, .gate = { 0, ROLE, ROLE }, .fan = { { 4, { PRIMARY(2) } } },
	  .fdb_b = 2, .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 2, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) } },
	{ "switch and gate: to the edge, closed", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_GATED },
	  .gate = { 0, 1, 1 }, .fan = { { 7, { PRIMARY(3) } } }, .fdb_b = 3, .xdp = V_DROP,
	  .tc = V_DROP, .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },
	{ "switch and gate: to the edge, open", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_GATED },
	  .gate = { 0, ROLE, ROLE }, .fan = { { 7, { PRIMARY(3) } } }, .fdb_b = 3,
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 3, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) }, .events = 1 },
	{ "switch and gate: flood, closed: others hear it, the edge does not", VIA_BOTH,
	  SV_ROLE_VNODE, 0, .att = { FDB_GATED }, .gate = { 0, 1, 1 },
	  .fan = { { 0, { PRIMARY(2) } }, { 1, { PRIMARY(2), PRIMARY(3) } } }, .in = { BODY_BCAST },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 2, { BODY_BCAST } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(MUTED, 1) } },
	{ "gate: a segment that floods: others hear it, the edge does not", VIA_BOTH, SV_ROLE_VNODE,
	  0, .att = { GATED_WITH(SV_ATTACH_OTHERS) }, .gate = { 0, 1, 1 },
	  .fan = { { 0, { PRIMARY(2) } }, { 1, { PRIMARY(2), PRIMARY(3) } } }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 2, {} } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(MUTED, 1) } },
	{ "switch and gate: flood, closed, nobody else", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { FDB_GATED }, .gate = { 0, 1, 1 }, .fan = { { 1, { PRIMARY(3) } } },
	  .in = { BODY_BCAST }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },
	{ "switch and gate: flood, open", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_GATED },
	  .gate = { 0, ROLE, ROLE },
	  .fan = { { 0, { PRIMARY(2) } }, { 1, { PRIMARY(2), PRIMARY(3) } } }, .in = { BODY_BCAST },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 2, { BODY_BCAST } }, { 3, { BODY_BCAST } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) }, .events = 1 },

/* ---- neighbours ---- */
#define LEARN_ATT .flags = XF | SV_ATTACH_LEARN | SV_ATTACH_SINGLE
#define LEARNS(b, n)                                                                               \
	{                                                                                          \
		"learn: " #b, VIA_BOTH, SV_ROLE_EDGE, 0,                                           \
			.att = { LEARN_ATT }, .fan = TO1, .in = { b }, .xdp = V_REDIRECT,          \
			.tc = V_REDIRECT, .out = { { 1, { b } } }, .want = {                       \
				A(RECEIVED, 1),                                                    \
				A(FORWARDED, 1),                                                   \
				A(LEARNED, n)                                                      \
			}                                                                          \
	}
	LEARNS(BODY_ARP_REQUEST, 1),
	LEARNS(BODY_ARP_REPLY, 1),
	LEARNS(BODY_ARP_GRATUITOUS, 1),
	LEARNS(BODY_ARP_PROBE, 0),
	LEARNS(BODY_ARP_GROUP, 0),
	LEARNS(BODY_NS, 1),
	LEARNS(BODY_NS_SHORT, 0),
	LEARNS(BODY_NS_DAD, 0),
	LEARNS(BODY_NA, 1),
	LEARNS(BODY_NA_SHORT, 0),
	LEARNS(BODY_RS, 1),
	LEARNS(BODY_RA, 1),
	LEARNS(BODY_RA_HOPS, 0),
	LEARNS(BODY_UDP, 0),
	{ "learn: behind a trunk's tag", VIA_BOTH, SV_ROLE_TRUNK, 5, .att = { LEARN_ATT },
	  .fan = TO1, .in = { BODY_ARP_REPLY, VID(5) }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { BODY_ARP_REPLY, VID(5) } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1), A(LEARNED, 1) } },
	{ "learn: what is known is not news", VIA_BOTH, SV_ROLE_EDGE, 0, .att = { LEARN_ATT },
	  .fan = TO1, .neigh = true, .in = { BODY_ARP_REPLY }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 1, { BODY_ARP_REPLY } } }, .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
	{ "learn: not without the flag", VIA_BOTH, SV_ROLE_EDGE, 0,
	  .att = { .flags = XF | SV_ATTACH_SINGLE }, .fan = TO1, .in = { BODY_ARP_REPLY },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { BODY_ARP_REPLY } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) } },
#define CUT(b, n)                                                                                  \
	{                                                                                          \
		"learn: " #b " cut to " #n, VIA_BOTH, SV_ROLE_EDGE, 0,                             \
			.att = { LEARN_ATT }, .fan = TO1, .in = { b, .cut = n },                   \
			.xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { b, .cut = n } } },    \
			.want = {                                                                  \
				A(RECEIVED, 1),                                                    \
				A(FORWARDED, 1)                                                    \
			}                                                                          \
	}
	CUT(BODY_ARP_REPLY, 14),
	CUT(BODY_ARP_REPLY, 41),
	CUT(BODY_NA, 14),
	CUT(BODY_NA, 53),
	CUT(BODY_NA, 69),
	CUT(BODY_NA, 77),
	CUT(BODY_NA, 85),
	CUT(BODY_RS, 69),
	CUT(BODY_RA, 77),

/* ---- the proxy ---- */
#define PROXIED(b, reply)                                                                          \
	{                                                                                          \
		"proxy: " #b, VIA_BOTH, SV_ROLE_VNODE, 0,                                          \
			.att = { GATED_ATT }, .gate = { 0, 1, 1 }, .fan = { OPEN_FAN },            \
			.neigh = true, .in = { b }, .xdp = V_REDIRECT, .tc = V_REDIRECT,           \
			.out = { { 0, { reply } } }, .want = {                                     \
				A(RECEIVED, 1),                                                    \
				A(PROXIED, 1)                                                      \
			}                                                                          \
	}
#define SILENT(b)                                                                                  \
	{                                                                                          \
		"proxy, no answer: " #b, VIA_BOTH, SV_ROLE_VNODE, 0,                               \
			.att = { GATED_ATT }, .gate = { 0, 1, 1 }, .fan = { OPEN_FAN },            \
			.neigh = true, .in = { b }, .xdp = V_DROP, .tc = V_DROP, .want = {         \
				A(RECEIVED, 1),                                                    \
				A(GATE_SHADOW, 1)                                                  \
			}                                                                          \
	}
	PROXIED(BODY_ARP_REQUEST, BODY_ARP_REPLY),
	PROXIED(BODY_NS, BODY_NA),
	PROXIED(BODY_NS_SHORT, BODY_NA_SHORT),
	PROXIED(BODY_NS_LONG, BODY_NA_LONG),
	SILENT(BODY_NS_DAD),
	SILENT(BODY_ARP_PROBE),
	SILENT(BODY_ARP_GRATUITOUS),
	SILENT(BODY_ARP_REPLY),
	SILENT(BODY_NA),
	SILENT(BODY_UDP),
	{ "proxy: cut ARP", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT }, .fan = { OPEN_FAN },
	  .neigh = true, .in = { BODY_ARP_REQUEST, .cut = 41 }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "proxy: cut NS", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT }, .fan = { OPEN_FAN },
	  .neigh = true, .in = { BODY_NS, .cut = 77 }, .xdp = V_DROP, .tc = V_DROP,
	  .want = { A(RECEIVED, 1), A(GATE_HOLD, 1) } },
	{ "proxy: while the gate holds", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .fan = { OPEN_FAN }, .neigh = true, .in = { BODY_ARP_REQUEST }, .xdp = V_REDIRECT,
	  .tc = V_REDIRECT, .out = { { 0, { BODY_ARP_REPLY } } },
	  .want = { A(RECEIVED, 1), A(PROXIED, 1) } },
	{ "proxy: unknown neighbour", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 0, 1, 1 }, .fan = { OPEN_FAN }, .in = { BODY_ARP_REQUEST }, .xdp = V_DROP,
	  .tc = V_DROP, .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1) } },
	{ "proxy: production asks for itself", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 0, ROLE, ROLE }, .fan = { OPEN_FAN }, .neigh = true, .in = { BODY_ARP_REQUEST },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 1, { BODY_ARP_REQUEST } } },
	  .want = { A(RECEIVED, 1), A(FORWARDED, 1) }, .events = 1 },
	{ "proxy: back over a trunk with the tag it came with", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { GATED_WITH(SV_ATTACH_POP | SV_ATTACH_META) }, .gate = { 0, 1, 1 },
	  .fan = { OPEN_FAN }, .neigh = true, .in = { BODY_ARP_REQUEST, VID(0xa005) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 0, { BODY_ARP_REPLY, VID(0xa005) } } },
	  .want = { A(RECEIVED, 1), A(PROXIED, 1) } },
	{ "proxy: ND over a trunk", VIA_BOTH, SV_ROLE_TRUNK, 5, .att = { GATED_ATT },
	  .gate = { 0, 1, 1 }, .fan = { OPEN_FAN }, .neigh = true, .in = { BODY_NS, VID(5) },
	  .xdp = V_REDIRECT, .tc = V_REDIRECT, .out = { { 0, { BODY_NA, VID(5) } } },
	  .want = { A(RECEIVED, 1), A(PROXIED, 1) } },
	{ "proxy: with a session TC copies the question first", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT, .bits = 1, .session = { 1 } }, .gate = { 0, 1, 1 },
	  .fan = { { 1, { TARGET(3, 0) } }, { 2, { PRIMARY(1) } } }, .session = { UP(3) },
	  .neigh = true, .in = { BODY_ARP_REQUEST }, .xdp = V_OTHER, .tc = V_REDIRECT,
	  .out = { { 3, { BODY_ARP_REQUEST } }, { 0, { BODY_ARP_REPLY } } },
	  .want = { A(RECEIVED, 1), A(PROXIED, 1), S(1, MATCHED, 1), S(1, COPIED, 1) } },
	{ "proxy: the same over a trunk, the copy without the tag", VIA_BOTH, SV_ROLE_TRUNK, 5,
	  .att = { GATED_WITH(SV_ATTACH_POP), .bits = 1, .session = { 1 } }, .gate = { 0, 1, 1 },
	  .fan = { { 1, { TARGET(3, 0) } }, { 2, { PRIMARY(1) } } }, .session = { UP(3) },
	  .neigh = true, .in = { BODY_NS, VID(0xa005) }, .xdp = V_OTHER, .tc = V_REDIRECT,
	  .out = { { 3, { BODY_NS } }, { 0, { BODY_NA, VID(0xa005) } } },
	  .want = { A(RECEIVED, 1), A(PROXIED, 1), S(1, MATCHED, 1), S(1, COPIED, 1) } },
	{ "proxy: no question, a session: XDP goes on", VIA_BOTH, SV_ROLE_VNODE, 0,
	  .att = { GATED_ATT, .bits = 1, .session = { 1 } }, .gate = { 0, 1, 1 },
	  .fan = { { 1, { TARGET(3, 0) } } }, .session = { UP(3) }, .neigh = true,
	  .in = { BODY_ARP_REPLY }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 3, { BODY_ARP_REPLY } } },
	  .want = { A(RECEIVED, 1), A(GATE_SHADOW, 1), S(1, MATCHED, 1), S(1, COPIED, 1) } },
	{ "proxy: the port is not in its devmap", VIA_XDP, SV_ROLE_VNODE, 0, .att = { GATED_ATT },
	  .gate = { 0, 1, 1 }, .fan = { OPEN_FAN }, .neigh = true, .in = { BODY_ARP_REQUEST },
	  .dead = 9, .xdp = V_DROP, .want = { A(RECEIVED, 1), A(NO_DEST, 1) } },
	{ "proxy: on the whole segment", VIA_BOTH, SV_ROLE_VNODE, 0, .att = { FDB_GATED },
	  .gate = { 0, 1, 1 }, .fan = { { 0, { PRIMARY(2) } } }, .neigh = true,
	  .in = { BODY_ARP_REQUEST }, .xdp = V_REDIRECT, .tc = V_REDIRECT,
	  .out = { { 0, { BODY_ARP_REPLY } } }, .want = { A(RECEIVED, 1), A(PROXIED, 1) } },
};

static struct lab lab;
static struct dp dp;
static struct dp_wrap wrap;

/* ---- setting a row up ---- */

static uint64_t word(const struct word *w)
{
	return sv_gate_word(w->in_s ? lab_boot_us() + w->in_s * 1000000LL : 0, w->before, w->after);
}

static void set_neigh(void)
{
	struct sv_neigh to = {};
	struct sv_neigh_key v4 = { .edge = EDGE, .addr = { [10] = 0xff, 0xff, 10, 0, 0, 1 } };
	struct sv_neigh_key v6 = { .edge = EDGE };

	memcpy(to.mac, mac_gw, 6);
	memcpy(v6.addr, ip6_gw, 16);
	dp_set(DP_TABLE(&dp, sv_neigh), &v4, &to);
	dp_set(DP_TABLE(&dp, sv_neigh), &v6, &to);
}

static void set_fan(const struct fan *fan)
{
	struct sv_dests dests = {};

	for (; dests.n < 5 && fan->dest[dests.n].kind; dests.n++) {
		const struct dest *d = &fan->dest[dests.n];

		dests.dest[dests.n] = (struct sv_dest){
			.ifindex = d->port < LAB_PORTS ? lab.p[d->port] : 9999,
			.kind = d->kind,
			.bit = d->bit,
			.flags = d->guarded ? SV_DEST_GUARDED : 0,
			.nth = d->nth,
		};
	}
	dp_fanout(&dp, FAN + fan->number, &dests);
}

static void reset_counters(void)
{
	uint32_t zero = 0, id = ID;

	dp_zero(DP_MAP(&dp, sv_count), &zero, sizeof(struct sv_count));
	dp_zero(DP_MAP(&dp, sv_count), &id, sizeof(struct sv_count));
	for (uint32_t s = 0; s <= 4; s++)
		dp_zero(DP_MAP(&dp, sv_scount), &s, sizeof(struct sv_scount));
	for (int i = 0; i < LAB_PORTS; i++)
		dp_zero(DP_MAP(&dp, sv_dcount), &lab.p[i], sizeof(struct sv_dcount));
}

static void set_learned(const struct row *r)
{
	struct sv_fdb_key b = { .segment = SEGMENT };
	struct sv_fdb at = { .member = r->fdb_b };
	struct sv_gate_seen seen = {};
	uint32_t group = GROUP;

	dp_clear_hash(DP_TABLE(&dp, sv_neigh));
	dp_clear_hash(DP_TABLE(&dp, sv_fdb));
	memcpy(b.mac, mac_bb, 6);
	if (r->fdb_b)
		dp_set(DP_TABLE(&dp, sv_fdb), &b, &at);
	if (r->neigh)
		set_neigh();
	dp_set(DP_MAP(&dp, sv_gate_seen), &group, &seen);
	reset_counters();
	dp_events(&dp);
}

static void set_self(bool in, enum sv_port_role role)
{
	struct bpf_devmap_val val = { .ifindex = lab.p[0], .bpf_prog.fd = -1 };

	if (role != SV_ROLE_VNODE)
		val.bpf_prog.fd = bpf_program__fd(dp.devmap->progs.sv_egress);
	bpf_map_delete_elem(DP_MAP(&dp, sv_self), &lab.p[0]);
	if (in)
		dp_set(DP_MAP(&dp, sv_self), &lab.p[0], &val);
}

static void set_other(const struct row *r)
{
	struct sv_attach_key key = { .ifindex = lab.p[r->other.port], .vlan = r->other.vlan };
	struct sv_attach a = { .id = ID + 1, .variants = 1, .port_role = SV_ROLE_EDGE };

	dp_set(DP_MAP(&dp, sv_attach), &key, &a);
}

static void set_up(const struct row *r)
{
	struct sv_attach_key key = { .ifindex = lab.p[0], .vlan = r->vlan };
	struct sv_attach a = r->att;
	struct sv_port exits = {};
	uint32_t id = ID;

	dp_clear_hash(DP_MAP(&dp, sv_attach));
	for (uint32_t n = FAN; n < FAN + 32; n++)
		dp_fanout(&dp, n, &(struct sv_dests){});
	for (int i = 0; i < 4; i++) {
		struct sv_session s = { .up = r->session[i].set && !r->session[i].down,
					.max_len = r->session[i].max_len,
					.ifindex = lab.p[r->session[i].port] };
		uint32_t number = i + 1;

		if (r->fan[i].dest[0].kind)
			set_fan(&r->fan[i]);
		dp_set(DP_MAP(&dp, sv_session), &number, &s);
	}
	for (int i = 0; i < 3; i++) {
		/* Behind each other, with a free one between: the guard looks at all of them. */
		struct sv_exit *to = &exits.exit[i * (SV_EXIT_MAX - 1) / 2];

		*to = r->exit[i].how;
		to->ifindex = r->exit[i].port ? lab.p[r->exit[i].port] : 0;
	}
	dp_set(DP_MAP(&dp, sv_port), &id, &exits);
	a.id = ID;
	a.fanout = FAN;
	a.edge = EDGE;
	a.group = GROUP;
	a.segment = SEGMENT;
	a.variants = a.variants ?: 1;
	a.role = a.role == 255 ? 0 : a.role ?: ROLE;
	a.port_role = r->role;
	a.sessions = a.bits;
	if (!r->none)
		dp_set(DP_MAP(&dp, sv_attach), &key, &a);
	if (r->other.port)
		set_other(r);
	dp_gate(&dp, 2 * GROUP + 1, word(&r->next));
	dp_gate(&dp, 2 * GROUP, word(&r->gate));
	set_self(r->dead != 9, r->role);
}

/* ---- running it ---- */

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

static int run_xdp(const struct row *r, uint8_t *bytes, uint32_t len)
{
	struct xdp_md ctx = { .data_end = len, .ingress_ifindex = lab.p[0] };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);

	lab_must(!bpf_prog_test_run_opts(bpf_program__fd(program(r->role, VIA_XDP)), &opts),
		 r->desc);
	return opts.retval;
}

/* The outer tag goes beside the frame, where the kernel puts it before TC. */
static int run_tc(const struct row *r, uint8_t *bytes, uint32_t len)
{
	struct __sk_buff ctx = { .ifindex = lab.p[0] };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bytes, .data_size_in = len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);
	int prog = bpf_program__fd(program(r->role, VIA_TC));

	if (r->in.tpid)
		prog = dp_wrap_tag(&wrap, bytes, &opts.data_size_in, prog);
	lab_must(!bpf_prog_test_run_opts(prog, &opts), r->desc);
	return opts.retval;
}

static int verdict(enum verdict v, int via)
{
	static const int xdp[] = { XDP_DROP, XDP_REDIRECT, XDP_PASS, XDP_PASS };
	static const int tc[] = { TC_ACT_SHOT, TC_ACT_REDIRECT, TC_ACT_UNSPEC, TC_ACT_UNSPEC };

	return via == VIA_XDP ? xdp[v] : tc[v];
}

/* ---- what came of it ---- */

static int bad;

static void complain(const struct row *r, const char *how, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error("%s [%s]: ", r->desc, how);
	vprint_error(fmt, ap);
	print_error("\n");
	va_end(ap);
	bad++;
}

static int wanted(const struct row *r, char row, int number, int reason)
{
	int n = 0;

	for (size_t i = 0; i < sizeof(r->want) / sizeof(r->want[0]); i++) {
		const struct want *w = &r->want[i];

		if (w->row == row && w->number == number && w->reason == reason)
			n += w->n;
	}
	return n;
}

static void check_row(const struct row *r, const char *how, char row, int number,
		      const struct sv_counter *c, int n, uint32_t len)
{
	for (int i = 0; i < n; i++) {
		int want = wanted(r, row, number, i);

		if ((int)c[i].packets != want || c[i].bytes != (uint64_t)want * len)
			complain(r, how,
				 "counter %c%d[%d]: %llu packets %llu bytes, wanted %d of %u", row,
				 number, i, (unsigned long long)c[i].packets,
				 (unsigned long long)c[i].bytes, want, len);
	}
}

#define IN 1
#define OUT -1
#define DROP -1
#define SIDE 0
#define SIGN(id, kind, name, text) kind,

static void check_sums(const struct row *r, const char *how, const struct sv_counter *c,
		       const int *sign, int n)
{
	int64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += sign[i] * (int64_t)c[i].packets;
	if (sum)
		complain(r, how, "the sums do not close: %lld over", (long long)sum);
}

/* Every counter has exactly the wanted value, and those not wanted are zero. */
static void check_counters(const struct row *r, const char *how, uint32_t len, bool live)
{
	static const int attach_sign[] = { SV_REASONS(SIGN) };
	static const int session_sign[] = { SV_SHEDS(SIGN) };
	struct sv_count zero = dp_count(&dp, 0), a = dp_count(&dp, ID);

	check_row(r, how, '0', 0, zero.r, SV_REASON__COUNT, len);
	check_row(r, how, 'A', 0, a.r, SV_REASON__COUNT, len);
	check_sums(r, how, a.r, attach_sign, SV_REASON__COUNT);
	check_sums(r, how, zero.r, attach_sign, SV_REASON__COUNT);
	for (int s = 1; s <= 4; s++) {
		struct sv_scount sc = dp_scount(&dp, s);

		check_row(r, how, 'S', s, sc.r, SV_SCOUNT__COUNT, len);
		check_sums(r, how, sc.r, session_sign, SV_SCOUNT__COUNT);
	}
	for (int i = 0; live && i < LAB_PORTS; i++) {
		struct sv_dcount d = dp_dcount(&dp, lab.p[i]);

		if ((int)d.r[SV_DEV_GUARD] != wanted(r, 'D', i, SV_DEV_GUARD) ||
		    (int)d.r[SV_DEV_HOST] != wanted(r, 'D', i, SV_DEV_HOST))
			complain(r, how, "p%d: guard %llu host %llu", i,
				 (unsigned long long)d.r[SV_DEV_GUARD],
				 (unsigned long long)d.r[SV_DEV_HOST]);
	}
}

static const struct out *match(const struct row *r, const struct lab_frame *f, unsigned int *seen)
{
	static uint8_t bytes[LAB_FRAME];

	for (int i = 0; i < MAX; i++) {
		const struct out *o = &r->out[i];
		uint32_t len;

		if (*seen & 1 << i || o->port != f->port)
			continue;
		len = frame_build(bytes, &o->pkt);
		/* The answer in a longer question keeps the question's length. */
		if (o->pkt.body == BODY_NA_LONG && len != f->len)
			continue;
		if (len == f->len && !memcmp(bytes, f->bytes, len)) {
			*seen |= 1 << i;
			return o;
		}
	}
	return NULL;
}

static int n_out(const struct row *r)
{
	int n = 0;

	for (int i = 0; i < MAX; i++)
		n += r->out[i].port || r->out[i].pkt.body;
	return n;
}

/* Exactly the frames of the table come out; by TC production's comes first. */
static void check_frames(const struct row *r, const char *how, bool ordered)
{
	unsigned int seen = 0;
	struct lab_frame f;
	int n = n_out(r), got = 0;

	while (lab_next(&lab, &f, got < n ? 500 : 2)) {
		const struct out *o = match(r, &f, &seen);

		got++;
		if (!o)
			complain(r, how, "q%d got %u bytes it should not have", f.port, f.len);
		else if (ordered && got == 1 && o != &r->out[0])
			complain(r, how, "q%d was first", f.port);
	}
	if (got < n)
		complain(r, how, "%d frames came out, wanted %d", got, n);
}

static void check_events(const struct row *r, const char *how)
{
	unsigned int n = dp_events(&dp);

	if ((int)n != r->events)
		complain(r, how, "%u events, wanted %d", n, r->events);
}

/* `seen` has the live role afterwards, and its instant is in the past but not long ago. */
static void check_gate_seen(const struct row *r, const char *how)
{
	struct sv_gate_seen seen;
	uint32_t group = GROUP;

	if (!r->events || dp.event.type != SV_EVENT_GATE)
		return;
	bpf_map_lookup_elem(DP_MAP(&dp, sv_gate_seen), &group, &seen);
	if (seen.role != (r->att.role ?: ROLE) || dp.event.role != seen.role ||
	    dp.event.group != GROUP || dp.event.attach != ID || dp.event.ifindex != lab.p[0] ||
	    seen.at_ns != dp.event.at_ns || seen.at_ns > (lab_boot_us() + 1) * 1000 ||
	    seen.at_ns < (lab_boot_us() - 2000000) * 1000)
		complain(r, how, "sv_gate_seen or its event is wrong");
}

static void test_run_row(const struct row *r, int via)
{
	const char *how = via == VIA_XDP ? "XDP, test run" : "TC, test run";
	uint8_t bytes[LAB_FRAME];
	uint32_t len = frame_build(bytes, &r->in);
	int want = verdict(via == VIA_XDP ? r->xdp : r->tc, via), got;

	set_learned(r);
	got = via == VIA_XDP ? run_xdp(r, bytes, len) : run_tc(r, bytes, len);
	if (got != want)
		complain(r, how, "verdict %d, wanted %d", got, want);
	if (via == VIA_TC || r->xdp == V_DROP || r->xdp == V_REDIRECT)
		check_counters(r, how, len, false);
	else
		check_counters(&(struct row){ .desc = r->desc }, how, len, false);
	lab_drain(&lab);
}

static void live_row(const struct row *r, int via)
{
	const char *how = via == VIA_XDP ? "XDP, alive" : "TC, alive";
	int xdp = bpf_program__fd(program(r->role, VIA_XDP));
	uint8_t bytes[LAB_FRAME];
	uint32_t len = frame_build(bytes, &r->in);

	set_learned(r);
	/* TC is always there, as the loader does it. */
	dp_tc_attach(lab.p[0], bpf_program__fd(program(r->role, VIA_TC)));
	lab_must(!bpf_xdp_attach(lab.p[0], via == VIA_XDP ? xdp : lab.pass, XDP_FLAGS_DRV_MODE,
				 NULL),
		 "XDP attach");
	lab_drain(&lab);
	lab_send(&lab, 0, bytes, len);
	check_frames(r, how, via == VIA_TC && r->want[1].reason == SV_REASON_FORWARDED);
	check_counters(r, how, len, true);
	check_events(r, how);
	check_gate_seen(r, how);
}

/* The kernel itself drops a frame that ends with its tag before TC and sockets see it. */
static bool alive(const struct row *r)
{
	return !r->in.tpid || !(r->in.cut || r->in.body == BODY_MIN);
}

/* Test runs take no more than a page, and at TC nothing that claims to be IPv6 without
 * its header. */
static bool runs(const struct row *r, int via)
{
	if (via == VIA_TC && r->in.cut && r->in.cut < 54 && r->in.body >= BODY_NS &&
	    r->in.body <= BODY_RA_HOPS)
		return false;
	return r->in.body != BODY_JUMBO;
}

static void run_row(const struct row *r)
{
	char name[16];

	set_up(r);
	if (r->dead && r->dead < LAB_PORTS) {
		lab_name(name, 'p', r->dead);
		lab_up(name, false);
	}
	for (int via = VIA_XDP; via <= VIA_TC; via++) {
		if (!(r->via & via))
			continue;
		if (via == VIA_XDP)
			lab_must(!bpf_xdp_attach(lab.p[0], lab.pass, XDP_FLAGS_DRV_MODE, NULL),
				 "XDP");
		if (runs(r, via))
			test_run_row(r, via);
		if (alive(r))
			live_row(r, via);
	}
	if (r->dead && r->dead < LAB_PORTS)
		lab_up(name, true);
}

/* ---- */

static int group_setup(void **state)
{
	(void)state;
	lab_open(&lab);
	lab_mtu(0, 9100);
	lab_mtu(1, 9100);
	dp_tc_hook(lab.p[0]);
	dp_open(&dp);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	dp_close(&dp);
	return 0;
}

static void test_ways(void **state)
{
	(void)state;
	wrap = dp_wrap_make();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i]);
	print_message("# %zu rows\n", sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(bad, 0);
}

/* A counter that no row wants is a counter that could be taken out unseen. */
static void test_every_counter_is_wanted(void **state)
{
	unsigned int a = 0, s = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int j = 0; j < 10; j++) {
			const struct want *w = &rows[i].want[j];

			if (!w->n)
				continue;
			if (w->row == 'A' || w->row == '0')
				a |= 1 << w->reason;
			else if (w->row == 'S')
				s |= 1 << w->reason;
		}
	}
	/* The rest is test_select's. */
	assert_int_equal(a, (1 << SV_REASON_NO_FILTER) - 1);
	assert_int_equal(s, (1 << SV_SCOUNT_SHED_SAMPLE) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_every_counter_is_wanted),
	};

	return cmocka_run_group_tests_name("the way of a packet", tests, group_setup,
					   group_teardown);
}
