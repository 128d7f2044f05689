/* SPDX-License-Identifier: GPL-2.0-only */
/* svnet-vinit as its VNode's driver sees it: start, find, tell, kill. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "netns.h"

enum { READY_MS = 10000, TELL_S = 8, GONE_MS = 10000 };

/* The state letter and the start time of a process. 0: it is gone; -errno. */
static int read_stat(pid_t pid, unsigned long long *start)
{
	_cleanup_free_ char *text = NULL;
	char path[32], *p, state;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	text = sv_file_read(path);
	if (!text)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	p = strrchr(text, ')');
	if (!p || !p[1])
		return 0;
	state = p[2];
	for (i = 0; p && i < 20; i++)
		p = strchr(p + 1, ' ');
	*start = p ? strtoull(p + 1, NULL, 10) : 0;
	return state;
}

pid_t sv_keeper_pid(const struct sv_vn *vn)
{
	_cleanup_free_ char *text = sv_vn_read(vn, "pid");
	unsigned long long start, now_start = 0;
	int pid, state;

	if (!text)
		return errno == ENOENT ? 0 : -errno;
	if (sscanf(text, "%d %llu", &pid, &start) != 2 || pid <= 1)
		return 0;
	state = read_stat(pid, &now_start);
	if (state < 0)
		return state;
	/* Another process may have the number by now. */
	return state && state != 'Z' && state != 'X' && start == now_start ? pid : 0;
}

static int no_keeper(int rc, struct sv_err *err)
{
	return rc == -ESRCH ? sv_err_set(err, rc, "its keeper is gone")
			    : sv_err_set(err, rc, "its keeper: %s", strerror(-rc));
}

/* `fd` (or -errno), which was opened by number, if the number is still the keeper's. */
static int still_its(const struct sv_vn *vn, pid_t pid, int fd, struct sv_err *err)
{
	pid_t now = fd < 0 ? fd : sv_keeper_pid(vn);

	if (now == pid)
		return fd;
	if (fd >= 0)
		close(fd);
	return no_keeper(now < 0 && now != -ENOENT ? now : -ESRCH, err);
}

int sv_keeper_netns(const struct sv_vn *vn, pid_t *keeper, struct sv_err *err)
{
	pid_t pid = sv_keeper_pid(vn);
	char path[32];
	int fd;

	if (pid <= 0)
		return no_keeper(pid ?: -ESRCH, err);
	if (keeper)
		*keeper = pid;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return still_its(vn, pid, fd < 0 ? -errno : fd, err);
}

int sv_keeper_pidfd(const struct sv_vn *vn, struct sv_err *err)
{
	pid_t pid = sv_keeper_pid(vn);
	int fd;

	if (pid <= 0)
		return no_keeper(pid ?: -ESRCH, err);
	fd = syscall(SYS_pidfd_open, pid, 0);
	return still_its(vn, pid, fd < 0 ? -errno : fd, err);
}

/* ---- start ---- */

/* Beside svnetd, unless told otherwise. */
static void find_vinit(char path[PATH_MAX])
{
	const char *set = getenv("SVNET_VINIT");
	char *slash;
	ssize_t n;

	if (set) {
		snprintf(path, PATH_MAX, "%s", set);
		return;
	}
	n = readlink("/proc/self/exe", path, PATH_MAX - 16);
	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash + 1, "svnet-vinit");
		if (!access(path, X_OK))
			return;
	}
	strcpy(path, "svnet-vinit");
}

static void __attribute__((noreturn))
become_vinit(const struct sv_vn *vn, const char *path, char *log, int ready, pid_t parent)
{
	char *argv[] = { "svnet-vinit", (char *)vn->dir, (char *)vn->name, log, NULL };
	sigset_t none;
	int rc, fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (fd = 1; fd < NSIG; fd++)
		signal(fd, SIG_DFL);
	/* Its agent gone, it must not begin what another agent may be doing by then. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
	rc = sv_cgroup_join(vn);
	if (rc) {
		dprintf(ready, "joining its cgroup: %s", strerror(-rc));
		_exit(1);
	}
	fd = dup2(ready, 3);
	if (syscall(SYS_close_range, 4, ~0U, 0))
		for (fd = 4; fd < 4096; fd++)
			close(fd);
	execvp(path, argv);
	dprintf(3, "%s: %s", path, strerror(errno));
	_exit(1);
}

/* What vinit says on its ready descriptor, until it closes it. */
static int wait_ready(int fd, char *text, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	while (len < size - 1) {
		if (poll(&p, 1, READY_MS) <= 0)
			return -ETIMEDOUT;
		n = read(fd, text + len, size - 1 - len);
		if (n <= 0)
			break;
		len += n;
	}
	text[len] = 0;
	return strcmp(text, "ok") ? -ECHILD : 0;
}

int sv_keeper_start(const struct sv_vn *vn, struct sv_err *err)
{
	_cleanup_close_ int rd = -1;
	char path[PATH_MAX], log[256], text[256] = "";
	pid_t pid, parent = getpid();
	int ready[2], status, rc;

	find_vinit(path);
	snprintf(log, sizeof(log), "%s/%s.log", vn->drv->log_dir, vn->tag);
	if (pipe2(ready, O_CLOEXEC))
		return sv_err_set(err, -errno, "pipe: %s", strerror(errno));
	rd = ready[0];
	pid = fork();
	if (pid < 0) {
		rc = -errno;
		close(ready[1]);
		return sv_err_set(err, rc, "fork: %s", strerror(-rc));
	}
	if (pid == 0)
		become_vinit(vn, path, log, ready[1], parent);
	close(ready[1]);
	rc = wait_ready(rd, text, sizeof(text));
	/* What was forked here ends once PID 1 exists; a hung one must not hang the agent. */
	if (rc)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc == -ETIMEDOUT)
		return sv_err_set(err, rc, "its keeper was not ready in %d s", READY_MS / 1000);
	if (rc)
		return sv_err_set(err, rc, "its keeper: %s", text[0] ? text : "died at once");
	return 0;
}

/* ---- kill ---- */

static bool wait_gone(const struct sv_vn *vn)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int i;

	for (i = 0; i < GONE_MS; i++) {
		if (!sv_keeper_pid(vn))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

int sv_keeper_kill(const struct sv_vn *vn, struct sv_err *err)
{
	_cleanup_close_ int fd = sv_keeper_pidfd(vn, err);

	if (fd < 0)
		return fd == -ESRCH ? 0 : fd;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) && errno != ESRCH)
		return sv_err_set(err, -errno, "killing its keeper: %s", strerror(errno));
	return wait_gone(vn) ? 0 : sv_err_set(err, -EBUSY, "its keeper does not die");
}

/* ---- tell ---- */

static int connect_ctl(const struct sv_vn *vn)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = TELL_S };
	_cleanup_close_ int dir = -1;
	_cleanup_close_ int fd = -1;

	/* The folder's path may be longer than a socket address. */
	dir = open(vn->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/ctl", dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return TAKE_FD(fd);
}

int sv_keeper_tell(const struct sv_vn *vn, const char *what, struct sv_err *err)
{
	_cleanup_close_ int fd = -1;
	pid_t pid = sv_keeper_pid(vn);
	char text[128];
	ssize_t n;

	if (pid <= 0)
		return no_keeper(pid ?: -ESRCH, err);
	fd = connect_ctl(vn);
	if (fd < 0)
		return sv_err_set(err, fd, "its keeper: %s", strerror(-fd));
	snprintf(text, sizeof(text), "%s\n", what);
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return sv_err_set(err, -errno, "its keeper: %s", strerror(errno));
	n = recv(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return sv_err_set(err, -ETIMEDOUT, "its keeper does not answer \"%s\"", what);
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	if (strcmp(text, "ok"))
		return sv_err_set(err, -EBUSY, "%s: %s", what, text);
	return 0;
}

int sv_keeper_status(const struct sv_vn *vn, struct sv_keeper_status *status)
{
	_cleanup_free_ char *text = sv_vn_read(vn, "status");
	int wanted;

	memset(status, 0, sizeof(*status));
	if (!text)
		return -errno;
	if (sscanf(text, "wanted=%d\nprogram=%d\nrestarts=%u\nquick=%u\nlast=%63[^\n]", &wanted,
		   &status->program, &status->restarts, &status->quick_exits, status->last) != 5)
		return -EINVAL;
	status->wanted = wanted;
	return 0;
}
