"""The third part: parts of the service alone, in programs of their own that print one line of JSON each."""
import json
import os
import subprocess

from processes import Failure


def run(build, name):
    """None where there is no such program."""
    program = os.path.join(build, "bench", name)
    if not os.access(program, os.X_OK):
        return None
    done = subprocess.run(["setpriv", "--pdeathsig", "KILL", program], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise Failure("%s: %s" % (name, (done.stderr or done.stdout).strip()))
    return json.loads(lines[-1])


def measure(settings):
    names = ["engine"] if settings.quick else ["engine", "scale"]
    return {name: run(settings.build, name) for name in names}
