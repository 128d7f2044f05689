// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/json.h"
#include "agent/when.h"
#include "voice.h"

static int parse_time(const char *name, const char *text, int64_t *ns, struct sv_err *err)
{
	struct sv_when when = { 0 };
	int rc = text ? sv_when_parse(text, 0, 0, &when, NULL) : 0;

	if (!text)
		return 0;
	if (rc || !when.wall_us)
		return sv_err_set(err, -EINVAL,
				  "--%s %s: write @1700000000.5 or 2026-01-31T12:00:00Z", name,
				  text);
	*ns = (int64_t)when.wall_us * 1000;
	return 0;
}

static int parse_cuts(const cJSON *list, struct sv_voice_options *options, struct sv_err *err)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		int rc = options->cuts < SV_VOICE_CUTS
				 ? parse_time("bin", cJSON_GetStringValue(item),
					      &options->cut_ns[options->cuts], err)
				 : sv_err_set(err, -EINVAL, "--bin: at most %d instants",
					      SV_VOICE_CUTS);

		if (rc)
			return rc;
		if (options->cuts &&
		    options->cut_ns[options->cuts] <= options->cut_ns[options->cuts - 1])
			return sv_err_set(err, -EINVAL, "--bin: instants must go up");
		options->cuts++;
	}
	return 0;
}

/* A length, or the instants between which the bins are. */
static int parse_bins(const cJSON *params, struct sv_voice_options *options, struct sv_err *err)
{
	const cJSON *list = sv_obj_get(params, "bin");
	const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(list, 0));
	__u64 us = 0;
	int rc;

	if (!first)
		return 0;
	if (cJSON_GetArraySize(list) > 1)
		return parse_cuts(list, options, err);
	rc = sv_when_parse_duration(first, &us, err);
	if (!rc && us < 10000)
		rc = sv_err_set(err, -EINVAL, "--bin %s: at least 10ms", first);
	options->bin_ns = (int64_t)us * 1000;
	return rc;
}

int sv_voice_buffer_parse(const char *text, struct sv_voice_buffer_profile *profile,
			  struct sv_err *err)
{
	struct sv_voice_buffer_profile out = *profile;
	int n = 0;

	if (sscanf(text, "fixed:%lf/%lf%n", &out.nominal_ms, &out.max_ms, &n) == 2 && !text[n])
		out.adaptive = false;
	else if (sscanf(text, "adaptive:%lf-%lf%n", &out.min_ms, &out.max_ms, &n) == 2 && !text[n])
		out.adaptive = true;
	else
		n = 0;
	if (!n || !((out.adaptive ? 2 * out.min_ms : out.nominal_ms) <= out.max_ms) ||
	    !((out.adaptive ? out.min_ms : out.nominal_ms) > 0) || !(out.max_ms <= 10000))
		return sv_err_set(err, -EINVAL,
				  "--buffer %.64s: write fixed:NOMINAL/MAX, as in fixed:60/120, or "
				  "adaptive:MIN-MAX, as in adaptive:20-200 (ms, MAX at least twice "
				  "MIN)",
				  text);
	*profile = out;
	return 0;
}

/* "111=G.729A+VAD", "96=opus/48000": a codec that can be rated, or any name with its clock. */
static int parse_codec(const char *text, bool concealment, struct sv_voice_profile *profile,
		       struct sv_err *err)
{
	const struct sv_voice_codec *codec;
	struct sv_voice_payload *payload;
	char name[16] = "";
	unsigned int pt, clock = 0;
	int n = 0;

	if (sscanf(text, "%u=%15[^/]%n/%u%n", &pt, name, &n, &clock, &n) < 2 || text[n] ||
	    pt >= SV_VOICE_PAYLOADS)
		return sv_err_set(err, -EINVAL, "--codec %.64s: write TYPE=NAME[/CLOCK]", text);
	codec = sv_voice_codec_find(concealment && !strcasecmp(name, "G.711") ? "G.711+PLC" : name);
	payload = &profile->payload[pt];
	if (!clock)
		clock = codec ? 8000 : payload->clock;
	if (!clock)
		return sv_err_set(
			err, -EINVAL,
			"--codec %.64s: not rated are others than %s; with a clock (%s/48000) "
			"jitter and losses can be said",
			text, sv_voice_codec_names(), name);
	*payload = (struct sv_voice_payload){ .clock = clock, .codec = codec };
	memcpy(payload->name, name, sizeof(name));
	return 0;
}

static int parse_codecs(const cJSON *params, struct sv_voice_options *options, struct sv_err *err)
{
	const cJSON *item;
	int rc = 0;

	cJSON_ArrayForEach (item, sv_obj_get(params, "codec"))
		rc = rc
			     ?: parse_codec(cJSON_GetStringValue(item) ?: "", options->concealment,
					    &options->profile, err);
	return rc;
}

static int parse_numbers(const cJSON *params, struct sv_voice_options *options, struct sv_err *err)
{
	double seconds = sv_obj_number(params, "seconds", 0);

	options->network_ms = sv_obj_number(params, "delay", 0);
	if (!(options->network_ms >= 0 && options->network_ms <= 10000))
		return sv_err_set(err, -EINVAL, "--delay: 0 … 10000 ms");
	if (!(seconds >= 0 && seconds < 1e9))
		return sv_err_set(err, -EINVAL, "--seconds: not negative");
	options->max_ns = seconds * 1e9;
	return 0;
}

static int check(const cJSON *params, const struct sv_voice_options *options, struct sv_err *err)
{
	const char *session = sv_obj_string(params, "session");

	if (!session == !options->files)
		return sv_err_set(err, -EINVAL, "svnet voice SESSION, or svnet voice -r FILE");
	if (options->files && options->watch)
		return sv_err_set(err, -EINVAL, "--watch is for a session, not for files");
	if (options->watch && options->cuts)
		return sv_err_set(err, -EINVAL, "--watch: --bin takes a length");
	if (options->watch && (options->from_ns != INT64_MIN || options->to_ns != INT64_MAX))
		return sv_err_set(err, -EINVAL, "--watch: no --from, no --to: it shows what comes");
	if (options->from_ns >= options->to_ns)
		return sv_err_set(err, -EINVAL, "--from is not before --to");
	return 0;
}

int sv_voice_options_parse(const cJSON *params, struct sv_voice_options *options,
			   struct sv_err *err)
{
	const char *buffer = sv_obj_string(params, "buffer");
	int rc;

	*options = (struct sv_voice_options){
		.files = sv_obj_get(params, "r"),
		.watch = sv_obj_true(params, "watch"),
		.concealment = sv_obj_true(params, "plc"),
		.from_ns = INT64_MIN,
		.to_ns = INT64_MAX,
		.profile.buffer = sv_voice_buffer_default,
	};
	sv_voice_payloads_init(options->profile.payload, options->concealment);
	rc = parse_time("from", sv_obj_string(params, "from"), &options->from_ns, err);
	rc = rc ?: parse_time("to", sv_obj_string(params, "to"), &options->to_ns, err);
	rc = rc ?: parse_bins(params, options, err);
	if (!rc && buffer)
		rc = sv_voice_buffer_parse(buffer, &options->profile.buffer, err);
	rc = rc ?: parse_codecs(params, options, err);
	rc = rc ?: parse_numbers(params, options, err);
	return rc ?: check(params, options, err);
}
