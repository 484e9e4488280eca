"""What was to be reached, and whether it was. Nothing is asserted of it: the table says so."""

NO_HP = "Debian ships no paho with PAHO_HIGH_PERFORMANCE (make bench PAHO_HP_PREFIX=DIR)"


class Missing(Exception):
    """Why a figure is not there."""


class Figures:
    """Finds them in the results, or says why they are missing."""

    def __init__(self, results):
        self.results = results

    def row(self, server, window, broker="tuned"):
        for row in self.results["side_by_side"]["medians"]:
            if (row["server"], row["window"], row["broker"]) == (server, window, broker):
                return row
        raise Missing(NO_HP if server == "service_hp" else "not run")

    def ratio(self, figure, other, window=200, server="service"):
        row = self.row(server, window)
        if "to_" + other not in row:
            raise Missing(self.results["no_peer"])
        return row["to_" + other][figure]

    def default_to_tuned(self):
        return self.results["side_by_side"]["default_to_tuned"]["service"]

    def half_rate_p99_ms(self):
        rows = self.results["side_by_side"]["half_rate"]
        return next(row["p99_us"] for row in rows if row["server"] == "service") / 1000

    def memory_to_peer(self, field):
        memory = self.results["side_by_side"]["memory"]
        if "peer" not in memory:
            raise Missing(self.results["no_peer"])
        return memory["service"][field] / memory["peer"][field]

    def alone(self, program, *path):
        value = self.results["alone"].get(program)
        if value is None:
            raise Missing("build/bench/%s did not run" % program)
        for name in path:
            if not isinstance(value, dict) or name not in value:
                raise Missing("%s does not say" % program)
            value = value[name]
        return value

    def at_scale(self, group, size):
        for row in self.results["scales"]["medians"]:
            if row["group"] == group and row["size"] == size:
                return row["cpu_to_smallest"]
        raise Missing("left out by QUICK")

    def million(self, part):
        found = self.results["scales"][part]
        found = found[-1] if isinstance(found, list) else found
        if found["trackers"] < 1000000:
            raise Missing("left out by QUICK")
        return found

    def turn_longest_ms(self):
        longest = self.million("registry_reload")["turn_longest_ms"]
        if longest is None:
            raise Missing("the service does not say turn_longest_ms")
        return longest


def at_least(bound):
    return "≥ " + "{:,}".format(bound), lambda value: value >= bound


def at_most(bound):
    return "≤ " + "{:,}".format(bound), lambda value: value <= bound


RATE, CPU, P50, P99 = "rate_per_s", "server_cpu_us_per_request", "p50_us", "p99_us"

# (what, bound, unit, where the figure is)
BUDGET = [
    ("throughput, window 200, tuned broker, to the peer", at_least(1.15), "×", lambda f: f.ratio(RATE, "peer")),
    ("… to the forwarder", at_least(0.95), "×", lambda f: f.ratio(RATE, "forwarder")),
    ("throughput, window 200, default broker to tuned", at_least(0.9), "×", Figures.default_to_tuned),
    ("CPU per request, window 200, to the forwarder", at_most(1.15), "×", lambda f: f.ratio(CPU, "forwarder")),
    ("… to the peer", at_most(0.9), "×", lambda f: f.ratio(CPU, "peer")),
    ("… with a high-performance paho, to the peer", at_most(0.5), "×",
     lambda f: f.ratio(CPU, "peer", server="service_hp")),
    ("round trip, window 1, p50 to the peer", at_most(0.75), "×", lambda f: f.ratio(P50, "peer", 1)),
    ("… p99 to the peer", at_most(0.5), "×", lambda f: f.ratio(P99, "peer", 1)),
    ("p99 at half the saturation rate", at_most(2), "ms", Figures.half_rate_p99_ms),
    ("RSS at 1,000 trackers, at rest, to the peer", at_most(0.1), "×", lambda f: f.memory_to_peer("at_rest_kib")),
    ("… the most that it was, to the peer", at_most(0.1), "×", lambda f: f.memory_to_peer("peak_rss_kib")),
    ("memory per tracker at 1 million", at_most(150), "bytes", lambda f: f.alone("scale", "bytes_per_tracker")),
    ("memory per pending request", at_most(1024), "bytes", lambda f: f.alone("scale", "bytes_per_pending")),
    ("CPU per request, 1 million trackers to 1 thousand", at_most(1.1), "×", lambda f: f.at_scale("trackers", 1000000)),
    ("CPU per request, 100,000 pending to 1", at_most(1.1), "×", lambda f: f.at_scale("pending", 100000)),
    ("registry file of 1 million trackers, loaded in", at_most(3), "s",
     lambda f: f.million("registry_load")["wall_s"]),
    ("… longest turn of the loop at a reload", at_most(20), "ms", Figures.turn_longest_ms),
    ("engine alone", at_least(1000000), "requests/s", lambda f: f.alone("engine", "requests_per_s")),
    ("decode and render, JSON", at_most(5), "us", lambda f: f.alone("engine", "codec_json_us")),
    ("… MessagePack", at_most(1.5), "us", lambda f: f.alone("engine", "codec_msgpack_us")),
    ("allocations per request, outside paho and the JSON library", at_most(0), "",
     lambda f: f.alone("engine", "allocations_per_request")),
]


def judge(results):
    figures = Figures(results)
    rows = []
    for what, (bound, is_met), unit, find in BUDGET:
        row = {"what": what, "budget": ("%s %s" % (bound, unit)).strip(), "value": None}
        try:
            row["value"] = find(figures)
            row["measured"] = "{:,.0f}".format(row["value"]) if row["value"] >= 100 else "%.2f" % row["value"]
            row["verdict"] = "met" if is_met(row["value"]) else "not met"
        except Missing as why:
            row["measured"] = "-"
            row["verdict"] = "not measured: %s" % why
        rows.append(row)
    return rows
