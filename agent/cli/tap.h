/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_TAP_H
#define SV_AGENT_CLI_TAP_H

#include "cli.h"
#include "loader/tap.h"

/* What `capture`, `top` and `voice` have in common: a session's rings, found by asking
 * the agent. */
struct sv_cli_tap {
	struct sv_tap *tap;
	cJSON *answer; /* of the method "tap" */
	const char *session;
	double unrecorded; /* when it was opened */
	bool mute; /* the agent has not answered */
	int signals; /* SIGINT and SIGTERM, blocked */
};

/* 0, or an exit code, and everything has been said. */
int sv_cli_tap_open(struct sv_cli *cli, struct sv_cli_tap *tap);
void sv_cli_tap_close(struct sv_cli_tap *tap);
/*
 * Frames at the session's points on this host that are not in its rings since it was opened, other
 * than those that found a ring full: the session was not asked, or shed them. Asks the agent again;
 * -1: it does not say.
 */
int64_t sv_cli_tap_unrecorded(struct sv_cli *cli, struct sv_cli_tap *tap);
/* Has somebody asked us to end? From then on a further signal kills. */
bool sv_cli_tap_ended(struct sv_cli_tap *tap);

/* "A/exit r3:eth1 out": what a point is called. */
#define SV_CLI_POINT_MAX 160
void sv_cli_point_name(const struct sv_point *point, char name[SV_CLI_POINT_MAX]);

__u64 sv_cli_boot_ns(void);

#endif
