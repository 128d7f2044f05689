// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "agent/json.h"
#include "agent/log.h"
#include "agent/rpc.h"

/* ---- the protocol ---- */

static void test_parse(void **state)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}", 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"x\",\"params\":{}}", 0 },
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", 0 },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"", SV_RPC_PARSE },
		{ "", SV_RPC_PARSE },
		{ "[]", SV_RPC_INVALID },
		{ "{\"id\":1,\"method\":\"x\"}", SV_RPC_INVALID },
		{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"x\"}", SV_RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1}", SV_RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}", SV_RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", SV_RPC_INVALID },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[]}", SV_RPC_PARAMS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sv_rpc_request req;

		assert_int_equal(sv_rpc_parse(&req, cases[i].line, strlen(cases[i].line)),
				 cases[i].code);
		sv_rpc_request_fini(&req);
	}
}

static void test_format(void **state)
{
	cJSON *id = cJSON_CreateString("n\n1");
	char *line = sv_rpc_format_error(id, 4, "some\nlines", NULL);

	(void)state;
	/* One message a line: a newline is only at the end. */
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_non_null(strstr(line, "\"code\":4"));
	free(line);
	line = sv_rpc_format_result(NULL, NULL);
	assert_string_equal(line, "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}\n");
	free(line);
	cJSON_Delete(id);
}

/* ---- the server ---- */

struct server {
	uv_loop_t loop;
	struct sv_rpc *rpc;
	struct sv_call *later; /* answered by the test */
	char path[64];
	int called;
};

static void method_echo(struct sv_call *call)
{
	struct server *server = call->arg;

	server->called++;
	sv_call_reply(call, cJSON_Duplicate(call->params, 1));
}

static void method_later(struct sv_call *call)
{
	struct server *server = call->arg;

	server->called++;
	server->later = call;
}

static const struct sv_method methods[] = {
	{ "echo", SV_ROLE_NOBODY, method_echo },
	{ "later", SV_ROLE_NOBODY, method_later },
	{ "never", SV_ROLE_ADMIN + 1, method_echo },
	{ 0 },
};

static int setup(void **state)
{
	struct server *server = calloc(1, sizeof(*server));

	sv_log_set_level(SV_LOG_ERROR);
	snprintf(server->path, sizeof(server->path), "/tmp/svnet-rpc-%d.sock", getpid());
	uv_loop_init(&server->loop);
	*state = server;
	return sv_rpc_open(&server->rpc, &server->loop, server->path, methods, server, NULL);
}

static int teardown(void **state)
{
	struct server *server = *state;

	sv_rpc_close(server->rpc);
	uv_run(&server->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&server->loop), 0);
	assert_int_equal(access(server->path, F_OK), -1);
	free(server);
	return 0;
}

static int client(const struct server *server)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, server->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void turn(struct server *server)
{
	for (int i = 0; i < 5; i++)
		uv_run(&server->loop, UV_RUN_NOWAIT);
}

static void ask(struct server *server, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	turn(server);
}

/* What has been answered so far. */
static const char *answer(int fd)
{
	static char text[65536];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = 0;
	return text;
}

#define REQUEST(id, method) "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"" method "\""

static void test_lines(void **state)
{
	struct server *server = *state;
	int fd = client(server);

	/* Half a line, then the rest and another one. */
	ask(server, fd, REQUEST(1, "echo") ",\"params\":{\"a\"");
	assert_string_equal(answer(fd), "");
	ask(server, fd, ":7}}\n" REQUEST(2, "echo") "}\n");
	assert_string_equal(answer(fd), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":7}}\n"
					"{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n");
	close(fd);
	turn(server);
}

static void test_refused(void **state)
{
	struct server *server = *state;
	int fd = client(server);

	ask(server, fd, "nonsense\n");
	assert_non_null(strstr(answer(fd), "-32700"));
	ask(server, fd, REQUEST(3, "nowhere") "}\n");
	assert_non_null(strstr(answer(fd), "-32601"));
	ask(server, fd, REQUEST(4, "never") "}\n");
	assert_non_null(strstr(answer(fd), "-32001"));
	assert_int_equal(server->called, 0);
	/* A notification is done and not answered. */
	ask(server, fd, "{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n");
	assert_int_equal(server->called, 1);
	assert_string_equal(answer(fd), "");
	close(fd);
	turn(server);
}

static void test_answer_later(void **state)
{
	struct server *server = *state;
	int fd = client(server);

	ask(server, fd, REQUEST(1, "later") "}\n" REQUEST(2, "echo") "}\n");
	assert_non_null(strstr(answer(fd), "\"id\":2"));
	sv_call_fail(server->later, 5, "host3 does not follow", NULL);
	turn(server);
	assert_non_null(strstr(answer(fd), "host3 does not follow"));
	close(fd);
	turn(server);
}

static void test_caller_gone(void **state)
{
	struct server *server = *state;
	int fd = client(server);

	ask(server, fd, REQUEST(1, "later") "}\n");
	close(fd);
	turn(server);
	assert_null(server->later->conn);
	sv_call_reply(server->later, cJSON_CreateObject());
}

/* Who asks and never reads the answers does not get all the daemon's memory. */
static void test_caller_does_not_read(void **state)
{
	struct server *server = *state;
	static char text[60000];
	int fd = client(server), i, n;
	ssize_t sent = 0;

	n = snprintf(text, sizeof(text), "%s,\"params\":{\"a\":\"%050000d\"}}\n",
		     REQUEST(1, "echo"), 0);
	for (i = 0; i < 2000 && (sent >= 0 || errno == EAGAIN); i++) {
		sent = send(fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		turn(server);
	}
	assert_int_equal(sent, -1);
	assert_int_equal(errno, EPIPE);
	close(fd);
	turn(server);
}

static void test_socket_mode(void **state)
{
	struct server *server = *state;
	struct stat st;

	assert_int_equal(stat(server->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answer_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_caller_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_caller_does_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_socket_mode, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
