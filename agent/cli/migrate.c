// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two ends of a move (agent/move.h). The stream is the operator's: his command opens it, with
 * his keys and on his terminal, and the agents take it from here.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/json.h"
#include "cli.h"

/* ---- away ---- */

static void __attribute__((noreturn)) become(const char *via, int stream)
{
	dup2(stream, 0);
	dup2(stream, 1);
	execl("/bin/sh", "sh", "-c", via, NULL);
	_exit(127);
}

/* Its end of the stream, which is its standard input and output. */
static int open_stream(const char *via, pid_t *pid)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	*pid = fork();
	if (*pid == 0)
		become(via, ends[1]);
	close(ends[1]);
	if (*pid > 0)
		return ends[0];
	close(ends[0]);
	return -errno;
}

/* What the other host said last: how long it took to let it run. */
static double started_ms(int stream)
{
	_cleanup_fclose_ FILE *f = fdopen(stream, "r");
	_cleanup_free_ char *line = NULL;
	_cleanup_json_ cJSON *said = NULL;
	size_t size = 0;

	if (f && getline(&line, &size, f) > 0)
		said = cJSON_Parse(line);
	return sv_obj_number(said, "started_ms", -1);
}

static void print(const struct sv_cli *cli, cJSON *result, double started)
{
	double pause = sv_obj_number(result, "pause_ms", 0);
	_cleanup_free_ char *text = NULL;

	if (started >= 0) {
		pause += started;
		sv_obj_set(result, "pause_ms", cJSON_CreateNumber(pause));
	}
	text = cli->json ? cJSON_Print(result) : NULL;
	if (cli->json)
		printf("%s\n", text ?: "");
	else
		printf("%s runs on %s: it stood still for %.0f ms\n",
		       sv_obj_string(result, "vnode"), sv_obj_string(result, "to"), pause);
}

int sv_cli_migrate(struct sv_cli *cli)
{
	const char *via = sv_obj_string(cli->params, "via"), *to = sv_obj_string(cli->params, "to");
	_cleanup_json_ cJSON *result = NULL;
	char command[256];
	int stream, rc;
	pid_t pid = 0;

	if (!to) {
		fprintf(stderr, "svnet: where to? --to HOST\n");
		return SV_EXIT_USAGE;
	}
	snprintf(command, sizeof(command), "ssh %s svnet vnode receive", to);
	signal(SIGPIPE, SIG_IGN);
	stream = open_stream(via ?: command, &pid);
	if (stream < 0) {
		fprintf(stderr, "svnet: %s\n", strerror(-stream));
		return SV_EXIT_REFUSED;
	}
	cJSON_AddNumberToObject(cli->params, "stream", stream);
	rc = sv_cli_call(cli, cli->command->method, cli->params, &result);
	if (rc)
		close(stream);
	else
		print(cli, result, started_ms(stream));
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return rc;
}

/* ---- here ---- */

/* Everything that is said goes to the sender. */
int sv_cli_receive(struct sv_cli *cli)
{
	_cleanup_json_ cJSON *result = NULL;
	_cleanup_free_ char *text = NULL;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	cJSON_AddNumberToObject(cli->params, "in", 0);
	cJSON_AddNumberToObject(cli->params, "out", 1);
	rc = sv_cli_call(cli, cli->command->method, cli->params, &result);
	if (rc)
		return rc;
	text = cJSON_PrintUnformatted(result);
	printf("%s\n", text ?: "{}");
	return 0;
}
