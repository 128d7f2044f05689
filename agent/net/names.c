// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "host.h"
#include "internal.h"

__u32 sv_names_find(const struct sv_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->name[i], name))
			return i + 1;
	return 0;
}

__u32 sv_names_add(struct sv_names *names, const char *name)
{
	__u32 number = sv_names_find(names, name);
	char(*slot)[16];

	if (number || strlen(name) >= sizeof(*slot))
		return number;
	slot = sv_grow(&names->name, &names->n, sizeof(*slot));
	if (!slot)
		return 0;
	strcpy(*slot, name);
	return names->n;
}

const char *sv_names_get(const struct sv_names *names, __u32 number)
{
	return number && number <= names->n ? names->name[number - 1] : "?";
}

void sv_names_fini(struct sv_names *names)
{
	free(names->name);
	*names = (struct sv_names){ 0 };
}
