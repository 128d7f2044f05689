// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/json.h"

#define USAGE_MAX 44 /* longer ones have their options left out of the list */
#define LINE_MAX_LEN 96

static void add_usage(struct sv_table *table, const struct sv_cli_command *c)
{
	const char *options = strstr(c->usage, " [");

	if (options && strlen(c->usage) > USAGE_MAX)
		sv_table_add(table, "  svnet %s %.*s [OPTION …]", c->words,
			     (int)(options - c->usage), c->usage);
	else
		sv_table_add(table, "  svnet %s %s", c->words, c->usage);
}

/* All of it, broken between options. */
static void print_usage(const struct sv_cli_command *c)
{
	int column = printf("svnet %s", c->words);
	const char *at = c->usage;

	while (*at) {
		const char *end = strstr(at, " [") ?: at + strlen(at);

		int len = end - at;

		if (column + len >= LINE_MAX_LEN)
			column = printf("\n\t%.*s", len, at) + 6;
		else
			column += printf(" %.*s", len, at);
		at = *end ? end + 1 : end;
	}
	printf("\n\t%s\n", c->help);
}

static void print_help(FILE *out)
{
	struct sv_table table;

	fprintf(out, "usage: svnet [--socket PATH | --host NAME] [--json] [--timeout 30s] "
		     "COMMAND\n\n");
	fflush(out);
	sv_table_init(&table, 2);
	for (const struct sv_cli_command *c = sv_cli_commands; c->words; c++) {
		add_usage(&table, c);
		sv_table_add(&table, "%s", c->help);
	}
	sv_table_print(&table);
	fprintf(out, "\nsvnet COMMAND --help says all that a command takes.\n");
}

static void print_result(const struct sv_cli *cli, const cJSON *result)
{
	_cleanup_free_ char *text = NULL;

	if (cli->json) {
		text = cJSON_Print(result);
		printf("%s\n", text ? text : "");
	} else if (cli->command->print) {
		cli->command->print(result);
	}
}

static int run_once(struct sv_cli *cli)
{
	_cleanup_json_ cJSON *result = NULL;
	int rc = sv_cli_call(cli, cli->command->method, cli->params, &result);

	if (!rc)
		print_result(cli, result);
	return rc;
}

int sv_cli_status(struct sv_cli *cli)
{
	bool watch = sv_obj_true(cli->params, "watch");
	int rc = run_once(cli);

	while (watch && !rc && !fflush(stdout)) {
		sleep(1);
		printf("%s", cli->json ? "" : "\033[H\033[J");
		rc = run_once(cli);
	}
	return rc;
}

int sv_cli_main(int argc, char **argv)
{
	struct sv_err err = { 0 };
	struct sv_cli cli;
	int rc;

	rc = sv_cli_parse(&cli, argc - 1, argv + 1, &err);
	if (rc) {
		fprintf(stderr, "svnet: %s%s\n", err.text,
			rc == -EINVAL ? " (svnet --help lists what there is)" : "");
		rc = rc == -EINVAL ? SV_EXIT_USAGE : SV_EXIT_REFUSED;
	} else if (cli.help && cli.command) {
		print_usage(cli.command);
	} else if (cli.help) {
		print_help(stdout);
	} else {
		rc = cli.command->run ? cli.command->run(&cli) : run_once(&cli);
	}
	sv_cli_fini(&cli);
	return rc;
}
