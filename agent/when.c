// SPDX-License-Identifier: GPL-2.0-only
#include "when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *unit;
	double us;
} units[] = {
	{ "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "m", 60e6 }, { "h", 3600e6 }, { "", 1e6 }
};

int sv_when_parse_duration(const char *text, __u64 *us, struct sv_err *err)
{
	char *end;
	double n = strtod(text, &end);

	if (end != text && n >= 0 && n < 1e9)
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
			if (!strcmp(end, units[i].unit)) {
				*us = n * units[i].us;
				return 0;
			}
	return sv_err_set(err, -EINVAL, "\"%.64s\" is no duration: write 500ms, 2s, 1m", text);
}

#define EPOCH_MAX 100000000000ULL /* s: the year 5138 */

static int parse_epoch(const char *text, __u64 *wall_us)
{
	char *end;
	unsigned long long s = strtoull(text, &end, 10);
	double fraction = 0;

	if (*text < '0' || *text > '9' || s > EPOCH_MAX)
		return -EINVAL;
	if (*end == '.')
		fraction = strtod(end, &end);
	*wall_us = s * 1000000 + (__u64)(fraction * 1e6 + 0.5);
	return *end ? -EINVAL : 0;
}

/* The zone of RFC 3339 as seconds east of Greenwich. */
static int parse_zone(const char *text, long *east)
{
	int hours, minutes, n = 0;
	char sign;

	*east = 0;
	if (!strcmp(text, "Z") || !strcmp(text, "z"))
		return 0;
	if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &n) != 3 || text[n] ||
	    (sign != '+' && sign != '-') || hours < 0 || minutes < 0)
		return -EINVAL;
	*east = (hours * 60L + minutes) * 60 * (sign == '-' ? -1 : 1);
	return 0;
}

static int parse_rfc3339(const char *text, __u64 *wall_us)
{
	struct tm tm = { 0 };
	double fraction = 0;
	time_t s;
	long east;
	char *rest = strptime(text, "%Y-%m-%d", &tm);

	if (!rest || (*rest != 'T' && *rest != 't' && *rest != ' '))
		return -EINVAL;
	rest = strptime(rest + 1, "%H:%M:%S", &tm);
	if (!rest)
		return -EINVAL;
	if (*rest == '.')
		fraction = strtod(rest, &rest);
	if (parse_zone(rest, &east))
		return -EINVAL;
	s = timegm(&tm) - east;
	if (s < 0)
		return -EINVAL;
	*wall_us = s * 1000000ULL + (__u64)(fraction * 1e6 + 0.5);
	return 0;
}

int sv_when_parse(const char *text, __u64 now_wall_us, __u64 now_boot_us, struct sv_when *when,
		  struct sv_err *err)
{
	struct sv_when out = { 0 };
	__u64 us;
	int rc;

	if (!strcmp(text, "now")) {
		*when = out;
		return 0;
	}
	if (*text == '+' || !strncmp(text, "now+", 4)) {
		rc = sv_when_parse_duration(strchr(text, '+') + 1, &us, err);
		if (!rc)
			*when = (struct sv_when){ .boot_us = now_boot_us + us };
		return rc;
	}
	rc = *text == '@' ? parse_epoch(text + 1, &out.wall_us) : parse_rfc3339(text, &out.wall_us);
	if (rc)
		return sv_err_set(err, rc,
				  "\"%.64s\" is no time: write now+2s, @1700000000 or "
				  "2026-01-31T12:00:00Z",
				  text);
	if (out.wall_us <= now_wall_us)
		return sv_err_set(err, -EINVAL, "\"%.64s\" is in the past: leave --at out", text);
	out.boot_us = now_boot_us + (out.wall_us - now_wall_us);
	*when = out;
	return 0;
}
