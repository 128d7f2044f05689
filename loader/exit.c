// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

/*
 * Frames read a row while it is changed, so a way out must never be seen half-written. A map update
 * copies the row by memcpy(), which promises nothing about words; so the array is mapped into our
 * memory, and each way is one aligned 8-byte store.
 */
#define EXITS_LEN (sizeof(__u64[SV_ATTACH_MAX][SV_EXIT_MAX]))

_Static_assert(sizeof(struct sv_exit) == sizeof(__u64), "a way out is one word");
_Static_assert(sizeof(struct sv_port) == sizeof(__u64[SV_EXIT_MAX]), "a row is its words");

int sv_exit_open(struct sv_plane *plane, struct sv_err *err)
{
	void *at;

	if (plane->exit)
		return 0;
	at = mmap(NULL, EXITS_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, plane->map[SV_MAP_PORT], 0);
	if (at == MAP_FAILED)
		return sv_err_set(err, -errno, "cannot map sv_port into memory: %s",
				  strerror(errno));
	plane->exit = at;
	return 0;
}

void sv_exit_close(struct sv_plane *plane)
{
	if (plane->exit)
		munmap(plane->exit, EXITS_LEN);
	plane->exit = NULL;
}

void sv_exit_read(const struct sv_plane *plane, __u32 id, struct sv_port *row)
{
	__u64 word;

	for (size_t i = 0; i < SV_EXIT_MAX; i++) {
		word = __atomic_load_n(&plane->exit[id][i], __ATOMIC_ACQUIRE);
		memcpy(&row->exit[i], &word, sizeof(word));
	}
}

void sv_exit_write(struct sv_plane *plane, __u32 id, const struct sv_port *row)
{
	__u64 word;

	for (size_t i = 0; i < SV_EXIT_MAX; i++) {
		memcpy(&word, &row->exit[i], sizeof(word));
		if (plane->exit[id][i] != word)
			__atomic_store_n(&plane->exit[id][i], word, __ATOMIC_RELEASE);
	}
}

/* ---- what a row becomes ---- */

static struct sv_exit *find_free(struct sv_port *row)
{
	for (size_t i = 0; i < SV_EXIT_MAX; i++) {
		if (!row->exit[i].ifindex)
			return &row->exit[i];
	}
	return NULL;
}

static struct sv_exit *find(struct sv_port *row, const struct sv_exit *want)
{
	for (size_t i = 0; i < SV_EXIT_MAX; i++) {
		if (row->exit[i].ifindex == want->ifindex && row->exit[i].nth == want->nth)
			return &row->exit[i];
	}
	return NULL;
}

int sv_exit_merge(struct sv_port *row, const struct sv_exit *want, size_t n)
{
	struct sv_exit *at;
	__u8 gated;

	for (size_t i = 0; i < n; i++) {
		at = find(row, &want[i]);
		/* Who asked the gate goes on asking until the attachment that did is gone. */
		gated = at ? at->flags & SV_EXIT_GATED : 0;
		at = at ?: find_free(row);
		if (!at)
			return -ENOSPC;
		*at = want[i];
		at->flags |= gated;
	}
	return 0;
}

static const struct sv_exit *wanted(const struct sv_exit *want, size_t n,
				    const struct sv_exit *exit)
{
	for (size_t i = 0; i < n; i++) {
		if (want[i].ifindex == exit->ifindex && want[i].nth == exit->nth)
			return &want[i];
	}
	return NULL;
}

void sv_exit_prune(struct sv_port *row, const struct sv_exit *want, size_t n)
{
	const struct sv_exit *keep;

	for (size_t i = 0; i < SV_EXIT_MAX; i++) {
		keep = wanted(want, n, &row->exit[i]);
		row->exit[i] = keep ? *keep : (struct sv_exit){};
	}
}
