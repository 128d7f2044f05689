// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/json.h"
#include "agent/vnode/vnode.h"
#include "cli.h"

static int open_driver(struct sv_vnode_driver *drv, const cJSON *where, struct sv_err *err)
{
	const char *name = sv_obj_string(where, "driver") ?: "";

	*drv = (struct sv_vnode_driver){ .ops = sv_vnode_driver_find(name) };
	if (!drv->ops)
		return sv_err_set(err, -ENOENT, "driver %s: no such VNode driver", name);
	snprintf(drv->host, sizeof(drv->host), "%s", sv_obj_string(where, "host") ?: "");
	snprintf(drv->run_dir, sizeof(drv->run_dir), "%s", sv_obj_string(where, "run_dir") ?: "");
	snprintf(drv->log_dir, sizeof(drv->log_dir), "%s", sv_obj_string(where, "log_dir") ?: "");
	return drv->ops->open(drv, err);
}

static int run(const cJSON *where, char **argv, pid_t *pid, struct sv_err *err)
{
	const char *vnet = sv_obj_string(where, "vnet"), *name = sv_obj_string(where, "name");
	const int fds[3] = { 0, 1, 2 };
	struct sv_vnode_driver drv;
	int rc = open_driver(&drv, where, err);

	if (rc)
		return rc;
	if (argv && drv.ops->exec)
		rc = drv.ops->exec(&drv, vnet, name, argv, fds, pid, err);
	else if (!argv && drv.ops->console)
		rc = drv.ops->console(&drv, vnet, name, fds, pid, err);
	else
		rc = sv_err_set(err, -EOPNOTSUPP, "driver %s %s", drv.ops->name,
				argv ? "cannot run commands"
				     : "has no consoles; svnet vnode exec runs a shell");
	drv.ops->close(&drv);
	return rc;
}

/* As a shell reports it. */
static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return SV_EXIT_REFUSED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_and_wait(struct sv_cli *cli, char **argv)
{
	_cleanup_json_ cJSON *where = NULL;
	struct sv_err err = { 0 };
	pid_t pid;
	int rc = sv_cli_call(cli, cli->command->method, cli->params, &where);

	if (rc)
		return rc;
	rc = run(where, argv, &pid, &err);
	if (rc) {
		fprintf(stderr, "svnet: %s\n", err.text[0] ? err.text : strerror(-rc));
		return SV_EXIT_REFUSED;
	}
	/* Interrupts are the command's to handle. */
	signal(SIGINT, SIG_IGN);
	return wait_for(pid);
}

/* Here and not in the daemon: the command is to have this terminal. Needs root. */
int sv_cli_exec(struct sv_cli *cli)
{
	return run_and_wait(cli, cli->rest);
}

int sv_cli_console(struct sv_cli *cli)
{
	return run_and_wait(cli, NULL);
}
