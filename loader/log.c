// SPDX-License-Identifier: GPL-2.0-only
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "internal.h"

#define LINES 5
#define LINE_LEN 160

/* The libraries' print functions carry no context, so their last words can only be kept here. */
static char lines[LINES][LINE_LEN];
static unsigned int n_lines;

static bool noise(const char *line)
{
	static const char *const dull[] = {
		"processed ",
		"-- BEGIN",
		"-- END",
		"libbpf: prog 'sv",
		"libbpf: failed to load obj",
	};

	while (*line == '\n' || *line == ' ')
		line++;
	if (!*line)
		return true;
	for (size_t i = 0; i < sizeof(dull) / sizeof(dull[0]); i++) {
		if (!strncmp(line, dull[i], strlen(dull[i])))
			return true;
	}
	return false;
}

static void keep(const char *fmt, va_list ap)
{
	char *text = NULL, *save = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (!noise(l))
			snprintf(lines[n_lines++ % LINES], LINE_LEN, "%s", l);
	}
	free(text);
}

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN)
		keep(fmt, ap);
	return 0;
}

static int print_libxdp(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBXDP_WARN)
		keep(fmt, ap);
	return 0;
}

void sv_log_start(void)
{
	n_lines = 0;
	libbpf_set_print(print_libbpf);
	libxdp_set_print(print_libxdp);
}

int sv_log_err(struct sv_err *err, int rc, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	unsigned int i = n_lines > LINES ? n_lines - LINES : 0;
	va_list ap;
	size_t len;

	if (!err)
		return rc;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (; i < n_lines; i++) {
		len = strlen(text);
		snprintf(text + len, sizeof(text) - len, "; %s", lines[i % LINES]);
	}
	n_lines = 0;
	memcpy(err->text, text, sizeof(err->text));
	return rc;
}
