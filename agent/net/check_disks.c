// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "internal.h"

/*
 * Two writers ruin a disk, and so does one that is read meanwhile. A shadow's disks are its
 * original's here, and copies of them on its host: the driver sees to those.
 */

struct disk {
	const struct sv_net_vnet *vnet;
	const struct sv_net_vnode *vnode;
	char *path;
	int number; /* in its VNode's list */
	bool readonly;
};

struct disks {
	struct disk *disk;
	size_t n;
};

static void disks_fini(struct disks *disks)
{
	for (size_t i = 0; i < disks->n; i++)
		free(disks->disk[i].path);
	free(disks->disk);
}

static const struct disk *find_other(const struct disks *disks, const struct disk *like)
{
	for (size_t i = 0; i < disks->n; i++) {
		const struct disk *disk = &disks->disk[i];

		if (disk->vnode->host == like->vnode->host && !strcmp(disk->path, like->path) &&
		    (!disk->readonly || !like->readonly))
			return disk;
	}
	return NULL;
}

static void check_disk(struct sv_load *l, const struct disks *disks, const struct disk *disk)
{
	const struct sv_path *vnet = SV_PATH(SV_PATH(NULL, "vnets"), disk->vnet->name);
	const struct sv_path *vnode = SV_PATH(SV_PATH(vnet, "vnodes"), disk->vnode->spec.name);
	const struct disk *other = find_other(disks, disk);
	char key[16];

	snprintf(key, sizeof(key), "[%d]", disk->number);
	if (other)
		sv_load_bad(l,
			    SV_PATH(SV_PATH(SV_PATH(SV_PATH(vnode, "xen"), "disks"), key), "path"),
			    "%s is a disk of %s/%s, and one of the two writes to it", disk->path,
			    other->vnet->name, other->vnode->spec.name);
}

static void add_disks(struct sv_load *l, struct disks *disks, const struct sv_net_vnet *vnet,
		      const struct sv_net_vnode *vnode)
{
	_cleanup_json_ cJSON *xen = vnode->spec.xen ? cJSON_Parse(vnode->spec.xen) : NULL;
	const cJSON *json;
	int number = 0;

	cJSON_ArrayForEach (json, sv_json_get(xen, "disks")) {
		struct disk disk = { .vnet = vnet, .vnode = vnode, .number = number++ };
		struct disk *slot;

		disk.path = strdup(sv_json_str(json, "path") ?: "");
		disk.readonly = cJSON_IsTrue(sv_json_get(json, "readonly"));
		if (disk.path && disk.path[0])
			check_disk(l, disks, &disk);
		slot = disk.path ? sv_grow(&disks->disk, &disks->n, sizeof(*slot)) : NULL;
		if (slot)
			*slot = disk;
		else
			free(disk.path);
		l->nomem |= !slot;
	}
}

void sv_load_check_disks(struct sv_load *l)
{
	_cleanup_(disks_fini) struct disks disks = { 0 };

	for (size_t v = 0; v < l->net->n_vnet; v++)
		for (size_t n = 0; n < l->net->vnet[v].n_vnode; n++)
			if (l->net->vnet[v].kind == SV_VNET_PRODUCTION)
				add_disks(l, &disks, &l->net->vnet[v], &l->net->vnet[v].vnode[n]);
}
