/* SPDX-License-Identifier: GPL-2.0-only */
/* A VNode's specification as text: what the driver needs again after its process is gone. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "netns.h"

static void free_json(cJSON **json)
{
	cJSON_Delete(*json);
}
#define _cleanup_json_ _cleanup_(free_json)

/* ---- to text ---- */

static cJSON *strv_to_json(char *const *strv)
{
	cJSON *array = cJSON_CreateArray();
	size_t i;

	for (i = 0; strv && strv[i]; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(strv[i]));
	return array;
}

static cJSON *iface_to_json(const struct sv_vnode_iface *iface)
{
	cJSON *json = cJSON_CreateObject();
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", iface->mac[0], iface->mac[1],
		 iface->mac[2], iface->mac[3], iface->mac[4], iface->mac[5]);
	cJSON_AddStringToObject(json, "name", iface->name);
	cJSON_AddStringToObject(json, "port", iface->port);
	cJSON_AddStringToObject(json, "mac", mac);
	cJSON_AddNumberToObject(json, "mtu", iface->mtu);
	cJSON_AddNumberToObject(json, "rate_kbit", iface->rate_kbit);
	cJSON_AddBoolToObject(json, "xdp", iface->xdp);
	cJSON_AddItemToObject(json, "addresses", strv_to_json(iface->addresses));
	return json;
}

char *sv_spec_to_text(const struct sv_vnode_spec *spec)
{
	_cleanup_json_ cJSON *json = cJSON_CreateObject();
	cJSON *ifaces = cJSON_AddArrayToObject(json, "interfaces");
	size_t i;

	cJSON_AddStringToObject(json, "vnet", spec->vnet);
	cJSON_AddStringToObject(json, "name", spec->name);
	cJSON_AddStringToObject(json, "driver", spec->driver);
	cJSON_AddNumberToObject(json, "tier", spec->tier);
	cJSON_AddNumberToObject(json, "cpu_weight", spec->cpu_weight);
	for (i = 0; i < spec->n_iface; i++)
		cJSON_AddItemToArray(ifaces, iface_to_json(&spec->iface[i]));
	cJSON_AddItemToObject(json, "routes", strv_to_json(spec->routes));
	cJSON_AddItemToObject(json, "sysctls", strv_to_json(spec->sysctls));
	cJSON_AddItemToObject(json, "tc", strv_to_json(spec->tc));
	if (spec->nft)
		cJSON_AddStringToObject(json, "nft", spec->nft);
	if (spec->xen)
		cJSON_AddStringToObject(json, "xen", spec->xen);
	if (spec->program)
		cJSON_AddItemToObject(json, "program", strv_to_json(spec->program));
	if (spec->json)
		cJSON_AddStringToObject(json, "json", spec->json);
	return cJSON_Print(json);
}

/* ---- from text ---- */

static int get_string(const cJSON *json, const char *key, char *buf, size_t size)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

	if (!s || strlen(s) >= size)
		return -EINVAL;
	strcpy(buf, s);
	return 0;
}

static int get_number(const cJSON *json, const char *key, uint32_t *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

	if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > UINT32_MAX)
		return -EINVAL;
	*value = (uint32_t)item->valuedouble;
	return 0;
}

static int get_strdup(const cJSON *json, const char *key, char **value)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));

	if (!s)
		return 0;
	*value = strdup(s);
	return *value ? 0 : -ENOMEM;
}

static int get_strv(const cJSON *json, const char *key, char ***value)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, key), *item;
	size_t n = 0;

	if (!array)
		return 0;
	if (!cJSON_IsArray(array))
		return -EINVAL;
	*value = calloc(cJSON_GetArraySize(array) + 1, sizeof(**value));
	if (!*value)
		return -ENOMEM;
	cJSON_ArrayForEach (item, array) {
		if (!cJSON_IsString(item))
			return -EINVAL;
		(*value)[n] = strdup(item->valuestring);
		if (!(*value)[n++])
			return -ENOMEM;
	}
	return 0;
}

static int get_mac(const cJSON *json, uint8_t mac[6])
{
	char text[18];

	if (get_string(json, "mac", text, sizeof(text)) ||
	    sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		return -EINVAL;
	return 0;
}

static int get_iface(const cJSON *json, struct sv_vnode_iface *iface)
{
	if (get_string(json, "name", iface->name, sizeof(iface->name)) ||
	    get_string(json, "port", iface->port, sizeof(iface->port)) ||
	    get_mac(json, iface->mac) || get_number(json, "mtu", &iface->mtu) ||
	    get_number(json, "rate_kbit", &iface->rate_kbit))
		return -EINVAL;
	iface->xdp = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "xdp"));
	return get_strv(json, "addresses", &iface->addresses);
}

static int get_ifaces(const cJSON *json, struct sv_vnode_spec *spec)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(json, "interfaces"), *item;
	int rc = 0;

	if (!cJSON_IsArray(array))
		return -EINVAL;
	spec->iface = calloc(cJSON_GetArraySize(array) + 1, sizeof(*spec->iface));
	if (!spec->iface)
		return -ENOMEM;
	cJSON_ArrayForEach (item, array) {
		rc = get_iface(item, &spec->iface[spec->n_iface++]);
		if (rc)
			break;
	}
	return rc;
}

static int get_spec(const cJSON *json, struct sv_vnode_spec *spec)
{
	uint32_t tier;
	int rc;

	if (get_string(json, "vnet", spec->vnet, sizeof(spec->vnet)) ||
	    get_string(json, "name", spec->name, sizeof(spec->name)) ||
	    get_string(json, "driver", spec->driver, sizeof(spec->driver)) ||
	    get_number(json, "tier", &tier) || tier > SV_TIER_MONITOR ||
	    get_number(json, "cpu_weight", &spec->cpu_weight))
		return -EINVAL;
	spec->tier = tier;
	rc = get_ifaces(json, spec);
	rc = rc ?: get_strv(json, "routes", &spec->routes);
	rc = rc ?: get_strv(json, "sysctls", &spec->sysctls);
	rc = rc ?: get_strv(json, "tc", &spec->tc);
	rc = rc ?: get_strv(json, "program", &spec->program);
	rc = rc ?: get_strdup(json, "nft", &spec->nft);
	rc = rc ?: get_strdup(json, "xen", &spec->xen);
	return rc ?: get_strdup(json, "json", &spec->json);
}

int sv_spec_from_text(struct sv_vnode_spec *spec, const char *text)
{
	_cleanup_json_ cJSON *json = cJSON_Parse(text);
	struct sv_vnode_spec made = { 0 };
	int rc;

	if (!json)
		return -EINVAL;
	rc = get_spec(json, &made);
	if (rc) {
		sv_vnode_spec_fini(&made);
		return rc;
	}
	*spec = made;
	return 0;
}

int sv_spec_copy(struct sv_vnode_spec *to, const struct sv_vnode_spec *from)
{
	_cleanup_free_ char *text = sv_spec_to_text(from);

	return text ? sv_spec_from_text(to, text) : -ENOMEM;
}

/* ---- questions ---- */

const struct sv_vnode_iface *sv_spec_iface(const struct sv_vnode_spec *spec, const char *name)
{
	size_t i;

	for (i = 0; spec && i < spec->n_iface; i++)
		if (!strcmp(spec->iface[i].name, name))
			return &spec->iface[i];
	return NULL;
}

bool sv_strv_has(char *const *strv, const char *s)
{
	size_t i;

	for (i = 0; strv && strv[i]; i++)
		if (!strcmp(strv[i], s))
			return true;
	return false;
}

bool sv_strv_same(char *const *a, char *const *b)
{
	size_t i;

	for (i = 0; a && b && a[i] && b[i]; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return !(a && a[i]) && !(b && b[i]);
}

bool sv_line_dev(const char *line, char dev[16])
{
	char word[64];
	int used;

	for (; sscanf(line, "%63s%n", word, &used) == 1; line += used) {
		if (!strcmp(word, "dev"))
			return sscanf(line + used, "%15s", dev) == 1;
	}
	return false;
}

static int check_line(const char *what, const char *line, struct sv_err *err)
{
	if (strpbrk(line, "\n\r"))
		return sv_err_set(err, -EINVAL, "%s \"%.*s…\": one line, please", what,
				  (int)strcspn(line, "\n\r"), line);
	return 0;
}

static int check_lines(const char *what, char *const *lines, struct sv_err *err)
{
	int rc = 0;

	for (; lines && *lines && !rc; lines++)
		rc = check_line(what, *lines, err);
	return rc;
}

static int check_iface(const struct sv_vnode_iface *iface, struct sv_err *err)
{
	if (!iface->name[0] || !iface->port[0])
		return sv_err_set(err, -EINVAL, "an interface without a name or a port");
	if (iface->mtu < 68 || iface->mtu > 65535)
		return sv_err_set(err, -EINVAL, "%s: mtu %u: 68 to 65535", iface->name, iface->mtu);
	if (iface->mac[0] & 1)
		return sv_err_set(err, -EINVAL, "%s: its MAC address is a group's", iface->name);
	return check_lines("address", iface->addresses, err);
}

static int check_tc(const struct sv_vnode_spec *spec, struct sv_err *err)
{
	char dev[16];
	size_t i;

	for (i = 0; spec->tc && spec->tc[i]; i++)
		if (!sv_line_dev(spec->tc[i], dev) || !sv_spec_iface(spec, dev))
			return sv_err_set(err, -EINVAL,
					  "tc \"%s\": no `dev` that is an interface of it",
					  spec->tc[i]);
	return check_lines("tc", spec->tc, err);
}

static int check_sysctls(const struct sv_vnode_spec *spec, struct sv_err *err)
{
	char path[256];
	size_t i;

	for (i = 0; spec->sysctls && spec->sysctls[i]; i++) {
		size_t len = strcspn(spec->sysctls[i], "=");

		if (!spec->sysctls[i][len])
			return sv_err_set(err, -EINVAL, "sysctl \"%s\": NAME=VALUE is wanted",
					  spec->sysctls[i]);
		if (sv_sysctl_path(spec->sysctls[i], len, path, sizeof(path)))
			return sv_err_set(err, -EINVAL,
					  "sysctl \"%s\": a VNode has its own only below net.",
					  spec->sysctls[i]);
	}
	return 0;
}

int sv_spec_check(const struct sv_vnode_spec *spec, struct sv_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < spec->n_iface && !rc; i++)
		rc = check_iface(&spec->iface[i], err);
	rc = rc ?: check_lines("route", spec->routes, err);
	rc = rc ?: check_tc(spec, err);
	return rc ?: check_sysctls(spec, err);
}
