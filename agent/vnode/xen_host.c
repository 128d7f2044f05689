/* SPDX-License-Identifier: GPL-2.0-only */
/* This host as a dom0: whether it is one, and what happens to its domains. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "xen.h"

enum { LOCK_MS = 15000 };

/* ---- is there Xen? ---- */

static bool is_dom0(void)
{
	_cleanup_free_ char *text = sv_file_read("/proc/xen/capabilities");

	return text && strstr(text, "control_d");
}

/* Beside svnetd, unless told otherwise: libxl wants a script's whole path. */
static void find_helper(char path[PATH_MAX])
{
	const char *set = getenv("SVNET_XL");
	char *slash;
	ssize_t n;

	if (set) {
		snprintf(path, PATH_MAX, "%s", set);
		return;
	}
	n = readlink("/proc/self/exe", path, PATH_MAX - 16);
	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, "svnet-xl");
	if (access(path, X_OK))
		strcpy(path, access("/usr/sbin/svnet-xl", X_OK) ? "" : "/usr/sbin/svnet-xl");
}

int sv_xen_host_open(struct sv_vnode_driver *drv, struct sv_err *err)
{
	struct sv_xen *xen = calloc(1, sizeof(*xen));

	if (!xen)
		return sv_err_set(err, -ENOMEM, "out of memory");
	find_helper(xen->helper);
	xen->events[0] = xen->events[1] = xen->timer = xen->poll = -1;
	if (!getenv("SVNET_XL") && !is_dom0())
		strcpy(xen->why, "this host does not run Xen, or is not its dom0: use the driver "
				 "\"netns\", or boot it under Xen");
	else if (!xen->helper[0])
		strcpy(xen->why, "svnet-xl is not installed here: build svnet where libxen-dev is");
	drv->priv = xen;
	return 0;
}

void sv_xen_host_close(struct sv_vnode_driver *drv)
{
	struct sv_xen *xen = drv->priv;

	if (!xen)
		return;
	if (xen->watcher > 0) {
		kill(xen->watcher, SIGKILL);
		waitpid(xen->watcher, NULL, 0);
	}
	sv_cleanup_fd(&xen->events[0]);
	sv_cleanup_fd(&xen->events[1]);
	sv_cleanup_fd(&xen->timer);
	sv_cleanup_fd(&xen->poll);
	free(xen);
	drv->priv = NULL;
}

cJSON *sv_xen_about(const char *uuid)
{
	cJSON *request = cJSON_CreateObject();

	cJSON_AddStringToObject(request, "uuid", uuid);
	return request;
}

int sv_xen_ask_about(struct sv_vnode_driver *drv, const char *op, const char *uuid, int ms,
		     struct sv_err *err)
{
	return sv_xen_ask(drv, op, sv_xen_about(uuid), -1, ms, NULL, err);
}

bool sv_xen_host_is(const struct sv_vnode_driver *drv)
{
	const struct sv_xen *xen = drv->priv;

	return !xen->why[0];
}

static void keep_watching(struct sv_xen *xen);

int sv_xen_ask(struct sv_vnode_driver *drv, const char *op, cJSON *request, int fd, int ms,
	       cJSON **reply, struct sv_err *err)
{
	struct sv_xen *xen = drv->priv;
	char log[128];
	int rc;

	if (xen->why[0]) {
		cJSON_Delete(request);
		return sv_err_set(err, -ENODEV, "%s", xen->why);
	}
	keep_watching(xen);
	snprintf(log, sizeof(log), "%s/svnet-xl.log", drv->log_dir);
	cJSON_AddStringToObject(request, "op", op);
	cJSON_AddStringToObject(request, "lock", drv->run_dir);
	cJSON_AddNumberToObject(request, "lock_ms", LOCK_MS);
	rc = sv_xen_call(xen->helper, log, request, fd, ms + LOCK_MS, reply, err);
	cJSON_Delete(request);
	return rc;
}

/* ---- events ---- */

static void __attribute__((noreturn)) become_watcher(const struct sv_xen *xen)
{
	char *argv[] = { "svnet-xl", "events", NULL };
	sigset_t none;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	dup2(xen->events[1], 1);
	syscall(SYS_close_range, 3, ~0U, 0);
	execv(xen->helper, argv);
	_exit(127);
}

/* One that died is started again by whoever looks next. */
static void keep_watching(struct sv_xen *xen)
{
	if (xen->why[0] || xen->events[0] < 0)
		return;
	if (xen->watcher > 0 && waitpid(xen->watcher, NULL, WNOHANG) == 0)
		return;
	xen->watcher = fork();
	if (xen->watcher == 0)
		become_watcher(xen);
}

static int poll_add(const struct sv_xen *xen, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(xen->poll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_events(struct sv_xen *xen)
{
	if (pipe2(xen->events, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	xen->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	xen->poll = epoll_create1(EPOLL_CLOEXEC);
	if (xen->timer < 0 || xen->poll < 0)
		return -errno;
	return poll_add(xen, xen->events[0]) ?: poll_add(xen, xen->timer);
}

int sv_xen_event_fd(struct sv_vnode_driver *drv)
{
	struct sv_xen *xen = drv->priv;
	int rc = 0;

	if (xen->why[0])
		return -ENODEV;
	if (xen->events[0] < 0)
		rc = open_events(xen);
	keep_watching(xen);
	return rc ?: xen->poll;
}

void sv_xen_event_in(struct sv_vnode_driver *drv, uint32_t seconds)
{
	struct sv_xen *xen = drv->priv;
	struct itimerspec now, then = { .it_value.tv_sec = seconds };

	if (xen->timer < 0 || timerfd_gettime(xen->timer, &now))
		return;
	/* What another VNode waits for may come sooner: everyone looks, and waits again. */
	if ((!now.it_value.tv_sec && !now.it_value.tv_nsec) || now.it_value.tv_sec >= seconds)
		timerfd_settime(xen->timer, 0, &then, NULL);
}

void sv_xen_event_drain(struct sv_vnode_driver *drv)
{
	struct sv_xen *xen = drv->priv;
	char buf[256];

	while (xen->events[0] >= 0 && read(xen->events[0], buf, sizeof(buf)) > 0)
		;
	if (xen->timer >= 0 && read(xen->timer, buf, sizeof(uint64_t)) < 0 && errno != EAGAIN)
		sv_cleanup_fd(&xen->timer);
	keep_watching(xen);
}
