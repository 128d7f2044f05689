// SPDX-License-Identifier: GPL-2.0-only
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/json.h"

static void print_help(FILE *out)
{
	struct sv_table table;

	fprintf(out, "usage: svnet [--socket PATH | --host NAME] [--json] [--timeout 30s] "
		     "COMMAND\n\n");
	fflush(out);
	sv_table_init(&table, 2);
	for (const struct sv_cli_command *c = sv_cli_commands; c->words; c++) {
		sv_table_add(&table, "  svnet %s %s", c->words, c->usage);
		sv_table_add(&table, "%s", c->help);
	}
	sv_table_print(&table);
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
		printf("svnet %s %s\n\t%s\n", cli.command->words, cli.command->usage,
		       cli.command->help);
	} else if (cli.help) {
		print_help(stdout);
	} else {
		rc = cli.command->run ? cli.command->run(&cli) : run_once(&cli);
	}
	sv_cli_fini(&cli);
	return rc;
}
