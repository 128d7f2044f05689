/* SPDX-License-Identifier: GPL-2.0-only */
/* What the hypervisor has taken of the CPUs since boot, in ns, as JSON: {"0": 1234, "1": 0}. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench/bpf/stolen.h"
#include "bench/bpf/stolen.skel.h"
#include "loader/cleanup.h"

static void free_skel(struct sv_stolen **skel)
{
	sv_stolen__destroy(*skel);
}

static int print_rows(int fd)
{
	struct stolen_row row;
	const char *comma = "";
	ssize_t n;

	putchar('{');
	while ((n = read(fd, &row, sizeof(row))) == sizeof(row)) {
		printf("%s\"%llu\": %llu", comma, row.cpu, row.ns);
		comma = ", ";
	}
	puts("}");
	return n || !*comma ? -EIO : 0;
}

int main(void)
{
	_cleanup_(free_skel) struct sv_stolen *skel = sv_stolen__open_and_load();
	_cleanup_close_ int fd = -1;
	int rc;

	if (!skel || sv_stolen__attach(skel)) {
		fprintf(stderr, "stolen: load: %s\n", strerror(errno));
		return 1;
	}
	fd = bpf_iter_create(bpf_link__fd(skel->links.stolen));
	rc = fd < 0 ? fd : print_rows(fd);
	if (rc)
		fprintf(stderr, "stolen: read the CPUs: %s\n", strerror(-rc));
	return rc ? 1 : 0;
}
