// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "doc_change.h"

/* A VNode on another host. `vnet` is a VNet's section, or what is merged into one. */
static int place(cJSON *vnet, const char *name, const char *host)
{
	cJSON *vnodes = sv_json_object(vnet, "vnodes");
	cJSON *vnode = vnodes ? sv_json_object(vnodes, name) : NULL;

	return vnode ? sv_json_set(vnode, "host", cJSON_CreateString(host)) : -ENOMEM;
}

static int place_in_shadow(cJSON *shadow, const char *name, const char *host)
{
	cJSON *override = sv_json_object(shadow, "override");

	return override ? place(override, name, host) : -ENOMEM;
}

/* Shadows have their original's hosts until they are told others; theirs do not move with it. */
static int keep_shadows(cJSON *work, const char *of, const char *name, const char *host)
{
	cJSON *shadow;
	int rc = 0;

	cJSON_ArrayForEach (shadow, sv_json_get(work, "shadows")) {
		const cJSON *vnodes = sv_json_get(sv_json_get(shadow, "override"), "vnodes");
		const cJSON *own = sv_json_get(vnodes, name);

		if (strcmp(sv_json_str(shadow, "of") ?: "", of) || cJSON_IsNull(vnodes) ||
		    cJSON_IsNull(own) || sv_json_str(own, "host"))
			continue;
		rc = rc ?: place_in_shadow(shadow, name, host);
	}
	return rc;
}

int sv_doc_vnode_move(cJSON *doc, const char *vnet, const char *name, const char *host,
		      struct sv_problems *problems, struct sv_err *err)
{
	_cleanup_json_ cJSON *work = NULL;
	const char *from;
	cJSON *section;
	int rc = sv_doc_begin(&work, doc, err);

	if (rc)
		return rc;
	section = sv_json_get(sv_json_get(sv_json_get(work, "network"), "vnets"), vnet);
	from = sv_json_str(sv_json_get(sv_json_get(section, "vnodes"), name), "host");
	if (sv_doc_is_shadow(work, vnet))
		rc = place_in_shadow(sv_json_get(sv_json_get(work, "shadows"), vnet), name, host);
	else if (from)
		rc = keep_shadows(work, vnet, name, from) ?: place(section, name, host);
	else
		return sv_err_set(err, -ENOENT,
				  "%s/%s is no VNode of the network file or of a shadow", vnet,
				  name);
	if (rc)
		return sv_err_set(err, rc, "out of memory");
	return sv_doc_commit(doc, work, problems, err);
}
