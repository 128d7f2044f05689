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

.PHONY: bench
bench: packages ## forwarding rates against the kernel's own ways, build/bench/forwarding.json
	@$(MAKE) --no-print-directory $(BENCH)
	@/usr/bin/python3 bench/forwarding.py --build $(B)

.PHONY: demo
demo: packages ## three hosts on this machine, a voice call, a shadow, a flip (DEMO_PHASE_SECONDS=10)
	@$(MAKE) --no-print-directory all
	@B=$(B) /usr/bin/python3 bench/shadow/demo.py
