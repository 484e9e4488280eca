"""The servers that are measured, each with a broker of its own, so that nothing is restarted between the rounds."""
import hashlib
import json
import os

from processes import Failure

HASH = "a6aa75587e5c59c32d347da438505fc3"
FIRST_TRACKER = 1000
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer", "peer.mjs")

BROKERS = {
    "tuned": ["set_tcp_nodelay true", "max_inflight_messages 0", "max_queued_messages 0"],
    "default": [],  # mosquitto as it comes: Receive Maximum 20, Nagle's algorithm
}


def digest():
    return hashlib.sha256(HASH.encode()).hexdigest()


class Server:
    """A program under load, its broker, and how it is addressed."""

    def __init__(self, processes, kind, name, label, command, config=None):
        """command: a function of broker and folder; config: a function that writes what the program reads."""
        full_name = "%s-%s" % (name, label)
        self.name = name
        self.folder = os.path.join(processes.folder, full_name)
        os.mkdir(self.folder)
        self.broker = processes.start_broker(full_name + "-broker", BROKERS[kind])
        if config:
            config(self.broker.url, self.folder)
        self.process = processes.start(full_name, command(self.broker.url, self.folder))

    def figures_of_memory(self):
        return {"rss_kib": self.process.memory_kib("VmRSS"), "peak_rss_kib": self.process.memory_kib("VmHWM")}


def start_forwarder(processes, kind, build):
    program = os.path.join(build, "bench", "forwarder")
    return Server(processes, kind, "forwarder", kind, lambda url, folder: [program, url])


def start_peer(processes, kind):
    return Server(processes, kind, "peer", kind,
                  lambda url, folder: ["node", PEER, os.path.join(folder, "peer.json")], write_peer_config)


def start_service(processes, kind, program, name="service", label=None, trackers=1000, outputs=lambda i: 3, more=""):
    """outputs: of the i-th tracker; more: further sections of the configuration."""

    def config(url, folder):
        write_service_config(url, folder, more)
        write_registry(os.path.join(folder, "registry.cfg"), trackers, outputs)

    def command(url, folder):
        return [program, "-c", os.path.join(folder, "outputd.cfg")]

    server = Server(processes, kind, name, label or kind, command, config)
    server.process.wait_for_log("presence read back", seconds=180)
    return server


def write_service_config(url, folder, more, instance="bench", broker=""):
    """broker: more of how it is used."""
    os.mkdir(os.path.join(folder, "profiles"))
    os.mkdir(os.path.join(folder, "journal"))
    with open(os.path.join(folder, "outputd.cfg"), "w", encoding="ascii") as file:
        file.write("""instance = "%s";
broker: { url = "%s"; %s };
registry: { source = "file"; path = "registry.cfg"; };
profiles: { path = "profiles"; };
limits: { user_rate = 0.0; };
journal: { path = "journal"; };
http: { listen = ""; };
%s
""" % (instance, url, broker, more))


def write_registry(path, trackers, outputs=lambda i: 3):
    """In place of one that is there, as a user would: written beside it and renamed."""
    line = '  { id = %d; user_id = 1; model = "generic_json"; device_id = "%d"; outputs = %d; }'
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write("users = ( { id = 1; } );\n")
        file.write('sessions = ( { hash_sha256 = "%s"; user_id = 1; master = true; } );\n' % digest())
        file.write("trackers = (\n")
        for i in range(trackers):
            file.write(line % (FIRST_TRACKER + i, 356307042000000 + i, outputs(i)))
            file.write(",\n" if i + 1 < trackers else "\n);\n")
    os.replace(path + ".new", path)


def write_peer_config(url, folder):
    registry = os.path.join(folder, "registry.json")
    with open(registry, "w", encoding="ascii") as file:
        json.dump({
            "users": [{"id": 1}],
            "sessions": [{"hash_sha256": digest(), "user_id": 1, "master": True}],
            "trackers": [{"id": FIRST_TRACKER + i, "user_id": 1, "model": "generic_json",
                          "device_id": str(356307042000000 + i), "outputs": 3} for i in range(1000)],
        }, file)
    with open(os.path.join(folder, "peer.json"), "w", encoding="ascii") as file:
        json.dump({"url": url, "registry": registry, "userRate": 0}, file)


def need(program):
    if not os.access(program, os.X_OK):
        raise Failure("%s is not built" % program)
