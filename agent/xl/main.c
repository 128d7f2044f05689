/* SPDX-License-Identifier: GPL-2.0-only */
/* svnet-xl: one request, one answer, see xl.h. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <time.h>
#include <xentoollog.h>

#include "xl.h"

enum { PASSED_FD = 3 };

static const struct {
	const char *name;
	int (*fn)(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
} ops[] = {
	{ "list", sv_xl_list },
	{ "create", sv_xl_create },
	{ "pause", sv_xl_pause },
	{ "unpause", sv_xl_unpause },
	{ "shutdown", sv_xl_shutdown },
	{ "destroy", sv_xl_destroy },
	{ "sched", sv_xl_sched },
	{ "print", sv_xl_print },
	{ "checkpoint", sv_xl_checkpoint },
	{ "clone", sv_xl_clone },
	{ "restore", sv_xl_restore },
	{ "recover", sv_xl_recover },
	{ "send", sv_xl_send },
	{ "room", sv_xl_room },
	{ "receive", sv_xl_receive },
	{ "disks", sv_xl_disks },
};

/* ---- libxl's complaints ---- */

struct logger {
	xentoollog_logger vtable;
	struct sv_xl *xl;
};

static void log_message(xentoollog_logger *base, xentoollog_level level, int errnoval,
			const char *context, const char *format, va_list al)
{
	struct logger *logger = (struct logger *)base;
	char text[256];

	if (level < XTL_WARN)
		return;
	vsnprintf(text, sizeof(text), format, al);
	fprintf(stderr, "svnet-xl: %s: %s%s%s\n", context ?: "libxl", text,
		errnoval > 0 ? ": " : "", errnoval > 0 ? strerror(errnoval) : "");
	if (level >= XTL_ERROR && !logger->xl->complaint[0])
		snprintf(logger->xl->complaint, sizeof(logger->xl->complaint), "%s", text);
}

static void log_progress(xentoollog_logger *base, const char *context, const char *what,
			 int percent, unsigned long done, unsigned long total)
{
	(void)base;
	(void)context;
	(void)what;
	(void)percent;
	(void)done;
	(void)total;
}

static void log_destroy(xentoollog_logger *base)
{
	(void)base;
}

static int open_ctx(struct sv_xl *xl, struct logger *logger, struct sv_err *err)
{
	logger->vtable = (xentoollog_logger){ log_message, log_progress, log_destroy };
	logger->xl = xl;
	if (!libxl_ctx_alloc(&xl->ctx, LIBXL_VERSION, 0, &logger->vtable))
		return 0;
	return sv_err_set(err, -ENODEV, "Xen does not answer: %s",
			  xl->complaint[0] ? xl->complaint : "is this its dom0?");
}

/* ---- a request ---- */

/* Only one at a time for a host: what an older one began it ends first. */
static int take_lock(const cJSON *request, struct sv_err *err)
{
	uint64_t until = sv_xl_now_ms() + sv_xl_num(request, "lock_ms", 10000);
	struct timespec tick = { .tv_nsec = 20000000 };
	const char *dir = sv_xl_str(request, "lock");
	int fd;

	if (!dir)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return sv_err_set(err, -errno, "%s: %s", dir, strerror(errno));
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (sv_xl_now_ms() >= until) {
			close(fd);
			return sv_err_set(err, -EBUSY, "another svnet-xl is at work on %s", dir);
		}
		nanosleep(&tick, NULL);
	}
	return fd;
}

static int run(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	const char *op = sv_xl_str(request, "op") ?: "";
	struct logger logger;
	size_t i;
	int rc;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(ops[i].name, op))
			continue;
		rc = open_ctx(xl, &logger, err);
		rc = rc ?: ops[i].fn(xl, request, reply, err);
		if (xl->ctx)
			libxl_ctx_free(xl->ctx);
		return rc;
	}
	return sv_err_set(err, -EINVAL, "no such operation: \"%s\"", op);
}

static char *read_line(void)
{
	char *line = NULL;
	size_t size = 0;

	if (getline(&line, &size, stdin) > 0)
		return line;
	free(line);
	return NULL;
}

void sv_xl_promise(uint32_t ms)
{
	printf("{\"within_ms\":%u}\n", ms);
	fflush(stdout);
}

static int answer(cJSON *reply, int rc, const struct sv_err *err)
{
	_cleanup_free_ char *text = NULL;

	if (rc) {
		cJSON_AddStringToObject(reply, "error", err->text[0] ? err->text : strerror(-rc));
		cJSON_AddNumberToObject(reply, "errno", -rc);
	}
	text = cJSON_PrintUnformatted(reply);
	cJSON_Delete(reply);
	printf("%s\n", text ?: "{\"error\":\"out of memory\",\"errno\":12}");
	return fflush(stdout) ? 1 : 0;
}

static int serve(void)
{
	_cleanup_free_ char *line = read_line();
	_cleanup_close_ int lock = -1;
	cJSON *request = line ? cJSON_Parse(line) : NULL, *reply = cJSON_CreateObject();
	struct sv_xl xl = { .fd = -1 };
	struct sv_err err = { 0 };
	int rc = request ? 0 : sv_err_set(&err, -EINVAL, "a request is one line of JSON");

	/* Before the lock takes its number. */
	if (!fcntl(PASSED_FD, F_SETFD, FD_CLOEXEC))
		xl.fd = PASSED_FD;
	if (!rc) {
		lock = take_lock(request, &err);
		rc = lock < -1 ? lock : 0;
	}
	rc = rc ?: run(&xl, request, reply, &err);
	cJSON_Delete(request);
	return answer(reply, rc, &err);
}

/* ---- the rest ---- */

/* Becomes the console, on the caller's own terminal. */
static int console(const char *uuid)
{
	cJSON *request = cJSON_CreateObject();
	struct sv_xl xl = { .fd = -1 };
	libxl_dominfo info = { 0 };
	struct sv_err err = { 0 };
	struct logger logger;
	int rc;

	cJSON_AddStringToObject(request, "uuid", uuid);
	rc = open_ctx(&xl, &logger, &err);
	rc = rc ?: sv_xl_find(&xl, request, &info, &err);
	if (!rc) {
		libxl_primary_console_exec(xl.ctx, info.domid, -1);
		sv_err_set(&err, -EIO, "Xen's console cannot be run");
	}
	fprintf(stderr, "svnet-xl: %s\n", err.text);
	return 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: svnet-xl call < REQUEST | events | console UUID\n"
			"svnetd and svnet run this: it is no command for people\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(what, "call"))
		return serve();
	if (!strcmp(what, "events"))
		return prctl(PR_SET_PDEATHSIG, SIGTERM) ? 1 : sv_xl_events();
	if (!strcmp(what, "console") && argc == 3)
		return console(argv[2]);
	if (!strcmp(what, "online") || !strcmp(what, "offline") || !strcmp(what, "add") ||
	    !strcmp(what, "remove"))
		return sv_xl_hotplug(argc, argv);
	return usage();
}
