#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# image.sh DIR: puts into DIR what run.sh boots, all of it from Debian's packages:
#
#   xen.elf, vmlinux, initrd	the hypervisor, dom0's kernel (guests run it too), and what finds dom0's disk
#   root.img			dom0's root file system, without the project's own files
#   guest.initrd		the router that guests are
#
# Each is kept until this folder's files change, so that only the first run needs a mirror.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
step=

die() {
	echo "check-xen: no image: $*" >&2
	exit 1
}
failed() {
	[ -z "$step" ] || {
		echo "check-xen: no image: it could not $step; the end of $dir/image.log:" >&2
		tail -n 15 "$dir/image.log" >&2
	}
}
begin() {
	step=$1
	echo "# check-xen: $1"
}
trap failed ERR
set -E

ROOT_PACKAGES=$(grep -v '^#' "$here/packages")
KERNEL_PATHS="drivers/block drivers/virtio drivers/xen drivers/char/hw_random
	drivers/md drivers/dax fs/ext4 fs/jbd2 fs/mbcache.ko fs/xfs crypto arch/x86/crypto drivers/tty"
HYPERVISOR=xen-hypervisor-4.17-amd64

# made FILE SOURCE…: FILE is there, and newer than what it is made from.
made() {
	local file=$dir/$1 source
	shift
	[ -e "$file" ] || return 1
	for source in "$@"; do
		[ ! "$source" -nt "$file" ] || return 1
	done
}

debian_sources() {
	apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT) $(RELEASE)' \
		'Created-By: Packages' 'Origin: Debian' 'Component: main' |
		awk '{ sub("/$", "", $2); print $1, $2, $5, $4 }' | sort -u
}

fetch_hypervisor() {
	rm -rf "$dir/hypervisor"
	mkdir "$dir/hypervisor"
	(cd "$dir/hypervisor" && apt-get download -qq "$HYPERVISOR" && dpkg-deb -x ./*.deb .)
	zcat "$dir"/hypervisor/boot/xen-4.17*.gz >"$dir/xen.elf.tmp"
	mv "$dir/xen.elf.tmp" "$dir/xen.elf"
	rm -rf "$dir/hypervisor"
}

# The ELF file inside a bzImage (Documentation/x86/boot.rst), which needs no unpacking by Xen or libxl under
# emulation. Its last four bytes are the length, and none of xz's.
unpack_kernel() {
	local image=$dir/debian/vmlinuz sects at len
	sects=$(od -An -tu1 -j $((0x1f1)) -N1 "$image")
	at=$(od -An -tu4 -j $((0x248)) -N4 "$image")
	len=$(od -An -tu4 -j $((0x24c)) -N4 "$image")
	at=$((at + (${sects:-4} + 1) * 512))
	head -c $((at + len - 4)) "$image" | tail -c $((len - 4)) | xz -dc >"$dir/vmlinux.tmp"
	mv "$dir/vmlinux.tmp" "$dir/vmlinux"
}

# A file, not a folder: make would take the .d folders of a Debian for its own files.
make_tree() {
	local list
	list=$(echo $ROOT_PACKAGES | tr ' ' ,)
	debian_sources >"$dir/sources.list"
	[ -s "$dir/sources.list" ] || die "this machine's apt knows no Debian: apt-get update"
	# What it mounts goes with it, however it ends.
	unshare --mount mmdebstrap --quiet --mode=root --variant=minbase --format=tar --include="$list" \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		bookworm "$dir/tree.tar.tmp" "$dir/sources.list"
	mv "$dir/tree.tar.tmp" "$dir/tree.tar"
}

# with_modules DIR NAME…: into DIR/lib/modules, with what they depend on, in the order to load in DIR/modules.
with_modules() {
	local out=$1 tree release module line
	shift
	release=$(cat "$dir/debian/release")
	tree=$dir/debian/lib/modules/$release
	mkdir -p "$out/lib/modules"
	for module in "$@"; do
		line=$(grep -E "/$module\.ko:" "$tree/modules.dep") || die "the kernel has no module $module"
		echo "${line/:/}" | tr ' ' '\n' | tac
	done | awk '$1 && !seen[$1]++' >"$out/list"
	while read -r module; do
		cp "$tree/$module" "$out/lib/modules/"
		basename "$module"
	done <"$out/list" >"$out/modules"
	rm "$out/list"
}

# make_initrd NAME INIT MODULE…
make_initrd() {
	local out=$dir/$1 init=$2 root
	shift 2
	root=$(mktemp -d "$out.XXXXXX")
	mkdir -p "$root"/{bin,dev,proc,sys,root,tmp,run}
	install /bin/busybox "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	with_modules "$root" "$@"
	install -m 755 "$init" "$root/init"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) | gzip -1 >"$out.tmp"
	mv "$out.tmp" "$out"
	rm -rf "$root"
}

make_root() {
	local release tree
	release=$(cat "$dir/debian/release")
	tree=$(mktemp -d)
	tar -C "$tree" -xf "$dir/tree.tar" --exclude='./dev/*'
	mkdir -p "$tree/lib/modules" "$tree/srv/guest" "$tree/t"
	cp -a "$dir/debian/lib/modules/$release" "$tree/lib/modules/"
	chroot "$tree" depmod "$release" # what fetch.sh had made serves busybox only
	cp "$dir/vmlinux" "$dir/guest.initrd" "$tree/srv/guest/"
	install -m 755 "$here/init" "$tree/sbin/svnet-init"
	install -m 755 "$here/vif-none" "$tree/etc/xen/scripts/vif-none"
	rm -f "$dir/root.img.tmp"
	mke2fs -q -F -t ext4 -O ^has_journal -d "$tree" "$dir/root.img.tmp" 1500M
	rm -rf "$tree"
	mv "$dir/root.img.tmp" "$dir/root.img"
}

for tool in mmdebstrap mke2fs busybox cpio xz; do
	command -v "$tool" >/dev/null || die "$tool is missing: make packages"
done
: >"$dir/image.log"
if ! made tree.tar "$here/packages" || ! made xen.elf "$here/packages"; then
	begin "fetch the hypervisor and dom0's packages"
	apt-cache show "$HYPERVISOR" >/dev/null 2>&1 || apt-get update >"$dir/image.log" 2>&1
	fetch_hypervisor >>"$dir/image.log" 2>&1
	make_tree >>"$dir/image.log" 2>&1
	touch "$dir/tree.tar" "$dir/xen.elf"
fi
[ -e "$dir/debian/complete" ] || begin "fetch Debian's kernel"
bash "$here/../kernel/fetch.sh" "$dir/debian" $KERNEL_PATHS
if ! made vmlinux "$dir/debian/complete"; then
	begin "unpack the kernel"
	unpack_kernel >>"$dir/image.log" 2>&1
fi
if ! made initrd "$here"/image.sh "$here/init.dom0" "$dir/vmlinux"; then
	begin "make dom0's initrd"
	make_initrd initrd "$here/init.dom0" virtio_pci virtio_blk crc32c_generic ext4 >>"$dir/image.log" 2>&1
fi
if ! made guest.initrd "$here"/image.sh "$here/init.guest" "$dir/vmlinux"; then
	begin "make the guests' initrd"
	make_initrd guest.initrd "$here/init.guest" xen-netfront xen-blkfront crc32c_generic ext4 \
		>>"$dir/image.log" 2>&1
fi
if ! made root.img "$here/init" "$here/vif-none" "$dir/guest.initrd" "$dir/vmlinux" "$dir/tree.tar"; then
	begin "make dom0's disk"
	make_root >>"$dir/image.log" 2>&1
fi
step=
