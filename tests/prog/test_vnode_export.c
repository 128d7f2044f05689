// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the agent knows of ways to collectors, and the pairs that it makes, in a namespace of our
 * own: w0 leads to 192.0.2.0/24.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/pair.h"
#include "agent/way.h"

static struct sv_err err;

#define OK(call)                                                                                   \
	do {                                                                                       \
		int rc_ = (call);                                                                  \
		if (rc_ < 0)                                                                       \
			fail_msg("%s: %d %s", #call, rc_, err.text);                               \
	} while (0)

static int try_run(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

#define RUN(...) assert_int_equal(try_run(__VA_ARGS__), 0)

static int group_setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	RUN("ip link set lo up");
	RUN("ip link add w0 mtu 1700 type veth peer name w1");
	RUN("ip link set w1 up; ip link set w0 up");
	RUN("ip address add 192.0.2.1/24 dev w0");
	RUN("ip address add 192.0.2.8/24 dev w0");
	return 0;
}

static struct sv_way way_to(const char *remote)
{
	struct sv_way way;

	OK(sv_way_find(&way, inet_addr(remote), &err));
	return way;
}

static void no_way_to(const char *remote, const char *word)
{
	struct sv_way way;

	assert_int_equal(sv_way_find(&way, inet_addr(remote), &err), -ENETUNREACH);
	if (!strstr(err.text, word) || !strstr(err.text, remote))
		fail_msg("%s: %s", remote, err.text);
}

/* ---- routes ---- */

static void test_find(void **state)
{
	struct sv_way way = way_to("192.0.2.9");

	(void)state;
	assert_int_equal(way.dev, if_nametoindex("w0"));
	assert_string_equal(way.dev_name, "w0");
	assert_int_equal(way.local, inet_addr("192.0.2.1"));
	assert_int_equal(way.mtu, 1700);
	assert_int_equal(way.family, AF_INET);
	assert_memory_equal(way.hop, "\300\0\2\x09", 4);
}

static void test_gateway(void **state)
{
	static const uint8_t hop6[16] = { 0xfd, [15] = 7 };
	struct sv_way way;

	(void)state;
	RUN("ip route add 198.51.100.0/24 via 192.0.2.254 src 192.0.2.8 mtu 1400");
	way = way_to("198.51.100.3");
	assert_int_equal(way.local, inet_addr("192.0.2.8"));
	assert_int_equal(way.mtu, 1400);
	assert_memory_equal(way.hop, "\300\0\2\376", 4);
	RUN("ip route del 198.51.100.0/24");
	RUN("ip route add 198.51.100.0/24 via inet6 fd00::7 dev w0 onlink");
	way = way_to("198.51.100.3");
	assert_int_equal(way.family, AF_INET6);
	assert_memory_equal(way.hop, hop6, 16);
	RUN("ip route del 198.51.100.0/24");
}

static void test_no_way(void **state)
{
	(void)state;
	no_way_to("198.51.100.3", "no route");
	no_way_to("192.0.2.1", "this host itself");
	no_way_to("127.0.0.1", "this host itself");
	no_way_to("192.0.2.255", "not the address of one host");
	RUN("ip route add unreachable 198.51.100.3");
	no_way_to("198.51.100.3", "no route");
	RUN("ip route del unreachable 198.51.100.3");
}

/* ---- edges ---- */

static bool is_named(void *arg, __u32 ifindex)
{
	return ifindex == if_nametoindex(arg);
}

static int by(const char *dev, char *edge)
{
	return sv_way_check_edges(if_nametoindex(dev), is_named, edge, &err);
}

static void test_edges(void **state)
{
	(void)state;
	OK(by("w0", "w1"));
	assert_int_equal(by("w0", "w0"), -EPERM);
	assert_non_null(strstr(err.text, "the edge w0"));
	RUN("ip link add mv0 link w0 type macvlan");
	OK(by("mv0", "w1"));
	assert_int_equal(by("mv0", "w0"), -EPERM);
	/* A bridge, and a bridge on what stands on an edge. */
	RUN("ip link add br0 type bridge; ip link set mv0 master br0");
	OK(by("br0", "w1"));
	assert_int_equal(by("br0", "mv0"), -EPERM);
	assert_int_equal(by("br0", "w0"), -EPERM);
	assert_int_equal(by("w0", "br0"), 0);
	RUN("ip link del br0; ip link del mv0");
}

/* Where a tunnel comes out, its own routes say, and they may change. */
static void test_tunnel(void **state)
{
	(void)state;
	RUN("ip link add vx0 type vxlan id 5 dstport 4789 local 192.0.2.1 remote 192.0.2.9");
	assert_int_equal(by("vx0", "w1"), -EPERM);
	assert_non_null(strstr(err.text, "vx0, of kind vxlan"));
	RUN("ip link del vx0");
	assert_int_equal(by("gone", "w1"), -EPERM);
}

/* What it stands on is in another namespace. */
static void test_elsewhere(void **state)
{
	(void)state;
	RUN("unshare -n sleep 20 & other=$!; sleep 0.3; in=\"nsenter -t $other -n\"; "
	    "$in ip link add q0 type veth peer name q1; $in ip link add mv1 link q0 type macvlan; "
	    "$in ip link set mv1 netns %d && echo $other >/tmp/svnet-test-%d",
	    getpid(), getpid());
	assert_int_equal(by("mv1", "w1"), -EPERM);
	assert_non_null(strstr(err.text, "mv1, of kind macvlan"));
	RUN("kill $(cat /tmp/svnet-test-%d); rm /tmp/svnet-test-%d", getpid(), getpid());
}

/* ---- neighbours ---- */

static bool neighbour(const char *address, const char *state)
{
	return !try_run("ip neigh show %s | grep -q %s", address, state);
}

static void test_probe(void **state)
{
	struct sv_way way = way_to("192.0.2.9");

	(void)state;
	assert_int_not_equal(try_run("ip neigh show 192.0.2.9 | grep -q ."), 0);
	OK(sv_way_probe(&way, &err));
	assert_true(neighbour("192.0.2.9", "INCOMPLETE"));
	RUN("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev w0 nud stale");
	OK(sv_way_probe(&way, &err));
	assert_true(neighbour("192.0.2.9", "DELAY"));
	RUN("ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:09 dev w0 nud permanent");
	OK(sv_way_probe(&way, &err));
	assert_true(neighbour("192.0.2.9", "PERMANENT"));
	RUN("ip neigh del 192.0.2.9 dev w0");
}

/* ---- pairs ---- */

static bool feature(const char *dev, const char *line)
{
	return !try_run("ethtool -k %s | grep -q '^[[:space:]]*%s'", dev, line);
}

static bool link_has(const char *dev, const char *text)
{
	return !try_run("ip -d link show %s | grep -q -- '%s'", dev, text);
}

static void check_pair(const char *mtu)
{
	for (const char *dev = "svx7"; dev; dev = strcmp(dev, "svy7") ? "svy7" : NULL) {
		assert_true(link_has(dev, mtu));
		assert_true(link_has(dev, "NOARP"));
		assert_true(link_has(dev, "addrgenmode none"));
		assert_true(feature(dev, "generic-receive-offload: on"));
		assert_true(feature(dev, "tx-checksumming: off"));
		assert_true(feature(dev, "tx-tcp-segmentation: off"));
		assert_true(feature(dev, "tx-vlan-offload: off"));
		RUN("test $(cat /proc/sys/net/ipv6/conf/%s/disable_ipv6) = 1", dev);
	}
	assert_true(link_has("svx7", "gso_max_segs 1 "));
	assert_true(link_has("svy7", "gro_max_size 1 "));
	RUN("test $(cat /proc/sys/net/ipv4/conf/svy7/forwarding) = 1");
}

static void test_pair(void **state)
{
	bool fresh;

	(void)state;
	assert_false(sv_pair_exists("svx7", "svy7"));
	OK(sv_pair_drop("svx7", "svy7", &err));
	OK(sv_pair_make("svx7", "svy7", 2000, &fresh, &err));
	assert_true(fresh);
	assert_true(sv_pair_exists("svx7", "svy7"));
	assert_true(link_has("svx7", "state DOWN"));
	assert_true(link_has("svy7", "state DOWN"));
	check_pair("mtu 2000");
	/* Whoever made it died half-way, or somebody turned knobs. */
	RUN("ethtool -K svy7 gro off tx on; ip link set svx7 mtu 1500 arp on");
	OK(sv_pair_make("svx7", "svy7", 2100, &fresh, &err));
	assert_false(fresh);
	check_pair("mtu 2100");
	OK(sv_pair_drop("svx7", "svy7", &err));
	assert_int_equal(if_nametoindex("svx7"), 0);
	assert_int_equal(if_nametoindex("svy7"), 0);
}

/* Somebody else's device of that name stays as it is. */
static void test_pair_not_ours(void **state)
{
	static const char *const others[] = { "svx7 type bridge", "svy7 type bridge",
					      "svx7 type veth peer name other" };
	bool fresh;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char name[5];

		snprintf(name, sizeof(name), "%s", others[i]);
		RUN("ip link add %s", others[i]);
		assert_int_equal(sv_pair_make("svx7", "svy7", 2000, &fresh, &err), -EEXIST);
		OK(sv_pair_drop("svx7", "svy7", &err));
		assert_int_not_equal(if_nametoindex(name), 0);
		assert_false(link_has(name, "NOARP"));
		RUN("ip link del %s", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),	      cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_no_way),	      cmocka_unit_test(test_edges),
		cmocka_unit_test(test_tunnel),	      cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_probe),	      cmocka_unit_test(test_pair),
		cmocka_unit_test(test_pair_not_ours),
	};

	return cmocka_run_group_tests_name("ways to collectors", tests, group_setup, NULL);
}
