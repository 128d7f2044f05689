// SPDX-License-Identifier: GPL-2.0-only
/*
 * svnet's own rows: a data plane under a pin folder of its own, in the caller's network namespace,
 * with the attachments that the agent's compiler makes for such a network. Commands are lines on
 * standard input, each is answered by "ok" or "error: …"; the end of the input purges everything.
 *
 *	port DEV ROLE xdp|tc            attach the programs
 *	session none                    the rows that follow have no sessions
 *	session TO PPS FILTER…          … have this one too: TO is a device or "ring" (128 bytes of
 *	                                each frame), PPS its budget or 0, FILTER may be empty;
 *	                                devices before rings
 *	row PATH TAG SHADOW xdp|tc      the attachments of one row; SHADOW: "shadow" or "none"
 *	many N xdp|tc                   N virtual links in transit, VLANs 1 … N
 *	share PERCENT|default           of a busy CPU's time for selection; 100: all
 *	counters                        what the attachments and the sessions counted
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "loader/cleanup.h"
#include "loader/plane.h"

#define IN_VLAN 100
#define OUT_VLAN 200
#define GROUP 1
#define LIVE_ROLE 1
#define PORTS_MAX 4
#define RING_SNAP 128
#define BURST_NS 20000000 /* as the agent gives it */
#define WORDS_MAX 40

/* The devices: in and out of the host, to and from the VNode, and to a shadow. */
enum { D_IN, D_OUT, V_IN, V_OUT, SHADOW, N_DEV };
static const char *const dev_name[N_DEV] = { "d0", "d1", "v0", "v1", "h0" };

/* A session's number is its place in bench.session, plus one. */
struct wish {
	struct sv_session session;
	char filter[192]; /* "" = everything */
};

struct bench {
	struct sv_plane *plane;
	__u32 dev[N_DEV];
	size_t n_session;
	struct wish session[SV_SESSION_BITS];
	struct sv_err err;
};

struct row {
	bool vnode, xdp, shadow, push, pop;
};

/* ---- one attachment ---- */

static void add_dest(struct sv_dests *dests, __u32 ifindex, enum sv_dest_kind kind, __u8 bit,
		     __u8 flags)
{
	dests->dest[dests->n++] = (struct sv_dest){
		.ifindex = ifindex,
		.kind = kind,
		.bit = bit,
		.flags = flags,
	};
}

static int alloc_spec(struct sv_attach_spec *spec)
{
	spec->n_fan = sv_attach_fanouts(&spec->val);
	spec->fan = calloc(spec->n_fan, sizeof(*spec->fan));
	spec->port = calloc(PORTS_MAX, sizeof(*spec->port));
	return spec->fan && spec->port ? 0 : -ENOMEM;
}

static void add_exit(struct sv_attach_spec *spec, __u32 ifindex, __u16 vlan, __u8 flags)
{
	spec->port[spec->n_port++] = (struct sv_exit){
		.ifindex = ifindex,
		.arg = vlan,
		.flags = flags,
	};
}

/* What the sessions want of an attachment that has them. */
static int add_sessions(struct bench *b, struct sv_attach_spec *spec)
{
	for (size_t i = 0; i < b->n_session; i++) {
		const struct wish *w = &b->session[i];

		spec->val.session[i] = i + 1;
		spec->val.bits += w->session.kind == SV_SESSION_DEVICE;
		spec->val.sessions++;
		strcpy(spec->point[i].vnet, "bench");
		strcpy(spec->point[i].point, "in");
		spec->point[i].direction = SV_POINT_IN;
		spec->filter[i] = w->filter[0] ? strdup(w->filter) : NULL;
		if (w->filter[0] && !spec->filter[i])
			return -ENOMEM;
	}
	spec->val.digest = sv_filter_digest(spec->filter);
	spec->val.flags |= spec->val.digest ? SV_ATTACH_FILTER : 0;
	return 0;
}

/* Fills fan-outs: the primary wherever the gate is open, the shadow, the sessions of the mask. */
static void fill_fans(struct bench *b, struct sv_attach_spec *spec, const struct row *row,
		      __u32 primary, bool guarded)
{
	const struct sv_attach *a = &spec->val;

	for (__u32 variant = 0; variant < a->variants; variant++) {
		for (__u32 mask = 0; mask < 1u << a->bits; mask++) {
			struct sv_dests *d = &spec->fan[(variant << a->bits) + mask];
			enum sv_dest_kind kind = SV_DEST_PRIMARY;

			if (a->flags & SV_ATTACH_LIVE && variant != a->role)
				kind = SV_DEST_SHADOW;
			if (!(a->flags & SV_ATTACH_GATED) || variant)
				add_dest(d, primary, kind, 0, guarded ? SV_DEST_GUARDED : 0);
			if (a->flags & SV_ATTACH_LIVE && row->shadow)
				add_dest(d, b->dev[SHADOW], SV_DEST_SHADOW, 0, 0);
			for (__u32 bit = 0; bit < a->bits; bit++)
				if (mask >> bit & 1)
					add_dest(d, b->session[bit].session.ifindex,
						 SV_DEST_SESSION, bit, 0);
		}
	}
}

/* What came in from outside: towards a trunk (wire), or towards the VNode. */
static int make_ingress(struct bench *b, struct sv_attach_spec *spec, const struct row *row)
{
	bool gated = !row->vnode && row->pop; /* a trunk towards an edge of this host */
	bool shared = !gated && row->shadow; /* the edge of a group of one asks no gate */

	spec->key = (struct sv_attach_key){ b->dev[D_IN], row->pop ? IN_VLAN : 0, 0 };
	spec->val = (struct sv_attach){
		.id = 1,
		.edge = 1,
		.group = GROUP,
		.role = LIVE_ROLE,
		.port_role = gated ? SV_ROLE_TRUNK : SV_ROLE_EDGE,
		.variants = gated    ? 2
			    : shared ? 3
				     : 1,
		.flags = (gated ? SV_ATTACH_GATED : SV_ATTACH_LEARN) |
			 (shared ? SV_ATTACH_LIVE : 0) | (row->xdp ? SV_ATTACH_XDP : 0) |
			 (row->pop ? SV_ATTACH_POP : 0) |
			 (row->vnode || !row->xdp ? 0 : SV_ATTACH_META) |
			 (!shared && row->xdp ? SV_ATTACH_SINGLE : 0),
	};
	if (add_sessions(b, spec) || alloc_spec(spec))
		return -ENOMEM;
	fill_fans(b, spec, row, b->dev[row->vnode ? V_IN : D_OUT], !row->vnode);
	if (!row->vnode)
		add_exit(spec, b->dev[D_OUT], row->push ? OUT_VLAN : 0,
			 (row->push ? SV_EXIT_PUSH : 0) | (gated ? SV_EXIT_GATED : 0));
	return 0;
}

/* What the VNode sends: out by an edge, or tagged by a trunk. */
static int make_egress(struct bench *b, struct sv_attach_spec *spec, const struct row *row)
{
	const struct row plain = { .vnode = true, .xdp = row->xdp };

	spec->key = (struct sv_attach_key){ b->dev[V_OUT], 0, 0 };
	spec->val = (struct sv_attach){
		.id = 2,
		.edge = row->push ? 0 : 1,
		.group = GROUP,
		.role = LIVE_ROLE,
		.port_role = SV_ROLE_VNODE,
		.variants = row->push ? 1 : 2,
		.flags = (row->push ? 0 : SV_ATTACH_GATED) |
			 (row->xdp ? SV_ATTACH_XDP | SV_ATTACH_META | SV_ATTACH_SINGLE : 0),
	};
	if (alloc_spec(spec))
		return -ENOMEM;
	fill_fans(b, spec, &plain, b->dev[D_OUT], true);
	add_exit(spec, b->dev[D_OUT], row->push ? OUT_VLAN : 0,
		 row->push ? SV_EXIT_PUSH : SV_EXIT_GATED);
	return 0;
}

/* The way back, so that TCP has acknowledgements and the edge's neighbours are reached. */
static int make_return(struct bench *b, struct sv_attach_spec *spec, const struct row *row,
		       __u32 id, __u32 from, __u32 to, bool to_edge)
{
	const struct row plain = { .vnode = true, .xdp = row->xdp };
	__u16 fast = row->xdp ? SV_ATTACH_XDP | SV_ATTACH_SINGLE : 0;

	spec->key = (struct sv_attach_key){ from, 0, 0 };
	spec->val = (struct sv_attach){
		.id = id,
		.edge = to_edge ? 1 : id,
		.group = GROUP,
		.role = LIVE_ROLE,
		.port_role = to_edge ? SV_ROLE_VNODE : SV_ROLE_EDGE,
		.variants = to_edge ? 2 : 1,
		.flags = fast | (to_edge ? SV_ATTACH_GATED | (row->xdp ? SV_ATTACH_META : 0)
					 : SV_ATTACH_LEARN),
	};
	if (alloc_spec(spec))
		return -ENOMEM;
	fill_fans(b, spec, &plain, to, to_edge);
	if (to_edge)
		add_exit(spec, to, 0, SV_EXIT_GATED);
	return 0;
}

/* ---- commands ---- */

static int clear(struct bench *b)
{
	struct sv_attach_spec *spec = NULL;
	_cleanup_free_ struct sv_attach_key *key = NULL;
	size_t n = 0;
	int rc = sv_attach_list(b->plane, &spec, &n, &b->err);

	if (rc)
		return rc;
	key = calloc(n + 1, sizeof(*key));
	for (size_t i = 0; i < n; i++) {
		if (key)
			key[i] = spec[i].key;
		sv_attach_spec_fini(&spec[i]);
	}
	free(spec);
	if (!key)
		return -ENOMEM;
	return n ? sv_attach_del(b->plane, key, n, &b->err) : 0;
}

static int set_gate_and_sessions(struct bench *b)
{
	int rc = sv_gate_set(b->plane, GROUP, 0, sv_gate_word(0, LIVE_ROLE, LIVE_ROLE), &b->err);

	for (size_t i = 0; i < SV_SESSION_BITS && !rc; i++)
		rc = sv_session_set(b->plane, i + 1, &b->session[i].session, &b->err);
	return rc;
}

static int add_session(struct bench *b, const char *to, unsigned int pps, const char *filter)
{
	struct wish *w = &b->session[b->n_session];

	if (b->n_session == SV_SESSION_BITS || strlen(filter) >= sizeof(w->filter))
		return sv_err_set(&b->err, -ENOSPC, "too many sessions, or too long a filter");
	strcpy(w->filter, filter);
	w->session = (struct sv_session){ .up = 1 };
	if (!strcmp(to, "ring")) {
		w->session.kind = SV_SESSION_RING;
		w->session.snap = RING_SNAP;
		w->session.tap = b->n_session;
	} else {
		w->session.kind = SV_SESSION_DEVICE;
		w->session.ifindex = if_nametoindex(to);
		w->session.max_len = 1518;
	}
	if (pps) {
		w->session.per_frame = (1000000000ull << 16) / pps;
		w->session.burst_ns = BURST_NS;
	}
	b->n_session++;
	return 0;
}

static int set_session(struct bench *b, char **word, size_t n)
{
	char filter[256] = "";

	if (n == 2 && !strcmp(word[1], "none")) {
		memset(b->session, 0, sizeof(b->session));
		b->n_session = 0;
		return 0;
	}
	if (n < 3)
		return sv_err_set(&b->err, -EINVAL, "session none, or session TO PPS FILTER…");
	for (size_t i = 3; i < n; i++) {
		size_t at = strlen(filter);

		snprintf(filter + at, sizeof(filter) - at, "%s%s", i > 3 ? " " : "", word[i]);
	}
	return add_session(b, word[1], atoi(word[2]), filter);
}

static int set_row(struct bench *b, const struct row *row)
{
	struct sv_attach_spec spec[4] = {};
	size_t n = 0;
	int rc = clear(b) ?: set_gate_and_sessions(b);

	rc = rc ?: make_ingress(b, &spec[n++], row);
	if (row->vnode) {
		rc = rc ?: make_egress(b, &spec[n++], row);
		if (!row->pop && !row->push) {
			rc = rc
				     ?: make_return(b, &spec[n++], row, 3, b->dev[V_IN],
						    b->dev[D_IN], true);
			rc = rc
				     ?: make_return(b, &spec[n++], row, 4, b->dev[D_OUT],
						    b->dev[V_OUT], false);
		}
	}
	rc = rc ?: sv_attach_set(b->plane, spec, n, &b->err);
	while (n)
		sv_attach_spec_fini(&spec[--n]);
	return rc;
}

/* Virtual links that only cross this host: the tag stays, no gate, one way. */
static int make_transit(struct bench *b, struct sv_attach_spec *spec, __u16 vlan, bool xdp)
{
	const struct row plain = { .xdp = xdp };

	spec->key = (struct sv_attach_key){ b->dev[D_IN], vlan, 0 };
	spec->val = (struct sv_attach){
		.id = vlan,
		.port_role = SV_ROLE_TRUNK,
		.variants = 1,
		.flags = xdp ? SV_ATTACH_XDP | SV_ATTACH_META | SV_ATTACH_SINGLE : 0,
	};
	if (alloc_spec(spec))
		return -ENOMEM;
	fill_fans(b, spec, &plain, b->dev[D_OUT], true);
	add_exit(spec, b->dev[D_OUT], 0, 0);
	return 0;
}

static int set_many(struct bench *b, unsigned int n, bool xdp)
{
	struct sv_attach_spec *spec = calloc(n + 1, sizeof(*spec));
	int rc = spec ? clear(b) : -ENOMEM;

	for (unsigned int i = 0; i < n && !rc; i++)
		rc = make_transit(b, &spec[i], i + 1, xdp);
	rc = rc ?: sv_attach_set(b->plane, spec, n, &b->err);
	for (unsigned int i = 0; spec && i < n; i++)
		sv_attach_spec_fini(&spec[i]);
	free(spec);
	return rc;
}

static int set_port(struct bench *b, const char *name, const char *role, bool xdp)
{
	enum sv_port_role r = !strcmp(role, "edge")    ? SV_ROLE_EDGE
			      : !strcmp(role, "trunk") ? SV_ROLE_TRUNK
						       : SV_ROLE_VNODE;

	for (int i = 0; i < N_DEV; i++)
		if (!strcmp(dev_name[i], name))
			b->dev[i] = if_nametoindex(name);
	return sv_port_attach(b->plane, if_nametoindex(name), r, xdp, &b->err);
}

static int show_sessions(struct bench *b)
{
	for (__u16 number = 1; number <= b->n_session; number++) {
		struct sv_scount count;
		int rc = sv_scount_get(b->plane, number, &count, &b->err);

		if (rc)
			return rc;
		for (int r = 0; r < SV_SCOUNT__COUNT; r++)
			if (count.r[r].packets)
				printf("session %u: %s %llu\n", number, sv_scount_name(r),
				       count.r[r].packets);
	}
	return 0;
}

static int show_counters(struct bench *b)
{
	for (__u32 id = 0; id < 5; id++) {
		struct sv_count count;
		int rc = sv_count_get(b->plane, id, &count, &b->err);

		if (rc)
			return rc;
		for (int r = 0; r < SV_REASON__COUNT; r++)
			if (count.r[r].packets)
				printf("attachment %u: %s %llu\n", id, sv_reason_name(r),
				       count.r[r].packets);
	}
	return show_sessions(b);
}

static int run(struct bench *b, char *line)
{
	char *word[WORDS_MAX] = {};
	size_t n = 0;
	bool xdp;

	for (char *w = strtok(line, " \n"); w && n < WORDS_MAX; w = strtok(NULL, " \n"))
		word[n++] = w;
	xdp = n && !strcmp(word[n - 1], "xdp");
	if (n && !strcmp(word[0], "session"))
		return set_session(b, word, n);
	if (n == 1 && !strcmp(word[0], "counters"))
		return show_counters(b);
	if (n == 2 && !strcmp(word[0], "share"))
		return sv_share_set(b->plane,
				    strcmp(word[1], "default") ? atoi(word[1]) : SV_SHARE_DEFAULT,
				    &b->err);
	if (n == 4 && !strcmp(word[0], "port"))
		return set_port(b, word[1], word[2], xdp);
	if (n == 3 && !strcmp(word[0], "many"))
		return set_many(b, atoi(word[1]), xdp);
	if (n == 5 && !strcmp(word[0], "row")) {
		const struct row row = {
			.vnode = !strcmp(word[1], "vnode"),
			.push = !strcmp(word[2], "push"),
			.pop = !strcmp(word[2], "pop"),
			.shadow = !strcmp(word[3], "shadow"),
			.xdp = xdp,
		};
		return set_row(b, &row);
	}
	return sv_err_set(&b->err, -EINVAL, "unknown command");
}

int main(int argc, char **argv)
{
	struct bench b = {};
	char line[512];
	bool fresh;
	int rc;

	if (argc != 2) {
		fprintf(stderr, "usage: plane PIN\n");
		return 1;
	}
	rc = sv_plane_open(&b.plane, argv[1], &fresh, &b.err);
	if (rc) {
		fprintf(stderr, "plane: %s\n", b.err.text);
		sv_plane_purge(argv[1], NULL);
		return 1;
	}
	printf("ok\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		b.err.text[0] = 0;
		rc = run(&b, line);
		if (rc)
			printf("error: %s: %s\n", strerror(-rc), b.err.text);
		else
			printf("ok\n");
		fflush(stdout);
	}
	sv_plane_close(b.plane);
	return sv_plane_purge(argv[1], &b.err) ? 1 : 0;
}
