// SPDX-License-Identifier: GPL-2.0-only
/*
 * make fuzz: FUZZ_SECONDS (default 60) of random filters. FUZZ_SEED repeats a run; with
 * FUZZ_PROGRAM, one program of it alone. TAP.
 */
#include "filter_fuzz.h"

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

int main(void)
{
	static struct flab lab;
	static struct fuzz fuzz = { .lab = &lab };
	unsigned long one = number("FUZZ_PROGRAM", ~0UL);
	int rc;

	fuzz.seed = number("FUZZ_SEED", time(NULL) * 1000UL + getpid() % 1000);
	flab_open(&lab);
	printf("# FUZZ_SEED=%lu\n", fuzz.seed);
	for (int way = 0; way < FLAB__WAYS; way++) {
		if (!lab.can[way])
			printf("# %s: this kernel's TEST_RUN cannot make such frames\n",
			       flab_way_name[way]);
	}
	fflush(stdout);
	if (one != ~0UL) {
		fuzz.programs = one;
		rc = fuzz_program(&fuzz, one);
	} else {
		rc = fuzz_run(&fuzz, number("FUZZ_SECONDS", 60), 0);
	}
	printf("# %lu programs, %lu runs, %lu matches, %lu expressions refused by libpcap\n",
	       fuzz.programs, fuzz.runs, fuzz.matched, fuzz.refused);
	printf("%s 1 - filters say what libpcap says%s%s\n1..1\n", rc ? "not ok" : "ok",
	       rc ? " # " : "", rc ? fuzz.failure : "");
	flab_close(&lab);
	return rc != 0;
}
