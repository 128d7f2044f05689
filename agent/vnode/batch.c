/* SPDX-License-Identifier: GPL-2.0-only */
/* Many lines for one run of ip or tc, and which of them it refused. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "netns.h"

int sv_batch_add(struct sv_batch *batch, const char *what, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	char *text, **names;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (len < 0) {
		line = NULL;
		return -ENOMEM;
	}
	text = realloc(batch->text, batch->len + len + 2);
	if (text)
		batch->text = text;
	names = realloc(batch->what, (batch->n + 1) * sizeof(*names));
	if (names)
		batch->what = names;
	if (!text || !names)
		return -ENOMEM;
	batch->what[batch->n] = strdup(what);
	if (!batch->what[batch->n])
		return -ENOMEM;
	batch->n++;
	batch->len += sprintf(text + batch->len, "%s\n", line);
	return 0;
}

/* "Command failed -:3" names a line, what is before it says why. */
static int refused(const struct sv_batch *batch, const char *tool, char *complaint,
		   struct sv_err *err)
{
	static const char mark[] = "Command failed -:";
	char *at = complaint ? strstr(complaint, mark) : NULL;
	unsigned long line = at ? strtoul(at + sizeof(mark) - 1, NULL, 10) : 0;
	char *why = complaint ?: "";

	if (!strncmp(why, "RTNETLINK answers: ", 19))
		why += 19;
	else if (!strncmp(why, "Error: ", 7))
		why += 7;
	why[strcspn(why, "\n")] = 0;
	if (!line || line > batch->n)
		return sv_err_set(err, -EINVAL, "%s: %s", tool, why);
	return sv_err_set(err, -EINVAL, "%s: %s", batch->what[line - 1], why);
}

int sv_batch_run(struct sv_batch *batch, int netns, const char *tool, struct sv_err *err)
{
	_cleanup_free_ char *complaint = NULL;
	char *argv[] = { (char *)tool, "-batch", "-", NULL };
	int rc;

	if (!batch->n)
		return 0;
	rc = sv_ns_run(netns, argv, batch->text, NULL, &complaint);
	return rc ? refused(batch, tool, complaint, err) : 0;
}

void sv_batch_fini(struct sv_batch *batch)
{
	size_t i;

	for (i = 0; i < batch->n; i++)
		free(batch->what[i]);
	free(batch->what);
	free(batch->text);
	memset(batch, 0, sizeof(*batch));
}
