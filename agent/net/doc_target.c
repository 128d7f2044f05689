// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "doc_change.h"

/* Where a session's copies go, as people write it: what follows --to. */

static int set_interface(cJSON *json, const struct sv_doc_session *session, const char *to,
			 struct sv_err *err)
{
	const char *colon = strchr(to, ':'), *name = colon ? colon + 1 : session->name;
	size_t len = colon ? (size_t)(colon - to) : strlen(to);
	char monitor[SV_NAME];

	if (!len || len >= SV_NAME)
		return sv_err_set(
			err, -EINVAL,
			"\"%s\" is not MONITOR, MONITOR:INTERFACE, ring, vxlan:ADDRESS or "
			"erspan:ADDRESS",
			to);
	memcpy(monitor, to, len);
	monitor[len] = 0;
	if (!name[0] || strlen(name) > 15)
		return sv_err_set(
			err, -EINVAL,
			"\"%s\" is no interface name of 1 … 15 characters: give a shorter one "
			"with --to %s:INTERFACE",
			name, monitor);
	if (sv_json_set(json, "to", cJSON_CreateString(monitor)) ||
	    sv_json_set(json, "interface", cJSON_CreateString(name)))
		return sv_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

/* Cuts `text` at a separator and reads the number behind it into json[key]. */
static int cut_number(cJSON *json, char *text, char separator, const char *key)
{
	char *at = strchr(text, separator), *end;
	unsigned long value;

	if (!at)
		return 0;
	*at++ = 0;
	if (!isdigit((unsigned char)*at))
		return -EINVAL;
	value = strtoul(at, &end, 10);
	if (*end || value > UINT32_MAX)
		return -EINVAL;
	return sv_json_set(json, key, cJSON_CreateNumber(value));
}

/* ADDRESS[:PORT][/ID]; whether they are good ones is the loader's to say, with their paths. */
static int set_collector(cJSON *json, const char *to, const char *text, enum sv_target target,
			 struct sv_err *err)
{
	bool udp = target == SV_TARGET_VXLAN;
	_cleanup_json_ cJSON *collector = cJSON_CreateObject();
	char address[64];
	int rc;

	rc = collector ? 0 : -ENOMEM;
	if (!rc && (!*text || strlen(text) >= sizeof(address)))
		rc = -EINVAL;
	if (!rc) {
		strcpy(address, text);
		rc = cut_number(collector, address, '/', "id");
	}
	if (!rc && udp)
		rc = cut_number(collector, address, ':', "port");
	if (!rc)
		rc = sv_json_set(collector, "address", cJSON_CreateString(address));
	if (!rc)
		rc = sv_json_set(json, "collector", TAKE_PTR(collector));
	if (rc == -EINVAL)
		return sv_err_set(err, rc, "\"%s\" is not %s", to,
				  udp ? "vxlan:ADDRESS[:PORT][/VNI]" : "erspan:ADDRESS[/ID]");
	return rc ? sv_err_set(err, rc, "out of memory") : 0;
}

int sv_doc_target(cJSON *json, const struct sv_doc_session *session, struct sv_err *err)
{
	const char *to = session->to ?: session->name, *colon = strchr(to, ':');
	size_t len = colon ? (size_t)(colon - to) : strlen(to);
	char first[SV_NAME] = "";
	int target;

	if (len < sizeof(first))
		memcpy(first, to, len);
	target = sv_target_find(first);
	if (target < 0)
		return set_interface(json, session, to, err);
	if (!session->to)
		return sv_err_set(
			err, -EINVAL,
			"\"%s\" is a target and no monitor's name: say where to with --to", to);
	if (target == SV_TARGET_RING && colon)
		return sv_err_set(err, -EINVAL, "\"%s\": ring is a target and no monitor's name",
				  to);
	if (sv_json_set(json, "to", cJSON_CreateString(first)))
		return sv_err_set(err, -ENOMEM, "out of memory");
	return target == SV_TARGET_RING
		       ? 0
		       : set_collector(json, to, colon ? colon + 1 : "", target, err);
}
