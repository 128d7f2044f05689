/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_VN_H
#define SV_AGENT_VNODE_VN_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/cleanup.h"
#include "vnode.h"

/* ---- vn.c ---- */

/*
 * A VNode as its driver's files know it: a folder, RUN_DIR/FOLDER/VNET.NAME, FOLDER being the
 * driver's. What was defined last is in its spec.json; without one it is half-made.
 */
struct sv_vn {
	const struct sv_vnode_driver *drv;
	char vnet[32], name[32];
	char tag[72]; /* VNET.NAME, a dot inside of either being a "=" */
	char dir[200];
};
int sv_vn_init(struct sv_vn *vn, const struct sv_vnode_driver *drv, const char *vnet,
	       const char *name, struct sv_err *err);
/* -EINVAL: it is no VNode's. */
int sv_vn_split(const char *tag, char vnet[32], char name[32]);
/* rc; what went wrong gets its name in front. */
int sv_vn_fail(const struct sv_vn *vn, int rc, struct sv_err *err);

int sv_vn_write(const struct sv_vn *vn, const char *file, const char *text, size_t len);
/* The whole file, NUL-terminated, the caller's; NULL with errno: only ENOENT says that there is
 * none. */
char *sv_file_read(const char *path);
char *sv_vn_read(const struct sv_vn *vn, const char *file);
bool sv_vn_has(const struct sv_vn *vn, const char *file);
int sv_vn_mkdir(const struct sv_vn *vn, struct sv_err *err);
void sv_vn_rmdir(const struct sv_vn *vn);

/* -ENOENT, -EINVAL: it is half-made. Any other error: that cannot be told now. */
int sv_vn_load_spec(const struct sv_vn *vn, struct sv_vnode_spec *spec);
int sv_vn_save_spec(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err);
/* What loading said (rc): 0 unless it is one of those other errors, which err tells then. */
int sv_vn_unread(const struct sv_vn *vn, int rc, struct sv_err *err);

/* Calls fn for each folder of the driver until it does not return 0; err is what fn says, or why
 * the folders cannot be listed. */
int sv_vn_each(const struct sv_vnode_driver *drv, int (*fn)(void *arg, const struct sv_vn *vn),
	       void *arg, struct sv_err *err);

/* Fills in how a VNode is that has a folder. -ENOENT, -EINVAL: it is half-made. Any other error:
 * that cannot be told now, which is not to be taken for failed, since what has failed is made
 * anew. */
typedef int sv_vn_read_fn(void *arg, const struct sv_vn *vn, struct sv_vnode_status *status);
void sv_vn_status_fail(struct sv_vnode_status *status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* For the driver's status(): of one. */
int sv_vn_status(const struct sv_vnode_driver *drv, const char *vnet, const char *name,
		 sv_vn_read_fn *read, void *arg, struct sv_vnode_status *status,
		 struct sv_err *err);
/* For its list(). On failure, the first, *out has all of them: FAILED those that cannot be told. */
int sv_vn_list(const struct sv_vnode_driver *drv, sv_vn_read_fn *read, void *arg,
	       struct sv_vnode_status **out, size_t *n, struct sv_err *err);

/* ---- spec.c ---- */

/* A specification as the driver keeps it. from_text: -EINVAL when the text is not one. */
char *sv_spec_to_text(const struct sv_vnode_spec *spec);
int sv_spec_from_text(struct sv_vnode_spec *spec, const char *text);
int sv_spec_copy(struct sv_vnode_spec *to, const struct sv_vnode_spec *from);
/* What the kernel would take for something else, or not at all. */
int sv_spec_check(const struct sv_vnode_spec *spec, struct sv_err *err);
const struct sv_vnode_iface *sv_spec_iface(const struct sv_vnode_spec *spec, const char *name);
bool sv_strv_has(char *const *strv, const char *s);
bool sv_strv_same(char *const *a, char *const *b);
/* The word after `dev` in a line for tc or ip; false: there is none. */
bool sv_line_dev(const char *line, char dev[16]);

#endif
