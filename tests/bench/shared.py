#!/usr/bin/env python3
"""Measures instances that share their state in Redis next to one that keeps it itself: throughput and CPU of each part
with one, two and four of them, what a request costs at a million trackers, what an instance and Redis take of memory, and
how many bytes a request is on the network and in Redis' log; and says what ten million trackers would need by that.
README.md says how to read it.

  BUILD=build      where the programs are, and where bench-shared.json goes
  QUICK=1          fewer windows, rounds and trackers
"""
import json
import os
import signal
import statistics
import sys
import tempfile
import time

import servers
import ten_million
from groups import PARTS, Group, spent
from load import Load, in_turns, medians
from processes import Failure, Processes
from report import number, table
from side_by_side import of

WARM_UP_REQUESTS = 2000
SCALE_WINDOW = 200
ACTIVE = 1000  # trackers that are commanded, spread over all
REST_SECONDS = 5
CPU_BUDGET = 1.6
# What stands still is seen as memory, not as an error.
PATIENT = "engine: { ack_timeout_ms = 600000; dedup_window_ms = 3600000; pending_max = 1000000; };"


class Settings:
    def __init__(self, environment):
        self.build = environment.get("BUILD", "build")
        self.quick = environment.get("QUICK") == "1"
        self.service = os.path.join(self.build, "outputd")
        self.rounds = 3 if self.quick else 9
        self.seconds = 0.7 if self.quick else 1.0
        self.windows = [200] if self.quick else [1, 10, 200, 1000]
        self.trackers = 100000 if self.quick else 1000000
        self.kept = 10000 if self.quick else 100000  # trackers whose state, and requests that, Redis is to keep


# --- a run, and what each part spent on it ---

def run(load, group, *options):
    before = group.cpu_us()
    line = load.measure(group, *options)
    cpu = spent(before, group.cpu_us())
    figures = {"rate_per_s": line["rate_per_s"], "p50_us": line["p50_us"], "p99_us": line["p99_us"]}
    figures |= {part + "_cpu_us": cpu[part] / line["requests"] for part in PARTS}
    figures["load_cpu_us"] = line["loadgen_cpu_us_per_request"]
    figures["all_cpu_us"] = sum(figures[part + "_cpu_us"] for part in [*PARTS, "load"])
    return figures | {part + "_cores": figures[part + "_cpu_us"] * line["rate_per_s"] / 1e6 for part in
                      [*PARTS, "load", "all"]}


def rounds(load, groups, settings, options, label):
    """In turns; by the name of the group."""
    runs = []
    for turn in range(settings.rounds):
        print("%s, round %d of %d" % (label, turn + 1, settings.rounds), file=sys.stderr)
        for group in in_turns(groups, turn):
            runs.append({"group": group.name, "round": turn,
                         **run(load, group, *options(group), "--seconds", settings.seconds)})
    return runs


def summarise(runs, names, base):
    """With the ratio of the instances' CPU to that of the base, round by round."""
    rows = []
    for name in names:
        mine = of(runs, group=name)
        pairs = zip(mine, of(runs, group=base))
        rows.append({"group": name, **medians(mine), "cpu_to_base": statistics.median(
            run["instances_cpu_us"] / other["instances_cpu_us"] for run, other in pairs)})
    return rows


# --- one, two, four ---

def start_groups(processes, load, settings):
    groups = [Group(processes, settings.service, "alone", shared=False)]
    groups += [Group(processes, settings.service, "shared, %d" % count, count) for count in (1, 2, 4)]
    for group in groups:
        load.wait_ready(group)
        load.measure(group, "--window", 100, "--requests", WARM_UP_REQUESTS)
    return groups


def bytes_of_requests(load, group):
    """On the network of the broker, of Redis, and in Redis' log, for one request."""
    def now():
        of_broker = group.broker_bytes()
        if not group.redis:
            return of_broker + [0, 0, 0]
        stats = group.redis.info("stats")
        return of_broker + [int(stats["total_net_input_bytes"]), int(stats["total_net_output_bytes"]),
                            group.redis.number("persistence", "aof_current_size")]

    requests = 5000
    before = now()
    load.measure(group, "--window", SCALE_WINDOW, "--requests", requests)
    names = ["broker_in", "broker_out", "redis_in", "redis_out", "redis_log"]
    return {"group": group.name, **{name: (after - at) / requests for name, after, at in zip(names, now(), before)}}


def at_rest(groups):
    """CPU of who has nothing to do, us in a second."""
    before = [group.cpu_us() for group in groups]
    time.sleep(REST_SECONDS)
    return [{"group": group.name, **{part: us / REST_SECONDS for part, us in spent(at, group.cpu_us()).items()}}
            for group, at in zip(groups, before)]


def measure_groups(processes, load, settings):
    groups = start_groups(processes, load, settings)
    names = [group.name for group in groups]
    found = {"windows": []}
    for window in settings.windows:
        runs = rounds(load, groups, settings, lambda group: ["--window", window], "window %d" % window)
        found["windows"].append({"window": window, "runs": runs, "medians": summarise(runs, names, "alone")})
    found["bytes"] = [bytes_of_requests(load, group) for group in groups]
    found["at_rest"] = at_rest(groups)
    return found


# --- many trackers ---

def present(load, group, trackers):
    """All are online: what that cost the instance and the broker for each, and what the instance is of memory then."""
    before = group.cpu_us()
    at_first_kib = group.process.memory_kib("VmRSS")
    load.wait_ready(group, "--trackers", trackers)
    cpu = spent(before, group.cpu_us())
    return {"registry_rss_kib": at_first_kib, "online_rss_kib": group.process.memory_kib("VmRSS"),
            "presence_cpu_us": cpu["instances"] / trackers, "presence_broker_cpu_us": cpu["broker"] / trackers}


def measure_scale(processes, load, settings):
    sizes = [1000, settings.trackers]
    groups = [Group(processes, settings.service, "%d trackers" % size, trackers=size) for size in sizes]
    online = [{"group": group.name, "trackers": size, **present(load, group, size)}
              for group, size in zip(groups, sizes)]
    strides = {group.name: size // ACTIVE for group, size in zip(groups, sizes)}
    for group in groups:
        load.measure(group, "--trackers", ACTIVE, "--stride", strides[group.name], "--window", 100, "--requests",
                     WARM_UP_REQUESTS)
    runs = rounds(load, groups, settings, lambda group: [
        "--trackers", ACTIVE, "--stride", strides[group.name], "--window", SCALE_WINDOW], "trackers")
    for row, group in zip(online, groups):
        row["rss_kib"] = group.process.memory_kib("VmRSS")
        row["peak_rss_kib"] = group.process.memory_kib("VmHWM")
    return {"runs": runs, "medians": summarise(runs, [group.name for group in groups], groups[0].name),
            "online": online}


# --- the memory of Redis ---

def wait_for_rest(redis):
    """Nothing is due any more: all replies are delivered, all states published."""
    deadline = time.monotonic() + 60
    while redis.ask("EVAL", "for i = 0, 255 do if redis.call('EXISTS', 'outputd:{' .. i .. '}:due') == 1 then return 1 "
                    "end end return 0", "0") != "0":
        if time.monotonic() > deadline:
            raise Failure("Redis: something is due for longer than a minute")
        time.sleep(0.2)


def forget_answers(redis):
    """As the dedup window would."""
    redis.ask("EVAL", "local at = '0' repeat local found = redis.call('SCAN', at, 'MATCH', 'outputd:*:k:*', 'COUNT', "
              "1000) at = found[1] for _, key in ipairs(found[2]) do redis.call('UNLINK', key) end until at == '0'", "0")
    time.sleep(0.5)  # it is done beside


def measure_memory(processes, load, settings):
    count = settings.kept
    group = Group(processes, settings.service, "memory", trackers=2 * count, more=PATIENT)
    used = []

    def note():
        used.append(group.redis.number("memory", "used_memory"))

    load.wait_ready(group, "--trackers", count)
    wait_for_rest(group.redis)
    note()
    load.measure(group, "--trackers", count, "--window", SCALE_WINDOW, "--requests", count)
    wait_for_rest(group.redis)
    note()
    forget_answers(group.redis)
    note()
    load.wait_ready(group, "--trackers", 1, "--hold", count)
    load.measure(group, "--trackers", 1, "--hold", count, "--window", 1, "--requests", 1)
    note()
    tracker = (used[2] - used[0]) / count
    return {"count": count, "tracker": tracker, "answer": (used[1] - used[2]) / count,
            "pending": (used[3] - used[2]) / count - tracker, "at_rest": used[0],
            "rss": group.redis.number("memory", "used_memory_rss"), "in_the_end": used[3]}


# --- what people read ---

def print_windows(windows):
    print("CPU, us for a request: of all instances together, of Redis, of the broker, of the load generator, of all.")
    print("cores: how many of them each kept busy. / alone: the instances' CPU to that of one without Redis.\n")
    parts = [*PARTS, "load", "all"]
    for row in windows:
        print("window %d" % row["window"])
        table(["", "requests/s", "p50 us", "p99 us", *parts, "/ alone", *("cores" if part == PARTS[0] else part
                                                                         for part in parts)],
              [[line["group"], "%.0f" % line["rate_per_s"], "%.0f" % line["p50_us"], "%.0f" % line["p99_us"],
                *("%.1f" % line[part + "_cpu_us"] for part in parts), "%.2f" % line["cpu_to_base"],
                *("%.2f" % line[part + "_cores"] for part in parts)] for line in row["medians"]])


def print_rest(groups):
    print("Bytes for a request: received and sent by the broker, received and sent by Redis, written to its log")
    table(["", "broker in", "out", "Redis in", "out", "log"],
          [[row["group"], *("%.0f" % row[name] for name in
                            ("broker_in", "broker_out", "redis_in", "redis_out", "redis_log"))]
           for row in groups["bytes"]])
    print("CPU of who has nothing to do, us in a second: instances, Redis, broker")
    table(["", *PARTS], [[row["group"], *("%.0f" % row[part] for part in PARTS)] for row in groups["at_rest"]])


def print_scale(scale):
    print("By the number of trackers: window %d, %d of them commanded" % (SCALE_WINDOW, ACTIVE))
    table(["", "requests/s", "instance CPU us", "ratio", "Redis", "broker"],
          [[row["group"], "%.0f" % row["rate_per_s"], "%.1f" % row["instances_cpu_us"], "%.2f" % row["cpu_to_base"],
            "%.1f" % row["redis_cpu_us"], "%.1f" % row["broker_cpu_us"]] for row in scale["medians"]])
    print("Memory of an instance, MiB; CPU of the instance and of the broker for one presence, us")
    table(["", "registry", "all online", "after load", "most", "presence us", "broker us"],
          [[row["group"], *(number(row[field], "mib") for field in
                            ("registry_rss_kib", "online_rss_kib", "rss_kib", "peak_rss_kib")),
            "%.1f" % row["presence_cpu_us"], "%.1f" % row["presence_broker_cpu_us"]] for row in scale["online"]])


def print_memory(memory):
    print("Memory of Redis, bytes (of %d each)" % memory["count"])
    table(["", "bytes"], [["a tracker with a known state", "%.0f" % memory["tracker"]],
                          ["a request that was answered, for the dedup window", "%.0f" % memory["answer"]],
                          ["a pending request", "%.0f" % memory["pending"]]])


def print_budget(results):
    """Nothing is asserted of it: it is said."""
    ratio = next(line["cpu_to_base"] for row in results["groups"]["windows"] if row["window"] == 200
                 for line in row["medians"] if line["group"] == "shared, 1")
    print("BUDGET")
    print("CPU of an instance for a request, window 200, with Redis to without: <= %.1f, measured %.2f: %s" % (
        CPU_BUDGET, ratio, "met" if ratio <= CPU_BUDGET else "not met"))


def show(results):
    print()
    print_windows(results["groups"]["windows"])
    print_rest(results["groups"])
    print_scale(results["scale"])
    print_memory(results["memory"])
    print_budget(results)
    ten_million.show(results)


def measure(settings):
    load = Load(os.path.join(settings.build, "bench", "loadgen"))
    results = {"cpus": os.cpu_count(), "quick": settings.quick}
    # beside the programs, not on a /tmp that may be memory: journals and Redis' log are in it
    with tempfile.TemporaryDirectory(prefix="bench.", dir=settings.build) as folder:
        for name, part in (("groups", measure_groups), ("scale", measure_scale), ("memory", measure_memory)):
            with Processes(tempfile.mkdtemp(dir=folder)) as processes:
                results[name] = part(processes, load, settings)
    return results


def main():
    settings = Settings(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    servers.need(settings.service)
    try:
        results = measure(settings)
        with open(os.path.join(settings.build, "bench-shared.json"), "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
        show(results)
    except Failure as failure:
        sys.exit("bench-shared: %s" % failure)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
