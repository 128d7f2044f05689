// SPDX-License-Identifier: GPL-2.0-only
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static enum sv_log_level max_level = SV_LOG_INFO;

void sv_log_set_level(enum sv_log_level level)
{
	max_level = level;
}

void sv_log(enum sv_log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "error", "info", "debug" };
	struct timespec now;
	char text[1024], when[32];
	struct tm tm;
	va_list ap;

	if (level > max_level)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%FT%T", &tm);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Texts have words of callers in them: one call, one line. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	fprintf(stderr, "%s.%03ldZ %s %s\n", when, now.tv_nsec / 1000000, names[level], text);
}
