/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libxl says nothing between the beginning and the end of a suspension, so a second thread waits
 * for xenstore to tell of it. It does not ask Xen again and again: that would slow the saving down,
 * and with it make the pause longer. Over its limit, the saving process is killed: the checkpoint
 * fails, and the domain goes on.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <xenstore.h>

#include "xl.h"

enum { GRACE_MS = 2000 };

struct sv_xl_watch {
	pthread_t thread;
	libxl_ctx *ctx; /* one's own: a context waits for whoever uses it */
	struct xs_handle *xs;
	int stop; /* an eventfd */
	uint32_t domid, limit_ms;
	bool cut;
	uint64_t since_ms;
};

uint64_t sv_xl_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

static bool is_child(int pid)
{
	char path[32], text[256] = "", *end;
	_cleanup_fclose_ FILE *f = NULL;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		return false;
	end = strrchr(text, ')');
	return end && sscanf(end + 1, " %*c %d", &parent) == 1 && parent == getpid();
}

/* While it saves, libxl's only children here are those that do it. */
static void kill_children(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		int pid = atoi(d->d_name);

		if (pid > 1 && is_child(pid))
			kill(pid, SIGKILL);
	}
	if (dir)
		closedir(dir);
}

static void look(struct sv_xl_watch *watch)
{
	libxl_dominfo info;

	libxl_dominfo_init(&info);
	if (!watch->since_ms && !libxl_domain_info(watch->ctx, &info, watch->domid) &&
	    sv_xl_is_suspended(&info)) {
		watch->since_ms = sv_xl_now_ms();
		if (watch->limit_ms)
			sv_xl_promise(watch->limit_ms + GRACE_MS);
	}
	libxl_dominfo_dispose(&info);
}

static void read_watches(struct xs_handle *xs)
{
	char **what;

	while ((what = xs_check_watch(xs)))
		free(what);
}

/* Until its limit is reached, for poll(). */
static int left_ms(const struct sv_xl_watch *watch)
{
	int64_t left;

	if (!watch->since_ms || !watch->limit_ms || watch->cut)
		return -1;
	left = (int64_t)(watch->since_ms + watch->limit_ms) - (int64_t)sv_xl_now_ms();
	return left > 0 ? left : 0;
}

static void *run(void *arg)
{
	struct sv_xl_watch *watch = arg;
	struct pollfd p[] = { { .fd = watch->stop, .events = POLLIN },
			      { .fd = xs_fileno(watch->xs), .events = POLLIN } };

	for (;;) {
		int n = poll(p, 2, left_ms(watch));

		if (n < 0 && errno != EINTR)
			return NULL;
		if (n > 0 && p[0].revents)
			return NULL;
		if (n == 0) {
			watch->cut = true;
			kill_children();
		} else if (n > 0) {
			read_watches(watch->xs);
			look(watch);
		}
	}
}

static void release(struct sv_xl_watch *watch)
{
	if (watch->xs)
		xs_close(watch->xs);
	if (watch->ctx)
		libxl_ctx_free(watch->ctx);
	if (watch->stop >= 0)
		close(watch->stop);
	free(watch);
}

struct sv_xl_watch *sv_xl_watch_start(uint32_t domid, uint32_t limit_ms)
{
	struct sv_xl_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->domid = domid;
	watch->limit_ms = limit_ms;
	watch->stop = eventfd(0, EFD_CLOEXEC);
	watch->xs = xs_open(0);
	/* A domain that is suspended is told of like one that has ended. */
	if (watch->stop >= 0 && watch->xs && xs_watch(watch->xs, "@releaseDomain", "pause") &&
	    !libxl_ctx_alloc(&watch->ctx, LIBXL_VERSION, 0, NULL) &&
	    !pthread_create(&watch->thread, NULL, run, watch))
		return watch;
	release(watch);
	return NULL;
}

uint64_t sv_xl_watch_stop(struct sv_xl_watch *watch, bool *cut)
{
	uint64_t since;

	eventfd_write(watch->stop, 1);
	pthread_join(watch->thread, NULL);
	since = watch->since_ms;
	if (since)
		sv_xl_promise(0);
	*cut = watch->cut;
	release(watch);
	return since;
}
