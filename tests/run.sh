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
scratch=$(mktemp -d)
log=$scratch/log machine_log=$scratch/machine
touch "$log" "$machine_log"
machine= # the kernel suite, where it was begun ahead
image= # dom0's, where it is made ahead

clean_up() {
	local running
	running=$(jobs -pr)
	# shellcheck disable=SC2086
	[ -z "$running" ] || { kill $running; wait $running; } 2>/dev/null
	rm -rf "$scratch"
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

# The same, and the output itself where there is something to see.
show() {
	[ "$2" -eq 0 ] && [ -z "${V:-}" ] && ! grep -q '^\[  SKIPPED' "$log" || cat "$log"
	add "$1" "$2"
}

# run_quiet PROGRAM …: as many at a time as there are CPUs; what they say comes in their order.
run_quiet() {
	local folder=$scratch/said program name status
	mkdir "$folder"
	printf '%s\n' "$@" | xargs -P"$(nproc)" -I{} bash -c '
		program=("$1") said=$2/$(basename "$1" .py)
		[ "${1%.py}" = "$1" ] || program=(/usr/bin/python3 "$1")
		"${program[@]}" >"$said" 2>&1
		echo $? >"$said.status"' run {} "$folder"
	for program; do
		name=$(basename "$program" .py)
		cp "$folder/$name" "$log"
		status=$(cat "$folder/$name.status") || status=255
		show "$name" "$status"
	done
	rm -r "$folder"
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
	run_quiet "${binaries[@]}" tests/unit/test_*.py
}

suite_prog() {
	need_root "TEST_RUN" || return
	mount_bpffs
	build prog || return
	run_quiet "${binaries[@]}"
}

suite_e2e() {
	need_root "an end-to-end test" || return
	mount_bpffs
	make_targets all tools || return
	run_shown e2e /usr/bin/python3 tests/e2e/run.py
}

# begin_kernel [COMMAND …]: its machine, run by COMMAND. What it prints comes in its turn.
begin_kernel() {
	build prog || return
	"$@" bash tests/kernel/run.sh >"$machine_log" 2>&1 &
	machine=$!
}

suite_kernel() {
	local status=0
	[ -n "$machine" ] || begin_kernel || return
	tail -n +1 -s 0.5 -f --pid="$machine" "$machine_log"
	wait "$machine" || status=$?
	machine=
	cp "$machine_log" "$log"
	add kernel "$status"
}

# The first time it takes minutes. What goes wrong with it check-xen finds again, and says.
begin_image() {
	mkdir -p "$B/xen"
	chrt --idle 0 bash tests/xen/image.sh "$(realpath "$B/xen")" >/dev/null 2>&1 &
	image=$!
}

suite_xen() {
	[ -z "$image" ] || wait "$image"
	need_root "Xen's dom0" && make_targets all tools || return
	run_shown xen env LIMIT="${LIMIT:-900}" bash tests/xen/run.sh
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
[ "$suites" = "${suites% *}" ] || begin_image
for suite in $suites; do
	# In the time that the others leave.
	[ "$suite" != prog ] || [ "$suites" = prog ] || begin_kernel env LIMIT=2400 TEST_LIMIT=800 chrt --idle 0
	run_suite "$suite"
done
echo
[ $skipped -eq 0 ] && more="" || more=", $skipped skipped"
echo "$passed passed, $failed failed$more"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
