"""The third part: parts of the service alone, in programs of their own that print one line of JSON each."""
import json
import os
import subprocess
import tempfile

from processes import Failure


def run(build, name, *arguments):
    """None where there is no such program."""
    program = os.path.join(build, "bench", name)
    if not os.access(program, os.X_OK):
        return None
    command = ["setpriv", "--pdeathsig", "KILL", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise Failure("%s: %s" % (name, (done.stderr or done.stdout).strip()))
    return json.loads(lines[-1])


def measure(settings):
    results = {"engine": run(settings.build, "engine", str(settings.rounds))}
    if not settings.quick:
        # beside the programs: its journal is on a disk
        with tempfile.TemporaryDirectory(prefix="bench.", dir=settings.build) as folder:
            results["scale"] = run(settings.build, "scale", folder)
    return results
