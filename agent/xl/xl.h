/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_XL_H
#define SV_AGENT_XL_H

#include <cjson/cJSON.h>
#include <libxl.h>
#include <stdbool.h>

#include "loader/cleanup.h"
#include "loader/err.h"

/*
 * svnet-xl, the one program that links libxenlight. A process lives for one request: a line of
 * JSON on its standard input, one on its standard output,
 *
 *	{"op": "create", "lock": DIR, …}	{"domid": 7} or {"error": TEXT, "errno": 22}
 *
 * so that whoever waits for it can kill it at any moment. Before its answer it may say
 *
 *	{"within_ms": 5000}
 *
 * and is to be killed when its next line has not come by then (0: as before): a helper that hangs
 * while production stands still must not have as long as one that works. It goes on when who
 * asked is gone, and holds the lock until it has ended: production must not stay suspended
 * because an agent died.
 *
 * A domain in a request:
 *
 *	{"name", "uuid", "mark": "HOST VNET NODE", "type": "pv|pvh|hvm", "kernel", "ramdisk",
 *	 "cmdline", "memory": MiB, "vcpus", "cpus": "0-3,5", "weight", "cap", "script": PATH,
 *	 "nics": [{"mac", "ifname", "mtu", "rate_kbit"}],
 *	 "disks": [{"path", "format", "device", "readonly"}], "pci": ["0000:03:00.0"]}
 *
 * Domains are told by their UUIDs, which the caller chooses and writes down before there is one.
 */
struct sv_xl {
	libxl_ctx *ctx;
	char complaint[256]; /* libxl's first error of this request */
	int fd; /* what the caller passed along, -1 = nothing */
};

/* ---- main.c ---- */
/* Whoever waits for the answer is told when to wait no longer. */
void sv_xl_promise(uint32_t ms);

/* ---- config.c: a request's domain as libxl's; calls nothing that needs Xen ---- */
int sv_xl_config(libxl_domain_config *config, const cJSON *domain, struct sv_err *err);
/* "0-3,5" into a bitmap of its own. */
int sv_xl_cpus(libxl_bitmap *map, const char *text);

/* ---- able.c ---- */
/* -EOPNOTSUPP, -ENODEV, -EBUSY: this machine has not what it takes, and what to do. */
int sv_xl_check_able(struct sv_xl *xl, const libxl_domain_config *config, struct sv_err *err);

/* ---- domain.c ---- */
int sv_xl_list(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
int sv_xl_create(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
int sv_xl_pause(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
int sv_xl_unpause(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
int sv_xl_shutdown(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
int sv_xl_destroy(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
int sv_xl_sched(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
int sv_xl_print(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);

/* The domain of request.uuid. -ENOENT: there is none, or it is dying. */
int sv_xl_find(struct sv_xl *xl, const cJSON *request, libxl_dominfo *info, struct sv_err *err);
/* Is there room for a domain more? */
int sv_xl_check_memory(struct sv_xl *xl, uint64_t kib, struct sv_err *err);
/* libxl's error code and complaint as ours. */
int sv_xl_fail(struct sv_xl *xl, int rc, const char *what, struct sv_err *err);
bool sv_xl_is_suspended(const libxl_dominfo *info);
/* Lets a domain that was suspended for a checkpoint go on. */
int sv_xl_resume(struct sv_xl *xl, uint32_t domid, struct sv_err *err);

/* ---- checkpoint.c ---- */
/* The memory of a running domain into the passed descriptor. */
int sv_xl_checkpoint(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
/* The same, and a paused domain made from it. */
int sv_xl_clone(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
/* A domain from the stream in the passed descriptor. */
int sv_xl_restore(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
/* After somebody was killed in a checkpoint, or the move of a domain was called off. */
int sv_xl_recover(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);

/* Is there something to save? */
int sv_xl_check_source(const libxl_dominfo *info, struct sv_err *err);
/* -EBUSY: it would stand still for longer than request.pause_limit_ms. fd: where memory goes to. */
int sv_xl_check_estimate(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info, int fd,
			 cJSON *reply, struct sv_err *err);
typedef int sv_xl_held_fn(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info,
			  struct sv_err *err);
/* Suspended, its memory saved, and then `then`: it stands still. If anything fails, it goes on.
 * *since: when it was suspended. */
int sv_xl_hold(struct sv_xl *xl, const cJSON *request, const libxl_dominfo *info, int fd,
	       sv_xl_held_fn *then, uint64_t *since, struct sv_err *err);
void sv_xl_add_pause(cJSON *reply, uint64_t since, const libxl_dominfo *info);

/* ---- migrate.c ---- */
/* The memory of a running domain, and with its last word the domain, into the passed stream. 0: its
 * receiver has it. -EINPROGRESS: not known; it stands still until somebody says "recover" or
 * "destroy". Any other: it goes on. */
int sv_xl_send(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
/* Could request.domain be here? */
int sv_xl_room(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
/* A paused domain from such a stream. */
int sv_xl_receive(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);
bool sv_xl_is_moving(uint32_t domid);
/* It is not any more. */
int sv_xl_stay(uint32_t domid);

/* ---- pause.c: how long a domain stands still ---- */
struct sv_xl_watch;
/* Kills the saving when the domain has been suspended for limit_ms (0: never). */
struct sv_xl_watch *sv_xl_watch_start(uint32_t domid, uint32_t limit_ms);
/* *cut: it was over its limit. Returns since when it was suspended (CLOCK_MONOTONIC), 0 = never. */
uint64_t sv_xl_watch_stop(struct sv_xl_watch *watch, bool *cut);
uint64_t sv_xl_now_ms(void);

/* ---- disk.c ---- */
/*
 * [{"from", "to", "how": "reflink|copy|lvm", "format", "device"}]. Whatever would make a copy fail
 * is said by check, before a domain stands still for it.
 */
int sv_xl_disks_check(const cJSON *disks, struct sv_err *err);
/* A running domain's: what their QEMU has not written yet goes into their files. */
int sv_xl_disks_flush(struct sv_xl *xl, uint32_t domid, const cJSON *disks, struct sv_err *err);
/* As they are at this moment; all of them or none. */
int sv_xl_disks_copy(const cJSON *disks, struct sv_err *err);
void sv_xl_disks_remove(const cJSON *disks);
/* Of a domain that does not run. */
int sv_xl_disks(struct sv_xl *xl, const cJSON *request, cJSON *reply, struct sv_err *err);

/* ---- hotplug.c, block.c: called by libxl as a device's script ---- */
int sv_xl_hotplug(int argc, char **argv);
int sv_xl_block(const char *action, const char *xenbus);
struct xs_handle;
int sv_xl_xenstore_write(const char *dir, const char *key, const char *value);
/* The caller's to free(). */
char *sv_xl_xenstore_read(const char *dir, const char *key);

/* ---- events.c ---- */
/* A line on standard output whenever a domain has come, gone, crashed or shut down. */
int sv_xl_events(void);

/* ---- json ---- */
const char *sv_xl_str(const cJSON *object, const char *key);
double sv_xl_num(const cJSON *object, const char *key, double none);

#endif
