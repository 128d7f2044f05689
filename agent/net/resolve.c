// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "host.h"
#include "internal.h"

/* Between compile and plan: what is not there is left out, and attachments get their numbers. */

/* ---- devices that are missing ---- */

static bool is_there(const struct sv_host_state *actual, const struct sv_host_port *port)
{
	for (size_t p = 0; p < actual->n_port; p++) {
		const struct sv_host_port *now = &actual->port[p];

		if (now->name == port->name && now->exists)
			return now->attached || !port->refused;
	}
	return false;
}

static bool is_missing(const struct sv_host_state *desired, __u32 name)
{
	for (size_t p = 0; p < desired->n_port; p++)
		if (desired->port[p].name == name)
			return desired->port[p].missing;
	return false;
}

static void drop_dests(const struct sv_host_state *desired, struct sv_dests *fan)
{
	__u32 n = 0;

	for (__u32 d = 0; d < fan->n; d++)
		if (!is_missing(desired, fan->dest[d].ifindex))
			fan->dest[n++] = fan->dest[d];
	memset(&fan->dest[n], 0, (SV_DEST_MAX - n) * sizeof(fan->dest[0]));
	fan->n = n;
}

static void drop_exits(const struct sv_host_state *desired, struct sv_attach_spec *spec)
{
	size_t n = 0;

	for (size_t p = 0; p < spec->n_port; p++)
		if (!is_missing(desired, spec->port[p].ifindex))
			spec->port[n++] = spec->port[p];
	spec->n_port = n;
}

static void drop_attach(struct sv_host_state *state, size_t index)
{
	sv_attach_spec_fini(&state->attach[index].spec);
	memmove(&state->attach[index], &state->attach[index + 1],
		(state->n_attach - index - 1) * sizeof(state->attach[0]));
	state->n_attach--;
}

static void drop_missing(struct sv_host_state *desired)
{
	for (size_t a = 0; a < desired->n_attach;) {
		struct sv_attach_spec *spec = &desired->attach[a].spec;

		if (is_missing(desired, spec->key.ifindex)) {
			drop_attach(desired, a);
			continue;
		}
		for (size_t f = 0; f < spec->n_fan; f++)
			drop_dests(desired, &spec->fan[f]);
		drop_exits(desired, spec);
		a++;
	}
}

static void find_missing_sessions(struct sv_host_state *desired)
{
	for (size_t s = 0; s < desired->n_session; s++)
		desired->session[s].missing = is_missing(desired, desired->session[s].val.ifindex);
}

static void port_not_made(struct sv_host_state *desired, __u32 name, bool refused)
{
	for (size_t p = 0; p < desired->n_port; p++) {
		if (desired->port[p].name != name)
			continue;
		desired->port[p].made = false;
		desired->port[p].refused |= refused;
	}
}

/* Nobody makes the ports of what is left out. */
static void leave_out(struct sv_host_state *desired)
{
	for (size_t n = 0; n < desired->n_vnode; n++) {
		const struct sv_vnode_spec *spec = &desired->vnode[n].spec;

		for (size_t i = 0; desired->vnode[n].left_out && i < spec->n_iface; i++) {
			__u32 name = sv_names_find(desired->names, spec->iface[i].port);

			port_not_made(desired, name, desired->vnode[n].ports_left_out);
		}
	}
	for (size_t e = 0; e < desired->n_export; e++)
		if (desired->export[e].left_out) {
			port_not_made(desired, desired->export[e].outer, true);
			port_not_made(desired, desired->export[e].inner, true);
		}
}

static void find_missing(struct sv_host_state *desired, const struct sv_host_state *actual)
{
	bool any = false;

	for (size_t p = 0; p < desired->n_port; p++) {
		struct sv_host_port *port = &desired->port[p];

		port->missing = !port->made && !is_there(actual, port);
		any |= port->missing;
	}
	if (!any)
		return;
	drop_missing(desired);
	find_missing_sessions(desired);
}

/* ---- numbers ---- */

static const struct sv_attach_spec *spec_of(const struct sv_host_state *state, __u32 port,
					    uint16_t vlan)
{
	for (size_t a = 0; a < state->n_attach; a++)
		if (state->attach[a].spec.key.ifindex == port &&
		    state->attach[a].spec.key.vlan == vlan)
			return &state->attach[a].spec;
	return NULL;
}

/* Copies cut at another length for a moment harm nobody. */
static bool exit_agrees(const struct sv_exit *a, const struct sv_exit *b)
{
	return a->flags == b->flags && (a->arg == b->arg || a->flags == SV_EXIT_SNAP);
}

/*
 * Rows of sv_port are written one by one and before the attachment that they belong to: a row with
 * another meaning under the same id would for a moment put frames on another VLAN.
 */
static bool exits_agree(const struct sv_attach_spec *a, const struct sv_attach_spec *b)
{
	for (size_t i = 0; i < a->n_port; i++)
		for (size_t j = 0; j < b->n_port; j++)
			if (a->port[i].ifindex == b->port[j].ifindex &&
			    a->port[i].nth == b->port[j].nth &&
			    !exit_agrees(&a->port[i], &b->port[j]))
				return false;
	return true;
}

static void keep_ids(struct sv_host_state *desired, const struct sv_host_state *actual, bool *taken)
{
	for (size_t a = 0; a < actual->n_attach; a++)
		if (actual->attach[a].spec.val.id < SV_ATTACH_MAX)
			taken[actual->attach[a].spec.val.id] = true;
	for (size_t a = 0; a < desired->n_attach; a++) {
		struct sv_attach_spec *spec = &desired->attach[a].spec;
		const struct sv_attach_spec *old =
			spec_of(actual, spec->key.ifindex, spec->key.vlan);

		spec->val.id = old && exits_agree(old, spec) ? old->val.id : 0;
	}
}

static int new_ids(struct sv_host_state *desired, const bool *taken, struct sv_err *err)
{
	__u32 id = 1;

	for (size_t a = 0; a < desired->n_attach; a++) {
		struct sv_attach_spec *spec = &desired->attach[a].spec;

		if (spec->val.id)
			continue;
		while (id < SV_ATTACH_MAX && taken[id])
			id++;
		if (id == SV_ATTACH_MAX)
			return sv_err_set(err, -ENOSPC, "more than %u attachments on this host",
					  SV_ATTACH_MAX - 1);
		spec->val.id = id++;
	}
	return 0;
}

static const struct sv_session *ring_of(const struct sv_host_state *state, uint16_t number)
{
	for (size_t s = 0; s < state->n_session; s++)
		if (state->session[s].number == number &&
		    state->session[s].val.kind == SV_SESSION_RING)
			return &state->session[s].val;
	return NULL;
}

/* A session keeps its rings, and none gets those of another that is still there: when all are
 * taken, it is `missing` until they have gone. */
static void set_taps(struct sv_host_state *desired, const struct sv_host_state *actual)
{
	bool taken[SV_TAP_MAX] = { false };
	uint16_t tap = 0;

	for (size_t s = 0; s < actual->n_session; s++)
		if (actual->session[s].val.kind == SV_SESSION_RING &&
		    actual->session[s].val.tap < SV_TAP_MAX)
			taken[actual->session[s].val.tap] = true;
	for (size_t s = 0; s < desired->n_session; s++) {
		struct sv_host_session *session = &desired->session[s];
		const struct sv_session *old = ring_of(actual, session->number);

		if (session->val.kind != SV_SESSION_RING)
			continue;
		while (!old && tap < SV_TAP_MAX && taken[tap])
			tap++;
		session->missing = !old && tap == SV_TAP_MAX;
		if (!session->missing)
			session->val.tap = old ? old->tap : tap++;
	}
}

/* Without its edge a GATED attachment keeps edge 0: nothing was learned there, nothing is asked. */
static void set_edges(struct sv_host_state *desired)
{
	for (size_t a = 0; a < desired->n_attach; a++) {
		struct sv_host_attach *attach = &desired->attach[a];
		const struct sv_attach_spec *edge =
			attach->edge_port ? spec_of(desired, attach->edge_port, attach->edge_vlan)
					  : NULL;

		attach->spec.val.edge = edge ? edge->val.id : 0;
	}
}

int sv_host_resolve(struct sv_host_state *desired, const struct sv_host_state *actual,
		    struct sv_err *err)
{
	_cleanup_free_ bool *taken = calloc(SV_ATTACH_MAX, sizeof(*taken));
	int rc;

	if (!taken)
		return sv_err_set(err, -ENOMEM, "out of memory");
	leave_out(desired);
	find_missing(desired, actual);
	keep_ids(desired, actual, taken);
	rc = new_ids(desired, taken, err);
	if (rc)
		return rc;
	set_edges(desired);
	set_taps(desired, actual);
	return 0;
}
