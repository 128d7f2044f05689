# SPDX-License-Identifier: GPL-2.0-only
.PHONY: test check-unit check-prog check-e2e check-kernel check-xen check-mutants lint tools demo fuzz

tools: $(TOOLS)

test: packages ## install what is missing, build, and run every test
	@bash tests/run.sh all
check-unit: $(UNIT) ## unit tests, no root needed
	@bash tests/run.sh unit
check-prog: $(PROG) ## the BPF programs under BPF_PROG_TEST_RUN
	@bash tests/run.sh prog
check-e2e: all $(TOOLS) ## whole networks in namespaces
	@bash tests/run.sh e2e
check-kernel: $(PROG) ## check-prog on Debian's own kernel, in QEMU
	@bash tests/kernel/run.sh
check-xen: packages all $(TOOLS) ## real Xen with a Debian dom0, in QEMU
	@bash tests/xen/run.sh
check-mutants: ## take every counter away in turn: a test must fail (half an hour)
	@/usr/bin/python3 tests/e2e/mutate.py
fuzz: $(FUZZ) ## random filters for FUZZ_SECONDS (60): what libpcap says, and the verifier takes
	$(Q)for program in $(FUZZ); do $$program || exit 1; done
lint: ## who includes whom, formatting, one list of everything
	@bash tests/lint.sh

# test_filter has a short run of it.
$(FUZZ): $(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libsvloader.a
	@mkdir -p $(@D)
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LOADER_LIBS)

# Somebody else's BPF programs, for test_coexist.
$(B)/tests/prog/%.bpf.o: tests/prog/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
$(B)/tests/prog/%.skel.h: $(B)/tests/prog/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $* > $@.tmp && mv $@.tmp $@
$(B)/tests/prog/test_coexist.o: $(B)/tests/prog/beside.skel.h
