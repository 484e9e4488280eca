#!/usr/bin/env python3
"""What Grafana would show as an empty or broken panel: dashboard_rules.py DASHBOARD..."""
import json
import sys


def mistakes(dashboard):
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    if len(ids) != len(set(ids)):
        yield "two panels have one id"
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    if not {"datasource", "instance"} <= variables:
        yield "no variable for the data source or the instance"
    taken = {}
    for panel in panels:
        where = panel["gridPos"]
        if where["x"] + where["w"] > 24:
            yield f"{panel['title']}: wider than the page"
        for x in range(where["x"], where["x"] + where["w"]):
            for y in range(where["y"], where["y"] + where["h"]):
                if taken.setdefault((x, y), panel["title"]) != panel["title"]:
                    yield f"{panel['title']} lies over {taken[(x, y)]}"
                    return
        if panel["type"] == "row":
            continue
        if panel["datasource"]["uid"] != "${datasource}":
            yield f"{panel['title']}: a data source of its own"
        if not panel["targets"] or not all(target["expr"] for target in panel["targets"]):
            yield f"{panel['title']}: asks nothing"
        if not all('$instance' in target["expr"] for target in panel["targets"]):
            yield f"{panel['title']}: shows other instances, too"


failed = False
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    for mistake in mistakes(dashboard):
        print(f"{path}: {mistake}")
        failed = True
    print(f"{path}: {len(dashboard['panels'])} panels")
sys.exit(failed)
