// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "agent/json.h"
#include "cli.h"

struct words {
	int argc;
	char **argv;
};

static char *next_word(struct words *w)
{
	if (!w->argc)
		return NULL;
	w->argc--;
	return *w->argv++;
}

static const struct sv_cli_option *option_find(const struct sv_cli_option *options, size_t max,
					       const char *name, size_t len)
{
	for (size_t i = 0; i < max && options[i].name; i++)
		if (strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
			return &options[i];
	return NULL;
}

/* ---- values ---- */

static char *read_file(const char *path)
{
	_cleanup_fclose_ FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = NULL;
	size_t len = 0;
	ssize_t n;

	if (!file)
		return NULL;
	n = getdelim(&text, &len, '\0', file);
	if (file == stdin)
		file = NULL;
	if (n < 0) {
		free(text);
		return strdup("");
	}
	return text;
}

static int parse_file(const char *path, cJSON **out, struct sv_err *err)
{
	_cleanup_free_ char *text = read_file(path);
	const char *end = NULL;
	int line = 1;

	if (!text)
		return sv_err_set(err, -ENOENT, "%s: %s", path, strerror(errno));
	*out = cJSON_ParseWithOpts(text, &end, 1);
	if (*out)
		return 0;
	for (const char *p = text; end && p < end; p++)
		line += *p == '\n';
	return sv_err_set(err, -ENOENT, "%s: no JSON: line %d, near \"%.20s\"", path, line,
			  end ? end : "");
}

static void add_list(cJSON *params, const char *name, const char *value)
{
	_cleanup_free_ char *copy = strdup(value);
	cJSON *list = sv_obj_get(params, name);
	char *save;

	if (!list)
		list = cJSON_AddArrayToObject(params, name);
	for (char *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save))
		cJSON_AddItemToArray(list, cJSON_CreateString(item));
}

static int set_value(struct sv_cli *cli, const struct sv_cli_option *option, const char *value,
		     struct sv_err *err)
{
	cJSON *json;
	char *end;
	int rc;

	switch (option->kind) {
	case SV_CLI_LIST:
		add_list(cli->params, option->name, value);
		return 0;
	case SV_CLI_FILE:
		rc = parse_file(value, &json, err);
		if (rc)
			return rc;
		break;
	case SV_CLI_NUMBER:
		json = cJSON_CreateNumber(strtod(value, &end));
		if (*end || end == value) {
			cJSON_Delete(json);
			return sv_err_set(err, -EINVAL, "--%s %s: not a number", option->name,
					  value);
		}
		break;
	case SV_CLI_FLAG:
		json = cJSON_CreateTrue();
		break;
	default:
		json = cJSON_CreateString(value);
	}
	sv_obj_set(cli->params, option->name, json);
	return 0;
}

/* ---- options ---- */

static int value_of(struct words *w, const char *word, const char *equals, const char **value,
		    struct sv_err *err)
{
	*value = equals ? equals + 1 : next_word(w);
	return *value ? 0 : sv_err_set(err, -EINVAL, "%s needs a value", word);
}

/* Options of every command. 1: it is none of them. */
static int parse_global(struct sv_cli *cli, struct words *w, const char *word, size_t len,
			const char *equals, struct sv_err *err)
{
	static const struct {
		const char *name;
		size_t member;
	} globals[] = {
		{ "--socket", offsetof(struct sv_cli, socket) },
		{ "--host", offsetof(struct sv_cli, host) },
		{ "--run", offsetof(struct sv_cli, run_dir) },
		{ "--timeout", offsetof(struct sv_cli, timeout) },
	};

	if (!strcmp(word, "--json") || !strcmp(word, "-j"))
		cli->json = true;
	else if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		cli->help = true;
	else {
		for (size_t i = 0; i < sizeof(globals) / sizeof(*globals); i++)
			if (strlen(globals[i].name) == len && !strncmp(globals[i].name, word, len))
				return value_of(w, word, equals,
						(const char **)((char *)cli + globals[i].member),
						err);
		return 1;
	}
	return 0;
}

static int parse_option(struct sv_cli *cli, struct words *w, const char *word, struct sv_err *err)
{
	const char *equals = strchr(word, '='), *value = "";
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct sv_cli_option *option = NULL;
	size_t dashes;
	int rc = parse_global(cli, w, word, len, equals, err);

	if (rc <= 0)
		return rc;
	/* "--name", or "-n" for a name of one letter */
	dashes = len == 2 ? 1 : 2;
	if (cli->command && len > dashes)
		option = option_find(cli->command->option, SV_CLI_OPTIONS, word + dashes,
				     len - dashes);
	if (!option)
		return sv_err_set(err, -EINVAL, "unknown option %s", word);
	if (option->kind != SV_CLI_FLAG) {
		rc = value_of(w, word, equals, &value, err);
		if (rc)
			return rc;
	}
	return set_value(cli, option, value, err);
}

/* ---- commands ---- */

/* "shadow start" needs a second word, "apply" does not. */
static int parse_command(struct sv_cli *cli, struct words *w, const char *first, struct sv_err *err)
{
	const char *second = w->argc ? *w->argv : "";
	size_t len = strlen(first);

	for (const struct sv_cli_command *c = sv_cli_commands; c->words; c++) {
		if (strncmp(c->words, first, len))
			continue;
		if (c->words[len] == ' ' && !strcmp(c->words + len + 1, second))
			next_word(w);
		else if (c->words[len])
			continue;
		cli->command = c;
		return 0;
	}
	return sv_err_set(err, -EINVAL, "no such command: %s %s", first, second);
}

static int parse_word(struct sv_cli *cli, struct words *w, const char *word, size_t *n,
		      struct sv_err *err)
{
	const struct sv_cli_option *argument;

	if (*word == '-' && word[1])
		return parse_option(cli, w, word, err);
	if (!cli->command)
		return parse_command(cli, w, word, err);
	argument = &cli->command->argument[*n];
	if (*n == 3 || !argument->name)
		return sv_err_set(err, -EINVAL, "too many words: %s", word);
	(*n)++;
	return set_value(cli, argument, word, err);
}

static int check_complete(const struct sv_cli *cli, size_t n, struct sv_err *err)
{
	const struct sv_cli_command *c = cli->command;

	if (cli->help)
		return 0;
	if (!c)
		return sv_err_set(err, -EINVAL, "no command");
	if ((c->argument[n].name && !c->optional) || (c->rest && (!cli->rest || !*cli->rest)))
		return sv_err_set(err, -EINVAL, "svnet %s %s", c->words, c->usage);
	return 0;
}

int sv_cli_parse(struct sv_cli *cli, int argc, char **argv, struct sv_err *err)
{
	struct words w = { argc, argv };
	size_t n = 0;
	char *word;
	int rc;

	*cli = (struct sv_cli){ .run_dir = getenv("SVNET_RUN") ?: "/run/svnet",
				.params = cJSON_CreateObject() };
	while ((word = next_word(&w))) {
		if (!strcmp(word, "--")) {
			cli->rest = w.argv;
			break;
		}
		rc = parse_word(cli, &w, word, &n, err);
		if (rc)
			return rc;
	}
	if (cli->rest && cli->command && !cli->command->rest)
		return sv_err_set(err, -EINVAL, "nothing may follow -- here");
	if (cli->timeout)
		sv_obj_set(cli->params, "timeout", cJSON_CreateString(cli->timeout));
	return check_complete(cli, n, err);
}

void sv_cli_fini(struct sv_cli *cli)
{
	cJSON_Delete(cli->params);
	cli->params = NULL;
}
