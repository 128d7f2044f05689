// SPDX-License-Identifier: GPL-2.0-only
#include "auth.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* Who may do what: the first group that a user is in decides. Root is ADMIN. */
static const struct {
	const char *group;
	enum sv_role role;
} roles[] = {
	{ "svnet-admin", SV_ROLE_ADMIN },
	{ "svnet-flip", SV_ROLE_FLIP },
	{ "svnet-operate", SV_ROLE_OPERATE },
	{ "svnet-view", SV_ROLE_VIEW },
	{ "svnet", SV_ROLE_VIEW },
};

const char *sv_role_name(enum sv_role role)
{
	static const char *const names[] = { "nobody", "view", "operate", "flip", "admin" };

	return role < sizeof(names) / sizeof(*names) ? names[role] : "more than there is";
}

gid_t sv_auth_socket_group(void)
{
	const struct group *group = getgrnam("svnet");

	return group ? group->gr_gid : (gid_t)-1;
}

static bool is_member(gid_t gid, const gid_t *groups, int n)
{
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static enum sv_role role_of(uid_t uid, gid_t gid)
{
	gid_t groups[256] = { gid };
	const struct passwd *user;
	int n = 256;

	if (!uid)
		return SV_ROLE_ADMIN;
	user = getpwuid(uid);
	if (!user)
		n = 1;
	else if (getgrouplist(user->pw_name, gid, groups, &n) < 0)
		n = 256;
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		const struct group *group = getgrnam(roles[i].group);

		if (group && is_member(group->gr_gid, groups, n))
			return roles[i].role;
	}
	return SV_ROLE_NOBODY;
}

int sv_auth_peer(int fd, enum sv_role *role, uid_t *uid, struct sv_err *err)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return sv_err_set(err, -errno, "peer credentials: %s", strerror(errno));
	*role = role_of(cred.uid, cred.gid);
	*uid = cred.uid;
	return 0;
}
