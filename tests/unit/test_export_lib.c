// SPDX-License-Identifier: GPL-2.0-only
/*
 * Outer headers, compiled natively: every copy stands in a buffer of exactly its length, so that a
 * read beyond its end is a finding of the address sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/lib/export.h"

static const struct cut_case {
	const char *desc;
	const char *head; /* of the frame, from the type on, in hex */
	uint32_t len; /* of the frame */
	int cut;
} cuts[] = {
	{ "IPv4, whole", "0800 4500 0032", 64, 0 },
	{ "IPv4, padded", "0800 4500 001c", 64, 0 },
	{ "IPv4, a byte missing", "0800 4500 0033", 64, 1 },
	{ "IPv6, whole", "86dd 60000000 000a", 64, 0 },
	{ "IPv6, a byte missing", "86dd 60000000 000b", 64, 1 },
	{ "a tag, whole", "8100 0005 0800 4500 002e", 64, 0 },
	{ "a tag, a byte missing", "8100 0005 0800 4500 002f", 64, 1 },
	{ "two tags, whole", "88a8 0005 8100 0006 0800 4500 002a", 64, 0 },
	{ "two tags, a byte missing", "88a8 0005 8100 0006 86dd 60000000 0003", 64, 1 },
	{ "three tags: not looked at", "8100 0001 8100 0001 8100 0001 0800 4500 ffff", 64, 0 },
	{ "ARP", "0806 ffff ffff ffff", 64, 0 },
	{ "a length instead of a type", "0026 ffff ffff ffff", 64, 0 },
};

static uint8_t nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void from_hex(uint8_t *to, const char *hex)
{
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		*to++ = nibble(hex[0]) << 4 | nibble(hex[1]);
		hex++;
	}
}

/* Whatever part of it is in one piece: the same answer, or "whole" where it cannot be known. */
static void check_cut(const struct cut_case *c)
{
	uint8_t frame[64] = { 0 };

	from_hex(frame + 12, c->head);
	for (uint32_t n = 0; n <= c->len; n++) {
		uint8_t *piece = malloc(n ?: 1);
		int cut;

		memcpy(piece, frame, n);
		cut = sv_export_cut(piece, piece + n, c->len);
		free(piece);
		if (cut && !c->cut)
			fail_msg("%s: cut, from %u bytes of it", c->desc, n);
		if (n == c->len && cut != c->cut)
			fail_msg("%s: %d", c->desc, cut);
	}
}

static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		check_cut(&cuts[i]);
}

/* A frame so short that its tags are all there is. */
static void test_cut_short(void **state)
{
	uint8_t tags[22] = { [12] = 0x81, [16] = 0x81, [20] = 0x08 };

	(void)state;
	for (uint32_t n = 0; n <= sizeof(tags); n++)
		assert_int_equal(sv_export_cut(tags, tags + n, n), 0);
}

/* RFC 1071 as it is written. */
static uint16_t sum_of(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void test_sum(void **state)
{
	struct sv_export x = { .kind = SV_EXPORT_VXLAN };
	struct sv_export_copy c = { 0 };
	struct sv_outer o;

	(void)state;
	srand(5);
	for (int i = 0; i < 100000; i++) {
		/* Sums that carry once more, and that are 0 or -0, come from extreme words. */
		x.local = i & 1 ? (uint32_t)rand() * 3 : 0xffffffff;
		x.remote = i & 2 ? (uint32_t)rand() * 5 : 0xffff0000 | rand();
		x.ttl = rand();
		c.seq = rand();
		c.len = rand() % 9000;
		sv_export_build(&o, &x, &c);
		assert_int_equal(sum_of((uint8_t *)&o.ip, sizeof(o.ip)), 0xffff);
	}
}

static void test_source_port(void **state)
{
	struct sv_export x = { .kind = SV_EXPORT_VXLAN };
	struct sv_export_copy c = { 0 };
	struct sv_outer o;
	uint32_t port;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		c.hash = i * 2654435761u;
		sv_export_build(&o, &x, &c);
		port = bpf_ntohs(o.vxlan.src);
		assert_in_range(port, 49152, 65535);
	}
	c.hash = 0;
	sv_export_build(&o, &x, &c);
	port = bpf_ntohs(o.vxlan.src);
	c.hash = 1 << 16; /* its upper half counts too */
	sv_export_build(&o, &x, &c);
	assert_int_not_equal(port, bpf_ntohs(o.vxlan.src));
}

/* Numbers larger than their fields do not reach their neighbours. */
static void test_fields(void **state)
{
	struct sv_export x = { .kind = SV_EXPORT_ERSPAN, .id = 0xffffffff };
	struct sv_export_copy c = { .tagged = 1 };
	struct sv_outer o;

	(void)state;
	sv_export_build(&o, &x, &c);
	assert_int_equal(bpf_ntohl(o.erspan.session), 0x10001bff);
	x.kind = SV_EXPORT_VXLAN;
	sv_export_build(&o, &x, &c);
	assert_int_equal(bpf_ntohl(o.vxlan.vni), 0xffffff00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),    cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_sum),    cmocka_unit_test(test_source_port),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
