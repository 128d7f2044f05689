// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "agent/json.h"
#include "maps/reason.h"
#include "tap.h"

static void signal_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

static int ask(struct sv_cli *cli, const struct sv_cli_tap *tap, cJSON **answer)
{
	_cleanup_json_ cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "session", tap->session);
	return sv_cli_call(cli, cli->command->method, params, answer);
}

#define NAME(id, kind, name, text) name,
static double packets(const cJSON *counters, enum sv_scount_reason reason)
{
	static const char *const names[] = { SV_SHEDS(NAME) };

	return sv_obj_number(sv_obj_get(counters, names[reason]), "packets", 0);
}

/* All that was shed, and what it was not asked about. */
static double unrecorded(const cJSON *answer)
{
	const cJSON *counters = sv_obj_get(answer, "counters");
	double asked = packets(counters, SV_SCOUNT_MATCHED) - packets(counters, SV_SCOUNT_COPIED) -
		       packets(counters, SV_SCOUNT_SHED_RING);

	return asked + packets(counters, SV_SCOUNT_UNOFFERED);
}

int64_t sv_cli_tap_unrecorded(struct sv_cli *cli, struct sv_cli_tap *tap)
{
	_cleanup_json_ cJSON *answer = NULL;

	tap->mute = tap->mute || ask(cli, tap, &answer);
	return tap->mute ? -1 : unrecorded(answer) - tap->unrecorded;
}

int sv_cli_tap_open(struct sv_cli *cli, struct sv_cli_tap *tap)
{
	struct sv_err err = { 0 };
	sigset_t set;
	int rc;

	*tap = (struct sv_cli_tap){ .session = sv_obj_string(cli->params, "session"),
				    .signals = -1 };
	rc = ask(cli, tap, &tap->answer);
	if (rc)
		return rc;
	rc = sv_tap_open(&tap->tap, sv_obj_string(tap->answer, "pin") ?: "",
			 sv_obj_number(tap->answer, "number", 0), &err);
	if (rc) {
		fprintf(stderr, "svnet: %s: %s\n", tap->session, err.text);
		return SV_EXIT_REFUSED;
	}
	tap->unrecorded = unrecorded(tap->answer);
	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	tap->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return 0;
}

void sv_cli_tap_close(struct sv_cli_tap *tap)
{
	sv_tap_close(tap->tap);
	tap->tap = NULL;
	cJSON_Delete(tap->answer);
	tap->answer = NULL;
	sv_cleanup_fd(&tap->signals);
	tap->signals = -1;
}

bool sv_cli_tap_ended(struct sv_cli_tap *tap)
{
	struct signalfd_siginfo info;
	sigset_t set;

	if (read(tap->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	signal_set(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return true;
}

static const char *direction(const struct sv_point *point)
{
	static const char *const names[] = { "", " in", " out", " both" };

	return names[point->direction & (SV_POINT_IN | SV_POINT_OUT)];
}

void sv_cli_point_name(const struct sv_point *point, char name[SV_CLI_POINT_MAX])
{
	if (!point->vnet[0])
		snprintf(name, SV_CLI_POINT_MAX, "unknown point");
	else
		snprintf(name, SV_CLI_POINT_MAX, "%.32s/%.32s %.32s:%.16s%s", point->vnet,
			 point->point, point->vnode, point->iface, direction(point));
}

__u64 sv_cli_boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (__u64)ts.tv_sec * 1000000000ULL + (__u64)ts.tv_nsec;
}
