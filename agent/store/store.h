/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_STORE_H
#define SV_AGENT_STORE_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "loader/err.h"

/*
 * Where desired state lives: one JSON document with one revision, and a report of every host beside
 * it. Any number of agents read and write; a writer names the revision it read, and the second of
 * two is told (-ESTALE), not overwritten. Nothing is ever half-written.
 */
struct sv_store;

struct sv_store_ops {
	const char *scheme; /* "file" */
	int (*open)(struct sv_store *store, const char *where, struct sv_err *err);
	void (*close)(struct sv_store *store);
	/* The document (the caller's to cJSON_Delete; {} and revision 0 when there is none yet). */
	int (*get)(struct sv_store *store, cJSON **doc, uint64_t *revision, struct sv_err *err);
	/* Compare-and-swap: -ESTALE when the store's revision is not `expected`. Does not
	 * take doc. */
	int (*put)(struct sv_store *store, const cJSON *doc, uint64_t expected, uint64_t *revision,
		   struct sv_err *err);
	/* A host's own report ({"revision":…, "flips":…, "errors":[…], "time":…}); no revision. */
	int (*report)(struct sv_store *store, const char *host, const cJSON *report,
		      struct sv_err *err);
	/* All reports, by host name. */
	int (*reports)(struct sv_store *store, cJSON **reports, struct sv_err *err);
	/* A descriptor that becomes readable when the document or a report may have changed, and
	 * the call that empties it. A hint: re-read. */
	int (*watch_fd)(struct sv_store *store);
	void (*watch_drain)(struct sv_store *store);
};

struct sv_store {
	const struct sv_store_ops *ops;
	void *priv;
};

/* "file:/var/lib/svnet" or a plain path. */
int sv_store_open(struct sv_store *store, const char *url, struct sv_err *err);
void sv_store_close(struct sv_store *store);

#endif
