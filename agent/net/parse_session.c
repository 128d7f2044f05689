// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "internal.h"

/* What people write about a session. */

#define SAMPLE_MAX 1000000
#define PPS_MAX 100000000
/* A jumbo frame must fit the burst, which is a 32-bit number of nanoseconds. */
#define BPS_MIN 32000
#define BPS_MAX 400000000000

int sv_parse_sample(const char *text, bool *flows, uint32_t *n)
{
	const char *slash = strchr(text, '/');
	bool of_flows = slash && !strncmp(text, "flows/", slash + 1 - text);
	unsigned long value;
	char *end;

	if (!slash || !isdigit((unsigned char)slash[1]) ||
	    (!of_flows && strncmp(text, "packets/", slash + 1 - text)))
		return -EINVAL;
	errno = 0;
	value = strtoul(slash + 1, &end, 10);
	if (*end || errno || !value || value > SAMPLE_MAX)
		return -EINVAL;
	*flows = of_flows;
	*n = value;
	return 0;
}

int sv_parse_budget(const char *text, uint64_t *pps, uint64_t *bps)
{
	static const struct {
		const char *unit;
		double factor, min, max;
		bool frames;
	} units[] = {
		{ "pps", 1, 1, PPS_MAX, true },
		{ "kbit", 1e3, BPS_MIN, BPS_MAX, false },
		{ "mbit", 1e6, BPS_MIN, BPS_MAX, false },
		{ "gbit", 1e9, BPS_MIN, BPS_MAX, false },
	};
	double value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	value = strtod(text, &end);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		value *= units[i].factor;
		if (!(value >= units[i].min && value <= units[i].max))
			return -ERANGE;
		*pps = units[i].frames ? value : 0;
		*bps = units[i].frames ? 0 : value;
		return 0;
	}
	return -EINVAL;
}

int sv_parse_host_address(const char *text, uint32_t *address_be)
{
	struct in_addr in;
	uint8_t first;

	if (inet_pton(AF_INET, text, &in) != 1)
		return -EINVAL;
	first = ntohl(in.s_addr) >> 24;
	if (!first || first == 127 || first >= 224)
		return -EINVAL;
	*address_be = in.s_addr;
	return 0;
}
