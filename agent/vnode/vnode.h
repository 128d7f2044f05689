/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_H
#define SV_AGENT_VNODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "loader/err.h"

/*
 * VNode drivers: the agent knows what carries a VNode only by struct sv_vnode_driver. A driver
 * keeps its state in the system (namespaces, cgroups, domains), never only in memory: whatever
 * another process of the same driver made is found again by list() and status().
 */

/* Tiers, in falling order of CPU weight; a VNode's tier follows the gate. */
enum sv_tier {
	SV_TIER_PRODUCTION = 0,
	SV_TIER_SHADOW = 1,
	SV_TIER_MONITOR = 2,
};

struct sv_vnode_iface {
	char name[16]; /* inside the VNode */
	char port[16]; /* the host's side: a port of the data plane */
	uint8_t mac[6]; /* inside the VNode; a clone has its original's */
	uint32_t mtu;
	uint32_t rate_kbit; /* egress of the VNode, shaped inside it by HTB; 0 = not shaped */
	bool xdp; /* the port is served by XDP: checksums are finished in the VNode, no TSO */
	char **addresses; /* "10.0.0.1/24", NULL-terminated */
};

/* A clone's own disk: its original's path, the clone's VNet and VNode. */
#define SV_VNODE_OWN_DISK "%s.svnet-%s-%s"

struct sv_vnode_spec {
	char vnet[32], name[32]; /* together the VNode's name, "A/r1" */
	char driver[16];
	enum sv_tier tier;
	uint32_t cpu_weight; /* 1 … 10000 within the tier, 100 = normal */
	size_t n_iface;
	struct sv_vnode_iface *iface;
	char **routes; /* as `ip route add` takes them: "10.0.3.0/24 via 10.0.12.2" */
	char **sysctls; /* "net.ipv4.ip_forward=1" */
	char **tc; /* lines for `tc -batch`, run after `rate_kbit`: "class add dev eth1 …" */
	char *nft; /* a ruleset for `nft -f -`, or NULL */
	char **program; /* argv of the operator's program, or NULL: nothing runs */
	char *xen; /* driver "xen": the domain, in JSON as agent/net/parse_xen.c prints it */
	char *json; /* what this was parsed from, canonical: two specs are equal when it is */
};

void sv_vnode_spec_fini(struct sv_vnode_spec *spec);
void sv_strv_free(char **strv);

enum sv_vnode_state {
	SV_VNODE_ABSENT = 0,
	SV_VNODE_DEFINED, /* its interfaces exist, nothing runs */
	SV_VNODE_RUNNING,
	SV_VNODE_PAUSED,
	SV_VNODE_FAILED, /* its keeper is gone, or its program does not stay up */
	SV_VNODE_MOVING, /* stands still, given to another host: the store says whose it is */
};

struct sv_vnode_status {
	char vnet[32], name[32], driver[16];
	enum sv_vnode_state state;
	enum sv_tier tier;
	pid_t pid; /* of the keeper, 0 = none */
	uint32_t restarts; /* of the operator's program */
	/* sv_vnode_spec.json of what was defined last; the caller's to free(). NULL with FAILED:
	 * only destroy() or define() can mend it, update() cannot. */
	char *spec_json;
	char note[128]; /* why FAILED, in words */
	char detail[320]; /* a JSON object of what the driver can say besides, "" = nothing */
};

struct sv_vnode_driver_ops;

/* One driver, opened for one host. `host` tells agents of one machine apart. */
struct sv_vnode_driver {
	const struct sv_vnode_driver_ops *ops;
	char host[32];
	char run_dir[96]; /* e.g. /run/svnet/host1: pid files, sockets, namespace files */
	char log_dir[96]; /* the programs' output: LOG_DIR/VNET.NAME.log */
	void *priv;
};

/*
 * All return 0 or -errno with err set; on failure nothing is left half-made. All can be called
 * again after a crash in the middle. They act in the agent's network namespace.
 */
struct sv_vnode_driver_ops {
	const char *name;
	const char *folder; /* of RUN_DIR, its VNodes' folders are there */
	int (*open)(struct sv_vnode_driver *drv, struct sv_err *err);
	void (*close)(struct sv_vnode_driver *drv);
	/* Makes the VNode with its interfaces; host sides exist, are quiet (no addresses, no ARP,
	 * no IPv6) and DOWN: the agent brings them up when the data plane is in place. -EEXIST: as
	 * is. */
	int (*define)(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		      struct sv_err *err);
	/* The same, from the running VNode `source` of the same driver: addresses, MACs, routes,
	 * rules, neighbours, sysctls, qdiscs, nftables; then what differs between spec and the
	 * source's own spec on top. What was not copied is written to `report`, a line each. */
	int (*clone)(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		     const char *source_vnet, const char *source_name, FILE *report,
		     struct sv_err *err);
	/* Brings a VNode that exists to another spec, touching only what differs. */
	int (*update)(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		      struct sv_err *err);
	/* The operator's program; kept running, restarted with back-off, its output in the log. */
	int (*start)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		     struct sv_err *err);
	int (*stop)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    struct sv_err *err);
	int (*pause)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		     struct sv_err *err);
	int (*resume)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_err *err);
	/* Writes what clone() would copy to `file`. */
	int (*snapshot)(struct sv_vnode_driver *drv, const char *vnet, const char *name, FILE *file,
			struct sv_err *err);
	/* CPU weight and the receive work's place (threaded NAPI) for a tier. */
	int (*set_tier)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
			enum sv_tier tier, struct sv_err *err);
	/* Removes everything; also of a VNode that is half there. Not there: 0. */
	int (*destroy)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       struct sv_err *err);
	int (*status)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		      struct sv_vnode_status *status, struct sv_err *err);
	/* Every VNode of this driver and host. *out: n entries, each .spec_json to free(), then
	 * free(). */
	int (*list)(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		    struct sv_err *err);
	/* Runs argv inside with the given descriptors as 0, 1, 2; returns at once with the pid, a
	 * child of the caller. */
	int (*exec)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    char *const argv[], const int fds[3], pid_t *pid, struct sv_err *err);
	/* May be NULL: it has none. The same for its console, where nobody gives a command. */
	int (*console)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		       const int fds[3], pid_t *pid, struct sv_err *err);
	/*
	 * May be NULL, all four: to another host, with the state that it runs in, over a stream
	 * (agent/move.h). send(): 0 = the other host has it, what is left here is for destroy();
	 * -EINPROGRESS = not known, it stands still (MOVING) until stay() or destroy(); any other
	 * error: it goes on. *pause_ms: for how long it has stood still.
	 */
	int (*send)(struct sv_vnode_driver *drv, const char *vnet, const char *name, int fd,
		    uint32_t *pause_ms, struct sv_err *err);
	int (*stay)(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    struct sv_err *err);
	/* Room for one that comes; then it, DEFINED. Taken back by destroy(). */
	int (*expect)(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		      struct sv_err *err);
	int (*receive)(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec, int fd,
		       struct sv_err *err);
	/* May be NULL, or -errno: it tells nothing by itself. A descriptor, the driver's, that
	 * becomes readable when a VNode may have changed its state; what has is for list() to
	 * say. */
	int (*event_fd)(struct sv_vnode_driver *drv);
	void (*event_drain)(struct sv_vnode_driver *drv);
};

/* NULL: no such driver. The one list of drivers is in vnode.c. */
const struct sv_vnode_driver_ops *sv_vnode_driver_find(const char *name);

#endif
