// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/json.h"
#include "agent/when.h"
#include "capture.h"

#define ROTATE_BYTES_MIN 65536

int sv_capture_parse_size(const char *text, uint64_t *bytes, struct sv_err *err)
{
	static const char units[] = "kMGT";
	const char *unit;
	double value;
	char *end;

	value = strtod(text, &end);
	if (end != text && *end) {
		unit = strchr(units, *end == 'K' ? 'k' : *end);
		if (unit)
			end++;
		for (int i = 0; unit && i <= unit - units; i++)
			value *= 1000;
		if (unit && (!strcmp(end, "B") || !strcmp(end, "b")))
			end++;
	}
	if (end == text || *end || !(value >= 0 && value < 1e18))
		return sv_err_set(err, -EINVAL, "%s: not a size, like 64k, 100M or 1G", text);
	*bytes = value;
	return 0;
}

static int parse_rotation(const cJSON *params, struct sv_capture_options *options,
			  struct sv_err *err)
{
	const char *size = sv_obj_string(params, "rotate-size");
	const char *time = sv_obj_string(params, "rotate-time");
	__u64 us = 0;
	int rc = 0;

	if (size)
		rc = sv_capture_parse_size(size, &options->rotate_bytes, err);
	if (!rc && size && options->rotate_bytes < ROTATE_BYTES_MIN)
		rc = sv_err_set(err, -EINVAL, "--rotate-size %s: at least 64k are needed", size);
	if (!rc && time)
		rc = sv_when_parse_duration(time, &us, err);
	if (!rc && time && !us)
		rc = sv_err_set(err, -EINVAL, "--rotate-time %s: too short", time);
	options->rotate_ns = us * 1000;
	return rc;
}

/* A number of the command line that counts something. */
static int parse_count(const cJSON *params, const char *name, double max, double *value,
		       struct sv_err *err)
{
	*value = sv_obj_number(params, name, 0);
	if (sv_obj_get(params, name) && !(*value > 0 && *value <= max))
		return sv_err_set(err, -EINVAL, "--%s %g: must be above 0 and at most %g", name,
				  *value, max);
	return 0;
}

int sv_capture_options_parse(const cJSON *params, struct sv_capture_options *options,
			     struct sv_err *err)
{
	double seconds = 0, packets = 0, files = 0;
	bool rotates;
	int rc;

	*options = (struct sv_capture_options){ .path = sv_obj_string(params, "w") };
	if (!options->path || !*options->path)
		return sv_err_set(err, -EINVAL,
				  "where to? -w FILE.pcapng, or -w - for standard output");
	rc = parse_count(params, "seconds", 1e9, &seconds, err);
	rc = rc ?: parse_count(params, "packets", 1e15, &packets, err);
	rc = rc ?: parse_count(params, "files", 1e6, &files, err);
	rc = rc ?: parse_rotation(params, options, err);
	if (rc)
		return rc;
	rotates = options->rotate_bytes || options->rotate_ns;
	if (rotates && !strcmp(options->path, "-"))
		return sv_err_set(err, -EINVAL, "standard output cannot be rotated");
	if (files && !rotates)
		return sv_err_set(err, -EINVAL, "--files needs --rotate-size or --rotate-time");
	options->max_ns = seconds * 1e9;
	options->max_packets = ceil(packets);
	options->files = ceil(files);
	return 0;
}
