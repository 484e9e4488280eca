#!/usr/bin/env python3
"""What every service of the stack keeps to: compose_rules.py < output of docker-compose config"""
import re
import sys

import yaml

ENDS_BY_ITSELF = {"secrets", "client"}
WITHOUT_HEALTH_CHECK = {"secrets", "client", "trackers"}
SHARED = {"outputd-1", "outputd-2", "outputd-3"}
OWN_HEALTH_CHECK_IN_IMAGE = {"outputd"} | SHARED
PROFILES = {"prometheus": ["observability"], "grafana": ["observability"], "client": ["client"], "outputd": ["single"]}
PROFILES |= {name: ["scale"] for name in SHARED | {"redis", "postgres"}}


def rules(name, service):
    image = service.get("image", "")
    yield re.search(r":[^:/]+$", image) and not image.endswith(":latest"), f"its image has a tag: {image}"
    yield service.get("restart") == ("no" if name in ENDS_BY_ITSELF else "unless-stopped"), "restart policy"
    yield service.get("profiles", []) == PROFILES.get(name, []), "profile"
    yield service.get("mem_limit") and service.get("cpus") and service.get("pids_limit"), "limits"
    yield service.get("read_only") is True, "a root that cannot be written to"
    yield service.get("cap_drop") == ["ALL"], "no capabilities"
    yield service.get("cap_add", []) in ([], ["CHOWN"]), "none added but what secrets.sh needs"
    yield "no-new-privileges:true" in service.get("security_opt", []), "no new privileges"
    yield not service.get("privileged") and service.get("network_mode") in (None, "none"), "its own network"
    ports = [port if isinstance(port, str) else f"{port.get('host_ip')}:{port.get('published')}" for port in service.get("ports", [])]
    yield all(port.startswith("127.0.0.1:") for port in ports), f"no port beyond loopback: {ports}"
    environment = service.get("environment", {})
    secrets = [key for key in environment if re.search("PASSWORD|SECRET|TOKEN", key) and not key.endswith("_FILE")]
    yield not secrets, f"secrets by files alone: {secrets}"
    has_check = service.get("healthcheck", {}).get("test", ["NONE"]) != ["NONE"] or name in OWN_HEALTH_CHECK_IN_IMAGE
    yield has_check != (name in WITHOUT_HEALTH_CHECK), "health check"
    for volume in service.get("volumes", []):
        source, target = (volume.split(":") + [""])[:2] if isinstance(volume, str) else (volume["source"], volume["target"])
        mode = volume if isinstance(volume, str) else "ro" if volume.get("read_only") else "rw"
        yield not source.startswith("/") or mode.endswith("ro"), f"what is mounted from the machine is read only: {target}"
        yield "docker.sock" not in source, "no engine's socket"


def main():
    document = yaml.safe_load(sys.stdin)
    services = document["services"]
    failed = False
    for name, service in services.items():
        for held, rule in rules(name, service):
            if not held:
                print(f"{name}: {rule}")
                failed = True
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ENDS_BY_ITSELF else "service_healthy"
            if how["condition"] != wanted:
                print(f"{name}: it waits for {other} until it is {how['condition']}, not {wanted}")
                failed = True
    named = {volume.split(":")[0] for s in services.values() for volume in s.get("volumes", []) if isinstance(volume, str)}
    for volume in document["volumes"].keys() - named:
        print(f"the volume {volume} is nobody's")
        failed = True
    print(f"{len(services)} services")
    sys.exit(failed)


main()
