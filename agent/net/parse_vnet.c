// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

/* What is wrong with one string of a list, or NULL. */
typedef const char *(*check_fn)(const char *text);

static const char *check_line(const char *text)
{
	return strchr(text, '\n') ? "must be a single line" : NULL;
}

static const char *check_sysctl(const char *text)
{
	const char *equals = strchr(text, '=');

	return !equals || equals == text || strchr(text, '\n') || strstr(text, "..") ||
			       text[0] == '/'
		       ? "must be \"NAME=VALUE\""
		       : NULL;
}

static const char *check_arg(const char *text)
{
	(void)text;
	return NULL;
}

static const char *check_address(const char *text)
{
	const char *slash = strchr(text, '/');
	unsigned char addr[16];
	char ip[64], *end;
	long len, max;

	if (!slash || (size_t)(slash - text) >= sizeof(ip) || !slash[1])
		return "must be an address with its prefix length, \"10.0.0.1/24\"";
	memcpy(ip, text, slash - text);
	ip[slash - text] = 0;
	if (inet_pton(AF_INET, ip, addr) == 1)
		max = 32;
	else if (inet_pton(AF_INET6, ip, addr) == 1)
		max = 128;
	else
		return "is not an IPv4 or IPv6 address";
	len = strtol(slash + 1, &end, 10);
	return *end || len < 0 || len > max ? "has a bad prefix length" : NULL;
}

static void load_strings(struct sv_load *l, const struct sv_path *at, const cJSON *object,
			 const char *key, check_fn check, char ***out)
{
	const cJSON *array = sv_json_get(object, key), *item;
	const struct sv_path *here = SV_PATH(at, key);
	size_t n = 0;

	if (!array)
		return;
	if (!cJSON_IsArray(array))
		return sv_load_bad(l, here, "must be an array of strings");
	if (!cJSON_GetArraySize(array))
		return;
	*out = calloc(cJSON_GetArraySize(array) + 1, sizeof(**out));
	if (!*out) {
		l->nomem = true;
		return;
	}
	cJSON_ArrayForEach (item, array) {
		const char *text = cJSON_GetStringValue(item);
		const char *wrong = text && text[0] ? check(text) : "must be a string";
		char index[16];

		snprintf(index, sizeof(index), "[%zu]", n);
		if (wrong)
			sv_load_bad(l, SV_PATH(here, index), text ? "\"%s\" %s" : "%.0s%s",
				    text ?: "", wrong);
		(*out)[n] = strdup(text ?: "");
		if (!(*out)[n++])
			l->nomem = true;
	}
}

static void load_iface_members(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			       bool external, struct sv_vnode_iface *iface)
{
	const char *mac = sv_load_string(l, at, json, "mac");
	const char *rate = sv_load_string(l, at, json, "rate");
	const char *device = sv_load_string(l, at, json, "device");

	iface->mtu = sv_load_mtu(l, at, json);
	if (mac && sv_parse_mac(mac, iface->mac))
		sv_load_bad(l, SV_PATH(at, "mac"), "\"%s\" is not a unicast MAC address", mac);
	if (rate && sv_parse_rate(rate, &iface->rate_kbit))
		sv_load_bad(l, SV_PATH(at, "rate"),
			    "\"%s\" is not a rate, \"20mbit\" or \"500kbit\"", rate);
	if (device && !external)
		sv_load_bad(l, SV_PATH(at, "device"), "is only for the driver \"external\"");
	else if (external && !device)
		sv_load_bad(l, SV_PATH(at, "device"), "is missing: the device to adopt");
	else if (device && sv_load_name(l, SV_PATH(at, "device"), device, 15))
		strcpy(iface->port, device);
	load_strings(l, at, json, "addresses", check_address, &iface->addresses);
}

static void load_iface(struct sv_load *l, const struct sv_path *at, const cJSON *json,
		       struct sv_net_vnode *vnode)
{
	static const char *const known[] = { "addresses", "mac", "mtu", "rate", "device", NULL };
	struct sv_vnode_iface *iface;

	if (!sv_load_members(l, at, json, known) || !sv_load_name(l, at, json->string, 15))
		return;
	iface = sv_grow(&vnode->spec.iface, &vnode->spec.n_iface, sizeof(*iface));
	if (!iface) {
		l->nomem = true;
		return;
	}
	strcpy(iface->name, json->string);
	load_iface_members(l, at, json, sv_net_is_external(vnode), iface);
}

static void load_ifaces(struct sv_load *l, const struct sv_path *at, const cJSON *ifaces,
			struct sv_net_vnode *vnode)
{
	const cJSON *iface;

	if (!ifaces || !sv_load_members(l, at, ifaces, NULL))
		return;
	cJSON_ArrayForEach (iface, ifaces)
		load_iface(l, SV_PATH(at, iface->string), iface, vnode);
}

static void load_vnode_place(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			     struct sv_net_vnode *vnode)
{
	const char *host = sv_load_string(l, at, json, "host");
	const char *driver = sv_load_string(l, at, json, "driver") ?: "netns";

	vnode->host = host ? sv_net_find_host(l->net, host) : -1;
	if (!host)
		sv_load_bad(l, SV_PATH(at, "host"), "is missing");
	else if (vnode->host < 0)
		sv_load_bad(l, SV_PATH(at, "host"), "there is no host %s", host);
	if (strcmp(driver, "netns") && strcmp(driver, "external") && strcmp(driver, "xen"))
		sv_load_bad(l, SV_PATH(at, "driver"),
			    "\"%s\" is not a driver: \"netns\", \"xen\" or \"external\"", driver);
	else
		strcpy(vnode->spec.driver, driver);
}

static void load_vnode(struct sv_load *l, const struct sv_path *at, const cJSON *json,
		       struct sv_net_vnet *vnet)
{
	static const char *const known[] = { "host",	   "driver", "interfaces", "routes",
					     "sysctls",	   "tc",     "program",	   "nftables",
					     "cpu_weight", "xen",    NULL };
	struct sv_net_vnode *vnode;
	const char *nft;

	if (!sv_load_members(l, at, json, known) || !sv_load_name(l, at, json->string, SV_NAME - 1))
		return;
	vnode = sv_grow(&vnet->vnode, &vnet->n_vnode, sizeof(*vnode));
	if (!vnode) {
		l->nomem = true;
		return;
	}
	strcpy(vnode->spec.vnet, vnet->name);
	strcpy(vnode->spec.name, json->string);
	vnode->spec.tier = vnet->kind == SV_VNET_MONITOR  ? SV_TIER_MONITOR
			   : vnet->kind == SV_VNET_SHADOW ? SV_TIER_SHADOW
							  : SV_TIER_PRODUCTION;
	load_vnode_place(l, at, json, vnode);
	sv_load_xen(l, at, json, &vnode->spec);
	load_ifaces(l, SV_PATH(at, "interfaces"), sv_json_get(json, "interfaces"), vnode);
	load_strings(l, at, json, "routes", check_line, &vnode->spec.routes);
	load_strings(l, at, json, "sysctls", check_sysctl, &vnode->spec.sysctls);
	load_strings(l, at, json, "tc", check_line, &vnode->spec.tc);
	load_strings(l, at, json, "program", check_arg, &vnode->spec.program);
	vnode->spec.cpu_weight = sv_load_int(l, at, json, "cpu_weight", 100, 1, 10000);
	nft = sv_load_string(l, at, json, "nftables");
	vnode->spec.nft = nft ? strdup(nft) : NULL;
	l->nomem |= nft && !vnode->spec.nft;
}

static void load_end(struct sv_load *l, const struct sv_path *at, const cJSON *item,
		     struct sv_net_vnet *vnet, struct sv_net_segment *segment)
{
	const char *text = cJSON_GetStringValue(item);
	char vnode_name[SV_NAME], iface_name[16];
	struct sv_net_end *end;
	int vnode, iface, other;

	if (!text ||
	    sv_parse_pair(text, vnode_name, sizeof(vnode_name), iface_name, sizeof(iface_name)))
		return sv_load_bad(l, at, "must be \"VNODE:INTERFACE\"");
	vnode = sv_net_find_vnode(vnet, vnode_name);
	if (vnode < 0)
		return sv_load_bad(l, at, "%s has no VNode %s", vnet->name, vnode_name);
	iface = sv_net_find_iface(&vnet->vnode[vnode], iface_name);
	if (iface < 0)
		return sv_load_bad(l, at, "%s has no interface %s", vnode_name, iface_name);
	other = sv_net_segment_of(vnet, vnode, iface);
	if (other >= 0)
		return sv_load_bad(l, at, "%s is an end of %s already", text,
				   vnet->segment[other].name);
	end = sv_grow(&segment->end, &segment->n_end, sizeof(*end));
	if (!end) {
		l->nomem = true;
		return;
	}
	*end = (struct sv_net_end){ .vnode = vnode, .iface = iface };
}

static void load_ends(struct sv_load *l, const struct sv_path *at, const cJSON *ends, size_t min,
		      struct sv_net_vnet *vnet, struct sv_net_segment *segment)
{
	const cJSON *end;
	char key[16];
	int i = 0;

	if (!cJSON_IsArray(ends) || (size_t)cJSON_GetArraySize(ends) < min)
		return sv_load_bad(l, at, "must be an array of %zu or more \"VNODE:INTERFACE\"",
				   min);
	cJSON_ArrayForEach (end, ends) {
		snprintf(key, sizeof(key), "[%d]", i++);
		load_end(l, SV_PATH(at, key), end, vnet, segment);
	}
}

static struct sv_net_segment *segment_new(struct sv_load *l, const struct sv_path *at,
					  struct sv_net_vnet *vnet, const char *name)
{
	struct sv_net_segment *segment;

	if (!sv_load_name(l, at, name, SV_NAME - 1))
		return NULL;
	if (!strcmp(name, "all")) {
		sv_load_bad(l, at, "\"all\" means every point and names none");
		return NULL;
	}
	if (sv_net_find_segment(vnet, name) >= 0) {
		sv_load_bad(l, at, "is the name of a link of %s already", vnet->name);
		return NULL;
	}
	segment = sv_grow(&vnet->segment, &vnet->n_segment, sizeof(*segment));
	if (!segment) {
		l->nomem = true;
		return NULL;
	}
	strcpy(segment->name, name);
	segment->edge_host = segment->edge_port = -1;
	return segment;
}

/* An interface without an MTU has its segment's; a segment without one has its interfaces'. */
static void settle_mtu(struct sv_net_vnet *vnet, struct sv_net_segment *segment, uint32_t none)
{
	uint32_t most = 0;

	for (size_t e = 0; e < segment->n_end; e++) {
		struct sv_net_end end = segment->end[e];
		struct sv_vnode_iface *iface = &vnet->vnode[end.vnode].spec.iface[end.iface];

		most = iface->mtu > most ? iface->mtu : most;
	}
	segment->mtu = segment->mtu ?: most ?: none;
	for (size_t e = 0; e < segment->n_end; e++) {
		struct sv_net_end end = segment->end[e];
		struct sv_vnode_iface *iface = &vnet->vnode[end.vnode].spec.iface[end.iface];

		iface->mtu = iface->mtu ?: segment->mtu;
	}
}

static void load_link(struct sv_load *l, const struct sv_path *at, const cJSON *json,
		      struct sv_net_vnet *vnet)
{
	static const char *const known[] = { "ends", "mtu", NULL };
	struct sv_net_segment *segment;

	if (!sv_load_members(l, at, json, known))
		return;
	segment = segment_new(l, at, vnet, json->string);
	if (!segment)
		return;
	segment->mtu = sv_load_mtu(l, at, json);
	load_ends(l, SV_PATH(at, "ends"), sv_json_get(json, "ends"), 2, vnet, segment);
	settle_mtu(vnet, segment, 1500);
}

static void load_edge(struct sv_load *l, const struct sv_path *at, const cJSON *json,
		      struct sv_net_vnet *vnet)
{
	static const char *const known[] = { "port", "vlan", "ends", NULL };
	struct sv_net_segment *segment;
	int host = -1, port = -1;
	uint32_t mtu = 1500;

	if (!sv_load_members(l, at, json, known))
		return;
	segment = segment_new(l, at, vnet, json->string);
	if (!segment)
		return;
	if (sv_load_host_port(l, SV_PATH(at, "port"), sv_json_get(json, "port"), SV_ROLE_EDGE,
			      &host, &port))
		mtu = l->net->host[host].port[port].mtu;
	segment->edge_host = host;
	segment->edge_port = port;
	segment->edge_vlan = sv_load_int(l, at, json, "vlan", 0, 1, 4094);
	load_ends(l, SV_PATH(at, "ends"), sv_json_get(json, "ends"), 1, vnet, segment);
	settle_mtu(vnet, segment, mtu);
}

static void load_vnodes(struct sv_load *l, const struct sv_path *at, const cJSON *vnodes,
			struct sv_net_vnet *vnet)
{
	const cJSON *vnode;

	if (!vnodes || !sv_load_members(l, at, vnodes, NULL))
		return;
	cJSON_ArrayForEach (vnode, vnodes)
		load_vnode(l, SV_PATH(at, vnode->string), vnode, vnet);
}

static void load_segments(struct sv_load *l, const struct sv_path *at, const cJSON *segments,
			  struct sv_net_vnet *vnet,
			  void (*load)(struct sv_load *, const struct sv_path *, const cJSON *,
				       struct sv_net_vnet *))
{
	const cJSON *segment;

	if (!segments || !sv_load_members(l, at, segments, NULL))
		return;
	cJSON_ArrayForEach (segment, segments)
		load(l, SV_PATH(at, segment->string), segment, vnet);
}

static void load_datapath(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			  struct sv_net_vnet *vnet)
{
	static const char *const names[] = { "auto", "xdp", "tc" };
	const char *name = sv_load_string(l, at, json, "datapath");

	if (!name)
		return;
	for (int i = 0; i < 3; i++)
		if (!strcmp(name, names[i])) {
			vnet->datapath = (enum sv_datapath)i;
			return;
		}
	sv_load_bad(l, SV_PATH(at, "datapath"), "must be \"auto\", \"xdp\" or \"tc\"");
}

void sv_load_vnet(struct sv_load *l, const struct sv_path *at, const char *name, const cJSON *json,
		  enum sv_vnet_kind kind, int of)
{
	static const char *const known[] = { "datapath", "vnodes", "links", "edges", NULL };
	struct sv_net_vnet *vnet;

	if (!sv_load_name(l, at, name, SV_NAME - 1) || !sv_load_members(l, at, json, known))
		return;
	if (sv_net_find_vnet(l->net, name) >= 0)
		return sv_load_bad(l, at, "there is a VNet %s already", name);
	vnet = sv_grow(&l->net->vnet, &l->net->n_vnet, sizeof(*vnet));
	if (!vnet) {
		l->nomem = true;
		return;
	}
	strcpy(vnet->name, name);
	vnet->kind = kind;
	vnet->of = of;
	vnet->group = -1;
	load_datapath(l, at, json, vnet);
	load_vnodes(l, SV_PATH(at, "vnodes"), sv_json_get(json, "vnodes"), vnet);
	load_segments(l, SV_PATH(at, "links"), sv_json_get(json, "links"), vnet, load_link);
	load_segments(l, SV_PATH(at, "edges"), sv_json_get(json, "edges"), vnet, load_edge);
	for (size_t n = 0; n < vnet->n_vnode; n++)
		for (size_t i = 0; i < vnet->vnode[n].spec.n_iface; i++)
			vnet->vnode[n].spec.iface[i].mtu = vnet->vnode[n].spec.iface[i].mtu ?: 1500;
}
