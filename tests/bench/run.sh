#!/usr/bin/env bash
# Measures the service next to the bare forwarder, in turns, and prints the medians and their ratios. README.md says how
# to read them. Nothing is asserted of the speed; a wrong answer, a lost or a repeated one ends the run.
#
#   BUILD=build   where outputd, bench/loadgen and bench/forwarder are, and where bench.json goes
#   RUNS=5        rounds
#   QUICK=1       windows 1 and 200 only, 3 rounds
set -euo pipefail

cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
LOADGEN=$BUILD/bench/loadgen
SECONDS_A_RUN=1.5
FIRST_TRACKER=1000
TRACKERS=1000
HASH=a6aa75587e5c59c32d347da438505fc3

if [[ ${QUICK:-0} == 1 ]]; then
    windows=(1 200)
    rounds=${RUNS:-3}
else
    windows=(1 10 200)
    rounds=${RUNS:-5}
fi
brokers=(tuned default)
servers=(forwarder service)

pids=()
declare -A port broker_pid server_pid
mkdir -p "$BUILD"
dir=$(mktemp -d "$BUILD/bench.XXXXXX") # beside the programs, not on a /tmp that may be memory: the journal is in it

show_logs() {
    for log in "$dir"/*.log; do
        [[ -s $log ]] || continue
        echo "--- ${log##*/}"
        tail -n 20 "$log"
    done
}

clean_up() {
    local status=$?
    trap - EXIT
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true # nothing of theirs is kept
    done
    { wait; } 2>/dev/null
    if ((status == 1)); then
        show_logs >&2
    fi
    rm -rf "$dir"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "bench: $*" >&2
    exit 1
}

is_listening() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range that the kernel gives out to clients.
free_port() {
    local candidate
    while :; do
        candidate=$((20000 + RANDOM % 10000))
        is_listening "$candidate" || break
    done
    echo "$candidate"
}

broker_settings() { # kind
    echo "allow_anonymous true"
    if [[ $1 == tuned ]]; then
        echo "set_tcp_nodelay true"
        echo "max_inflight_messages 1000"
        echo "max_queued_messages 0"
    fi
}

start_broker() { # kind server
    local name=$1-$2
    local deadline=$((SECONDS + 10))

    port[$name]=$(free_port)
    {
        echo "listener ${port[$name]} 127.0.0.1"
        echo "user root"
        broker_settings "$1"
    } >"$dir/$name-broker.conf"
    mosquitto -c "$dir/$name-broker.conf" >"$dir/$name-broker.out" 2>&1 &
    broker_pid[$name]=$!
    pids+=($!)
    until is_listening "${port[$name]}"; do
        kill -0 "${broker_pid[$name]}" 2>/dev/null ||
            fail "mosquitto ($name) did not start: $(tail -n 1 "$dir/$name-broker.out")"
        ((SECONDS < deadline)) || fail "mosquitto ($name) does not listen"
        sleep 0.05
    done
}

write_registry() {
    local digest
    digest=$(printf %s "$HASH" | sha256sum | cut -d ' ' -f 1)
    echo "users = ( { id = 1; } );"
    echo "sessions = ( { hash_sha256 = \"$digest\"; user_id = 1; master = true; } );"
    echo "trackers = ("
    seq "$FIRST_TRACKER" $((FIRST_TRACKER + TRACKERS - 1)) |
        sed 's/.*/  { id = &; user_id = 1; model = "generic_json"; device_id = "&"; outputs = 3; }/; $!s/$/,/'
    echo ");"
}

write_config() { # name folder
    mkdir -p "$2/profiles" "$2/journal"
    write_registry >"$2/registry.cfg"
    cat >"$2/outputd.cfg" <<CONFIG
instance = "bench-$1";
broker: { url = "mqtt://127.0.0.1:${port[$1]}"; };
registry: { source = "file"; path = "registry.cfg"; };
profiles: { path = "profiles"; };
limits: { user_rate = 0.0; };
journal: { path = "journal"; };
http: { listen = ""; };
CONFIG
}

start_server() { # kind server
    local name=$1-$2

    if [[ $2 == forwarder ]]; then
        "$BUILD/bench/forwarder" "mqtt://127.0.0.1:${port[$name]}" >"$dir/$name.log" 2>&1 &
    else
        write_config "$name" "$dir/$name"
        "$BUILD/outputd" -c "$dir/$name/outputd.cfg" >"$dir/$name.log" 2>&1 &
    fi
    server_pid[$name]=$!
    pids+=($!)
    load "$name" --wait-ready 2>"$dir/$name-ready.log" || fail "$name is not ready"
}

load() { # name options...
    local name=$1
    shift
    "$LOADGEN" --broker "127.0.0.1:${port[$name]}" --first "$FIRST_TRACKER" --trackers "$TRACKERS" "$@"
}

# One run; its line of JSON, with what was run, goes to runs.jsonl.
measure() { # kind server window round
    local name=$1-$2
    local line

    line=$(load "$name" --no-presence --window "$3" --warmup $((10 * $3)) --seconds "$SECONDS_A_RUN" \
        --server-pid "${server_pid[$name]}" --broker-pid "${broker_pid[$name]}")
    jq -e '.errors == 0 and .duplicates == 0 and .commands == .requests' <<<"$line" >/dev/null ||
        fail "$name, window $3: wrong answers: $line"
    jq -c --arg broker "$1" --arg server "$2" --argjson window "$3" --argjson round "$4" \
        '{broker: $broker, window: $window, server: $server, round: $round} + .' <<<"$line" >>"$dir/runs.jsonl"
}

measure_all() {
    local round kind window server
    for ((round = 1; round <= rounds; round++)); do
        echo "round $round of $rounds" >&2
        for kind in "${brokers[@]}"; do
            for window in "${windows[@]}"; do
                for server in "${servers[@]}"; do
                    measure "$kind" "$server" "$window" "$round"
                done
            done
        done
    done
}

# A ratio is the median of the rounds' ratios: the two runs of a round stand next to each other, so that what else
# happens on the machine meets both.
write_json() {
    jq -s --arg at "$(date -u +%Y-%m-%dT%H:%M:%SZ)" --argjson cpus "$(nproc)" '
        def median: sort | (.[(length - 1) / 2 | floor] + .[length / 2 | floor]) / 2;
        def figures: ["p50_us", "p90_us", "p99_us", "rate_per_s", "server_cpu_us_per_request",
                      "broker_cpu_us_per_request", "loadgen_cpu_us_per_request"];
        def medians: . as $runs | reduce figures[] as $f ({}; .[$f] = ([$runs[][$f]] | median));
        def of($server): map(select(.server == $server)) | sort_by(.round);
        def ratios: [of("service"), of("forwarder")] | transpose
            | map(. as [$s, $f] | reduce figures[] as $g ({}; .[$g] = $s[$g] / $f[$g])) | medians;
        {
            at: $at,
            cpus: $cpus,
            medians: [group_by([.broker == "default", .window])[]
                | {broker: .[0].broker, window: .[0].window, forwarder: (of("forwarder") | medians),
                   service: (of("service") | medians), service_to_forwarder: ratios}],
            runs: .
        }' "$dir/runs.jsonl" >"$BUILD/bench.json"
}

print_table() {
    local format='%-8s %6s  %-9s %9s %9s %11s %11s %11s %11s\n'
    # shellcheck disable=SC2059
    printf "$format" broker window "" "p50, us" "p99, us" requests/s "its CPU" "broker CPU" "load CPU"
    jq -r '
        def columns: [.p50_us, .p99_us, .rate_per_s, .server_cpu_us_per_request, .broker_cpu_us_per_request,
                      .loadgen_cpu_us_per_request];
        def whole: map(. + 0.5 | floor);
        def hundredths: map(. * 100 + 0.5 | floor / 100);
        .medians[]
        | [.broker, .window, "forwarder"] + (.forwarder | columns | whole),
          [.broker, .window, "service"] + (.service | columns | whole),
          [.broker, .window, "ratio"] + (.service_to_forwarder | columns | hundredths)
        | @tsv' "$BUILD/bench.json" |
        while IFS=$'\t' read -r -a row; do
            # shellcheck disable=SC2059
            printf "$format" "${row[@]}"
        done
}

for program in "$LOADGEN" "$BUILD/bench/forwarder" "$BUILD/outputd"; do
    [[ -x $program ]] || fail "$program is not built"
done
for kind in "${brokers[@]}"; do
    for server in "${servers[@]}"; do
        start_broker "$kind" "$server"
        start_server "$kind" "$server"
    done
done
measure_all
write_json
print_table
