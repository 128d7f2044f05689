/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_FDB_H
#define SV_MAPS_FDB_H

#include "schema.h"

/* sv_fdb: LRU hash, where a MAC address was last seen; only segments of three or more members. */
struct sv_fdb_key {
	__u32 segment;
	__u8 mac[6];
	__u16 pad;
};
SV_ASSERT_SIZE(sv_fdb_key, 12);

struct sv_fdb {
	__u32 member; /* 1 … members */
};
SV_ASSERT_SIZE(sv_fdb, 4);

#endif
