// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <math.h>

#include "agent/json.h"
#include "agent/voice/emodel.h"
#include "voice.h"

/* ---- numbers ---- */

/* NAN is null; no more digits than mean something. */
static void add(cJSON *json, const char *name, double value)
{
	if (isnan(value))
		cJSON_AddNullToObject(json, name);
	else
		cJSON_AddNumberToObject(json, name, round(value * 1e4) / 1e4);
}

static double mean(double sum, uint64_t n)
{
	return n ? sum / n : NAN;
}

static void add_count(cJSON *json, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(json, name, value);
}

/* Unix time, in microseconds. */
static void add_time(cJSON *json, const char *name, int64_t ns)
{
	cJSON_AddNumberToObject(json, name, round(ns / 1e3) / 1e6);
}

static void add_text(cJSON *json, const char *name, const char *text)
{
	if (text && *text)
		cJSON_AddStringToObject(json, name, text);
	else
		cJSON_AddNullToObject(json, name);
}

/* ---- a sum ---- */

static cJSON *delay_json(const struct sv_voice_row *row, const struct sv_voice_sum *sum)
{
	char name[256];
	cJSON *json;

	if (!sum->delays || !row->entry)
		return cJSON_CreateNull();
	json = cJSON_CreateObject();
	sv_voice_place_name(row->entry->place, name, sizeof(name));
	cJSON_AddStringToObject(json, "since", name);
	add_count(json, "packets", sum->delays);
	add(json, "mean", sum->delay_sum_ms / sum->delays);
	add(json, "min", sum->delay_min_ms);
	add(json, "max", sum->delay_max_ms);
	return json;
}

static void add_figures(cJSON *json, const struct sv_voice_row *row,
			const struct sv_voice_figures *figures)
{
	const struct sv_voice_quality *quality = &figures->quality;
	const struct sv_voice_sum *sum = &figures->sum;

	add_count(json, "expected", sum->expected);
	add_count(json, "received", sum->received);
	add_count(json, "lost", sum->lost);
	add(json, "lost_percent", sum->expected ? 100.0 * sum->lost / sum->expected : NAN);
	add(json, "lost_rfc3550", (double)sum->lost - sum->duplicated);
	add_count(json, "duplicated", sum->duplicated);
	add_count(json, "reordered", sum->reordered);
	add_count(json, "late", sum->late);
	add_count(json, "early", sum->early);
	add_count(json, "discarded", sum->late + sum->early);
	add(json, "missing_percent", sum->expected ? sv_voice_sum_missing(sum) : NAN);
	add_count(json, "bursts", sum->bursts);
	add_count(json, "burst_max", sum->burst_max);
	add(json, "burst_ratio", sv_voice_sum_burst_ratio(sum));
	add_count(json, "comfort_noise", sum->comfort_noise);
	add(json, "jitter_mean_ms", mean(sum->jitter_sum_ms, sum->jitters));
	add(json, "jitter_max_ms", sum->jitters ? sum->jitter_max_ms : NAN);
	cJSON_AddItemToObject(json, "delay_ms", delay_json(row, sum));
	add(json, "entry_sent", row->entry ? figures->missed.sent : NAN);
	add(json, "entry_missed", row->entry ? figures->missed.missed : NAN);
	add(json, "buffer_ms", mean(sum->buffer_sum_ms, sum->buffers));
	add(json, "mouth_to_ear_ms", sum->received ? quality->mouth_to_ear_ms : NAN);
	add(json, "r", quality->r);
	add(json, "mos", quality->mos);
	add_text(json, "rating", quality->word);
	add_text(json, "rated_as", quality->codec);
}

/* ---- a stream ---- */

static void add_end(cJSON *json, const struct sv_flow *flow, const uint8_t *addr, uint16_t port,
		    const char *address_name, const char *port_name)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(flow->kind == SV_FLOW_IP6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
	cJSON_AddStringToObject(json, address_name, text);
	cJSON_AddNumberToObject(json, port_name, port);
}

static void add_place(cJSON *json, const struct sv_voice_place *place)
{
	static const char *const names[] = { "", "in", "out", "both" };
	const struct sv_point *point = &place->point;

	add_text(json, "vnet", point->vnet);
	add_text(json, "point", point->point);
	add_text(json, "vnode", point->vnode);
	add_text(json, "interface", point->iface);
	add_text(json, "direction", names[point->direction & (SV_POINT_IN | SV_POINT_OUT)]);
	add_text(json, "file", place->file);
}

static void add_type(cJSON *json, const struct sv_voice_stream *stream)
{
	const uint8_t pt = sv_voice_stream_type(stream);
	const struct sv_voice_payload *type = &stream->profile->payload[pt];
	cJSON *types;

	cJSON_AddNumberToObject(json, "payload_type", pt);
	cJSON_AddStringToObject(json, "codec", type->name);
	add(json, "clock", type->clock ? type->clock : NAN);
	types = cJSON_AddArrayToObject(json, "payload_types");
	for (int i = 0; i < SV_VOICE_PAYLOADS; i++)
		if (stream->types[i])
			cJSON_AddItemToArray(types, cJSON_CreateNumber(i));
	add(json, "packet_ms", stream->step_ms > 0 ? stream->step_ms : NAN);
}

static void add_bins(cJSON *json, const struct sv_voice_view *view, const struct sv_voice_row *row)
{
	_cleanup_free_ struct sv_voice_figures *figures = calloc(view->bins, sizeof(*figures));
	cJSON *bins = cJSON_AddArrayToObject(json, "bins");

	if (!figures)
		return;
	sv_voice_figure_bins(view, row, figures);
	for (size_t i = 0; i < view->bins; i++) {
		cJSON *bin;

		if (!sv_voice_bin_is_shown(view, &figures[i]))
			continue;
		bin = cJSON_CreateObject();
		add_time(bin, "from", view->edge_ns[i]);
		add_time(bin, "to", view->edge_ns[i + 1]);
		add_figures(bin, row, &figures[i]);
		cJSON_AddItemToArray(bins, bin);
	}
}

static cJSON *row_json(const struct sv_voice_view *view, const struct sv_voice_row *row,
		       const struct sv_voice_figures *figures)
{
	cJSON *json = cJSON_CreateObject();
	char text[SV_FLOW_END_MAX];

	snprintf(text, sizeof(text), "0x%08x", row->ssrc);
	cJSON_AddStringToObject(json, "ssrc", text);
	add_end(json, &row->flow, row->flow.src, row->flow.sport, "source_address", "source_port");
	add_end(json, &row->flow, row->flow.dst, row->flow.dport, "destination_address",
		"destination_port");
	add_place(json, row->place);
	add_type(json, &row->stream);
	add_time(json, "first", figures->sum.first_ns);
	add_time(json, "last", figures->sum.last_ns);
	add_figures(json, row, figures);
	add_count(json, "restarts", row->stream.restarts);
	add_count(json, "strays", row->stream.strays);
	if (view->edge_ns)
		add_bins(json, view, row);
	return json;
}

static void add_points(cJSON *json, const struct sv_voice_view *view)
{
	_cleanup_free_ struct sv_voice_summary *summary =
		calloc(SV_VOICE_SUMMARIES, sizeof(*summary));
	cJSON *points = cJSON_AddArrayToObject(json, "points");
	size_t n = summary ? sv_voice_summarize(view, summary, SV_VOICE_SUMMARIES) : 0;

	for (size_t i = 0; i < n; i++) {
		const struct sv_voice_summary *s = &summary[i];
		cJSON *point = cJSON_CreateObject();

		add_place(point, s->place);
		add_count(point, "streams", s->streams);
		add_count(point, "expected", s->expected);
		add_count(point, "lost", s->lost);
		add_count(point, "discarded", s->discarded);
		add(point, "mos_mean", mean(s->mos_sum, s->rated));
		add(point, "mos_min", s->rated ? s->mos_min : NAN);
		add_text(point, "worst", s->rated ? sv_emodel_word(s->r_min) : NULL);
		cJSON_AddItemToArray(points, point);
	}
}

/* ---- all of it ---- */

static void add_declared(cJSON *json, const struct sv_voice_options *options)
{
	const struct sv_voice_buffer_profile *profile = &options->profile.buffer;
	cJSON *buffer = cJSON_AddObjectToObject(json, "buffer");

	cJSON_AddStringToObject(buffer, "kind", profile->adaptive ? "adaptive" : "fixed");
	if (profile->adaptive)
		add(buffer, "min_ms", profile->min_ms);
	else
		add(buffer, "nominal_ms", profile->nominal_ms);
	add(buffer, "max_ms", profile->max_ms);
	cJSON_AddBoolToObject(json, "concealment", options->concealment);
	add(json, "network_ms", options->network_ms);
}

void sv_voice_print_json(const struct sv_voice_view *view)
{
	_cleanup_json_ cJSON *json = cJSON_CreateObject();
	const size_t rows = sv_voice_table_sort(view->table);
	_cleanup_free_ char *text = NULL;
	cJSON *streams;

	if (view->session)
		cJSON_AddStringToObject(json, "session", view->session);
	else
		cJSON_AddItemToObject(json, "files", cJSON_Duplicate(view->options->files, true));
	if (view->from_ns != INT64_MIN)
		add_time(json, "from", view->from_ns);
	if (view->to_ns != INT64_MAX)
		add_time(json, "to", view->to_ns);
	add_declared(json, view->options);
	add_count(json, "packets", view->table->packets);
	add_count(json, "rtp", view->table->rtp);
	add_count(json, "ignored", view->table->ignored);
	add_count(json, "lost", view->lost);
	add(json, "unrecorded", view->unrecorded < 0 ? NAN : (double)view->unrecorded);
	add_points(json, view);
	streams = cJSON_AddArrayToObject(json, "streams");
	for (size_t i = 0; i < rows; i++) {
		const struct sv_voice_row *row = view->table->row[i];
		struct sv_voice_figures figures;

		if (sv_voice_figure(view, row, &figures))
			cJSON_AddItemToArray(streams, row_json(view, row, &figures));
	}
	text = view->options->watch ? cJSON_PrintUnformatted(json) : cJSON_Print(json);
	printf("%s\n", text ?: "");
}
