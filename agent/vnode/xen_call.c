/* SPDX-License-Identifier: GPL-2.0-only */
/* A request to svnet-xl, bounded in time whatever it does. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "xen.h"

enum { REPLY_MAX = 1 << 20, END_MS = 2000 };

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A file and not a pipe: nobody waits for it to be read. */
static int request_file(const cJSON *request)
{
	_cleanup_free_ char *text = cJSON_PrintUnformatted(request);
	int fd = memfd_create("svnet-xl", MFD_CLOEXEC);

	if (!text || fd < 0 || dprintf(fd, "%s\n", text) < 0 || lseek(fd, 0, SEEK_SET)) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	return fd;
}

static void __attribute__((noreturn))
become_helper(const char *helper, int in, int out, int log, int pass)
{
	char *argv[] = { "svnet-xl", "call", NULL };
	sigset_t none;
	int fds[] = { in, out, log, pass }, i;

	/* What it starts is killed with it. */
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	for (i = 0; i < 4; i++)
		if (fds[i] >= 0)
			fds[i] = fcntl(fds[i], F_DUPFD, 10);
	for (i = 0; i < 4; i++)
		if (fds[i] >= 0)
			dup2(fds[i], i);
	syscall(SYS_close_range, pass >= 0 ? 4 : 3, ~0U, 0);
	execv(helper, argv);
	dprintf(1, "{\"error\":\"%s: %s\",\"errno\":%d}\n", helper, strerror(errno), errno);
	_exit(127);
}

/* The length of the line that text begins with; *len: of all that is in it. -EPIPE: it ended. */
static int read_line(int fd, int64_t until, char *text, size_t size, size_t *len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *end;

	while (!(end = memchr(text, '\n', *len))) {
		int64_t left = until - now_ms();
		int ready = poll(&p, 1, left > 0 ? left : 0);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return -ETIMEDOUT;
		if (*len == size)
			return -EMSGSIZE;
		n = read(fd, text + *len, size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		*len += n;
	}
	*end = 0;
	return end - text;
}

/* Not an answer, but when the next line is due: while a domain stands still, that is soon. */
static bool is_promise(const char *text, int64_t last, int64_t *until)
{
	cJSON *json = cJSON_Parse(text);
	const cJSON *within = cJSON_GetObjectItemCaseSensitive(json, "within_ms");
	bool is = cJSON_IsNumber(within);

	if (is)
		*until = within->valuedouble > 0 ? now_ms() + (int64_t)within->valuedouble : last;
	if (is && *until > last)
		*until = last;
	cJSON_Delete(json);
	return is;
}

static int read_reply(int fd, int64_t last, char *text, size_t size)
{
	int64_t until = last;
	size_t len = 0;

	for (;;) {
		int n = read_line(fd, until, text, size, &len);

		if (n < 0)
			return n;
		if (!is_promise(text, last, &until))
			return 0;
		len -= n + 1;
		memmove(text, text + n + 1, len);
	}
}

static bool wait_end(pid_t pid, int ms, int *status)
{
	_cleanup_close_ int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd >= 0 && poll(&p, 1, ms) <= 0)
		return false;
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return true;
	return true;
}

/* Also what it started: they are of its session, unless they left it to stay. */
static void end(pid_t pid, bool at_once, int *status)
{
	if (!at_once && wait_end(pid, END_MS, status))
		return;
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	wait_end(pid, -1, status);
}

static int explain(int rc, const char *op, int ms, int64_t left, int status, struct sv_err *err)
{
	if (rc == -ETIMEDOUT && left > 0)
		return sv_err_set(
			err, rc,
			"svnet-xl hung in \"%s\" while a domain stood still and was killed", op);
	if (rc == -ETIMEDOUT)
		return sv_err_set(err, rc, "svnet-xl did not answer \"%s\" in %d ms and was killed",
				  op, ms);
	if (WIFSIGNALED(status))
		return sv_err_set(err, -EPIPE, "svnet-xl died in \"%s\" (signal %d)", op,
				  WTERMSIG(status));
	return sv_err_set(err, -EPIPE, "svnet-xl ended in \"%s\" without an answer", op);
}

static int take_reply(const char *text, const char *op, cJSON **reply, struct sv_err *err)
{
	cJSON *json = cJSON_Parse(text);
	const char *error = sv_xen_str(json, "error");
	int rc = 0;

	if (!cJSON_IsObject(json))
		rc = sv_err_set(err, -EPROTO, "svnet-xl answered \"%s\" with what is no JSON", op);
	else if (error[0])
		rc = sv_err_set(err, -(int)sv_xen_num(json, "errno") ?: -EIO, "%s", error);
	if (!rc && reply)
		*reply = json;
	else
		cJSON_Delete(json);
	return rc;
}

int sv_xen_call(const char *helper, const char *log, const cJSON *request, int fd, int ms,
		cJSON **reply, struct sv_err *err)
{
	_cleanup_close_ int log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_close_ int in = request_file(request);
	_cleanup_close_ int out = -1;
	_cleanup_free_ char *text = malloc(REPLY_MAX);
	const char *op = sv_xen_str(request, "op");
	int pipes[2], status = 0, rc;
	int64_t last = now_ms() + ms, left;
	pid_t pid;

	if (in < 0 || !text)
		return sv_err_set(err, -ENOMEM, "out of memory");
	if (pipe2(pipes, O_CLOEXEC))
		return sv_err_set(err, -errno, "pipe: %s", strerror(errno));
	out = pipes[0];
	pid = fork();
	if (pid == 0)
		become_helper(helper, in, pipes[1], log_fd, fd);
	rc = pid < 0 ? -errno : 0;
	close(pipes[1]);
	if (rc)
		return sv_err_set(err, rc, "fork: %s", strerror(-rc));
	rc = read_reply(out, last, text, REPLY_MAX);
	left = last - now_ms();
	end(pid, rc, &status);
	return rc ? explain(rc, op, ms, left, status, err) : take_reply(text, op, reply, err);
}
