// SPDX-License-Identifier: GPL-2.0-only
#include "export.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "agent/vnode/netns.h"
#include "link.h"
#include "log.h"
#include "pair.h"
#include "way.h"

enum { TTL = 64 };

struct ends {
	char outer[16], inner[16];
};

static struct ends ends_of(__u16 number)
{
	struct ends ends;

	snprintf(ends.outer, sizeof(ends.outer), "svx%u", number);
	snprintf(ends.inner, sizeof(ends.inner), "svy%u", number);
	return ends;
}

/* ---- the way ---- */

/* Also one that is only about to become an edge. */
static bool is_edge(void *arg, __u32 ifindex)
{
	struct agent *agent = arg;
	struct sv_dcount row;
	char name[16];

	if (!sv_dcount_get(agent->plane, ifindex, &row, NULL) && row.role == SV_ROLE_EDGE)
		return true;
	if (!sv_link_name(ifindex, name))
		return false;
	for (size_t i = 0; i < agent->desired.n_port; i++) {
		const struct sv_host_port *port = &agent->desired.port[i];

		if (port->role == SV_ROLE_EDGE &&
		    !strcmp(sv_names_get(&agent->names, port->name), name))
			return true;
	}
	return false;
}

static int find_way(struct agent *agent, __be32 remote, struct sv_way *way, struct sv_err *err)
{
	char text[INET_ADDRSTRLEN];
	int rc = sv_way_find(way, remote, err);

	if (rc)
		return rc;
	rc = sv_way_check_edges(way->dev, is_edge, agent, err);
	if (!rc)
		return 0;
	inet_ntop(AF_INET, &remote, text, sizeof(text));
	return sv_err_prefix(err, rc, "the route to %s by %s", text, way->dev_name);
}

static int check_length(const struct sv_host_export *export, const struct sv_way *way,
			struct sv_err *err)
{
	__u32 need = export->longest + SV_EXPORT_OUTER_LEN;
	char text[INET_ADDRSTRLEN];

	if (need <= way->mtu)
		return 0;
	inet_ntop(AF_INET, &export->val.remote, text, sizeof(text));
	return sv_err_set(
		err, -EMSGSIZE,
		"copies of up to %u bytes and %u bytes of outer headers make packets of "
		"%u, but the way to %s by %s has MTU %u: raise it, or cut the copies with "
		"--snap %u",
		export->longest, SV_EXPORT_OUTER_LEN, need, text, way->dev_name, way->mtu,
		way->mtu > SV_EXPORT_OUTER_LEN ? way->mtu - SV_EXPORT_OUTER_LEN : 0);
}

/* The row for the data plane. */
static struct sv_export row_of(const struct sv_host_export *export, const struct sv_way *way)
{
	struct sv_export row = export->val;

	row.local = way->local;
	row.dev = way->dev;
	row.mtu = way->mtu;
	row.ttl = TTL;
	row.seq = 0;
	return row;
}

/* ---- making and dropping ---- */

static int set_row(struct agent *agent, const char *inner, const struct sv_export *row,
		   struct sv_err *err)
{
	__u32 ifindex = sv_link_index(inner);

	if (!ifindex)
		return row ? sv_err_set(err, -ENODEV, "device %s: no such device", inner) : 0;
	return sv_export_set(agent->plane, ifindex, row, err);
}

int sv_export_make(struct agent *agent, const struct sv_host_export *export, struct sv_err *err)
{
	struct ends ends = ends_of(export->number);
	struct sv_export row;
	struct sv_way way;
	bool fresh;
	int rc;

	rc = find_way(agent, export->val.remote, &way, err);
	rc = rc ?: check_length(export, &way, err);
	if (rc) {
		if (sv_pair_exists(ends.outer, ends.inner))
			set_row(agent, ends.inner, NULL, NULL);
		return rc;
	}
	rc = sv_pair_make(ends.outer, ends.inner, export->mtu, &fresh, err);
	if (rc)
		return rc;
	row = row_of(export, &way);
	rc = set_row(agent, ends.inner, &row, err);
	if (rc && fresh)
		sv_pair_drop(ends.outer, ends.inner, NULL);
	/* So that the first copy finds its next hop. */
	if (!rc)
		sv_way_probe(&way, NULL);
	return rc;
}

int sv_export_drop(struct agent *agent, __u16 number, struct sv_err *err)
{
	struct ends ends = ends_of(number);
	int rc = 0;

	if (!sv_pair_exists(ends.outer, ends.inner))
		return 0;
	if (agent->plane)
		rc = set_row(agent, ends.inner, NULL, err);
	return rc ?: sv_pair_drop(ends.outer, ends.inner, err);
}

/* ---- what is there ---- */

static bool number_of(const char *outer, __u16 *number)
{
	unsigned long n;
	char *end;

	if (strncmp(outer, "svx", 3) || outer[3] < '1' || outer[3] > '9')
		return false;
	n = strtoul(outer + 3, &end, 10);
	*number = n;
	return !*end && n < SV_SESSION_MAX;
}

static int read_pair(struct agent *agent, struct sv_host_export *out, __u16 number)
{
	struct ends ends = ends_of(number);
	struct sv_link_info info;

	*out = (struct sv_host_export){ .number = number };
	out->outer = sv_names_add(&agent->names, ends.outer);
	out->inner = sv_names_add(&agent->names, ends.inner);
	if (!out->outer || !out->inner)
		return -ENOMEM;
	if (sv_link_get(agent->link, ends.inner, &info, NULL))
		return 0;
	out->mtu = info.mtu;
	/* An end that was changed by hand: another MTU is asked for than both have. */
	if (!sv_link_get(agent->link, ends.outer, &info, NULL) && info.mtu != out->mtu)
		out->mtu = 0;
	if (agent->plane && sv_export_get(agent->plane, sv_link_index(ends.inner), &out->val, NULL))
		out->val = (struct sv_export){ 0 };
	return 0;
}

int sv_export_list(struct agent *agent, struct sv_host_export **out, size_t *n, struct sv_err *err)
{
	struct if_nameindex *devices = if_nameindex();
	struct sv_host_export *list;
	size_t count = 0, max = 0;
	int rc = 0;

	if (!devices)
		return sv_err_set(err, -errno, "list of devices: %s", strerror(errno));
	while (devices[max].if_index)
		max++;
	list = calloc(max ?: 1, sizeof(*list));
	for (size_t i = 0; list && !rc && i < max; i++) {
		__u16 number;

		if (!number_of(devices[i].if_name, &number) ||
		    !sv_pair_exists(ends_of(number).outer, ends_of(number).inner))
			continue;
		rc = read_pair(agent, &list[count++], number);
	}
	if_freenameindex(devices);
	if (!list || rc) {
		free(list);
		return sv_err_set(err, -ENOMEM, "out of memory");
	}
	*out = list;
	*n = count;
	return 0;
}

/* ---- once a second ---- */

static void stop_sending(struct agent *agent, const struct sv_host_export *export,
			 const char *inner, const char *why)
{
	struct sv_export now;

	if (sv_export_get(agent->plane, sv_link_index(inner), &now, NULL))
		return;
	if (!set_row(agent, inner, NULL, NULL))
		sv_log_error("session %s sends nothing any more: %s", export->name, why);
}

static void follow(struct agent *agent, const struct sv_host_export *export, const char *inner,
		   const struct sv_way *way)
{
	struct sv_export row = row_of(export, way), now = { 0 };
	struct sv_err err = { 0 };

	if (!sv_export_get(agent->plane, sv_link_index(inner), &now, NULL))
		row.seq = now.seq;
	if (!memcmp(&row, &now, sizeof(row)))
		return;
	if (set_row(agent, inner, &row, &err))
		sv_log_error("session %s: %s", export->name, err.text);
	else
		sv_log_info("session %s: its copies leave by %s", export->name, way->dev_name);
}

static void tick(struct agent *agent, const struct sv_host_export *export)
{
	struct ends ends = ends_of(export->number);
	struct sv_err err = { 0 };
	struct sv_link_info info;
	struct sv_way way;
	int rc;

	if (sv_link_get(agent->link, ends.inner, &info, NULL))
		return;
	if (info.up)
		sv_napi_set_threaded_here(ends.inner, true, NULL);
	rc = find_way(agent, export->val.remote, &way, &err);
	if (rc == -EPERM) {
		stop_sending(agent, export, ends.inner, err.text);
	} else if (!rc) {
		follow(agent, export, ends.inner, &way);
		sv_way_probe(&way, NULL);
	}
}

void sv_export_tick(struct agent *agent)
{
	for (size_t i = 0; i < agent->desired.n_export; i++)
		if (!agent->desired.export[i].left_out)
			tick(agent, &agent->desired.export[i]);
}
