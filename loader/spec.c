// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

void sv_attach_spec_fini(struct sv_attach_spec *spec)
{
	free(spec->fan);
	free(spec->port);
	*spec = (struct sv_attach_spec){};
}

static bool same_val(const struct sv_attach *a, const struct sv_attach *b)
{
	struct sv_attach x = *a, y = *b;

	x.fanout = y.fanout = 0;
	x.pad = y.pad = 0;
	return !memcmp(&x, &y, sizeof(x));
}

static bool same_fan(const struct sv_dests *a, const struct sv_dests *b)
{
	return a->n == b->n && !memcmp(a->dest, b->dest, a->n * sizeof(a->dest[0]));
}

static bool has_port(const struct sv_attach_spec *spec, __u32 ifindex, __u16 nth,
		     const struct sv_port *how)
{
	for (size_t i = 0; i < spec->n_port; i++) {
		if (spec->port[i].ifindex == ifindex && spec->port[i].nth == nth &&
		    !memcmp(&spec->port[i].how, how, sizeof(*how)))
			return true;
	}
	return false;
}

bool sv_attach_spec_equal(const struct sv_attach_spec *a, const struct sv_attach_spec *b)
{
	if (a->key.ifindex != b->key.ifindex || a->key.vlan != b->key.vlan ||
	    !same_val(&a->val, &b->val) || a->n_fan != b->n_fan || a->n_port != b->n_port)
		return false;
	for (size_t i = 0; i < a->n_fan; i++) {
		if (!same_fan(&a->fan[i], &b->fan[i]))
			return false;
	}
	for (size_t i = 0; i < a->n_port; i++) {
		if (!has_port(b, a->port[i].ifindex, a->port[i].nth, &a->port[i].how))
			return false;
	}
	return true;
}

static const char *bad(const struct sv_attach_spec *spec)
{
	const struct sv_attach *val = &spec->val;

	if (!spec->key.ifindex)
		return "no device";
	if (spec->key.vlan > 4094)
		return "its VLAN is beyond 4094";
	if (!val->id || val->id >= SV_ATTACH_MAX)
		return "its id is out of range";
	if (val->bits > SV_SESSION_BITS)
		return "too many sessions";
	if (!val->variants)
		return "no variants";
	if (val->group >= SV_GROUP_MAX)
		return "its group is out of range";
	if ((val->flags & SV_ATTACH_GATED) && (val->flags & SV_ATTACH_LIVE))
		return "GATED and LIVE exclude each other";
	if (spec->n_fan != sv_attach_fanouts(val))
		return "the number of its fan-outs is wrong";
	for (size_t i = 0; i < spec->n_fan; i++) {
		if (spec->fan[i].n > SV_DEST_MAX)
			return "too many destinations";
	}
	for (int i = 0; i < SV_SESSION_BITS; i++) {
		if (val->session[i] >= SV_SESSION_MAX)
			return "a session number is out of range";
	}
	return NULL;
}

int sv_attach_spec_check(const struct sv_attach_spec *spec, struct sv_err *err)
{
	const char *why = bad(spec);

	return why ? sv_err_set(err, -EINVAL, "attachment %u (device %u, VLAN %u): %s",
				spec->val.id, spec->key.ifindex, spec->key.vlan, why)
		   : 0;
}
