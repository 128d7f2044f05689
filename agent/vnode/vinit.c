/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * svnet-vinit DIR HOSTNAME LOG: makes a VNode's network, mount, PID and UTS namespaces and stays in
 * them as PID 1. It keeps the operator's program running when told to, and outlives svnetd.
 *
 *	DIR/pid      "PID START" of PID 1, as seen by who started it; written before anything else
 *	DIR/ctl      Unix socket; a line a connection: "start", "stop", "ping"; the answer is "ok",
 *	             or why not
 *	DIR/program  argv, each word ended by a NUL; missing or empty: nothing to run
 *	DIR/status   "key=value" lines, replaced at every change
 *
 * Descriptor 3 gets "ok" when the VNode is ready, or one line that says what failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	READY_FD = 3,
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 10000,
	STEADY_MS = 10000, /* up this long: the back-off starts over */
	STOP_MS = 5000, /* between SIGTERM and SIGKILL */
	LOG_MAX = 4 << 20, /* then LOG becomes LOG.1 */
	WAITERS = 4,
};

struct vinit {
	int dir, log_dir, log, listen, signals, output;
	const char *log_name;
	off_t log_len;
	char *program; /* the words, one after the other */
	char **argv;
	bool wanted; /* start was called, and no stop since */
	bool quit;
	pid_t child;
	uint32_t restarts, quick_exits;
	int64_t started_ms, next_ms, kill_ms; /* CLOCK_MONOTONIC; 0 = not set */
	int backoff_ms;
	char last[64];
	int waiter[WAITERS]; /* who waits for a stop */
	int n_waiter;
};

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vdprintf(READY_FD, fmt, ap);
	va_end(ap);
	_exit(1);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static unsigned long long start_time(pid_t pid)
{
	unsigned long long start = 0;
	char path[32], buf[1024], *p;
	ssize_t n;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strrchr(buf, ')');
	for (i = 0; p && i < 20; i++)
		p = strchr(p + 1, ' ');
	if (p)
		start = strtoull(p + 1, NULL, 10);
	return start;
}

/* Whole or not at all. */
static int put_file(int dir, const char *name, const char *text, size_t len)
{
	char tmp[32];
	int fd, rc = 0;

	snprintf(tmp, sizeof(tmp), ".%s.new", name);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		rc = -EIO;
	close(fd);
	if (!rc && renameat(dir, tmp, dir, name))
		rc = -errno;
	return rc;
}

/* ---- the namespaces ---- */

/* Somebody else's namespace must not live on because a VNode has a copy of its mount. */
static void drop_ns_mounts(void)
{
	char line[4096], at[2048], type[64];
	FILE *f = fopen("/proc/self/mounts", "re");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %2047s %63s", at, type) == 2 && !strcmp(type, "nsfs"))
			umount2(at, MNT_DETACH);
	fclose(f);
	/* What is left of them are empty files, over which ip(8) complains. */
	mount("none", "/run/netns", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755");
}

static void set_up_mounts(void)
{
	/* What the host unmounts goes here too; what is mounted here stays here. */
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL))
		die("making mounts private: %s", strerror(errno));
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		die("mounting /proc: %s", strerror(errno));
	if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		die("mounting /sys: %s", strerror(errno));
	drop_ns_mounts();
}

static void leave_stdio(void)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd < 0)
		die("/dev/null: %s", strerror(errno));
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

/* PID 1 goes on only when its number is written down: nobody else would find it. */
static pid_t make_namespaces(int dir)
{
	char text[64];
	int go[2], len;
	pid_t pid;
	char c;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID))
		die("making namespaces: %s", strerror(errno));
	if (pipe2(go, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		close(go[0]);
		return 0;
	}
	len = snprintf(text, sizeof(text), "%d %llu\n", pid, start_time(pid));
	if (put_file(dir, "pid", text, len))
		die("writing the pid file: %s", strerror(errno));
	if (write(go[1], "g", 1) != 1)
		die("pipe: %s", strerror(errno));
	return pid;
}

/* ---- status and log ---- */

static void put_status(const struct vinit *v)
{
	char text[512];
	int len;

	len = snprintf(text, sizeof(text),
		       "wanted=%d\nprogram=%d\nrestarts=%u\nquick=%u\nlast=%s\n", v->wanted,
		       v->child, v->restarts, v->quick_exits, v->last);
	put_file(v->dir, "status", text, len);
}

static void open_log(struct vinit *v)
{
	struct stat st;

	v->log = openat(v->log_dir, v->log_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	v->log_len = v->log >= 0 && !fstat(v->log, &st) ? st.st_size : 0;
}

static void rotate_log(struct vinit *v)
{
	char old[300];

	snprintf(old, sizeof(old), "%s.1", v->log_name);
	renameat(v->log_dir, v->log_name, v->log_dir, old);
	close(v->log);
	open_log(v);
}

static void write_log(struct vinit *v, const char *text, ssize_t len)
{
	if (v->log >= 0 && v->log_len + len > LOG_MAX)
		rotate_log(v);
	if (v->log >= 0 && write(v->log, text, len) == len)
		v->log_len += len;
}

/* Returns whether there may be more. */
static bool copy_output(struct vinit *v)
{
	char buf[8192];
	ssize_t n;

	if (v->output < 0)
		return false;
	n = read(v->output, buf, sizeof(buf));
	if (n > 0)
		write_log(v, buf, n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(v->output);
		v->output = -1;
	}
	return n > 0;
}

/* What is left in the pipe, and no more: something may still be writing. */
static void drain_output(struct vinit *v)
{
	int i;

	for (i = 0; i < 16 && copy_output(v); i++)
		;
}

static void __attribute__((format(printf, 2, 3))) note(struct vinit *v, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int len;

	len = snprintf(text, sizeof(text), "svnet-vinit: ");
	va_start(ap, fmt);
	len += vsnprintf(text + len, sizeof(text) - len - 1, fmt, ap);
	va_end(ap);
	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	write_log(v, text, len);
}

/* ---- the program ---- */

static int read_program(struct vinit *v)
{
	size_t n = 0, len, words = 0, i;
	struct stat st;
	int fd, rc = 0;

	free(v->program);
	free(v->argv);
	v->program = NULL;
	v->argv = NULL;
	fd = openat(v->dir, "program", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) || st.st_size > 1 << 20) {
		rc = -EFBIG;
		goto out;
	}
	len = st.st_size;
	v->program = calloc(1, len + 1);
	if (!v->program || read(fd, v->program, len) != (ssize_t)len) {
		rc = -EIO;
		goto out;
	}
	for (i = 0; i < len; i++)
		words += !v->program[i];
	v->argv = calloc(words + 1, sizeof(*v->argv));
	if (!v->argv) {
		rc = -ENOMEM;
		goto out;
	}
	for (i = 0; n < words; i += strlen(v->program + i) + 1)
		v->argv[n++] = v->program + i;
out:
	close(fd);
	return rc;
}

static bool has_program(const struct vinit *v)
{
	return v->argv && v->argv[0];
}

static void __attribute__((noreturn)) run_program(struct vinit *v, int out)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(out, 1);
	dup2(out, 2);
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	execvp(v->argv[0], v->argv);
	dprintf(2, "svnet-vinit: %s: %s\n", v->argv[0], strerror(errno));
	_exit(127);
}

static void spawn(struct vinit *v)
{
	int out[2];

	v->next_ms = 0;
	v->started_ms = now_ms();
	drain_output(v);
	if (v->output >= 0)
		close(v->output);
	v->output = -1;
	if (pipe2(out, O_CLOEXEC)) {
		v->next_ms = now_ms() + BACKOFF_MAX_MS;
		return;
	}
	v->child = fork();
	if (v->child == 0)
		run_program(v, out[1]);
	close(out[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	v->output = out[0];
	if (v->child < 0) {
		v->child = 0;
		v->next_ms = now_ms() + BACKOFF_MAX_MS;
	}
}

static void program_ended(struct vinit *v, int status)
{
	bool steady = now_ms() - v->started_ms >= STEADY_MS;

	/* Its own children must not hold ports or devices when it comes again. */
	kill(-v->child, SIGKILL);
	drain_output(v);
	if (WIFSIGNALED(status))
		snprintf(v->last, sizeof(v->last), "signal %d", WTERMSIG(status));
	else
		snprintf(v->last, sizeof(v->last), "exit %d", WEXITSTATUS(status));
	v->child = 0;
	v->kill_ms = 0;
	note(v, "the program ended: %s", v->last);
	if (!v->wanted)
		return;
	if (steady) {
		v->backoff_ms = BACKOFF_MIN_MS;
		v->quick_exits = 0;
	}
	v->quick_exits++;
	v->next_ms = now_ms() + v->backoff_ms;
	v->backoff_ms = v->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : v->backoff_ms * 2;
}

static void answer(int fd, const char *text)
{
	send(fd, text, strlen(text), MSG_NOSIGNAL);
	close(fd);
}

static void answer_waiters(struct vinit *v)
{
	if (v->child)
		return;
	while (v->n_waiter > 0)
		answer(v->waiter[--v->n_waiter], "ok\n");
}

static void reap(struct vinit *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == v->child)
			program_ended(v, status);
	answer_waiters(v);
	put_status(v);
}

/* ---- what it is told ---- */

static void do_start(struct vinit *v, int fd)
{
	int rc;

	if (v->kill_ms) {
		answer(fd, "it is just being stopped\n");
		return;
	}
	/* Asked again, it still waits for its next try. */
	if (!v->child && !v->next_ms) {
		rc = read_program(v);
		if (rc) {
			answer(fd, "the program's words cannot be read\n");
			return;
		}
		v->backoff_ms = BACKOFF_MIN_MS;
		v->quick_exits = 0;
		if (has_program(v))
			spawn(v);
	}
	v->wanted = true;
	put_status(v);
	answer(fd, "ok\n");
}

static void do_stop(struct vinit *v, int fd)
{
	v->wanted = false;
	v->next_ms = 0;
	v->quick_exits = 0;
	if (v->child && !v->kill_ms) {
		kill(-v->child, SIGTERM);
		v->kill_ms = now_ms() + STOP_MS;
	}
	put_status(v);
	if (fd < 0)
		return;
	if (v->child && v->n_waiter < WAITERS)
		v->waiter[v->n_waiter++] = fd;
	else
		answer(fd, v->child ? "too many wait for the same\n" : "ok\n");
}

static const struct {
	const char *word;
	void (*fn)(struct vinit *v, int fd);
} commands[] = {
	{ "start", do_start },
	{ "stop", do_stop },
};

static void serve(struct vinit *v)
{
	struct timeval second = { .tv_sec = 1 };
	char line[64];
	ssize_t n;
	size_t i;
	int fd;

	fd = accept4(v->listen, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	n = recv(fd, line, sizeof(line) - 1, 0);
	line[n > 0 ? n : 0] = 0;
	line[strcspn(line, "\n")] = 0;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(line, commands[i].word)) {
			commands[i].fn(v, fd);
			return;
		}
	}
	answer(fd, strcmp(line, "ping") ? "no such command\n" : "ok\n");
}

static void open_ctl(struct vinit *v)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "ctl" };

	/* The folder's path may be longer than a socket address. */
	if (fchdir(v->dir))
		die("its folder: %s", strerror(errno));
	unlink("ctl");
	v->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (v->listen < 0 || bind(v->listen, (struct sockaddr *)&addr, sizeof(addr)) ||
	    chmod("ctl", 0600) || listen(v->listen, 8) || chdir("/"))
		die("its control socket: %s", strerror(errno));
}

static void open_signals(struct vinit *v)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (v->signals < 0)
		die("signals: %s", strerror(errno));
}

static void take_signals(struct vinit *v)
{
	struct signalfd_siginfo si;

	while (read(v->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGTERM) {
			v->quit = true;
			do_stop(v, -1);
		}
	}
	reap(v);
}

static int until(int64_t at, int timeout)
{
	int64_t left = at - now_ms();

	if (!at)
		return timeout;
	if (left < 0)
		left = 0;
	return timeout < 0 || left < timeout ? (int)left : timeout;
}

static void keep_time(struct vinit *v)
{
	if (v->kill_ms && now_ms() >= v->kill_ms && v->child) {
		kill(-v->child, SIGKILL);
		v->kill_ms = now_ms() + STOP_MS;
	}
	if (v->next_ms && now_ms() >= v->next_ms && v->wanted && !v->child) {
		v->restarts++;
		spawn(v);
		put_status(v);
	}
}

static void loop(struct vinit *v)
{
	while (!v->quit || v->child) {
		struct pollfd p[3] = {
			{ .fd = v->signals, .events = POLLIN },
			{ .fd = v->listen, .events = POLLIN },
			{ .fd = v->output, .events = POLLIN },
		};

		if (poll(p, 3, until(v->next_ms, until(v->kill_ms, -1))) < 0 && errno != EINTR)
			_exit(1);
		if (p[0].revents)
			take_signals(v);
		if (p[1].revents)
			serve(v);
		if (p[2].revents)
			copy_output(v);
		keep_time(v);
	}
}

static void open_dirs(struct vinit *v, const char *dir, char *log)
{
	char *slash = strrchr(log, '/');

	v->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dir < 0)
		die("%s: %s", dir, strerror(errno));
	if (!slash)
		die("%s is not an absolute path", log);
	*slash = 0;
	v->log_name = slash + 1;
	v->log_dir = open(*log ? log : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->log_dir < 0)
		die("%s: %s", log, strerror(errno));
}

int main(int argc, char **argv)
{
	struct vinit v = { .output = -1, .log = -1, .backoff_ms = BACKOFF_MIN_MS, .last = "-" };

	if (argc != 4 || fcntl(READY_FD, F_SETFD, FD_CLOEXEC)) {
		fprintf(stderr, "svnet-vinit is started by svnetd.\n");
		return 2;
	}
	umask(022);
	open_dirs(&v, argv[1], argv[3]);
	setsid();
	if (make_namespaces(v.dir))
		return 0;
	leave_stdio();
	set_up_mounts();
	if (sethostname(argv[2], strlen(argv[2])))
		die("host name %s: %s", argv[2], strerror(errno));
	open_signals(&v);
	open_log(&v);
	open_ctl(&v);
	put_status(&v);
	dprintf(READY_FD, "ok");
	close(READY_FD);
	loop(&v);
	return 0;
}
