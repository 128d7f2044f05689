/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command inside a VNode. Two processes: a PID namespace takes in only children, so the first one
 * enters the namespaces, and passes on how the second, the command, has ended.
 */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void __attribute__((noreturn)) give_up(const char *what)
{
	dprintf(2, "%s: %s\n", what, strerror(errno));
	_exit(126);
}

static void __attribute__((noreturn)) run_command(char *const argv[])
{
	/* Who asked for it is gone: so is what for. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void __attribute__((noreturn)) end_like(int status)
{
	struct rlimit none = { 0, 0 };

	if (WIFSIGNALED(status)) {
		setrlimit(RLIMIT_CORE, &none);
		kill(getpid(), WTERMSIG(status));
		_exit(128 + WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

static void __attribute__((noreturn))
enter(const struct sv_vn *vn, int keeper, char *const argv[], const int fds[3])
{
	int i, high[3], status;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	setsid();
	for (i = 0; i < 3; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
	for (i = 0; i < 3; i++)
		dup2(high[i], i);
	errno = -sv_cgroup_join(vn);
	if (errno)
		give_up("joining the VNode's cgroup");
	if (setns(keeper, CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS))
		give_up("entering the VNode's namespaces");
	/* The agent's sockets are not the command's, nor its keeper's. */
	syscall(SYS_close_range, 3, ~0U, 0);
	if (chdir("/"))
		give_up("/");
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		run_command(argv);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			_exit(126);
	end_like(status);
}

int sv_exec_in(const struct sv_vn *vn, char *const argv[], const int fds[3], pid_t *pid,
	       struct sv_err *err)
{
	_cleanup_close_ int keeper = -1;
	pid_t child;

	if (!argv[0])
		return sv_err_set(err, -EINVAL, "no command");
	keeper = sv_keeper_pidfd(vn, err);
	if (keeper < 0)
		return keeper;
	child = fork();
	if (child < 0)
		return sv_err_set(err, -errno, "fork: %s", strerror(errno));
	if (child == 0)
		enter(vn, keeper, argv, fds);
	*pid = child;
	return 0;
}
