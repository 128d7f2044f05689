/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_VNODE_XEN_H
#define SV_AGENT_VNODE_XEN_H

#include <cjson/cJSON.h>

#include "netns.h"

/*
 * What the files of the Xen driver share. libxl is in a program of its own, svnet-xl
 * (agent/xl/xl.h), started for each request and killed when it is late.
 *
 * A VNode is its folder, RUN_DIR/xen/VNET.NAME:
 *
 *	domain		struct sv_xen_record in JSON, written before there is a domain
 *	spec.json	what was defined last; not there: half-made
 */

/* How long requests may take. */
enum { SV_XEN_QUICK_MS = 20000, SV_XEN_RECOVER_MS = 30000, SV_XEN_DESTROY_MS = 60000 };

/* One driver. */
struct sv_xen {
	char helper[PATH_MAX]; /* "" = not installed */
	char why[160]; /* no domain can be made here, and why; "" = it can */
	int events[2]; /* a pipe from `svnet-xl events`, whichever of them runs */
	int timer; /* until somebody may be restarted */
	int poll; /* both of them */
	pid_t watcher;
};

struct sv_xen_record {
	char uuid[40]; /* of its domain, there or not yet */
	bool started; /* a domain that is paused: the operator paused it */
	bool stopped; /* by the operator: not to be taken for a crash */
	uint32_t restarts; /* after the guest crashed or ended itself */
	char ended[16]; /* how its last domain did: "crashed", …; "" = it has not */
	uint64_t restarted_s; /* when it was made again or started last, CLOCK_BOOTTIME */
	double ms_per_mib; /* how long it stood still when it was cloned last, 0 = never */
	double pause_ms, estimate_ms; /* of the domain that this one was cloned from */
	uint32_t clones_failed; /* in a row; it may have stood still for each of them */
	uint64_t cloned_s; /* when the last began, CLOCK_BOOTTIME */
	char clone_why[160]; /* it failed */
	cJSON *disks; /* copies that go with it, as svnet-xl takes them; NULL = none */
};
void sv_xen_record_fini(struct sv_xen_record *record);

/* ---- xen_record.c ---- */
/* -ENOENT, -EINVAL: there is none. */
int sv_xen_load(const struct sv_vn *vn, struct sv_xen_record *record);
int sv_xen_save(const struct sv_vn *vn, const struct sv_xen_record *record, struct sv_err *err);
/* A VNode that there is, with its record and, unless spec is NULL, what was defined
 * last. -ENOENT. */
int sv_xen_open(struct sv_vn *vn, struct sv_vnode_driver *drv, const char *vnet, const char *name,
		struct sv_xen_record *record, struct sv_vnode_spec *spec, struct sv_err *err);
void sv_xen_uuid(char uuid[40]);
uint64_t sv_xen_uptime_s(void); /* CLOCK_BOOTTIME, as a record's times are */

/* ---- xen_request.c: pure ---- */
/* A domain as svnet-xl takes it. */
cJSON *sv_xen_domain(const struct sv_vnode_spec *spec, const char *uuid, const char *host,
		     const char *script);
/* For credit2: tiers weighed against each other, Xen's own 256 for production at 100. */
uint32_t sv_xen_weight(enum sv_tier tier, uint32_t cpu_weight);
/* Of spec->xen; "" and 0 when not there. */
cJSON *sv_xen_parse(const struct sv_vnode_spec *spec);
const char *sv_xen_str(const cJSON *object, const char *key);
double sv_xen_num(const cJSON *object, const char *key);
/* A member of "xen" or an interface that a running domain cannot be changed in; NULL: none. */
const char *sv_xen_fixed(const struct sv_vnode_spec *from, const struct sv_vnode_spec *to);
/* The same for a clone and its original: memory has a shape. */
const char *sv_xen_unlike(const struct sv_vnode_spec *source, const struct sv_vnode_spec *clone);
enum sv_xen_policy { SV_XEN_NEVER, SV_XEN_ON_CRASH, SV_XEN_ALWAYS };
/* Is a domain that ended like this ("crashed", "poweroff", …, "gone") to be made again? */
bool sv_xen_restarts(const struct sv_vnode_spec *spec, const char *state);
/* How long to wait before restart number n, in seconds; or, after n clones in vain,
 * before another. */
uint32_t sv_xen_backoff(uint32_t n);

/* ---- xen_disk.c ---- */
/* Gives a clone's writable disks paths of their own in spec->xen. *copies: what is to be copied
 * from `source`, as svnet-xl takes it, the caller's. -EINVAL: a disk that does not say how. */
int sv_xen_own_disks(struct sv_vnode_spec *spec, const struct sv_vnode_spec *source, cJSON **copies,
		     struct sv_err *err);
/* The same paths again, of which the network file knows nothing. copies may be NULL. */
int sv_xen_keep_disks(struct sv_vnode_spec *spec, const cJSON *copies);
/* Takes those out of copies (may be NULL) that the network file names: they go with no domain any
 * more. Were there any? */
bool sv_xen_give_disks(const struct sv_vnode_spec *spec, cJSON *copies);
/* Its disks are there and nobody else's; where `copies` (may be NULL) are to be, nothing is. */
int sv_xen_check_disks(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		       const struct sv_vnode_spec *spec, const cJSON *copies, struct sv_err *err);
int sv_xen_remove_disks(const cJSON *copies, struct sv_err *err);

/* ---- xen_call.c ---- */
/*
 * One request to a helper, which may hang or die: after `ms`, or sooner if it says so (xl.h), it
 * is killed with what it has started. Its messages go to `log`. fd (-1: none) is its descriptor 3.
 * 0, or -errno with what the helper said; *reply (the caller's, may be NULL) is set on success
 * only. -ETIMEDOUT, -EPIPE: it had to be killed, or died: what it did is not known.
 */
int sv_xen_call(const char *helper, const char *log, const cJSON *request, int fd, int ms,
		cJSON **reply, struct sv_err *err);

/* ---- xen_host.c ---- */
int sv_xen_host_open(struct sv_vnode_driver *drv, struct sv_err *err);
void sv_xen_host_close(struct sv_vnode_driver *drv);
/* A request of this driver; takes `request`. -ENODEV: no Xen, or no svnet-xl. */
int sv_xen_ask(struct sv_vnode_driver *drv, const char *op, cJSON *request, int fd, int ms,
	       cJSON **reply, struct sv_err *err);
/* A request about one domain, and asking it. */
cJSON *sv_xen_about(const char *uuid);
int sv_xen_ask_about(struct sv_vnode_driver *drv, const char *op, const char *uuid, int ms,
		     struct sv_err *err);
/* Can there be domains? */
bool sv_xen_host_is(const struct sv_vnode_driver *drv);
int sv_xen_event_fd(struct sv_vnode_driver *drv);
/* One is told of as if something had happened: there will be something to do. */
void sv_xen_event_in(struct sv_vnode_driver *drv, uint32_t seconds);
void sv_xen_event_drain(struct sv_vnode_driver *drv);

/* ---- xen_status.c ---- */
/* "running", "paused", "moving", "crashed", "poweroff", "reboot", "watchdog", "gone". */
int sv_xen_state(struct sv_vnode_driver *drv, const struct sv_xen_record *record, char state[16],
		 struct sv_err *err);
/* The same, and Xen's number for it; 0: gone. */
int sv_xen_look(struct sv_vnode_driver *drv, const struct sv_xen_record *record, char state[16],
		uint32_t *domid, struct sv_err *err);
/* Of such a state: has it ended, and how in words? */
bool sv_xen_is_dead(const char *state);
const char *sv_xen_told(const char *state);
int sv_xen_status(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		  struct sv_vnode_status *status, struct sv_err *err);
int sv_xen_list(struct sv_vnode_driver *drv, struct sv_vnode_status **out, size_t *n,
		struct sv_err *err);

/* ---- xen_net.c ---- */
int sv_xen_net_wait_gone(const struct sv_vnode_spec *spec, struct sv_err *err);
/* -EBUSY: a port's name is another device's. */
int sv_xen_net_check_free(const struct sv_vnode_spec *spec, struct sv_err *err);
/* A running domain's vifs have their names. -EAGAIN: one had not, has it again, and is DOWN. */
int sv_xen_net_mend(const struct sv_vnode_spec *spec, uint32_t domid, struct sv_err *err);
int sv_xen_net_set_mtus(const struct sv_vnode_spec *from, const struct sv_vnode_spec *to,
			struct sv_err *err);
/* Another tier than the spec's while a vif is not served where that has it. */
enum sv_tier sv_xen_net_tier(const struct sv_vnode_spec *spec);
int sv_xen_net_place(const struct sv_vnode_spec *spec, struct sv_err *err);

/* ---- xen_clone.c ---- */
int sv_xen_clone(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		 const char *source_vnet, const char *source_name, FILE *report,
		 struct sv_err *err);
int sv_xen_snapshot(struct sv_vnode_driver *drv, const char *vnet, const char *name, FILE *file,
		    struct sv_err *err);
/* What svnet-xl saves memory by, and how long that may take. */
cJSON *sv_xen_saving(const struct sv_vnode_spec *spec, const struct sv_xen_record *record);
int sv_xen_patience(const struct sv_vnode_spec *spec);

/* ---- xen_migrate.c ---- */
int sv_xen_send(struct sv_vnode_driver *drv, const char *vnet, const char *name, int fd,
		uint32_t *pause_ms, struct sv_err *err);
int sv_xen_stay(struct sv_vnode_driver *drv, const char *vnet, const char *name,
		struct sv_err *err);
int sv_xen_expect(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		  struct sv_err *err);
int sv_xen_receive(struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec, int fd,
		   struct sv_err *err);
/* -EINVAL: what of it stays on its host. */
int sv_xen_check_movable(const struct sv_vnode_spec *spec, const struct sv_xen_record *record,
			 struct sv_err *err);

/* ---- xen.c ---- */
/* Its folder, its record with a new UUID, its ports free. */
int sv_xen_prepare(struct sv_vn *vn, struct sv_vnode_driver *drv, const struct sv_vnode_spec *spec,
		   struct sv_xen_record *record, struct sv_err *err);
/* What can be known before the first call of libxl. */
int sv_xen_check(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		 const struct sv_vnode_spec *spec, struct sv_err *err);
int sv_xen_create(const struct sv_vn *vn, struct sv_vnode_driver *drv,
		  const struct sv_vnode_spec *spec, const struct sv_xen_record *record,
		  struct sv_err *err);
int sv_xen_tear_down(const struct sv_vn *vn, struct sv_vnode_driver *drv, struct sv_err *err);

#endif
