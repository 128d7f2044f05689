# SPDX-License-Identifier: GPL-2.0-only
# The one list of Debian packages: what builds svnet, what runs it, what its tests and benches use.
BUILD_PACKAGES = gcc libc6-dev clang llvm bpftool pkg-config linux-libc-dev libbpf-dev libxdp-dev libelf-dev \
	libpcap-dev zlib1g-dev libcjson-dev libuv1-dev libnl-3-dev libnl-route-3-dev libnl-genl-3-dev \
	libxen-dev
RUN_PACKAGES = netbase iproute2 ethtool nftables procps util-linux
TEST_PACKAGES = libcmocka-dev clang-format python3 python3-scapy iputils-ping tcpdump tshark tcpreplay \
	baresip-core sip-tester iperf3 qemu-system-x86 busybox-static cpio xz-utils zstd mmdebstrap \
	e2fsprogs git

PACKAGES = $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES)

.PHONY: packages
packages: ## install what is missing to build and test (Debian, root)
	@missing=$$(for p in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "installing:" $$missing; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $$missing >$${TMPDIR:-/tmp}/svnet-apt.log 2>&1 || \
		{ tail -20 $${TMPDIR:-/tmp}/svnet-apt.log; exit 1; }; \
	fi
