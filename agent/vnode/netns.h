/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_NETNS_H
#define SV_AGENT_VNODE_NETNS_H

#include <limits.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "vn.h"

/* What the files of the netns driver share. In a VNode's folder, beside what vn.h says:
 *
 *	pid		"PID START" of its keeper, svnet-vinit, PID 1 of its namespaces
 *	ports		host-side devices it may have, a line each; written before they are made
 *	program, ctl, status	the keeper's, see vinit.c
 *	sysctls		what the specification's sysctls were before, NAME=VALUE a line
 *	net		symbolic link to the network namespace, for `nsenter --net=`
 */
/* ---- netns_shell.c ---- */

/* A VNode but for what is inside: folder, names of its devices, program, cgroup, keeper. Returns
 * its network namespace. */
int sv_shell_make(const struct sv_vn *vn, const struct sv_vnode_spec *spec, struct sv_err *err);
/* Makes room for it: -EEXIST when it is there, what is half-made goes. */
int sv_shell_prepare(struct sv_vn *vn, const struct sv_vnode_driver *drv,
		     const struct sv_vnode_spec *spec, struct sv_err *err);
/* rc; what failed leaves nothing. */
int sv_shell_finish(const struct sv_vn *vn, int rc, struct sv_err *err);
int sv_shell_tear_down(const struct sv_vn *vn, struct sv_err *err);
/* -ENOENT: there is none, or it has failed; any other error: that cannot be told now. */
int sv_shell_check(const struct sv_vn *vn, struct sv_err *err);
int sv_shell_load_spec(const struct sv_vn *vn, struct sv_vnode_spec *spec, struct sv_err *err);
/* The devices of both, `from` NULL: of one, may be its own from here on. -EBUSY: another's. */
int sv_shell_claim_ports(const struct sv_vn *vn, const struct sv_vnode_spec *from,
			 const struct sv_vnode_spec *to, struct sv_err *err);
int sv_shell_save_program(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
			  struct sv_err *err);
/* Of its interfaces: production's in softirqs, others' in threads of low priority. */
int sv_shell_place_receive_work(const struct sv_vn *vn, const struct sv_vnode_spec *spec,
				enum sv_tier tier, struct sv_err *err);

/* ---- netns_clone.c, netns_status.c: of the table in netns.c ---- */

int sv_netns_clone(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		   const char *source_vnet, const char *source_name, FILE *report,
		   struct sv_err *err);
int sv_netns_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		    struct sv_vnode_status *status, struct sv_err *err);
int sv_netns_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		  struct sv_err *err);

/* ---- ns.c ---- */

/* The calling thread is in another network namespace between enter and leave. */
struct sv_ns_guard {
	int back; /* -1: nothing to leave */
};
int sv_ns_enter(struct sv_ns_guard *guard, int netns);
void sv_ns_leave(struct sv_ns_guard *guard);
#define _cleanup_ns_ _cleanup_(sv_ns_leave)

/* A socket, or a file of /proc/sys, of that namespace. */
int sv_ns_socket(int netns, int family, int type, int protocol);
/* A sysfs of the caller's own namespace that is mounted nowhere: /sys may be another's. */
int sv_ns_sysfs(void);

/*
 * Runs argv in a network namespace with `input` as its standard input. 0, or -errno, or the exit
 * status as -EIO; `out` (may be NULL) gets its output, `complaint` its standard error.
 */
int sv_ns_run(int netns, char *const argv[], const char *input, char **out, char **complaint);
/* -ETIMEDOUT after `ms` (sv_ns_run: 20 s): it is killed then, and the complaint says so. */
int sv_ns_run_for(int netns, char *const argv[], const char *input, char **out, char **complaint,
		  int ms);

/* ---- keeper.c ---- */

/* 0: none is alive. -errno: that cannot be told now. */
pid_t sv_keeper_pid(const struct sv_vn *vn);
int sv_keeper_start(const struct sv_vn *vn, struct sv_err *err);
/* Kills the keeper and with it everything in its PID namespace. */
int sv_keeper_kill(const struct sv_vn *vn, struct sv_err *err);
int sv_keeper_tell(const struct sv_vn *vn, const char *what, struct sv_err *err);
/* The keeper's network namespace, or the keeper itself; *keeper (may be NULL): its number. -ESRCH:
 * it is gone. */
int sv_keeper_netns(const struct sv_vn *vn, pid_t *keeper, struct sv_err *err);
int sv_keeper_pidfd(const struct sv_vn *vn, struct sv_err *err);

struct sv_keeper_status {
	bool wanted;
	pid_t program;
	uint32_t restarts, quick_exits;
	char last[64];
};
/* -ENOENT, -EINVAL: it says none. */
int sv_keeper_status(const struct sv_vn *vn, struct sv_keeper_status *status);

/* ---- cgroup.c ---- */

int sv_cgroup_make(const struct sv_vn *vn, enum sv_tier tier, uint32_t cpu_weight,
		   struct sv_err *err);
/* The calling process joins; for a child after fork(). */
int sv_cgroup_join(const struct sv_vn *vn);
/* Moves every process of the VNode to another tier; makes what is missing. */
int sv_cgroup_move(const struct sv_vn *vn, enum sv_tier tier, uint32_t cpu_weight,
		   struct sv_err *err);
int sv_cgroup_freeze(const struct sv_vn *vn, bool freeze, struct sv_err *err);
bool sv_cgroup_frozen(const struct sv_vn *vn);
/* Where it is; false: nowhere. */
bool sv_cgroup_tier(const struct sv_vn *vn, enum sv_tier *tier);
/* Kills what is left and removes the groups. */
int sv_cgroup_remove(const struct sv_vn *vn, struct sv_err *err);

/* ---- link.c, offload.c, napi.c ---- */

int sv_link_make(const struct sv_vn *vn, int netns, const struct sv_vnode_iface *iface,
		 struct sv_err *err);
/* Deletes a device of the agent's namespace and waits until it is gone; not there: 0. */
int sv_link_delete(const char *name, struct sv_err *err);
/* True also when that cannot be told now: what may be there is not made anew. */
bool sv_link_exists(const char *name);
/* Leaves it DOWN: it comes up again as any other, when what it carries is in place. */
int sv_link_rename(const char *from, const char *to);
/* What the agent's namespace calls the other end of the veth `dev` of `netns`. -ENOENT: it has
 * none. */
int sv_link_peer(int netns, const char *dev, char name[IFNAMSIZ]);
/* mac NULL, mtu 0: as is. `dev` is in `netns`, -1 for the agent's. */
int sv_link_set(int netns, const char *dev, const uint8_t *mac, uint32_t mtu, struct sv_err *err);
/* The longest merged packet that interfaces take in, and the most segments that one lets out. */
int sv_link_set_merge(int netns, const char *dev, uint32_t gro_bytes, uint32_t gso_segs,
		      struct sv_err *err);

/* What traps 1 to 3 ask of a VNode's own interface. */
int sv_offload_set_inside(int netns, const char *dev, bool xdp, struct sv_err *err);
int sv_offload_set(int netns, const char *dev, const char *feature, bool on);
/* The kernel's delayed news about the carrier are delivered now. */
void sv_offload_sync_carrier(int netns, const char *dev);

int sv_napi_set_threaded(const struct sv_vn *vn, const char *dev, bool threaded,
			 struct sv_err *err);
/* Of a device of the caller's own namespace, which must be up. */
int sv_napi_set_threaded_here(const char *dev, bool threaded, struct sv_err *err);
/* A vif is served by threads of its own from when its guest connects to it: at low priority, or in
 * production's softirq and at its priority. */
bool sv_napi_vif_is_misplaced(const char *dev, bool aside);
int sv_napi_place_vif(const char *dev, bool aside, struct sv_err *err);

/* ---- config.c, shape.c, sysctl.c ---- */

/* Brings a VNode from one specification to another; `from` NULL: from nothing. */
int sv_config_apply(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *from,
		    const struct sv_vnode_spec *to, struct sv_err *err);

/* Lines for `ip -batch` or `tc -batch`, each with what to call it in an error. */
struct sv_batch {
	char *text;
	char **what;
	size_t n, len;
};
int sv_batch_add(struct sv_batch *batch, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int sv_batch_run(struct sv_batch *batch, int netns, const char *tool, struct sv_err *err);
void sv_batch_fini(struct sv_batch *batch);

int sv_shape_apply(const struct sv_vn *vn, int netns, const struct sv_vnode_spec *from,
		   const struct sv_vnode_spec *to, struct sv_err *err);

/* "net.ipv4.conf.eth0/5.x": a slash stands for a dot of a name, as sysctl(8) has it. */
int sv_sysctl_path(const char *name, size_t len, char *path, size_t size);
int sv_sysctl_write(int netns, const char *assignment, struct sv_err *err);
/* The value that an assignment would replace, the caller's; NULL: it has none to read. */
char *sv_sysctl_read(int netns, const char *assignment);
/* Quietly: what is not there is not there. */
void sv_sysctl_try(int netns, const char *path, const char *value);

/* ---- clone.c ---- */

/* `copied`: the clone's devices; they exist and have nothing yet. */
int sv_clone_copy(const struct sv_vn *from, int from_ns, const struct sv_vn *to, int to_ns,
		  const struct sv_vnode_spec *copied, FILE *report, struct sv_err *err);

/* ---- snapshot.c ---- */

int sv_snapshot_write(const struct sv_vn *vn, int netns, FILE *file, struct sv_err *err);

#endif
