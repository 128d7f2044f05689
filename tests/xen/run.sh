#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Real Xen with a Debian dom0, in QEMU's software emulation: dom0's tests, as TAP. No KVM, no network
# (but for the packages, once), no loop device, nothing of this machine but its programs.
#
#   B            the build folder (default build)
#   MORE         1: not the programs of tests/xen/programs, but those of programs.more, in half an hour
#   ONLY         a word: only the programs that have it in their name
#   ACCEL, CPU   QEMU's -accel and -cpu
#   LIMIT        seconds for everything in the machine (default 590, MORE: 1800)
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."
B=${B:-build}
work=$B/xen
run= qemu=
programs=tests/xen/programs limit=${LIMIT:-590}
[ -z "${MORE:-}" ] || programs=$programs.more limit=${LIMIT:-1800}

die() {
	echo "check-xen: $*" >&2
	echo "not ok - $*"
	echo "0 passed, 1 failed"
	exit 1
}

cleanup() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	[ -z "$run" ] || rm -rf "$run"
}

# The disk that dom0 finds its tests on, and leaves its results.
make_disk() {
	local svnet=$run/disk/svnet file
	mkdir -p "$svnet/build/tools" "$svnet/tests" "$run/disk/out"
	for file in svnetd svnet svnet-vinit svnet-xl; do
		[ ! -x "$B/$file" ] || install -s "$B/$file" "$svnet/build/$file"
	done
	install -s -t "$svnet/build/tools" "$B"/tools/txgen "$B"/tools/rxcount
	cp -r tests/e2e tests/xen "$svnet/tests/"
	cp -r maps "$svnet/"
	find "$svnet" -name __pycache__ -prune -exec rm -rf {} +
	grep -vE '^(#|$)' "$programs" | grep -e "${ONLY:-.}" >"$run/disk/programs" ||
		die "no program in $programs has $ONLY in its name"
	echo "export B=/t/svnet/build SVNET_LIBEXEC=/t/svnet/build PYTHONDONTWRITEBYTECODE=1" >"$run/disk/environment"
	mke2fs -q -F -t ext4 -O ^has_journal -d "$run/disk" "$run/disk.img" 512M
}

boot() {
	: >"$run/tests.log" # the reporter may look before the machine is there
	(
		# Names with commas mean something to QEMU.
		cd "$run"
		exec timeout -k 5 "$limit" qemu-system-x86_64 \
			-machine q35 -accel "${ACCEL:-tcg,thread=multi,tb-size=512}" \
			-cpu "${CPU:-qemu64,-svm,+rdrand}" -smp 2 -m 4096 \
			-nodefaults -no-user-config -display none -monitor none -no-reboot -nic none \
			-chardev file,id=console,path=console.log -serial chardev:console \
			-chardev stdio,id=tests,signal=off -serial chardev:tests \
			-drive file=../root.img,if=virtio,format=raw,snapshot=on \
			-drive file=disk.img,if=virtio,format=raw,cache=unsafe \
			-kernel ../xen.elf -append "$XEN_OPTIONS" \
			-initrd "../vmlinux $KERNEL_OPTIONS,../initrd" \
			</dev/null >tests.log 2>qemu.log
	) &
	qemu=$!
}
# xpti to pv-l1tf: what protects from a CPU that this is not. noreboot would leave QEMU standing.
XEN_OPTIONS="console=com1 com1=115200,8n1 dom0_mem=1536M,max:1536M xpti=no spec-ctrl=no pv-l1tf=no loglvl=all guest_loglvl=all"
KERNEL_OPTIONS="console=hvc0 mitigations=off nokaslr quiet loglevel=4 panic=5 rcupdate.rcu_expedited=1"

# Reads the lines of init: TAP of its programs, renumbered, and the closing line.
report() {
	tail -n +1 -s 0.2 -f --pid="$qemu" "$run/tests.log" | awk -v want="$want" '
	function verdict(ok, text) {
		print (ok ? "ok " : "not ok ") ++n " - " text
		if (ok) passed++; else failed++
	}
	{ gsub(/\r/, "") }
	$1 == "@" && $2 == "kernel" { release = $3; print "# dom0: kernel " $3 ", up after " $5 " s" }
	$1 == "@" && $2 == "dom0" { verdict(0, substr($0, 3)) }
	$1 == "@" && $2 == "start" { running = $3; plan = -1; here = bad = 0; print "# " running }
	$1 == "@" && $2 == "end" {
		ended++
		running = ""
		why = $3 == 124 || $3 == 137 ? "ran out of its time" : "ended with status " $3
		if ($3 != 0 && !bad) verdict(0, $4 " " why)
		if ($3 == 0 && plan < 0) verdict(0, $4 " printed no plan")
		else if ($3 == 0 && here != plan) verdict(0, $4 " planned " plan " tests and ran " here)
		print "# " $4 ": " $5 " s"
	}
	$1 == "@" && $2 == "done" { done = 1 }
	$1 == "@" { fflush(); next }
	/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; next }
	/^(not )?ok .*# SKIP/ { here++; sub(/^(not )?ok [0-9]+/, "ok " ++n); print; skipped++; fflush(); next }
	/^not ok / { here++; bad++; sub(/^not ok [0-9]* *-? */, ""); verdict(0, running ": " $0); fflush(); next }
	/^ok / { here++; sub(/^ok [0-9]* *-? */, ""); verdict(1, running ": " $0); fflush(); next }
	{ print "    " $0; fflush() }
	END {
		if (running != "") verdict(0, running " # the machine stopped here")
		if (release == "") verdict(0, "dom0 did not come up")
		else if (!done) verdict(0, "no verdict from dom0: the machine stopped, or its time was up")
		else if (ended != want) verdict(0, want " programs, but " ended + 0 " ended")
		print passed + 0 " passed, " failed + 0 " failed" (skipped ? ", " skipped " skipped" : "")
		exit failed != 0
	}'
}

trap cleanup EXIT
trap 'exit 143' TERM INT HUP
for tool in qemu-system-x86_64 debugfs mke2fs; do
	command -v "$tool" >/dev/null || die "$tool is missing: make packages"
done
[ "$(dpkg --print-architecture)" = amd64 ] || die "only amd64 machines are emulated"
for file in svnetd svnet svnet-vinit tools/txgen tools/rxcount; do
	[ -x "$B/$file" ] || die "$B/$file is not built: make check-xen builds it"
done
mkdir -p "$work"
work=$(realpath "$work")
bash tests/xen/image.sh "$work" || die "no image of dom0"
run=$(mktemp -d "$work/run.XXXXXX")
make_disk
want=$(wc -l <"$run/disk/programs")
boot
report &
reporter=$!
stopped=0 verdict=0
wait "$qemu" || stopped=$?
wait "$reporter" || verdict=$?
qemu=
rm -rf "$work/last"
mkdir "$work/last"
debugfs -R "rdump /out $work/last" "$run/disk.img" 2>/dev/null || true
mv -f "$run/console.log" "$run/tests.log" "$run/qemu.log" "$work/last/"
echo "# logs: $B/xen/last"
if [ "$verdict" -ne 0 ]; then
	[ "$stopped" -ne 124 ] || echo "# $limit s were up" >&2
	echo "# QEMU ended with status $stopped; the last words on Xen's console, and QEMU's:" >&2
	tail -q -n 20 "$work/last/console.log" "$work/last/qemu.log" >&2 || true
fi
exit "$verdict"
