// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "internal.h"

/* ---- rows ---- */

static int put_rows(struct sv_plane *plane, const struct sv_record *rec, struct sv_err *err)
{
	struct bpf_devmap_val val = { .ifindex = rec->ifindex }, now;
	int rc = sv_dcount_make(plane, rec->ifindex, rec->role, err);

	/* Nothing is ever answered out of an export port. */
	if (rc || rec->role == SV_ROLE_EXPORT)
		return rc;
	if (!bpf_map_lookup_elem(plane->map[SV_MAP_SELF], &rec->ifindex, &now) &&
	    !!now.bpf_prog.id == sv_role_guarded(rec->role))
		return 0;
	/* One devmap program a device, wherever it is listed; see put_egress(). */
	val.bpf_prog.fd = sv_role_guarded(rec->role) ? plane->egress : -1;
	return sv_map_set(plane, SV_MAP_SELF, &rec->ifindex, &val, err);
}

static int drop_rows(struct sv_plane *plane, __u32 ifindex, struct sv_err *err)
{
	int rc = sv_map_del(plane, SV_MAP_SELF, &ifindex, err);

	/* Only an export port has one. */
	rc = rc ?: sv_export_set(plane, ifindex, NULL, err);
	return rc ?: sv_dcount_drop(plane, ifindex, err);
}

/* ---- one port ---- */

static int put_programs(struct sv_plane *plane, const struct sv_record *rec,
			const struct sv_netdev *dev, bool xdp, struct sv_err *err)
{
	/* TC first: what XDP leaves to it must not meet a gap, and the same backwards. */
	int rc = sv_tc_attach(plane, rec, dev, err);

	if (rc)
		return rc;
	return xdp ? sv_xdp_attach(plane, rec, dev, err) : sv_xdp_detach(rec, err);
}

int sv_record_detach(const struct sv_record *rec, struct sv_err *err)
{
	int rc = sv_xdp_detach(rec, err);

	rc = rc ?: sv_tc_detach(rec, err);
	return rc ?: sv_pin_remove(rec->path, err);
}

static int detach(struct sv_plane *plane, const struct sv_record *rec, struct sv_err *err)
{
	int rc = sv_record_detach(rec, err);

	return rc ?: drop_rows(plane, rec->ifindex, err);
}

bool sv_port_is_attached(struct sv_plane *plane, __u32 ifindex)
{
	struct bpf_devmap_val val;

	return !bpf_map_lookup_elem(plane->map[SV_MAP_SELF], &ifindex, &val);
}

static bool has_rows(struct sv_plane *plane, const struct sv_record *rec)
{
	return rec->role == SV_ROLE_EXPORT || sv_port_is_attached(plane, rec->ifindex);
}

/* Removes what an earlier device of this number, or another role, left. *found: rec is to
 * be used. */
static int adopt(struct sv_plane *plane, struct sv_record *rec, const struct sv_netdev *dev,
		 enum sv_port_role role, bool *found, struct sv_err *err)
{
	_cleanup_free_ struct sv_record *recs = NULL;
	struct sv_netdev now;
	size_t n;
	int rc = sv_record_list(plane->pin, &recs, &n, err);

	*found = false;
	for (size_t i = 0; i < n && !rc; i++) {
		bool alive;

		if (recs[i].ifindex != dev->ifindex)
			continue;
		alive = sv_record_alive(&recs[i], &now);
		/* A device that is gone, or was in another network namespace, has taken its entries
		 * in the fan-outs with it. */
		if (!alive || !has_rows(plane, &recs[i]))
			rc = sv_attach_rebuild(plane, true, err);
		if (!*found && recs[i].role == role && alive) {
			*rec = recs[i];
			*found = true;
		} else {
			rc = rc ?: detach(plane, &recs[i], err);
		}
	}
	return rc;
}

static int new_record(struct sv_plane *plane, struct sv_record *rec, const struct sv_netdev *dev,
		      enum sv_port_role role, struct sv_err *err)
{
	const __u8 *m = dev->mac;
	int rc;

	*rec = (struct sv_record){ .ifindex = dev->ifindex, .role = role };
	memcpy(rec->mac, dev->mac, sizeof(rec->mac));
	rc = sv_pin_path(rec->path, sizeof(rec->path), plane->pin,
			 "ports/%u-%02x%02x%02x%02x%02x%02x-%u", dev->ifindex, m[0], m[1], m[2],
			 m[3], m[4], m[5], role);
	return rc ?: sv_pin_mkdir(rec->path, err);
}

int sv_port_attach(struct sv_plane *plane, __u32 ifindex, enum sv_port_role role, bool xdp,
		   struct sv_err *err)
{
	struct sv_record rec;
	struct sv_netdev dev;
	bool found;
	int rc;

	if (role < SV_ROLE_TRUNK || role >= SV_ROLE__COUNT)
		return sv_err_set(err, -EINVAL, "bad port role %d", role);
	if (role == SV_ROLE_EXPORT && xdp)
		return sv_err_set(err, -EINVAL, "an export port has no XDP program");
	if (!plane->programs)
		return sv_err_set(err, -EINVAL, "this plane was only opened to look");
	if (sv_netdev_get(&dev, ifindex))
		return sv_err_set(err, -ENODEV, "no device with index %u in this network namespace",
				  ifindex);
	rc = adopt(plane, &rec, &dev, role, &found, err);
	if (!rc && !found)
		rc = new_record(plane, &rec, &dev, role, err);
	if (rc)
		return rc;
	rc = put_rows(plane, &rec, err);
	rc = rc ?: put_programs(plane, &rec, &dev, xdp, err);
	if (rc && !found)
		detach(plane, &rec, NULL);
	return rc;
}

int sv_port_detach(struct sv_plane *plane, __u32 ifindex, struct sv_err *err)
{
	_cleanup_free_ struct sv_record *recs = NULL;
	bool found = false;
	size_t n;
	int rc = sv_record_list(plane->pin, &recs, &n, err);

	for (size_t i = 0; i < n && !rc; i++) {
		if (recs[i].ifindex != ifindex)
			continue;
		found = true;
		rc = detach(plane, &recs[i], err);
	}
	if (!rc && !found)
		return sv_err_set(err, -ENOENT, "device %u is not one of the data plane's ports",
				  ifindex);
	return rc;
}

/* The kernel takes the row out with the device. */
/* ---- all ports ---- */

int sv_port_list_pinned(const char *pin, struct sv_port_info **out, size_t *n, struct sv_err *err)
{
	_cleanup_free_ struct sv_record *recs = NULL;
	struct sv_port_info *info;
	struct sv_netdev dev;
	size_t count;
	int rc = sv_record_list(pin, &recs, &count, err);

	if (rc)
		return rc;
	info = calloc(count + 1, sizeof(*info));
	if (!info)
		return sv_err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		info[i].ifindex = recs[i].ifindex;
		info[i].role = recs[i].role;
		info[i].xdp = sv_xdp_how(&recs[i]);
		info[i].tc = sv_tc_how(&recs[i]);
		memcpy(info[i].mac, recs[i].mac, sizeof(info[i].mac));
		if (sv_record_alive(&recs[i], &dev))
			memcpy(info[i].ifname, dev.name, sizeof(info[i].ifname));
	}
	*out = info;
	*n = count;
	return 0;
}

int sv_port_list(struct sv_plane *plane, struct sv_port_info **out, size_t *n, struct sv_err *err)
{
	int rc = sv_port_list_pinned(plane->pin, out, n, err);

	for (size_t i = 0; !rc && i < *n; i++) {
		struct sv_port_info *info = &(*out)[i];

		info->whole = info->tc != SV_TC_NONE && (info->role == SV_ROLE_EXPORT ||
							 sv_port_is_attached(plane, info->ifindex));
	}
	return rc;
}

/* The loaded programs in place of the running ones. Ports whose device is gone wait for
 * the agent. */
int sv_ports_update(struct sv_plane *plane, struct sv_err *err)
{
	_cleanup_free_ struct sv_record *recs = NULL;
	struct sv_netdev dev;
	size_t n;
	int rc = sv_record_list(plane->pin, &recs, &n, err);

	for (size_t i = 0; i < n && !rc; i++) {
		if (sv_record_alive(&recs[i], &dev))
			rc = put_programs(plane, &recs[i], &dev,
					  sv_xdp_how(&recs[i]) != SV_XDP_NONE, err);
	}
	return rc;
}
