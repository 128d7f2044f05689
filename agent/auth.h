/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_AUTH_H
#define SV_AGENT_AUTH_H

#include <sys/types.h>

#include "loader/err.h"

/* Each role may do what those before it may. */
enum sv_role {
	SV_ROLE_NOBODY = 0,
	SV_ROLE_VIEW,
	SV_ROLE_OPERATE, /* networks, VNodes, monitors, shadows */
	SV_ROLE_FLIP, /* and who is heard outside */
	SV_ROLE_ADMIN, /* and purge, exec */
};

const char *sv_role_name(enum sv_role role);
/* Group of the socket's file, or -1 when there is none: then only root can connect. */
gid_t sv_auth_socket_group(void);
/* The role of whoever is at the other end of a connected Unix socket (SO_PEERCRED). */
int sv_auth_peer(int fd, enum sv_role *role, uid_t *uid, struct sv_err *err);

#endif
