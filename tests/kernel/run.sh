#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# check-prog on Debian's own kernel, in QEMU's software emulation: an older verifier, no tcx, and
# libxdp's dispatcher. No KVM, no network, no disk is needed.
#
#   B            the build folder (default build); its tests/prog/test_* are run
#   ACCEL, CPU   QEMU's -accel and -cpu
#   LIMIT        seconds for everything in the machine (default 1200), TEST_LIMIT for one program (400)
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."
B=${B:-build}
work=$B/kernel
run= qemu=
limit=${LIMIT:-1200} test_limit=${TEST_LIMIT:-400}

die() {
	echo "check-kernel: $*" >&2
	echo "0 passed, 1 failed"
	exit 1
}

cleanup() {
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
	[ -z "$run" ] || rm -rf "$run"
}

boot() {
	: >"$run/tests.log" # the reporter may look before the machine is there
	timeout -k 5 "$limit" qemu-system-x86_64 \
		-machine q35 -accel "${ACCEL:-tcg,thread=multi}" -cpu "${CPU:-max}" -smp 2 -m 1536 \
		-nodefaults -no-user-config -display none -monitor none -no-reboot -nic none \
		-chardev file,id=kernel,path="$run/kernel.log" -serial chardev:kernel \
		-chardev stdio,id=tests,signal=off -serial chardev:tests \
		-kernel "$kernel/vmlinuz" -initrd "$run/initramfs" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr rcupdate.rcu_expedited=1 sv.seconds=$test_limit" \
		</dev/null >"$run/tests.log" 2>"$run/qemu.log" &
	qemu=$!
}

# Reads the lines of init: one verdict a test program, and the closing line.
report() {
	tail -n +1 -s 0.2 -f --pid="$qemu" "$run/tests.log" | awk -v want="$want" '
	{ gsub(/\r/, "") }
	$1 != "@" { print "    " $0; fflush(); next }
	$2 == "kernel" { release = $3; print "# Debian kernel " release " in QEMU" }
	$2 == "start" { running = $3 }
	$2 == "end" {
		running = ""
		n++
		bad = $3 != 0
		if (bad) failed++; else passed++
		why = $3 == 124 || $3 == 143 ? " # timed out" : bad ? " # status " $3 : ""
		print (bad ? "not ok " : "ok ") n " - " $4 " (" $5 " s)" why
	}
	$2 == "done" { done = 1 }
	{ fflush() }
	END {
		if (running != "") { print "not ok " ++n " - " running " # the machine stopped here"; failed++ }
		if (release !~ /^6\.1\./) { print "not ok - the kernel is not 6.1, but \"" release "\""; failed++ }
		if (!done) { print "not ok - no verdict from the machine: it stopped, or its time was up"; failed++ }
		if (n != want) { print "not ok - " want " test programs, but " n + 0 " verdicts"; failed++ }
		print passed + 0 " passed, " failed + 0 " failed"
		exit failed != 0
	}'
}

trap cleanup EXIT
trap 'exit 143' TERM INT HUP
for tool in qemu-system-x86_64 busybox cpio; do
	command -v "$tool" >/dev/null || die "$tool is missing: make packages"
done
[ "$(dpkg --print-architecture)" = amd64 ] || die "only amd64 machines are emulated"
shopt -s nullglob
programs=()
for source in tests/prog/test_*.c; do
	program=$B/tests/prog/$(basename "$source" .c)
	case $program in
	*/test_vnode*)
		echo "# $(basename "$program") stays out: it tests the drivers, which need a whole Debian, not BPF"
		continue
		;;
	esac
	[ -x "$program" ] || die "$program is not built: make check-kernel builds it"
	programs+=("$program")
done
want=${#programs[@]}
[ "$want" -gt 0 ] || die "there is no tests/prog/test_*.c"

mkdir -p "$work"
work=$(realpath "$work") kernel=$work/debian
run=$(mktemp -d "$work/run.XXXXXX")
bash tests/kernel/fetch.sh "$kernel"
bash tests/kernel/initramfs.sh "$kernel" "$run/initramfs" "${programs[@]}"
boot
report &
reporter=$!
stopped=0 verdict=0
wait "$qemu" || stopped=$?
wait "$reporter" || verdict=$?
qemu=
mv -f "$run/kernel.log" "$run/tests.log" "$work/"
if [ "$verdict" -ne 0 ]; then
	echo "# QEMU ended with status $stopped; the kernel's last words ($work/kernel.log), and QEMU's:" >&2
	tail -q -n 15 "$work/kernel.log" "$run/qemu.log" >&2 || true
fi
exit "$verdict"
