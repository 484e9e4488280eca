#!/usr/bin/env bash
# Counts with callgrind what the engine executes for a request, at the loads of build/bench/engine: in our own code, and
# in libraries. More than 5 % over what stands in tests/bench/instructions is a failure.
# tests/bench/instructions.sh BUILD
#
# The same binary takes the same steps each time: nothing is drawn, no clock is read, and the libraries are kept from
# choosing by the processor. Other compilers make other code, so that figures are those of the one that stands there.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

build=$1
figures=tests/bench/instructions
requests=6400 warm_up=6400 percent=5
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export OPENSSL_ia32cap=0:0
export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX,-AVX512F,-AVX512VL,-BMI1,-BMI2,-ERMS,-FSRM,-MOVBE,-SSE4_1,-SSE4_2,-SSSE3

compiler="$("${CC:-gcc}" --version | head -1 | sed -E 's/ .*//')-$("${CC:-gcc}" -dumpversion)"
known=$(sed -nE 's/^compiler (.*)$/\1/p' "$figures")

count() {
    valgrind --tool=callgrind --callgrind-out-file="$work/$1" --toggle-collect=counted_run \
        "$build/bench/engine" "$1" $requests $warm_up >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        return 1
    }
    awk -v n=$requests '
        /^c?ob=/ {
            id = substr($1, index($1, "="))
            if (NF > 1) is_ours[id] = $2 ~ /bench\/engine$/
            if (/^ob=/) ours = is_ours[id] + 0
        }
        /^calls=/ { inclusive = 1; next }
        /^[0-9+*-]/ {
            if (!inclusive) sum[ours] += $2
            inclusive = 0
        }
        END { printf "%d %d\n", sum[1] / n, sum[0] / n }' "$work/$1"
}

# The functions that take most, with the instructions of one request.
print_top() {
    callgrind_annotate --auto=no --show-percs=no "$work/$1" 2>/dev/null |
        sed -nE 's/^ *([0-9,]+) +[^ ]*:([^ ]+).*/\1 \2/p' | tr -d , |
        awk -v n=$requests '{sum[$2] += $1} END {for (f in sum) printf "%10.0f  %s\n", sum[f] / n, f}' |
        sort -rn | head -12
}

judge() {
    local what=$1 now=$2 before=$3
    if [ $((now * 100)) -gt $((before * (100 + percent))) ]; then
        echo "FAILED: $now instructions a request $what, $before before: more than $percent % over it"
        failed=$((failed + 1))
        return
    fi
    passed=$((passed + 1))
    echo "$now instructions a request $what, $before before"
    [ $((now * 100)) -ge $((before * (100 - percent))) ] || echo "fewer: write that into $figures"
}

while read -r load ours libraries; do
    [ "$load" = compiler ] && continue
    echo "--- $load"
    if ! read -r ours_now libraries_now < <(count "$load"); then
        failed=$((failed + 1))
        continue
    fi
    print_top "$load"
    if [ "$compiler" = "$known" ]; then
        judge 'in our own code' "$ours_now" "$ours"
        judge 'in libraries' "$libraries_now" "$libraries"
    else
        echo "skipped: $ours_now and $libraries_now instructions by $compiler; what is in $figures is by $known"
        skipped=$((skipped + 1))
    fi
done <"$figures"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
