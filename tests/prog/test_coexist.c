// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody else's programs on the devices that we own. Where the kernel takes libxdp's dispatcher,
 * both XDP programs run; where it does not, ours is exclusive, and both sides are told. Their
 * classifier at TC stays in either case. SV_EXPECT_XDP (dispatcher, link) and SV_EXPECT_TC (tcx,
 * clsact), when set, say what this kernel must show.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "loader/cleanup.h"
#include "loader/plane.h"
#include "tests/prog/beside.skel.h"

#define PIN "/sys/fs/bpf/svnet-coexist"
#define FRAMES 20

enum { EDGE_ATTACH = 1 };

struct fixture {
	struct sv_plane *plane;
	__u32 edge; /* ours; frames come in from edge_peer */
	__u32 edge_peer;
	__u32 vnode; /* where the edge's untagged frames go; vnode_peer receives them */
	__u32 vnode_peer;
	int inside; /* packet socket on vnode_peer */
};

static void sh(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

/* Trap 1: without GRO (or XDP) at its other end a veth loses what XDP redirects into it. */
static void gro_on(const char *ifname)
{
	struct ethtool_value value = { .cmd = ETHTOOL_SGRO, .data = 1 };
	struct ifreq request = { .ifr_data = (void *)&value };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(request.ifr_name, ifname, sizeof(request.ifr_name) - 1);
	assert_return_code(ioctl(fd, SIOCETHTOOL, &request), errno);
}

static int packet_socket(__u32 ifindex)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(0x88b5),
				  .sll_ifindex = ifindex };
	struct timeval patience = { .tv_sec = 1 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_return_code(bind(fd, (struct sockaddr *)&at, sizeof(at)), errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* Untagged frames belong to the attachment; with a tag nobody knows they are the host's own. */
static void send_frames(const struct fixture *f, bool tagged)
{
	static const __u8 untagged_frame[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	static const __u8 tagged_frame[64] = { 2, 0, 0, 0,    0, 1, 2,	  0,	0,
					       0, 0, 2, 0x81, 0, 0, 0x7b, 0x88, 0xb5 };
	_cleanup_close_ int fd = packet_socket(f->edge_peer);

	for (int i = 0; i < FRAMES; i++)
		if (tagged)
			assert_int_equal(send(fd, tagged_frame, sizeof(tagged_frame), 0),
					 sizeof(tagged_frame));
		else
			assert_int_equal(send(fd, untagged_frame, sizeof(untagged_frame), 0),
					 sizeof(untagged_frame));
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
}

static int received_inside(const struct fixture *f)
{
	char frame[2048];
	int n = 0;

	while (recv(f->inside, frame, sizeof(frame), n ? MSG_DONTWAIT : 0) > 0)
		n++;
	return n;
}

static __u64 ours_received(const struct fixture *f)
{
	struct sv_count count;

	assert_int_equal(sv_count_get(f->plane, EDGE_ATTACH, &count, NULL), 0);
	return count.r[SV_REASON_RECEIVED].packets;
}

static __u64 ours_left_to_host(const struct fixture *f)
{
	struct sv_dcount count;

	assert_int_equal(sv_dcount_get(f->plane, f->edge, &count, NULL), 0);
	return count.r[SV_DEV_HOST];
}

static __u64 beside_saw(const struct beside *beside, __u32 row)
{
	__u64 seen = 0;

	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(beside->maps.beside_seen), &row, &seen),
			 0);
	return seen;
}

static struct sv_port_info edge_info(const struct fixture *f)
{
	_cleanup_free_ struct sv_port_info *ports = NULL;
	size_t n = 0;

	assert_int_equal(sv_port_list(f->plane, &ports, &n, NULL), 0);
	for (size_t i = 0; i < n; i++)
		if (ports[i].ifindex == f->edge)
			return ports[i];
	fail_msg("the edge is not among the plane's ports");
	return (struct sv_port_info){};
}

static void attach_edge(struct fixture *f)
{
	struct sv_err err = {};

	if (sv_port_attach(f->plane, f->edge, SV_ROLE_EDGE, true, &err))
		fail_msg("%s", err.text);
}

/* The edge's untagged frames go to the VNode. */
static void route_edge(struct fixture *f)
{
	struct sv_dests fan = { .n = 1,
				.dest[0] = { .ifindex = f->vnode, .kind = SV_DEST_PRIMARY } };
	struct sv_attach_spec spec = {
		.key = { .ifindex = f->edge },
		.val = { .id = EDGE_ATTACH,
			 .flags = SV_ATTACH_XDP | SV_ATTACH_SINGLE,
			 .port_role = SV_ROLE_EDGE,
			 .variants = 1 },
		.n_fan = 1,
		.fan = &fan,
	};
	struct sv_err err = {};

	if (sv_attach_set(f->plane, &spec, 1, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sv_err err = {};
	bool fresh;

	assert_non_null(f);
	assert_return_code(unshare(CLONE_NEWNET), errno);
	/* Every frame is counted: no neighbour discovery of the devices' own. */
	sh("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	sh("ip link add e0 type veth peer name e1 && ip link add v0 type veth peer name v1 && "
	   "for d in lo e0 e1 v0 v1; do ip link set $d up; done");
	gro_on("v1");
	f->edge = if_nametoindex("e0");
	f->edge_peer = if_nametoindex("e1");
	f->vnode = if_nametoindex("v0");
	f->vnode_peer = if_nametoindex("v1");
	f->inside = packet_socket(f->vnode_peer);
	if (sv_plane_open(&f->plane, PIN, &fresh, &err))
		fail_msg("%s", err.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sv_plane_close(f->plane);
	close(f->inside);
	free(f);
	return sv_plane_purge(PIN, NULL);
}

static struct xdp_program *beside_xdp_open(struct beside *beside)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = beside->obj, .prog_name = "beside_xdp");
	struct xdp_program *prog = xdp_program__create(&opts);

	assert_int_equal(libxdp_get_error(prog), 0);
	return prog;
}

/* ---- XDP ---- */

static void both_run(struct fixture *f, struct beside *beside)
{
	__u64 theirs = beside_saw(beside, 0), ours = ours_received(f), host = ours_left_to_host(f);

	send_frames(f, false);
	assert_int_equal(beside_saw(beside, 0) - theirs, FRAMES);
	assert_int_equal(ours_received(f) - ours, FRAMES);
	assert_int_equal(received_inside(f), FRAMES);
	send_frames(f, true);
	assert_int_equal(beside_saw(beside, 0) - theirs, 2 * FRAMES);
	assert_int_equal(ours_left_to_host(f) - host, FRAMES);
}

static void ours_runs(struct fixture *f)
{
	__u64 ours = ours_received(f);

	send_frames(f, false);
	assert_int_equal(ours_received(f) - ours, FRAMES);
	assert_int_equal(received_inside(f), FRAMES);
}

/* They come second, we are replaced (an upgrade), they go: nobody notices the other. */
static void dispatcher_second_comes_and_goes(struct fixture *f)
{
	struct beside *beside = beside__open();
	struct xdp_program *theirs = beside_xdp_open(beside);
	struct sv_err err = {};
	bool fresh;

	assert_int_equal(xdp_program__attach(theirs, f->edge, XDP_MODE_NATIVE, 0), 0);
	both_run(f, beside);

	sv_plane_close(f->plane);
	f->plane = NULL;
	if (sv_plane_open(&f->plane, PIN, &fresh, &err))
		fail_msg("%s", err.text);
	attach_edge(f);
	both_run(f, beside);

	assert_int_equal(xdp_program__detach(theirs, f->edge, XDP_MODE_NATIVE, 0), 0);
	ours_runs(f);
	xdp_program__close(theirs);
	beside__destroy(beside);
}

/* They were there first and stay when we go. */
static void dispatcher_first_stays(struct fixture *f)
{
	struct beside *beside = beside__open();
	struct xdp_program *theirs = beside_xdp_open(beside);
	struct sv_err err = {};
	__u64 before;

	assert_int_equal(sv_port_detach(f->plane, f->edge, &err), 0);
	assert_int_equal(xdp_program__attach(theirs, f->edge, XDP_MODE_NATIVE, 0), 0);
	attach_edge(f);
	both_run(f, beside);

	assert_int_equal(sv_port_detach(f->plane, f->edge, &err), 0);
	before = beside_saw(beside, 0);
	send_frames(f, false);
	assert_int_equal(beside_saw(beside, 0) - before, FRAMES);
	assert_int_equal(received_inside(f), 0);

	assert_int_equal(xdp_program__detach(theirs, f->edge, XDP_MODE_NATIVE, 0), 0);
	xdp_program__close(theirs);
	beside__destroy(beside);
}

static void exclusive_second_is_refused(struct fixture *f)
{
	struct beside *beside = beside__open_and_load();

	assert_non_null(beside);
	assert_true(bpf_xdp_attach(f->edge, bpf_program__fd(beside->progs.beside_xdp), 0, NULL) <
		    0);
	ours_runs(f);
	beside__destroy(beside);
}

/* A program that is on the device itself, and not behind a dispatcher. */
static void first_on_the_device_is_named(struct fixture *f)
{
	struct beside *beside = beside__open_and_load();
	struct sv_err err = {};
	__u64 before;

	assert_non_null(beside);
	assert_int_equal(sv_port_detach(f->plane, f->edge, &err), 0);
	assert_int_equal(bpf_xdp_attach(f->edge, bpf_program__fd(beside->progs.beside_xdp), 0,
					NULL),
			 0);
	assert_int_equal(sv_port_attach(f->plane, f->edge, SV_ROLE_EDGE, true, &err), -EBUSY);
	print_message("# refused: %s\n", err.text);
	assert_non_null(strstr(err.text, "beside_xdp"));
	before = beside_saw(beside, 0);
	send_frames(f, false);
	assert_int_equal(beside_saw(beside, 0) - before, FRAMES);

	assert_int_equal(bpf_xdp_detach(f->edge, 0, NULL), 0);
	beside__destroy(beside);
}

static void test_xdp_beside(void **state)
{
	struct fixture *f = *state;
	const char *expect = getenv("SV_EXPECT_XDP");
	enum sv_xdp_how how;

	attach_edge(f);
	route_edge(f);
	how = edge_info(f).xdp;
	print_message("# ==> XDP is attached by %s on this kernel\n",
		      how == SV_XDP_DISPATCHER
			      ? "libxdp's DISPATCHER: another program runs beside ours"
			      : "an EXCLUSIVE LINK: another program is refused");
	if (expect)
		assert_int_equal(how, strcmp(expect, "link") ? SV_XDP_DISPATCHER : SV_XDP_LINK);
	ours_runs(f);
	if (how == SV_XDP_DISPATCHER) {
		dispatcher_second_comes_and_goes(f);
		dispatcher_first_stays(f);
		attach_edge(f);
		first_on_the_device_is_named(f);
	} else {
		assert_int_equal(how, SV_XDP_LINK);
		exclusive_second_is_refused(f);
		first_on_the_device_is_named(f);
	}
}

/* A port may carry jumbo frames (by TC) for one VNet and others by XDP. */
static void test_xdp_jumbo(void **state)
{
	struct fixture *f = *state;

	sh("ip link set e0 mtu 9000 && ip link set e1 mtu 9000");
	attach_edge(f);
	route_edge(f);
	ours_runs(f);
}

/* ---- TC ---- */

/* Their classifier sees the host's own frames beside ours, and is there when we have gone. */
static void test_tc_beside(void **state)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);
	DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 7, .priority = 7);
	struct fixture *f = *state;
	struct beside *beside = beside__open_and_load();
	const char *expect = getenv("SV_EXPECT_TC");
	struct sv_err err = {};
	enum sv_tc_how how;

	assert_non_null(beside);
	hook.ifindex = f->edge;
	opts.prog_fd = bpf_program__fd(beside->progs.beside_tc);
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	if (sv_port_attach(f->plane, f->edge, SV_ROLE_EDGE, false, &err))
		fail_msg("%s", err.text);
	how = edge_info(f).tc;
	print_message("# ==> TC is attached by %s on this kernel\n",
		      how == SV_TC_TCX ? "a TCX link" : "a CLSACT filter");
	if (expect)
		assert_int_equal(how, strcmp(expect, "tcx") ? SV_TC_CLSACT : SV_TC_TCX);

	send_frames(f, true);
	assert_int_equal(ours_left_to_host(f), FRAMES);
	assert_int_equal(beside_saw(beside, 1), FRAMES);

	assert_int_equal(sv_port_detach(f->plane, f->edge, &err), 0);
	send_frames(f, true);
	assert_int_equal(beside_saw(beside, 1), 2 * FRAMES);
	beside__destroy(beside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_xdp_beside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_xdp_jumbo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tc_beside, setup, teardown),
	};
	struct statfs fs;

	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type != BPF_FS_MAGIC &&
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL))
		perror("mounting bpffs");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
