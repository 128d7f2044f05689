/* SPDX-License-Identifier: GPL-2.0-only */
/* What this machine must be able to for a domain, said before libxl is asked for it. */
#include <errno.h>
#include <string.h>

#include "xl.h"

static int check_type(const libxl_physinfo *info, const libxl_domain_config *config,
		      struct sv_err *err)
{
	bool pv = config->c_info.type == LIBXL_DOMAIN_TYPE_PV;

	if (pv ? info->cap_pv : info->cap_hvm)
		return 0;
	return sv_err_set(err, -EOPNOTSUPP,
			  pv ? "Xen runs no PV domains here: say \"type\": \"pvh\" or \"hvm\""
			     : "Xen finds no hardware virtualization here, so PVH and HVM domains "
			       "cannot run: turn it on in the firmware, or say \"type\": \"pv\"");
}

static int check_device(const libxl_device_pci *pci, struct sv_err *err)
{
	char bdf[16], path[64];

	snprintf(bdf, sizeof(bdf), "%04x:%02x:%02x.%x", pci->domain, pci->bus, pci->dev, pci->func);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	if (access(path, F_OK))
		return sv_err_set(err, -ENODEV, "there is no PCI device %s here", bdf);
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/pciback/%s", bdf);
	if (access(path, F_OK))
		return sv_err_set(err, -EBUSY,
				  "PCI device %s is not pciback's: xl pci-assignable-add %s", bdf,
				  bdf);
	return 0;
}

static int check_devices(const libxl_physinfo *info, const libxl_domain_config *config,
			 struct sv_err *err)
{
	int i, rc = 0;

	if (config->num_pcidevs && !info->cap_hvm_directio)
		return sv_err_set(err, -EOPNOTSUPP,
				  "Xen finds no IOMMU here, so no PCI device can be handed over: "
				  "turn VT-d or AMD-Vi on in the firmware");
	for (i = 0; i < config->num_pcidevs && !rc; i++)
		rc = check_device(&config->pcidevs[i], err);
	return rc;
}

int sv_xl_check_able(struct sv_xl *xl, const libxl_domain_config *config, struct sv_err *err)
{
	libxl_physinfo info;
	int rc = 0;

	libxl_physinfo_init(&info);
	if (libxl_get_physinfo(xl->ctx, &info))
		rc = sv_xl_fail(xl, ERROR_FAIL, "asking what Xen can do here", err);
	rc = rc ?: check_type(&info, config, err);
	rc = rc ?: check_devices(&info, config, err);
	libxl_physinfo_dispose(&info);
	return rc;
}
