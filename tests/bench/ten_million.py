#!/usr/bin/env python3
"""What a platform of ten million trackers needs, by arithmetic from what bench-shared has measured; each step is printed.
The assumptions are these constants; README.md says what they mean, and what cannot be concluded.

  ten_million.py build/bench-shared.json
"""
import json
import math
import sys

TRACKERS = 10000000
SWITCHED_A_DAY = 10
PRESENCE_A_DAY = 10  # five times off, five times on
BUSIEST_TO_MEAN = 5
HALF_FULL = 0.5  # no processor is to be more than that
CELLS = 4
INSTANCES = 2  # in a cell
DEDUP_S = 60
DEADLINE_S = 10
LEASE_S = 5
# From elsewhere: tests/bench/README.md, conf/outputd.cfg, make bench-postgres.
STATE_INDEX_BYTES = 25
JOURNAL_STATE_BYTES, JOURNAL_REQUEST_BYTES, JOURNAL_ANSWER_BYTES = 48, 400, 56
DATABASE_S_A_MILLION = 3.0


def line(what, steps, result):
    print("%-11s%-46s = %s" % (what, steps, result))


def per_second(a_day):
    return TRACKERS * a_day / 86400 * BUSIEST_TO_MEAN


class Costs:
    """Of one request or one presence, as measured."""

    def __init__(self, results):
        rows = {row["window"]: row["medians"] for row in results["groups"]["windows"]}
        full = next(row for row in rows[max(rows)] if row["group"] == "shared, 1")
        small, large = results["scale"]["online"]
        trackers = large["trackers"] - small["trackers"]
        self.instance_us = full["instances_cpu_us"]
        self.redis_us = full["redis_cpu_us"]
        self.broker_us = full["broker_cpu_us"]
        self.presence_us = large["presence_cpu_us"]
        self.presence_broker_us = large["presence_broker_cpu_us"]
        rest = {row["group"]: row for row in results["groups"]["at_rest"]}
        self.sweep_cores = rest["shared, 4"]["redis"] / 4 / 1e6
        self.registry_bytes = (large["registry_rss_kib"] - small["registry_rss_kib"]) * 1024 / trackers
        self.presence_bytes = (large["online_rss_kib"] - large["registry_rss_kib"]) * 1024 / large["trackers"]
        self.bytes = next(row for row in results["groups"]["bytes"] if row["group"] == "shared, 1")
        self.memory = results["memory"]


def print_rates(requests, presence):
    line("requests", "{:,} x {} / 86,400 s x {}".format(TRACKERS, SWITCHED_A_DAY, BUSIEST_TO_MEAN),
         "{:,.0f} a second".format(requests))
    line("presence", "{:,} x {} / 86,400 s x {}".format(TRACKERS, PRESENCE_A_DAY, BUSIEST_TO_MEAN),
         "{:,.0f} a second".format(presence))
    print()


def print_processors(costs, requests, presence):
    """How many of each, if there were one of each."""
    of_requests, of_presence = requests * costs.broker_us / 1e6, presence * costs.presence_broker_us / 1e6
    broker = of_requests + of_presence
    line("broker", "{:,.0f} x {:.0f} us + {:,.0f} x {:.0f} us".format(
        requests, costs.broker_us, presence, costs.presence_broker_us), "{:.2f} + {:.2f} = {:.2f} cores".format(
            of_requests, of_presence, broker))
    for name, cost in (("Redis", costs.redis_us), ("instances", costs.instance_us)):
        line(name, "{:,.0f} x {:.0f} us".format(requests, cost), "{:.2f} cores".format(requests * cost / 1e6))
    line("… presence", "{:,.0f} x {:.1f} us".format(presence, costs.presence_us),
         "{:.2f} cores in each instance, for all hear all".format(presence * costs.presence_us / 1e6))
    for name, cores in (("brokers", broker), ("Redis", requests * costs.redis_us / 1e6),
                        ("instances", requests * costs.instance_us / 1e6)):
        line(name, "{:.2f} / {}".format(cores, HALF_FULL), "{:.1f}: {}".format(
            cores / HALF_FULL, math.ceil(cores / HALF_FULL)))
    print()


def print_cell(costs, requests, presence):
    line("a cell", "{:,.0f} / {}".format(requests * CELLS, CELLS), "{:,.0f} requests, and {:,.0f} presence, "
         "a second".format(requests, presence))
    line("broker", "{:,.0f} x {:.0f} us + {:,.0f} x {:.0f} us".format(
        requests, costs.broker_us, presence, costs.presence_broker_us), "{:.2f} cores".format(
            (requests * costs.broker_us + presence * costs.presence_broker_us) / 1e6))
    line("Redis", "{:,.0f} x {:.0f} us + {} x {:.3f} (sweeps)".format(
        requests, costs.redis_us, INSTANCES, costs.sweep_cores), "{:.2f} cores".format(
            requests * costs.redis_us / 1e6 + INSTANCES * costs.sweep_cores))
    line("instance", "{:,.0f} x {:.0f} us + {:,.0f} x {:.1f} us".format(
        requests, costs.instance_us, presence, costs.presence_us), "{:.2f} cores, where it has to do all".format(
            (requests * costs.instance_us + presence * costs.presence_us) / 1e6))
    print()


def print_memory(costs, requests):
    each = [round(costs.registry_bytes), round(costs.presence_bytes), STATE_INDEX_BYTES]
    for what, trackers in (("instance", TRACKERS // CELLS), ("… with all", TRACKERS)):
        line(what, "{:,} x ({} + {} + {})".format(trackers, *each), "{:,.0f} MB, and {:,.0f} MB while a file is "
             "read again".format(trackers * sum(each) / 1e6, trackers * each[0] / 1e6))
    trackers, memory = TRACKERS // CELLS, costs.memory
    parts = [trackers * memory["tracker"] / 1e6, requests * DEDUP_S * memory["answer"] / 1e6,
             requests * DEADLINE_S * memory["pending"] / 1e6]
    line("Redis", "{:,} x {:.0f} (states)".format(trackers, memory["tracker"]), "{:.0f} MB".format(parts[0]))
    line("… answers", "{:,.0f} x {} s x {:.0f}".format(requests, DEDUP_S, memory["answer"]), "{:.0f} MB".format(parts[1]))
    line("… pending", "{:,.0f} x {} s x {:,.0f}".format(requests, DEADLINE_S, memory["pending"]),
         "{:.0f} MB, where no tracker acks".format(parts[2]))
    line("… together", "{:.0f} + {:.0f} + {:.0f}".format(*parts), "{:.0f} MB; twice that while it rewrites its "
         "log".format(sum(parts)))
    print()


def print_bytes(costs, requests):
    found = costs.bytes
    for name in ("broker", "redis"):
        both = found[name + "_in"] + found[name + "_out"]
        line("Redis" if name == "redis" else name, "{:,.0f} x ({:.0f} + {:.0f})".format(
            requests, found[name + "_in"], found[name + "_out"]), "{:.2f} MB/s, {:.0f} Mbit/s".format(
                requests * both / 1e6, requests * both * 8 / 1e6))
    log = requests * found["redis_log"] / 1e6
    line("Redis' log", "{:,.0f} x {:,.0f}".format(requests, found["redis_log"]), "{:.1f} MB/s at the busiest".format(log))
    line("… a day", "{:.1f} MB/s / {} x 86,400 s".format(log, BUSIEST_TO_MEAN), "{:.0f} GB written".format(
        log / BUSIEST_TO_MEAN * 86400 / 1e3))
    print()


def print_journal(requests):
    trackers, own, kept_s = TRACKERS // CELLS, requests / INSTANCES, DEADLINE_S + 2 * LEASE_S
    parts = [trackers * JOURNAL_STATE_BYTES / 1e6, own * kept_s * JOURNAL_REQUEST_BYTES / 1e6,
             own * DEDUP_S * JOURNAL_ANSWER_BYTES / 1e6]
    line("journal", "{:,} x {} (states of the cell)".format(trackers, JOURNAL_STATE_BYTES), "{:.0f} MB".format(parts[0]))
    line("… requests", "{:.0f} x {} s x {}".format(own, kept_s, JOURNAL_REQUEST_BYTES), "{:.0f} MB".format(parts[1]))
    line("… answers", "{:.0f} x {} s x {}".format(own, DEDUP_S, JOURNAL_ANSWER_BYTES), "{:.0f} MB".format(parts[2]))
    line("… size", "({:.0f} + {:.0f} + {:.0f}) x 8 / 3".format(*parts), "{:.0f} MB at least for journal.size_mb".format(
        sum(parts) * 8 / 3))
    print()


def print_start(costs):
    trackers = TRACKERS // CELLS
    line("registry", "{:,} x {} us".format(trackers, DATABASE_S_A_MILLION), "{:.1f} s from PostgreSQL".format(
        trackers * DATABASE_S_A_MILLION / 1e6))
    line("presence", "{:,} x {:.1f} us".format(trackers, costs.presence_us), "{:.0f} s of CPU".format(
        trackers * costs.presence_us / 1e6))
    print()


def show(results):
    costs = Costs(results)
    requests, presence = per_second(SWITCHED_A_DAY), per_second(PRESENCE_A_DAY)
    print("\nTen million trackers, by arithmetic: rates, processors, one of %d cells, memory, bytes, journal, start" % CELLS)
    print_rates(requests, presence)
    print_processors(costs, requests, presence)
    print_cell(costs, requests / CELLS, presence / CELLS)
    print_memory(costs, requests / CELLS)
    print_bytes(costs, requests / CELLS)
    print_journal(requests / CELLS)
    print_start(costs)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        show(json.load(file))
