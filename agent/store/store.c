// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "drivers.h"
#include "store.h"

/* The one list of stores. */
static const struct sv_store_ops *const stores[] = { &sv_store_file };

static const struct sv_store_ops *find(const char *scheme, size_t len)
{
	for (size_t i = 0; i < sizeof(stores) / sizeof(*stores); i++)
		if (strlen(stores[i]->scheme) == len && !strncmp(stores[i]->scheme, scheme, len))
			return stores[i];
	return NULL;
}

int sv_store_open(struct sv_store *store, const char *url, struct sv_err *err)
{
	const char *colon = strchr(url, ':');
	const struct sv_store_ops *ops = &sv_store_file;
	const char *where = url;
	int rc;

	if (*url != '/' && colon) {
		ops = find(url, colon - url);
		where = colon + 1;
	}
	if (!ops)
		return sv_err_set(err, -EPROTONOSUPPORT,
				  "store %s: no such kind of store, use file:FOLDER", url);
	*store = (struct sv_store){ .ops = ops };
	rc = ops->open(store, where, err);
	if (rc)
		*store = (struct sv_store){ 0 };
	return rc;
}

void sv_store_close(struct sv_store *store)
{
	if (store->ops)
		store->ops->close(store);
	*store = (struct sv_store){ 0 };
}
