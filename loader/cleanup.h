/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_CLEANUP_H
#define SV_LOADER_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Ownership at the declaration: the variable's owner releases it when the scope ends. */
static inline void sv_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void sv_cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void sv_cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(sv_cleanup_free)
#define _cleanup_close_ _cleanup_(sv_cleanup_fd)
#define _cleanup_fclose_ _cleanup_(sv_cleanup_file)

/* Hands ownership on: the value, and NULL (-1 for descriptors) left behind. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) _p = (p);                                                            \
		(p) = NULL;                                                                        \
		_p;                                                                                \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int _fd = (fd);                                                                    \
		(fd) = -1;                                                                         \
		_fd;                                                                               \
	})

#endif
