/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_INTERNAL_H
#define SV_LOADER_INTERNAL_H

#include <linux/limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "plane.h"

/* What the files of loader/ share; nobody else includes this. */

/* The maps that outlive us, in the order they are pinned; sv_schema goes last, see plane.c. */
#define SV_MAPS(X)                                                                                 \
	X(ATTACH, sv_attach)                                                                       \
	X(GATE, sv_gate)                                                                           \
	X(GATE_SEEN, sv_gate_seen)                                                                 \
	X(FANOUT, sv_fanout)                                                                       \
	X(DEST, sv_dest)                                                                           \
	X(PORT, sv_port)                                                                           \
	X(SELF, sv_self)                                                                           \
	X(SESSION, sv_session)                                                                     \
	X(BUDGET, sv_budget)                                                                       \
	X(FILTER_XDP, sv_filter_xdp)                                                               \
	X(FILTER_TC, sv_filter_tc)                                                                 \
	X(SCRATCH, sv_scratch)                                                                     \
	X(TAP, sv_tap)                                                                             \
	X(TAP_CTL, sv_tap_ctl)                                                                     \
	X(POINT, sv_point)                                                                         \
	X(EXPORT, sv_export)                                                                       \
	X(COUNT, sv_count)                                                                         \
	X(SCOUNT, sv_scount)                                                                       \
	X(DCOUNT, sv_dcount)                                                                       \
	X(EVENT, sv_event)                                                                         \
	X(EVENT_LOST, sv_event_lost)                                                               \
	X(CPU, sv_cpu)                                                                             \
	X(SHARE, sv_share)                                                                         \
	X(NEIGH, sv_neigh)                                                                         \
	X(FDB, sv_fdb)                                                                             \
	X(SCHEMA, sv_schema)

#define SV_MAP_ENUM(id, name) SV_MAP_##id,
enum sv_map { SV_MAPS(SV_MAP_ENUM) SV_MAP__COUNT };

#define SV_ROLE__COUNT (SV_ROLE_EXPORT + 1)
#define SV_TRACE_MAX 8

struct sv_tracer {
	char name[64]; /* of the program, and of the pins */
	char tracepoint[64];
	bool typed; /* tp_btf: the program knows its tracepoint */
	bool spare; /* the plane goes on without it */
	int fd;
};

struct sv_plane {
	char pin[PATH_MAX / 2];
	int map[SV_MAP__COUNT];
	__u64 (*exit)[SV_EXIT_MAX]; /* sv_port in our memory; see exit.c */
	bool programs; /* loaded by us: sv_plane_open(), not sv_plane_open_maps() */
	bool swept, swept_rings; /* sv_sweep(), sv_sweep_rings() have been here */
	int stage_xdp, stage_tc; /* the delivery stage behind the filters */
	int egress; /* the devmap program that fan-outs carry */
	int xdp[SV_ROLE__COUNT]; /* by role; EXPORT has none */
	int tc[SV_ROLE__COUNT];
	size_t n_trace;
	struct sv_tracer trace[SV_TRACE_MAX];
	int tcx; /* 1, 0, or -1: not tried yet */
	int dispatcher; /* the same */
	struct ring_buffer *ring;
	void (*event_fn)(void *arg, const struct sv_event *event);
	void *event_arg;
};

static inline bool sv_role_guarded(enum sv_port_role role)
{
	return role == SV_ROLE_TRUNK || role == SV_ROLE_EDGE;
}

/* log.c: libbpf and libxdp talk into a buffer, whose last lines explain a failure. */
void sv_log_start(void);
int sv_log_err(struct sv_err *err, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* pin.c: folders of bpffs. */
int sv_pin_check(const char *pin, bool create, struct sv_err *err);
int sv_pin_path(char *buf, size_t size, const char *pin, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int sv_pin_mkdir(const char *path, struct sv_err *err);
int sv_pin_put(int fd, const char *path, struct sv_err *err); /* replaces what is there */
/* For links: nothing is there, and no other name may keep one alive that a crash left behind. */
int sv_pin_new(int fd, const char *path, struct sv_err *err);
int sv_pin_get(const char *path); /* a descriptor or -errno */
int sv_pin_remove(const char *path, struct sv_err *err); /* a pin or a whole folder; idempotent */
bool sv_pin_exists(const char *path);

/* object.c: the BPF objects. */
const char *sv_map_name(enum sv_map map);
__u32 sv_netns_inum(void); /* of our network namespace */
__u64 sv_object_build(void); /* a hash of all objects */
/* The i-th program that ports and fan-outs use: where its descriptor is; NULL beyond the last. */
int *sv_object_slot(struct sv_plane *plane, size_t i, const char **name);
int sv_object_load_all(struct sv_plane *plane, struct sv_err *err);
const void *sv_object_xdp_bytes(size_t *size);
struct bpf_object;
int sv_object_share_maps(struct sv_plane *plane, struct bpf_object *obj, struct sv_err *err);
/* 1 the same instructions, 0 not, or -errno. */
int sv_prog_same(int a, int b);

/* netdev.c */
struct sv_netdev {
	__u32 ifindex;
	char name[16];
	__u8 mac[6];
};
int sv_netdev_get(struct sv_netdev *dev, __u32 ifindex); /* -ENODEV */
void sv_netdev_driver(const struct sv_netdev *dev, char *buf, size_t size);

/*
 * port.c keeps a folder PIN/ports/IFINDEX-MAC-ROLE for each port; in it tc.c and xdp.c pin their
 * links, "tc" and "xdp". Where the kernel has no link to pin there is the pinned program,
 * "dispatcher", or an empty folder: "clsact", "clsact-own" (the qdisc is ours).
 */
struct sv_record {
	__u32 ifindex;
	__u8 mac[6];
	enum sv_port_role role;
	char path[PATH_MAX];
};
int sv_record_list(const char *pin, struct sv_record **out, size_t *n, struct sv_err *err);
bool sv_record_has(const struct sv_record *rec, const char *what);
int sv_record_path(char *buf, size_t size, const struct sv_record *rec, const char *what,
		   struct sv_err *err);
/* The record's device, alive and the same as when it was attached. */
bool sv_record_alive(const struct sv_record *rec, struct sv_netdev *dev);
int sv_record_detach(const struct sv_record *rec, struct sv_err *err);
int sv_ports_update(struct sv_plane *plane, struct sv_err *err);

/* xdp.c, tc.c: attach replaces the running program by the plane's, atomically. */
int sv_xdp_attach(struct sv_plane *plane, const struct sv_record *rec, const struct sv_netdev *dev,
		  struct sv_err *err);
/* Why a device takes no program: whose is there already, or what its driver cannot. */
int sv_xdp_explain(const struct sv_netdev *dev, int rc, struct sv_err *err);
int sv_xdp_detach(const struct sv_record *rec, struct sv_err *err);
enum sv_xdp_how sv_xdp_how(const struct sv_record *rec);
int sv_tc_attach(struct sv_plane *plane, const struct sv_record *rec, const struct sv_netdev *dev,
		 struct sv_err *err);
int sv_tc_detach(const struct sv_record *rec, struct sv_err *err);
enum sv_tc_how sv_tc_how(const struct sv_record *rec);
bool sv_tc_has_filter(__u32 ifindex); /* ours, in a clsact qdisc */

/* dispatcher.c: libxdp's. */
bool sv_dispatcher_works(struct sv_plane *plane);
int sv_dispatcher_attach(struct sv_plane *plane, const struct sv_record *rec,
			 const struct sv_netdev *dev, struct sv_err *err);
int sv_dispatcher_detach(const struct sv_record *rec, struct sv_err *err);

/* link.c: pinned bpf_links. */
__u32 sv_link_ifindex(int fd, bool tcx); /* 0: its device is gone */
/* Puts prog in place. 0, -ENOLINK when the device is gone, -ENOENT when nothing is pinned. */
int sv_link_replace(const char *path, int prog);
int sv_link_drop(const char *path, struct sv_err *err);

/* map.c */
int sv_map_set(struct sv_plane *plane, enum sv_map map, const void *key, const void *value,
	       struct sv_err *err);
int sv_map_get(struct sv_plane *plane, enum sv_map map, const void *key, void *value,
	       struct sv_err *err);
int sv_map_del(struct sv_plane *plane, enum sv_map map, const void *key, struct sv_err *err);
/* All entries of a hash map. *keys and *values are the caller's to free(). */
int sv_map_dump(struct sv_plane *plane, enum sv_map map, void **keys, void **values, size_t *n,
		struct sv_err *err);
int sv_map_batch(struct sv_plane *plane, enum sv_map map, const void *keys, const void *values,
		 size_t n, struct sv_err *err);
/* Until every program that may still use what was replaced is done. */
int sv_map_grace(struct sv_plane *plane, struct sv_err *err);

/* count.c */
int sv_count_clear(struct sv_plane *plane, __u32 attach, struct sv_err *err);
int sv_scount_clear(struct sv_plane *plane, __u16 session, struct sv_err *err);
int sv_dcount_make(struct sv_plane *plane, __u32 ifindex, enum sv_port_role role,
		   struct sv_err *err);
int sv_dcount_drop(struct sv_plane *plane, __u32 ifindex, struct sv_err *err);

/* fanout.c: numbers and inner maps. */
struct sv_ranges { /* which fan-out numbers are taken */
	__u64 used[SV_FANOUT_MAX / 64];
	__u32 cursor; /* where the next search starts */
};
void sv_ranges_init(struct sv_ranges *ranges);
void sv_ranges_take(struct sv_ranges *ranges, __u32 first, __u32 n);
__u32 sv_ranges_find(struct sv_ranges *ranges, __u32 n); /* takes it; 0: none is left */

struct sv_fan { /* one fan-out to be written */
	__u32 number;
	const struct sv_dests *dests;
};
/* Fresh inner maps and sv_dest entries for numbers that nobody refers to. */
int sv_fanout_write(struct sv_plane *plane, const struct sv_fan *fans, size_t n,
		    struct sv_err *err);
/* The same, but only the inner maps, and destinations that are gone are left out. */
int sv_fanout_rebuild(struct sv_plane *plane, const struct sv_fan *fans, size_t n,
		      struct sv_err *err);
/* Numbers that nobody refers to any more. */
int sv_fanout_clear(struct sv_plane *plane, const __u32 *numbers, size_t n, struct sv_err *err);

/* spec.c: -EINVAL or -ENOSPC with the text when no data plane could carry it. */
int sv_attach_spec_check(const struct sv_attach_spec *spec, struct sv_err *err);
bool sv_attach_spec_same_fans(const struct sv_attach_spec *a, const struct sv_attach_spec *b);

/* exit.c: rows of sv_port. */
int sv_exit_open(struct sv_plane *plane, struct sv_err *err);
void sv_exit_close(struct sv_plane *plane);
void sv_exit_read(const struct sv_plane *plane, __u32 id, struct sv_port *row);
/* Each way out that differs is written by one store. */
void sv_exit_write(struct sv_plane *plane, __u32 id, const struct sv_port *row);
/* The wanted ways beside those that are there, each of which keeps its place. -ENOSPC */
int sv_exit_merge(struct sv_port *row, const struct sv_exit *want, size_t n);
/* The wanted ways only; after sv_exit_merge(). */
void sv_exit_prune(struct sv_port *row, const struct sv_exit *want, size_t n);

/* point.c: rows of sv_point, one a session of an attachment. */
bool sv_point_same(const struct sv_point *a, const struct sv_point *b);
int sv_point_get(struct sv_plane *plane, const struct sv_attach *val,
		 struct sv_point point[SV_SESSION_BITS], struct sv_err *err);
int sv_point_put(struct sv_plane *plane, const struct sv_attach_spec *spec, struct sv_err *err);
/* The rows that val has and `but` (may be NULL) has not. */
int sv_point_drop(struct sv_plane *plane, const struct sv_attach *val,
		  const struct sv_attach_spec *but, struct sv_err *err);

/* slot.c: filter programs in sv_filter_xdp and sv_filter_tc; attachments with one digest share. */
struct sv_slots {
	__u64 digest[SV_FILTER_MAX]; /* 0: free */
	__u32 users[SV_FILTER_MAX]; /* attachments */
	bool fresh[SV_FILTER_MAX]; /* taken since sv_slots_init() */
	bool loaded[SV_FILTER_MAX]; /* and filled */
};
struct sv_snapshot;
void sv_slots_init(struct sv_slots *slots, const struct sv_snapshot *snap);
void sv_slots_take(struct sv_slots *slots, const struct sv_attach *val);
void sv_slots_drop(struct sv_slots *slots, const struct sv_attach *val);
__u32 sv_slots_find(struct sv_slots *slots, __u64 digest); /* takes it; 0: none is left */
bool sv_slot_filled(struct sv_plane *plane, __u32 slot);
int sv_slot_load(struct sv_plane *plane, __u32 slot, char *const filter[SV_SESSION_BITS],
		 struct sv_err *err);
/* Those without users, or (undo) those that are fresh. */
int sv_slots_empty(struct sv_plane *plane, const struct sv_slots *slots, bool undo,
		   struct sv_err *err);
/* The delivery stage, in slot 0. */
int sv_slot_put_stage(struct sv_plane *plane, struct sv_err *err);

/* ring.c: the rings of a tap, one a possible CPU. */
/* Empty ones: `all`, else those that are missing. -ENOMEM says how much was asked. */
int sv_ring_make(struct sv_plane *plane, __u16 tap, bool all, struct sv_err *err);
int sv_ring_drop(struct sv_plane *plane, __u16 tap, struct sv_err *err);

/* sweep.c: what an interrupted call of an earlier process left; once a plane. */
int sv_sweep_rings(struct sv_plane *plane, const struct sv_session all[SV_SESSION_MAX],
		   struct sv_err *err);
int sv_sweep(struct sv_plane *plane, const struct sv_snapshot *snap, struct sv_err *err);

/* snapshot.c: what sv_attach holds, in an order of ours. */
struct sv_snapshot {
	size_t n;
	struct sv_attach_row {
		struct sv_attach_key key;
		struct sv_attach val;
	} * row; /* by key */
};
int sv_snapshot_take(struct sv_plane *plane, struct sv_snapshot *snap, struct sv_err *err);
void sv_snapshot_fini(struct sv_snapshot *snap);
const struct sv_attach_row *sv_snapshot_find(const struct sv_snapshot *snap,
					     const struct sv_attach_key *key);
int sv_snapshot_spec(struct sv_plane *plane, const struct sv_attach_row *row,
		     struct sv_attach_spec *spec, struct sv_err *err);

/* rebuild.c: fan-outs anew, with what devices have taken with them; not `all`: those that name the
 * devmap program, after an upgrade of it. */
int sv_attach_rebuild(struct sv_plane *plane, bool all, struct sv_err *err);

/* check.c */
bool sv_check_tcx(void);
bool sv_check_ext(void);

#endif
