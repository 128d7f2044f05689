// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "loader/cleanup.h"
#include "pcapng.h"
#include "sink.h"

struct chunk {
	uint8_t *bytes;
	size_t len;
	uint64_t packets;
	bool next_file; /* it begins one */
	struct chunk *next;
};

struct sv_sink {
	char path[PATH_MAX - 16];
	bool numbered;
	unsigned int keep;

	struct chunk *now; /* being filled */
	unsigned int made;

	/* shared with the writer */
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	struct chunk *first, *last; /* to be written */
	struct chunk *free; /* used last, used first: it is still in the cache */
	bool closing;
	int failed;

	/* the writer's; the owner's again when it has ended */
	pthread_t writer;
	int fd;
	bool regular;
	off_t at; /* end of the last chunk that was written whole */
	struct chunk *written; /* last; kept, should the next one leave no room for a trailer */
	struct chunk *writing; /* being written, or what writing failed at */
	size_t done; /* bytes of it that were written */
	struct sv_sink_result result;
};

/* ---- files ---- */

/* NAME.pcapng -> NAME_00001.pcapng */
static void name_of(const struct sv_sink *sink, unsigned int n, char name[PATH_MAX])
{
	const char *slash = strrchr(sink->path, '/');
	const char *dot = strrchr(slash ? slash + 1 : sink->path, '.');
	int stem = dot && dot != sink->path ? (int)(dot - sink->path) : (int)strlen(sink->path);

	if (sink->numbered)
		snprintf(name, PATH_MAX, "%.*s_%05u%s", stem, sink->path, n, sink->path + stem);
	else
		snprintf(name, PATH_MAX, "%s", sink->path);
}

static void adopt(struct sv_sink *sink, int fd)
{
	struct stat st;

	sink->fd = fd;
	sink->regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
	sink->at = sink->regular ? lseek(fd, 0, SEEK_CUR) : 0;
	sink->result.files++;
}

static int open_file(struct sv_sink *sink)
{
	char old[PATH_MAX];
	int fd;

	name_of(sink, sink->result.files + 1, sink->result.last);
	fd = open(sink->result.last, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	adopt(sink, fd);
	if (sink->keep && sink->result.files > sink->keep) {
		name_of(sink, sink->result.files - sink->keep, old);
		unlink(old);
	}
	return 0;
}

static int close_file(struct sv_sink *sink)
{
	int fd = sink->fd;

	sink->fd = -1;
	return fd >= 0 && close(fd) ? -errno : 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t len, size_t *done)
{
	for (*done = 0; *done < len;) {
		ssize_t n = write(fd, bytes + *done, len - *done);

		if (n < 0 && errno != EINTR)
			return -errno;
		*done += n > 0 ? n : 0;
	}
	return 0;
}

/* ---- the writer ---- */

static int write_chunk(struct sv_sink *sink, struct chunk *chunk)
{
	int rc = 0;

	sink->writing = chunk;
	sink->done = 0;
	if (chunk->next_file) {
		rc = close_file(sink);
		rc = rc ?: open_file(sink);
	}
	if (rc)
		return rc;
	rc = write_all(sink->fd, chunk->bytes, chunk->len, &sink->done);
	if (rc)
		return rc;
	__atomic_fetch_add(&sink->at, chunk->len, __ATOMIC_RELAXED);
	sink->result.bytes += chunk->len;
	sink->result.packets += chunk->packets;
	return 0;
}

static struct chunk *take_filled(struct sv_sink *sink)
{
	struct chunk *chunk;

	while (!sink->first && !sink->closing)
		pthread_cond_wait(&sink->filled, &sink->lock);
	chunk = sink->first;
	if (chunk) {
		sink->first = chunk->next;
		chunk->next = NULL;
	}
	return chunk;
}

static void give_free(struct sv_sink *sink, struct chunk *chunk)
{
	chunk->next = sink->free;
	sink->free = chunk;
	pthread_cond_signal(&sink->freed);
}

static void keep_written(struct sv_sink *sink, struct chunk *chunk)
{
	if (sink->written)
		give_free(sink, sink->written);
	sink->written = chunk;
	sink->writing = NULL;
}

static void *writer(void *arg)
{
	struct sv_sink *sink = arg;
	struct chunk *chunk;

	pthread_mutex_lock(&sink->lock);
	while (!sink->failed && (chunk = take_filled(sink))) {
		int rc;

		pthread_mutex_unlock(&sink->lock);
		rc = write_chunk(sink, chunk);
		pthread_mutex_lock(&sink->lock);
		sink->failed = rc;
		if (!rc)
			keep_written(sink, chunk);
	}
	pthread_cond_signal(&sink->freed);
	pthread_mutex_unlock(&sink->lock);
	return NULL;
}

/* ---- chunks ---- */

static struct chunk *chunk_new(struct sv_sink *sink)
{
	struct chunk *chunk = sink->made < SV_SINK_CHUNKS ? calloc(1, sizeof(*chunk)) : NULL;

	if (chunk)
		chunk->bytes = malloc(SV_SINK_CHUNK);
	if (!chunk || !chunk->bytes) {
		free(chunk);
		return NULL;
	}
	sink->made++;
	return chunk;
}

static struct chunk *chunk_get(struct sv_sink *sink)
{
	struct chunk *chunk = NULL;

	pthread_mutex_lock(&sink->lock);
	if (!sink->failed) {
		chunk = sink->free;
		if (chunk)
			sink->free = chunk->next;
		else
			chunk = chunk_new(sink);
	}
	pthread_mutex_unlock(&sink->lock);
	if (chunk) {
		chunk->len = chunk->packets = 0;
		chunk->next_file = false;
		chunk->next = NULL;
	}
	return chunk;
}

void sv_sink_flush(struct sv_sink *sink)
{
	struct chunk *chunk = sink->now;

	if (!chunk || !chunk->len)
		return;
	sink->now = NULL;
	pthread_mutex_lock(&sink->lock);
	if (sink->first)
		sink->last->next = chunk;
	else
		sink->first = chunk;
	sink->last = chunk;
	pthread_cond_signal(&sink->filled);
	pthread_mutex_unlock(&sink->lock);
}

uint8_t *sv_sink_room(struct sv_sink *sink, size_t len)
{
	if (sink->now && sink->now->len + len > SV_SINK_CHUNK)
		sv_sink_flush(sink);
	if (!sink->now)
		sink->now = chunk_get(sink);
	return sink->now ? sink->now->bytes + sink->now->len : NULL;
}

void sv_sink_add(struct sv_sink *sink, size_t len, bool packet)
{
	sink->now->len += len;
	sink->now->packets += packet;
}

void sv_sink_next(struct sv_sink *sink)
{
	sv_sink_flush(sink);
	while (!sink->now && !sv_sink_failed(sink)) {
		sink->now = chunk_get(sink);
		if (!sink->now)
			sv_sink_wait(sink, 100);
	}
	if (sink->now)
		sink->now->next_file = true;
}

int sv_sink_failed(struct sv_sink *sink)
{
	int rc;

	pthread_mutex_lock(&sink->lock);
	rc = sink->failed;
	pthread_mutex_unlock(&sink->lock);
	return rc;
}

static struct timespec in_ms(int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += ms % 1000 * 1000000L;
	ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000L;
	ts.tv_nsec %= 1000000000L;
	return ts;
}

void sv_sink_wait(struct sv_sink *sink, int ms)
{
	struct timespec until = in_ms(ms);

	pthread_mutex_lock(&sink->lock);
	if (!sink->free && !sink->failed)
		pthread_cond_timedwait(&sink->freed, &sink->lock, &until);
	pthread_mutex_unlock(&sink->lock);
}

/* ---- opening and closing ---- */

static void sink_free(struct sv_sink *sink)
{
	struct chunk *lists[] = { sink->now, sink->first, sink->free, sink->written,
				  sink->writing };
	struct chunk *next;

	for (int i = 0; i < 5; i++)
		for (struct chunk *chunk = lists[i]; chunk; chunk = next) {
			next = chunk->next;
			free(chunk->bytes);
			free(chunk);
		}
	if (sink->fd >= 0)
		close(sink->fd);
	pthread_mutex_destroy(&sink->lock);
	pthread_cond_destroy(&sink->filled);
	pthread_cond_destroy(&sink->freed);
	free(sink);
}

static int open_first(struct sv_sink *sink, struct sv_err *err)
{
	int rc = 0, fd;

	if (strcmp(sink->path, "-")) {
		rc = open_file(sink);
		return rc ? sv_err_set(err, rc, "%s: %s", sink->result.last, strerror(-rc)) : 0;
	}
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return sv_err_set(err, -errno, "standard output: %s", strerror(errno));
	adopt(sink, fd);
	snprintf(sink->result.last, sizeof(sink->result.last), "standard output");
	return 0;
}

int sv_sink_open(struct sv_sink **out, const char *path, bool numbered, unsigned int keep,
		 struct sv_err *err)
{
	struct sv_sink *sink = calloc(1, sizeof(*sink));
	int rc;

	if (!sink)
		return sv_err_set(err, -ENOMEM, "out of memory");
	sink->fd = -1;
	sink->numbered = numbered;
	sink->keep = keep;
	pthread_mutex_init(&sink->lock, NULL);
	pthread_cond_init(&sink->filled, NULL);
	pthread_cond_init(&sink->freed, NULL);
	if (snprintf(sink->path, sizeof(sink->path), "%s", path) >= (int)sizeof(sink->path))
		rc = sv_err_set(err, -ENAMETOOLONG, "the file's name is too long");
	else
		rc = open_first(sink, err);
	if (!rc && (rc = -pthread_create(&sink->writer, NULL, writer, sink)))
		rc = sv_err_set(err, rc, "no thread for writing: %s", strerror(-rc));
	if (rc) {
		sink_free(sink);
		return rc;
	}
	*out = sink;
	return 0;
}

/* A pipe whose reader sleeps would hold us for ever; as long as it takes something, we go on. */
static int join(struct sv_sink *sink)
{
	off_t at = -1, before;
	int rc;

	sv_sink_flush(sink);
	pthread_mutex_lock(&sink->lock);
	sink->closing = true;
	pthread_cond_signal(&sink->filled);
	pthread_mutex_unlock(&sink->lock);
	if (sink->regular)
		return -pthread_join(sink->writer, NULL);
	do {
		struct timespec until = in_ms(3000);

		before = at;
		rc = -pthread_timedjoin_np(sink->writer, NULL, &until);
		at = __atomic_load_n(&sink->at, __ATOMIC_RELAXED);
	} while (rc == -ETIMEDOUT && at != before);
	return rc;
}

/* Keeps the first blocks of a chunk that begins at `from`, `limit` bytes at most, and a trailer. */
static int cut(struct sv_sink *sink, const struct chunk *chunk, off_t from, size_t limit,
	       const uint8_t *trailer, size_t len)
{
	uint64_t packets;
	size_t whole = sv_pcapng_whole(chunk->bytes, chunk->len, limit, &packets), done;
	off_t end = from + (off_t)whole;
	int rc;

	if (ftruncate(sink->fd, end) || lseek(sink->fd, end, SEEK_SET) < 0)
		return -errno;
	rc = write_all(sink->fd, trailer, len, &done);
	if (rc && ftruncate(sink->fd, end))
		return -errno;
	sink->result.bytes += whole + (rc ? 0 : len);
	sink->result.packets += packets;
	return 0;
}

/*
 * What did not fit ends in the middle of a block: back to the last whole one, or so far that there
 * is room for the trailer.
 */
static void repair(struct sv_sink *sink, const uint8_t *trailer, size_t len)
{
	const struct chunk *chunk = sink->writing, *before = sink->written;
	size_t done = sink->done;

	if (!sink->regular || sink->fd < 0)
		return;
	if (chunk && (done >= len || chunk->next_file || !before || before->len < len)) {
		cut(sink, chunk, sink->at, done > len ? done - len : 0, trailer, len);
	} else if (before && before->len >= len) {
		sink->result.bytes -= before->len;
		sink->result.packets -= before->packets;
		cut(sink, before, sink->at - (off_t)before->len, before->len + done - len, trailer,
		    len);
	}
}

static void end_file(struct sv_sink *sink, const uint8_t *trailer, size_t len)
{
	int rc;

	if (!sink->failed) {
		sink->failed = write_all(sink->fd, trailer, len, &sink->done);
		sink->result.bytes += sink->failed ? 0 : len;
	}
	if (sink->failed)
		repair(sink, trailer, len);
	rc = close_file(sink);
	if (!sink->failed)
		sink->failed = rc;
}

static int say(const struct sv_sink *sink, struct sv_err *err)
{
	const struct sv_sink_result *r = &sink->result;

	if (sink->failed == -EPIPE)
		return -EPIPE;
	return sv_err_set(err, sink->failed,
			  "%s: %s: the capture ends, with %llu packets in %llu bytes written to %s",
			  r->last, strerror(-sink->failed), (unsigned long long)r->packets,
			  (unsigned long long)r->bytes, r->files == 1 ? "it" : "all files");
}

int sv_sink_close(struct sv_sink *sink, const uint8_t *trailer, size_t len,
		  struct sv_sink_result *result, struct sv_err *err)
{
	int rc = join(sink);

	/* The thread goes on using all this; the process is about to end. */
	if (rc) {
		*result = (struct sv_sink_result){ 0 };
		return sv_err_set(err, -ETIMEDOUT, "whoever should read the capture does not");
	}
	end_file(sink, trailer, len);
	rc = sink->failed ? say(sink, err) : 0;
	*result = sink->result;
	sink_free(sink);
	return rc;
}
