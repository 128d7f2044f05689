// SPDX-License-Identifier: GPL-2.0-only
/* The reader of rings, against maps of our own making: this test is the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "loader/cleanup.h"
#include "loader/tap_internal.h"
#include "maps/session.h"

#define SESSION 7
#define TAP 3
#define CPUS 2
#define TIMEOUT 50

static char PIN[64];
static struct sv_err err;
static int tap_fd, ctl_fd, point_fd, session_fd, schema_fd;
static struct sv_tap_ctl *ctl;
static __u8 *ring[CPUS];

static __u64 clock_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static __u64 boot(void)
{
	return clock_of(CLOCK_BOOTTIME);
}

/* ---- the plane ---- */

static int pinned(const char *name, int fd)
{
	char path[128];

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "%s/maps/%s", PIN, name);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	return fd;
}

static int ring_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "ring", 4, SV_TAP_SLOT, SV_TAP_SLOTS, &opts);
}

static __u32 row(int cpu)
{
	return TAP * SV_TAP_CPUS + cpu;
}

static void make_ring(int cpu)
{
	__u32 key = row(cpu);
	int fd = ring_map();

	assert_true(fd >= 0);
	if (ring[cpu])
		munmap(ring[cpu], SV_TAP_SLOTS * SV_TAP_SLOT);
	ring[cpu] =
		mmap(NULL, SV_TAP_SLOTS * SV_TAP_SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(ring[cpu] != MAP_FAILED);
	assert_int_equal(bpf_map_update_elem(tap_fd, &key, &fd, 0), 0);
	close(fd);
}

static void set_session(const struct sv_session *session)
{
	__u32 key = SESSION;

	assert_int_equal(bpf_map_update_elem(session_fd, &key, session, 0), 0);
}

static void set_point(__u32 attach, const char *vnet)
{
	struct sv_point_key key = { .attach = attach, .session = SESSION };
	struct sv_point point = { .direction = SV_POINT_OUT };

	snprintf(point.vnet, sizeof(point.vnet), "%s", vnet);
	assert_int_equal(bpf_map_update_elem(point_fd, &key, &point, 0), 0);
}

static void make_maps(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, inner, .inner_map_fd = ring_map());
	LIBBPF_OPTS(bpf_map_create_opts, mapped, .map_flags = BPF_F_MMAPABLE);
	LIBBPF_OPTS(bpf_map_create_opts, lazy, .map_flags = BPF_F_NO_PREALLOC);
	const __u32 rows = SV_TAP_MAX * SV_TAP_CPUS;

	schema_fd =
		pinned("sv_schema", bpf_map_create(BPF_MAP_TYPE_ARRAY, "sv_schema", 4, 4, 1, NULL));
	session_fd = pinned("sv_session",
			    bpf_map_create(BPF_MAP_TYPE_ARRAY, "sv_session", 4,
					   sizeof(struct sv_session), SV_SESSION_MAX, NULL));
	tap_fd = pinned("sv_tap",
			bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "sv_tap", 4, 4, rows, &inner));
	ctl_fd = pinned("sv_tap_ctl", bpf_map_create(BPF_MAP_TYPE_ARRAY, "sv_tap_ctl", 4,
						     sizeof(*ctl), rows, &mapped));
	point_fd = pinned("sv_point",
			  bpf_map_create(BPF_MAP_TYPE_HASH, "sv_point", sizeof(struct sv_point_key),
					 sizeof(struct sv_point), 1024, &lazy));
	close(inner.inner_map_fd);
	ctl = mmap(NULL, rows * sizeof(*ctl), PROT_READ | PROT_WRITE, MAP_SHARED, ctl_fd, 0);
	assert_true(ctl != MAP_FAILED);
	ctl += TAP * SV_TAP_CPUS;
}

static int setup(void **state)
{
	const struct sv_session session = { .kind = SV_SESSION_RING, .up = 1, .tap = TAP };
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	__u32 key = 0, schema = SV_SCHEMA;
	char path[128];

	(void)state;
	setrlimit(RLIMIT_MEMLOCK, &all);
	snprintf(PIN, sizeof(PIN), "/sys/fs/bpf/svnet-test-tap-%d", getpid());
	snprintf(path, sizeof(path), "%s/maps", PIN);
	assert_int_equal(mkdir(PIN, 0700), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	make_maps();
	assert_int_equal(bpf_map_update_elem(schema_fd, &key, &schema, 0), 0);
	set_session(&session);
	for (int cpu = 0; cpu < CPUS; cpu++)
		make_ring(cpu);
	set_point(11, "A");
	set_point(12, "B");
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", PIN);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		munmap(ring[cpu], SV_TAP_SLOTS * SV_TAP_SLOT);
		ring[cpu] = NULL;
	}
	munmap(ctl - TAP * SV_TAP_CPUS, SV_TAP_MAX * SV_TAP_CPUS * sizeof(*ctl));
	for (int *fds[] = { &tap_fd, &ctl_fd, &point_fd, &session_fd, &schema_fd }, i = 0; i < 5;
	     i++)
		close(*fds[i]);
	return system(cmd);
}

/* ---- the writer ---- */

/* Byte by byte over the ring's end, as the contract has it. Byte i of a record is `seed` + i. */
static bool put(int cpu, __u64 at_ns, __u32 attach, __u32 cap, __u8 seed)
{
	struct sv_tap_rec rec = { .at_ns = at_ns,
				  .attach = attach,
				  .session = SESSION,
				  .len = cap + 1000,
				  .cap = cap,
				  .packets = 1 };
	__u64 head = ctl[cpu].head, tail = __atomic_load_n(&ctl[cpu].tail, __ATOMIC_ACQUIRE);
	const __u8 *from = (const __u8 *)&rec;

	rec.slots = (sizeof(rec) + cap + SV_TAP_SLOT - 1) / SV_TAP_SLOT;
	if (head - tail + rec.slots > SV_TAP_SLOTS) {
		__atomic_fetch_add(&ctl[cpu].lost, 1, __ATOMIC_RELAXED);
		return false;
	}
	for (__u32 i = 0; i < sizeof(rec) + cap; i++)
		ring[cpu][(head * SV_TAP_SLOT + i) % (SV_TAP_SLOTS * SV_TAP_SLOT)] =
			i < sizeof(rec) ? from[i] : (__u8)(seed + i - sizeof(rec));
	ctl[cpu].records++;
	__atomic_store_n(&ctl[cpu].head, head + rec.slots, __ATOMIC_RELEASE);
	return true;
}

static struct sv_tap *open_tap(void)
{
	struct sv_tap *tap = NULL;

	if (sv_tap_open(&tap, PIN, SESSION, &err))
		fail_msg("%s", err.text);
	return tap;
}

static void must_be(const struct sv_tap_item *item, __u32 cap, __u8 seed)
{
	assert_int_equal(item->rec->cap, cap);
	assert_int_equal(item->rec->len, cap + 1000);
	for (__u32 i = 0; i < cap; i++)
		if (item->bytes[i] != (__u8)(seed + i))
			fail_msg("byte %u of %u", i, cap);
}

/* ---- tests ---- */

static void test_record(void **state)
{
	struct sv_tap_item item[4];
	struct sv_tap *tap;
	__u64 at = boot();

	(void)state;
	put(0, at, 11, 60, 1); /* before it is opened: not ours */
	tap = open_tap();
	assert_int_equal(sv_tap_read(tap, item, 4, 0, &err), 0);
	put(0, at, 11, 60, 2);
	put(0, at, 12, 0, 3);
	assert_int_equal(sv_tap_read(tap, item, 4, TIMEOUT, &err), 2);
	must_be(&item[0], 60, 2);
	must_be(&item[1], 0, 3);
	assert_string_equal(item[0].point->vnet, "A");
	assert_string_equal(item[1].point->vnet, "B");
	assert_int_equal(item[0].point->direction, SV_POINT_OUT);
	assert_in_range(item[0].wall_ns, clock_of(CLOCK_REALTIME) - (boot() - at) - 20000000,
			clock_of(CLOCK_REALTIME));
	assert_int_equal(item[0].wall_ns - at, item[1].wall_ns - at);
	sv_tap_close(tap);
}

/* The wall clock is stepped: for us as if our idea of it had been. */
static void test_step(void **state)
{
	struct sv_tap *tap = open_tap();
	struct sv_tap_item item[4];
	__s64 off;

	(void)state;
	put(0, boot(), 11, 60, 1);
	assert_int_equal(sv_tap_read(tap, item, 4, TIMEOUT, &err), 1);
	tap->wall_offset -= 5000000000;
	usleep(20000);
	put(0, boot(), 11, 60, 2);
	assert_int_equal(sv_tap_read(tap, item, 4, TIMEOUT, &err), 1);
	off = clock_of(CLOCK_REALTIME) - boot() - (item[0].wall_ns - item[0].rec->at_ns);
	assert_in_range(off + 20000000, 0, 40000000);
	sv_tap_close(tap);
}

/* Lengths around every number of slots, often enough to go round the ring several times. */
static void test_wrap(void **state)
{
	static const __u32 caps[] = {
		0, 1, 64, 223, 224, 225, 479, 480, 481, 1514, SV_TAP_CAP_MAX
	};
	struct sv_tap_item item[8];
	struct sv_tap *tap = open_tap();
	struct sv_tap_stats stats;
	__u32 total = 0;

	(void)state;
	for (__u32 i = 0; i < 12000; i += 4) {
		for (__u32 j = i; j < i + 4; j++)
			assert_true(put(1, boot() - 1000000, 11, caps[j % 11], j));
		assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 4);
		for (__u32 j = i; j < i + 4; j++)
			must_be(&item[j - i], caps[j % 11], j);
		total += 4;
	}
	assert_true(ctl[1].head > 3 * SV_TAP_SLOTS);
	assert_int_equal(sv_tap_stats(tap, &stats, NULL, 0), CPUS);
	assert_int_equal(stats.records, total);
	assert_int_equal(stats.lost, 0);
	sv_tap_close(tap);
}

/* A batch keeps its slots until the next call; then they are the writer's again. */
static void test_overflow(void **state)
{
	struct sv_tap_stats stats, each[CPUS];
	struct sv_tap *tap;
	static struct sv_tap_item item[SV_TAP_SLOTS];

	(void)state;
	ctl[0].lost = 5;
	tap = open_tap();
	for (int i = 0; i < SV_TAP_SLOTS; i++)
		assert_true(put(0, boot(), 11, 60, i));
	for (int i = 0; i < 100; i++)
		assert_false(put(0, boot(), 11, 60, i));
	assert_int_equal(sv_tap_read(tap, item, SV_TAP_SLOTS, TIMEOUT, &err), SV_TAP_SLOTS);
	assert_false(put(0, boot(), 11, 60, 0));
	for (int i = 0; i < SV_TAP_SLOTS; i++)
		must_be(&item[i], 60, i);
	assert_int_equal(sv_tap_read(tap, item, 8, 0, &err), 0);
	assert_true(put(0, boot(), 11, 60, 77));
	assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 1);
	must_be(&item[0], 60, 77);
	sv_tap_stats(tap, &stats, each, CPUS);
	assert_int_equal(stats.lost, 101);
	assert_int_equal(each[0].lost, 101);
	assert_int_equal(each[0].records, SV_TAP_SLOTS + 1);
	assert_int_equal(each[1].lost, 0);
	sv_tap_close(tap);
}

static void test_merge(void **state)
{
	/* CPU, time; a CPU's own order stands even where its clock reads do not. */
	static const struct {
		int cpu, at;
	} put_as[] = { { 0, 10 }, { 0, 30 }, { 0, 50 }, { 0, 45 }, { 1, 20 }, { 1, 40 }, { 1, 60 } },
	  come_as[] = {
		  { 0, 10 }, { 1, 20 }, { 0, 30 }, { 1, 40 }, { 0, 50 }, { 0, 45 }, { 1, 60 }
	  };
	struct sv_tap *tap = open_tap();
	__u64 base = boot() - 1000000000;
	struct sv_tap_item item[8];

	(void)state;
	for (int i = 0; i < 7; i++)
		put(put_as[i].cpu, base + put_as[i].at, 11, 60, 0);
	for (int i = 0; i < 7; i++) { /* one at a time: the order is not that of a batch */
		assert_int_equal(sv_tap_read(tap, item, 1, TIMEOUT, &err), 1);
		assert_int_equal(item[0].cpu, come_as[i].cpu);
		assert_int_equal(item[0].rec->at_ns - base, come_as[i].at);
	}
	sv_tap_close(tap);
}

/* A record that is written a little after its time still finds its place: what is young waits. */
static void test_late(void **state)
{
	struct sv_tap *tap = open_tap();
	struct sv_tap_item item[8];
	__u64 now = boot() + 100000000; /* or a slow machine would be too late itself */

	(void)state;
	put(0, now, 11, 60, 0);
	assert_int_equal(sv_tap_read(tap, item, 8, 0, &err), 0);
	put(1, now - 1000, 12, 60, 0);
	assert_int_equal(sv_tap_read(tap, item, 1, 2000, &err), 1);
	assert_int_equal(item[0].cpu, 1);
	assert_true(boot() - now >= SV_TAP_HOLD_US * 1000 - 1000);
	assert_int_equal(sv_tap_read(tap, item, 1, TIMEOUT, &err), 1);
	assert_int_equal(item[0].cpu, 0);
	sv_tap_close(tap);
}

static void test_one_reader(void **state)
{
	struct sv_tap *tap = open_tap(), *other = NULL;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(sv_tap_open(&other, PIN, SESSION, &err), -EBUSY);
	assert_non_null(strstr(err.text, "one reader"));
	assert_null(other);
	sv_tap_close(tap);
	/* One that was killed leaves nothing behind. */
	pid = fork();
	if (!pid) {
		open_tap();
		raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
	sv_tap_close(open_tap());
}

/* The end of the rings, in every order of events. */
static void test_stopped(void **state)
{
	struct sv_tap *tap = open_tap();
	struct sv_tap_item item[8];

	(void)state;
	put(0, boot(), 11, 60, 1);
	put(1, boot(), 11, 60, 2);
	for (__u32 cpu = 0, key; cpu < CPUS; cpu++) {
		key = row(cpu);
		assert_int_equal(bpf_map_delete_elem(tap_fd, &key), 0);
	}
	assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 2);
	must_be(&item[0], 60, 1);
	must_be(&item[1], 60, 2);
	assert_int_equal(sv_tap_read(tap, item, 8, 10 * TIMEOUT, &err), -ESTALE);
	assert_int_equal(sv_tap_read(tap, item, 8, 10 * TIMEOUT, &err), -ESTALE);
	sv_tap_close(tap);
	assert_int_equal(sv_tap_open(&tap, PIN, SESSION, &err), -ENOENT);
}

/* New rings, whose heads go on or begin anew: nothing of them is taken for the old ones'. */
static void test_replaced(void **state)
{
	struct sv_tap_item item[8];

	(void)state;
	for (int anew = 0; anew < 2; anew++) {
		struct sv_tap *tap = open_tap();
		__u64 tail;

		put(0, boot(), 11, 60, 9);
		assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 1);
		for (int cpu = 0; cpu < CPUS; cpu++) {
			make_ring(cpu);
			if (anew)
				ctl[cpu] = (struct sv_tap_ctl){ 0 };
		}
		tail = ctl[0].tail;
		put(0, boot(), 11, 60, 10);
		assert_int_equal(sv_tap_read(tap, item, 8, 10 * TIMEOUT, &err), -ESTALE);
		assert_true(ctl[0].tail == tail);
		sv_tap_close(tap);
		tap = open_tap();
		put(1, boot(), 11, 60, 11);
		assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 1);
		must_be(&item[0], 60, 11);
		sv_tap_close(tap);
	}
}

/* A quiet session that ends, or whose whole plane goes, is told apart from a quiet one. */
static void test_gone_quietly(void **state)
{
	struct sv_tap *tap = open_tap();
	struct sv_tap_item item[8];
	char path[128];

	(void)state;
	assert_int_equal(sv_tap_read(tap, item, 8, 150, &err), 0);
	snprintf(path, sizeof(path), "%s/readers/%d", PIN, TAP);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(sv_tap_read(tap, item, 8, 500, &err), -ESTALE);
	sv_tap_close(tap);
}

static void test_refused(void **state)
{
	const struct sv_session device = { .kind = SV_SESSION_DEVICE, .ifindex = 1 };
	struct sv_tap *tap = NULL;
	__u32 key = 0, schema = SV_SCHEMA + 1;

	(void)state;
	assert_int_equal(sv_tap_open(&tap, "/sys/fs/bpf/svnet-test-none", SESSION, &err), -ENOENT);
	assert_int_equal(sv_tap_open(&tap, PIN, SESSION + 1, &err), -ENOENT);
	set_session(&device);
	assert_int_equal(sv_tap_open(&tap, PIN, SESSION, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no rings"));
	bpf_map_update_elem(schema_fd, &key, &schema, 0);
	assert_int_equal(sv_tap_open(&tap, PIN, SESSION, &err), -EPROTO);
	bpf_map_update_elem(schema_fd, &key, &(__u32){ SV_SCHEMA }, 0);
	assert_int_equal(chown(PIN, 12345, 0), 0);
	assert_int_equal(sv_tap_open(&tap, PIN, SESSION, &err), -EPERM);
	assert_int_equal(chown(PIN, 0, 0), 0);
	assert_null(tap);
}

static void test_garbage(void **state)
{
	struct sv_tap *tap = open_tap();
	struct sv_tap_item item[8];

	(void)state;
	put(0, boot(), 11, 60, 1);
	put(0, boot(), 11, 60, 2);
	((struct sv_tap_rec *)(ring[0] + SV_TAP_SLOT))->slots = 0;
	assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 1);
	assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), -EBADMSG);
	sv_tap_close(tap);
}

static void test_points(void **state)
{
	struct sv_tap *tap = open_tap();
	const struct sv_point *point[4], *first;
	struct sv_tap_item item[8];

	(void)state;
	assert_int_equal(sv_tap_points(tap, point, 4, &err), 2);
	assert_int_equal(point[0]->vnet[0] + point[1]->vnet[0], 'A' + 'B');
	assert_int_equal(sv_tap_points(tap, point, 1, &err), 2);
	put(0, boot() - 1000000, 11, 60, 1);
	put(0, boot() - 1000000, 99, 60, 1); /* nobody described it */
	assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 2);
	first = item[0].point;
	assert_string_equal(first->vnet, "A");
	assert_string_equal(item[1].point->vnet, "");
	set_point(11, "C");
	sv_tap_read(tap, item, 8, 1100, &err);
	put(0, boot(), 11, 60, 1);
	assert_int_equal(sv_tap_read(tap, item, 8, TIMEOUT, &err), 1);
	assert_string_equal(item[0].point->vnet, "C");
	assert_string_equal(first->vnet, "A");
	sv_tap_close(tap);
}

/* ---- at speed ---- */

#define MANY 100000

static void *write_many(void *arg)
{
	const int cpu = (int)(intptr_t)arg;

	for (__u32 i = 0; i < MANY;)
		if (put(cpu, boot(), 11 + cpu, 60, i))
			i++;
	return NULL;
}

/* Two writers that wait for room: every record, once, in order, whatever the interleaving. */
static void test_race(void **state)
{
	struct sv_tap *tap = open_tap();
	__u32 seen[CPUS] = { 0 }, total = 0;
	struct sv_tap_item item[256];
	pthread_t writer[CPUS];

	(void)state;
	for (intptr_t cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(pthread_create(&writer[cpu], NULL, write_many, (void *)cpu), 0);
	while (total < CPUS * MANY) {
		int n = sv_tap_read(tap, item, 256, 1000, &err);

		if (n <= 0)
			fail_msg("%d after %u", n, total);
		for (int i = 0; i < n; i++) {
			must_be(&item[i], 60, seen[item[i].cpu]++);
			assert_int_equal(item[i].rec->attach, 11 + item[i].cpu);
		}
		total += n;
	}
	for (int cpu = 0; cpu < CPUS; cpu++)
		pthread_join(writer[cpu], NULL);
	assert_int_equal(sv_tap_read(tap, item, 256, 10, &err), 0);
	sv_tap_close(tap);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_record),	 TEST(test_step),    TEST(test_wrap),
		TEST(test_overflow),	 TEST(test_merge),   TEST(test_late),
		TEST(test_one_reader),	 TEST(test_stopped), TEST(test_replaced),
		TEST(test_gone_quietly), TEST(test_refused), TEST(test_garbage),
		TEST(test_points),	 TEST(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
