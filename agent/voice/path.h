/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VOICE_PATH_H
#define SV_AGENT_VOICE_PATH_H

#include "stream.h"

/*
 * One stream at two points whose clocks are the same: packets are matched by sequence number and
 * timestamp, and every packet of `to` that `from` has too gets its one-way delay (delay_us,
 * SV_VOICE_DELAY). Returns how many have one. Pure.
 */
size_t sv_voice_path_match(struct sv_voice_stream *to, const struct sv_voice_stream *from);

#endif
