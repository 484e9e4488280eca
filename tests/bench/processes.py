"""Programs that are measured: started, looked at, and ended with us, however we end."""
import os
import random
import re
import signal
import socket
import subprocess
import time

START_SECONDS = 60


class Failure(Exception):
    """Ends the run with an error."""


class Processes:
    """Everything that was started; `with` ends it all."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in reversed(self.started):
            process.end()

    def start(self, name, command):
        process = Process(name, command, os.path.join(self.folder, name + ".log"))
        self.started.append(process)
        return process

    def start_broker(self, name, settings):
        return Broker(self, name, settings)


class Process:
    def __init__(self, name, command, log_path):
        self.name = name
        self.log_path = log_path
        # setpriv: ends with us even where we are killed, and becomes the program, so that the pid is the program's
        with open(log_path, "wb") as log:
            self.popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    @property
    def pid(self):
        return self.popen.pid

    def end(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGKILL)  # nothing of theirs is kept
        self.popen.wait()

    def log_size(self):
        return os.path.getsize(self.log_path)

    def log(self, since=0):
        """What it has written from there on."""
        with open(self.log_path, "rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def log_end(self):
        return self.log(max(0, self.log_size() - 2000))

    def wait_for_log(self, text, since=0, seconds=START_SECONDS):
        """Reads no byte twice: a log under load grows by megabytes a second."""
        with open(self.log_path, "rb") as log:
            log.seek(since)
            kept = [b""]

            def is_there():
                kept[0] = kept[0][-len(text):] + log.read()
                return text.encode() in kept[0]

            self.wait_until(is_there, "'%s' in its log" % text, seconds)

    def wait_until(self, is_so, what, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while not is_so():
            if self.popen.poll() is not None:
                raise Failure("%s has ended, waiting for %s:\n%s" % (self.name, what, self.log_end()))
            if time.monotonic() > deadline:
                raise Failure("%s: no %s within %d s" % (self.name, what, seconds))
            time.sleep(0.02)

    def memory_kib(self, field):
        """VmRSS: now; VmHWM: the most that it ever was."""
        with open("/proc/%d/status" % self.pid, encoding="ascii") as status:
            return int(re.search(field + r":\s+(\d+) kB", status.read()).group(1))


class Broker:
    """A mosquitto of its own."""

    def __init__(self, processes, name, settings):
        self.port = free_port()
        config = os.path.join(processes.folder, name + ".conf")
        # user root: it would else change its user, and with that be spared the signal of our death
        lines = ["listener %d 127.0.0.1" % self.port, "user root", "allow_anonymous true", *settings]
        with open(config, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        self.process = processes.start(name, ["mosquitto", "-c", config])
        self.process.wait_until(lambda: is_listening(self.port), "listener")

    @property
    def url(self):
        return "mqtt://127.0.0.1:%d" % self.port

    @property
    def pid(self):
        return self.process.pid


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    """Below the range that the kernel gives out to clients."""
    while True:
        port = random.randrange(20000, 30000)
        if not is_listening(port):
            return port
