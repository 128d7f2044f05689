// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "compile.h"

/* Where copies go on a host, and what sv_session says of it. */

#define BURST_NS 20000000ULL /* of its budget a session may have at once */
#define JUMBO (9000 + 14 + 8) /* the longest frame */

/* ---- devices ---- */

/* Copies come without the VNet's tag, but may have one of their own inside. */
static uint32_t copy_mtu(const struct sv_net_vnet *vnet)
{
	uint32_t mtu = 1500;

	for (size_t s = 0; s < vnet->n_segment; s++)
		if (vnet->segment[s].mtu > mtu)
			mtu = vnet->segment[s].mtu;
	return mtu + 4;
}

static __u32 pair_name(struct sv_names *names, char end, uint16_t number)
{
	char name[16];

	snprintf(name, sizeof(name), "sv%c%u", end, number);
	return sv_names_add(names, name);
}

static int monitor_device(const struct sv_compile *c, const struct sv_net_session *session,
			  struct sv_target_device *device)
{
	const struct sv_net_vnet *monitor = &c->net->vnet[session->monitor];

	for (size_t n = 0; n < monitor->n_vnode; n++) {
		const struct sv_net_vnode *vnode = &monitor->vnode[n];
		int i = vnode->host == c->host ? sv_net_find_iface(vnode, session->iface) : -1;

		if (i < 0)
			continue;
		device->name = sv_names_add(c->names, vnode->spec.iface[i].port);
		device->mtu = vnode->spec.iface[i].mtu;
		return device->name ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

int sv_compile_target(const struct sv_compile *c, const struct sv_net_session *session,
		      struct sv_target_device *device)
{
	*device = (struct sv_target_device){ 0 };
	switch (session->target) {
	case SV_TARGET_INTERFACE:
		return monitor_device(c, session, device);
	case SV_TARGET_RING:
		return 0;
	case SV_TARGET_VXLAN:
	case SV_TARGET_ERSPAN:
		break;
	}
	device->name = pair_name(c->names, 'x', session->number);
	device->mtu = copy_mtu(&c->net->vnet[session->vnet]);
	return device->name ? 0 : -ENOMEM;
}

/* ---- what a session may have ---- */

/* Costs are in 2^-16 ns. The burst lets one longest frame through whatever the budget. */
static void set_budget(struct sv_session *val, const struct sv_net_session *session)
{
	uint64_t one = 0;

	if (session->budget_pps) {
		val->per_frame = (1000000000ULL << 16) / session->budget_pps;
		one = val->per_frame >> 16;
	} else if (session->budget_bps) {
		val->per_byte = (8000000000ULL << 16) / session->budget_bps;
		one = JUMBO * val->per_byte >> 16;
	} else {
		return;
	}
	val->burst_ns = one > BURST_NS ? one : BURST_NS;
}

static void set_sample(struct sv_session *val, const struct sv_net_session *session)
{
	if (session->sample < 2)
		return;
	val->keep = ((1ULL << 32) + session->sample / 2) / session->sample;
	val->flags = session->flows ? SV_SESSION_FLOWS : 0;
}

static void set_session(struct sv_session *val, const struct sv_net_session *session,
			const struct sv_target_device *device)
{
	if (device->name) {
		val->kind = SV_SESSION_DEVICE;
		val->ifindex = device->name;
		val->max_len = device->mtu + 14 + 4;
	} else {
		val->kind = SV_SESSION_RING;
		val->up = 1;
	}
	val->snap = session->snap;
	set_sample(val, session);
	set_budget(val, session);
}

/* ---- pairs for collectors ---- */

static int add_export(struct sv_compile *c, const struct sv_net_session *session,
		      const struct sv_target_device *device)
{
	struct sv_host_export *out = sv_grow(&c->out->export, &c->out->n_export, sizeof(*out));
	bool udp = session->target == SV_TARGET_VXLAN;

	if (!out)
		return -ENOMEM;
	*out = (struct sv_host_export){
		.number = session->number,
		.outer = device->name,
		.inner = pair_name(c->names, 'y', session->number),
		.mtu = device->mtu,
		.longest = device->mtu - 4 + 14,
		.val = { .remote = session->address_be,
			 .id = session->id < 0 ? session->number : session->id,
			 .port = udp ? htons(session->port) : 0,
			 .kind = udp ? SV_EXPORT_VXLAN : SV_EXPORT_ERSPAN },
	};
	strcpy(out->name, session->name);
	if (session->snap && session->snap < out->longest)
		out->longest = session->snap;
	if (!out->inner || sv_compile_port(c->out, out->outer, SV_ROLE_VNODE, true))
		return -ENOMEM;
	return sv_compile_port(c->out, out->inner, SV_ROLE_EXPORT, true);
}

/* ---- all of a host's ---- */

static bool taps_here(const struct sv_compile *c, const struct sv_net_session *session)
{
	for (size_t i = 0; !session->left_out && i < session->n_at; i++)
		if (c->net->vnet[session->vnet].vnode[session->at[i].vnode].host == c->host)
			return true;
	return false;
}

static int add_session(struct sv_compile *c, const struct sv_net_session *session)
{
	struct sv_target_device device;
	struct sv_host_session *out;
	int rc = sv_compile_target(c, session, &device);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	out = sv_grow(&c->out->session, &c->out->n_session, sizeof(*out));
	if (!out)
		return -ENOMEM;
	out->number = session->number;
	strcpy(out->name, session->name);
	set_session(&out->val, session, &device);
	if (session->target == SV_TARGET_VXLAN || session->target == SV_TARGET_ERSPAN)
		return add_export(c, session, &device);
	return 0;
}

static int check_rings(const struct sv_compile *c)
{
	size_t n = 0;

	for (size_t s = 0; s < c->out->n_session; s++)
		n += c->out->session[s].val.kind == SV_SESSION_RING;
	if (n <= SV_TAP_MAX)
		return 0;
	return sv_err_set(c->err, -ENOSPC, "%s: more than %u sessions to rings: stop one",
			  c->net->host[c->host].name, SV_TAP_MAX);
}

int sv_compile_sessions(struct sv_compile *c)
{
	int rc = 0;

	for (size_t s = 0; !rc && s < c->net->n_session; s++)
		if (taps_here(c, &c->net->session[s]))
			rc = add_session(c, &c->net->session[s]);
	return rc ?: check_rings(c);
}
