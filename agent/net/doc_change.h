/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_NET_DOC_CHANGE_H
#define SV_AGENT_NET_DOC_CHANGE_H

#include "host.h"
#include "internal.h"

/* Between doc.c, doc_shadow.c, doc_session.c and doc_flip.c. */

/* *work: a duplicate to change, the caller's. */
int sv_doc_begin(cJSON **work, const cJSON *doc, struct sv_err *err);
/* Allocates in work, checks it as a whole and swaps it into doc; work has the old content then. */
int sv_doc_commit(cJSON *doc, cJSON *work, struct sv_problems *problems, struct sv_err *err);

void sv_doc_drop_vnet(cJSON *doc, const char *name);
void sv_doc_drop_shadow(cJSON *doc, const char *name);
/* doc_target.c: "to", "interface", "collector" of a session, as people write them. -EINVAL. */
int sv_doc_target(cJSON *json, const struct sv_doc_session *session, struct sv_err *err);
/* Monitoring VNets without a session. */
void sv_doc_drop_monitors(cJSON *doc);

/* Groups as "alloc" knows them. NULL: none. */
const cJSON *sv_doc_group(const cJSON *doc, const char *group);
const cJSON *sv_doc_group_of(const cJSON *doc, const char *vnet);
bool sv_doc_is_member(const cJSON *doc, const char *group, const char *vnet);
bool sv_doc_is_shadow(const cJSON *doc, const char *name);
const char *sv_doc_live_shadow(const cJSON *doc, const char *group);
/* -EBUSY when a shadow of the group is heard or may come to be. */
int sv_doc_check_live(const cJSON *doc, const char *group, struct sv_err *err);

/* The group's order becomes this one, with the next id. Names may be NULL for "". */
int sv_doc_order(cJSON *doc, const char *group, const char *kind, const char *to, const char *from,
		 uint64_t at_us, uint64_t until_us, struct sv_err *err);
/* Orders of groups that are gone go; a group whose heard member left gets its production. */
int sv_doc_settle_flips(cJSON *work, const cJSON *old, struct sv_err *err);

#endif
