// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "loader/plane.h"

/* Sessions: which packets, which part of them, and where the copies go. */

#define SNAP_MIN 80 /* bpf_skb_change_tail() refuses to cut into the headers */
#define SNAP_MAX 9216
#define PRIORITY_MAX 7
#define VXLAN_PORT 4789
#define VNI_MAX ((1 << 24) - 1)
#define ERSPAN_ID_MAX ((1 << 10) - 1)

/* ---- where to ---- */

int sv_target_find(const char *name)
{
	static const char *const names[] = {
		[SV_TARGET_RING] = "ring",
		[SV_TARGET_VXLAN] = "vxlan",
		[SV_TARGET_ERSPAN] = "erspan",
	};

	for (int i = SV_TARGET_RING; i <= SV_TARGET_ERSPAN; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

static bool is_export(const struct sv_net_session *session)
{
	return session->target == SV_TARGET_VXLAN || session->target == SV_TARGET_ERSPAN;
}

static void load_interface(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			   const char *to, struct sv_net_session *session)
{
	const char *iface = sv_json_str(json, "interface");

	session->monitor = sv_net_find_vnet(l->net, to);
	if (session->monitor < 0 || l->net->vnet[session->monitor].kind != SV_VNET_MONITOR)
		return sv_load_bad(l, SV_PATH(at, "to"), "there is no monitoring VNet \"%s\"", to);
	if (iface && sv_load_name(l, SV_PATH(at, "interface"), iface, 15))
		strcpy(session->iface, iface);
}

static void load_collector(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			   struct sv_net_session *session)
{
	static const char *const vxlan[] = { "address", "port", "id", NULL };
	static const char *const erspan[] = { "address", "id", NULL };
	bool udp = session->target == SV_TARGET_VXLAN;
	const cJSON *collector = sv_json_get(json, "collector");
	const struct sv_path *below = SV_PATH(at, "collector");
	const char *address;

	if (!collector)
		return sv_load_bad(l, below, "is missing: who is to get the copies");
	if (!sv_load_members(l, below, collector, udp ? vxlan : erspan))
		return;
	address = sv_json_str(collector, "address") ?: "";
	if (sv_parse_host_address(address, &session->address_be))
		sv_load_bad(l, SV_PATH(below, "address"), "\"%s\" is not a host's IPv4 address",
			    address);
	session->port = sv_load_int(l, below, collector, "port", VXLAN_PORT, 1, 65535);
	session->id = sv_load_int(l, below, collector, "id", -1, 0, udp ? VNI_MAX : ERSPAN_ID_MAX);
}

static void load_target(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			struct sv_net_session *session)
{
	const char *to = sv_json_str(json, "to") ?: "";
	int target = sv_target_find(to);

	session->target = target < 0 ? SV_TARGET_INTERFACE : target;
	session->monitor = session->id = -1;
	if (session->target == SV_TARGET_INTERFACE)
		load_interface(l, at, json, to, session);
	else if (sv_json_get(json, "interface"))
		sv_load_bad(l, SV_PATH(at, "interface"), "is for copies to a monitoring VNet");
	if (is_export(session))
		load_collector(l, at, json, session);
	else if (sv_json_get(json, "collector"))
		sv_load_bad(l, SV_PATH(at, "collector"), "is for \"vxlan\" and \"erspan\"");
}

/* ---- which packets, and what of them ---- */

static int parse_direction(const char *text)
{
	if (!text || !strcmp(text, "both"))
		return SV_DIR_IN | SV_DIR_OUT;
	if (!strcmp(text, "in"))
		return SV_DIR_IN;
	return strcmp(text, "out") ? 0 : SV_DIR_OUT;
}

static void load_filter(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			struct sv_net_session *session)
{
	const char *filter = sv_load_string(l, at, json, "filter");
	struct sv_err err = { 0 };

	if (!filter)
		return;
	if (sv_filter_check(filter, &err))
		return sv_load_bad(l, SV_PATH(at, "filter"), "%s", err.text);
	session->filter = strdup(filter);
	l->nomem |= !session->filter;
}

static void load_sample(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			struct sv_net_session *session)
{
	const char *sample = sv_load_string(l, at, json, "sample");

	session->sample = 1;
	if (sample && sv_parse_sample(sample, &session->flows, &session->sample))
		sv_load_bad(l, SV_PATH(at, "sample"),
			    "\"%s\" is not \"packets/N\" or \"flows/N\", N being 1 … 1000000",
			    sample);
}

static void load_budget(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			struct sv_net_session *session)
{
	const char *budget = sv_load_string(l, at, json, "budget");

	if (budget && sv_parse_budget(budget, &session->budget_pps, &session->budget_bps))
		sv_load_bad(l, SV_PATH(at, "budget"),
			    "\"%s\" is not copies or bits a second, 1pps … 100000000pps or 32kbit "
			    "… 400gbit",
			    budget);
}

static void load_snap(struct sv_load *l, const struct sv_path *at, const cJSON *json,
		      struct sv_net_session *session)
{
	int64_t snap = sv_load_int(l, at, json, "snap", 0, 0, SNAP_MAX);

	if (snap && snap < SNAP_MIN)
		sv_load_bad(l, SV_PATH(at, "snap"), "%jd is not 0 (all) or %u … %u", (intmax_t)snap,
			    SNAP_MIN, SNAP_MAX);
	session->snap = snap;
}

static void load_session(struct sv_load *l, const struct sv_path *at, const cJSON *json)
{
	static const char *const known[] = { "of",     "direction", "at",	 "to",
					     "filter", "interface", "sample",	 "snap",
					     "budget", "priority",  "collector", NULL };
	const char *of = sv_json_str(json, "of") ?: "";
	struct sv_net_session *session;
	int vnet;

	if (!sv_load_members(l, at, json, known) || !sv_load_name(l, at, json->string, SV_NAME - 1))
		return;
	vnet = sv_net_find_vnet(l->net, of);
	if (vnet < 0 || l->net->vnet[vnet].kind == SV_VNET_MONITOR)
		return sv_load_bad(l, SV_PATH(at, "of"), "there is no VNet \"%s\" to monitor", of);
	session = sv_grow(&l->net->session, &l->net->n_session, sizeof(*session));
	if (!session) {
		l->nomem = true;
		return;
	}
	strcpy(session->name, json->string);
	session->vnet = vnet;
	session->direction = parse_direction(sv_json_str(json, "direction"));
	if (!session->direction)
		sv_load_bad(l, SV_PATH(at, "direction"), "must be \"in\", \"out\" or \"both\"");
	session->priority = sv_load_int(l, at, json, "priority", 0, 0, PRIORITY_MAX);
	load_filter(l, at, json, session);
	load_sample(l, at, json, session);
	load_budget(l, at, json, session);
	load_snap(l, at, json, session);
	load_target(l, at, json, session);
	sv_load_points(l, SV_PATH(at, "at"), session, sv_json_get(json, "at"));
}

/* ---- sessions among each other ---- */

/* The kernel runs one devmap program for a whole bulk of a device: all its copies are cut, and to
 * the same length, or none is. */
static void check_shared(struct sv_load *l, const struct sv_path *at,
			 const struct sv_net_session *a, const struct sv_net_session *b)
{
	if (a->target != SV_TARGET_INTERFACE || b->target != SV_TARGET_INTERFACE ||
	    a->monitor != b->monitor || strcmp(a->iface, b->iface) || a->snap == b->snap)
		return;
	sv_load_bad(l, SV_PATH(at, "snap"),
		    "is %u, but %s with %u shares interface %s:%s: give both the same, or another "
		    "interface",
		    b->snap, a->name, a->snap, l->net->vnet[a->monitor].name, a->iface);
}

static void check_own_interface(struct sv_load *l, const struct sv_path *at,
				const struct sv_net_session *session)
{
	const struct sv_net_vnet *monitor;

	if (!session->snap || session->target != SV_TARGET_INTERFACE || session->monitor < 0)
		return;
	monitor = &l->net->vnet[session->monitor];
	for (size_t n = 0; n < monitor->n_vnode; n++) {
		int i = sv_net_find_iface(&monitor->vnode[n], session->iface);

		if (i >= 0 && sv_net_segment_of(monitor, n, i) >= 0)
			return sv_load_bad(l, SV_PATH(at, "snap"),
					   "cuts all that interface %s:%s gets, and that is the "
					   "end of a link: give the copies another interface",
					   monitor->name, session->iface);
	}
}

void sv_load_sessions(struct sv_load *l, const cJSON *doc)
{
	const cJSON *sessions = sv_json_get(doc, "sessions"), *session;
	const struct sv_path *at = SV_PATH(NULL, "sessions");

	cJSON_ArrayForEach (session, sessions)
		load_session(l, SV_PATH(at, session->string), session);
	for (size_t s = 0; s < l->net->n_session; s++) {
		const struct sv_path *below = SV_PATH(at, l->net->session[s].name);

		check_own_interface(l, below, &l->net->session[s]);
		for (size_t o = 0; o < s; o++)
			check_shared(l, below, &l->net->session[o], &l->net->session[s]);
	}
}
