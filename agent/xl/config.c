/* SPDX-License-Identifier: GPL-2.0-only */
/* A domain as the request has it → as libxl has it, with xl's own defaults for the rest. */
#include <errno.h>
#include <string.h>

#include "xl.h"

enum { CPUS_MAX = 4096, RATE_INTERVAL_US = 50000 };

const char *sv_xl_str(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

double sv_xl_num(const cJSON *object, const char *key, double none)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : none;
}

static char *copy(const cJSON *object, const char *key)
{
	const char *text = sv_xl_str(object, key);

	return text && text[0] ? strdup(text) : NULL;
}

static int bitmap_make(libxl_bitmap *map, unsigned int bits)
{
	map->size = (bits + 7) / 8;
	map->map = calloc(map->size, 1);
	return map->map ? 0 : -ENOMEM;
}

static void bitmap_set(libxl_bitmap *map, unsigned int bit)
{
	map->map[bit / 8] |= 1 << (bit % 8);
}

int sv_xl_cpus(libxl_bitmap *map, const char *text)
{
	unsigned int from, to, used;

	if (bitmap_make(map, CPUS_MAX))
		return -ENOMEM;
	for (;; text += used + 1) {
		int n = sscanf(text, "%u%n-%u%n", &from, &used, &to, &used);

		if (n < 1)
			return -EINVAL;
		to = n == 2 ? to : from;
		if (from > to || to >= CPUS_MAX)
			return -EINVAL;
		for (; from <= to; from++)
			bitmap_set(map, from);
		if (text[used] != ',')
			return text[used] ? -EINVAL : 0;
	}
}

/* ---- the parts ---- */

static int set_type(libxl_domain_config *config, const cJSON *domain, struct sv_err *err)
{
	const char *type = sv_xl_str(domain, "type") ?: "";

	config->c_info.type = !strcmp(type, "pv")    ? LIBXL_DOMAIN_TYPE_PV
			      : !strcmp(type, "pvh") ? LIBXL_DOMAIN_TYPE_PVH
			      : !strcmp(type, "hvm") ? LIBXL_DOMAIN_TYPE_HVM
						     : LIBXL_DOMAIN_TYPE_INVALID;
	if (config->c_info.type == LIBXL_DOMAIN_TYPE_INVALID)
		return sv_err_set(err, -EINVAL, "domain type \"%s\"", type);
	libxl_domain_build_info_init_type(&config->b_info, config->c_info.type);
	return 0;
}

static int set_identity(libxl_domain_config *config, const cJSON *domain, struct sv_err *err)
{
	const char *uuid = sv_xl_str(domain, "uuid"), *mark = sv_xl_str(domain, "mark");

	config->c_info.name = copy(domain, "name");
	libxl_defbool_set(&config->c_info.run_hotplug_scripts, true);
	if (!config->c_info.name || !uuid || libxl_uuid_from_string(&config->c_info.uuid, uuid))
		return sv_err_set(err, -EINVAL, "a domain without a name or UUID");
	if (!mark)
		return 0;
	config->c_info.xsdata = calloc(3, sizeof(char *));
	if (!config->c_info.xsdata)
		return -ENOMEM;
	config->c_info.xsdata[0] = strdup("svnet");
	config->c_info.xsdata[1] = strdup(mark);
	return config->c_info.xsdata[0] && config->c_info.xsdata[1] ? 0 : -ENOMEM;
}

static int set_vcpus(libxl_domain_build_info *info, const cJSON *domain)
{
	const char *cpus = sv_xl_str(domain, "cpus");
	int rc, i;

	info->max_vcpus = sv_xl_num(domain, "vcpus", 1);
	rc = bitmap_make(&info->avail_vcpus, info->max_vcpus);
	for (i = 0; i < info->max_vcpus && !rc; i++)
		bitmap_set(&info->avail_vcpus, i);
	if (rc || !cpus || !cpus[0])
		return rc;
	info->vcpu_hard_affinity = calloc(info->max_vcpus, sizeof(*info->vcpu_hard_affinity));
	if (!info->vcpu_hard_affinity)
		return -ENOMEM;
	for (i = 0; i < info->max_vcpus && !rc; i++) {
		libxl_bitmap_init(&info->vcpu_hard_affinity[i]);
		info->num_vcpu_hard_affinity = i + 1;
		rc = sv_xl_cpus(&info->vcpu_hard_affinity[i], cpus);
	}
	libxl_defbool_set(&info->numa_placement, false);
	return rc;
}

static void set_hvm(libxl_domain_build_info *info)
{
	info->u.hvm.boot = strdup("c");
	info->u.hvm.serial = strdup("pty");
	info->u.hvm.vga.kind = LIBXL_VGA_INTERFACE_TYPE_NONE;
	libxl_defbool_set(&info->u.hvm.nographic, true);
	libxl_defbool_set(&info->u.hvm.vnc.enable, false);
	libxl_defbool_set(&info->u.hvm.sdl.enable, false);
}

static int set_machine(libxl_domain_config *config, const cJSON *domain, struct sv_err *err)
{
	libxl_domain_build_info *info = &config->b_info;
	uint64_t kib = sv_xl_num(domain, "memory", 0) * 1024;

	info->max_memkb = info->target_memkb = kib;
	libxl_defbool_set(&info->claim_mode, true);
	info->kernel = copy(domain, "kernel");
	info->ramdisk = copy(domain, "ramdisk");
	info->cmdline = copy(domain, "cmdline");
	info->sched_params.weight =
		sv_xl_num(domain, "weight", LIBXL_DOMAIN_SCHED_PARAM_WEIGHT_DEFAULT);
	info->sched_params.cap = sv_xl_num(domain, "cap", LIBXL_DOMAIN_SCHED_PARAM_CAP_DEFAULT);
	if (config->c_info.type == LIBXL_DOMAIN_TYPE_HVM)
		set_hvm(info);
	return set_vcpus(info, domain)
		       ? sv_err_set(err, -EINVAL, "cpus \"%s\"", sv_xl_str(domain, "cpus") ?: "")
		       : 0;
}

static int set_nic(libxl_device_nic *nic, const cJSON *json, const char *script, struct sv_err *err)
{
	const char *mac = sv_xl_str(json, "mac") ?: "";
	uint64_t rate = sv_xl_num(json, "rate_kbit", 0);

	libxl_device_nic_init(nic);
	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &nic->mac[0], &nic->mac[1], &nic->mac[2],
		   &nic->mac[3], &nic->mac[4], &nic->mac[5]) != 6)
		return sv_err_set(err, -EINVAL, "MAC address \"%s\"", mac);
	nic->nictype = LIBXL_NIC_TYPE_VIF;
	nic->ifname = copy(json, "ifname");
	nic->script = script ? strdup(script) : NULL;
	nic->mtu = sv_xl_num(json, "mtu", 1500);
	if (rate) {
		nic->rate_interval_usecs = RATE_INTERVAL_US;
		nic->rate_bytes_per_interval = rate * 125 * RATE_INTERVAL_US / 1000000;
	}
	return 0;
}

static int set_nics(libxl_domain_config *config, const cJSON *domain, struct sv_err *err)
{
	const cJSON *nics = cJSON_GetObjectItemCaseSensitive(domain, "nics"), *json;
	int rc = 0;

	config->nics = calloc(cJSON_GetArraySize(nics) + 1, sizeof(*config->nics));
	if (!config->nics)
		return -ENOMEM;
	cJSON_ArrayForEach (json, nics) {
		libxl_device_nic *nic = &config->nics[config->num_nics];

		rc = set_nic(nic, json, sv_xl_str(domain, "script"), err);
		nic->devid = config->num_nics++;
		if (rc)
			break;
	}
	return rc;
}

static int set_disk(libxl_device_disk *disk, const cJSON *json, const char *script,
		    struct sv_err *err)
{
	const char *format = sv_xl_str(json, "format") ?: "raw";
	bool qcow2 = !strcmp(format, "qcow2");

	libxl_device_disk_init(disk);
	disk->pdev_path = copy(json, "path");
	disk->vdev = copy(json, "device");
	disk->format = qcow2 ? LIBXL_DISK_FORMAT_QCOW2 : LIBXL_DISK_FORMAT_RAW;
	disk->backend = qcow2 ? LIBXL_DISK_BACKEND_QDISK : LIBXL_DISK_BACKEND_PHY;
	disk->readwrite = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "readonly"));
	if (!qcow2 && script)
		disk->script = strdup(script);
	if (!disk->pdev_path || !disk->vdev)
		return sv_err_set(err, -EINVAL, "a disk without a path or device");
	return 0;
}

static int set_disks(libxl_domain_config *config, const cJSON *domain, struct sv_err *err)
{
	const cJSON *disks = cJSON_GetObjectItemCaseSensitive(domain, "disks"), *json;
	int rc = 0;

	if (!cJSON_GetArraySize(disks))
		return 0;
	config->disks = calloc(cJSON_GetArraySize(disks), sizeof(*config->disks));
	if (!config->disks)
		return -ENOMEM;
	cJSON_ArrayForEach (json, disks) {
		rc = set_disk(&config->disks[config->num_disks++], json,
			      sv_xl_str(domain, "script"), err);
		if (rc)
			break;
	}
	return rc;
}

static int set_pci(libxl_domain_config *config, const cJSON *domain, struct sv_err *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(domain, "pci"), *json;

	if (!cJSON_GetArraySize(list))
		return 0;
	config->pcidevs = calloc(cJSON_GetArraySize(list), sizeof(*config->pcidevs));
	if (!config->pcidevs)
		return -ENOMEM;
	cJSON_ArrayForEach (json, list) {
		libxl_device_pci *pci = &config->pcidevs[config->num_pcidevs++];
		unsigned int domain_nr, bus, dev, func;

		libxl_device_pci_init(pci);
		if (!cJSON_IsString(json) ||
		    sscanf(json->valuestring, "%x:%x:%x.%x", &domain_nr, &bus, &dev, &func) != 4)
			return sv_err_set(err, -EINVAL, "a PCI device is DDDD:BB:DD.F");
		pci->domain = domain_nr;
		pci->bus = bus;
		pci->dev = dev;
		pci->func = func;
		/* Of its own functions this one, as the guest's function 0. */
		pci->vfunc_mask = 1;
		if (config->c_info.type != LIBXL_DOMAIN_TYPE_HVM)
			pci->rdm_policy = LIBXL_RDM_RESERVE_POLICY_STRICT;
	}
	if (config->c_info.type == LIBXL_DOMAIN_TYPE_PV)
		libxl_defbool_set(&config->b_info.u.pv.e820_host, true);
	return 0;
}

int sv_xl_config(libxl_domain_config *config, const cJSON *domain, struct sv_err *err)
{
	int rc;

	libxl_domain_config_init(config);
	rc = set_type(config, domain, err);
	rc = rc ?: set_identity(config, domain, err);
	rc = rc ?: set_machine(config, domain, err);
	rc = rc ?: set_nics(config, domain, err);
	rc = rc ?: set_disks(config, domain, err);
	rc = rc ?: set_pci(config, domain, err);
	/* What libxl leaves to its caller; ours is the VNode driver, see agent/vnode/xen.c. */
	config->on_poweroff = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	config->on_reboot = LIBXL_ACTION_ON_SHUTDOWN_RESTART;
	config->on_watchdog = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	config->on_crash = LIBXL_ACTION_ON_SHUTDOWN_DESTROY;
	config->on_soft_reset = LIBXL_ACTION_ON_SHUTDOWN_SOFT_RESET;
	return rc == -ENOMEM ? sv_err_set(err, rc, "out of memory") : rc;
}
