// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "internal.h"

void sv_problems_fini(struct sv_problems *problems)
{
	for (size_t i = 0; i < problems->n; i++)
		free(problems->line[i]);
	free(problems->line);
	*problems = (struct sv_problems){ 0 };
}

static void path_print(FILE *f, const struct sv_path *at)
{
	if (!at || !at->key)
		return;
	path_print(f, at->up);
	if (at->up && at->up->key && at->key[0] != '[')
		fputc('.', f);
	fputs(at->key, f);
}

int sv_problem_add(struct sv_problems *problems, const struct sv_path *at, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	char **line;
	va_list ap;
	FILE *f;

	if (!problems)
		return -EINVAL;
	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	path_print(f, at);
	if (at && at->key)
		fputs(": ", f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	if (fclose(f))
		return -ENOMEM;
	line = realloc(problems->line, (problems->n + 1) * sizeof(*line));
	if (!line)
		return -ENOMEM;
	problems->line = line;
	line[problems->n++] = TAKE_PTR(text);
	return -EINVAL;
}
