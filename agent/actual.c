// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent.h"
#include "export.h"
#include "gate.h"
#include "json.h"
#include "link.h"
#include "loader/cleanup.h"

enum { DESCRIPTORS = 64 }; /* more than a reading has open at a time */

/* Shared by the steps of one reading. */
struct reading {
	struct agent *agent;
	struct sv_host_state *state;
	const struct sv_host_state *desired;
	struct sv_err *err;
};

static void *grow(void *array, size_t *n, size_t size)
{
	char *bigger = reallocarray(array, *n + 1, size);

	if (bigger)
		memset(bigger + (*n)++ * size, 0, size);
	return bigger;
}

__u32 sv_actual_ifindex(const struct agent *agent, __u32 name)
{
	const char *text = sv_names_get(&agent->names, name);

	if (!text)
		return 0;
	return *text == '#' ? strtoul(text + 1, NULL, 10) : sv_link_index(text);
}

/* A device that is gone still has its number in our maps. */
static __u32 name_of(struct reading *r, __u32 ifindex)
{
	char name[16];

	if (!ifindex)
		return 0;
	if (!sv_link_name(ifindex, name))
		snprintf(name, sizeof(name), "#%u", ifindex);
	return sv_names_add(r->state->names, name);
}

/* ---- ports ---- */

static struct sv_host_port *port_find(struct sv_host_state *state, __u32 name)
{
	for (size_t i = 0; i < state->n_port; i++)
		if (state->port[i].name == name)
			return &state->port[i];
	return NULL;
}

static int add_port(struct reading *r, const struct sv_host_port *port)
{
	struct sv_host_port *ports =
		grow(r->state->port, &r->state->n_port, sizeof(*r->state->port));
	const char *name = sv_names_get(r->state->names, port->name);
	struct sv_link_info info;

	if (!ports)
		return -ENOMEM;
	r->state->port = ports;
	ports += r->state->n_port - 1;
	*ports = *port;
	ports->exists = *name != '#' && !sv_link_get(r->agent->link, name, &info, NULL);
	ports->up = ports->exists && info.up;
	return 0;
}

static bool port_is_wanted(const struct reading *r, __u32 name)
{
	for (size_t i = 0; i < r->desired->n_port; i++)
		if (r->desired->port[i].name == name)
			return true;
	return false;
}

/* The pins of a device that is gone, or what is half attached, is to be detached; unless a device
 * of that number has a name that is wanted: then it is to be attached. */
static int add_attached(struct reading *r, const struct sv_port_info *info)
{
	struct sv_host_port port = { .role = info->role, .xdp = info->xdp != SV_XDP_NONE };

	port.name = name_of(r, info->ifindex);
	port.attached = (info->ifname[0] && info->whole) || !port_is_wanted(r, port.name);
	return port.name ? add_port(r, &port) : -ENOMEM;
}

static int read_ports(struct reading *r)
{
	struct sv_port_info *info = NULL;
	size_t n = 0;
	int rc;

	rc = sv_port_list(r->agent->plane, &info, &n, r->err);
	for (size_t i = 0; !rc && i < n; i++)
		rc = add_attached(r, &info[i]);
	free(info);
	for (size_t i = 0; !rc && i < r->desired->n_port; i++) {
		const struct sv_host_port *want = &r->desired->port[i];
		struct sv_host_port port = { .name = want->name, .role = want->role };

		if (!port_find(r->state, want->name))
			rc = add_port(r, &port);
	}
	return rc;
}

/* ---- VNodes ---- */

static int add_vnode(struct reading *r, struct sv_vnode_status *status)
{
	struct sv_host_vnode *vnode =
		grow(r->state->vnode, &r->state->n_vnode, sizeof(*r->state->vnode));

	if (!vnode)
		return -ENOMEM;
	r->state->vnode = vnode;
	vnode += r->state->n_vnode - 1;
	strcpy(vnode->spec.vnet, status->vnet);
	strcpy(vnode->spec.name, status->name);
	strcpy(vnode->spec.driver, status->driver);
	vnode->spec.tier = status->tier;
	vnode->spec.json = TAKE_PTR(status->spec_json);
	vnode->state = status->state;
	/* The operator stopped it by hand: the plan is not to start it. */
	if (sv_state_halted(r->agent, status->vnet, status->name) &&
	    (status->state == SV_VNODE_DEFINED || status->state == SV_VNODE_PAUSED))
		vnode->state = SV_VNODE_RUNNING;
	return 0;
}

static int read_vnodes(struct reading *r)
{
	for (size_t d = 0; d < r->agent->n_driver; d++) {
		struct sv_vnode_driver *drv = &r->agent->driver[d];
		struct sv_vnode_status *status = NULL;
		size_t n = 0;
		int rc;

		rc = drv->ops->list(drv, &status, &n, r->err);
		for (size_t i = 0; i < n; i++) {
			if (!rc)
				rc = add_vnode(r, &status[i]);
			free(status[i].spec_json);
		}
		free(status);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- attachments, sessions, groups ---- */

static void spec_to_names(struct reading *r, struct sv_attach_spec *spec)
{
	spec->key.ifindex = name_of(r, spec->key.ifindex);
	for (size_t i = 0; i < spec->n_fan; i++)
		for (__u32 d = 0; d < spec->fan[i].n; d++)
			spec->fan[i].dest[d].ifindex = name_of(r, spec->fan[i].dest[d].ifindex);
	for (size_t i = 0; i < spec->n_port; i++)
		spec->port[i].ifindex = name_of(r, spec->port[i].ifindex);
}

static int read_attachments(struct reading *r)
{
	struct sv_attach_spec *specs = NULL;
	size_t n = 0;
	int rc;

	rc = sv_attach_list(r->agent->plane, &specs, &n, r->err);
	if (rc)
		return rc;
	r->state->attach = calloc(n ?: 1, sizeof(*r->state->attach));
	for (size_t i = 0; i < n; i++) {
		if (r->state->attach) {
			spec_to_names(r, &specs[i]);
			r->state->attach[r->state->n_attach++].spec = specs[i];
		} else {
			sv_attach_spec_fini(&specs[i]);
		}
	}
	free(specs);
	return r->state->attach ? 0 : -ENOMEM;
}

static int read_sessions(struct reading *r)
{
	for (int number = 1; number < SV_SESSION_MAX; number++) {
		struct sv_host_session *session;
		struct sv_session val;
		int rc = sv_session_get(r->agent->plane, number, &val, r->err);

		if (rc)
			return rc;
		if (val.kind == SV_SESSION_NONE)
			continue;
		session = grow(r->state->session, &r->state->n_session, sizeof(*session));
		if (!session)
			return -ENOMEM;
		r->state->session = session;
		session += r->state->n_session - 1;
		session->number = number;
		session->val = val;
		session->val.ifindex = name_of(r, val.ifindex);
	}
	return 0;
}

static struct sv_host_group *add_group(struct reading *r)
{
	struct sv_host_group *group =
		grow(r->state->group, &r->state->n_group, sizeof(*r->state->group));

	if (!group)
		return NULL;
	r->state->group = group;
	return group + r->state->n_group - 1;
}

static bool is_wanted(const struct reading *r, const char *group)
{
	for (size_t i = 0; i < r->desired->n_group; i++)
		if (r->desired->group[i].edge && !strcmp(r->desired->group[i].name, group))
			return true;
	return false;
}

/* Gates that were opened here for groups that are not here any more. */
static int read_gone_groups(struct reading *r)
{
	const cJSON *gate;

	cJSON_ArrayForEach (gate, sv_obj_get(r->agent->state, "gates")) {
		struct sv_host_group *group;

		if (is_wanted(r, gate->string))
			continue;
		group = add_group(r);
		if (!group)
			return -ENOMEM;
		group->slot = gate->valuedouble;
		group->edge = true;
		snprintf(group->name, sizeof(group->name), "%s", gate->string);
	}
	return 0;
}

static int read_groups(struct reading *r)
{
	for (size_t i = 0; i < r->desired->n_group; i++) {
		const struct sv_host_group *want = &r->desired->group[i];
		struct sv_host_group *group = add_group(r);
		__u64 word[2] = { 0 };

		if (!group)
			return -ENOMEM;
		*group = *want;
		group->fresh = sv_gate_is_fresh(r->agent, want);
		group->role = 0;
		if (want->edge && !sv_gate_get(r->agent->plane, want->slot, word, NULL))
			group->role = sv_gate_role(word, sv_gate_now_us());
	}
	return read_gone_groups(r);
}

/* With too few left, what cannot be opened would look as if it were gone, and be made anew. */
static int check_descriptors(const struct agent *agent, struct sv_err *err)
{
	int fd[DESCRIPTORS], n = 0, rc = 0;

	while (!rc && n < DESCRIPTORS) {
		fd[n] = fcntl(agent->lock_fd, F_DUPFD_CLOEXEC, 0);
		if (fd[n] < 0)
			rc = sv_err_set(err, -errno,
					"fewer than %d descriptors are left (%s); raise svnetd's "
					"limit (LimitNOFILE)",
					DESCRIPTORS, strerror(errno));
		else
			n++;
	}
	while (n)
		close(fd[--n]);
	return rc;
}

int sv_actual_read(struct agent *agent, struct sv_host_state *actual,
		   const struct sv_host_state *desired, struct sv_err *err)
{
	struct sv_host_state state = { .names = &agent->names };
	struct reading r = { agent, &state, desired, err };
	int rc = check_descriptors(agent, err);

	if (!rc)
		rc = read_ports(&r);
	if (!rc)
		rc = read_vnodes(&r);
	if (!rc)
		rc = read_attachments(&r);
	if (!rc)
		rc = read_sessions(&r);
	if (!rc)
		rc = sv_export_list(agent, &state.export, &state.n_export, err);
	if (!rc)
		rc = read_groups(&r);
	if (rc) {
		sv_host_state_fini(&state);
		return rc;
	}
	*actual = state;
	return 0;
}
