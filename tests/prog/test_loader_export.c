// SPDX-License-Identifier: GPL-2.0-only
/* The collector behind an export port, as the loader keeps it. */
#include "loader_lab.h"

static struct sv_export collector(void)
{
	return (struct sv_export){ .local = htonl(0x0a000001),
				   .remote = htonl(0x0a000002),
				   .id = 5,
				   .kind = SV_EXPORT_ERSPAN,
				   .ttl = 64,
				   .mtu = 1500,
				   .dev = 3 };
}

/* The row as the data plane has it, `seq` packets later. */
static void count_up(__u32 ifindex, __u32 seq)
{
	struct sv_export row;

	OK(sv_export_get(plane, ifindex, &row, &err));
	row.seq = seq;
	OK(sv_map_set(plane, SV_MAP_EXPORT, &ifindex, &row, &err));
}

static void test_set(void **state)
{
	__u32 pa = if_nametoindex("pa");
	struct sv_export want = collector(), have;

	(void)state;
	assert_int_equal(sv_export_get(plane, pa, &have, &err), -ENOENT);
	OK(sv_export_set(plane, pa, NULL, &err));
	want.seq = 99; /* not the caller's to choose */
	OK(sv_export_set(plane, pa, &want, &err));
	OK(sv_export_get(plane, pa, &have, &err));
	want.seq = 0;
	assert_memory_equal(&have, &want, sizeof(want));
	count_up(pa, 1000);
	want.remote = htonl(0x0a000003);
	OK(sv_export_set(plane, pa, &want, &err));
	OK(sv_export_get(plane, pa, &have, &err));
	want.seq = 1000;
	assert_memory_equal(&have, &want, sizeof(want));
	OK(sv_export_set(plane, pa, NULL, &err));
	assert_int_equal(sv_export_get(plane, pa, &have, &err), -ENOENT);
}

/* A collector goes with its port, also when the device went first. */
static void test_detach(void **state)
{
	__u32 pa = if_nametoindex("pa"), pb = if_nametoindex("pb");
	struct sv_export want = collector(), have;

	(void)state;
	OK(sv_port_attach(plane, pa, SV_ROLE_EXPORT, false, &err));
	OK(sv_port_attach(plane, pb, SV_ROLE_EXPORT, false, &err));
	OK(sv_export_set(plane, pa, &want, &err));
	OK(sv_export_set(plane, pb, &want, &err));
	OK(sv_port_detach(plane, pa, &err));
	assert_int_equal(sv_export_get(plane, pa, &have, &err), -ENOENT);
	OK(sv_export_get(plane, pb, &have, &err));
	run("ip link del eb");
	OK(sv_port_detach(plane, pb, &err));
	assert_int_equal(sv_export_get(plane, pb, &have, &err), -ENOENT);
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { LAB(test_set), LAB(test_detach) };

	return cmocka_run_group_tests(tests, NULL, finish);
}
