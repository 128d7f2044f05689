#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# initramfs.sh KERNEL_DIR OUT PROGRAM…: a root file system in memory with the test programs in /tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 out=$2
shift 2

# In the order they are loaded; what they depend on comes along.
MODULES="veth bridge 8021q sch_ingress cls_bpf act_bpf cls_u32"
# What tests may call. Not busybox's: its ip knows no namespaces, and its sh prefers its own ip.
TOOLS="dash bash ip tc ethtool nsenter bpftool"

root=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$root"' EXIT

# with_libraries FILE DIR: a program and what its dynamic linker will look for, at the same places.
with_libraries() {
	install -D "$1" "$root/$2/$(basename "$1")"
	{ ldd "$1" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r lib; do
		[ -e "$root$lib" ] || install -D "$lib" "$root$lib"
	done
}

with_module() {
	local dep=$kernel/lib/modules/$release/modules.dep line
	line=$(grep -E "/$1\.ko:" "$dep") || {
		echo "check-kernel: the kernel has no module $1" >&2
		return 1
	}
	for ko in ${line//:/}; do
		install -D -m 644 "$kernel/lib/modules/$release/$ko" "$root/lib/modules/$release/$ko"
	done
}

release=$(cat "$kernel/release")
mkdir -p "$root"/{bin,proc,sys,dev,run,tmp,tests,root}
install /bin/busybox "$root/bin/busybox"
ln -s ../usr/sbin/dash "$root/bin/sh"
ln -s ../usr/sbin/bash "$root/bin/bash"
for module in $MODULES; do
	with_module "$module"
done
install -m 644 "$kernel/lib/modules/$release/modules.dep" "$root/lib/modules/$release/"
echo "$MODULES" >"$root/modules"
for tool in $TOOLS; do
	path=$(PATH=$PATH:/usr/sbin:/sbin && command -v "$tool") || continue
	with_libraries "$path" usr/sbin
done
# libxdp loads its dispatcher from here.
for object in /usr/lib/*/bpf/xdp-dispatcher.o; do
	install -D -m 644 "$object" "$root/usr/lib/bpf/xdp-dispatcher.o"
done
for program in "$@"; do
	with_libraries "$program" tests
done
install "$here/init" "$root/init"
(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -1 >"$out"
