#!/usr/bin/env bash
# A large registry in a PostgreSQL of its own: how long it takes to be read, how long a change takes from its COMMIT to
# the first request that is answered by it, and what it costs. TRACKERS=1000000
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
trackers=${TRACKERS:-1000000}
work=$(mktemp -d /tmp/bench-postgres-XXXXXX)
programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort | tail -1)
as_owner=()
pids=()

finish() {
    local pid
    for pid in "${pids[@]}"; do
        kill -INT "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap finish EXIT

# The server refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    chown postgres "$work"
    chmod 755 "$work" # root that has given up its powers is one of the others
    as_owner=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi

free_port() {
    local port
    for port in $(shuf -i 10000-30000 -n 50); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    return 1
}

sql() {
    psql -h "$work" -p "$database_port" -U postgres -d postgres -qAt -v ON_ERROR_STOP=1 "$@"
}

# Seconds with which a command is tried again until it succeeds.
until_it_works() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "not in time: $*" >&2; return 1; }
        sleep 0.1
    done
}

now_ms() {
    date +%s%3N
}

database_port=$(free_port)
"${as_owner[@]}" "$programs/initdb" -D "$work/data" -A trust -U postgres -E UTF8 --locale=C --no-sync >/dev/null
setpriv --pdeathsig QUIT "${as_owner[@]}" "$programs/postgres" -D "$work/data" -k "$work" -p "$database_port" \
    -c listen_addresses=127.0.0.1 -c fsync=off -c max_wal_size=2GB >"$work/postgres.log" 2>&1 &
pids+=($!)
until_it_works 60 sql -c 'SELECT 1'
sql <conf/schema.sql
sql <conf/demo.sql
sql -c "INSERT INTO trackers (id, user_id, model, device_id, outputs)
        SELECT g, 1, 'generic_json', '356307' || lpad(g::text, 9, '0'), 3 FROM generate_series(1000001, 1000000 + $trackers) AS g"
sql -c 'VACUUM ANALYZE'

broker_port=$(free_port)
setpriv --pdeathsig KILL mosquitto -p "$broker_port" >"$work/mosquitto.log" 2>&1 &
pids+=($!)
http_port=$(free_port)
mkdir "$work/service"
cat >"$work/service/outputd.cfg" <<END
broker: { url = "mqtt://127.0.0.1:$broker_port"; };
registry: { source = "postgres"; conninfo = "host=127.0.0.1 port=$database_port dbname=postgres user=outputd"; };
profiles: { path = "$PWD/conf/profiles"; };
journal: { path = "journal"; size_mb = 64; };
limits: { user_rate = 0.0; };
http: { listen = "127.0.0.1:$http_port"; api = true; };
log: { level = "debug"; };
END
setpriv --pdeathsig KILL "$build/outputd" -c "$work/service/outputd.cfg" 2>"$work/log" &
service=$!
pids+=("$service")
until_it_works 120 curl -fs "http://127.0.0.1:$http_port/readyz"

# Of the log's last line with this event: the figure behind this name.
logged() {
    grep -F " $1 " "$work/log" | tail -1 | sed -E "s/.* $2=([0-9]+).*/\1/"
}

memory_mb() {
    awk -v name="$1:" '$1 == name { print int($2 / 1024) }' "/proc/$service/status"
}

code_of() {
    curl -s "http://127.0.0.1:$http_port/tracker/output/set?hash=a6aa75587e5c59c32d347da438505fc3&tracker_id=$1&output=1&enable=true" |
        sed -E 's/.*"code": ([0-9]+).*/\1/'
}

# Since the last stats; the first minute has the connection to the broker in it.
turn_longest_ms() {
    kill -USR1 "$service"
    sleep 0.2
    grep -oE 'turn_longest_us=[0-9]+' "$work/log" | tail -1 | awk -F= '{ printf "%.1f", $2 / 1000 }'
}

echo "trackers                          $trackers"
echo "read whole, ms                    $(logged 'registry read' took_ms)"
echo "resident, MB                      $(memory_mb VmRSS)"
sleep 6 # the next stats

cpu_ms() {
    awk -v hz="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / hz) }' "/proc/$service/stat"
}

took=()
cpu=$(cpu_ms)
for i in $(seq 1 20); do
    id=$((1000000 + i * 17 % trackers + 1))
    sql -c "UPDATE trackers SET blocked = true WHERE id = $id"
    began=$(now_ms)
    until [ "$(code_of $id)" = 208 ]; do :; done
    took+=($(($(now_ms) - began)))
    sleep 0.$((i % 7))
done
mapfile -t took < <(printf '%s\n' "${took[@]}" | sort -n)
echo "a change in service, ms           median ${took[10]}, longest ${took[19]}"
echo "… of the service's CPU, ms         $((($(cpu_ms) - cpu) / 20))"
echo "… of these to read it             $(logged 'registry changed' took_ms)"
sql -c "UPDATE trackers SET blocked = true WHERE id <= 1009000"
until_it_works 30 grep -E 'registry changed .* changed=[0-9]{4}' "$work/log"
echo "9000 changes in one, to read them $(logged 'registry changed' took_ms)"
echo "longest turn of the loop, ms      $(turn_longest_ms)"
echo "resident, MB, at the most         $(memory_mb VmHWM)"
