// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

#define MTU_MIN 68
#define MTU_MAX 9000

static bool is_known(const char *name, const char *const known[])
{
	for (; *known; known++)
		if (!strcmp(name, *known))
			return true;
	return false;
}

bool sv_load_members(struct sv_load *l, const struct sv_path *at, const cJSON *object,
		     const char *const known[])
{
	const cJSON *member;

	if (!cJSON_IsObject(object)) {
		sv_load_bad(l, at, "must be an object");
		return false;
	}
	cJSON_ArrayForEach (member, object) {
		if (known && !is_known(member->string, known))
			sv_load_bad(l, SV_PATH(at, member->string), "is not a known member");
		else if (sv_json_get(object, member->string) != member)
			sv_load_bad(l, SV_PATH(at, member->string), "is given twice");
	}
	return true;
}

bool sv_load_name(struct sv_load *l, const struct sv_path *at, const char *name, size_t max)
{
	size_t len = strlen(name);
	bool good = len && len <= max && isalnum((unsigned char)name[0]);

	for (size_t i = 0; i < len; i++)
		good &= isalnum((unsigned char)name[i]) || strchr("_.-", name[i]);
	if (!good)
		sv_load_bad(l, at,
			    "is not a name of 1 … %zu letters, digits, '_', '.', '-' that starts "
			    "with a letter or digit",
			    max);
	return good;
}

int sv_parse_pair(const char *text, char *a, size_t a_size, char *b, size_t b_size)
{
	const char *colon = strchr(text, ':');
	size_t a_len = colon ? (size_t)(colon - text) : 0;

	if (!a_len || a_len >= a_size || !colon[1] || strlen(colon + 1) >= b_size)
		return -EINVAL;
	memcpy(a, text, a_len);
	a[a_len] = 0;
	strcpy(b, colon + 1);
	return 0;
}

int sv_parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t out[6];
	int len = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &out[0], &out[1], &out[2],
		   &out[3], &out[4], &out[5], &len) != 6 ||
	    len != 17 || text[len])
		return -EINVAL;
	if (out[0] & 1 || !(out[0] | out[1] | out[2] | out[3] | out[4] | out[5]))
		return -EINVAL;
	memcpy(mac, out, 6);
	return 0;
}

int sv_parse_rate(const char *text, uint32_t *kbit)
{
	static const struct {
		const char *unit;
		double kbit;
	} units[] = { { "kbit", 1 }, { "mbit", 1e3 }, { "gbit", 1e6 } };
	double rate;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	rate = strtod(text, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		rate *= units[i].kbit;
		if (!(rate >= 1 && rate <= 4e9))
			return -ERANGE;
		*kbit = rate;
		return 0;
	}
	return -EINVAL;
}

int64_t sv_load_int(struct sv_load *l, const struct sv_path *at, const cJSON *object,
		    const char *key, int64_t none, int64_t min, int64_t max)
{
	const cJSON *item = sv_json_get(object, key);

	if (!item)
		return none;
	if (!cJSON_IsNumber(item)) {
		sv_load_bad(l, SV_PATH(at, key), "must be a number, %jd … %jd", (intmax_t)min,
			    (intmax_t)max);
		return none;
	}
	if (!(item->valuedouble >= min && item->valuedouble <= max) ||
	    item->valuedouble != (double)(int64_t)item->valuedouble) {
		sv_load_bad(l, SV_PATH(at, key), "%.15g is not %jd … %jd", item->valuedouble,
			    (intmax_t)min, (intmax_t)max);
		return none;
	}
	return item->valuedouble;
}

const char *sv_load_string(struct sv_load *l, const struct sv_path *at, const cJSON *object,
			   const char *key)
{
	const cJSON *item = sv_json_get(object, key);

	if (item && (!cJSON_IsString(item) || !item->valuestring[0])) {
		sv_load_bad(l, SV_PATH(at, key), "must be a string");
		return NULL;
	}
	return cJSON_GetStringValue(item);
}

uint32_t sv_load_mtu(struct sv_load *l, const struct sv_path *at, const cJSON *object)
{
	return sv_load_int(l, at, object, "mtu", 0, MTU_MIN, MTU_MAX);
}

static void load_port(struct sv_load *l, const struct sv_path *at, size_t host, const cJSON *json)
{
	static const char *const known[] = { "role", "mtu", NULL };
	struct sv_net_host *h = &l->net->host[host];
	struct sv_net_port *port;
	const char *role;

	if (!sv_load_members(l, at, json, known) || !sv_load_name(l, at, json->string, 15))
		return;
	port = sv_grow(&h->port, &h->n_port, sizeof(*port));
	if (!port) {
		l->nomem = true;
		return;
	}
	strcpy(port->name, json->string);
	port->mtu = sv_load_mtu(l, at, json) ?: 1500;
	role = sv_json_str(json, "role");
	if (role && !strcmp(role, "trunk"))
		port->role = SV_ROLE_TRUNK;
	else if (role && !strcmp(role, "edge"))
		port->role = SV_ROLE_EDGE;
	else if (role && !strcmp(role, "mirror"))
		port->role = SV_ROLE_EDGE, port->mirror = true;
	else
		sv_load_bad(l, SV_PATH(at, "role"), "must be \"trunk\", \"edge\" or \"mirror\"");
}

static uint32_t load_when_busy(struct sv_load *l, const struct sv_path *at, const cJSON *json)
{
	static const char *const known[] = { "when_busy", NULL };
	const cJSON *copies = sv_json_get(json, "copies");
	const struct sv_path *below = SV_PATH(at, "copies");

	if (!copies || !sv_load_members(l, below, copies, known))
		return SV_SHARE_DEFAULT;
	return sv_load_int(l, below, copies, "when_busy", SV_SHARE_DEFAULT, 0, SV_SHARE_ALL);
}

static void load_host(struct sv_load *l, const struct sv_path *at, const cJSON *json)
{
	static const char *const known[] = { "ports", "copies", NULL };
	const cJSON *ports = sv_json_get(json, "ports"), *port;
	const struct sv_path *below = SV_PATH(at, "ports");
	struct sv_net_host *host;
	size_t index = l->net->n_host;

	if (!sv_load_members(l, at, json, known) || !sv_load_name(l, at, json->string, SV_NAME - 1))
		return;
	host = sv_grow(&l->net->host, &l->net->n_host, sizeof(*host));
	if (!host) {
		l->nomem = true;
		return;
	}
	strcpy(host->name, json->string);
	host->when_busy = load_when_busy(l, at, json);
	if (!ports || !sv_load_members(l, below, ports, NULL))
		return;
	cJSON_ArrayForEach (port, ports)
		load_port(l, SV_PATH(below, port->string), index, port);
}

/* "HOST:PORT" of a given role. */
bool sv_load_host_port(struct sv_load *l, const struct sv_path *at, const cJSON *item,
		       enum sv_port_role role, int *host, int *port)
{
	char host_name[SV_NAME], port_name[16];
	const char *text = cJSON_GetStringValue(item);

	if (!text ||
	    sv_parse_pair(text, host_name, sizeof(host_name), port_name, sizeof(port_name))) {
		sv_load_bad(l, at, "must be \"HOST:PORT\"");
		return false;
	}
	*host = sv_net_find_host(l->net, host_name);
	if (*host < 0) {
		sv_load_bad(l, at, "there is no host %s", host_name);
		return false;
	}
	*port = sv_net_find_port(&l->net->host[*host], port_name);
	if (*port < 0 || l->net->host[*host].port[*port].role != role) {
		sv_load_bad(l, at, "%s has no %s %s", host_name,
			    role == SV_ROLE_EDGE ? "edge" : "trunk", port_name);
		return false;
	}
	return true;
}

static bool trunk_taken(const struct sv_net *net, int host, int port)
{
	for (size_t t = 0; t < net->n_trunk; t++)
		for (int i = 0; i < 2; i++)
			if (net->trunk[t].host[i] == host && net->trunk[t].port[i] == port)
				return true;
	return false;
}

static void load_trunk(struct sv_load *l, const struct sv_path *at, const cJSON *json)
{
	struct sv_net_trunk trunk, *slot;
	bool good = true;

	if (!cJSON_IsArray(json) || cJSON_GetArraySize(json) != 2)
		return sv_load_bad(l, at, "must be two trunks: [ \"HOST:PORT\", \"HOST:PORT\" ]");
	for (int i = 0; i < 2; i++)
		good &= sv_load_host_port(l, at, cJSON_GetArrayItem(json, i), SV_ROLE_TRUNK,
					  &trunk.host[i], &trunk.port[i]);
	if (!good)
		return;
	if (trunk.host[0] == trunk.host[1])
		return sv_load_bad(l, at, "joins %s to itself", l->net->host[trunk.host[0]].name);
	for (int i = 0; i < 2; i++)
		if (trunk_taken(l->net, trunk.host[i], trunk.port[i]))
			return sv_load_bad(l, at, "%s is in another link already",
					   cJSON_GetArrayItem(json, i)->valuestring);
	slot = sv_grow(&l->net->trunk, &l->net->n_trunk, sizeof(*slot));
	if (!slot)
		l->nomem = true;
	else
		*slot = trunk;
}

static void load_trunks(struct sv_load *l, const cJSON *links)
{
	const struct sv_path *at = SV_PATH(NULL, "links");
	const cJSON *link;
	char key[16];
	int i = 0;

	if (links && !cJSON_IsArray(links))
		return sv_load_bad(l, at, "must be an array of pairs of trunks");
	cJSON_ArrayForEach (link, links) {
		snprintf(key, sizeof(key), "[%d]", i++);
		load_trunk(l, SV_PATH(at, key), link);
	}
}

static void load_vlans(struct sv_load *l, const cJSON *vlans)
{
	static const char *const known[] = { "from", "to", NULL };
	const struct sv_path *at = SV_PATH(NULL, "vlans");

	if (!vlans || !sv_load_members(l, at, vlans, known))
		return;
	l->net->vlan_from = sv_load_int(l, at, vlans, "from", 0, 1, 4094);
	l->net->vlan_to = sv_load_int(l, at, vlans, "to", 0, 1, 4094);
	if (!sv_json_get(vlans, "from") || !sv_json_get(vlans, "to"))
		sv_load_bad(l, at, "must have both \"from\" and \"to\"");
	else if (l->net->vlan_from > l->net->vlan_to)
		sv_load_bad(l, at, "from %u is above to %u", l->net->vlan_from, l->net->vlan_to);
}

void sv_load_substrate(struct sv_load *l, const cJSON *network)
{
	const struct sv_path *at = SV_PATH(NULL, "hosts");
	const cJSON *hosts = sv_json_get(network, "hosts"), *host;

	if (!sv_load_members(l, at, hosts, NULL))
		return;
	cJSON_ArrayForEach (host, hosts)
		load_host(l, SV_PATH(at, host->string), host);
	load_trunks(l, sv_json_get(network, "links"));
	load_vlans(l, sv_json_get(network, "vlans"));
}
