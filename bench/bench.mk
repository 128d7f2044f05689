# SPDX-License-Identifier: GPL-2.0-only
BENCH_SKEL = $(patsubst bench/bpf/%.bpf.c,$(B)/bench/bpf/%.skel.h,$(wildcard bench/bpf/*.bpf.c))

$(B)/bench/bpf/%.bpf.o: bench/bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
$(B)/bench/bpf/%.skel.h: $(B)/bench/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name sv_$* > $@.tmp && mv $@.tmp $@
$(B)/bench/gen.o $(B)/bench/paced.o: | $(BENCH_SKEL)
$(BENCH): $(patsubst %.c,$(B)/%.o,$(wildcard bench/lib/*.c))

.PHONY: bench bench-forwarding bench-unharmed
bench: bench-forwarding bench-unharmed ## all that is measured, on a quiet machine: 16 minutes
bench-forwarding: packages ## forwarding rates against the kernel's own ways, build/bench/forwarding.json
	@$(MAKE) --no-print-directory $(BENCH)
	@/usr/bin/python3 bench/forwarding.py --build $(B)
bench-unharmed: packages ## production while its monitors do their worst, build/bench/unharmed.json
	@$(MAKE) --no-print-directory $(BENCH)
	@/usr/bin/python3 bench/unharmed.py --build $(B)

.PHONY: demo
demo: packages ## three hosts on this machine, a voice call, a shadow, a flip (DEMO_PHASE_SECONDS=10)
	@$(MAKE) --no-print-directory all
	@B=$(B) /usr/bin/python3 bench/shadow/demo.py

PHASE_SECONDS ?= 300
SEEDS ?= $(or $(SEED),1)
JOBS ?= 1
.PHONY: experiment-shadow
experiment-shadow: packages ## experiment 2, a shadow upgrade under a call, build/experiments/shadow (PHASE_SECONDS=300)
	@$(MAKE) --no-print-directory all
	@B=$(B) PHASE_SECONDS=$(PHASE_SECONDS) SEEDS="$(SEEDS)" JOBS=$(JOBS) /usr/bin/python3 bench/shadow/experiment.py

.PHONY: experiment-monitoring
experiment-monitoring: packages ## experiment 1, what monitoring costs, build/experiments/monitoring (BINS=20)
	@$(MAKE) --no-print-directory $(BENCH)
	@/usr/bin/python3 bench/monitoring/experiment.py --build $(B)
