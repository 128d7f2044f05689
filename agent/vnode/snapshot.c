/* SPDX-License-Identifier: GPL-2.0-only */
/* What a clone would be made from, as JSON for people and programs. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "netns.h"

static const struct {
	const char *name;
	char *argv[8];
} parts[] = {
	{ "links", { "ip", "-json", "-details", "link", "show", NULL } },
	{ "addresses", { "ip", "-json", "addr", "show", NULL } },
	{ "nexthops", { "ip", "-json", "nexthop", "show", NULL } },
	{ "rules", { "ip", "-json", "rule", "show", NULL } },
	{ "rules6", { "ip", "-json", "-6", "rule", "show", NULL } },
	{ "routes", { "ip", "-json", "route", "show", "table", "all", NULL } },
	{ "routes6", { "ip", "-json", "-6", "route", "show", "table", "all", NULL } },
	{ "neighbours", { "ip", "-json", "neigh", "show", NULL } },
	{ "qdiscs", { "tc", "-json", "qdisc", "show", NULL } },
	{ "nftables", { "nft", "-j", "list", "ruleset", NULL } },
};

static cJSON *ask(int netns, char *const argv[])
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *complaint = NULL;
	cJSON *json;

	if (sv_ns_run(netns, argv, NULL, &text, &complaint) || !text)
		return NULL;
	json = cJSON_Parse(text[0] ? text : "[]");
	return json ?: cJSON_CreateString(text);
}

/* Classes and filters are shown a device at a time. */
static int add_tc(cJSON *snapshot, int netns, const struct sv_vnode_spec *spec)
{
	static char *const what[] = { "class", "filter" };
	size_t i, j;

	for (j = 0; j < 2; j++) {
		cJSON *of = cJSON_AddObjectToObject(snapshot, j ? "filters" : "classes");

		for (i = 0; i < spec->n_iface; i++) {
			char *argv[] = { "tc", "-json", what[j], "show", "dev", spec->iface[i].name,
					 NULL };
			cJSON *json = ask(netns, argv);

			if (!of || !json)
				return -EIO;
			cJSON_AddItemToObject(of, spec->iface[i].name, json);
		}
	}
	return 0;
}

static int add_parts(cJSON *snapshot, int netns, struct sv_err *err)
{
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		cJSON *json = ask(netns, parts[i].argv);

		if (!json)
			return sv_err_set(err, -EIO, "reading its %s failed", parts[i].name);
		cJSON_AddItemToObject(snapshot, parts[i].name, json);
	}
	return 0;
}

int sv_snapshot_write(const struct sv_vn *vn, int netns, FILE *file, struct sv_err *err)
{
	_cleanup_(sv_vnode_spec_fini) struct sv_vnode_spec spec = { 0 };
	_cleanup_free_ char *spec_text = sv_vn_read(vn, "spec.json");
	cJSON *snapshot = cJSON_CreateObject();
	char *text = NULL;
	int rc;

	rc = spec_text ? sv_spec_from_text(&spec, spec_text) : -errno;
	if (rc)
		sv_err_set(err, rc, "what it was made from is lost");
	else
		cJSON_AddItemToObject(snapshot, "spec", cJSON_Parse(spec_text));
	rc = rc ?: add_parts(snapshot, netns, err);
	if (!rc && (rc = add_tc(snapshot, netns, &spec)))
		sv_err_set(err, rc, "reading its classes and filters failed");
	if (!rc)
		text = cJSON_Print(snapshot);
	cJSON_Delete(snapshot);
	if (rc || !text)
		return rc ?: -ENOMEM;
	fprintf(file, "%s\n", text);
	free(text);
	return ferror(file) ? sv_err_set(err, -EIO, "writing the snapshot failed") : 0;
}
