/* SPDX-License-Identifier: GPL-2.0-only */
/* Working inside another network namespace. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "netns.h"

enum { PATIENCE_MS = 20000 };

int sv_ns_enter(struct sv_ns_guard *guard, int netns)
{
	int back, rc;

	guard->back = -1;
	if (netns < 0)
		return 0;
	back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (back < 0)
		return -errno;
	if (setns(netns, CLONE_NEWNET)) {
		rc = -errno;
		close(back);
		return rc;
	}
	guard->back = back;
	return 0;
}

void sv_ns_leave(struct sv_ns_guard *guard)
{
	if (guard->back < 0)
		return;
	/* Going on in a VNode's namespace would do to it what is meant for the host. */
	if (setns(guard->back, CLONE_NEWNET))
		abort();
	close(guard->back);
	guard->back = -1;
}

int sv_ns_socket(int netns, int family, int type, int protocol)
{
	_cleanup_ns_ struct sv_ns_guard guard = { -1 };
	int rc = sv_ns_enter(&guard, netns);
	int fd;

	if (rc)
		return rc;
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	return fd < 0 ? -errno : fd;
}

int sv_ns_sysfs(void)
{
	_cleanup_close_ int fs = fsopen("sysfs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static char *take_text(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return sv_file_read(path);
}

static int memory_file(const char *text)
{
	int fd = memfd_create("svnet", MFD_CLOEXEC);
	size_t len = text ? strlen(text) : 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text ?: "", len) != (ssize_t)len || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static void __attribute__((noreturn)) run_child(int netns, char *const argv[], const int fds[3])
{
	sigset_t none;
	int i;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (netns >= 0 && setns(netns, CLONE_NEWNET)) {
		dprintf(fds[2], "entering the namespace: %s\n", strerror(errno));
		_exit(126);
	}
	for (i = 0; i < 3; i++)
		dup2(fds[i], i);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* 0: it has ended. A tool that waits for something, a name server for one, is not waited for. */
static int wait_end(pid_t pid, int ms, int *status)
{
	_cleanup_close_ int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n, rc = 0;

	do
		n = fd < 0 ? 1 : poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	if (!n) {
		kill(pid, SIGKILL);
		rc = -ETIMEDOUT;
	}
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return rc;
}

static char *late_text(char *const argv[], int ms)
{
	char *text;

	return asprintf(&text, "%s did not end in %d ms", argv[0], ms) < 0 ? NULL : text;
}

int sv_ns_run(int netns, char *const argv[], const char *input, char **out, char **complaint)
{
	return sv_ns_run_for(netns, argv, input, out, complaint, PATIENCE_MS);
}

int sv_ns_run_for(int netns, char *const argv[], const char *input, char **out, char **complaint,
		  int ms)
{
	_cleanup_close_ int in_fd = memory_file(input);
	_cleanup_close_ int out_fd = memory_file(NULL);
	_cleanup_close_ int err_fd = memory_file(NULL);
	int fds[3] = { in_fd, out_fd, err_fd };
	int status, rc;
	pid_t pid;

	if (in_fd < 0 || out_fd < 0 || err_fd < 0)
		return -ENOMEM;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(netns, argv, fds);
	rc = wait_end(pid, ms, &status);
	if (out)
		*out = take_text(out_fd);
	if (complaint)
		*complaint = rc == -ETIMEDOUT ? late_text(argv, ms) : take_text(err_fd);
	if (rc)
		return rc;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}
