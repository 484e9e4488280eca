#!/usr/bin/env bash
# Fuzzes everything that reads bytes from outside, FUZZ_SECONDS each (default 60), as many at a time as there are
# processors, and says how many inputs each has stood. FUZZ_ONLY='gt06 request' runs these. What was found is kept in
# BUILD/findings. One line per target, then "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

build=$(realpath "$1")
seconds=${FUZZ_SECONDS:-60}
jobs=${FUZZ_JOBS:-$(nproc)}
# Requests, acks, presence and the journal's records through the engine; the journal itself; the files that people write.
targets=(request ack presence record journal config registry profile)
# What devices send: one profile for each framer, then one for each way without: delimiters, lines, objects, whole
# messages.
first() {
    basename "$(head -1)" .cfg
}
for framer in $(sed -nE 's/^framer = "(.*)";.*/\1/p' conf/profiles/*.cfg | sort -u); do
    targets+=("$(grep -lE "^framer = \"$framer\";" conf/profiles/*.cfg | first)")
done
for framing in delimiter lines json; do
    targets+=("$(grep -lE "^ *framing = \"$framing\";" conf/profiles/*.cfg | first)")
done
targets+=("$(grep -LE '^ *(framing|framer) = ' conf/profiles/*.cfg | xargs grep -lE 'success = \["' | first)")
[ -z "${FUZZ_ONLY:-}" ] || read -ra targets <<<"$FUZZ_ONLY"
mkdir -p "$build/findings"

# Sets command, with its own options, and the folders of its inputs: the first one takes what is new. A scene in a few
# steps says as much as one in many, and is played faster.
prepare() {
    local name=$1
    inputs=("$build/corpus/$name")
    mkdir -p "${inputs[0]}" "$build/files/$name"
    if [ ! -f "tests/fuzz/$name.dict" ]; then
        "$build/seeds" "conf/profiles/$name.cfg" "${inputs[0]}"
        command=("$build/acks" -max_len=4096)
        return
    fi
    command=("$build/$name" "-dict=tests/fuzz/$name.dict" -len_control=10 -max_len=8192)
    inputs+=("$PWD/tests/fuzz/corpus/$name")
    case $name in
    request | ack | presence | record | journal) command+=(-max_len=1024) ;;
    config) cp conf/outputd.cfg "${inputs[0]}" ;;
    registry) cp conf/registry.cfg "${inputs[0]}" ;;
    profile) inputs+=("$PWD/conf/profiles") ;;
    esac
}

fuzz() {
    local name=$1 log=$build/$1.log command inputs
    prepare "$name"
    FUZZ_PROFILE=conf/profiles/$name.cfg FUZZ_FOLDER=$build/files/$name "${command[@]}" -seed=1 \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$build/findings/$name-" "${inputs[@]}" >"$log" 2>&1 </dev/null
    local status=$? runs
    runs=$(sed -nE 's/^stat::number_of_executed_units: +([0-9]+)/\1/p' "$log" | tail -1)
    printf '%-16s %12s inputs in %s s: %s\n' "$name" "${runs:-?}" "$seconds" \
        "$([ $status = 0 ] && echo 'nothing found' || echo "FAILED, see $log and $build/findings")"
    return $status
}
export -f prepare fuzz
export build seconds

printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'fuzz {}' | tee "$build/summary"
failed=$(grep -c FAILED "$build/summary")
passed=$(grep -c 'nothing found' "$build/summary")
# A target that did not even start has no line of its own.
failed=$((failed + ${#targets[@]} - passed - failed))
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
