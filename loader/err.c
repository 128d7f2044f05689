// SPDX-License-Identifier: GPL-2.0-only
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sv_err_set(struct sv_err *err, int rc, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

int sv_err_prefix(struct sv_err *err, int rc, const char *fmt, ...)
{
	struct sv_err old;
	va_list ap;
	size_t len;

	if (!err)
		return rc;
	old = *err;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	for (const char *from[] = { ": ", old.text }, **f = from; f < from + 2; f++) {
		for (const char *c = *f; *c && len < sizeof(err->text) - 1; c++)
			err->text[len++] = *c;
	}
	err->text[len] = 0;
	return rc;
}
