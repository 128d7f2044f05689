/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain's memory to another host, over one stream that two agents have opened (agent/move.h):
 *
 *	sender		Xen's stream, {"sent": true}
 *	receiver				{"taken": true}, its agent's word
 *
 * Until it has said "sent", the sender may let the domain go on: what came is no domain yet. From
 * then on it stands still for good, marked in xenstore so that nobody takes it for stranded, until
 * the store has said whose it is: only its agent lets it go on ("recover") or destroys it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenstore.h>

#include "xl.h"

enum { WORD_MAX = 1024, SENT_MS = 60000 };

/* ---- words ---- */

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= n;
	}
	return 0;
}

/* Byte by byte: what follows a word is not ours. -ETIMEDOUT, -EPIPE. */
static int read_line(int fd, uint64_t until, char *line, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < size - 1) {
		int64_t left = (int64_t)until - (int64_t)sv_xl_now_ms();
		int ready = poll(&p, 1, left > 0 ? left : 0);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return -ETIMEDOUT;
		n = read(fd, line + len, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		if (line[len] == '\n') {
			line[len] = 0;
			return 0;
		}
		len++;
	}
	return -EMSGSIZE;
}

/* 0: that word and no other has come. */
static int expect(int fd, uint64_t until, const char *word)
{
	char line[WORD_MAX];
	int rc = read_line(fd, until, line, sizeof(line));
	cJSON *json = rc ? NULL : cJSON_Parse(line);

	if (!rc && !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, word)))
		rc = -EPROTO;
	cJSON_Delete(json);
	return rc;
}

/* ---- away ---- */

static void mark_path(uint32_t domid, char path[64])
{
	snprintf(path, 64, "/local/domain/%u/svnet-moving", domid);
}

static int set_moving(uint32_t domid)
{
	char dir[40];

	snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
	return sv_xl_xenstore_write(dir, "svnet-moving", "1");
}

/* Unless xenstore says that it is not: to stand still does no harm. */
bool sv_xl_is_moving(uint32_t domid)
{
	struct xs_handle *xs = xs_open(0);
	_cleanup_free_ char *text = NULL;
	unsigned int len;
	char path[64];
	bool is = true;

	if (!xs)
		return true;
	mark_path(domid, path);
	text = xs_read(xs, XBT_NULL, path, &len);
	if (!text)
		is = errno != ENOENT;
	xs_close(xs);
	return is;
}

int sv_xl_stay(uint32_t domid)
{
	struct xs_handle *xs = xs_open(0);
	char path[64];
	int rc = 0;

	if (!xs)
		return -errno;
	mark_path(domid, path);
	if (!xs_rm(xs, XBT_NULL, path) && errno != ENOENT)
		rc = -errno;
	xs_close(xs);
	return rc;
}

/* How fast a stream is taken cannot be known; it is not faster than memory. */
static int check_pause(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info,
		       cJSON *reply, struct sv_err *err)
{
	_cleanup_close_ int trial = memfd_create("svnet-trial", MFD_CLOEXEC);

	return sv_xl_check_estimate(xl, request, info, trial, reply, err);
}

/* With this word it is given away. */
static int say_sent(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info,
		    struct sv_err *err)
{
	int rc = set_moving(info->domid);

	(void)request;
	rc = rc ?: write_all(xl->fd, "{\"sent\": true}\n");
	if (!rc)
		return 0;
	sv_xl_stay(info->domid);
	return sv_err_set(err, rc, "its receiver is gone: %s", strerror(-rc));
}

int sv_xl_send(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	uint32_t limit = sv_xl_num(request, "pause_limit_ms", 0);
	libxl_dominfo info = { 0 };
	uint64_t since = 0;
	int rc = sv_xl_find(xl, request, &info, err);

	rc = rc ?: sv_xl_check_source(&info, err);
	rc = rc ?: check_pause(xl, request, &info, reply, err);
	rc = rc ?: sv_xl_hold(xl, request, &info, xl->fd, say_sent, &since, err);
	if (rc)
		return rc;
	rc = expect(xl->fd, since + (limit ?: SENT_MS), "taken");
	sv_xl_add_pause(reply, since, &info);
	if (rc)
		return sv_err_set(err, -EINPROGRESS, "its receiver did not say that it has it (%s)",
				  rc == -ETIMEDOUT ? "its pause_limit_ms is over" : strerror(-rc));
	return 0;
}

/* ---- here ---- */

int sv_xl_room(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	libxl_domain_config config;
	int rc;

	(void)reply;
	rc = sv_xl_config(&config, cJSON_GetObjectItemCaseSensitive(request, "domain"), err);
	rc = rc ?: sv_xl_check_able(xl, &config, err);
	rc = rc ?: sv_xl_check_memory(xl, config.b_info.max_memkb, err);
	libxl_domain_config_dispose(&config);
	return rc;
}

/* libxl 4.17 crashes on a stream that ends before it began: a sender that was refused. */
static int wait_begin(int fd, struct sv_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = 0;

	if (poll(&p, 1, SENT_MS) > 0 && !ioctl(fd, FIONREAD, &n) && n > 0)
		return 0;
	return sv_err_set(err, -EPIPE, "its sender sends nothing");
}

/* A stream that does not end with its sender's word is not whole, whatever Xen made of it. */
int sv_xl_receive(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err)
{
	int rc = wait_begin(xl->fd, err);

	rc = rc ?: sv_xl_restore(xl, request, reply, err);
	if (rc)
		return rc;
	rc = expect(xl->fd, sv_xl_now_ms() + SENT_MS, "sent");
	if (!rc)
		return 0;
	libxl_domain_destroy(xl->ctx, sv_xl_num(reply, "domid", 0), NULL);
	return sv_err_set(err, rc, "its sender did not say that it was all: %s", strerror(-rc));
}
