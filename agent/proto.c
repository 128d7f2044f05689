// SPDX-License-Identifier: GPL-2.0-only
#include "proto.h"

#include <string.h>

#include "json.h"

static bool id_is_valid(const cJSON *id)
{
	return !id || cJSON_IsString(id) || cJSON_IsNumber(id) || cJSON_IsNull(id);
}

int sv_rpc_parse(struct sv_rpc_request *req, const char *line, size_t len)
{
	const char *version;
	const cJSON *id;

	*req = (struct sv_rpc_request){ .message = cJSON_ParseWithLength(line, len) };
	if (!req->message)
		return SV_RPC_PARSE;
	if (!cJSON_IsObject(req->message))
		return SV_RPC_INVALID;
	id = sv_obj_get(req->message, "id");
	if (!id_is_valid(id))
		return SV_RPC_INVALID;
	req->id = id;
	version = sv_obj_string(req->message, "jsonrpc");
	req->method = sv_obj_string(req->message, "method");
	req->params = sv_obj_get(req->message, "params");
	if (!version || strcmp(version, "2.0") || !req->method)
		return SV_RPC_INVALID;
	return req->params && !cJSON_IsObject(req->params) ? SV_RPC_PARAMS : 0;
}

void sv_rpc_request_fini(struct sv_rpc_request *req)
{
	cJSON_Delete(req->message);
	*req = (struct sv_rpc_request){ 0 };
}

static cJSON *message_new(void)
{
	cJSON *message = cJSON_CreateObject();

	cJSON_AddStringToObject(message, "jsonrpc", "2.0");
	return message;
}

static char *print_line(cJSON *message)
{
	_cleanup_free_ char *text = cJSON_PrintUnformatted(message);
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;

	cJSON_Delete(message);
	if (!line)
		return NULL;
	text = NULL;
	strcpy(line + len, "\n");
	return line;
}

static void add_id(cJSON *message, const cJSON *id)
{
	cJSON_AddItemToObject(message, "id", id ? cJSON_Duplicate(id, 1) : cJSON_CreateNull());
}

char *sv_rpc_format_request(unsigned int id, const char *method, cJSON *params)
{
	cJSON *message = message_new();

	cJSON_AddNumberToObject(message, "id", id);
	cJSON_AddStringToObject(message, "method", method);
	cJSON_AddItemToObject(message, "params", params ? params : cJSON_CreateObject());
	return print_line(message);
}

char *sv_rpc_format_result(const cJSON *id, cJSON *result)
{
	cJSON *message = message_new();

	add_id(message, id);
	cJSON_AddItemToObject(message, "result", result ? result : cJSON_CreateObject());
	return print_line(message);
}

char *sv_rpc_format_error(const cJSON *id, int code, const char *text, cJSON *data)
{
	cJSON *message = message_new(), *error;

	add_id(message, id);
	error = cJSON_AddObjectToObject(message, "error");
	cJSON_AddNumberToObject(error, "code", code);
	cJSON_AddStringToObject(error, "message", text);
	if (data)
		cJSON_AddItemToObject(error, "data", data);
	return print_line(message);
}
