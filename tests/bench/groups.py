"""Instances that share their state: a broker and a Redis of their own, started and looked at."""
import os
import subprocess
import time

import servers
from processes import Failure, free_port, is_listening

PARTS = ["instances", "redis", "broker"]


class Redis:
    """As the README says that it should be kept: with its log on, and nothing thrown away."""

    def __init__(self, processes, name):
        self.port = free_port()
        self.folder = os.path.join(processes.folder, name)
        os.mkdir(self.folder)
        self.process = processes.start(name, [
            "redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder, "--save", "",
            "--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction"])
        self.process.wait_until(lambda: is_listening(self.port), "listener")

    @property
    def url(self):
        return "redis://127.0.0.1:%d/0" % self.port

    def ask(self, *command):
        done = subprocess.run(["redis-cli", "-p", str(self.port), *command], capture_output=True, text=True)
        if done.returncode:
            raise Failure("redis-cli %s: %s" % (command[0], done.stderr.strip()))
        return done.stdout.strip()

    def info(self, section):
        lines = [line for line in self.ask("INFO", section).splitlines() if ":" in line]
        return dict(line.split(":", 1) for line in lines)

    def number(self, section, field):
        return int(self.info(section)[field])


class Group:
    """Some instances on one broker. Without Redis it is one that keeps its state itself."""

    def __init__(self, processes, program, name, count=1, shared=True, trackers=1000, more=""):
        self.name = name
        self.broker = processes.start_broker(name + "-broker", [*servers.BROKERS["tuned"], "sys_interval 1"])
        self.redis = Redis(processes, name + "-redis") if shared else None
        self.registry = os.path.join(processes.folder, name + ".cfg")
        servers.write_registry(self.registry, trackers)
        self.instances = [self.start(processes, program, "%s-%d" % (name, i + 1), more) for i in range(count)]
        for instance in self.instances:
            instance.wait_for_log("presence read back", seconds=600)

    def start(self, processes, program, name, more):
        folder = os.path.join(processes.folder, name)
        shared = 'state: { source = "redis"; url = "%s"; };\n' % self.redis.url if self.redis else ""
        os.mkdir(folder)
        os.link(self.registry, os.path.join(folder, "registry.cfg"))
        servers.write_service_config(self.broker.url, folder, shared + more, name,
                                     'share_group = "bench";' if shared else "")
        return processes.start(name, [program, "-c", os.path.join(folder, "outputd.cfg")])

    @property
    def process(self):
        """The one that the load generator looks at."""
        return self.instances[0]

    def cpu_us(self):
        """By part, so far."""
        pids = {"instances": [instance.pid for instance in self.instances], "broker": [self.broker.pid],
                "redis": [self.redis.process.pid] if self.redis else []}
        return {part: sum(process_cpu_us(pid) for pid in pids[part]) for part in PARTS}

    def broker_bytes(self):
        """Received and sent, as the broker says once a second of the seconds before."""
        time.sleep(3)
        return [int(self.sys_value("bytes/" + way)) for way in ("received", "sent")]

    def sys_value(self, topic):
        done = subprocess.run(["mosquitto_sub", "-p", str(self.broker.port), "-C", "1", "-W", "10", "-t",
                               "$SYS/broker/" + topic], capture_output=True, text=True)
        if done.returncode:
            raise Failure("%s: its broker says nothing of %s" % (self.name, topic))
        return done.stdout


def process_cpu_us(pid):
    """Of all threads of a process: its clock, as clock_getcpuclockid(3) would name it."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1000


def spent(before, after):
    return {part: after[part] - before[part] for part in before}
