/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SV_MAPS_SCHEMA_H
#define SV_MAPS_SCHEMA_H

#include <linux/types.h>

/*
 * The contract's number. It is kept in sv_schema[0] beside the pinned maps and must be raised with
 * every change of a struct, a size or a meaning in maps/. A plane with another number is left
 * alone.
 */
#define SV_SCHEMA 3

#define SV_ATTACH_MAX 8192 /* attachments of a host, the catch-all row 0 included */
#define SV_FANOUT_MAX 65536 /* fan-outs of a host, numbered as attach.h says */
#define SV_DEST_MAX 16 /* destinations of one fan-out */
#define SV_EXIT_MAX 24 /* guarded ways out of one attachment */
#define SV_SESSION_MAX 1024 /* monitoring sessions of a host, number 0 is never used */
#define SV_SESSION_BITS 4 /* sessions of one attachment */
#define SV_FILTER_MAX 4096 /* filter sets of a host; slot 0 is the delivery stage */
#define SV_TAP_MAX 64 /* sessions of a host that have rings */
#define SV_TAP_CPUS 128 /* CPUs that can have rings */
#define SV_GROUP_MAX 1024 /* groups of a host */
#define SV_PORT_MAX 1024 /* network devices of a host that the data plane owns */
#define SV_NEIGH_MAX 16384 /* external neighbours remembered */
#define SV_FDB_MAX 16384 /* MAC addresses of segments with three or more members */
#define SV_EVENT_BYTES (256 * 1024) /* a power of two of pages */

/* A layout that both compilers must agree on: checked by the BPF build and by every C file. */
#define SV_ASSERT_SIZE(type, size)                                                                 \
	_Static_assert(sizeof(struct type) == (size), "size of struct " #type)
#define SV_ASSERT_AT(type, member, offset)                                                         \
	_Static_assert(__builtin_offsetof(struct type, member) == (offset),                        \
		       "offset of " #type "." #member)

#endif
