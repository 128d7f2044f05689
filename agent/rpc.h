/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_RPC_H
#define SV_AGENT_RPC_H

#include <uv.h>

#include "auth.h"
#include "proto.h"

/*
 * The server's end of the socket. It knows nothing of svnet: requests go to the methods of the one
 * table it was opened with, and each call is answered once, now or later.
 */
struct sv_rpc;
struct sv_call;

struct sv_method {
	const char *name;
	enum sv_role role; /* needed */
	void (*fn)(struct sv_call *call);
};

/* A call: the method's to answer with one of the functions below, which release it. */
struct sv_call {
	void *arg; /* of sv_rpc_open() */
	const struct sv_method *method;
	const cJSON *params; /* an object or NULL */
	struct sv_rpc_request request;
	struct sv_conn *conn; /* NULL: the caller has gone, the answer is thrown away */
	struct sv_call *next;
};

void sv_call_reply(struct sv_call *call, cJSON *result); /* takes result; NULL = {} */
/* The caller's descriptor whose number a parameter is; to be closed. -EBADF, -EINVAL. */
int sv_call_descriptor(struct sv_call *call, const char *name, struct sv_err *err);
void sv_call_fail(struct sv_call *call, int code, const char *text, cJSON *data); /* takes data */

/* methods: ended by an entry without a name. path: 0660, group `svnet` when that exists. */
int sv_rpc_open(struct sv_rpc **out, uv_loop_t *loop, const char *path,
		const struct sv_method *methods, void *arg, struct sv_err *err);
/* Closes the socket and all connections, removes the file; the loop must run once more. */
void sv_rpc_close(struct sv_rpc *rpc);

#endif
