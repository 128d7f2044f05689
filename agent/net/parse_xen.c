// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "internal.h"

/*
 * vnodes.N.xen: a domain. What is read here is printed again with every default spelt out and in
 * one order, as struct sv_vnode_spec.xen.
 */

enum {
	MEMORY_MAX = 1 << 24, /* MiB */
	VCPUS_MAX = 128,
	PAUSE_LIMIT_MS = 3000,
	STOP_TIMEOUT_MS = 30000,
};

static void add_string(cJSON *out, const char *key, const char *text)
{
	cJSON_AddStringToObject(out, key, text ?: "");
}

static bool is_path(const char *text)
{
	return text && text[0] == '/' && strlen(text) < 256 && !strpbrk(text, "\n,;|");
}

static const char *load_path(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			     const char *key)
{
	const char *path = sv_load_string(l, at, json, key);

	if (path && !is_path(path))
		sv_load_bad(l, SV_PATH(at, key), "\"%s\" must be an absolute path", path);
	return path;
}

/* One of `words`; the first when there is none. */
static const char *load_word(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			     const char *key, const char *const words[], const char *say)
{
	const char *text = sv_load_string(l, at, json, key);

	for (size_t i = 0; text && words[i]; i++)
		if (!strcmp(words[i], text))
			return text;
	if (text)
		sv_load_bad(l, SV_PATH(at, key), "\"%s\" must be %s", text, say);
	return words[0];
}

/* ---- disks, PCI devices ---- */

static bool is_device(const char *text)
{
	size_t letters =
		text && !strncmp(text, "xvd", 3) ? strspn(text + 3, "abcdefghijklmnop") : 0;

	return letters == 1 && strspn(text + 4, "0123456789") == strlen(text + 4) &&
	       strlen(text) < 7;
}

static void load_disk(struct sv_load *l, const struct sv_path *at, const cJSON *json, cJSON *out)
{
	static const char *const known[] = { "path",	 "format",   "device",
					     "snapshot", "readonly", NULL };
	static const char *const formats[] = { "raw", "qcow2", "lvm", NULL };
	static const char *const hows[] = { "none", "reflink", "copy", "lvm", NULL };
	const cJSON *readonly = sv_json_get(json, "readonly");
	cJSON *disk = cJSON_CreateObject();
	const char *path, *device, *format, *how;

	cJSON_AddItemToArray(out, disk);
	if (!sv_load_members(l, at, json, known))
		return;
	path = load_path(l, at, json, "path");
	device = sv_load_string(l, at, json, "device");
	if (!path)
		sv_load_bad(l, SV_PATH(at, "path"), "is missing");
	if (!is_device(device))
		sv_load_bad(l, SV_PATH(at, "device"),
			    "must be as the guest is to see it, \"xvda\"");
	if (readonly && !cJSON_IsBool(readonly))
		sv_load_bad(l, SV_PATH(at, "readonly"), "must be true or false");
	add_string(disk, "path", path);
	format = load_word(l, at, json, "format", formats, "\"raw\", \"qcow2\" or \"lvm\"");
	add_string(disk, "format", format);
	add_string(disk, "device", device);
	how = load_word(l, at, json, "snapshot", hows,
			"how a clone gets its own: \"reflink\", \"copy\" or \"lvm\"");
	/* QEMU may be writing to the image still: only what is copied at once is one. */
	if (!strcmp(format, "qcow2") && strcmp(how, "none") && strcmp(how, "reflink"))
		sv_load_bad(l, SV_PATH(at, "snapshot"),
			    "a qcow2 disk is cloned by \"reflink\" only, on XFS or Btrfs");
	if (!strcmp(how, "lvm") && !strcmp(format, "raw") && path && strncmp(path, "/dev/", 5))
		sv_load_bad(l, SV_PATH(at, "snapshot"), "\"%s\" is no logical volume", path);
	add_string(disk, "snapshot", how);
	cJSON_AddBoolToObject(disk, "readonly", cJSON_IsTrue(readonly));
}

static bool has_device(const cJSON *disks, const cJSON *but, const char *device)
{
	const cJSON *disk;

	cJSON_ArrayForEach (disk, disks)
		if (disk != but && device && device[0] &&
		    !strcmp(sv_json_str(disk, "device") ?: "", device))
			return true;
	return false;
}

static void load_disks(struct sv_load *l, const struct sv_path *at, const cJSON *json, cJSON *out)
{
	const cJSON *disks = sv_json_get(json, "disks"), *disk;
	cJSON *list = cJSON_AddArrayToObject(out, "disks");
	char key[16];
	int i = 0;

	if (disks && !cJSON_IsArray(disks))
		return sv_load_bad(l, SV_PATH(at, "disks"), "must be an array");
	cJSON_ArrayForEach (disk, disks) {
		snprintf(key, sizeof(key), "[%d]", i++);
		load_disk(l, SV_PATH(SV_PATH(at, "disks"), key), disk, list);
		if (has_device(disks, disk, sv_json_str(disk, "device")))
			sv_load_bad(l, SV_PATH(SV_PATH(SV_PATH(at, "disks"), key), "device"),
				    "is another disk's too");
	}
}

static bool is_bdf(const char *text)
{
	unsigned int domain, bus, dev, func;
	char end;

	return text && strlen(text) == 12 &&
	       sscanf(text, "%4x:%2x:%2x.%1x%c", &domain, &bus, &dev, &func, &end) == 4 &&
	       dev < 32 && func < 8;
}

static void load_pci(struct sv_load *l, const struct sv_path *at, const cJSON *json, cJSON *out)
{
	const cJSON *devices = sv_json_get(json, "pci"), *device;
	cJSON *list = cJSON_AddArrayToObject(out, "pci");
	char key[16];
	int i = 0;

	if (devices && !cJSON_IsArray(devices))
		return sv_load_bad(l, SV_PATH(at, "pci"), "must be an array");
	cJSON_ArrayForEach (device, devices) {
		snprintf(key, sizeof(key), "[%d]", i++);
		if (!is_bdf(cJSON_GetStringValue(device)))
			sv_load_bad(l, SV_PATH(SV_PATH(at, "pci"), key),
				    "must be a PCI device, \"0000:03:00.0\"");
		else
			cJSON_AddItemToArray(list, cJSON_CreateString(device->valuestring));
	}
}

/* ---- the machine ---- */

/* "0-3,5" */
static bool is_cpus(const char *text)
{
	unsigned int from, to, used;

	for (;; text += used + 1) {
		int n = sscanf(text, "%5u%n-%5u%n", &from, &used, &to, &used);

		if (n < 1 || from > 4095 || (n == 2 && (to > 4095 || to < from)))
			return false;
		if (text[used] != ',')
			return !text[used];
	}
}

static void load_boot(struct sv_load *l, const struct sv_path *at, const cJSON *json, cJSON *out)
{
	static const char *const types[] = { "pv", "pvh", "hvm", NULL };
	const char *type = load_word(l, at, json, "type", types, "\"pv\", \"pvh\" or \"hvm\"");
	const char *kernel = load_path(l, at, json, "kernel");
	const char *cmdline = sv_load_string(l, at, json, "cmdline");

	if (!kernel && strcmp(type, "hvm"))
		sv_load_bad(l, SV_PATH(at, "kernel"), "is missing");
	else if (!kernel && !cJSON_GetArraySize(sv_json_get(json, "disks")))
		sv_load_bad(l, SV_PATH(at, "kernel"), "is missing, and so is a disk to boot from");
	if (cmdline && (strlen(cmdline) > 1023 || strchr(cmdline, '\n')))
		sv_load_bad(l, SV_PATH(at, "cmdline"), "must be one line, up to 1023 characters");
	if (!strcmp(type, "pvh") && cJSON_GetArraySize(sv_json_get(json, "pci")))
		sv_load_bad(l, SV_PATH(at, "pci"),
			    "Xen hands no PCI devices to PVH domains: say \"pv\" or \"hvm\"");
	add_string(out, "type", type);
	add_string(out, "kernel", kernel);
	add_string(out, "ramdisk", load_path(l, at, json, "ramdisk"));
	add_string(out, "cmdline", cmdline);
}

static void load_size(struct sv_load *l, const struct sv_path *at, const cJSON *json, cJSON *out)
{
	const char *cpus = sv_load_string(l, at, json, "cpus");
	int64_t vcpus = sv_load_int(l, at, json, "vcpus", 1, 1, VCPUS_MAX);

	if (!sv_json_get(json, "memory"))
		sv_load_bad(l, SV_PATH(at, "memory"), "is missing: MiB");
	if (cpus && !is_cpus(cpus))
		sv_load_bad(l, SV_PATH(at, "cpus"), "\"%s\" must be CPUs, \"0-3,5\"", cpus);
	cJSON_AddNumberToObject(out, "memory",
				sv_load_int(l, at, json, "memory", 128, 16, MEMORY_MAX));
	cJSON_AddNumberToObject(out, "vcpus", vcpus);
	add_string(out, "cpus", cpus);
	cJSON_AddNumberToObject(out, "cap", sv_load_int(l, at, json, "cap", 0, 0, 100 * vcpus));
}

static void load_care(struct sv_load *l, const struct sv_path *at, const cJSON *json, cJSON *out)
{
	static const char *const policies[] = { "on-crash", "always", "never", NULL };

	const cJSON *shared = sv_json_get(json, "shared_disks");

	if (shared && !cJSON_IsBool(shared))
		sv_load_bad(l, SV_PATH(at, "shared_disks"), "must be true or false");
	cJSON_AddBoolToObject(out, "shared_disks", cJSON_IsTrue(shared));
	add_string(out, "restart",
		   load_word(l, at, json, "restart", policies,
			     "\"always\", \"on-crash\" or \"never\""));
	cJSON_AddNumberToObject(out, "pause_limit_ms",
				sv_load_int(l, at, json, "pause_limit_ms", PAUSE_LIMIT_MS, 1,
					    3600000));
	cJSON_AddNumberToObject(out, "stop_timeout_ms",
				sv_load_int(l, at, json, "stop_timeout_ms", STOP_TIMEOUT_MS, 0,
					    600000));
}

static void load_domain(struct sv_load *l, const struct sv_path *at, const cJSON *json,
			struct sv_vnode_spec *spec)
{
	static const char *const known[] = { "type",
					     "kernel",
					     "ramdisk",
					     "cmdline",
					     "memory",
					     "vcpus",
					     "cpus",
					     "cap",
					     "disks",
					     "pci",
					     "restart",
					     "pause_limit_ms",
					     "stop_timeout_ms",
					     "shared_disks",
					     NULL };
	_cleanup_json_ cJSON *out = cJSON_CreateObject();

	if (!sv_load_members(l, at, json, known))
		return;
	load_boot(l, at, json, out);
	load_size(l, at, json, out);
	load_disks(l, at, json, out);
	load_pci(l, at, json, out);
	load_care(l, at, json, out);
	spec->xen = cJSON_PrintUnformatted(out);
	l->nomem |= !spec->xen;
}

/* What only the guest itself can do in a domain. */
static void refuse_inside(struct sv_load *l, const struct sv_path *at, const cJSON *json)
{
	static const char *const inside[] = { "routes", "sysctls", "tc", "program", "nftables" };
	const struct sv_path *ifaces = SV_PATH(at, "interfaces");
	const cJSON *iface;

	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		if (sv_json_get(json, inside[i]))
			sv_load_bad(l, SV_PATH(at, inside[i]), "a domain's guest sets its own");
	cJSON_ArrayForEach (iface, sv_json_get(json, "interfaces"))
		if (sv_json_get(iface, "addresses"))
			sv_load_bad(l, SV_PATH(SV_PATH(ifaces, iface->string), "addresses"),
				    "a domain's guest sets its own");
}

void sv_load_xen(struct sv_load *l, const struct sv_path *at, const cJSON *json,
		 struct sv_vnode_spec *spec)
{
	const cJSON *domain = sv_json_get(json, "xen");
	bool is_xen = !strcmp(spec->driver, "xen");

	if (is_xen && !domain)
		return sv_load_bad(l, SV_PATH(at, "xen"), "is missing: the domain");
	if (!is_xen && domain)
		return sv_load_bad(l, SV_PATH(at, "xen"), "is only for the driver \"xen\"");
	if (!is_xen)
		return;
	refuse_inside(l, at, json);
	load_domain(l, SV_PATH(at, "xen"), domain, spec);
}
