/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_ERR_H
#define SV_LOADER_ERR_H

/*
 * What to tell the operator. Every function that can fail for a reason of the operator's world
 * takes a struct sv_err * (may be NULL) and returns 0 or -errno; the text says what was wrong,
 * where and what to do, in one line, without a newline. It is written by the leaf that knows and
 * printed once, at the boundary of the operation.
 */
struct sv_err {
	char text[512];
};

/* Formats err->text (err may be NULL) and returns rc, so that a leaf can `return sv_err_set(…)`. */
int sv_err_set(struct sv_err *err, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that is there. Returns rc. */
int sv_err_prefix(struct sv_err *err, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
