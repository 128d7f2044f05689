/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_TESTS_LOADER_LAB_H
#define SV_TESTS_LOADER_LAB_H

/*
 * The loader's tests against the running kernel: a network namespace and a pin folder of our own,
 * real devices, frames from AF_PACKET.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loader/internal.h"

#define SV_UNUSED __attribute__((unused))

static char PIN[64];
static struct sv_plane *plane;
static struct sv_err err;

#define OK(call)                                                                                   \
	do {                                                                                       \
		int rc_ = (call);                                                                  \
		if (rc_ < 0)                                                                       \
			fail_msg("%s: %d %s", #call, rc_, err.text);                               \
	} while (0)

static void run(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd))
		fail_msg("%s", cmd);
}

static SV_UNUSED double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * Three wires: what is sent into "ea" arrives at port "pa"; what port "pb" sends leaves at "eb".
 * The namespace and the plane serve all tests of a program: to load it takes seconds in an
 * emulator.
 */
static SV_UNUSED int setup(void **state)
{
	bool fresh;

	(void)state;
	if (!PIN[0]) {
		if (unshare(CLONE_NEWNET))
			return -1;
		snprintf(PIN, sizeof(PIN), "/sys/fs/bpf/svnet-test-%d/host", getpid());
	}
	for (const char *w = "abc"; *w; w++) {
		run("ip link add e%c type veth peer name p%c", *w, *w);
		run("ethtool -K e%c gro on txvlan off >/dev/null", *w);
		run("echo 1 >/proc/sys/net/ipv6/conf/e%c/disable_ipv6", *w);
		run("echo 1 >/proc/sys/net/ipv6/conf/p%c/disable_ipv6", *w);
		run("ip link set e%c up; ip link set p%c up", *w, *w);
	}
	if (plane)
		return 0;
	OK(sv_plane_open(&plane, PIN, &fresh, &err));
	assert_true(fresh);
	return 0;
}

static SV_UNUSED void remove_attachments(void)
{
	struct sv_attach_spec *list;
	size_t n;

	OK(sv_attach_list(plane, &list, &n, &err));
	for (size_t i = 0; i < n; i++) {
		OK(sv_attach_del(plane, &list[i].key, 1, &err));
		sv_attach_spec_fini(&list[i]);
	}
	free(list);
}

static SV_UNUSED int teardown(void **state)
{
	struct sv_port_info *list;
	size_t n;

	(void)state;
	if (plane) {
		remove_attachments();
		OK(sv_port_list(plane, &list, &n, &err));
		for (size_t i = 0; i < n; i++)
			OK(sv_port_detach(plane, list[i].ifindex, &err));
		free(list);
	}
	for (const char *w = "abc"; *w; w++)
		run("ip link del e%c 2>/dev/null || true", *w);
	return 0;
}

/* Ports and all: nothing is left, neither in bpffs nor on a device. */
static SV_UNUSED int finish(void **state)
{
	char parent[64];

	(void)state;
	snprintf(parent, sizeof(parent), "/sys/fs/bpf/svnet-test-%d", getpid());
	sv_plane_close(plane);
	plane = NULL;
	return sv_plane_purge(PIN, &err) || !access(PIN, F_OK) || !access(parent, F_OK);
}

/* How often, at `cost` seconds a time: 20, or what an emulated machine has patience for; at least
 * three, one of every kind. */
static SV_UNUSED int rounds(double cost)
{
	int n = cost < 1 ? 20 : cost < 5 ? 20 / cost : 3;

	if (n < 20)
		print_message("# %d rounds instead of 20: one takes %.0f s on this machine\n", n,
			      cost);
	return n;
}

/* ---- frames ---- */

static SV_UNUSED int packet_socket(const char *dev)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = if_nametoindex(dev) };
	int size = 64 << 20, one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && at.sll_ifindex);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	return fd;
}

struct frame {
	__u8 dst[6], src[6];
	__be16 proto;
	__be32 seq; /* at byte 14 */
	__u8 fill[46];
} __attribute__((packed));

static SV_UNUSED bool try_seq(int fd, __u32 seq)
{
	struct frame f = { .dst = { 2, 0, 0, 0, 0, 2 },
			   .src = { 2, 0, 0, 0, 0, 1 },
			   .proto = htons(0x88b5),
			   .seq = htonl(seq) };

	return send(fd, &f, sizeof(f), 0) == sizeof(f);
}

static SV_UNUSED void send_seq(int fd, __u32 seq)
{
	assert_true(try_seq(fd, seq));
}

/* The next of our frames within ms, or -1. */
static SV_UNUSED long recv_seq(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct frame f;

	while (poll(&p, 1, ms) > 0) {
		if (recv(fd, &f, sizeof(f), 0) == sizeof(f) && f.proto == htons(0x88b5))
			return ntohl(f.seq);
	}
	return -1;
}

/* ---- traffic that must not notice ---- */

#define RATE 10 /* frames a millisecond */

struct flow {
	pid_t child;
	int talk[2]; /* to the child: stop; from it: struct tally */
};

struct tally {
	__u32 sent;
	struct {
		__u32 received; /* in order, each once: frame n was the n-th */
		__u32 wrong;
	} at[2];
};

static SV_UNUSED void flow_take(struct tally *t, int i, int fd, int ms)
{
	long seq;

	while (fd >= 0 && (seq = recv_seq(fd, ms)) >= 0) {
		if (seq == t->at[i].received)
			t->at[i].received++;
		else
			t->at[i].wrong++;
	}
}

/* Sends and receives: what nobody reads in time would be lost in the socket, not in the plane. */
static SV_UNUSED void flow_run(int talk, int in, const int out[2])
{
	struct timespec ms = { .tv_nsec = 1000000 };
	struct tally t = {};
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(talk, &c, 1, MSG_DONTWAIT) < 0) {
		for (int i = 0; i < RATE; i++)
			t.sent += try_seq(in, t.sent); /* no assertion in a child */
		for (int i = 0; i < 2; i++)
			flow_take(&t, i, out[i], 0);
		nanosleep(&ms, NULL);
	}
	for (int i = 0; i < 2; i++)
		flow_take(&t, i, out[i], 500);
	_exit(write(talk, &t, sizeof(t)) != sizeof(t));
}

/* From a device to another, and all of it to a third one if there is a name. */
static SV_UNUSED void flow_start(struct flow *f, const char *from, const char *to, const char *tap)
{
	int in = packet_socket(from);
	int out[2] = { packet_socket(to), tap ? packet_socket(tap) : -1 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, f->talk), 0);
	f->child = fork();
	if (!f->child)
		flow_run(f->talk[1], in, out);
	close(in);
	close(out[0]);
	if (tap)
		close(out[1]);
	usleep(200000);
}

/* Every frame once and in order, at both ends. */
static SV_UNUSED void flow_stop(struct flow *f, bool tap)
{
	struct tally t = {};

	assert_int_equal(write(f->talk[0], "x", 1), 1);
	assert_int_equal(read(f->talk[0], &t, sizeof(t)), sizeof(t));
	waitpid(f->child, NULL, 0);
	close(f->talk[0]);
	close(f->talk[1]);
	for (int i = 0; i < 1 + tap; i++) {
		if (t.sent < 100 || t.at[i].wrong || t.at[i].received != t.sent)
			fail_msg("%s: sent %u, received in order %u, others %u",
				 i ? "copies" : "production", t.sent, t.at[i].received,
				 t.at[i].wrong);
	}
}

/* ---- specs ---- */

struct simple {
	struct sv_attach_spec spec;
	struct sv_dests fan[2];
};

/* Everything from a VNode's port goes to another device; guarded devices need an exit. */
static SV_UNUSED void simple_init(struct simple *s, const char *from, __u32 id, const char *to,
				  __u16 flags, bool guarded)
{
	*s = (struct simple){
		.spec = { .key.ifindex = if_nametoindex(from),
			  .val = { .id = id,
				   .flags = flags,
				   .port_role = SV_ROLE_VNODE,
				   .variants = 1 },
			  .n_fan = 1 },
		.fan[0] = { .n = 1,
			    .dest[0] = { .ifindex = if_nametoindex(to),
					 .kind = SV_DEST_PRIMARY,
					 .flags = guarded ? SV_DEST_GUARDED : 0 } },
	};
	s->spec.fan = s->fan;
	if (guarded) {
		s->spec.n_port = 1;
		s->spec.port = calloc(1, sizeof(*s->spec.port));
		s->spec.port[0].ifindex = if_nametoindex(to);
	}
}

static SV_UNUSED void assert_listed(const struct sv_attach_spec *want, size_t n)
{
	struct sv_attach_spec *got;
	size_t n_got, found = 0;

	OK(sv_attach_list(plane, &got, &n_got, &err));
	assert_int_equal(n_got, n);
	for (size_t i = 0; i < n_got; i++) {
		for (size_t j = 0; j < n; j++) {
			if (got[i].val.id == want[j].val.id)
				found += sv_attach_spec_equal(&got[i], &want[j]);
		}
		sv_attach_spec_fini(&got[i]);
	}
	free(got);
	assert_int_equal(found, n);
}

#endif
