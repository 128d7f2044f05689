/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_CLI_H
#define SV_AGENT_CLI_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "loader/err.h"

/* `svnet`: turns words into one request, and its result into a table. */

enum sv_cli_exit {
	SV_EXIT_DONE = 0,
	SV_EXIT_REFUSED = 1,
	SV_EXIT_USAGE = 2,
	SV_EXIT_NO_AGENT = 3,
	SV_EXIT_CONFLICT = 4,
	SV_EXIT_BEHIND = 5,
};

enum sv_cli_kind {
	SV_CLI_STRING = 0,
	SV_CLI_LIST, /* may be given several times, or with commas */
	SV_CLI_FILE, /* the JSON in that file */
	SV_CLI_NUMBER,
	SV_CLI_FLAG,
};

struct sv_cli_option {
	const char *name;
	enum sv_cli_kind kind;
};

#define SV_CLI_OPTIONS 10

struct sv_cli;

struct sv_cli_command {
	const char *words; /* "shadow start" */
	const char *usage; /* what follows them */
	const char *help;
	const char *method;
	struct sv_cli_option argument[3]; /* in order, all needed unless `optional` */
	bool optional;
	bool rest; /* takes what follows "--" */
	struct sv_cli_option option[SV_CLI_OPTIONS];
	void (*print)(const cJSON *result);
	/* Instead of one call and one print. Returns an exit code. */
	int (*run)(struct sv_cli *cli);
};
extern const struct sv_cli_command sv_cli_commands[];

struct sv_cli {
	const char *socket, *host, *run_dir;
	const char *timeout;
	bool json, help;
	const struct sv_cli_command *command;
	cJSON *params;
	char **rest; /* NULL: there was no "--" */
};

/* ---- parse.c ---- */
/* argv without the program's name. -EINVAL: usage. -ENOENT: a file cannot be read. */
int sv_cli_parse(struct sv_cli *cli, int argc, char **argv, struct sv_err *err);
void sv_cli_fini(struct sv_cli *cli);

/* ---- client.c ---- */
/* Which socket: --socket, --host, $SVNET_SOCKET, $SVNET_HOST, the only one of the machine. */
int sv_cli_find_socket(const struct sv_cli *cli, char path[108], struct sv_err *err);
/*
 * One request. 0 and *result, the caller's; or an exit code, and everything there is to say has
 * been said on stderr.
 */
int sv_cli_call(const struct sv_cli *cli, const char *method, const cJSON *params, cJSON **result);

/* ---- exec.c, cli.c ---- */
int sv_cli_exec(struct sv_cli *cli);
int sv_cli_console(struct sv_cli *cli);
int sv_cli_status(struct sv_cli *cli);

/* ---- migrate.c ---- */
int sv_cli_migrate(struct sv_cli *cli);
int sv_cli_receive(struct sv_cli *cli);

/* ---- capture.c, top.c, voice.c ---- */
int sv_cli_capture(struct sv_cli *cli);
int sv_cli_top(struct sv_cli *cli);
int sv_cli_voice(struct sv_cli *cli);

/* ---- table.c ---- */
/* Rows of cells, aligned when printed. */
struct sv_table {
	char **cell;
	size_t n, columns;
};
void sv_table_init(struct sv_table *table, size_t columns);
void sv_table_add(struct sv_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3))); /* the next cell */
void sv_table_print(struct sv_table *table); /* and releases it */

/* ---- print.c ---- */
void sv_print_done(const cJSON *result);
void sv_print_status(const cJSON *result);
void sv_print_show(const cJSON *result);
void sv_print_plan(const cJSON *result);
void sv_print_vnets(const cJSON *result);
void sv_print_vnet(const cJSON *result);
void sv_print_vnodes(const cJSON *result);
void sv_print_monitors(const cJSON *result);
void sv_print_shadow(const cJSON *result);
void sv_print_order(const cJSON *result);
void sv_print_gates(const cJSON *result);

/* ---- cli.c ---- */
int sv_cli_main(int argc, char **argv);

#endif
