/* SPDX-License-Identifier: GPL-2.0-only */
/* What this machine must be able to for a domain, said before libxl is asked for it. */
#include <errno.h>
#include <string.h>

#include "xl.h"

static int check_type(struct sv_xl *xl, const libxl_domain_config *config, struct sv_err *err)
{
	bool pv = config->c_info.type == LIBXL_DOMAIN_TYPE_PV, able;
	libxl_physinfo info;

	libxl_physinfo_init(&info);
	if (libxl_get_physinfo(xl->ctx, &info))
		return sv_xl_fail(xl, ERROR_FAIL, "asking what Xen can do here", err);
	able = pv ? info.cap_pv : info.cap_hvm;
	libxl_physinfo_dispose(&info);
	if (able)
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

int sv_xl_check_able(struct sv_xl *xl, const libxl_domain_config *config, struct sv_err *err)
{
	int i, rc = check_type(xl, config, err);

	for (i = 0; i < config->num_pcidevs && !rc; i++)
		rc = check_device(&config->pcidevs[i], err);
	return rc;
}
