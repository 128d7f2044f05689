/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A running domain's memory. Live, where Xen can see what a guest writes: libxl copies it in
 * rounds, and the domain stands still for the last one only. A Xen without shadow paging (Debian's)
 * cannot for PV guests: those stand still for all of it. Whatever fails, the domain goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "xl.h"

enum {
	TRIAL_MIB = 16, /* copied to see how fast this machine is */
	OVERHEAD = 3, /* of mapping and asking, times the copying */
	DIRTY_PART = 4, /* of the memory, what the last live round may have to copy */
	FIXED_MS = 100, /* devices suspended and resumed */
	HURRY = -15, /* nice */
};

/* ---- before ---- */

/* Can Xen see what this domain writes? It says so of itself. */
static bool can_live(struct sv_xl *xl, const libxl_dominfo *info)
{
	libxl_physinfo host;
	bool can = false;

	libxl_physinfo_init(&host);
	if (!libxl_get_physinfo(xl->ctx, &host))
		can = host.cap_shadow ||
		      (host.cap_hap && info->domain_type != LIBXL_DOMAIN_TYPE_PV);
	libxl_physinfo_dispose(&host);
	return can;
}

/* Milliseconds to copy one MiB into a file, as the saving process does; at least 0.1. */
static double pace(int fd)
{
	_cleanup_free_ char *block = fd < 0 || lseek(fd, 0, SEEK_CUR) < 0 ? NULL : malloc(1 << 20);
	off_t begin = lseek(fd, 0, SEEK_CUR);
	uint64_t start = sv_xl_now_ms();
	double ms;
	int i;

	for (i = 0; block && i < TRIAL_MIB; i++) {
		memset(block, i + 1, 1 << 20);
		if (write(fd, block, 1 << 20) != 1 << 20)
			break;
	}
	ms = (double)(sv_xl_now_ms() - start) / TRIAL_MIB;
	if (!block || ftruncate(fd, begin) || lseek(fd, begin, SEEK_SET) < 0)
		return 0;
	return ms > 0.1 ? ms : 0.1;
}

/* With what else dom0 does beside it, as when it saves. */
static double hurried_pace(int fd)
{
	int before = getpriority(PRIO_PROCESS, 0);
	double ms;

	setpriority(PRIO_PROCESS, 0, HURRY);
	ms = pace(fd);
	setpriority(PRIO_PROCESS, 0, before);
	return ms;
}

static double estimate(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info, int fd)
{
	double mib = info->current_memkb / 1024.0;
	double known = sv_xl_num(request, "ms_per_mib", 0);

	if (known > 0)
		return FIXED_MS + known * mib;
	return FIXED_MS + hurried_pace(fd) * OVERHEAD * mib / (can_live(xl, info) ? DIRTY_PART : 1);
}

int sv_xl_check_estimate(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info, int fd,
			 cJSON *reply, struct sv_err *err)
{
	double limit = sv_xl_num(request, "pause_limit_ms", 0);
	double ms = estimate(xl, request, info, fd);

	cJSON_AddNumberToObject(reply, "estimate_ms", (int)ms);
	if (!limit || ms <= limit)
		return 0;
	return sv_err_set(err, -EBUSY,
			  "it would stand still for about %d ms, and its pause_limit_ms is %d",
			  (int)ms, (int)limit);
}

int sv_xl_check_source(const libxl_dominfo *info, struct sv_err *err)
{
	if (info->shutdown)
		return sv_err_set(err, -EBUSY, "it does not run: there is nothing to copy");
	if (info->paused)
		return sv_err_set(err, -EBUSY,
				  "it is paused, and cannot tell its state: resume it "
				  "first");
	return 0;
}

/* In memory when there is room: production waits for the last of it to be written. */
static int image_open(const libxl_dominfo *info)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long available = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu", &available) == 1)
			break;
	if (available > info->current_memkb + info->current_memkb / 4 + 65536)
		return memfd_create("svnet-image", MFD_CLOEXEC);
	return open("/var/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
}

/* ---- the checkpoint ---- */

/* It may have been about to stand still when its saving ended. */
static int go_on(struct sv_xl *xl, uint32_t domid, int settle_ms, struct sv_err *err)
{
	struct timespec tick = { .tv_nsec = 20000000 };
	uint64_t until = sv_xl_now_ms() + settle_ms;
	libxl_dominfo info = { 0 };
	int rc;

	for (;;) {
		rc = libxl_domain_info(xl->ctx, &info, domid);
		if (rc)
			return sv_xl_fail(xl, rc, "looking at it", err);
		if (sv_xl_is_suspended(&info))
			return sv_xl_resume(xl, domid, err);
		if (sv_xl_now_ms() >= until)
			return 0;
		nanosleep(&tick, NULL);
	}
}

static int save(struct sv_xl *xl, const libxl_dominfo *info, int fd, struct sv_err *err)
{
	int flags = can_live(xl, info) ? LIBXL_SUSPEND_LIVE : 0;
	int before = getpriority(PRIO_PROCESS, 0), rc;

	/* Production waits for this, and for nothing else that dom0 does. */
	setpriority(PRIO_PROCESS, 0, HURRY);
	rc = libxl_domain_suspend(xl->ctx, info->domid, fd, flags, NULL);
	setpriority(PRIO_PROCESS, 0, before);
	return rc ? sv_xl_fail(xl, rc, "saving its memory", err) : 0;
}

void sv_xl_add_pause(cJSON *reply, uint64_t since, const libxl_dominfo *info)
{
	double ms = since ? sv_xl_now_ms() - since : 0, mib = info->current_memkb / 1024.0;

	cJSON_AddNumberToObject(reply, "pause_ms", ms);
	cJSON_AddNumberToObject(reply, "ms_per_mib",
				mib > 0 && ms > FIXED_MS ? (ms - FIXED_MS) / mib : 0);
}

static int say_why(int rc, const struct sv_err *why, uint32_t limit, bool cut, bool goes_on,
		   struct sv_err *err)
{
	const char *more = goes_on ? ", and goes on" : "; and it was not resumed";

	if (cut)
		return sv_err_set(err, -ETIMEDOUT,
				  "it stood still for longer than its pause_limit_ms, %u%s; "
				  "nothing was copied",
				  limit, more);
	return sv_err_set(err, rc, "%s%s", why->text, goes_on ? "" : more);
}

int sv_xl_hold(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info, int fd,
	       sv_xl_held_fn *then, uint64_t *since, struct sv_err *err)
{
	uint32_t limit = sv_xl_num(request, "pause_limit_ms", 0);
	struct sv_xl_watch *watch = sv_xl_watch_start(info->domid, limit);
	struct sv_err why = { 0 };
	bool cut = false;
	int rc;

	if (!watch)
		return sv_err_set(err, -ENOMEM, "its pause cannot be watched");
	rc = save(xl, info, fd, &why);
	rc = rc ?: then(xl, request, info, &why);
	*since = sv_xl_watch_stop(watch, &cut);
	if (!rc)
		return 0;
	return say_why(rc, &why, limit, cut, !go_on(xl, info->domid, 2000, NULL), err);
}

static int copy_disks(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info,
		      struct sv_err *err)
{
	const cJSON *disks = cJSON_GetObjectItemCaseSensitive(request, "disks");

	return sv_xl_disks_flush(xl, info->domid, disks, err) ?: sv_xl_disks_copy(disks, err);
}

/* Suspended, saved, its disks copied, resumed. */
static int checkpoint(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info, int fd,
		      cJSON *reply, struct sv_err *err)
{
	uint64_t since = 0;
	int rc = sv_xl_check_estimate(xl, request, info, fd, reply, err);

	if (rc)
		return rc;
	rc = sv_xl_hold(xl, request, info, fd, copy_disks, &since, err);
	if (rc) {
		sv_xl_disks_remove(cJSON_GetObjectItemCaseSensitive(request, "disks"));
		return rc;
	}
	rc = go_on(xl, info->domid, 0, err);
	sv_xl_add_pause(reply, since, info);
	return rc;
}

static int prepare(struct sv_xl *xl, const cJSON *request, libxl_dominfo *info, struct sv_err *err)
{
	int rc = sv_xl_find(xl, request, info, err);

	rc = rc ?: sv_xl_check_source(info, err);
	return rc ?: sv_xl_disks_check(cJSON_GetObjectItemCaseSensitive(request, "disks"), err);
}

int sv_xl_checkpoint(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_dominfo info = { 0 };
	int rc = prepare(xl, request, &info, err);

	return rc ?: checkpoint(xl, request, &info, xl->fd, reply, err);
}

/* ---- from an image ---- */

static int restore(struct sv_xl *xl, const cJSON *domain, int fd, cJSON *reply, struct sv_err *err)
{
	libxl_domain_restore_params params;
	libxl_domain_config config;
	uint32_t domid = 0;
	int rc;

	rc = sv_xl_config(&config, domain, err);
	if (!rc) {
		libxl_domain_restore_params_init(&params);
		params.stream_version = 2;
		rc = libxl_domain_create_restore(xl->ctx, &config, &domid, fd, -1, &params, NULL,
						 NULL);
		rc = rc ? sv_xl_fail(xl, rc, "making it from the saved memory", err) : 0;
		libxl_domain_restore_params_dispose(&params);
	}
	libxl_domain_config_dispose(&config);
	cJSON_AddNumberToObject(reply, "domid", domid);
	return rc;
}

int sv_xl_restore(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	const cJSON *domain = cJSON_GetObjectItemCaseSensitive(request, "domain");

	return restore(xl, domain, xl->fd, reply, err);
}

int sv_xl_clone(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	const cJSON *domain = cJSON_GetObjectItemCaseSensitive(request, "domain");
	libxl_dominfo info = { 0 };
	_cleanup_close_ int fd = -1;
	int rc = prepare(xl, request, &info, err);

	rc = rc ?: sv_xl_check_memory(xl, info.current_memkb, err);
	if (rc)
		return rc;
	fd = image_open(&info);
	if (fd < 0)
		return sv_err_set(err, -errno, "a file for its memory: %s", strerror(errno));
	rc = checkpoint(xl, request, &info, fd, reply, err);
	if (rc)
		return rc;
	if (lseek(fd, 0, SEEK_SET))
		return -errno;
	rc = restore(xl, domain, fd, reply, err);
	if (rc)
		sv_xl_disks_remove(cJSON_GetObjectItemCaseSensitive(request, "disks"));
	return rc;
}

int sv_xl_recover(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_dominfo info = { 0 };
	int rc = sv_xl_find(xl, request, &info, err);

	(void)reply;
	rc = rc ?: sv_xl_stay(info.domid);
	/* What stands still later than that is told of by Xen, and found by list. */
	return rc ?: go_on(xl, info.domid, 1000, err);
}
