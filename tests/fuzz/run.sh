#!/usr/bin/env bash
# Fuzzes every framer and the patterns behind it, FUZZ_SECONDS each (default 60), as many at a time as there are
# processors, and says how many inputs each has stood. FUZZ_ONLY='gt06 jt808' runs these. What was found is kept in
# BUILD/findings. One line per target, then "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

build=$1
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}
# One profile for each framer, then one for each way without: delimiters, lines, objects, whole messages.
first() {
    basename "$(head -1)" .cfg
}
targets=()
for framer in $(sed -nE 's/^framer = "(.*)";.*/\1/p' conf/profiles/*.cfg | sort -u); do
    targets+=("$(grep -lE "^framer = \"$framer\";" conf/profiles/*.cfg | first)")
done
for framing in delimiter lines json; do
    targets+=("$(grep -lE "^ *framing = \"$framing\";" conf/profiles/*.cfg | first)")
done
targets+=("$(grep -LE '^ *(framing|framer) = ' conf/profiles/*.cfg | xargs grep -lE 'success = \["' | first)")
[ -z "${FUZZ_ONLY:-}" ] || read -ra targets <<<"$FUZZ_ONLY"
mkdir -p "$build/findings"

fuzz() {
    local name=$1 corpus=$build/corpus/$1 log=$build/$1.log
    mkdir -p "$corpus"
    "$build/seeds" "conf/profiles/$name.cfg" "$corpus"
    FUZZ_PROFILE=conf/profiles/$name.cfg "$build/acks" -seed=1 -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$build/findings/$name-" "$corpus" >"$log" 2>&1
    local status=$? runs
    runs=$(sed -nE 's/^stat::number_of_executed_units: +([0-9]+)/\1/p' "$log" | tail -1)
    printf '%-16s %12s inputs in %s s: %s\n' "$name" "${runs:-?}" "$seconds" \
        "$([ $status = 0 ] && echo 'nothing found' || echo "FAILED, see $log and $build/findings")"
    return $status
}
export -f fuzz
export build seconds

printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'fuzz {}' | tee "$build/summary"
failed=$(grep -c FAILED "$build/summary")
passed=$(grep -c 'nothing found' "$build/summary")
# A target that did not even start has no line of its own.
failed=$((failed + ${#targets[@]} - passed - failed))
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
