// SPDX-License-Identifier: GPL-2.0-only
#include "rpc.h"

#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "json.h"
#include "log.h"

/* Answers that wait for a caller who does not read them: more, and he is hung up on. */
#define QUEUE_MAX (16 << 20)

struct sv_rpc {
	uv_pipe_t pipe;
	char path[108];
	const struct sv_method *methods;
	void *arg;
	struct sv_conn *conns;
};

struct sv_conn {
	uv_pipe_t pipe;
	struct sv_rpc *rpc; /* NULL: the server is closing */
	enum sv_role role;
	uid_t uid;
	char *buf; /* what came and is not yet a line */
	size_t len;
	struct sv_call *calls; /* not answered yet */
	struct sv_conn *next;
};

struct answer {
	uv_write_t req;
	char *line;
};

static void on_conn_closed(uv_handle_t *handle)
{
	struct sv_conn *conn = handle->data;

	free(conn->buf);
	free(conn);
}

static void conn_close(struct sv_conn *conn)
{
	if (uv_is_closing((uv_handle_t *)&conn->pipe))
		return;
	for (struct sv_call *call = conn->calls; call; call = call->next)
		call->conn = NULL;
	conn->calls = NULL;
	if (conn->rpc) {
		struct sv_conn **at = &conn->rpc->conns;

		while (*at && *at != conn)
			at = &(*at)->next;
		if (*at)
			*at = conn->next;
	}
	uv_close((uv_handle_t *)&conn->pipe, on_conn_closed);
}

static void on_written(uv_write_t *req, int status)
{
	struct answer *answer = req->data;

	(void)status;
	free(answer->line);
	free(answer);
}

static void conn_send(struct sv_conn *conn, char *line)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	uv_buf_t buf;

	if (!line || !answer ||
	    uv_stream_get_write_queue_size((uv_stream_t *)&conn->pipe) > QUEUE_MAX) {
		free(line);
		free(answer);
		conn_close(conn);
		return;
	}
	answer->line = line;
	answer->req.data = answer;
	buf = uv_buf_init(line, strlen(line));
	if (uv_write(&answer->req, (uv_stream_t *)&conn->pipe, &buf, 1, on_written)) {
		on_written(&answer->req, 0);
		conn_close(conn);
	}
}

static void call_free(struct sv_call *call)
{
	if (call->conn) {
		struct sv_call **at = &call->conn->calls;

		while (*at && *at != call)
			at = &(*at)->next;
		if (*at)
			*at = call->next;
	}
	sv_rpc_request_fini(&call->request);
	free(call);
}

void sv_call_reply(struct sv_call *call, cJSON *result)
{
	struct sv_conn *conn = call->conn;

	if (conn && call->request.id)
		conn_send(conn, sv_rpc_format_result(call->request.id, TAKE_PTR(result)));
	cJSON_Delete(result);
	call_free(call);
}

void sv_call_fail(struct sv_call *call, int code, const char *text, cJSON *data)
{
	struct sv_conn *conn = call->conn;

	sv_log_info("%s: %s", call->method ? call->method->name : "request", text);
	if (conn && call->request.id)
		conn_send(conn, sv_rpc_format_error(call->request.id, code, text, TAKE_PTR(data)));
	cJSON_Delete(data);
	call_free(call);
}

/* Of the process that connected, which is root's or an admin's. */
static int caller_pidfd(const struct sv_conn *conn)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	uv_os_fd_t fd;
	int pidfd;

	if (!conn || uv_fileno((const uv_handle_t *)&conn->pipe, &fd) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -EPIPE;
	pidfd = pidfd_open(cred.pid, 0);
	return pidfd < 0 ? -errno : pidfd;
}

int sv_call_descriptor(struct sv_call *call, const char *name, struct sv_err *err)
{
	_cleanup_close_ int pidfd = caller_pidfd(call->conn);
	double number = sv_obj_number(call->params, name, -1);
	int fd;

	if (number < 0)
		return sv_err_set(err, -EINVAL, "parameter \"%s\" is no descriptor", name);
	fd = pidfd < 0 ? -1 : pidfd_getfd(pidfd, (int)number, 0);
	if (fd < 0)
		return sv_err_set(err, -EBADF, "the caller's descriptor %d cannot be taken: %s",
				  (int)number, strerror(pidfd < 0 ? -pidfd : errno));
	return fd;
}

static const struct sv_method *method_find(const struct sv_rpc *rpc, const char *name)
{
	for (const struct sv_method *m = rpc->methods; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static void refuse(struct sv_conn *conn, struct sv_rpc_request *req, int code, const char *text)
{
	conn_send(conn, sv_rpc_format_error(req->id, code, text, NULL));
	sv_rpc_request_fini(req);
}

static void dispatch(struct sv_conn *conn, const char *line, size_t len)
{
	const struct sv_method *method;
	struct sv_rpc_request req;
	struct sv_call *call;
	char text[160];
	int code;

	code = sv_rpc_parse(&req, line, len);
	if (code) {
		refuse(conn, &req, code, "not a JSON-RPC 2.0 request");
		return;
	}
	method = method_find(conn->rpc, req.method);
	if (!method) {
		snprintf(text, sizeof(text), "no method %.64s: another version of svnet?",
			 req.method);
		refuse(conn, &req, SV_RPC_METHOD, text);
		return;
	}
	if (conn->role < method->role) {
		snprintf(text, sizeof(text), "%s needs the role %s, user %u has %s", method->name,
			 sv_role_name(method->role), conn->uid, sv_role_name(conn->role));
		refuse(conn, &req, SV_RPC_DENIED, text);
		return;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		refuse(conn, &req, SV_RPC_REFUSED, "out of memory");
		return;
	}
	*call = (struct sv_call){ .arg = conn->rpc->arg,
				  .method = method,
				  .params = req.params,
				  .request = req,
				  .conn = conn,
				  .next = conn->calls };
	conn->calls = call;
	method->fn(call);
}

static void take_lines(struct sv_conn *conn)
{
	char *start = conn->buf, *end = conn->buf + conn->len, *nl;

	while (conn->rpc && !uv_is_closing((uv_handle_t *)&conn->pipe) &&
	       (nl = memchr(start, '\n', end - start))) {
		if (nl > start)
			dispatch(conn, start, nl - start);
		start = nl + 1;
	}
	conn->len = end - start;
	memmove(conn->buf, start, conn->len);
	if (conn->len > SV_RPC_LINE_MAX)
		conn_close(conn);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct sv_conn *conn = handle->data;
	char *grown = realloc(conn->buf, conn->len + suggested);

	if (grown)
		conn->buf = grown;
	*buf = uv_buf_init(grown ? grown + conn->len : NULL, grown ? suggested : 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct sv_conn *conn = stream->data;

	(void)buf;
	if (n < 0) {
		conn_close(conn);
		return;
	}
	conn->len += n;
	take_lines(conn);
}

static int conn_accept(struct sv_conn *conn, struct sv_err *err)
{
	uv_os_fd_t fd;
	int rc;

	rc = uv_accept((uv_stream_t *)&conn->rpc->pipe, (uv_stream_t *)&conn->pipe);
	if (!rc)
		rc = uv_fileno((uv_handle_t *)&conn->pipe, &fd);
	if (!rc)
		rc = sv_auth_peer(fd, &conn->role, &conn->uid, err);
	if (!rc && conn->role == SV_ROLE_NOBODY)
		rc = sv_err_set(err, -EPERM, "user %u is in no group of svnet", conn->uid);
	if (!rc)
		rc = uv_read_start((uv_stream_t *)&conn->pipe, on_alloc, on_read);
	return rc;
}

static void on_connection(uv_stream_t *server, int status)
{
	struct sv_rpc *rpc = server->data;
	struct sv_conn *conn = status < 0 ? NULL : calloc(1, sizeof(*conn));
	struct sv_err err = { 0 };

	if (!conn)
		return;
	conn->rpc = rpc;
	uv_pipe_init(server->loop, &conn->pipe, 0);
	conn->pipe.data = conn;
	conn->next = rpc->conns;
	rpc->conns = conn;
	if (conn_accept(conn, &err)) {
		sv_log_error("connection refused: %s", err.text);
		conn_close(conn);
	}
}

static void on_server_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int listen_at(struct sv_rpc *rpc, const char *path)
{
	gid_t group = sv_auth_socket_group();
	mode_t mask;
	int rc;

	unlink(path);
	mask = umask(0117);
	rc = uv_pipe_bind(&rpc->pipe, path);
	umask(mask);
	if (!rc && group != (gid_t)-1 && chown(path, -1, group))
		rc = -errno;
	if (!rc)
		rc = uv_listen((uv_stream_t *)&rpc->pipe, 16, on_connection);
	return rc;
}

int sv_rpc_open(struct sv_rpc **out, uv_loop_t *loop, const char *path,
		const struct sv_method *methods, void *arg, struct sv_err *err)
{
	struct sv_rpc *rpc;
	int rc;

	if (strlen(path) >= sizeof(rpc->path))
		return sv_err_set(err, -ENAMETOOLONG,
				  "socket %s: longer than %zu characters, choose a shorter --run",
				  path, sizeof(rpc->path) - 1);
	rpc = calloc(1, sizeof(*rpc));
	if (!rpc)
		return -ENOMEM;
	strcpy(rpc->path, path);
	rpc->methods = methods;
	rpc->arg = arg;
	uv_pipe_init(loop, &rpc->pipe, 0);
	rpc->pipe.data = rpc;
	rc = listen_at(rpc, path);
	if (rc) {
		uv_close((uv_handle_t *)&rpc->pipe, on_server_closed);
		return sv_err_set(err, rc, "socket %s: %s", path, uv_strerror(rc));
	}
	*out = rpc;
	return 0;
}

void sv_rpc_close(struct sv_rpc *rpc)
{
	if (!rpc)
		return;
	while (rpc->conns) {
		struct sv_conn *conn = rpc->conns;

		conn_close(conn);
		conn->rpc = NULL;
	}
	unlink(rpc->path);
	uv_close((uv_handle_t *)&rpc->pipe, on_server_closed);
}
