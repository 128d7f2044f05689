/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_AGENT_H
#define SV_AGENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <uv.h>

#include "agent/net/host.h"
#include "agent/store/store.h"
#include "agent/vnode/vnode.h"
#include "loader/plane.h"
#include "rpc.h"

#define SV_AGENT_DRIVERS 4
#define SV_AGENT_EVENTS 64 /* last ones kept for `svnet status` */

struct sv_agent_options {
	const char *host, *store, *run, *pin, *log;
	bool purge;
};

/* Everything of one daemon. All of it runs in the loop's thread. */
struct agent {
	struct sv_agent_options opt;
	char run_dir[96], pin_dir[160], log_dir[96];
	int lock_fd;
	uv_loop_t *loop;
	bool stopping;

	struct sv_store store;
	struct sv_plane *plane;
	struct sv_link *link;
	struct sv_rpc *rpc;
	struct sv_vnode_driver driver[SV_AGENT_DRIVERS];
	size_t n_driver;
	int clock_fd; /* readable when the wall clock was stepped */
	char boot[40]; /* sv_gate_boot() */
	struct sv_wait *waits; /* wait.c: calls that wait for other hosts */

	uv_poll_t *store_poll, *link_poll, *event_poll, *clock_poll;
	uv_poll_t *driver_poll[SV_AGENT_DRIVERS]; /* NULL: it tells nothing */
	uv_signal_t *sigterm, *sigint;
	uv_timer_t *kick; /* a reconciliation is due */
	uv_timer_t *retry; /* after a failure, with back-off */
	uv_timer_t *export_timer; /* once a second while copies leave for collectors */
	uv_timer_t *gate_timer; /* the next instant at which a gate word changes its mind */
	__u64 tiers_at_us; /* when the tiers were made to follow the gates */
	unsigned int attempts; /* failed in a row for this revision */
	unsigned int looks; /* at what may have come while a plan was carried out, in a row */

	/* What was read and made last. `names` is shared by desired and actual. */
	cJSON *doc;
	uint64_t revision; /* of doc */
	uint64_t applied; /* last revision that was applied without an error */
	struct sv_net *net;
	struct sv_names names;
	struct sv_host_state desired;
	__u64 ports; /* what the devices of `desired` were like afterwards */
	cJSON *report; /* as in the store; see report.c */
	cJSON *state; /* RUN/HOST/state.json; see state.c */

	struct sv_event event[SV_AGENT_EVENTS];
	size_t n_event; /* ever seen */
};

/* ---- agent.c ---- */
int sv_agent_main(int argc, char **argv);
/* Tidies up and leaves the loop. */
void sv_agent_stop(struct agent *agent);
/* Reconcile within `ms`. */
void sv_agent_kick(struct agent *agent, unsigned int ms);
struct sv_vnode_driver *sv_agent_driver(struct agent *agent, const char *name, struct sv_err *err);

/* ---- reconcile.c: document → plan → applied ---- */
/* Brings this host to what the store says, and reports. The report has the errors. */
void sv_reconcile(struct agent *agent);
/* Only the texts of the plan that `doc` would make here: an array of strings, the caller's. */
int sv_reconcile_dry(struct agent *agent, const cJSON *doc, cJSON **texts,
		     struct sv_problems *problems, struct sv_err *err);
/* Have devices come, gone or gone down since the last reconciliation? */
bool sv_reconcile_ports_changed(const struct agent *agent);
/* Sets sv_session.up from the state of the targets' devices. */
void sv_reconcile_sessions(struct agent *agent);

/* ---- actual.c ---- */
/* What is there, in the names of agent->names. `desired` says which devices to look at. */
int sv_actual_read(struct agent *agent, struct sv_host_state *actual,
		   const struct sv_host_state *desired, struct sv_err *err);
/* A name of the table as ifindex, also "#7" for a device that is gone. 0: not there. */
__u32 sv_actual_ifindex(const struct agent *agent, __u32 name);

/* ---- apply.c ---- */
/* Stops at the first error. *done: how many operations were carried out. */
int sv_apply_plan(struct agent *agent, const struct sv_plan *plan,
		  const struct sv_host_state *desired, const struct sv_host_state *actual,
		  size_t *done, struct sv_err *err);

/* ---- purge.c ---- */
/* Removes everything of this host but the store. Works on a plane of any schema. */
int sv_purge(struct agent *agent, struct sv_err *err);

/* ---- report.c ---- */
/* {"revision", "tried", "attempts", "errors": […], "flips": {group: id}, "armed": {group:
 * {…}}, "live": {group: VNet}, "notes": {"B/r1": [lines]}, "time"} */
void sv_report_open(struct agent *agent);
void sv_report_error(struct agent *agent, const char *text);
void sv_report_note(struct agent *agent, const char *vnode, const char *text);
/* Writes it to the store when something but the time has changed. */
void sv_report_write(struct agent *agent);

/* ---- state.c: what must survive the daemon but not the host ---- */
/* {"gates": {group: slot}: whose gates were given their role, "halted": {"A/r1":
 * "stopped"}, "network": "…": for which network file "halted" holds} */
void sv_state_open(struct agent *agent);
int sv_state_save(struct agent *agent);
/* The operator's override of a VNode: "stopped", "paused", or NULL to end it. */
void sv_state_halt(struct agent *agent, const char *vnode, const char *how);
const char *sv_state_halted(const struct agent *agent, const char *vnet, const char *name);
void sv_state_forget_halted(struct agent *agent);

/* ---- status.c ---- */
cJSON *sv_status(struct agent *agent, struct sv_err *err);
cJSON *sv_status_vnodes(struct agent *agent);
cJSON *sv_status_groups(struct agent *agent, const char *only);

cJSON *sv_status_counter(const struct sv_counter *counter);

/* ---- status_session.c ---- */
/* What a session's copies go to, as --to takes it; the caller's. */
char *sv_status_target(const struct agent *agent, const char *session);
/* Of this host alone; and all of the network, with what this host knows of them. */
cJSON *sv_status_copies(struct agent *agent);
cJSON *sv_status_sessions(struct agent *agent);
cJSON *sv_status_session_counters(const struct agent *agent, __u16 number);
cJSON *sv_status_monitors(struct agent *agent);

/* ---- methods.c ---- */
extern const struct sv_method sv_methods[];

/* ---- wait.c ---- */
/*
 * Answers `call` when every host of `hosts` (an object whose members are host names; taken)
 * has applied `revision`, or says which have not. `finish` makes the result from the
 * reports; it gets `arg` (taken).
 */
void sv_wait_start(struct agent *agent, struct sv_call *call, uint64_t revision, cJSON *hosts,
		   cJSON *(*finish)(struct agent *agent, const cJSON *hosts, const cJSON *reports,
				    const cJSON *arg),
		   cJSON *arg);
void sv_wait_check(struct agent *agent);
void sv_wait_cancel(struct agent *agent);

#endif
