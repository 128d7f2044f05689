// SPDX-License-Identifier: GPL-2.0-only
#include "filter.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "filter_emit.h"
#include "filter_parse.h"
#include "plane.h"

/* Older verifiers keep the head of a log that does not fit, and the reason stands at its end. */
#define LOG_SIZE (16 << 20)
#define LOG_LINES 3

int sv_filter_check(const char *expression, struct sv_err *err)
{
	_cleanup_free_ struct sv_cbpf *insn = NULL;
	struct sv_cbpf_prog prog;
	struct sv_filter_code code;
	int rc = sv_filter_parse(&prog, expression, err);

	if (rc)
		return rc;
	insn = prog.insn;
	rc = sv_filter_emit(&code, SV_FILTER_TC, &prog, 1, -1, -1, err);
	if (!rc)
		free(code.insn);
	return rc;
}

static __u64 fnv1a(__u64 hash, const void *data, size_t len)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ULL;
	return hash;
}

static bool is_everything(const char *expression)
{
	while (expression && isspace((unsigned char)*expression))
		expression++;
	return !expression || !*expression;
}

__u64 sv_filter_digest(char *const filter[SV_SESSION_BITS])
{
	__u32 version = SV_FILTER_VERSION;
	__u64 hash = fnv1a(0xcbf29ce484222325ULL, &version, sizeof(version));
	bool any = false;

	for (__u8 bit = 0; bit < SV_SESSION_BITS; bit++) {
		if (is_everything(filter[bit]))
			continue;
		any = true;
		hash = fnv1a(hash, &bit, sizeof(bit));
		hash = fnv1a(hash, filter[bit], strlen(filter[bit]) + 1);
	}
	if (!any)
		return 0;
	return hash ? hash : 1;
}

static void free_progs(struct sv_cbpf_prog *progs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(progs[i].insn);
}

int sv_filter_generate(struct sv_filter_code *code, enum sv_filter_hook hook,
		       const char *const *expression, size_t n, int scratch, int progs,
		       struct sv_err *err)
{
	struct sv_cbpf_prog prog[32] = {};
	int rc = 0;

	if (n > sizeof(prog) / sizeof(prog[0]))
		return sv_err_set(err, -EINVAL, "at most 32 filters fit into one program");
	for (size_t i = 0; i < n && !rc; i++) {
		rc = sv_filter_parse(&prog[i], expression[i], err);
		if (rc)
			sv_err_prefix(err, rc, "filter `%.200s`", expression[i]);
	}
	if (!rc)
		rc = sv_filter_emit(code, hook, prog, n, scratch, progs, err);
	free_progs(prog, n);
	return rc;
}

/* The verifier's last words, without its statistics. */
static void last_lines(char *out, size_t size, char *log)
{
	const char *line[LOG_LINES] = {};
	size_t n = 0, len = 0;
	char *save = NULL;

	for (char *l = strtok_r(log, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (strncmp(l, "processed ", 10))
			line[n++ % LOG_LINES] = l;
	}
	out[0] = 0;
	for (size_t i = n > LOG_LINES ? n - LOG_LINES : 0; i < n && len < size; i++)
		len += snprintf(out + len, size - len, "%s%s", len ? "; " : "",
				line[i % LOG_LINES]);
}

static int load_as(enum sv_filter_hook hook, const struct sv_filter_code *code, bool extended,
		   char *log, size_t log_size)
{
	bool xdp = hook == SV_FILTER_XDP;
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = log_size,
		    .log_level = log ? 1 : 0,
		    .expected_attach_type = xdp && !extended ? BPF_XDP : 0,
		    .prog_flags = xdp && !extended ? BPF_F_XDP_HAS_FRAGS : 0);
	int fd = bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "sv_filter",
			       "GPL", code->insn, code->n, &opts);

	return fd < 0 ? -errno : fd;
}

/* What the entries are, or their program array would not take it: see object.c. */
static int load(enum sv_filter_hook hook, const struct sv_filter_code *code, char *log,
		size_t log_size)
{
	int fd = load_as(hook, code, false, log, log_size);

	return fd == -EINVAL && hook == SV_FILTER_XDP ? load_as(hook, code, true, log, log_size)
						      : fd;
}

int sv_filter_load(enum sv_filter_hook hook, const char *const *expression, size_t n, int scratch,
		   int progs, struct sv_err *err)
{
	_cleanup_free_ struct bpf_insn *insn = NULL;
	_cleanup_free_ char *log = NULL;
	struct sv_filter_code code;
	char last[300] = "";
	int fd, rc;

	rc = sv_filter_generate(&code, hook, expression, n, scratch, progs, err);
	if (rc)
		return rc;
	insn = code.insn;
	fd = load(hook, &code, NULL, 0);
	if (fd >= 0)
		return fd;
	rc = fd;
	log = calloc(1, LOG_SIZE);
	if (log) {
		fd = load(hook, &code, log, LOG_SIZE);
		if (fd >= 0)
			return fd;
		last_lines(last, sizeof(last), log);
	}
	return sv_err_set(err, rc, "the kernel refused the filter: %s: %s", strerror(-rc), last);
}
