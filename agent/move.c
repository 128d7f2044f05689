// SPDX-License-Identifier: GPL-2.0-only
#include "move.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "log.h"

enum { WORD_MAX = 1024, TRIES = 5 };

/* ---- words ---- */

int sv_move_write(int fd, cJSON *word)
{
	_cleanup_free_ char *text = cJSON_PrintUnformatted(word);
	char line[WORD_MAX];
	size_t len;

	cJSON_Delete(word);
	len = snprintf(line, sizeof(line), "%s\n", text ?: "");
	/* Shorter than what a pipe takes at once. */
	return len < sizeof(line) && write(fd, line, len) == (ssize_t)len ? 0 : -EPIPE;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Byte by byte: what follows a word is not ours. */
static int read_line(int fd, int64_t until, char line[WORD_MAX])
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (size_t len = 0; len < WORD_MAX; len++) {
		int ready;

		do {
			int64_t left = until - now_ms();

			ready = poll(&p, 1, left > 0 ? left : 0);
		} while (ready < 0 && errno == EINTR);
		if (ready <= 0)
			return ready ? -errno : -ETIMEDOUT;
		if (read(fd, line + len, 1) != 1)
			return -EPIPE;
		if (line[len] == '\n') {
			line[len] = 0;
			return 0;
		}
	}
	return -EPROTO;
}

int sv_move_read(int fd, int ms, cJSON **word)
{
	char line[WORD_MAX];
	int rc = read_line(fd, now_ms() + ms, line);

	*word = rc ? NULL : cJSON_Parse(line);
	return rc ?: cJSON_IsObject(*word) ? 0 : -EPROTO;
}

/* ---- whose it is ---- */

static void find_host(const struct sv_net *net, const char *vnet, const char *name, char host[32])
{
	for (size_t v = 0; v < net->n_vnet; v++)
		for (size_t n = 0; n < net->vnet[v].n_vnode; n++) {
			const struct sv_net_vnode *vnode = &net->vnet[v].vnode[n];

			if (!strcmp(vnode->spec.vnet, vnet) && !strcmp(vnode->spec.name, name))
				snprintf(host, 32, "%s", net->host[vnode->host].name);
		}
}

static int read_host(struct agent *agent, const char *vnet, const char *name, char host[32],
		     cJSON **doc, uint64_t *revision, struct sv_err *err)
{
	struct sv_net *net = NULL;
	int rc = agent->store.ops->get(&agent->store, doc, revision, err);

	host[0] = 0;
	if (!rc && *revision)
		rc = sv_net_load(&net, *doc, NULL, err);
	if (!rc && net)
		find_host(net, vnet, name, host);
	sv_net_free(net);
	return rc;
}

int sv_move_host(struct agent *agent, const char *vnet, const char *name, char host[32],
		 uint64_t *revision, struct sv_err *err)
{
	_cleanup_json_ cJSON *doc = NULL;
	uint64_t dummy;

	return read_host(agent, vnet, name, host, &doc, revision ?: &dummy, err);
}

/* The next revision, as it was: whoever waited to write it with the VNode on his host cannot any
 * more. -ESTALE: somebody did. */
static int call_off(struct agent *agent, const char *vnet, const char *name, struct sv_err *err)
{
	_cleanup_json_ cJSON *doc = NULL;
	uint64_t revision;
	char host[32];
	int rc = read_host(agent, vnet, name, host, &doc, &revision, err);

	if (rc)
		return rc;
	if (strcmp(host, agent->opt.host))
		return sv_err_set(err, -EREMOTE, "%s/%s is on %s now", vnet, name,
				  host[0] ? host : "no host");
	return agent->store.ops->put(&agent->store, doc, revision, &revision, err);
}

int sv_move_settle(struct agent *agent, struct sv_vnode_driver *drv, const char *vnet,
		   const char *name, struct sv_err *err)
{
	int rc = -ESTALE;

	for (int i = 0; i < TRIES && rc == -ESTALE; i++)
		rc = call_off(agent, vnet, name, err);
	if (!rc)
		rc = drv->ops->stay(drv, vnet, name, err);
	if (!rc)
		sv_log_info("%s/%s was not taken by another host, and goes on", vnet, name);
	return rc;
}
