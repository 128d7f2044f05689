// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/json.h"
#include "agent/proto.h"
#include "cli.h"

static int only_socket(const struct sv_cli *cli, char path[108], struct sv_err *err)
{
	char pattern[160];
	glob_t found;
	int rc = 0;

	snprintf(pattern, sizeof(pattern), "%s/*/svnetd.sock", cli->run_dir);
	if (glob(pattern, 0, NULL, &found))
		return sv_err_set(err, -ENOENT,
				  "no agent under %s: is svnetd running? (--socket, --host)",
				  cli->run_dir);
	if (found.gl_pathc > 1)
		rc = sv_err_set(err, -EINVAL,
				"%zu agents run here: say which with --host NAME or $SVNET_HOST",
				found.gl_pathc);
	else
		snprintf(path, 108, "%s", found.gl_pathv[0]);
	globfree(&found);
	return rc;
}

int sv_cli_find_socket(const struct sv_cli *cli, char path[108], struct sv_err *err)
{
	const char *socket = cli->socket, *host = cli->host;

	if (!socket && !host) {
		socket = getenv("SVNET_SOCKET");
		host = getenv("SVNET_HOST");
	}
	if (socket)
		snprintf(path, 108, "%s", socket);
	else if (host)
		snprintf(path, 108, "%s/%s/svnetd.sock", cli->run_dir, host);
	else
		return only_socket(cli, path, err);
	return 0;
}

static int connect_to(const char *path, struct sv_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(addr.sun_path, path, strnlen(path, sizeof(addr.sun_path) - 1));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int rc = -errno;

		close(fd);
		return sv_err_set(err, rc, "no agent answers at %s: %s", path, strerror(-rc));
	}
	return fd;
}

static int send_all(int fd, const char *line)
{
	size_t len = strlen(line);

	while (len) {
		ssize_t n = send(fd, line, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		line += n;
		len -= n;
	}
	return 0;
}

/* The answer's line; the daemon's own timeout ends long commands. */
static cJSON *receive(int fd)
{
	_cleanup_fclose_ FILE *stream = fdopen(dup(fd), "r");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!stream || getline(&line, &size, stream) < 0)
		return NULL;
	return cJSON_Parse(line);
}

static int exit_code(int code)
{
	if (code == SV_RPC_PARAMS || code == SV_RPC_METHOD)
		return SV_EXIT_USAGE;
	return code >= SV_EXIT_REFUSED && code <= SV_EXIT_BEHIND ? code : SV_EXIT_REFUSED;
}

/* A bad file's problems say it all; otherwise it is one line. */
static int say_error(const struct sv_cli *cli, const cJSON *error)
{
	const cJSON *problems = sv_obj_get(sv_obj_get(error, "data"), "problems"), *line;
	_cleanup_free_ char *text = cli->json ? cJSON_Print(error) : NULL;

	if (text)
		printf("{\"error\": %s}\n", text);
	cJSON_ArrayForEach (line, problems)
		fprintf(stderr, "svnet: %s\n", cJSON_GetStringValue(line));
	if (!cJSON_GetArraySize(problems))
		fprintf(stderr, "svnet: %s\n",
			sv_obj_string(error, "message") ?: "the agent gave no reason");
	return exit_code(sv_obj_number(error, "code", SV_RPC_REFUSED));
}

static int no_agent(const char *text)
{
	fprintf(stderr, "svnet: %s\n", text);
	return SV_EXIT_NO_AGENT;
}

int sv_cli_call(const struct sv_cli *cli, const char *method, const cJSON *params, cJSON **result)
{
	_cleanup_free_ char *line = sv_rpc_format_request(1, method, cJSON_Duplicate(params, 1));
	_cleanup_json_ cJSON *answer = NULL;
	_cleanup_close_ int fd = -1;
	struct sv_err err = { 0 };
	char path[108];
	int rc;

	rc = sv_cli_find_socket(cli, path, &err);
	if (rc)
		return no_agent(err.text);
	fd = connect_to(path, &err);
	if (fd < 0)
		return no_agent(err.text);
	if (!line || send_all(fd, line))
		return no_agent("the agent hung up");
	answer = receive(fd);
	if (sv_obj_get(answer, "error"))
		return say_error(cli, sv_obj_get(answer, "error"));
	*result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
	return *result ? 0 : no_agent("the agent hung up before it answered");
}
