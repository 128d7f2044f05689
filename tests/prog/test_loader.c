// SPDX-License-Identifier: GPL-2.0-only
/* Opening, pins, ports: what the loader does to the machine. */
#include "loader_lab.h"

#include <bpf/libbpf.h>
#include <grp.h>
#include <linux/if_link.h>

#include "maps/fdb.h"
#include "maps/neigh.h"

static void reopen(bool *fresh)
{
	sv_plane_close(plane);
	plane = NULL;
	OK(sv_plane_open(&plane, PIN, fresh, &err));
}

static int try_open(void)
{
	struct sv_plane *other = NULL;
	bool fresh;
	int rc = sv_plane_open(&other, PIN, &fresh, &err);

	sv_plane_close(other);
	return rc;
}

/* ---- features, folders, schema ---- */

static void test_check(void **state)
{
	(void)state;
	OK(sv_plane_check(&err));
}

static void test_check_says_what_is_missing(void **state)
{
	struct sv_err e = {};
	int status;

	(void)state;
	if (!fork()) {
		/* No privilege: its own message, and not a list of features. */
		if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
			_exit(1);
		_exit(sv_plane_check(&e) == -EPERM && strstr(e.text, "CAP_BPF") ? 42 : 1);
	}
	wait(&status);
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void test_folder_is_ours_alone(void **state)
{
	char parent[64], link[80];

	(void)state;
	snprintf(parent, sizeof(parent), "/sys/fs/bpf/svnet-test-%d", getpid());
	run("test $(stat -c %%a-%%u %s) = 700-0", PIN);
	run("test $(stat -c %%a-%%u %s) = 700-0", parent);
	run("chmod 755 %s", PIN);
	assert_int_equal(try_open(), -EPERM);
	assert_non_null(strstr(err.text, "0755"));
	run("chmod 700 %s; chown 1234 %s", PIN, parent);
	assert_int_equal(try_open(), -EPERM);
	assert_non_null(strstr(err.text, "1234"));
	run("chown 0 %s", parent);
	snprintf(link, sizeof(link), "%s/link", parent);
	assert_int_equal(symlink(PIN, link), 0);
	assert_int_equal(sv_pin_check(link, true, &err), -EPERM);
	run("rm %s", link);
	assert_int_equal(sv_pin_check("/tmp/svnet-not-bpffs", true, &err), -EPERM);
	assert_int_equal(access("/tmp/svnet-not-bpffs", F_OK), -1);
	assert_int_equal(sv_pin_check("relative", true, &err), -EINVAL);
	OK(try_open());
}

static void test_reopen_adopts(void **state)
{
	__u64 word[2];
	bool fresh;

	(void)state;
	OK(sv_gate_set(plane, 3, 0, sv_gate_word(0, 7, 7), &err));
	reopen(&fresh);
	assert_false(fresh);
	OK(sv_gate_get(plane, 3, word, &err));
	assert_int_equal(sv_gate_role(word, 0), 7);
}

static void set_schema(__u32 number)
{
	__u32 key = 0;

	OK(sv_map_set(plane, SV_MAP_SCHEMA, &key, &number, &err));
}

static void test_half_made_starts_fresh(void **state)
{
	bool fresh;

	(void)state;
	OK(sv_gate_set(plane, 3, 0, sv_gate_word(0, 7, 7), &err));
	set_schema(0);
	run("rm -r %s/links/*", PIN);
	reopen(&fresh);
	assert_true(fresh);
	run("rm -r %s/maps/sv_schema %s/maps/sv_dest %s/links/*", PIN, PIN, PIN);
	reopen(&fresh);
	assert_true(fresh);
}

static __u32 xdp_id(const char *dev)
{
	__u32 id = 0;

	bpf_xdp_query_id(if_nametoindex(dev), 0, &id);
	return id;
}

static void test_maps_only(void **state)
{
	struct sv_plane *look;
	__u64 word[2];

	(void)state;
	OK(sv_gate_set(plane, 3, 0, sv_gate_word(0, 7, 7), &err));
	OK(sv_plane_open_maps(&look, PIN, &err));
	OK(sv_gate_get(look, 3, word, &err));
	assert_int_equal(word[0], sv_gate_word(0, 7, 7));
	assert_int_equal(sv_port_attach(look, if_nametoindex("pa"), SV_ROLE_VNODE, true, &err),
			 -EINVAL);
	sv_plane_close(look);
	OK(sv_port_attach(plane, if_nametoindex("pa"), SV_ROLE_VNODE, true, &err));
	plane->tcx = 0;
	OK(sv_port_attach(plane, if_nametoindex("pb"), SV_ROLE_VNODE, true, &err));
	sv_plane_close(plane);
	plane = NULL;
	OK(sv_plane_purge(PIN, &err));
	OK(sv_plane_purge(PIN, &err));
	assert_int_equal(xdp_id("pa"), 0);
	run("! tc qdisc show dev pb | grep -q clsact");
	assert_int_equal(sv_plane_open_maps(&look, PIN, &err), -ENOENT);
}

/* ---- ports ---- */

static struct sv_port_info only_port(void)
{
	struct sv_port_info *list, info;
	size_t n;

	OK(sv_port_list(plane, &list, &n, &err));
	assert_int_equal(n, 1);
	info = list[0];
	free(list);
	return info;
}

static void test_port_comes_and_goes(void **state)
{
	__u32 pa = if_nametoindex("pa");
	struct sv_port_info info;
	struct sv_dcount count;
	bool fresh;

	(void)state;
	OK(sv_port_attach(plane, pa, SV_ROLE_TRUNK, true, &err));
	OK(sv_dcount_get(plane, pa, &count, &err));
	info = only_port();
	assert_string_equal(info.ifname, "pa");
	assert_int_equal(info.role, SV_ROLE_TRUNK);
	assert_int_equal(info.xdp, sv_check_ext() ? SV_XDP_DISPATCHER : SV_XDP_LINK);
	assert_int_not_equal(info.tc, SV_TC_NONE);
	assert_int_not_equal(xdp_id("pa"), 0);
	OK(sv_port_attach(plane, pa, SV_ROLE_TRUNK, true, &err));
	OK(sv_port_attach(plane, pa, SV_ROLE_TRUNK, false, &err));
	assert_int_equal(only_port().xdp, SV_XDP_NONE);
	assert_int_equal(xdp_id("pa"), 0);
	OK(sv_port_attach(plane, pa, SV_ROLE_EDGE, true, &err));
	assert_int_equal(only_port().role, SV_ROLE_EDGE);
	run("ip link set pa address 02:00:00:00:99:99");
	reopen(&fresh);
	assert_string_equal(only_port().ifname, "pa");
	OK(sv_port_detach(plane, pa, &err));
	assert_int_equal(xdp_id("pa"), 0);
	assert_int_equal(sv_dcount_get(plane, pa, &count, &err), -ENOENT);
	assert_int_equal(sv_port_detach(plane, pa, &err), -ENOENT);
	assert_int_equal(sv_port_attach(plane, 9999, SV_ROLE_EDGE, true, &err), -ENODEV);
}

/* Stopped between the record and the programs, or between them and the row: no port yet. */
static void test_port_half_attached(void **state)
{
	__u32 pa = if_nametoindex("pa");

	(void)state;
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, false, &err));
	assert_true(only_port().whole);
	if (only_port().tc == SV_TC_TCX)
		run("rm %s/ports/%u-*/tc", PIN, pa);
	else
		run("tc filter del dev pa ingress");
	assert_string_equal(only_port().ifname, "pa");
	assert_false(only_port().whole);
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, false, &err));
	assert_true(only_port().whole);
	bpf_map_delete_elem(plane->map[SV_MAP_SELF], &pa);
	assert_false(only_port().whole);
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, false, &err));
	assert_true(only_port().whole);
	OK(sv_port_detach(plane, pa, &err));
}

/* A pinned link outlives its device; another device may get its number. */
static void test_device_goes_away(void **state)
{
	__u32 pa = if_nametoindex("pa");
	bool fresh;

	(void)state;
	assert_false(sv_port_is_attached(plane, pa));
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, true, &err));
	assert_true(sv_port_is_attached(plane, pa));
	run("ip link del pa");
	assert_false(sv_port_is_attached(plane, pa));
	assert_string_equal(only_port().ifname, "");
	reopen(&fresh);
	assert_string_equal(only_port().ifname, "");
	run("ip link add pa index %u type veth peer name ea; ip link set ea up; ip link set pa up",
	    pa);
	assert_string_equal(only_port().ifname, "");
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, true, &err));
	assert_string_equal(only_port().ifname, "pa");
	assert_int_not_equal(xdp_id("pa"), 0);
	run("ip link del pa");
	OK(sv_port_detach(plane, pa, &err));
	assert_int_equal(sv_port_detach(plane, pa, &err), -ENOENT);
}

static int foreign_xdp(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

static void test_foreign_xdp_is_named(void **state)
{
	__u32 pa = if_nametoindex("pa"), id;
	struct sv_port_info *list;
	size_t n;
	int prog = foreign_xdp();

	(void)state;
	if (sv_check_ext()) {
		print_message(
			"# libxdp's dispatcher works on this kernel: programs share the device\n");
		close(prog);
		return;
	}
	assert_int_equal(bpf_xdp_attach(pa, prog, XDP_FLAGS_DRV_MODE, NULL), 0);
	id = xdp_id("pa");
	assert_int_equal(sv_port_attach(plane, pa, SV_ROLE_EDGE, true, &err), -EBUSY);
	assert_non_null(strstr(err.text, "stranger"));
	assert_non_null(strstr(err.text, "pa "));
	assert_int_equal(xdp_id("pa"), id);
	OK(sv_port_list(plane, &list, &n, &err));
	assert_int_equal(n, 0);
	free(list);
	close(prog);
}

/* A bridge's driver has no native XDP: said, and not done the slow way. */
static void test_no_native_xdp(void **state)
{
	(void)state;
	run("ip link add br0 type bridge");
	assert_int_equal(sv_port_attach(plane, if_nametoindex("br0"), SV_ROLE_EDGE, true, &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "bridge"));
	OK(sv_port_attach(plane, if_nametoindex("br0"), SV_ROLE_EDGE, false, &err));
	run("ip link del br0");
}

static int filters(const char *dev)
{
	char cmd[128];
	int n = -1;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "tc filter show dev %s ingress | grep -c handle", dev);
	f = popen(cmd, "r");
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

static void test_clsact(void **state)
{
	__u32 pa = if_nametoindex("pa"), pb = if_nametoindex("pb"), pc = if_nametoindex("pc");
	bool fresh;

	(void)state;
	plane->tcx = 0; /* as on kernels before 6.6 */
	/* ours alone: filter and qdisc go */
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, false, &err));
	assert_int_equal(only_port().tc, SV_TC_CLSACT);
	assert_int_equal(filters("pa"), 1);
	/* by a hand that is not ours */
	run("tc filter del dev pa ingress");
	assert_int_equal(only_port().tc, SV_TC_NONE);
	assert_false(only_port().whole);
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, false, &err));
	assert_true(only_port().whole);
	reopen(&fresh);
	OK(sv_port_attach(plane, pa, SV_ROLE_VNODE, false, &err));
	assert_int_equal(only_port().tc, SV_TC_CLSACT);
	assert_int_equal(filters("pa"), 1);
	OK(sv_port_detach(plane, pa, &err));
	run("! tc qdisc show dev pa | grep clsact");
	/* somebody's qdisc stays */
	plane->tcx = 0;
	run("tc qdisc add dev pb clsact");
	OK(sv_port_attach(plane, pb, SV_ROLE_VNODE, false, &err));
	assert_int_equal(filters("pb"), 1);
	OK(sv_port_detach(plane, pb, &err));
	assert_int_equal(filters("pb"), 0);
	run("tc qdisc show dev pb | grep -q clsact");
	/* and somebody's filter in our qdisc */
	OK(sv_port_attach(plane, pc, SV_ROLE_VNODE, false, &err));
	run("tc filter add dev pc egress protocol all prio 7 u32 match u32 0 0 flowid 1:1");
	OK(sv_port_detach(plane, pc, &err));
	assert_int_equal(filters("pc"), 0);
	run("tc filter show dev pc egress | grep -q 'pref 7'");
	plane->tcx = -1;
}

/* ---- tables ---- */

static void test_gate(void **state)
{
	__u64 word[2];

	(void)state;
	OK(sv_gate_get(plane, 5, word, &err));
	assert_int_equal(word[0], 0);
	assert_int_equal(sv_gate_role(word, sv_gate_now_us()), SV_GATE_HOLD);
	OK(sv_gate_set(plane, 5, 0, sv_gate_word(1000, 1, SV_GATE_NEXT), &err));
	OK(sv_gate_set(plane, 5, 1, sv_gate_word(2000, 2, 1), &err));
	OK(sv_gate_get(plane, 5, word, &err));
	assert_int_equal(sv_gate_role(word, 999), 1);
	assert_int_equal(sv_gate_role(word, 1000), 2);
	assert_int_equal(sv_gate_role(word, 2000), 1);
	assert_int_equal(sv_gate_set(plane, SV_GROUP_MAX, 0, 0, &err), -EINVAL);
	assert_int_equal(sv_gate_set(plane, 5, 2, 0, &err), -EINVAL);
}

static void add_scount(__u16 session)
{
	int cpus = libbpf_num_possible_cpus();
	struct sv_scount *rows = calloc(cpus, sizeof(*rows));
	__u32 key = session;

	for (int i = 0; i < cpus; i++)
		rows[i].r[SV_SCOUNT_COPIED].packets = 5;
	OK(sv_map_set(plane, SV_MAP_SCOUNT, &key, rows, &err));
	free(rows);
}

static void test_session(void **state)
{
	struct sv_session s = { .ifindex = 3, .max_len = 1514, .up = 1 }, got, none = {};
	struct sv_scount count;

	(void)state;
	add_scount(9);
	OK(sv_scount_get(plane, 9, &count, &err));
	assert_int_equal(count.r[SV_SCOUNT_COPIED].packets, 5 * libbpf_num_possible_cpus());
	OK(sv_session_set(plane, 9, &s, &err)); /* new: counts from zero */
	OK(sv_scount_get(plane, 9, &count, &err));
	assert_int_equal(count.r[SV_SCOUNT_COPIED].packets, 0);
	add_scount(9);
	s.up = 0;
	OK(sv_session_set(plane, 9, &s, &err)); /* changed: counts on */
	OK(sv_scount_get(plane, 9, &count, &err));
	assert_int_not_equal(count.r[SV_SCOUNT_COPIED].packets, 0);
	OK(sv_session_get(plane, 9, &got, &err));
	assert_memory_equal(&got, &s, sizeof(s));
	OK(sv_session_set(plane, 9, &none, &err));
	assert_int_equal(sv_session_set(plane, 0, &s, &err), -EINVAL);
	assert_int_equal(sv_session_set(plane, SV_SESSION_MAX, &s, &err), -EINVAL);
}

static void test_flush(void **state)
{
	struct sv_neigh_key nk = {};
	struct sv_fdb_key fk = {};
	struct sv_neigh n = {};
	struct sv_fdb f = {};

	(void)state;
	for (int i = 0; i < 200; i++) {
		nk.edge = i % 2 + 1;
		fk.segment = i % 2 + 1;
		nk.addr[0] = fk.mac[0] = i;
		OK(sv_map_set(plane, SV_MAP_NEIGH, &nk, &n, &err));
		OK(sv_map_set(plane, SV_MAP_FDB, &fk, &f, &err));
	}
	OK(sv_neigh_flush(plane, 1, &err));
	OK(sv_fdb_flush(plane, 2, &err));
	for (int i = 0; i < 200; i++) {
		nk.edge = i % 2 + 1;
		fk.segment = i % 2 + 1;
		nk.addr[0] = fk.mac[0] = i;
		assert_int_equal(sv_map_get(plane, SV_MAP_NEIGH, &nk, &n, NULL) == 0, i % 2 == 1);
		assert_int_equal(sv_map_get(plane, SV_MAP_FDB, &fk, &f, NULL) == 0, i % 2 == 0);
	}
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_says_what_is_missing),
		LAB(test_folder_is_ours_alone),
		LAB(test_reopen_adopts),
		LAB(test_half_made_starts_fresh),
		LAB(test_maps_only),
		LAB(test_port_comes_and_goes),
		LAB(test_port_half_attached),
		LAB(test_device_goes_away),
		LAB(test_foreign_xdp_is_named),
		LAB(test_no_native_xdp),
		LAB(test_clsact),
		LAB(test_gate),
		LAB(test_session),
		LAB(test_flush),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
