// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <time.h>

#include "bpf/lib/gate.h" /* the kernel's own decision: user space must not have another */
#include "internal.h"

static int check_group(__u16 group, struct sv_err *err)
{
	if (group >= SV_GROUP_MAX)
		return sv_err_set(err, -EINVAL, "group slot %u is out of range", group);
	return 0;
}

int sv_gate_set(struct sv_plane *plane, __u16 group, int slot, __u64 word, struct sv_err *err)
{
	__u32 key = 2 * group + slot;
	int rc = check_group(group, err);

	if (!rc && slot != 0 && slot != 1)
		rc = sv_err_set(err, -EINVAL, "a group has the slots 0 and 1, not %d", slot);
	return rc ?: sv_map_set(plane, SV_MAP_GATE, &key, &word, err);
}

int sv_gate_get(struct sv_plane *plane, __u16 group, __u64 word[2], struct sv_err *err)
{
	__u32 first = 2 * group, second = first + 1;
	__u64 now[2];
	int rc = check_group(group, err);

	rc = rc ?: sv_map_get(plane, SV_MAP_GATE, &first, &now[0], err);
	rc = rc ?: sv_map_get(plane, SV_MAP_GATE, &second, &now[1], err);
	if (rc)
		return rc;
	word[0] = now[0];
	word[1] = now[1];
	return 0;
}

int sv_gate_seen(struct sv_plane *plane, __u16 group, struct sv_gate_seen *seen, struct sv_err *err)
{
	__u32 key = group;
	int rc = check_group(group, err);

	return rc ?: sv_map_get(plane, SV_MAP_GATE_SEEN, &key, seen, err);
}

__u8 sv_gate_role(const __u64 word[2], __u64 now_us)
{
	return sv_gate_decide(word[0], word[1], now_us);
}

__u64 sv_gate_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (__u64)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
