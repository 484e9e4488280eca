#!/usr/bin/env python3
"""Measures the service next to the bare forwarder and to the peer, at scale, and its parts alone, and says which of the
budgets are met. README.md says how to read it. Nothing is asserted of the speed; a wrong answer, a lost or a repeated
one ends the run with an error.

  BUILD=build      where the programs are, and where bench.json and bench.svg go
  HP_BUILD=DIR     where an outputd is that was linked to a high-performance paho
  QUICK=1          fewer windows, rounds and scales: about a minute
"""
import datetime
import json
import os
import shutil
import signal
import sys
import tempfile

import alone
import budget
import chart
import report
import scales
import servers
import side_by_side
from load import Load
from processes import Failure, Processes


class Settings:
    def __init__(self, environment):
        self.build = environment.get("BUILD", "build")
        self.quick = environment.get("QUICK") == "1"
        self.rounds = 2 if self.quick else 5
        self.seconds = 0.5 if self.quick else 0.7
        self.service = os.path.join(self.build, "outputd")
        hp = environment.get("HP_BUILD")
        self.hp_service = os.path.join(hp, "outputd") if hp else None
        self.no_peer = self.why_no_peer()
        self.has_peer = not self.no_peer

    @staticmethod
    def why_no_peer():
        if not shutil.which("node"):
            return "the peer needs Node.js"
        if not os.path.isdir(os.path.join(os.path.dirname(servers.PEER), "node_modules")):
            return "the peer's packages are not installed"
        return ""


def measure_all(settings):
    load = Load(os.path.join(settings.build, "bench", "loadgen"))
    results = {"at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
               "cpus": os.cpu_count(), "quick": settings.quick, "no_peer": settings.no_peer}
    # beside the programs, not on a /tmp that may be memory: the journals are in it
    with tempfile.TemporaryDirectory(prefix="bench.", dir=settings.build) as folder:
        for name, part in (("side_by_side", side_by_side), ("scales", scales)):
            with Processes(tempfile.mkdtemp(dir=folder)) as processes:
                results[name] = part.measure(processes, load, settings)
    results["alone"] = alone.measure(settings)
    results["budget"] = budget.judge(results)
    return results


def show(results, settings):
    notes = [] if settings.hp_service else ["service, hp: not measured: %s.\n" % budget.NO_HP]
    if settings.no_peer:
        notes.append("peer: not measured: %s.\n" % settings.no_peer)
    report.print_side_by_side(results["side_by_side"], notes)
    report.print_scales(results["scales"])
    report.print_alone(results["alone"])
    report.print_budget(results["budget"])


def main():
    settings = Settings(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for program in filter(None, (settings.service, settings.hp_service)):
        servers.need(program)
    try:
        results = measure_all(settings)
        with open(os.path.join(settings.build, "bench.json"), "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1, ensure_ascii=False)
        show(results, settings)
        chart.draw(results["side_by_side"]["medians"], os.path.join(settings.build, "bench.svg"))
    except Failure as failure:
        sys.exit("bench: %s" % failure)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
