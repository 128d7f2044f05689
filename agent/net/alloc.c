// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"
#include "maps/gate.h"
#include "retired.h"

/*
 * What is chosen once and kept: VLANs, ports, MACs, group slots and roles, session numbers. Names
 * and numbers that another host may still know in an older meaning are not given again: ports and
 * segments never, VLANs, slots and roles in rotation, and not before all hosts have let go of them.
 */

#define ROLE_ROUND                                                                                 \
	8 /* roles rotate below this as long as a group is small: variants cost fan-outs */

static void key2(char *key, size_t size, const char *a, const char *b)
{
	snprintf(key, size, "%s/%s", a, b);
}

static void key3(char *key, size_t size, const struct sv_net_vnode *vnode, size_t iface)
{
	snprintf(key, size, "%s/%s/%s", vnode->spec.vnet, vnode->spec.name,
		 vnode->spec.iface[iface].name);
}

static bool mac_is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !memcmp(mac, zero, 6);
}

/* Calls fn for every VNode interface, productions before their shadows. */
static int each_iface(struct sv_net *net,
		      int (*fn)(struct sv_net *net, struct sv_net_vnet *vnet,
				struct sv_net_vnode *vnode, size_t iface, void *arg),
		      void *arg)
{
	for (size_t v = 0; v < net->n_vnet; v++)
		for (size_t n = 0; n < net->vnet[v].n_vnode; n++) {
			struct sv_net_vnode *vnode = &net->vnet[v].vnode[n];

			for (size_t i = 0; i < vnode->spec.n_iface; i++) {
				int rc = fn(net, &net->vnet[v], vnode, i, arg);

				if (rc)
					return rc;
			}
		}
	return 0;
}

/* ---- from the document into the net ---- */

struct fill {
	const cJSON *alloc;
	struct sv_problems *problems;
	int rc;
};

static void fill_missing(struct fill *f, const char *list, const char *key)
{
	if (f->problems)
		f->rc = sv_problem_add(f->problems, SV_PATH(SV_PATH(NULL, "alloc"), list),
				       "%s is missing", key);
}

static int fill_iface(struct sv_net *net, struct sv_net_vnet *vnet, struct sv_net_vnode *vnode,
		      size_t i, void *arg)
{
	struct sv_vnode_iface *iface = &vnode->spec.iface[i];
	struct fill *f = arg;
	const cJSON *entry;
	const char *port, *mac;
	char key[128];

	(void)net;
	(void)vnet;
	if (sv_net_is_external(vnode))
		return 0;
	key3(key, sizeof(key), vnode, i);
	entry = sv_json_get(sv_json_get(f->alloc, "ports"), key);
	port = sv_json_str(entry, "port");
	mac = sv_json_str(entry, "mac");
	if (port && strlen(port) < sizeof(iface->port))
		strcpy(iface->port, port);
	else
		fill_missing(f, "ports", key);
	if (mac_is_zero(iface->mac) && (!mac || sv_parse_mac(mac, iface->mac)))
		fill_missing(f, "ports", key);
	return 0;
}

static void fill_segments(struct sv_net *net, struct sv_net_vnet *vnet, bool *used, struct fill *f)
{
	for (size_t s = 0; s < vnet->n_segment; s++) {
		struct sv_net_segment *segment = &vnet->segment[s];
		int crosses, host;
		char key[128];

		key2(key, sizeof(key), vnet->name, segment->name);
		segment->id = sv_json_num(sv_json_get(f->alloc, "segments"), key);
		crosses = sv_tree_segment(net, vnet, segment, used, &host);
		if (crosses > 0)
			segment->vid = sv_json_num(sv_json_get(f->alloc, "vlans"), key);
		if (!segment->id)
			fill_missing(f, "segments", key);
		if (crosses > 0 && (!segment->vid || segment->vid > 4094))
			fill_missing(f, "vlans", key);
		if (crosses == -ENOMEM)
			f->rc = -ENOMEM;
	}
}

/* Who is heard after a reboot: what was confirmed last. */
static uint8_t settled_role(const struct sv_net *net, int group, const cJSON *flip)
{
	const char *kind = sv_json_str(flip, "kind") ?: "", *name;
	int vnet;

	if (!strcmp(kind, "hold"))
		return SV_GATE_HOLD;
	name = sv_json_str(flip,
			   !strcmp(kind, "flip") && sv_json_num(flip, "until_us") ? "from" : "to");
	vnet = name ? sv_net_find_vnet(net, name) : -1;
	if (vnet >= 0 && net->vnet[vnet].group == group)
		return net->vnet[vnet].role;
	/* Nobody was heard before a flip that nobody confirmed. */
	if (name && !name[0])
		return SV_GATE_HOLD;
	return net->vnet[net->group[group].production].role;
}

static void fill_groups(struct sv_net *net, const cJSON *doc, struct fill *f)
{
	const cJSON *groups = sv_json_get(f->alloc, "groups"), *flips = sv_json_get(doc, "flips");

	for (size_t g = 0; g < net->n_group; g++) {
		const cJSON *slot = sv_json_get(sv_json_get(groups, net->group[g].name), "slot");

		if (cJSON_IsNumber(slot) && slot->valueint >= 0 && slot->valueint < SV_GROUP_MAX)
			net->group[g].slot = slot->valueint;
		else
			fill_missing(f, "groups", net->group[g].name);
	}
	for (size_t v = 0; v < net->n_vnet; v++) {
		struct sv_net_vnet *vnet = &net->vnet[v];
		const cJSON *roles;

		if (vnet->group < 0)
			continue;
		roles = sv_json_get(sv_json_get(groups, net->group[vnet->group].name), "roles");
		vnet->role = sv_json_num(roles, vnet->name);
		if (!vnet->role || vnet->role > SV_GATE_ROLE_MAX)
			fill_missing(f, "groups", vnet->name);
	}
	for (size_t g = 0; g < net->n_group; g++)
		net->group[g].role = settled_role(net, g, sv_json_get(flips, net->group[g].name));
}

static void fill_sessions(struct sv_net *net, struct fill *f)
{
	for (size_t s = 0; s < net->n_session; s++) {
		uint64_t number =
			sv_json_num(sv_json_get(f->alloc, "sessions"), net->session[s].name);

		net->session[s].number = number < SV_SESSION_MAX ? number : 0;
		if (!net->session[s].number)
			fill_missing(f, "sessions", net->session[s].name);
	}
}

int sv_alloc_fill(struct sv_net *net, const cJSON *doc, struct sv_problems *problems)
{
	_cleanup_free_ bool *used = calloc(net->n_trunk + 1, sizeof(*used));
	struct fill f = { .alloc = sv_json_get(doc, "alloc"), .problems = problems };

	if (!used)
		return -ENOMEM;
	each_iface(net, fill_iface, &f);
	for (size_t v = 0; v < net->n_vnet; v++)
		fill_segments(net, &net->vnet[v], used, &f);
	fill_groups(net, doc, &f);
	fill_sessions(net, &f);
	return f.rc;
}

/* ---- choosing ---- */

struct choose {
	struct sv_net *net;
	cJSON *next; /* alloc.next: where each rotation goes on */
	bool *used; /* scratch for trees */
	struct sv_retired retired;
	struct sv_err *err;
};

static int next_set(struct choose *c, const char *key, uint64_t value)
{
	return sv_json_set(c->next, key, cJSON_CreateNumber(value));
}

/* A number that is never given twice. */
static int never_again(struct choose *c, const char *key, uint64_t *out)
{
	*out = sv_json_num(c->next, key) ?: 1;
	return next_set(c, key, *out + 1);
}

static bool vid_taken(const struct sv_net *net, uint16_t vid)
{
	for (size_t v = 0; v < net->n_vnet; v++)
		for (size_t s = 0; s < net->vnet[v].n_segment; s++)
			if (net->vnet[v].segment[s].vid == vid)
				return true;
	return false;
}

static int choose_vid(struct choose *c, const char *key, struct sv_net_segment *segment)
{
	uint32_t from = c->net->vlan_from, n = c->net->vlan_to - from + 1;
	uint32_t start = sv_json_num(c->next, "vlan"), held = 0;

	start = start >= from && start < from + n ? start - from : 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t vid = from + (start + i) % n;

		if (vid_taken(c->net, vid))
			continue;
		if (sv_retired_has(&c->retired, "vlan", vid)) {
			held++;
			continue;
		}
		segment->vid = vid;
		return next_set(c, "vlan", vid + 1);
	}
	if (held)
		return sv_err_set(c->err, -ENOSPC,
				  "vlans: none of %u … %u is left for %s: %u are held back until "
				  "every host has applied the change that freed them",
				  from, c->net->vlan_to, key, held);
	return sv_err_set(c->err, -ENOSPC,
			  "vlans: all %u of %u … %u are taken, none is left for %s", n, from,
			  c->net->vlan_to, key);
}

static int choose_segments(struct choose *c, struct sv_net_vnet *vnet)
{
	for (size_t s = 0; s < vnet->n_segment; s++) {
		struct sv_net_segment *segment = &vnet->segment[s];
		int crosses, host, rc = 0;
		uint64_t id;
		char key[128];

		key2(key, sizeof(key), vnet->name, segment->name);
		if (!segment->id) {
			rc = never_again(c, "segment", &id);
			segment->id = id;
		}
		crosses = sv_tree_segment(c->net, vnet, segment, c->used, &host);
		if (!rc && crosses > 0 && !segment->vid)
			rc = choose_vid(c, key, segment);
		if (rc || crosses < 0)
			return rc ?: crosses;
	}
	return 0;
}

static int find_mac(struct sv_net *net, struct sv_net_vnet *vnet, struct sv_net_vnode *vnode,
		    size_t i, void *arg)
{
	(void)net;
	(void)vnet;
	return !memcmp(vnode->spec.iface[i].mac, arg, 6);
}

/* Locally administered, from the interface's name, so that two networks seldom choose the same. */
static void choose_mac(struct choose *c, const struct sv_net_vnode *vnode, size_t i)
{
	uint64_t hash = 14695981039346656037ULL;
	uint8_t mac[6] = { 0x02 };
	char key[128];

	key3(key, sizeof(key), vnode, i);
	for (const char *k = key; *k; k++)
		hash = (hash ^ (uint8_t)*k) * 1099511628211ULL;
	do {
		for (int b = 1; b < 6; b++)
			mac[b] = hash >> (8 * b);
		hash += 1 << 8;
	} while (each_iface(c->net, find_mac, mac));
	memcpy(vnode->spec.iface[i].mac, mac, 6);
}

/* The same interface of the VNet that this one is a shadow of. */
static const struct sv_vnode_iface *original(const struct sv_net *net,
					     const struct sv_net_vnet *vnet,
					     const struct sv_net_vnode *vnode, size_t i)
{
	const struct sv_net_vnet *of = vnet->of < 0 ? NULL : &net->vnet[vnet->of];
	int n = of ? sv_net_find_vnode(of, vnode->spec.name) : -1;
	int o = n < 0 ? -1 : sv_net_find_iface(&of->vnode[n], vnode->spec.iface[i].name);

	return o < 0 ? NULL : &of->vnode[n].spec.iface[o];
}

static int choose_iface(struct sv_net *net, struct sv_net_vnet *vnet, struct sv_net_vnode *vnode,
			size_t i, void *arg)
{
	struct sv_vnode_iface *iface = &vnode->spec.iface[i];
	const struct sv_vnode_iface *of = original(net, vnet, vnode, i);
	struct choose *c = arg;
	uint64_t number;

	if (sv_net_is_external(vnode))
		return 0;
	if (!iface->port[0]) {
		if (never_again(c, "port", &number))
			return -ENOMEM;
		snprintf(iface->port, sizeof(iface->port), "sv%llu",
			 (unsigned long long)number % 10000000000000ULL);
	}
	if (mac_is_zero(iface->mac) && of && !mac_is_zero(of->mac))
		memcpy(iface->mac, of->mac, 6);
	else if (mac_is_zero(iface->mac))
		choose_mac(c, vnode, i);
	return 0;
}

static bool slot_taken(const struct sv_net *net, uint16_t slot)
{
	for (size_t g = 0; g < net->n_group; g++)
		if (net->group[g].slot == slot)
			return true;
	return false;
}

static int choose_slot(struct choose *c, struct sv_net_group *group)
{
	uint32_t start = sv_json_num(c->next, "slot");

	for (uint32_t i = 0; i < SV_GROUP_MAX; i++) {
		uint16_t slot = (start + i) % SV_GROUP_MAX;

		if (slot_taken(c->net, slot) || sv_retired_has(&c->retired, "slot", slot))
			continue;
		group->slot = slot;
		return next_set(c, "slot", (slot + 1) % SV_GROUP_MAX);
	}
	return sv_err_set(c->err, -ENOSPC, "groups: all %u slots are taken", SV_GROUP_MAX);
}

static int choose_role(struct choose *c, const char *key, struct sv_net_vnet *vnet)
{
	uint32_t start = sv_json_num(c->next, key);

	for (uint32_t i = 0; i < SV_GATE_ROLE_MAX; i++) {
		uint32_t round = i < ROLE_ROUND ? (start + i) % ROLE_ROUND : i;

		if (sv_net_member(c->net, vnet->group, round + 1) >= 0 ||
		    sv_retired_has(&c->retired, key, round + 1))
			continue;
		vnet->role = round + 1;
		return next_set(c, key, (round + 1) % ROLE_ROUND);
	}
	return sv_err_set(c->err, -ENOSPC, "groups.%s: all %u roles are taken",
			  c->net->group[vnet->group].name, SV_GATE_ROLE_MAX);
}

static int choose_groups(struct choose *c)
{
	struct sv_net *net = c->net;
	char key[64];
	int rc = 0;

	for (size_t g = 0; !rc && g < net->n_group; g++)
		if (net->group[g].slot == SV_SLOT_NONE)
			rc = choose_slot(c, &net->group[g]);
	for (size_t v = 0; !rc && v < net->n_vnet; v++) {
		if (net->vnet[v].group < 0 || net->vnet[v].role)
			continue;
		snprintf(key, sizeof(key), "role/%s", net->group[net->vnet[v].group].name);
		rc = choose_role(c, key, &net->vnet[v]);
	}
	return rc;
}

static bool session_taken(const struct sv_net *net, uint16_t number)
{
	for (size_t s = 0; s < net->n_session; s++)
		if (net->session[s].number == number)
			return true;
	return false;
}

/* In rotation: what a number means must not change between two steps of a plan. */
static int choose_session(struct choose *c, struct sv_net_session *session)
{
	uint32_t start = sv_json_num(c->next, "session") ?: 1;

	for (uint32_t i = 0; i < SV_SESSION_MAX - 1; i++) {
		uint16_t number = 1 + (start - 1 + i) % (SV_SESSION_MAX - 1);

		if (session_taken(c->net, number))
			continue;
		session->number = number;
		return next_set(c, "session", number + 1);
	}
	return sv_err_set(c->err, -ENOSPC, "sessions: all %u numbers are taken",
			  SV_SESSION_MAX - 1);
}

static int choose_sessions(struct choose *c)
{
	int rc = 0;

	for (size_t s = 0; !rc && s < c->net->n_session; s++)
		if (!c->net->session[s].number)
			rc = choose_session(c, &c->net->session[s]);
	return rc;
}

static int choose_all(struct choose *c)
{
	int rc = each_iface(c->net, choose_iface, c);

	for (size_t v = 0; !rc && v < c->net->n_vnet; v++)
		rc = choose_segments(c, &c->net->vnet[v]);
	if (!rc)
		rc = choose_groups(c);
	return rc ?: choose_sessions(c);
}

/* ---- from the net into the document ---- */

static int write_iface(struct sv_net *net, struct sv_net_vnet *vnet, struct sv_net_vnode *vnode,
		       size_t i, void *arg)
{
	const struct sv_vnode_iface *iface = &vnode->spec.iface[i];
	char key[128], mac[18];
	cJSON *entry;

	(void)net;
	(void)vnet;
	if (sv_net_is_external(vnode))
		return 0;
	key3(key, sizeof(key), vnode, i);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", iface->mac[0], iface->mac[1],
		 iface->mac[2], iface->mac[3], iface->mac[4], iface->mac[5]);
	entry = sv_json_object(arg, key);
	if (!entry || !cJSON_AddStringToObject(entry, "port", iface->port) ||
	    !cJSON_AddStringToObject(entry, "mac", mac))
		return -ENOMEM;
	return 0;
}

static int write_segments(const struct sv_net *net, cJSON *vlans, cJSON *ids)
{
	for (size_t v = 0; v < net->n_vnet; v++)
		for (size_t s = 0; s < net->vnet[v].n_segment; s++) {
			const struct sv_net_segment *segment = &net->vnet[v].segment[s];
			char key[128];

			key2(key, sizeof(key), net->vnet[v].name, segment->name);
			if (!cJSON_AddNumberToObject(ids, key, segment->id))
				return -ENOMEM;
			if (segment->vid && !cJSON_AddNumberToObject(vlans, key, segment->vid))
				return -ENOMEM;
		}
	return 0;
}

static int write_groups(const struct sv_net *net, cJSON *groups)
{
	for (size_t g = 0; g < net->n_group; g++) {
		cJSON *group = sv_json_object(groups, net->group[g].name), *roles;

		if (!group || !cJSON_AddNumberToObject(group, "slot", net->group[g].slot))
			return -ENOMEM;
		roles = sv_json_object(group, "roles");
		for (size_t v = 0; roles && v < net->n_vnet; v++)
			if (net->vnet[v].group == (int)g &&
			    !cJSON_AddNumberToObject(roles, net->vnet[v].name, net->vnet[v].role))
				return -ENOMEM;
		if (!roles)
			return -ENOMEM;
	}
	return 0;
}

static int write_all(struct sv_net *net, cJSON *alloc)
{
	cJSON *vlans = cJSON_AddObjectToObject(alloc, "vlans");
	cJSON *ports = cJSON_AddObjectToObject(alloc, "ports");
	cJSON *segments = cJSON_AddObjectToObject(alloc, "segments");
	cJSON *groups = cJSON_AddObjectToObject(alloc, "groups");
	cJSON *sessions = cJSON_AddObjectToObject(alloc, "sessions");

	if (!vlans || !ports || !segments || !groups || !sessions)
		return -ENOMEM;
	if (each_iface(net, write_iface, ports) || write_segments(net, vlans, segments) ||
	    write_groups(net, groups))
		return -ENOMEM;
	for (size_t s = 0; s < net->n_session; s++)
		if (!cJSON_AddNumberToObject(sessions, net->session[s].name,
					     net->session[s].number))
			return -ENOMEM;
	return 0;
}

static int allocate(struct sv_net *net, cJSON *doc, struct sv_err *err)
{
	const cJSON *old = sv_json_get(sv_json_get(doc, "alloc"), "next");
	_cleanup_json_ cJSON *alloc = cJSON_CreateObject();
	_cleanup_free_ bool *used = calloc(net->n_trunk + 1, sizeof(*used));
	struct choose c = { .net = net, .used = used, .err = err };
	int rc;

	if (!alloc || !used || sv_alloc_fill(net, doc, NULL) == -ENOMEM)
		return sv_err_set(err, -ENOMEM, "out of memory");
	if (old ? sv_json_set(alloc, "next", cJSON_Duplicate(old, true)) : 0)
		return sv_err_set(err, -ENOMEM, "out of memory");
	c.next = sv_json_object(alloc, "next");
	rc = c.next ? sv_retired_begin(&c.retired, alloc, doc, net) : -ENOMEM;
	if (!rc)
		rc = choose_all(&c);
	if (!rc)
		rc = write_all(net, alloc);
	if (!rc)
		rc = sv_json_set(doc, "alloc", TAKE_PTR(alloc));
	return rc == -ENOMEM ? sv_err_set(err, rc, "out of memory") : rc;
}

int sv_doc_allocate(cJSON *doc, struct sv_problems *problems, struct sv_err *err)
{
	struct sv_net *net;
	int rc = sv_net_build(&net, doc, problems, err);

	if (rc)
		return rc;
	rc = allocate(net, doc, err);
	sv_net_free(net);
	return rc;
}
