// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent.h"
#include "json.h"
#include "log.h"

static void state_path(const struct agent *agent, char path[128], const char *suffix)
{
	snprintf(path, 128, "%s/state.json%s", agent->run_dir, suffix);
}

void sv_state_open(struct agent *agent)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *text = NULL;
	char path[128];
	size_t size = 0;

	state_path(agent, path, "");
	file = fopen(path, "re");
	if (file && getdelim(&text, &size, 0, file) > 0)
		agent->state = cJSON_Parse(text);
	if (!cJSON_IsObject(agent->state)) {
		if (file)
			sv_log_error(
				"%s: not as it was written: gates' owners and VNodes that were "
				"stopped by hand are forgotten",
				path);
		cJSON_Delete(agent->state);
		agent->state = cJSON_CreateObject();
	}
}

int sv_state_save(struct agent *agent)
{
	_cleanup_free_ char *text = cJSON_Print(agent->state);
	_cleanup_fclose_ FILE *file = NULL;
	char path[128], tmp[128];

	state_path(agent, path, "");
	state_path(agent, tmp, ".new");
	file = text ? fopen(tmp, "we") : NULL;
	if (!file || fputs(text, file) < 0 || fflush(file) || rename(tmp, path)) {
		sv_log_error("%s: %s", path, strerror(errno));
		return -EIO;
	}
	return 0;
}

void sv_state_halt(struct agent *agent, const char *vnode, const char *how)
{
	cJSON *halted = sv_obj_sub(agent->state, "halted");

	if (how)
		sv_obj_set(halted, vnode, cJSON_CreateString(how));
	else
		cJSON_DeleteItemFromObjectCaseSensitive(halted, vnode);
	sv_state_save(agent);
}

const char *sv_state_halted(const struct agent *agent, const char *vnet, const char *name)
{
	char vnode[80];

	snprintf(vnode, sizeof(vnode), "%s/%s", vnet, name);
	return sv_obj_string(sv_obj_get(agent->state, "halted"), vnode);
}

/* An override lasts until the next network file. */
void sv_state_forget_halted(struct agent *agent)
{
	_cleanup_free_ char *network = cJSON_PrintUnformatted(sv_obj_get(agent->doc, "network"));
	unsigned long long hash = 1469598103934665603ULL;
	char text[24];

	for (const char *p = network ? network : ""; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211ULL;
	snprintf(text, sizeof(text), "%016llx", hash);
	if (!strcmp(sv_obj_string(agent->state, "network") ?: "", text))
		return;
	sv_obj_set(agent->state, "network", cJSON_CreateString(text));
	sv_obj_set(agent->state, "halted", cJSON_CreateObject());
	sv_state_save(agent);
}
