// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>

#include "buffer.h"

#define WEIGHT (1 - 0.998002)
#define VARIATIONS 4
#define CHANGE_MS 1000
#define RESTART 25

const struct sv_voice_buffer_profile sv_voice_buffer_default = {
	.nominal_ms = 60,
	.min_ms = 20,
	.max_ms = 120,
};

void sv_voice_buffer_init(struct sv_voice_buffer *buffer,
			  const struct sv_voice_buffer_profile *profile)
{
	*buffer = (struct sv_voice_buffer){
		.delay_ms = profile->adaptive ? profile->min_ms : profile->nominal_ms,
	};
}

static void estimate(struct sv_voice_buffer *buffer, double transit_ms)
{
	double weight = fmax(WEIGHT, 1.0 / ++buffer->packets);

	buffer->mean_ms += weight * (transit_ms - buffer->mean_ms);
	buffer->variation_ms +=
		weight * (fabs(transit_ms - buffer->mean_ms) - buffer->variation_ms);
}

static void adapt(struct sv_voice_buffer *buffer, const struct sv_voice_buffer_profile *profile,
		  double media_ms, bool start)
{
	if (!profile->adaptive || (!start && media_ms - buffer->changed_ms < CHANGE_MS))
		return;
	buffer->changed_ms = media_ms;
	buffer->delay_ms =
		fmin(fmax(VARIATIONS * buffer->variation_ms, profile->min_ms), profile->max_ms / 2);
}

enum sv_voice_verdict sv_voice_buffer_take(struct sv_voice_buffer *buffer,
					   const struct sv_voice_buffer_profile *profile,
					   double transit_ms, double media_ms, bool start)
{
	enum sv_voice_verdict verdict = SV_VOICE_PLAYED;

	if (buffer->discarded >= RESTART)
		buffer->packets = buffer->discarded = 0;
	if (!buffer->packets)
		buffer->mean_ms = transit_ms;
	adapt(buffer, profile, media_ms, start);
	if (transit_ms > buffer->mean_ms + buffer->delay_ms)
		verdict = SV_VOICE_LATE;
	else if (transit_ms < buffer->mean_ms - (profile->max_ms - buffer->delay_ms))
		verdict = SV_VOICE_EARLY;
	buffer->discarded = verdict ? buffer->discarded + 1 : 0;
	estimate(buffer, transit_ms);
	return verdict;
}
