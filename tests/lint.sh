#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# What can be said about the sources without running them: who includes whom (DESIGN section 8),
# formatting, one list of everything, licences, help against manual. TAP, a line a rule.
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."
n=0 bad=0

# rule TEXT OFFENDERS: fails when there are any.
rule() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
		return
	fi
	bad=1
	echo "not ok $n - $1"
	sed 's/^/#   /' <<<"$2" | head -40
}

files() {
	git ls-files -- "$@" | while read -r f; do [ ! -e "$f" ] || echo "$f"; done
}

# includes PATTERN FILES…: "file: header" for every #include that matches the extended expression.
includes() {
	local pattern=$1
	shift
	[ $# -eq 0 ] || grep -HEo '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' "$@" |
		sed -E 's/#[[:space:]]*include[[:space:]]*[<"]//; s/:[[:space:]]*/: /' |
		grep -E ": ($pattern)" || true
}

# The same, but for every #include that does not match.
includes_but() {
	local pattern=$1
	shift
	[ $# -eq 0 ] || includes '.*' "$@" | grep -vE ": ($pattern)\$" || true
}

mapfile -t map_types < <(files 'maps/*.h' | grep -v '\.bpf\.h$')
mapfile -t map_defs < <(files 'maps/*.bpf.h')
mapfile -t bpf_lib < <(files 'bpf/lib/*.h')
mapfile -t loader < <(files 'loader/*.c' 'loader/*.h')
mapfile -t agent < <(files 'agent/*.c' 'agent/*.h')
mapfile -t net < <(files 'agent/net/*.c' 'agent/net/*.h')
mapfile -t sources < <(files '*.c' '*.h')

rule "maps/*.h include linux/types.h and each other, nothing else" \
	"$(includes_but '(linux/types|[a-z]+)\.h' "${map_types[@]}")"
rule "maps/*.bpf.h include maps/ alone" \
	"$(includes_but '[a-z]+(\.bpf)?\.h' "${map_defs[@]}")"
rule "bpf/lib includes maps/, vendor-headers, linux/ and libbpf's BPF side" \
	"$(includes_but '(maps/[a-z]+(\.bpf)?|bpf/lib/[a-z_]+|[a-z_]+|linux/[a-z0-9_/]+|vendor-headers/.*|bpf/bpf_(helpers|endian|core_read))\.h' "${bpf_lib[@]}")"
rule "the loader knows nothing of the agent" "$(includes 'agent/' "${loader[@]}")"
rule "the agent never includes libbpf or libxdp" "$(includes '(bpf|xdp)/' "${agent[@]}")"
rule "only svnet-xl includes libxl" \
	"$(includes '(libxl|xen)' "${agent[@]}" | grep -vE '^agent/xl/|^agent/vnode/xen[a-z_]*\.c: xen\.h$' || true)"
rule "svnet-xl knows nothing of the agent" \
	"$(includes 'agent/' $(files 'agent/xl/*.[ch]') || true)"
rule "only the etcd store includes libcurl" \
	"$(includes 'curl/' "${agent[@]}" | grep -v '^agent/store/etcd' || true)"
rule "the agent includes of the loader only its public headers" \
	"$(includes 'loader/' "${agent[@]}" | grep -vE ': loader/(plane|tap|err|cleanup)\.h' || true)"
# net/ is pure: neither the system's headers nor the libraries that reach it.
rule "agent/net includes nothing that can reach the system" \
	"$(includes_but '(arpa/inet|cjson/cJSON|ctype|errno|stdarg|stdbool|stddef|stdint|stdio|stdlib|string|loader/(plane|err|cleanup)|maps/[a-z]+|agent/vnode/vnode|[a-z_]+)\.h' "${net[@]}")"
rule "agent/net makes no system call and reads no clock" \
	"$(grep -nE '\b(open|fopen|read|write|socket|ioctl|time|clock_gettime|gettimeofday|getenv|system|popen|fork|rand|random)\(' "${net[@]}" || true)"

rule "every C source says its licence in its first line" "$(for f in "${sources[@]}"; do
	head -1 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f"
done)"
rule "bpf/ is GPL-2.0-only" "$(files 'bpf/*.c' 'bpf/*.h' | while read -r f; do
	head -1 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || echo "$f"
done)"
rule "every C source is formatted" "$(for f in "${sources[@]}"; do
	git show ":$f" 2>/dev/null | clang-format --assume-filename="$f" | cmp -s - <(git show ":$f") || echo "$f"
done)"
rule "no file names a folder of the machine it was written on" \
	"$(files | xargs grep -nIE '(^|[[:space:]"=:(])/(work|home|root)/[a-z]' -- 2>/dev/null | grep -v '^tests/lint.sh:' || true)"

# One list of reasons: no counter is named outside it.
rule "every reason of maps/reason.h is counted somewhere" "$(
	sed -nE 's/^\s*X\(([A-Z_]+), *[A-Z]+, *"([a-z-]+)".*/\1 \2/p' maps/reason.h | while read -r id name; do
		grep -rqE "(SV_(REASON|SCOUNT|DEV)_$id|\b(REASON|SCOUNT|DEV|SV_[A-Z]+)\($id\b)" bpf loader --include='*.[ch]' ||
			echo "$id ($name)"
	done)"
rule "no reason's name is spelt twice in the list" "$(
	for list in SV_REASONS SV_SHEDS SV_DEV_REASONS; do
		awk -v list="$list" '$0 ~ "#define " list "\\(" { on = 1 } on { print } on && !/\\$/ { exit }' maps/reason.h |
			grep -oE '"[a-z-]+"' | sort | uniq -d
	done)"
rule "every operation of a plan is carried out" "$(
	sed -nE 's/^\s*X\(([A-Z_]+), "[a-z-]+"\).*/\1/p' agent/net/host.h | while read -r op; do
		grep -rq "SV_OP_$op\b\|\[SV_OP_$op\]" agent/*.c || echo "$op"
	done)"
# Global state: only what is const, or said to be the one thing that is shared.
rule "no global variables in agent/net" "$(
	grep -nE '^(static )?(struct|int|char|bool|uint[0-9]+_t|size_t)[^(]*(=|;)' "${net[@]}" |
		grep -vE '\bconst\b|^[^:]*\.h:' || true)"

svnet=${B:-build}/svnet
if [ -x "$svnet" ]; then
	rule "every command that svnet knows is in agent/README.md" "$(
		"$svnet" --help 2>&1 | grep -oE '^ +(svnet )?[a-z]+( [a-z|]+)?' | sed -E 's/^ +(svnet )?//' | while read -r word _; do
			grep -qE "svnet [a-z|]*\b$word\b" agent/README.md || echo "$word"
		done)"
fi
echo "1..$n"
exit $bad
