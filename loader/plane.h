/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_LOADER_PLANE_H
#define SV_LOADER_PLANE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "maps/attach.h"
#include "maps/count.h"
#include "maps/cpu.h"
#include "maps/event.h"
#include "maps/export.h"
#include "maps/fanout.h"
#include "maps/gate.h"
#include "maps/port.h"
#include "maps/session.h"
#include "maps/tap.h"

/*
 * The data plane of one host: programs, links and maps, pinned in one folder of bpffs and alive
 * without us. All functions act in the caller's network namespace and return 0 or -errno with the
 * operator's text in err. None of them is thread-safe. On failure nothing has changed.
 */
struct sv_plane;

/* How a port's programs are attached, for people. */
enum sv_xdp_how {
	SV_XDP_NONE = 0,
	SV_XDP_LINK, /* an exclusive bpf_link: no other XDP program fits on the device */
	SV_XDP_DISPATCHER, /* libxdp's dispatcher: other programs can be beside it */
};
enum sv_tc_how {
	SV_TC_NONE = 0,
	SV_TC_TCX,
	SV_TC_CLSACT,
};

/* Kernel features, each with its own message. -EOPNOTSUPP names all that are missing. */
int sv_plane_check(struct sv_err *err);

/*
 * Opens the plane pinned under `pin` (e.g. "/sys/fs/bpf/svnet/host1"), or loads a new one.
 * The folder is made 0700; its owner, mode and file system are checked (-EPERM). A plane with
 * another schema number is refused (-EPROTO) and keeps running. *fresh: the maps were made by this
 * call (after a reboot), so every gate says HOLD; otherwise what is pinned is adopted as it stands.
 * Programs of another build (an upgrade) are put in place of the running ones, link by link, each
 * atomically; those of this very build go on as they are.
 */
int sv_plane_open(struct sv_plane **out, const char *pin, bool *fresh, struct sv_err *err);
/* Only looks: maps are opened, no program is loaded or attached. -ENOENT: nothing pinned there. */
int sv_plane_open_maps(struct sv_plane **out, const char *pin, struct sv_err *err);
/* Lets go of descriptors. Everything pinned goes on. NULL is allowed. */
void sv_plane_close(struct sv_plane *plane);
/* Detaches everything that is pinned under `pin` and removes the pins. Idempotent. */
int sv_plane_purge(const char *pin, struct sv_err *err);

/* ---- ports: programs on devices ---- */

struct sv_port_info {
	__u32 ifindex;
	char ifname[16]; /* empty when the device is gone and only the pin is left */
	__u8 mac[6]; /* as it was when attached: a device is (ifindex, MAC) */
	enum sv_port_role role;
	enum sv_xdp_how xdp;
	enum sv_tc_how tc;
	/* All that sv_port_attach() makes, but for XDP; less where that, or a hand, was stopped
	 * half-way. */
	bool whole;
};

/*
 * Attaches the programs for a role: TC ingress always, XDP when `xdp` (never for EXPORT). Brings
 * the port's row in sv_dcount and sv_self. Idempotent, and adds or removes XDP when called again
 * with another `xdp`. Neither brings the device up nor changes its offloads.
 */
int sv_port_attach(struct sv_plane *plane, __u32 ifindex, enum sv_port_role role, bool xdp,
		   struct sv_err *err);
/* Also for a device that is gone. -ENOENT: not one of ours. Another's qdisc or program is left. */
int sv_port_detach(struct sv_plane *plane, __u32 ifindex, struct sv_err *err);
/* Of any role but EXPORT: is this very device one of ours? */
bool sv_port_is_attached(struct sv_plane *plane, __u32 ifindex);
/* *out is the caller's to free(). Read from the pins and the kernel. */
int sv_port_list(struct sv_plane *plane, struct sv_port_info **out, size_t *n, struct sv_err *err);
/* Of a plane of any schema, by its pins alone: what needs its maps (`whole`) is left out. */
int sv_port_list_pinned(const char *pin, struct sv_port_info **out, size_t *n, struct sv_err *err);

/* ---- attachments with their fan-outs ---- */

/*
 * One attachment as a whole: the value, its destinations, how they leave, what its sessions want.
 * `fan` is dense: fan[i] is fan-out number val.fanout + i, n_fan = sv_attach_fanouts(&val). The
 * loader chooses val.fanout and val.filter; in a spec handed to sv_attach_set() they are ignored.
 * val.digest must be sv_filter_digest(filter), and SV_ATTACH_FILTER set when that is not 0. In a
 * spec from sv_attach_list() `filter` is NULL: the kernel knows only the digest.
 */
struct sv_attach_spec {
	struct sv_attach_key key;
	struct sv_attach val;
	size_t n_fan;
	struct sv_dests *fan;
	size_t n_port;
	struct sv_exit *port; /* no two with the same (ifindex, nth) */
	char *filter[SV_SESSION_BITS]; /* pcap-filter expressions by mask bit; NULL = everything */
	struct sv_point point[SV_SESSION_BITS]; /* by mask bit; no VNet: none */
};

/* Frees fan, port and the expressions, which are all the spec's own. */
void sv_attach_spec_fini(struct sv_attach_spec *spec);
/* Equal but for val.fanout, val.filter and `filter`, whose digests are compared (the order of
 * `port` does not matter). */
bool sv_attach_spec_equal(const struct sv_attach_spec *a, const struct sv_attach_spec *b);

/*
 * Sets attachments, each atomically as the data plane sees it: exits first (sv_port), then fresh
 * fan-outs in one batch, then the sv_attach entry, then what nobody refers to any more is cleared.
 * -ENOSPC when the fan-outs do not fit. Attachments already equal are left untouched.
 */
int sv_attach_set(struct sv_plane *plane, const struct sv_attach_spec *specs, size_t n,
		  struct sv_err *err);
/* Removes attachments; those that are not there are skipped. Also clears their counters. */
int sv_attach_del(struct sv_plane *plane, const struct sv_attach_key *keys, size_t n,
		  struct sv_err *err);
/* What the kernel holds. *specs: n specs, each to be released with sv_attach_spec_fini(), then
 * free(). */
int sv_attach_list(struct sv_plane *plane, struct sv_attach_spec **specs, size_t *n,
		   struct sv_err *err);

/*
 * Is it a filter that a session can have? -EINVAL says what is wrong with it: the language is
 * pcap-filter(7) over Ethernet, without `vlan` (the filter sees the frame behind the VNet's own
 * tag) and `protochain`. Pure; no plane needed.
 */
int sv_filter_check(const char *expression, struct sv_err *err);
/* Names a set of filters: equal sets of expressions have equal digests. 0: there is no filter. */
__u64 sv_filter_digest(char *const filter[SV_SESSION_BITS]);

/* ---- small tables ---- */

int sv_session_set(struct sv_plane *plane, __u16 number, const struct sv_session *session,
		   struct sv_err *err); /* a zeroed session removes it; its counters are cleared
					   when the entry was zero before. RING: makes the
					   rings of its tap, or removes them */
int sv_session_get(struct sv_plane *plane, __u16 number, struct sv_session *session,
		   struct sv_err *err);

/* The collector behind an export port; NULL removes it. */
int sv_export_set(struct sv_plane *plane, __u32 ifindex, const struct sv_export *export,
		  struct sv_err *err);
int sv_export_get(struct sv_plane *plane, __u32 ifindex, struct sv_export *export,
		  struct sv_err *err); /* -ENOENT */

/* One map_update_elem. slot 0: the word asked first, slot 1: the word for SV_GATE_NEXT. */
int sv_gate_set(struct sv_plane *plane, __u16 group, int slot, __u64 word, struct sv_err *err);
int sv_gate_get(struct sv_plane *plane, __u16 group, __u64 word[2], struct sv_err *err);
int sv_gate_seen(struct sv_plane *plane, __u16 group, struct sv_gate_seen *seen,
		 struct sv_err *err);
/* What the pair of words says at now_us (CLOCK_BOOTTIME): 0 … 250. The same code as in
 * the kernel. */
__u8 sv_gate_role(const __u64 word[2], __u64 now_us);
__u64 sv_gate_now_us(void);

/* Forgets what was learned at an edge (attachment id) or on a segment. */
int sv_neigh_flush(struct sv_plane *plane, __u32 edge, struct sv_err *err);
int sv_fdb_flush(struct sv_plane *plane, __u32 segment, struct sv_err *err);

/*
 * Percent of a busy CPU's time that selection may have (maps/cpu.h); SV_SHARE_ALL: as much as it
 * takes. A new plane has SV_SHARE_DEFAULT.
 */
int sv_share_set(struct sv_plane *plane, __u32 percent, struct sv_err *err);
struct sv_cpu_info {
	bool watched; /* the kernel tells us of its polls; else no CPU is ever busy */
	__u32 share; /* percent */
	__u32 busy; /* CPUs that are, or were when they last received a frame */
	__u64 times; /* how often one became so */
};
int sv_cpu_get(struct sv_plane *plane, struct sv_cpu_info *info, struct sv_err *err);

/* Counters, summed over CPUs. */
int sv_count_get(struct sv_plane *plane, __u32 attach, struct sv_count *count, struct sv_err *err);
int sv_scount_get(struct sv_plane *plane, __u16 session, struct sv_scount *count,
		  struct sv_err *err);
int sv_dcount_get(struct sv_plane *plane, __u32 ifindex, struct sv_dcount *count,
		  struct sv_err *err);
/* Names and texts of maps/reason.h, NULL beyond the last. */
const char *sv_reason_name(enum sv_reason reason);
const char *sv_scount_name(enum sv_scount_reason reason);
const char *sv_dev_name(enum sv_dev_reason reason);

/* A descriptor to poll; then sv_event_read() calls fn for each waiting event and returns
 * how many. */
int sv_event_fd(struct sv_plane *plane, struct sv_err *err);
int sv_event_read(struct sv_plane *plane, void (*fn)(void *arg, const struct sv_event *event),
		  void *arg, struct sv_err *err);

#endif
