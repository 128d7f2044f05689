/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_NETNS_H
#define SV_AGENT_VNODE_NETNS_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "loader/cleanup.h"
#include "vnode.h"

/* What the files of the netns driver share. A VNode is its folder, RUN_DIR/vnode/VNET.NAME:
 *
 *	pid		"PID START" of its keeper, svnet-vinit, PID 1 of its namespaces
 *	ports		host-side devices it may have, a line each; written before they are made
 *	spec.json	what was defined last; not there: half-made
 *	program, ctl, status	the keeper's, see vinit.c
 *	sysctls		what the specification's sysctls were before, NAME=VALUE a line
 *	net		symbolic link to the network namespace, for `nsenter --net=`
 */
struct sv_vn {
	const struct sv_vnode_driver *drv;
	char vnet[32], name[32];
	char tag[72]; /* VNET.NAME, a dot inside of either being a "=" */
	char dir[200];
};
int sv_vn_init(struct sv_vn *vn, const struct sv_vnode_driver *drv, const char *vnet,
	       const char *name, struct sv_err *err);
/* -EINVAL: it is no VNode's. */
int sv_vn_split(const char *tag, char vnet[32], char name[32]);

/* ---- files.c ---- */

int sv_vn_write(const struct sv_vn *vn, const char *file, const char *text, size_t len);
/* The whole file, NUL-terminated, the caller's; NULL with errno. */
char *sv_file_read(const char *path);
char *sv_vn_read(const struct sv_vn *vn, const char *file);
bool sv_vn_has(const struct sv_vn *vn, const char *file);
int sv_vn_mkdir(const struct sv_vn *vn, struct sv_err *err);
void sv_vn_rmdir(const struct sv_vn *vn);

/* ---- spec.c ---- */

/* A specification as the driver keeps it. from_text: -EINVAL when the text is not one. */
char *sv_spec_to_text(const struct sv_vnode_spec *spec);
int sv_spec_from_text(struct sv_vnode_spec *spec, const char *text);
int sv_spec_copy(struct sv_vnode_spec *to, const struct sv_vnode_spec *from);
/* What the kernel would take for something else, or not at all. */
int sv_spec_check(const struct sv_vnode_spec *spec, struct sv_err *err);
const struct sv_vnode_iface *sv_spec_iface(const struct sv_vnode_spec *spec, const char *name);
bool sv_strv_has(char *const *strv, const char *s);
bool sv_strv_same(char *const *a, char *const *b);
/* The word after `dev` in a line for tc or ip; false: there is none. */
bool sv_line_dev(const char *line, char dev[16]);

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

/* 0: none is alive. */
pid_t sv_keeper_pid(const struct sv_vn *vn);
int sv_keeper_start(const struct sv_vn *vn, struct sv_err *err);
/* Kills the keeper and with it everything in its PID namespace. */
int sv_keeper_kill(const struct sv_vn *vn, struct sv_err *err);
int sv_keeper_tell(const struct sv_vn *vn, const char *what, struct sv_err *err);
/* The keeper's network namespace, -errno when it is gone. */
int sv_keeper_netns(const struct sv_vn *vn);

struct sv_keeper_status {
	bool wanted;
	pid_t program;
	uint32_t restarts, quick_exits;
	char last[64];
};
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
bool sv_link_exists(const char *name);
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

int sv_napi_set_threaded(const struct sv_vn *vn, pid_t keeper, const char *dev, bool threaded,
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
