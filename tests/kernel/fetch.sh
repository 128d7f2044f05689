#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh DIR [PATH…]: puts Debian's own kernel into DIR: vmlinuz, release, and lib/modules with a
# modules.dep: those for networks, and those under more paths of the kernel's tree.
# What is complete already is kept, so that only the first run needs a mirror.
set -euo pipefail
export LC_ALL=C
dir=$1
shift
more=("${@/#/./lib/modules/*/kernel/}")
[ -e "$dir/complete" ] && exit 0

die() {
	echo "check-kernel: $*" >&2
	exit 1
}
image_package() {
	apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }'
}
download() {
	apt-get download -qq "$(image_package)" 2>"$dir/apt.log"
}

rm -rf "$dir"
mkdir -p "$dir/lib"
cd "$dir"
echo "check-kernel: fetching Debian's kernel"
# Lists may be missing, or name a version that the mirror has replaced.
{ [ -n "$(image_package)" ] && download; } || { apt-get update -qq && download; } || {
	cat apt.log >&2
	die "cannot download linux-image-amd64"
}
deb=$(echo linux-image-*.deb)
[ -f "$deb" ] || die "the package linux-image-amd64 did not arrive"

dpkg-deb --fsys-tarfile "$deb" | tar -x --wildcards \
	'./boot/vmlinuz-*' './boot/config-*' './lib/modules/*/modules.*' './lib/modules/*/kernel/lib/*' \
	'./lib/modules/*/kernel/net/*' './lib/modules/*/kernel/drivers/net/*.ko' ${more[@]+"${more[@]}"}
ls lib/modules >release
mv boot/vmlinuz-* vmlinuz
busybox depmod -b "$PWD" "$(cat release)"
rm -f "$deb" apt.log
touch complete
