#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Builds, runs test suites, counts: run.sh all | lint | unit | prog | e2e | kernel | xen. Its last line is
# "N passed, N failed", its status 0 only when something passed and nothing failed.
# B is the build folder; V=1 shows what passing programs print.
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."
export B=${B:-build}
passed=0 failed=0 skipped=0
log=$(mktemp) aside=$(mktemp -d)
declare -A machine # of a suite: its process, where it was begun ahead

clean_up() {
	[ ${#machine[@]} -eq 0 ] || { kill "${machine[@]}"; wait; } 2>/dev/null
	rm -rf "$log" "$aside"
}
trap clean_up EXIT
trap 'exit 143' TERM INT HUP

usage() {
	echo "usage: run.sh all | lint | unit | prog | e2e | kernel | xen" >&2
	exit 2
}

# Sums of one program's output: cmocka's closing lines, or TAP.
count() {
	awk '
	/^\[  PASSED  \] [0-9]+ test/ { pass += $4 }
	/^\[  FAILED  \] [0-9]+ test/ { fail += $4 }
	/^\[  SKIPPED \] [0-9]+ test/ { skip += $4 }
	/^ok .*# SKIP/ { skip++; next }
	/^ok / { pass++ }
	/^not ok / { fail++ }
	END { print pass + 0, fail + 0, skip + 0 }' "$1"
}

# $1 name, $2 status of the program whose output is in $log.
add() {
	local p f s
	read -r p f s < <(count "$log")
	# A crash, a leak, a program that says nothing: also a failure.
	if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		echo "$1: status $2"
	elif [ "$2" -eq 0 ] && [ $((p + f + s)) -eq 0 ]; then
		f=1
		echo "$1: ran no test"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	printf '  %-28s %4d passed, %d failed%s\n' "$1" "$p" "$f" "$([ "$s" -eq 0 ] || echo ", $s skipped")"
}

run_quiet() {
	local status=0
	"$@" >"$log" 2>&1 || status=$?
	[ "$status" -eq 0 ] && [ -z "${V:-}" ] && ! grep -q '^\[  SKIPPED' "$log" || cat "$log"
	add "$(basename "${!#}" .py)" "$status"
}

# For what takes minutes: its output as it comes.
run_shown() {
	local name=$1
	shift
	"$@" 2>&1 | tee "$log"
	add "$name" "${PIPESTATUS[0]}"
}

# The binaries of a folder of tests, built; sets `binaries`.
build() {
	local source
	binaries=()
	for source in "tests/$1"/test_*.c; do
		[ -e "$source" ] || continue
		source=${source%.c}
		binaries+=("$B/$source")
	done
	[ ${#binaries[@]} -eq 0 ] || make_targets "${binaries[@]}"
}

make_targets() {
	env -u MAKEFLAGS -u MAKELEVEL make -j"$(nproc)" B="$B" "$@" >"$log" 2>&1 && return 0
	cat "$log"
	echo "  the build failed: $*"
	failed=$((failed + 1))
	return 1
}

need_root() {
	[ "$(id -u)" -eq 0 ] && return 0
	echo "  $1 needs root"
	failed=$((failed + 1))
	return 1
}

mount_bpffs() {
	[ "$(stat -f -c %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] || mount -t bpf bpf /sys/fs/bpf
}

suite_lint() {
	run_quiet tests/lint.sh
}

suite_unit() {
	build unit || return
	for program in "${binaries[@]}"; do
		run_quiet "$program"
	done
	for program in tests/unit/test_*.py; do
		run_quiet /usr/bin/python3 "$program"
	done
}

suite_prog() {
	need_root "TEST_RUN" || return
	mount_bpffs
	build prog || return
	for program in "${binaries[@]}"; do
		run_quiet "$program"
	done
}

suite_e2e() {
	need_root "an end-to-end test" || return
	mount_bpffs
	make_targets all tools || return
	[ ! -e tests/e2e/run.py ] || run_shown e2e /usr/bin/python3 tests/e2e/run.py
}

suite_kernel() {
	run_machine kernel
}

suite_xen() {
	run_machine xen
}

run_machine() {
	local status=0
	[ -n "${machine[$1]:-}" ] || begin_machine "$1" || return
	tail -n +1 -s 0.5 -f --pid="${machine[$1]}" "$aside/$1"
	wait "${machine[$1]}" || status=$?
	unset "machine[$1]"
	cp "$aside/$1" "$log"
	add "$1" "$status"
}

# begin_machine SUITE [PID [COMMAND …]]: its emulated machine, once PID has ended, run by COMMAND. What it prints
# comes in its turn.
begin_machine() {
	local suite=$1 after=${2:-}
	shift $(($# < 2 ? $# : 2))
	case $suite in
	kernel) build prog || return ;;
	xen) need_root "Xen's dom0" && make_targets all tools || return ;;
	esac
	(
		[ -z "$after" ] || tail -f /dev/null --pid="$after"
		exec "$@" bash "tests/$suite/run.sh"
	) >"$aside/$suite" 2>&1 &
	machine[$suite]=$!
}

# One after the other, in the time that other suites leave: these wait more than they compute.
begin_machines() {
	export LIMIT=1200
	begin_machine kernel "" chrt --idle 0 && begin_machine xen "${machine[kernel]}" chrt --idle 0
}

run_suite() {
	local start=$SECONDS before=$((passed + failed + skipped))
	printf '\n== %s\n' "$1"
	"suite_$1"
	[ $((passed + failed + skipped)) -gt $before ] || echo "  nothing to run"
	printf '== %s: %d s\n' "$1" $((SECONDS - start))
}

case ${1:-} in
all) suites="lint unit prog e2e kernel xen" ;;
lint | unit | prog | e2e | kernel | xen) suites=$1 ;;
*) usage ;;
esac
for suite in $suites; do
	[ "$suite" != prog ] || [ "$suites" = prog ] || begin_machines
	run_suite "$suite"
done
echo
[ $skipped -eq 0 ] && more="" || more=", $skipped skipped"
echo "$passed passed, $failed failed$more"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
