/* SPDX-License-Identifier: GPL-2.0-only */
/* The pure parts of the VNode drivers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "agent/vnode/netns.h"

static char *addresses[] = { "10.0.0.1/24", NULL };
static char *routes[] = { "10.3.0.0/24 via 10.12.0.2", NULL };
static char *program[] = { "/bin/echo", "a b", "", NULL };

static struct sv_vnode_iface iface = { .name = "eth0",
				       .port = "sv1",
				       .mac = { 2, 0xff, 0, 1, 2, 3 },
				       .mtu = 1500,
				       .rate_kbit = 20000,
				       .xdp = true,
				       .addresses = addresses };

static struct sv_vnode_spec make_spec(void)
{
	struct sv_vnode_spec spec = { .vnet = "A",
				      .name = "r1",
				      .driver = "netns",
				      .tier = SV_TIER_MONITOR,
				      .cpu_weight = 7,
				      .n_iface = 1,
				      .iface = &iface,
				      .routes = routes,
				      .program = program,
				      .nft = "table inet t {\n}",
				      .json = "{\"x\": \"\\\"\"}" };

	return spec;
}

static void test_round_trip(void **state)
{
	struct sv_vnode_spec spec = make_spec(), back = { 0 };
	char *text, *again;

	(void)state;
	text = sv_spec_to_text(&spec);
	assert_int_equal(sv_spec_from_text(&back, text), 0);
	again = sv_spec_to_text(&back);
	assert_string_equal(text, again);
	assert_string_equal(back.json, spec.json);
	assert_string_equal(back.program[1], "a b");
	assert_string_equal(back.program[2], "");
	assert_null(back.program[3]);
	assert_memory_equal(back.iface[0].mac, iface.mac, 6);
	assert_true(back.iface[0].xdp);
	assert_int_equal(back.tier, SV_TIER_MONITOR);
	free(text);
	free(again);
	sv_vnode_spec_fini(&back);
	sv_vnode_spec_fini(&back);
}

static void test_bad_text(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"vnet\":\"A\"}" };
	struct sv_vnode_spec spec = make_spec(), back = { 0 };
	char *text = sv_spec_to_text(&spec);
	size_t i, len = strlen(text);

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sv_spec_from_text(&back, bad[i]), -EINVAL);
	/* A file cut short is not a specification. */
	for (i = 0; i < len - 1; i++) {
		char c = text[i];

		text[i] = 0;
		assert_int_equal(sv_spec_from_text(&back, text), -EINVAL);
		text[i] = c;
	}
	assert_null(back.iface);
	free(text);
}

static void test_sysctl_path(void **state)
{
	static const struct {
		const char *name, *path;
	} cases[] = {
		{ "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward" },
		{ "net.ipv4.conf.eth0/5.rp_filter", "/proc/sys/net/ipv4/conf/eth0.5/rp_filter" },
		{ "net/ipv4/conf/eth0.5/rp_filter", "/proc/sys/net/ipv4/conf/eth0.5/rp_filter" },
		{ "net.ipv4.ip_forward ", "/proc/sys/net/ipv4/ip_forward" },
		{ "kernel.hostname", NULL },
		{ "network.x", NULL },
		{ "net", NULL },
		{ "net.", NULL },
		{ "net/../kernel/hostname", NULL },
		{ "net.//.kernel.hostname", NULL },
	};
	char path[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = sv_sysctl_path(cases[i].name, strlen(cases[i].name), path, sizeof(path));

		assert_int_equal(rc, cases[i].path ? 0 : -EINVAL);
		if (cases[i].path)
			assert_string_equal(path, cases[i].path);
	}
}

static void test_line_dev(void **state)
{
	char dev[16] = "";

	(void)state;
	assert_true(sv_line_dev("class add dev eth1 parent 1:", dev));
	assert_string_equal(dev, "eth1");
	assert_true(sv_line_dev("  qdisc  add\tdev  eth0", dev));
	assert_string_equal(dev, "eth0");
	assert_false(sv_line_dev("actions add action drop", dev));
	assert_false(sv_line_dev("qdisc add dev", dev));
	assert_false(sv_line_dev("", dev));
}

static void test_check(void **state)
{
	static char *two_lines[] = { "10.0.0.0/8 via 10.0.0.1\naddr del 10.0.0.1/24", NULL };
	static char *other_dev[] = { "qdisc add dev lo root pfifo", NULL };
	static char *kernel[] = { "kernel.hostname=x", NULL };
	struct sv_vnode_spec spec = make_spec();
	struct sv_err err;

	(void)state;
	assert_int_equal(sv_spec_check(&spec, &err), 0);
	spec.routes = two_lines;
	assert_int_equal(sv_spec_check(&spec, &err), -EINVAL);
	spec = make_spec();
	spec.tc = other_dev;
	assert_int_equal(sv_spec_check(&spec, &err), -EINVAL);
	assert_non_null(strstr(err.text, "qdisc add dev lo"));
	spec = make_spec();
	spec.sysctls = kernel;
	assert_int_equal(sv_spec_check(&spec, &err), -EINVAL);
	spec = make_spec();
	iface.mac[0] = 1;
	assert_int_equal(sv_spec_check(&spec, &err), -EINVAL);
	iface.mac[0] = 2;
}

static void test_names(void **state)
{
	struct sv_vnode_driver drv = { .ops = sv_vnode_driver_find("netns"), .run_dir = "/run/x" };
	char vnet[32], name[32];
	struct sv_vn vn;

	(void)state;
	assert_int_equal(sv_vn_init(&vn, &drv, "A", "r1", NULL), 0);
	assert_string_equal(vn.dir, "/run/x/vnode/A.r1");
	/* Two pairs of names never share a folder, and each is found from it. */
	assert_int_equal(sv_vn_init(&vn, &drv, "A.b", "r1", NULL), 0);
	assert_string_equal(vn.tag, "A=b.r1");
	assert_int_equal(sv_vn_split("A=b.r1", vnet, name), 0);
	assert_string_equal(vnet, "A.b");
	assert_string_equal(name, "r1");
	assert_int_equal(sv_vn_split(".", vnet, name), -EINVAL);
	assert_int_equal(sv_vn_split("..", vnet, name), -EINVAL);
	assert_int_equal(sv_vn_split("x", vnet, name), -EINVAL);
	assert_int_equal(sv_vn_init(&vn, &drv, "A=b", "r1", NULL), -EINVAL);
	assert_int_equal(sv_vn_init(&vn, &drv, "A", "../x", NULL), -EINVAL);
	assert_int_equal(sv_vn_init(&vn, &drv, "", "r1", NULL), -EINVAL);
}

static void test_drivers(void **state)
{
	(void)state;
	assert_string_equal(sv_vnode_driver_find("netns")->name, "netns");
	assert_string_equal(sv_vnode_driver_find("external")->name, "external");
	assert_null(sv_vnode_driver_find("kvm"));
}

/* A tool that hangs must not hang the agent. */
static void test_tool_that_hangs(void **state)
{
	char *hang[] = { "sleep", "60", NULL }, *fails[] = { "cat", "/nowhere", NULL };
	char *text = NULL;

	(void)state;
	assert_int_equal(sv_ns_run_for(-1, hang, NULL, NULL, &text, 100), -ETIMEDOUT);
	assert_string_equal(text, "sleep did not end in 100 ms");
	free(text);
	assert_int_equal(sv_ns_run(-1, fails, NULL, NULL, &text), -EIO);
	assert_non_null(strstr(text, "/nowhere"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tool_that_hangs), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad_text),	cmocka_unit_test(test_sysctl_path),
		cmocka_unit_test(test_line_dev),	cmocka_unit_test(test_check),
		cmocka_unit_test(test_names),		cmocka_unit_test(test_drivers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
