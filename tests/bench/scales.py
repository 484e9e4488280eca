"""The second part: what the service's CPU per request does as the registry, the pending requests and the outputs of one
request become more; and what loading and reloading a large registry takes."""
import json
import os
import subprocess
import sys
import time

import servers
from load import in_turns, medians
from processes import Failure
from side_by_side import of

WINDOW = 200
ACTIVE = 1000  # trackers that are commanded, spread over all
MANY_ACTIVE = 5000
# What stands still is seen as time, not as an error.
PATIENT = "engine: { ack_timeout_ms = 600000; pending_max = 1000000; };"
TALKATIVE = "topics: { stats_interval_s = 1; };"
RELOAD_RATE = 500
RELOAD_SECONDS_MAX = 30


class Case:
    """A scale at which the service is measured."""

    def __init__(self, group, size, server, *options):
        self.group = group
        self.size = size
        self.server = server
        self.options = ["--window", WINDOW, *options]


# --- getting there ---

def start_registries(processes, load, settings):
    sizes = [1000, 100000] if settings.quick else [1000, 100000, 1000000]
    cases = []
    for size in sizes:
        server = servers.start_service(processes, "tuned", settings.service, label="trackers-%d" % size,
                                       trackers=size, more=PATIENT + TALKATIVE)
        if size > ACTIVE:  # the ones of the other case are among these
            load.wait_ready(server, "--trackers", MANY_ACTIVE, "--stride", size // MANY_ACTIVE)
        else:
            load.wait_ready(server)
        cases.append(Case("trackers", size, server, "--trackers", ACTIVE, "--stride", size // ACTIVE))
    cases.append(Case("trackers, %d commanded" % MANY_ACTIVE, sizes[-1], server, "--trackers", MANY_ACTIVE,
                      "--stride", sizes[-1] // MANY_ACTIVE))
    return cases


def start_pending(processes, load, settings):
    sizes = [1, 1000] if settings.quick else [1, 1000, 100000]
    cases = []
    for size in sizes:
        server = servers.start_service(processes, "tuned", settings.service, label="pending-%d" % size,
                                       trackers=ACTIVE + sizes[-1], more=PATIENT)
        load.wait_ready(server, "--trackers", ACTIVE, "--hold", size)
        # they stay pending when the load generator has gone
        load.measure(server, "--trackers", ACTIVE, "--hold", size, "--window", WINDOW, "--requests", 500)
        cases.append(Case("pending", size, server, "--trackers", ACTIVE))
    return cases


def start_set_all(processes, load, settings):
    sizes = [1, 10, 64]
    server = servers.start_service(processes, "tuned", settings.service, label="set-all",
                                   trackers=ACTIVE * len(sizes), outputs=lambda i: sizes[i // ACTIVE])
    load.wait_ready(server, "--trackers", ACTIVE * len(sizes))
    return [Case("set_all", size, server, "--trackers", ACTIVE, "--first", servers.FIRST_TRACKER + ACTIVE * i,
                 "--set-all", size) for i, size in enumerate(sizes)]


# --- CPU per request ---

def run_cases(load, cases, settings):
    runs = []
    for turn in range(settings.rounds):
        print("scales, round %d of %d" % (turn + 1, settings.rounds), file=sys.stderr)
        for case in in_turns(cases, turn):
            line = load.measure(case.server, *case.options, "--warmup", 500, "--seconds", settings.seconds)
            runs.append({"group": case.group, "size": case.size, "round": turn, **line})
    return runs


def summarise(runs, cases):
    """With the ratio of the CPU per request to that of the smallest of the group, round by round."""
    rows = []
    for case in cases:
        mine = of(runs, group=case.group, size=case.size)
        base_group = case.group.split(",")[0]
        base = of(runs, group=base_group, size=min(c.size for c in cases if c.group == base_group))
        cpu = "server_cpu_us_per_request"
        ratio = medians([{"ratio": run[cpu] / other[cpu]} for run, other in zip(mine, base)])["ratio"]
        rows.append({"group": case.group, "size": case.size, **medians(mine), "cpu_to_smallest": ratio})
    return rows


# --- loading and reloading ---

def check_config(program, folder):
    """Wall and CPU seconds of reading everything that the service reads at its start."""
    command = [program, "-c", os.path.join(folder, "outputd.cfg"), "--check-config"]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    if status:
        raise Failure("--check-config: %s" % child.stderr.read().decode())
    child.returncode = 0
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime}


def load_times(cases, settings):
    return [{"trackers": case.size, **check_config(settings.service, case.server.folder),
             **case.server.figures_of_memory()} for case in cases if case.group == "trackers"]


def longest_turn_ms(stats):
    """From what the service said on its stats topic; None where it says nothing of it."""
    turns = [json.loads(line).get("turn_longest_us") for line in stats.splitlines() if line.startswith("{")]
    turns = [turn for turn in turns if turn is not None]
    return max(turns) / 1000 if turns else None


def reload_under_load(processes, load, case, load_s):
    """Puts another registry in place of a large one while a paced load runs."""
    server = case.server
    path = os.path.join(server.folder, "registry.cfg")
    servers.write_registry(path + ".next", case.size, lambda i: 4)
    stats = processes.start("stats", ["mosquitto_sub", "-p", str(server.broker.port), "-t", "outputd/bench/stats",
                                      "-F", "%p"])
    stats.wait_until(lambda: "{" in stats.log(), "stats of the service")
    said_before = stats.log_size()
    logged_before = server.process.log_size()
    run = load.begin(server, *case.options[2:], "--rate", RELOAD_RATE, "--seconds",
                     min(3 + 2 * load_s, RELOAD_SECONDS_MAX))
    time.sleep(1)
    os.replace(path + ".next", path)
    server.process.wait_for_log("reloaded", since=logged_before, seconds=180)
    line = load.finish(server, run)
    time.sleep(1.5)  # the last stats
    return {"trackers": case.size, "rate_per_s": RELOAD_RATE,
            "turn_longest_ms": longest_turn_ms(stats.log(said_before)),
            **{name: line[name] for name in ("requests", "p50_us", "p99_us", "p999_us", "max_us")}}


def measure(processes, load, settings):
    registries = start_registries(processes, load, settings)
    times = load_times(registries, settings)
    cases = registries + start_pending(processes, load, settings) + start_set_all(processes, load, settings)
    runs = run_cases(load, cases, settings)
    largest = [case for case in registries if case.group == "trackers"][-1]
    return {"runs": runs, "medians": summarise(runs, cases), "registry_load": times,
            "registry_reload": reload_under_load(processes, load, largest, times[-1]["wall_s"])}
