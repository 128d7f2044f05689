/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_EXEC_H
#define SV_AGENT_VNODE_EXEC_H

#include "netns.h"

/* sv_vnode_driver_ops.exec for a VNode whose keeper is alive. */
int sv_exec_in(const struct sv_vn *vn, char *const argv[], const int fds[3], pid_t *pid,
	       struct sv_err *err);

#endif
