// SPDX-License-Identifier: GPL-2.0-only
#include "maps/reason.h"

#include <stddef.h>

#include "plane.h"

#define NAME(id, kind, name, text) name,

const char *sv_reason_name(enum sv_reason reason)
{
	static const char *const names[] = { SV_REASONS(NAME) };

	return (unsigned int)reason < SV_REASON__COUNT ? names[reason] : NULL;
}

const char *sv_scount_name(enum sv_scount_reason reason)
{
	static const char *const names[] = { SV_SHEDS(NAME) };

	return (unsigned int)reason < SV_SCOUNT__COUNT ? names[reason] : NULL;
}

const char *sv_dev_name(enum sv_dev_reason reason)
{
	static const char *const names[] = { SV_DEV_REASONS(NAME) };

	return (unsigned int)reason < SV_DEV__COUNT ? names[reason] : NULL;
}
