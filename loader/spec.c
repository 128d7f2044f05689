// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

void sv_attach_spec_fini(struct sv_attach_spec *spec)
{
	for (int i = 0; i < SV_SESSION_BITS; i++)
		free(spec->filter[i]);
	free(spec->fan);
	free(spec->port);
	*spec = (struct sv_attach_spec){};
}

static bool same_val(const struct sv_attach *a, const struct sv_attach *b)
{
	struct sv_attach x = *a, y = *b;

	x.fanout = y.fanout = 0;
	x.filter = y.filter = 0;
	return !memcmp(&x, &y, sizeof(x));
}

static bool same_fan(const struct sv_dests *a, const struct sv_dests *b)
{
	return a->n == b->n && !memcmp(a->dest, b->dest, a->n * sizeof(a->dest[0]));
}

bool sv_attach_spec_same_fans(const struct sv_attach_spec *a, const struct sv_attach_spec *b)
{
	if (a->n_fan != b->n_fan)
		return false;
	for (size_t i = 0; i < a->n_fan; i++) {
		if (!same_fan(&a->fan[i], &b->fan[i]))
			return false;
	}
	return true;
}

static bool has_port(const struct sv_attach_spec *spec, const struct sv_exit *exit)
{
	for (size_t i = 0; i < spec->n_port; i++) {
		if (!memcmp(&spec->port[i], exit, sizeof(*exit)))
			return true;
	}
	return false;
}

static bool same_ports(const struct sv_attach_spec *a, const struct sv_attach_spec *b)
{
	if (a->n_port != b->n_port)
		return false;
	for (size_t i = 0; i < a->n_port; i++) {
		if (!has_port(b, &a->port[i]))
			return false;
	}
	return true;
}

static bool same_points(const struct sv_attach_spec *a, const struct sv_attach_spec *b)
{
	for (int i = 0; i < SV_SESSION_BITS; i++) {
		if (a->val.session[i] && !sv_point_same(&a->point[i], &b->point[i]))
			return false;
	}
	return true;
}

bool sv_attach_spec_equal(const struct sv_attach_spec *a, const struct sv_attach_spec *b)
{
	return a->key.ifindex == b->key.ifindex && a->key.vlan == b->key.vlan &&
	       same_val(&a->val, &b->val) && sv_attach_spec_same_fans(a, b) && same_ports(a, b) &&
	       same_points(a, b);
}

static const char *bad_ports(const struct sv_attach_spec *spec)
{
	for (size_t i = 0; i < spec->n_port; i++) {
		if (!spec->port[i].ifindex)
			return "a way out has no device";
		for (size_t j = 0; j < i; j++) {
			if (spec->port[i].ifindex == spec->port[j].ifindex &&
			    spec->port[i].nth == spec->port[j].nth)
				return "a way out is there twice";
		}
	}
	return NULL;
}

static const char *bad_filter(const struct sv_attach_spec *spec)
{
	const struct sv_attach *val = &spec->val;

	if (!(val->flags & SV_ATTACH_FILTER) != !val->digest)
		return "FILTER and the digest disagree";
	if (val->digest != sv_filter_digest(spec->filter))
		return "the digest is not that of its filters";
	return NULL;
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
	if (val->sessions > SV_SESSION_BITS || val->bits > val->sessions)
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
	return bad_ports(spec) ?: bad_filter(spec);
}

int sv_attach_spec_check(const struct sv_attach_spec *spec, struct sv_err *err)
{
	const char *why;

	if (spec->n_port > SV_EXIT_MAX)
		return sv_err_set(err, -ENOSPC,
				  "attachment %u (device %u, VLAN %u): %zu ways out, there is room "
				  "for %d trunks, edges and cutting monitors",
				  spec->val.id, spec->key.ifindex, spec->key.vlan, spec->n_port,
				  SV_EXIT_MAX);
	why = bad(spec);
	return why ? sv_err_set(err, -EINVAL, "attachment %u (device %u, VLAN %u): %s",
				spec->val.id, spec->key.ifindex, spec->key.vlan, why)
		   : 0;
}
