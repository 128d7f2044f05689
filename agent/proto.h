/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_PROTO_H
#define SV_AGENT_PROTO_H

#include <cjson/cJSON.h>
#include <stddef.h>

/*
 * JSON-RPC 2.0, one message a line, between svnet and svnetd. Codes 1 … 5 are svnet's exit codes,
 * as agent/README.md lists them; an error's "data" may have {"problems": [lines]} or {"hosts":
 * {…}}.
 */
enum sv_rpc_code {
	SV_RPC_PARSE = -32700,
	SV_RPC_INVALID = -32600,
	SV_RPC_METHOD = -32601,
	SV_RPC_PARAMS = -32602,
	SV_RPC_DENIED = -32001, /* the caller's role does not suffice */
	SV_RPC_REFUSED = 1,
	SV_RPC_USAGE = 2,
	SV_RPC_CONFLICT = 4,
	SV_RPC_BEHIND = 5,
};

#define SV_RPC_LINE_MAX (4 << 20)

struct sv_rpc_request {
	cJSON *message; /* owns the rest */
	const cJSON *id; /* NULL: a notification, which is not answered */
	const char *method;
	const cJSON *params; /* an object, or NULL */
};

/* 0, or what is wrong with it (enum sv_rpc_code); req->id is set whenever it could be read. */
int sv_rpc_parse(struct sv_rpc_request *req, const char *line, size_t len);
void sv_rpc_request_fini(struct sv_rpc_request *req);

/* A message with its newline, the caller's to free(); NULL: out of memory. They take result and
 * data. */
char *sv_rpc_format_request(unsigned int id, const char *method, cJSON *params);
char *sv_rpc_format_result(const cJSON *id, cJSON *result);
char *sv_rpc_format_error(const cJSON *id, int code, const char *text, cJSON *data);

#endif
