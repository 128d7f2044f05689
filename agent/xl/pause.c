/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libxl says nothing between the beginning and the end of a suspension, so a second thread looks
 * when the domain came to stand still. Over its limit, the saving process is killed: the
 * checkpoint fails, and the domain goes on.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "xl.h"

enum { LOOK_NS = 2000000 };

struct sv_xl_watch {
	pthread_t thread;
	libxl_ctx *ctx; /* one's own: a context waits for whoever uses it */
	uint32_t domid, limit_ms;
	atomic_bool stop, cut;
	atomic_ullong since_ms;
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
	if (!libxl_domain_info(watch->ctx, &info, watch->domid) && sv_xl_is_suspended(&info) &&
	    !watch->since_ms)
		watch->since_ms = sv_xl_now_ms();
	libxl_dominfo_dispose(&info);
	if (watch->since_ms && watch->limit_ms && !watch->cut &&
	    sv_xl_now_ms() - watch->since_ms > watch->limit_ms) {
		watch->cut = true;
		kill_children();
	}
}

static void *run(void *arg)
{
	struct timespec tick = { .tv_nsec = LOOK_NS };
	struct sv_xl_watch *watch = arg;

	while (!watch->stop) {
		look(watch);
		nanosleep(&tick, NULL);
	}
	return NULL;
}

struct sv_xl_watch *sv_xl_watch_start(struct sv_xl *xl, uint32_t domid, uint32_t limit_ms)
{
	struct sv_xl_watch *watch = calloc(1, sizeof(*watch));

	(void)xl;
	if (!watch)
		return NULL;
	watch->domid = domid;
	watch->limit_ms = limit_ms;
	if (libxl_ctx_alloc(&watch->ctx, LIBXL_VERSION, 0, NULL)) {
		free(watch);
		return NULL;
	}
	if (pthread_create(&watch->thread, NULL, run, watch)) {
		libxl_ctx_free(watch->ctx);
		free(watch);
		return NULL;
	}
	return watch;
}

uint64_t sv_xl_watch_stop(struct sv_xl_watch *watch, bool *cut)
{
	uint64_t since;

	watch->stop = true;
	pthread_join(watch->thread, NULL);
	since = watch->since_ms;
	*cut = watch->cut;
	libxl_ctx_free(watch->ctx);
	free(watch);
	return since;
}
