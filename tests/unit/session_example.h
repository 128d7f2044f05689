/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_UNIT_SESSION_EXAMPLE_H
#define SV_TESTS_UNIT_SESSION_EXAMPLE_H

#include "net_example.h"

/* Sessions of the example's VNet A, and what a host makes of them. */

static inline int start(cJSON *doc, const char *name, const char *at, const char *to,
			const char *options, struct sv_problems *problems, struct sv_err *err)
{
	cJSON *json = quoted(options);
	const char *points[] = { at, NULL };
	struct sv_doc_session session = { .name = name,
					  .of = "A",
					  .direction = "both",
					  .at = at ? points : NULL,
					  .to = to,
					  .options = json };
	int rc = sv_doc_session_start(doc, &session, problems, err);

	cJSON_Delete(json);
	return rc;
}

static inline void must_start(cJSON *doc, const char *name, const char *at, const char *to,
			      const char *options)
{
	struct sv_err err = { 0 };

	must(start(doc, name, at, to, options, NULL, &err), &err);
}

static inline int update(cJSON *doc, const char *name, const char *options, struct sv_err *err)
{
	cJSON *json = quoted(options);
	struct sv_doc_session session = { .name = name, .options = json };
	int rc = sv_doc_session_update(doc, &session, NULL, err);

	cJSON_Delete(json);
	return rc;
}

static inline void must_update(cJSON *doc, const char *name, const char *options)
{
	struct sv_err err = { 0 };

	must(update(doc, name, options, &err), &err);
}

static inline const cJSON *session_in(const cJSON *doc, const char *name)
{
	return sv_json_get(sv_json_get(doc, "sessions"), name);
}

struct compiled {
	struct sv_host_state state;
	struct sv_names names;
};

static inline void compile(struct compiled *c, const cJSON *doc, const char *host)
{
	*c = (struct compiled){ 0 };
	compile_doc(&c->state, &c->names, doc, host);
}

static inline void release(struct compiled *c)
{
	sv_host_state_fini(&c->state);
	sv_names_fini(&c->names);
}

static inline const struct sv_attach_spec *spec_at(const struct compiled *c, const char *port,
						   int vlan)
{
	__u32 name = sv_names_find(&c->names, port);

	for (size_t i = 0; i < c->state.n_attach; i++)
		if (c->state.attach[i].spec.key.ifindex == name &&
		    c->state.attach[i].spec.key.vlan == vlan)
			return &c->state.attach[i].spec;
	fail_msg("no attachment at %s", port);
	return NULL;
}

static inline const char *port_of(const cJSON *doc, const char *iface)
{
	const cJSON *ports = sv_json_get(sv_json_get(doc, "alloc"), "ports");
	const char *port = sv_json_str(sv_json_get(ports, iface), "port");

	assert_non_null(port);
	return port;
}

static inline const struct sv_host_session *session_named(const struct compiled *c,
							  const char *name)
{
	for (size_t i = 0; i < c->state.n_session; i++)
		if (!strcmp(c->state.session[i].name, name))
			return &c->state.session[i];
	fail_msg("no session %s", name);
	return NULL;
}

#endif
