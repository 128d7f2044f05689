// SPDX-License-Identifier: GPL-2.0-only
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "gate.h"
#include "json.h"
#include "link.h"
#include "log.h"

/* The drivers that an agent opens; vnode.c knows what they are. */
static const char *const driver_names[] = { "netns", "external", "xen" };

static const char usage[] =
	"usage: svnetd --host NAME [--store file:/var/lib/svnet] [--run /run/svnet]\n"
	"              [--pin /sys/fs/bpf/svnet] [--log DIR] [--verbose] [--quiet] [--purge]\n";

static int parse_options(struct sv_agent_options *opt, int argc, char **argv)
{
	static const struct option options[] = {
		{ "host", 1, NULL, 'h' },    { "store", 1, NULL, 's' },
		{ "run", 1, NULL, 'r' },     { "pin", 1, NULL, 'p' },
		{ "log", 1, NULL, 'l' },     { "purge", 0, NULL, 'P' },
		{ "verbose", 0, NULL, 'v' }, { "quiet", 0, NULL, 'q' },
		{ "help", 0, NULL, 'H' },    { 0 },
	};
	int c;

	*opt = (struct sv_agent_options){ .store = "file:/var/lib/svnet",
					  .run = "/run/svnet",
					  .pin = "/sys/fs/bpf/svnet" };
	while ((c = getopt_long(argc, argv, "vq", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			opt->host = optarg;
			break;
		case 's':
			opt->store = optarg;
			break;
		case 'r':
			opt->run = optarg;
			break;
		case 'p':
			opt->pin = optarg;
			break;
		case 'l':
			opt->log = optarg;
			break;
		case 'P':
			opt->purge = true;
			break;
		case 'v':
			sv_log_set_level(SV_LOG_DEBUG);
			break;
		case 'q':
			sv_log_set_level(SV_LOG_ERROR);
			break;
		case 'H':
			fputs(usage, stdout);
			exit(0);
		default:
			return -EINVAL;
		}
	}
	return opt->host && optind == argc ? 0 : -EINVAL;
}

/* A host's name becomes a file's name. */
static int check_name(const char *name, struct sv_err *err)
{
	if (!*name || strlen(name) >= SV_NAME || *name == '.' || strchr(name, '/'))
		return sv_err_set(err, -EINVAL, "--host %s: no usable name", name);
	return 0;
}

static int make_folder(const char *path, mode_t mode, struct sv_err *err)
{
	if (mkdir(path, mode) && errno != EEXIST)
		return sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* Whoever can write there could have us write anywhere, by a link. */
static int check_folder(const char *path, struct sv_err *err)
{
	struct stat st;

	if (lstat(path, &st))
		return sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022))
		return 0;
	return sv_err_set(err, -EPERM,
			  "%s: must be a folder of user %u in which nobody else can write: change "
			  "that, or choose another --run",
			  path, geteuid());
}

static int make_folders(struct agent *agent, struct sv_err *err)
{
	const struct sv_agent_options *opt = &agent->opt;
	int rc;

	snprintf(agent->pin_dir, sizeof(agent->pin_dir), "%s/%s", opt->pin, opt->host);
	if (snprintf(agent->run_dir, sizeof(agent->run_dir), "%s/%s", opt->run, opt->host) >=
	    (int)sizeof(agent->run_dir))
		return sv_err_set(err, -ENAMETOOLONG, "--run %s: too long", opt->run);
	if (snprintf(agent->log_dir, sizeof(agent->log_dir), "%s", opt->log ?: agent->run_dir) >=
	    (int)sizeof(agent->log_dir))
		return sv_err_set(err, -ENAMETOOLONG, "--log %s: too long", opt->log);
	rc = make_folder(opt->run, 0755, err);
	if (!rc)
		rc = make_folder(agent->run_dir, 0755, err);
	if (!rc)
		rc = check_folder(agent->run_dir, err);
	return rc ? rc : make_folder(agent->log_dir, 0755, err);
}

static int lock(struct agent *agent, struct sv_err *err)
{
	char path[128], pid[16];

	snprintf(path, sizeof(path), "%s/svnetd.pid", agent->run_dir);
	agent->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (agent->lock_fd < 0)
		return sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(agent->lock_fd, LOCK_EX | LOCK_NB))
		return sv_err_set(err, -EBUSY, "host %s has a running svnetd (%s): end it first",
				  agent->opt.host, path);
	snprintf(pid, sizeof(pid), "%d\n", getpid());
	if (ftruncate(agent->lock_fd, 0) || write(agent->lock_fd, pid, strlen(pid)) < 0)
		return sv_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int open_drivers(struct agent *agent, struct sv_err *err)
{
	for (size_t i = 0; i < sizeof(driver_names) / sizeof(*driver_names); i++) {
		struct sv_vnode_driver *drv = &agent->driver[agent->n_driver];
		int rc;

		drv->ops = sv_vnode_driver_find(driver_names[i]);
		if (!drv->ops)
			continue;
		snprintf(drv->host, sizeof(drv->host), "%s", agent->opt.host);
		snprintf(drv->run_dir, sizeof(drv->run_dir), "%s", agent->run_dir);
		snprintf(drv->log_dir, sizeof(drv->log_dir), "%s", agent->log_dir);
		rc = drv->ops->open(drv, err);
		if (rc)
			return sv_err_prefix(err, rc, "driver %s", driver_names[i]);
		agent->n_driver++;
	}
	return 0;
}

struct sv_vnode_driver *sv_agent_driver(struct agent *agent, const char *name, struct sv_err *err)
{
	for (size_t i = 0; i < agent->n_driver; i++)
		if (!strcmp(agent->driver[i].ops->name, name))
			return &agent->driver[i];
	sv_err_set(err, -ENOENT, "driver %s: no such VNode driver", name);
	return NULL;
}

static int open_plane(struct agent *agent, struct sv_err *err)
{
	struct sv_plane *pinned = NULL;
	struct sv_cpu_info cpu;
	bool fresh;
	int rc;

	rc = sv_plane_check(err);
	if (rc)
		return rc;
	/* Written down before the maps are made: whoever dies in between starts over. */
	if (sv_plane_open_maps(&pinned, agent->pin_dir, NULL) == -ENOENT) {
		sv_obj_set(agent->state, "gates", cJSON_CreateObject());
		rc = sv_state_save(agent);
		if (rc)
			return sv_err_set(err, rc, "%s: cannot be written", agent->run_dir);
	}
	sv_plane_close(pinned);
	rc = sv_plane_open(&agent->plane, agent->pin_dir, &fresh, err);
	if (rc)
		return rc;
	sv_log_info("host %s: %s data plane at %s", agent->opt.host,
		    fresh ? "new" : "adopted the running", agent->pin_dir);
	if (!sv_cpu_get(agent->plane, &cpu, NULL) && !cpu.watched)
		sv_log_info(
			"this kernel does not let us see its receive polls (tracepoint napi_poll): "
			"copies are not shed when a CPU is busy");
	return 0;
}

/* ---- the loop ---- */

static void on_kick(uv_timer_t *timer)
{
	sv_reconcile(timer->data);
}

void sv_agent_kick(struct agent *agent, unsigned int ms)
{
	if (agent->stopping ||
	    (uv_is_active((uv_handle_t *)agent->kick) && uv_timer_get_due_in(agent->kick) <= ms))
		return;
	uv_timer_start(agent->kick, on_kick, ms, 0);
}

/* Every report wakes every agent; only another revision is work. */
static void on_store(uv_poll_t *poll, int status, int events)
{
	struct agent *agent = poll->data;
	_cleanup_json_ cJSON *doc = NULL;
	uint64_t revision;

	(void)status;
	(void)events;
	agent->store.ops->watch_drain(&agent->store);
	if (agent->store.ops->get(&agent->store, &doc, &revision, NULL) ||
	    revision != agent->revision)
		sv_reconcile(agent);
	sv_wait_check(agent);
}

/* Devices that come, go or change while we look: one reading of all of them, soon. */
static void on_link(uv_poll_t *poll, int status, int events)
{
	struct agent *agent = poll->data;

	(void)status;
	(void)events;
	sv_link_watch_drain(agent->link);
	sv_reconcile_sessions(agent);
	if (sv_reconcile_ports_changed(agent))
		sv_agent_kick(agent, 100);
}

static void take_event(void *arg, const struct sv_event *event)
{
	struct agent *agent = arg;

	agent->event[agent->n_event++ % SV_AGENT_EVENTS] = *event;
	if (event->type == SV_EVENT_GATE) {
		sv_log_info("gate of slot %u: first frame out as role %u at %llu ns", event->group,
			    event->role, (unsigned long long)event->at_ns);
		sv_agent_kick(agent, 0);
	} else if (event->type == SV_EVENT_BUDGET) {
		sv_log_debug("session %u is over its budget", event->group);
	} else {
		sv_log_info("guard: a frame of attachment %u was kept in at device %u",
			    event->attach, event->ifindex);
	}
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct agent *agent = poll->data;

	(void)status;
	(void)events;
	sv_event_read(agent->plane, take_event, agent, NULL);
}

/* A VNode has crashed, stopped, come or gone: what it was the reconciliation sees and says. */
static void on_driver(uv_poll_t *poll, int status, int events)
{
	struct agent *agent = poll->data;

	(void)status;
	(void)events;
	for (size_t i = 0; i < agent->n_driver; i++)
		if (agent->driver_poll[i] == poll)
			agent->driver[i].ops->event_drain(&agent->driver[i]);
	sv_agent_kick(agent, 100);
}

static void on_clock(uv_poll_t *poll, int status, int events)
{
	struct agent *agent = poll->data;
	uv_os_fd_t fd;

	(void)status;
	(void)events;
	if (uv_fileno((uv_handle_t *)poll, &fd))
		return;
	sv_gate_clock_set(fd);
	if (!agent->net)
		return;
	sv_gate_rearm(agent);
	sv_gate_schedule(agent);
}

static void on_signal(uv_signal_t *signal, int number)
{
	sv_log_info("signal %d: ending, everything else goes on", number);
	sv_agent_stop(signal->data);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static uv_poll_t *poll_start(struct agent *agent, int fd, uv_poll_cb fn)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));

	if (!poll)
		return NULL;
	if (uv_poll_init(agent->loop, poll, fd)) {
		free(poll);
		return NULL;
	}
	poll->data = agent;
	uv_poll_start(poll, UV_READABLE, fn);
	return poll;
}

static uv_timer_t *timer_new(struct agent *agent)
{
	uv_timer_t *timer = calloc(1, sizeof(*timer));

	if (timer) {
		uv_timer_init(agent->loop, timer);
		timer->data = agent;
	}
	return timer;
}

static uv_signal_t *signal_start(struct agent *agent, int number)
{
	uv_signal_t *signal = calloc(1, sizeof(*signal));

	if (signal) {
		uv_signal_init(agent->loop, signal);
		signal->data = agent;
		uv_signal_start(signal, on_signal, number);
	}
	return signal;
}

static void watch_drivers(struct agent *agent)
{
	for (size_t i = 0; i < agent->n_driver; i++) {
		struct sv_vnode_driver *drv = &agent->driver[i];
		int fd = drv->ops->event_fd ? drv->ops->event_fd(drv) : -ENOTSUP;

		if (fd >= 0)
			agent->driver_poll[i] = poll_start(agent, fd, on_driver);
	}
}

static int open_handles(struct agent *agent, struct sv_err *err)
{
	int event_fd = sv_event_fd(agent->plane, err);

	if (event_fd < 0)
		return event_fd;
	agent->clock_fd = sv_gate_clock_open(err);
	if (agent->clock_fd < 0)
		return agent->clock_fd;
	agent->kick = timer_new(agent);
	agent->retry = timer_new(agent);
	agent->gate_timer = timer_new(agent);
	agent->export_timer = timer_new(agent);
	agent->sigterm = signal_start(agent, SIGTERM);
	agent->sigint = signal_start(agent, SIGINT);
	agent->store_poll = poll_start(agent, agent->store.ops->watch_fd(&agent->store), on_store);
	agent->link_poll = poll_start(agent, sv_link_watch_fd(agent->link), on_link);
	agent->event_poll = poll_start(agent, event_fd, on_event);
	agent->clock_poll = poll_start(agent, agent->clock_fd, on_clock);
	watch_drivers(agent);
	if (!agent->kick || !agent->retry || !agent->gate_timer || !agent->export_timer ||
	    !agent->sigterm || !agent->sigint || !agent->store_poll || !agent->link_poll ||
	    !agent->event_poll || !agent->clock_poll)
		return sv_err_set(err, -ENOMEM, "the event loop cannot be set up");
	return 0;
}

static void close_one(void *handle)
{
	if (handle)
		uv_close(handle, free_handle);
}

void sv_agent_stop(struct agent *agent)
{
	if (agent->stopping)
		return;
	agent->stopping = true;
	sv_wait_cancel(agent);
	sv_rpc_close(agent->rpc);
	agent->rpc = NULL;
	close_one(agent->store_poll);
	close_one(agent->link_poll);
	close_one(agent->event_poll);
	close_one(agent->clock_poll);
	for (size_t i = 0; i < agent->n_driver; i++)
		close_one(agent->driver_poll[i]);
	close_one(agent->sigterm);
	close_one(agent->sigint);
	close_one(agent->kick);
	close_one(agent->retry);
	close_one(agent->gate_timer);
	close_one(agent->export_timer);
}

/* ---- from start to end ---- */

static int open_basics(struct agent *agent, struct sv_err *err)
{
	int rc = check_name(agent->opt.host, err);

	if (!rc)
		rc = make_folders(agent, err);
	if (!rc)
		rc = lock(agent, err);
	if (!rc)
		rc = sv_link_open(&agent->link, err);
	return rc ? rc : open_drivers(agent, err);
}

static int open_rest(struct agent *agent, struct sv_err *err)
{
	char path[160];
	int rc;

	sv_state_open(agent);
	rc = sv_store_open(&agent->store, agent->opt.store, err);
	if (rc)
		return rc;
	sv_report_open(agent);
	rc = open_plane(agent, err);
	if (!rc)
		rc = open_handles(agent, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/svnetd.sock", agent->run_dir);
	return sv_rpc_open(&agent->rpc, agent->loop, path, sv_methods, agent, err);
}

static void close_all(struct agent *agent)
{
	sv_host_state_fini(&agent->desired);
	sv_names_fini(&agent->names);
	sv_net_free(agent->net);
	cJSON_Delete(agent->doc);
	cJSON_Delete(agent->report);
	cJSON_Delete(agent->state);
	sv_plane_close(agent->plane);
	sv_store_close(&agent->store);
	for (size_t i = 0; i < agent->n_driver; i++)
		agent->driver[i].ops->close(&agent->driver[i]);
	sv_link_close(agent->link);
	sv_cleanup_fd(&agent->clock_fd);
	sv_cleanup_fd(&agent->lock_fd);
}

static int run(struct agent *agent, struct sv_err *err)
{
	int rc = open_basics(agent, err);

	if (rc)
		return rc;
	if (agent->opt.purge)
		return sv_purge(agent, err);
	agent->loop = uv_default_loop();
	rc = open_rest(agent, err);
	if (!rc)
		sv_reconcile(agent);
	else
		sv_agent_stop(agent);
	uv_run(agent->loop, UV_RUN_DEFAULT);
	return rc;
}

int sv_agent_main(int argc, char **argv)
{
	struct agent agent = { .lock_fd = -1, .clock_fd = -1 };
	struct sv_err err = { 0 };
	int rc;

	if (parse_options(&agent.opt, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	rc = run(&agent, &err);
	close_all(&agent);
	if (rc)
		sv_log_error("%s", err.text[0] ? err.text : strerror(-rc));
	return rc ? 1 : 0;
}
