"""The first part: the servers side by side, in turns, in one run."""
import sys

import servers
from load import in_turns, medians, ratios

WINDOWS = {"tuned": [1, 10, 50, 200, 1000], "default": [1, 200]}
QUICK_WINDOWS = {"tuned": [1, 200], "default": [200]}
WARM_UP_REQUESTS = 3000  # once each server: what compiles as it runs has compiled


def start(processes, load, settings):
    """By kind of broker, the servers on it."""
    makers = {"forwarder": lambda kind: servers.start_forwarder(processes, kind, settings.build),
              "service": lambda kind: servers.start_service(processes, kind, settings.service)}
    if settings.hp_service:
        makers["service_hp"] = lambda kind: servers.start_service(processes, kind, settings.hp_service, "service_hp")
    if settings.has_peer:
        makers["peer"] = lambda kind: servers.start_peer(processes, kind)
    started = {}
    for kind in servers.BROKERS:
        started[kind] = [make(kind) for make in makers.values()]
        for server in started[kind]:
            load.wait_ready(server)
            server.at_rest_kib = server.process.memory_kib("VmRSS")
    for server in (server for kind in started for server in started[kind]):
        load.measure(server, "--window", 100, "--requests", WARM_UP_REQUESTS)
    return started


def run_windows(load, started, settings):
    runs = []
    for turn in range(settings.rounds):
        print("round %d of %d" % (turn + 1, settings.rounds), file=sys.stderr)
        for kind, windows in (QUICK_WINDOWS if settings.quick else WINDOWS).items():
            for window in windows:
                for server in in_turns(started[kind], turn):
                    line = load.measure(server, "--window", window, "--warmup", min(10 * window, 500),
                                        "--seconds", settings.seconds)
                    runs.append({"broker": kind, "window": window, "server": server.name, "round": turn, **line,
                                 **server.figures_of_memory()})
    return runs


def of(runs, **what):
    """In the order of the rounds."""
    return [run for run in runs if all(run[name] == value for name, value in what.items())]


def summarise(runs):
    """One row for each broker, window and server, with its ratios to the forwarder and to the peer."""
    rows = []
    places = {(run["broker"], run["window"]) for run in runs}
    for kind, window in sorted(places, key=lambda place: (place[0] != "tuned", place[1])):
        here = of(runs, broker=kind, window=window)
        for name in dict.fromkeys(["forwarder", "service", "service_hp", "peer"]):
            mine = of(here, server=name)
            if not mine:
                continue
            row = {"broker": kind, "window": window, "server": name, **medians(mine)}
            for other in ("forwarder", "peer"):
                if other != name and of(here, server=other):
                    row["to_" + other] = ratios(mine, of(here, server=other))
            rows.append(row)
    return rows


def run_half_rate(load, started, rows, settings):
    """Requests at half the rate at which a server was full, sent whatever comes back."""
    runs = []
    for turn in range(settings.rounds):
        for server in in_turns(started["tuned"], turn):
            full = max(row["rate_per_s"] for row in rows if row["server"] == server.name and row["broker"] == "tuned")
            line = load.measure(server, "--rate", int(full / 2), "--warmup", 200, "--seconds", settings.seconds)
            runs.append({"server": server.name, "round": turn, "asked_per_s": int(full / 2), **line})
    return runs, [{"server": server.name, **medians(of(runs, server=server.name))} for server in started["tuned"]]


def default_to_tuned(runs):
    """How much of a server's rate at window 200 is left on a broker as it comes, by server."""
    left = {}
    for name in {run["server"] for run in runs}:
        tuned = of(runs, server=name, window=200, broker="tuned")
        default = of(runs, server=name, window=200, broker="default")
        left[name] = ratios(default, tuned)["rate_per_s"]
    return left


def measure(processes, load, settings):
    started = start(processes, load, settings)
    runs = run_windows(load, started, settings)
    rows = summarise(runs)
    half_runs, half_rows = run_half_rate(load, started, rows, settings)
    memory = {server.name: {"at_rest_kib": server.at_rest_kib, **server.figures_of_memory()}
              for server in started["tuned"]}
    return {"runs": runs, "medians": rows, "half_rate_runs": half_runs, "half_rate": half_rows, "memory": memory,
            "default_to_tuned": default_to_tuned(runs)}
