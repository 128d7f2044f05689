/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_UNIT_NET_EXAMPLE_H
#define SV_TESTS_UNIT_NET_EXAMPLE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/net/host.h"
#include "agent/net/internal.h"

/* The network file of agent/README.md, so that the reference and the tests cannot drift apart. */
static inline cJSON *example_network(void)
{
	_cleanup_fclose_ FILE *f = fopen("agent/README.md", "r");
	static char text[1 << 17];
	char *start, *end;
	cJSON *json;

	if (!f)
		fail_msg("run me from the top of the tree: no agent/README.md");
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	start = strstr(text, "```json\n");
	end = start ? strstr(start + 8, "```") : NULL;
	assert_non_null(end);
	*end = 0;
	json = cJSON_Parse(start + 8);
	assert_non_null(json);
	return json;
}

/* The example with an RFC 7396 patch on it, single quotes for double ones. */
static inline cJSON *patched_network(const char *patch)
{
	cJSON *network = example_network(), *json, *out;
	char *text = strdup(patch);

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = cJSON_Parse(text);
	if (!json)
		fail_msg("bad patch: %s", patch);
	out = sv_json_merge(network, json);
	cJSON_Delete(network);
	cJSON_Delete(json);
	free(text);
	return out;
}

static inline cJSON *quoted(const char *patch)
{
	char *text = strdup(patch);
	cJSON *json;

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = cJSON_Parse(text);
	free(text);
	assert_non_null(json);
	return json;
}

static inline void must(int rc, const struct sv_err *err)
{
	if (rc)
		fail_msg("%s (%s)", err->text, strerror(-rc));
}

/* A document to which the example with a patch was applied. */
static inline cJSON *example_doc(const char *patch)
{
	cJSON *network = patched_network(patch), *doc = cJSON_CreateObject();
	struct sv_err err = { 0 };

	must(sv_doc_apply(doc, network, NULL, &err), &err);
	cJSON_Delete(network);
	return doc;
}

static inline void add_shadow(cJSON *doc, const char *name, const char *of, const char *override)
{
	cJSON *patch = override ? quoted(override) : NULL;
	struct sv_err err = { 0 };

	must(sv_doc_shadow_start(doc, name, of, patch, NULL, &err), &err);
	cJSON_Delete(patch);
}

static inline void add_session(cJSON *doc, const char *name, const char *of, const char *direction,
			       const char *point, const char *to)
{
	const char *at[] = { point, NULL };
	struct sv_doc_session session = {
		.name = name, .of = of, .direction = direction, .at = point ? at : NULL, .to = to
	};
	struct sv_err err = { 0 };

	must(sv_doc_session_start(doc, &session, NULL, &err), &err);
}

static inline struct sv_net *load_doc(const cJSON *doc)
{
	struct sv_err err = { 0 };
	struct sv_net *net = NULL;

	must(sv_net_load(&net, doc, NULL, &err), &err);
	return net;
}

static inline void compile_doc(struct sv_host_state *state, struct sv_names *names,
			       const cJSON *doc, const char *host)
{
	struct sv_net *net = load_doc(doc);
	struct sv_err err = { 0 };

	must(sv_host_compile(state, names, net, host, &err), &err);
	sv_net_free(net);
}

#endif
