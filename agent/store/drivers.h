/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_STORE_DRIVERS_H
#define SV_AGENT_STORE_DRIVERS_H

#include "store.h"

extern const struct sv_store_ops sv_store_file;

#endif
