/* SPDX-License-Identifier: GPL-2.0-only */
/* The namespace driver, with real namespaces. Everything happens in a network namespace of the
 * test. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/vnode/vnode.h"
#include "loader/cleanup.h"

struct fixture {
	struct sv_vnode_driver drv;
	const struct sv_vnode_driver_ops *ops;
	char root[64];
	struct sv_err err;
};

#define OK(f, call)                                                                                \
	do {                                                                                       \
		int _rc = (call);                                                                  \
		if (_rc)                                                                           \
			fail_msg("%s: %d: %s", #call, _rc, (f)->err.text);                         \
	} while (0)

/* ---- helpers ---- */

static char *read_fd(int fd)
{
	size_t len = 0, size = 1 << 16;
	char *text = malloc(size);
	ssize_t n;

	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	text[len] = 0;
	return text;
}

static char *read_path(const char *fmt, ...)
{
	char path[512];
	va_list ap;
	char *text;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return strdup("");
	text = read_fd(fd);
	close(fd);
	return text;
}

/* A command of the test's own namespace; its output, the exit status in *status. */
static char *run(int *status, const char *fmt, ...)
{
	char cmd[1024], *text;
	va_list ap;
	FILE *p;
	int rc;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	p = popen(cmd, "r");
	assert_non_null(p);
	text = read_fd(fileno(p));
	rc = pclose(p);
	if (status)
		*status = rc;
	return text;
}

/* The same through the driver's exec(), by a shell inside. */
static char *run_in(struct fixture *f, const char *name, int *status, const char *fmt, ...)
{
	char cmd[1024], *text;
	char *argv[] = { "/bin/sh", "-c", cmd, NULL };
	int fds[3], p[2], rc;
	va_list ap;
	pid_t pid;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = fds[2] = p[1];
	OK(f, f->ops->exec(&f->drv, "vn", name, argv, fds, &pid, &f->err));
	close(p[1]);
	close(fds[0]);
	text = read_fd(p[0]);
	close(p[0]);
	assert_int_equal(waitpid(pid, &rc, 0), pid);
	if (status)
		*status = rc;
	return text;
}

#define HAS(text, what)                                                                            \
	do {                                                                                       \
		char *_text = (text);                                                              \
		if (!strstr(_text, what))                                                          \
			fail_msg("\"%s\" is not in:\n%s", what, _text);                            \
		free(_text);                                                                       \
	} while (0)

#define HAS_NOT(text, what)                                                                        \
	do {                                                                                       \
		char *_text = (text);                                                              \
		if (strstr(_text, what))                                                           \
			fail_msg("\"%s\" is in:\n%s", what, _text);                                \
		free(_text);                                                                       \
	} while (0)

static void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static struct sv_vnode_status status_of(struct fixture *f, const char *name)
{
	struct sv_vnode_status s;

	OK(f, f->ops->status(&f->drv, "vn", name, &s, &f->err));
	free(s.spec_json);
	s.spec_json = NULL;
	return s;
}

static struct sv_vnode_iface r1_ifaces[] = {
	{ .name = "eth0",
	  .port = "vnp0",
	  .mac = { 2, 0, 0, 0, 1, 0 },
	  .mtu = 1500,
	  .xdp = true,
	  .addresses = (char *[]){ "10.1.0.1/24", "fd00:1::1/64", NULL } },
	{ .name = "eth1",
	  .port = "vnp1",
	  .mac = { 2, 0, 0, 0, 1, 1 },
	  .mtu = 1400,
	  .rate_kbit = 20000,
	  .addresses = (char *[]){ "10.12.0.1/24", "fd00:12::1/64", NULL } },
};

static char *r1_routes[] = { "10.3.0.0/24 via 10.12.0.2", "default via 10.1.0.254",
			     "fd00:3::/64 via fd00:12::2", NULL };
static char *r1_sysctls[] = { "net.ipv4.ip_forward=1", "net.ipv4.conf.eth0.rp_filter = 2", NULL };
static char *r1_tc[] = {
	"class add dev eth1 parent 1:ffff classid 1:10 htb rate 1mbit ceil 20mbit prio 0",
	"filter add dev eth1 parent 1: protocol ip prio 1 u32 match ip protocol 17 0xff flowid "
	"1:10",
	NULL,
};

static struct sv_vnode_spec r1_spec(void)
{
	struct sv_vnode_spec spec = {
		.vnet = "vn",
		.name = "r1",
		.driver = "netns",
		.cpu_weight = 200,
		.n_iface = 2,
		.iface = r1_ifaces,
		.routes = r1_routes,
		.sysctls = r1_sysctls,
		.tc = r1_tc,
		.nft = "table inet t { chain c { type filter hook forward priority 0; }; }",
		.json = "{\"r1\":1}",
	};

	return spec;
}

/* ---- fixture ---- */

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->root, "/tmp/vn.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	snprintf(f->drv.host, sizeof(f->drv.host), "vn%d", getpid());
	snprintf(f->drv.run_dir, sizeof(f->drv.run_dir), "%s/run", f->root);
	snprintf(f->drv.log_dir, sizeof(f->drv.log_dir), "%s/log", f->root);
	f->ops = f->drv.ops = sv_vnode_driver_find("netns");
	assert_non_null(f->ops);
	OK(f, f->ops->open(&f->drv, &f->err));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_status *list;
	size_t n, i;

	OK(f, f->ops->list(&f->drv, &list, &n, &f->err));
	for (i = 0; i < n; i++) {
		OK(f, f->ops->destroy(&f->drv, list[i].vnet, list[i].name, &f->err));
		free(list[i].spec_json);
	}
	free(list);
	f->ops->close(&f->drv);
	free(run(NULL, "rm -rf %s", f->root));
	free(f);
	return 0;
}

/* ---- tests ---- */

static void test_define(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	struct sv_vnode_status s;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	assert_int_equal(f->ops->define(&f->drv, &spec, &f->err), -EEXIST);
	OK(f, f->ops->status(&f->drv, "vn", "r1", &s, &f->err));
	assert_int_equal(s.state, SV_VNODE_DEFINED);
	assert_string_equal(s.spec_json, "{\"r1\":1}");
	assert_true(s.pid > 1);
	free(s.spec_json);

	HAS(run_in(f, "r1", NULL, "hostname"), "r1");
	HAS(run_in(f, "r1", NULL, "ip -br addr"), "10.1.0.1/24");
	HAS(run_in(f, "r1", NULL, "ip -6 addr show dev eth1"), "fd00:12::1/64");
	HAS_NOT(run_in(f, "r1", NULL, "ip -6 addr"), "tentative");
	HAS(run_in(f, "r1", NULL, "cat /sys/class/net/eth1/address"), "02:00:00:00:01:01");
	HAS(run_in(f, "r1", NULL, "cat /sys/class/net/eth1/mtu"), "1400");
	HAS(run_in(f, "r1", NULL, "ip route"), "10.3.0.0/24 via 10.12.0.2");
	HAS(run_in(f, "r1", NULL, "ip route"), "default via 10.1.0.254");
	HAS(run_in(f, "r1", NULL, "ip -6 route"), "fd00:3::/64 via fd00:12::2");
	HAS(run_in(f, "r1", NULL, "cat /proc/sys/net/ipv4/ip_forward"), "1");
	HAS(run_in(f, "r1", NULL, "cat /proc/sys/net/ipv4/conf/eth0/rp_filter"), "2");
	HAS(run_in(f, "r1", NULL, "tc class show dev eth1"), "class htb 1:10 parent 1:ffff");
	HAS(run_in(f, "r1", NULL, "tc class show dev eth1"), "class htb 1:1 parent 1:ffff");
	HAS(run_in(f, "r1", NULL, "tc filter show dev eth1"), "flowid 1:10");
	HAS(run_in(f, "r1", NULL, "nft list ruleset"), "table inet t");
	/* Its /proc and /sys are its own. */
	HAS(run_in(f, "r1", NULL, "cat /proc/1/comm"), "svnet-vinit");
	HAS_NOT(run_in(f, "r1", NULL, "ls /sys/class/net"), "vnp");
}

static void test_offloads(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "generic-receive-offload: on");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "\ntx-checksumming: off");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "\ntcp-segmentation-offload: off");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "tx-vlan-offload: off");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "tx-vlan-stag-hw-insert: off");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "rx-vlan-offload: off");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth1"), "\ntx-checksumming: on");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth1"), "\ntcp-segmentation-offload: on");
	HAS(run(NULL, "ethtool -k vnp0"), "generic-receive-offload: on");
	/* The host's side says nothing of its own. */
	HAS(run(NULL, "ip -d link show vnp0"), "NOARP");
	HAS(run(NULL, "ip -d link show vnp0"), "state DOWN");
	HAS(run(NULL, "ip -d link show vnp0"), "addrgenmode none");
	HAS(run(NULL, "cat /proc/sys/net/ipv6/conf/vnp0/disable_ipv6"), "1");
	free(run(NULL, "ip link set vnp0 up"));
	HAS_NOT(run(NULL, "ip -6 addr show dev vnp0"), "inet6");
}

static void test_exec(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	char group[128];
	int status;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	free(run_in(f, "r1", &status, "exit 7"));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	free(run_in(f, "r1", &status, "kill -TERM $$"));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	snprintf(group, sizeof(group), "svnet-production/%s/vn.r1", f->drv.host);
	HAS(run_in(f, "r1", NULL, "cat /proc/self/cgroup"), group);
	HAS_NOT(run_in(f, "r1", NULL, "ls -l /proc/self/fd"), "socket:");
}

static bool wait_for(struct fixture *f, const char *name, enum sv_vnode_state state)
{
	int i;

	for (i = 0; i < 500; i++) {
		if (status_of(f, name).state == state)
			return true;
		sleep_ms(10);
	}
	return false;
}

static void test_program(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	char *text;
	int i;

	spec.program = (char *[]){ "/bin/sh", "-c", "echo come $$; sleep 100", NULL };
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
	OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_RUNNING);
	HAS(run_in(f, "r1", NULL, "ps ax"), "sleep 100");
	sleep_ms(100);
	/* Killed, it comes again, and is counted. */
	free(run_in(f, "r1", NULL, "kill -9 $(pgrep -o sh)"));
	for (i = 0; i < 200 && status_of(f, "r1").restarts == 0; i++)
		sleep_ms(10);
	sleep_ms(200);
	assert_int_equal(status_of(f, "r1").restarts, 1);
	text = read_path("%s/vn.r1.log", f->drv.log_dir);
	assert_non_null(strstr(text, "come "));
	assert_non_null(strstr(text, "signal 9"));
	assert_non_null(strstr(strstr(text, "come ") + 1, "come "));
	free(text);
	OK(f, f->ops->stop(&f->drv, "vn", "r1", &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_DEFINED);
	HAS_NOT(run_in(f, "r1", NULL, "ps ax"), "sleep 100");
}

static void test_stubborn_program(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();

	spec.program =
		(char *[]){ "/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done", NULL };
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
	sleep_ms(200);
	OK(f, f->ops->stop(&f->drv, "vn", "r1", &f->err));
	HAS_NOT(run_in(f, "r1", NULL, "ps ax"), "trap");
}

static void test_flapping_program(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	struct sv_vnode_status s;

	spec.program = (char *[]){ "/bin/false", NULL };
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
	/* 100 + 200 + 400 + 800 ms of back-off come before the fifth end. */
	sleep_ms(1000);
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_RUNNING);
	assert_true(wait_for(f, "r1", SV_VNODE_FAILED));
	s = status_of(f, "r1");
	assert_int_equal(s.restarts, 4);
	assert_non_null(strstr(s.note, "exit 1"));
}

static void test_pause(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	char *before, *after;

	spec.program =
		(char *[]){ "/bin/sh", "-c", "while :; do date +%N; sleep 0.01; done", NULL };
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
	sleep_ms(100);
	OK(f, f->ops->pause(&f->drv, "vn", "r1", &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_PAUSED);
	before = read_path("%s/vn.r1.log", f->drv.log_dir);
	sleep_ms(200);
	after = read_path("%s/vn.r1.log", f->drv.log_dir);
	assert_string_equal(before, after);
	free(after);
	/* Moved to another tier, it stays paused. */
	OK(f, f->ops->set_tier(&f->drv, "vn", "r1", SV_TIER_SHADOW, &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_PAUSED);
	assert_int_equal(f->ops->stop(&f->drv, "vn", "r1", &f->err), -EBUSY);
	OK(f, f->ops->resume(&f->drv, "vn", "r1", &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_RUNNING);
	sleep_ms(200);
	after = read_path("%s/vn.r1.log", f->drv.log_dir);
	assert_true(strlen(after) > strlen(before));
	free(before);
	free(after);
	/* A paused VNode can go as well. */
	OK(f, f->ops->pause(&f->drv, "vn", "r1", &f->err));
	OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_ABSENT);
}

static void test_keeper_killed(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	struct sv_vnode_status s;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	kill(status_of(f, "r1").pid, SIGKILL);
	assert_true(wait_for(f, "r1", SV_VNODE_FAILED));
	OK(f, f->ops->status(&f->drv, "vn", "r1", &s, &f->err));
	assert_null(s.spec_json); /* it cannot be updated, only made anew */
	assert_int_equal(s.pid, 0);
	assert_non_null(strstr(s.note, "keeper"));
	/* Another process with that number is not taken for it. */
	free(run(NULL, "echo %d 1 > %s/vnode/vn.r1/pid", getpid(), f->drv.run_dir));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_FAILED);
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_DEFINED);
	HAS(run_in(f, "r1", NULL, "ip -br addr"), "10.1.0.1/24");
}

static void test_half_made(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();

	/* As svnetd would leave it, killed in the middle of define(). */
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	free(run(NULL, "rm %s/vnode/vn.r1/spec.json", f->drv.run_dir));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_FAILED);
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_DEFINED);
	/* Nothing but the folder. */
	OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
	free(run(NULL, "mkdir %s/vnode/vn.r1", f->drv.run_dir));
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
	OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
}

/* As many descriptors can be opened as `n` says, until it is called with -1. */
static void leave_descriptors(int n)
{
	static struct rlimit was;
	struct rlimit now;
	int next = dup(0);

	close(next);
	if (!was.rlim_cur)
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	now = was;
	if (n >= 0)
		now.rlim_cur = next + n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/* A VNode that cannot be looked at has not failed: it would be made anew, which is an outage. */
static void test_out_of_descriptors(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	struct sv_vnode_status *list, s;
	int left, rc, refused = 0;
	pid_t keeper;
	size_t n;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	keeper = status_of(f, "r1").pid;
	for (left = 0, rc = -1; rc; left++) {
		leave_descriptors(left);
		rc = f->ops->list(&f->drv, &list, &n, &f->err);
		if (!rc) {
			assert_int_equal(n, 1);
			assert_int_equal(list[0].state, SV_VNODE_DEFINED);
			free(list[0].spec_json);
		}
		free(list);
		if (!f->ops->status(&f->drv, "vn", "r1", &s, &f->err)) {
			assert_int_equal(s.state, SV_VNODE_DEFINED);
			free(s.spec_json);
		}
		assert_int_not_equal(f->ops->define(&f->drv, &spec, &f->err), 0);
		leave_descriptors(-1);
		assert_int_equal(status_of(f, "r1").pid, keeper);
		refused += rc != 0;
	}
	assert_true(refused > 0);
	/* It is known until nothing of it is left. */
	for (left = 0, rc = -1; rc; left++) {
		leave_descriptors(left);
		rc = f->ops->destroy(&f->drv, "vn", "r1", &f->err);
		leave_descriptors(-1);
		OK(f, f->ops->list(&f->drv, &list, &n, &f->err));
		for (size_t i = 0; i < n; i++)
			free(list[i].spec_json);
		free(list);
		if (rc)
			assert_int_equal(n, 1);
	}
	assert_true(left > 1);
	HAS_NOT(read_path("/proc/%d/cmdline", keeper), "svnet-vinit"); /* a zombie has none */
	HAS_NOT(run(NULL, "ip -br link"), "vnp");
	HAS_NOT(run(NULL, "find /sys/fs/cgroup -type d -path '*svnet-*/%s*' 2>/dev/null",
		    f->drv.host),
		"svnet");
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_ABSENT);
}

/* One that cannot be looked at hides no other: purge takes down what it can. */
static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec(),
			     bare = { .vnet = "vn", .name = "r2", .driver = "netns", .json = "{}" };
	struct sv_vnode_status *list;
	size_t n, i, defined = 0;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->define(&f->drv, &bare, &f->err));
	free(run(NULL, "cd %s/vnode/vn.r1 && mv spec.json kept && mkdir spec.json",
		 f->drv.run_dir));
	assert_int_equal(f->ops->list(&f->drv, &list, &n, &f->err), -EISDIR);
	assert_non_null(strstr(f->err.text, "vn/r1: reading"));
	assert_int_equal(n, 2);
	for (i = 0; i < n; i++) {
		defined += list[i].state == SV_VNODE_DEFINED;
		free(list[i].spec_json);
	}
	free(list);
	assert_int_equal(defined, 1);
	free(run(NULL, "cd %s/vnode/vn.r1 && rmdir spec.json && mv kept spec.json",
		 f->drv.run_dir));
	assert_int_equal(status_of(f, "r1").state, SV_VNODE_DEFINED);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	static const struct {
		const char *what;
		size_t at;
		char *line, *text[4];
	} cases[] = {
		{ "route",
		  offsetof(struct sv_vnode_spec, routes),
		  "10.9.0.0/24 via 10.99.0.1",
		  { "vn/r1", "10.9.0.0/24 via 10.99.0.1", "gateway" } },
		{ "sysctl",
		  offsetof(struct sv_vnode_spec, sysctls),
		  "kernel.hostname=x",
		  { "vn/r1", "kernel.hostname", "net." } },
		{ "sysctl",
		  offsetof(struct sv_vnode_spec, sysctls),
		  "net.ipv4.nothing=1",
		  { "vn/r1", "net.ipv4.nothing=1" } },
		{ "tc",
		  offsetof(struct sv_vnode_spec, tc),
		  "qdisc add dev eth0 root nothing",
		  { "vn/r1", "eth0", "qdisc add dev eth0 root nothing" } },
		{ "tc",
		  offsetof(struct sv_vnode_spec, tc),
		  "qdisc add dev eth9 root pfifo",
		  { "vn/r1", "eth9" } },
		{ "nft", 0, NULL, { "vn/r1", "nftables", "syntax error" } },
	};
	size_t i, j;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *lines[] = { cases[i].line, NULL };

		spec = r1_spec();
		if (cases[i].line)
			*(char ***)((char *)&spec + cases[i].at) = lines;
		else
			spec.nft = "tabel";
		f->err.text[0] = 0;
		assert_true(f->ops->define(&f->drv, &spec, &f->err) < 0);
		for (j = 0; j < 4 && cases[i].text[j]; j++)
			if (!strstr(f->err.text, cases[i].text[j]))
				fail_msg("\"%s\" is not in: %s", cases[i].text[j], f->err.text);
		assert_int_equal(status_of(f, "r1").state, SV_VNODE_ABSENT);
		HAS_NOT(run(NULL, "ip link"), "vnp");
	}
	/* A device that somebody else has is not taken, and not deleted. */
	free(run(NULL, "ip link add vnp1 type veth peer name vnq"));
	spec = r1_spec();
	assert_int_equal(f->ops->define(&f->drv, &spec, &f->err), -EBUSY);
	HAS(run(NULL, "ip link"), "vnp1");
	free(run(NULL, "ip link del vnp1"));
}

static void test_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	char *before, *after;
	int i;

	spec.program = (char *[]){ "/bin/sleep", "1000", NULL };
	before = run(NULL, "findmnt -rn -o TARGET | grep -v /run/netns | grep -c .");
	for (i = 0; i < 30; i++) {
		OK(f, f->ops->define(&f->drv, &spec, &f->err));
		OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
		OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
	}
	after = run(NULL, "findmnt -rn -o TARGET | grep -v /run/netns | grep -c .");
	assert_string_equal(before, after);
	free(before);
	free(after);
	HAS_NOT(run(NULL, "ip link"), "vnp");
	HAS_NOT(run(NULL, "ls %s/vnode", f->drv.run_dir), "r1");
	/* Not even a zombie. */
	HAS_NOT(run(NULL, "ps axww -o stat,args | grep -v grep"), f->root);
	HAS_NOT(run(NULL, "find /sys/fs/cgroup -type d -path '*svnet-*/%s*' 2>/dev/null",
		    f->drv.host),
		"svnet");
}

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* How long a whole define() takes here. */
static long long define_ns(struct fixture *f, const struct sv_vnode_spec *spec)
{
	long long start = now_ns(), ns;

	OK(f, f->ops->define(&f->drv, spec, &f->err));
	ns = now_ns() - start;
	OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
	return ns;
}

/* svnetd may be killed at any moment of define(). */
static void test_killed_agent(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	int i, whole = 0, half = 0;
	long long all;

	all = define_ns(f, &spec);
	for (i = 0; i < 24; i++) {
		long long ns = all * (i + 1) / 20;
		struct timespec wait = { ns / 1000000000, ns % 1000000000 };
		pid_t pid = fork();

		if (pid == 0)
			_exit(f->ops->define(&f->drv, &spec, NULL) ? 1 : 0);
		nanosleep(&wait, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (status_of(f, "r1").state == SV_VNODE_DEFINED) {
			whole++;
			all -= all / 8; /* the machine is faster than it was */
			OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
		} else {
			half++;
			if (i % 2)
				OK(f, f->ops->define(&f->drv, &spec, &f->err));
			OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
		}
		assert_int_equal(status_of(f, "r1").state, SV_VNODE_ABSENT);
		HAS_NOT(run(NULL, "ip link"), "vnp");
		HAS_NOT(run(NULL, "ps axww -o stat,args | grep -v grep"), f->root);
	}
	print_message("killed in the middle %d times, too late %d times\n", half, whole);
	assert_true(half > 3);
}

/* What a tier as a whole gets. An idle one has no weight of its own. */
static void check_share(const char *tier, const char *shares, const char *weight, const char *idle)
{
	bool v1 = !access("/sys/fs/cgroup/cpu", F_OK);
	const char *root = v1 ? "/sys/fs/cgroup/cpu" : "/sys/fs/cgroup";
	const char *file = v1 ? "cpu.shares" : "cpu.weight";

	HAS(read_path("%s/svnet-%s/cpu.idle", root, tier), idle);
	if (shares)
		HAS(read_path("%s/svnet-%s/%s", root, tier, file), v1 ? shares : weight);
}

static void test_tiers(void **state)
{
	static const struct {
		enum sv_tier tier;
		const char *name, *threaded, *shares, *weight, *idle;
	} cases[] = {
		{ SV_TIER_SHADOW, "shadow", "1", "102", "10", "0" },
		{ SV_TIER_MONITOR, "monitor", "1", NULL, NULL, "1" },
		{ SV_TIER_PRODUCTION, "production", "0", "1024", "100", "0" },
	};
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	char group[128];
	pid_t pid;
	size_t i;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
	pid = status_of(f, "r1").pid;
	for (i = 0; i < 3; i++) {
		OK(f, f->ops->set_tier(&f->drv, "vn", "r1", cases[i].tier, &f->err));
		assert_int_equal(status_of(f, "r1").pid, pid);
		assert_int_equal(status_of(f, "r1").tier, cases[i].tier);
		snprintf(group, sizeof(group), "svnet-%s/%s/vn.r1", cases[i].name, f->drv.host);
		HAS(read_path("/proc/%d/cgroup", pid), group);
		check_share(cases[i].name, cases[i].shares, cases[i].weight, cases[i].idle);
		HAS(run_in(f, "r1", NULL, "cat /sys/class/net/eth0/threaded"), cases[i].threaded);
		HAS(run_in(f, "r1", NULL, "cat /sys/class/net/eth1/threaded"), cases[i].threaded);
		OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
		/* The same when it is made so. */
		spec.tier = cases[i].tier;
		OK(f, f->ops->define(&f->drv, &spec, &f->err));
		pid = status_of(f, "r1").pid;
		HAS(read_path("/proc/%d/cgroup", pid), group);
		check_share(cases[i].name, cases[i].shares, cases[i].weight, cases[i].idle);
	}
}

/* The receive work's thread is this VNode's own, not that of another with the same interface. */
static void test_napi_threads(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	struct sv_vnode_iface ifaces[2];
	char *nice;

	memcpy(ifaces, r1_ifaces, sizeof(ifaces));
	strcpy(ifaces[0].name, "vnx");
	strcpy(ifaces[1].name, "vny");
	spec.iface = ifaces;
	spec.routes = spec.sysctls = spec.tc = NULL;
	spec.tier = SV_TIER_MONITOR;
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	nice = run(NULL, "ps ax -o ni,comm | grep 'napi/vn[xy]' | awk '{print $1}' | tr '\\n' ' '");
	assert_string_equal(nice, "19 19 ");
	free(nice);
	OK(f, f->ops->set_tier(&f->drv, "vn", "r1", SV_TIER_PRODUCTION, &f->err));
	HAS(run_in(f, "r1", NULL, "cat /sys/class/net/vnx/threaded"), "0");
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	struct sv_vnode_driver again = f->drv;
	struct sv_vnode_status *list;
	size_t n;

	OK(f, f->ops->list(&f->drv, &list, &n, &f->err));
	assert_int_equal(n, 0);
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	/* Another process of the same driver finds it. */
	again.priv = NULL;
	OK(f, f->ops->list(&again, &list, &n, &f->err));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].vnet, "vn");
	assert_string_equal(list[0].name, "r1");
	assert_string_equal(list[0].spec_json, "{\"r1\":1}");
	free(list[0].spec_json);
	free(list);
}

/* ---- clone ---- */

/* What an operator, or the operator's program, has done to it since. */
static const char *const changes[] = {
	"ip addr add 10.77.0.1/32 dev lo",
	"ip addr add 10.1.0.9/24 dev eth0",
	"ip addr add fd00:1::9/64 dev eth0 nodad",
	"ip addr add 10.5.0.1/24 dev eth0 valid_lft 5000 preferred_lft 4000",
	"ip link set eth0 mtu 1300",
	"ip link set eth0 txqueuelen 77",
	"ip route add 10.40.0.0/16 via 10.12.0.9 metric 50 mtu 1200",
	"ip route add 10.41.0.0/16 nexthop via 10.12.0.3 weight 2 nexthop via 10.1.0.3",
	"ip route add blackhole 10.42.0.0/16",
	"ip route add 10.43.0.0/16 via 10.99.0.1 dev eth1 onlink",
	"ip route add local 10.44.0.0/16 dev lo",
	"ip route add default via 10.12.0.2 table 100",
	"ip route del 10.5.0.0/24",
	"ip -6 route add fd00:40::/64 via fd00:12::9 metric 7",
	"ip nexthop add id 5 via 10.12.0.7 dev eth1",
	"ip nexthop add id 6 via 10.1.0.7 dev eth0",
	"ip nexthop add id 9 group 5/6",
	"ip route add 10.45.0.0/16 nhid 9",
	"ip rule add from 10.1.0.9 table 100 priority 500",
	"ip -6 rule add iif eth0 table 100 priority 600",
	"ip rule del priority 32767",
	"ip neigh add 10.12.0.2 lladdr 02:00:00:00:02:00 dev eth1",
	"ip neigh add 10.12.0.3 lladdr 02:00:00:00:02:03 dev eth1 nud stale",
	"ip neigh add fd00:12::3 lladdr 02:00:00:00:02:03 dev eth1 nud reachable",
	"ip neigh add proxy 10.12.0.77 dev eth1",
	"sysctl -qw net.ipv4.conf.eth1.proxy_arp=1 net.ipv4.ip_default_ttl=33 "
	"net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0",
	"tc qdisc add dev eth0 root handle 7: tbf rate 5mbit burst 4000 limit 20000",
	"tc class add dev eth1 parent 1:ffff classid 1:20 htb rate 2mbit ceil 3mbit prio 5",
	"tc qdisc add dev eth1 parent 1:20 handle 20: pfifo limit 33",
	"tc filter add dev eth1 parent 1: protocol ip prio 2 handle 2: u32 divisor 4",
	"tc filter add dev eth1 parent 1: protocol ip prio 2 u32 ht 2:1 match ip dst 10.3.0.7/32 "
	"flowid 1:20",
	"tc qdisc add dev eth1 clsact",
	"tc filter add dev eth1 egress protocol ipv6 prio 3 u32 match ip6 dst fd00:3::/64 flowid "
	"1:1",
	"nft add table ip more",
	"nft add set ip more s '{ type ipv4_addr; elements = { 10.0.0.7, 10.0.0.8 }; }'",
	"nft add chain ip more c '{ type filter hook input priority 1; }'",
	"nft add rule ip more c iif eth0 ip saddr @s counter drop",
};

/* Shown by both sides, these must be equal. `s` drops what is time's or a device's number. */
static const char *const views[] = {
	"ip addr show | sed -E 's/@if[0-9]+//; s/^[0-9]+: //; s/link-netnsid.*//; s/ state .*//; "
	"s/(valid|preferred)_lft [0-9]+sec/LFT/g; s/<[^>]*>//' | grep -v fe80",
	"ip -4 route show table all | sed -E 's/nhid [0-9]+ //; s/linkdown //'",
	"ip -6 route show table all | sed 's/linkdown //' | grep -v fe80 | sort",
	"ip rule; ip -6 rule",
	"ip neigh show nud all | grep -v -i noarp | sort",
	"ip neigh show proxy",
	"cd /proc/sys/net && grep -rs . . | grep -v -e _dad -e nf_conntrack_count -e dad_trans | "
	"sort",
	"tc qdisc show | sed 's/ refcnt [0-9]*//' | grep -v ' 0: '",
	"tc class show dev eth0; tc class show dev eth1",
	"tc filter show dev eth1; tc filter show dev eth1 egress",
	"nft list ruleset",
};

static struct sv_vnode_iface clone_ifaces[2];

static struct sv_vnode_spec clone_spec(void)
{
	struct sv_vnode_spec spec = r1_spec();

	memcpy(clone_ifaces, r1_ifaces, sizeof(clone_ifaces));
	strcpy(clone_ifaces[0].port, "vnc0");
	strcpy(clone_ifaces[1].port, "vnc1");
	strcpy(spec.name, "c1");
	spec.iface = clone_ifaces;
	spec.tier = SV_TIER_SHADOW;
	spec.json = "{\"c1\":1}";
	return spec;
}

static void all_ports_up(void)
{
	static const char *const ports[] = { "vnp0", "vnp1", "vnc0", "vnc1" };
	size_t i;

	for (i = 0; i < 4; i++)
		free(run(NULL, "ip link set %s up 2>&1", ports[i]));
}

static void make_changed_original(struct fixture *f)
{
	struct sv_vnode_spec spec = r1_spec();
	int status;
	size_t i;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	free(run(NULL, "ip link set vnp0 up; ip link set vnp1 up"));
	sleep_ms(1200); /* what the carrier changes is changed */
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *text = run_in(f, "r1", &status, "%s 2>&1", changes[i]);

		if (status)
			fail_msg("%s: %s", changes[i], text);
		free(text);
	}
}

static void same_views(struct fixture *f)
{
	size_t i;

	for (i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		char *a = run_in(f, "r1", NULL, "%s", views[i]);
		char *b = run_in(f, "c1", NULL, "%s", views[i]);

		if (strcmp(a, b)) {
			fprintf(stderr, "%s\n--- original\n%s--- clone\n%s", views[i], a, b);
			fail();
		}
		assert_true(strlen(a) > 10);
		free(a);
		free(b);
	}
}

static void test_clone(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = clone_spec();
	char *report = NULL;
	size_t len;
	FILE *file;

	make_changed_original(f);
	file = open_memstream(&report, &len);
	OK(f, f->ops->clone(&f->drv, &spec, "vn", "r1", file, &f->err));
	fclose(file);
	assert_string_equal(report,
			    "vn/r1: not copied: 3 nexthop objects; their routes are copied as "
			    "plain ones\n");
	same_views(f);
	/* It goes on being equal once it is connected, and later. */
	all_ports_up();
	sleep_ms(1500);
	same_views(f);
	HAS(run_in(f, "c1", NULL, "cat /sys/class/net/eth0/threaded"), "1");
	HAS(run(NULL, "ip link show vnc0"), "mtu 1300");
	free(report);
}

static void test_clone_report(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = clone_spec(), original = r1_spec();
	char *report = NULL;
	size_t len;
	FILE *file;

	original.program = (char *[]){ "/usr/bin/python3", "-c",
				       "import socket,time\ns=socket.socket()\n"
				       "s.bind(('',7))\ns.listen()\ntime.sleep(100)",
				       NULL };
	OK(f, f->ops->define(&f->drv, &original, &f->err));
	OK(f, f->ops->start(&f->drv, "vn", "r1", &f->err));
	free(run_in(f, "r1", NULL,
		    "ip link add br9 type bridge; ip link set br9 up; "
		    "ip addr add 10.66.0.1/24 dev br9"));
	sleep_ms(500);
	file = open_memstream(&report, &len);
	OK(f, f->ops->clone(&f->drv, &spec, "vn", "r1", file, &f->err));
	fclose(file);
	assert_non_null(strstr(report, "interface br9 (bridge)"));
	assert_non_null(strstr(report, "address 10.66.0.1/24 dev br9"));
	assert_non_null(strstr(report, "memory of its program"));
	assert_non_null(strstr(report, "1 tcp socket"));
	free(report);
}

static void test_clone_override(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = clone_spec();

	make_changed_original(f);
	spec.routes = (char *[]){ "10.3.0.0/24 via 10.12.0.8", "default via 10.1.0.254",
				  "fd00:3::/64 via fd00:12::2", NULL };
	/* No longer set: as it was before. */
	spec.sysctls = (char *[]){ "net.ipv4.conf.eth0.rp_filter = 2", NULL };
	clone_ifaces[1].rate_kbit = 10000;
	OK(f, f->ops->clone(&f->drv, &spec, "vn", "r1", NULL, &f->err));
	HAS(run_in(f, "c1", NULL, "ip route"), "10.3.0.0/24 via 10.12.0.8");
	HAS_NOT(run_in(f, "c1", NULL, "ip route"), "10.3.0.0/24 via 10.12.0.2");
	/* What was not overridden is the original's. */
	HAS(run_in(f, "c1", NULL, "ip route"), "10.40.0.0/16 via 10.12.0.9");
	HAS(run_in(f, "c1", NULL, "ip addr show dev eth0"), "10.1.0.9/24");
	HAS(run_in(f, "c1", NULL, "cat /proc/sys/net/ipv4/ip_forward"), "0");
	HAS(run_in(f, "c1", NULL, "tc class show dev eth1"), "class htb 1:ffff root rate 10Mbit");
	HAS(run_in(f, "c1", NULL, "tc qdisc show dev eth0"), "tbf 7:");
}

/* ---- update ---- */

static void test_update(void **state)
{
	static char *two[] = { "10.1.0.1/24", "10.1.0.2/24", NULL };
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	struct sv_vnode_iface ifaces[3];
	pid_t pid;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	pid = status_of(f, "r1").pid;
	free(run_in(f, "r1", NULL, "ip route add 10.40.0.0/16 via 10.12.0.9"));
	memset(ifaces, 0, sizeof(ifaces));
	memcpy(ifaces, r1_ifaces, sizeof(r1_ifaces));
	ifaces[0].addresses = two;
	ifaces[0].xdp = false;
	ifaces[0].mtu = 1600;
	ifaces[1].rate_kbit = 5000;
	strcpy(ifaces[2].name, "eth2");
	strcpy(ifaces[2].port, "vnp2");
	memcpy(ifaces[2].mac, "\x02\0\0\0\1\2", 6);
	ifaces[2].mtu = 1500;
	spec.iface = ifaces;
	spec.n_iface = 3;
	spec.tc = NULL;
	spec.tier = SV_TIER_SHADOW;
	spec.json = "{\"r1\":2}";
	OK(f, f->ops->update(&f->drv, &spec, &f->err));
	assert_int_equal(status_of(f, "r1").pid, pid);
	assert_int_equal(status_of(f, "r1").tier, SV_TIER_SHADOW);
	HAS(run_in(f, "r1", NULL, "ip -4 addr show dev eth0"), "10.1.0.2/24");
	HAS(run_in(f, "r1", NULL, "ip -4 addr show dev eth0"), "10.1.0.1/24");
	HAS_NOT(run_in(f, "r1", NULL, "ip -6 addr show dev eth0"), "fd00:1::1");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "\ntx-checksumming: on");
	HAS(run_in(f, "r1", NULL, "ethtool -k eth0"), "tcp-segmentation-offload: on");
	HAS(run_in(f, "r1", NULL, "ip link show eth0"), "mtu 1600");
	HAS(run(NULL, "ip link show vnp0"), "mtu 1600");
	HAS(run_in(f, "r1", NULL, "tc class show dev eth1"), "class htb 1:ffff root rate 5Mbit");
	HAS_NOT(run_in(f, "r1", NULL, "tc class show dev eth1"), "1:10 ");
	HAS(run_in(f, "r1", NULL, "ip link show eth2"), "02:00:00:00:01:02");
	HAS(run_in(f, "r1", NULL, "ip route"), "10.40.0.0/16 via 10.12.0.9");
	HAS(run_in(f, "r1", NULL, "ip route"), "10.3.0.0/24 via 10.12.0.2");

	/* A bad one changes nothing. */
	spec.n_iface = 2;
	spec.routes = (char *[]){ "10.9.0.0/24 via 10.99.0.1", NULL };
	assert_true(f->ops->update(&f->drv, &spec, &f->err) < 0);
	HAS(run_in(f, "r1", NULL, "ip link show eth2"), "02:00:00:00:01:02");
	HAS(run_in(f, "r1", NULL, "ip route"), "10.3.0.0/24 via 10.12.0.2");

	spec.routes = r1_routes;
	OK(f, f->ops->update(&f->drv, &spec, &f->err));
	HAS_NOT(run(NULL, "ip link"), "vnp2");
	OK(f, f->ops->destroy(&f->drv, "vn", "r1", &f->err));
	HAS_NOT(run(NULL, "ip link"), "vnp");
}

/* The agent asks for the same again when it misses a port. */
static void test_lost_device(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	char *before, *after;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	before = run_in(f, "r1", NULL, "ip route; tc class show dev eth1; tc filter show dev eth1");
	free(run(NULL, "ip link del vnp1"));
	HAS_NOT(run_in(f, "r1", NULL, "ip link"), "eth1");
	OK(f, f->ops->update(&f->drv, &spec, &f->err));
	HAS(run(NULL, "ip link"), "vnp1");
	HAS(run_in(f, "r1", NULL, "ip addr show dev eth1"), "10.12.0.1/24");
	after = run_in(f, "r1", NULL, "ip route; tc class show dev eth1; tc filter show dev eth1");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_ping(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec(), peer = r1_spec();
	struct sv_vnode_iface iface = { .name = "eth0",
					.port = "vnq0",
					.mtu = 1400,
					.mac = { 2, 0, 0, 0, 2, 0 },
					.addresses = (char *[]){ "10.12.0.2/24", "fd00:12::2/64",
								 NULL } };
	int status;

	strcpy(peer.name, "r2");
	peer.n_iface = 1;
	peer.iface = &iface;
	peer.routes = peer.sysctls = peer.tc = NULL;
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->define(&f->drv, &peer, &f->err));
	free(run(NULL, "ip link add vnbr type bridge; ip link set vnbr up; "
		       "for p in vnp1 vnq0; do ip link set $p master vnbr up; done"));
	free(run_in(f, "r1", &status, "ping -c 1 -W 2 10.12.0.2"));
	assert_int_equal(status, 0);
	free(run_in(f, "r1", &status, "ping -c 1 -W 2 fd00:12::2"));
	assert_int_equal(status, 0);
	free(run(NULL, "ip link del vnbr"));
}

/* The rate is what arrives, and what waits for it does not wait long. */
static void test_shaping(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec(), peer = r1_spec();
	struct sv_vnode_iface iface = { .name = "eth0",
					.port = "vnq0",
					.mtu = 1400,
					.mac = { 2, 0, 0, 0, 2, 0 },
					.addresses = (char *[]){ "10.12.0.2/24", NULL } };
	double mbit = 0;
	char *text, *at;

	strcpy(peer.name, "r2");
	peer.n_iface = 1;
	peer.iface = &iface;
	peer.routes = peer.sysctls = peer.tc = NULL;
	peer.program = (char *[]){ "/usr/bin/iperf3", "-s", NULL };
	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	OK(f, f->ops->define(&f->drv, &peer, &f->err));
	free(run(NULL, "ip link add vnbr type bridge; ip link set vnbr up; "
		       "for p in vnp1 vnq0; do ip link set $p master vnbr up; done"));
	OK(f, f->ops->start(&f->drv, "vn", "r2", &f->err));
	sleep_ms(500);
	text = run_in(f, "r1", NULL,
		      "iperf3 -c 10.12.0.2 -t 3 -J >/tmp/.vnshape.$$ & sleep 1.5; "
		      "ping -c 5 -i 0.2 -q 10.12.0.2 | grep rtt; wait; cat /tmp/.vnshape.$$; "
		      "rm /tmp/.vnshape.$$");
	at = strstr(text, "\"sum_received\"");
	at = at ? strstr(at, "bits_per_second") : NULL;
	if (at)
		mbit = atof(strchr(at, ':') + 1) / 1e6;
	if (mbit < 16 || mbit > 20.5)
		fail_msg("%.1f Mbit/s at a rate of 20: %s", mbit, text);
	at = strstr(text, "mdev = ");
	if (!at || atof(strchr(at, '/') + 1) > 80)
		fail_msg("a ping waits longer than 80 ms: %.100s", text);
	print_message("%.1f Mbit/s, %.60s\n", mbit, at);
	free(text);
	free(run(NULL, "ip link del vnbr"));
}

static void test_snapshot(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	char *text = NULL;
	size_t len;
	FILE *file;

	OK(f, f->ops->define(&f->drv, &spec, &f->err));
	file = open_memstream(&text, &len);
	OK(f, f->ops->snapshot(&f->drv, "vn", "r1", file, &f->err));
	fclose(file);
	assert_non_null(strstr(text, "\"10.12.0.1\""));
	assert_non_null(strstr(text, "10.3.0.0/24"));
	assert_non_null(strstr(text, "\"htb\""));
	assert_non_null(strstr(text, "\"u32\""));
	free(text);
}

static void test_external(void **state)
{
	struct fixture *f = *state;
	struct sv_vnode_spec spec = r1_spec();
	const struct sv_vnode_driver_ops *ops = sv_vnode_driver_find("external");
	struct sv_vnode_status s;

	assert_non_null(ops);
	assert_int_equal(ops->define(&f->drv, &spec, &f->err), -ENODEV);
	assert_non_null(strstr(f->err.text, "vnp0"));
	free(run(NULL, "ip link add vnp0 type veth peer name vnp1"));
	OK(f, ops->define(&f->drv, &spec, &f->err));
	OK(f, ops->status(&f->drv, "vn", "r1", &s, &f->err));
	assert_int_equal(s.state, SV_VNODE_RUNNING);
	assert_string_equal(s.spec_json, spec.json);
	free(s.spec_json);
	OK(f, ops->destroy(&f->drv, "vn", "r1", &f->err));
	OK(f, ops->status(&f->drv, "vn", "r1", &s, &f->err));
	assert_int_equal(s.state, SV_VNODE_ABSENT);
	HAS(run(NULL, "ip link"), "vnp0");
	free(run(NULL, "ip link del vnp0"));
}

/* The keeper is built beside the folder of the tests. */
static void find_keeper(void)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	int i;

	path[n > 0 ? n : 0] = 0;
	for (i = 0; i < 3 && strrchr(path, '/'); i++)
		*strrchr(path, '/') = 0;
	strcat(path, "/svnet-vinit");
	setenv("SVNET_VINIT", path, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_define, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_offloads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_exec, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stubborn_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flapping_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pause, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keeper_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_out_of_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed_agent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tiers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_napi_threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clone_report, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clone_override, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_update, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_device, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shaping, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_snapshot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_external, set_up, tear_down),
	};

	find_keeper();
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (geteuid() || unshare(CLONE_NEWNET)) {
		fprintf(stderr, "test_vnode: needs root and network namespaces\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
