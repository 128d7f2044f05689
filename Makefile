# SPDX-License-Identifier: GPL-2.0-only
# `make help` lists what there is. V=1 shows the commands.

B ?= build
CC = gcc
CLANG ?= clang
BPFTOOL ?= bpftool
Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) '$(2)')

WARN = -Wall -Wextra -Werror
CPPFLAGS += -I. -I$(B) -D_GNU_SOURCE -MMD -MP
CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 $(WARN)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
BPF_CFLAGS = -O2 -g -target bpf -D__TARGET_ARCH_$(subst x86_64,x86,$(shell uname -m)) -mcpu=v3 $(WARN) -I. -Ivendor-headers -I/usr/include/$(shell uname -m)-linux-gnu

TAP_LIBS = -lbpf -lelf -lz
LOADER_LIBS = -lxdp -lbpf -lelf -lz -lpcap
AGENT_LIBS = -lcjson -luv -lnl-route-3 -lnl-genl-3 -lnl-3 -lm
CPPFLAGS += -I/usr/include/libnl3

# ---- what there is to build: a new file is found by its place -----------------------------------
BPF_SRC = $(wildcard bpf/*.bpf.c)
BPF_SKEL = $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.skel.h)
LOADER_SRC = $(wildcard loader/*.c)
# The readers' library needs libbpf alone.
TAP_SRC = $(wildcard loader/tap*.c) loader/err.c
MAINS = agent/svnetd.c agent/cli/svnet.c agent/vnode/vinit.c
# Only svnet-xl links libxl; it is made where libxen-dev is.
XL_SRC = $(wildcard agent/xl/*.c)
XEN := $(shell pkg-config --exists xenlight xenstore xentoollog 2>/dev/null && echo yes)
XL_LIBS = -lxenlight -lxenstore -lxentoollog
AGENT_SRC = $(filter-out $(MAINS) $(XL_SRC),$(wildcard agent/*.c agent/*/*.c))
XL_UNIT = $(B)/tests/unit/test_xl_config
UNIT = $(filter-out $(XL_UNIT),$(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/test_*.c)))
PROG = $(patsubst tests/prog/%.c,$(B)/tests/prog/%,$(wildcard tests/prog/test_*.c))
FUZZ = $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
TOOLS = $(patsubst tests/tools/%.c,$(B)/tools/%,$(wildcard tests/tools/*.c))
BENCH = $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))

objs = $(1:%.c=$(B)/$(2)%.o)
BINARIES = $(B)/svnetd $(B)/svnet $(B)/svnet-vinit $(if $(XEN),$(B)/svnet-xl)
LIBRARY = $(B)/libsvtap.a

.DEFAULT_GOAL := all
.PHONY: all
all: $(BINARIES) $(LIBRARY)  ## build svnetd, svnet and the BPF programs (build/)

# ---- rules -----------------------------------------------------------------------------------------
$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@

$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name sv_$* > $@.tmp && mv $@.tmp $@

$(B)/%.o: %.c | $(BPF_SKEL)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(B)/asan/%.o: %.c | $(BPF_SKEL)
	@mkdir -p $(@D)
	$(call say,CC-ASAN,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -O1 $(SANITIZE) -c $< -o $@

$(B)/libsvloader.a: $(call objs,$(LOADER_SRC))
$(B)/libsvtap.a: $(call objs,$(TAP_SRC))
$(B)/libsvagent.a: $(call objs,$(AGENT_SRC))
$(B)/asan/libsvloader.a: $(call objs,$(LOADER_SRC),asan/)
$(B)/asan/libsvagent.a: $(call objs,$(AGENT_SRC),asan/)
$(B)/%.a:
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

link = $(call say,LD,$@)
$(B)/svnetd: $(B)/agent/svnetd.o $(B)/libsvagent.a $(B)/libsvloader.a
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(LOADER_LIBS)
$(B)/svnet: $(B)/agent/cli/svnet.o $(B)/libsvagent.a $(B)/libsvtap.a
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(AGENT_LIBS) $(TAP_LIBS)
$(B)/svnet-vinit: $(B)/agent/vnode/vinit.o
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

$(B)/svnet-xl: $(call objs,$(XL_SRC)) $(B)/loader/err.o
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcjson $(XL_LIBS) -lpthread

$(UNIT): $(B)/tests/unit/%: $(B)/asan/tests/unit/%.o $(B)/asan/libsvagent.a $(B)/asan/libsvloader.a
	@mkdir -p $(@D)
	$(link)
	$(Q)$(CC) $(LDFLAGS) $(SANITIZE) -o $@ $^ -lcmocka $(AGENT_LIBS) $(LOADER_LIBS)
ifneq ($(XEN),)
$(XL_UNIT): $(B)/asan/tests/unit/test_xl_config.o $(B)/asan/agent/xl/config.o $(B)/asan/loader/err.o
	@mkdir -p $(@D)
	$(link)
	$(Q)$(CC) $(LDFLAGS) $(SANITIZE) -o $@ $^ -lcmocka -lcjson $(XL_LIBS)
else
$(XL_UNIT):
	@mkdir -p $(@D)
	$(Q)printf '#!/bin/sh\necho "ok 1 # SKIP no libxen-dev: make packages"\n' > $@ && chmod +x $@
endif
VNODE_PROG = $(filter $(B)/tests/prog/test_vnode%,$(PROG))
TAP_PROG = $(filter $(B)/tests/prog/test_tap%,$(PROG))
$(filter-out $(VNODE_PROG) $(TAP_PROG),$(PROG)): $(B)/tests/prog/%: $(B)/tests/prog/%.o $(B)/libsvloader.a
	@mkdir -p $(@D)
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LOADER_LIBS)
$(TAP_PROG): $(B)/tests/prog/%: $(B)/tests/prog/%.o $(B)/libsvtap.a
	@mkdir -p $(@D)
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(TAP_LIBS)
# The drivers' tests run svnet-vinit too, which is found by $SVNET_VINIT.
$(VNODE_PROG): $(B)/tests/prog/%: $(B)/tests/prog/%.o $(B)/libsvagent.a $(B)/libsvloader.a | $(B)/svnet-vinit
	@mkdir -p $(@D)
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(AGENT_LIBS) $(LOADER_LIBS)
$(TOOLS): $(B)/tools/%: $(B)/tests/tools/%.o
	@mkdir -p $(@D)
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread
$(BENCH): $(B)/bench/%: $(B)/bench/%.o $(B)/libsvloader.a
	$(link)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LOADER_LIBS)

.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# ---- what needs the machine ------------------------------------------------------------------------
include packages.mk
include tests/tests.mk
include bench/bench.mk

PREFIX ?= /usr
UNIT_DIR ?= /lib/systemd/system

.PHONY: help clean fmt install
TAP_HEADERS = loader/tap.h loader/err.h maps/tap.h maps/schema.h
install: all ## svnetd, svnet, svnet-vinit, svnet-xl, the systemd unit, libsvtap (DESTDIR=, PREFIX=/usr)
	$(Q)install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(UNIT_DIR)
	$(Q)install -m 755 $(BINARIES) $(DESTDIR)$(PREFIX)/sbin
	$(Q)install -m 644 agent/svnetd.service $(DESTDIR)$(UNIT_DIR)
	$(Q)install -d $(DESTDIR)$(PREFIX)/lib
	$(Q)install -m 644 $(LIBRARY) $(DESTDIR)$(PREFIX)/lib
	$(Q)for h in $(TAP_HEADERS); do install -m 644 -D $$h $(DESTDIR)$(PREFIX)/include/svnet/$$h; done
fmt: ## format the C sources
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i
clean: ## remove build/
	$(Q)rm -rf $(B)
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 22
