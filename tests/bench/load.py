"""The load generator, one run at a time; and what becomes of many runs."""
import json
import statistics
import subprocess

from processes import Failure
from servers import FIRST_TRACKER

RATIO_FIGURES = ["rate_per_s", "p50_us", "p99_us", "p999_us", "server_cpu_us_per_request"]


class Load:
    def __init__(self, program):
        self.program = program

    def command(self, server, *options):
        return ["setpriv", "--pdeathsig", "KILL", self.program, "--broker", "127.0.0.1:%d" % server.broker.port,
                "--first", str(FIRST_TRACKER), *[str(option) for option in options]]

    def wait_ready(self, server, *options):
        done = subprocess.run(self.command(server, *options, "--wait-ready"), capture_output=True, text=True)
        if done.returncode:
            raise Failure("%s is not ready: %s\n%s" % (server.name, done.stderr.strip(), server.process.log_end()))

    def begin(self, server, *options):
        """A run beside which something else is done; measure() is that and finish()."""
        command = self.command(server, "--no-presence", "--server-pid", server.process.pid,
                               "--broker-pid", server.broker.pid, *options)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, server, run):
        out, err = run.communicate()
        if run.returncode:
            raise Failure("%s: %s\n%s" % (server.name, err.strip(), server.process.log_end()))
        line = json.loads(out)
        if line["errors"] or line["duplicates"] or line["commands"] != line["requests"]:
            raise Failure("%s: wrong answers: %s %s" % (server.name, out.strip(), err.strip()))
        return line

    def measure(self, server, *options):
        return self.finish(server, self.begin(server, *options))


def medians(runs):
    """Of every figure: what tells the runs apart is none."""
    names = [name for name, value in runs[0].items()
             if isinstance(value, (int, float)) and name not in ("window", "round", "size")]
    return {name: statistics.median(run[name] for run in runs) for name in names}


def ratios(runs, others):
    """The median of the rounds' ratios: the runs of a round stand next to each other, so that what else happens on the
    machine meets both."""
    return {name: statistics.median(run[name] / other[name] for run, other in zip(runs, others))
            for name in RATIO_FIGURES}


def in_turns(items, turn):
    """Nobody is always the first after a pause, or always behind the heaviest."""
    return items[turn % len(items):] + items[:turn % len(items)]
