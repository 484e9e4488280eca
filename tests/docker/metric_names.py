#!/usr/bin/env python3
"""Whether every metric, and every label, that alerts and dashboards name is one that the service has.

metric_names.py METRICS FILE...   METRICS: a file with what /metrics answers, or its URL, or
several with commas between them; FILE: rules (.yml), dashboards (.json)
"""
import json
import re
import sys
import urllib.request

import yaml

NAME = re.compile(r"\boutputd_[a-z_]+")
SELECTOR = re.compile(r"\b(outputd_[a-z_]+)\{([^}]*)\}")
BY = re.compile(r"\bby \(([^)]*)\)")
OF_PROMETHEUS = {"instance", "job", "le"}


def read(source):
    if source.startswith("http://"):
        with urllib.request.urlopen(source, timeout=10) as answer:
            return answer.read().decode()
    with open(source, encoding="utf-8") as file:
        return file.read()


def metrics_of(text):
    """Name of each metric, those of a histogram's series too, to its labels: None where it has no value yet."""
    labels, histograms = {}, set()
    for line in text.splitlines():
        kind = re.match(r"# TYPE (\S+) (\S+)", line)
        sample = re.match(r"([a-z_]+)(?:\{(.*)\})? ", line)
        if kind:
            labels.setdefault(kind[1], None)
            if kind[2] == "histogram":
                histograms.add(kind[1])
        elif sample and not line.startswith("#"):
            labels[sample[1]] = (labels.get(sample[1]) or set()) | set(re.findall(r'([a-z_]+)="', sample[2] or ""))
    for name in histograms:
        for suffix in ("_bucket", "_sum", "_count"):
            labels.setdefault(name + suffix, None)
        del labels[name]
    return labels


def expressions(node):
    """Every text of a document that is asked of Prometheus."""
    if isinstance(node, list):
        for child in node:
            yield from expressions(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key in ("expr", "definition") and isinstance(child, str):
                yield child
            else:
                yield from expressions(child)


def mistakes(expression, metrics):
    names = set(NAME.findall(expression))
    for name in sorted(names - metrics.keys()):
        yield f"there is no metric {name}"
    labels = {name: metrics.get(name) for name in names}
    for name, selector in SELECTOR.findall(expression):
        for label in re.findall(r"([a-z_]+) *[=!]", selector):
            if labels[name] is not None and label not in labels[name] | OF_PROMETHEUS:
                yield f"{name} has no label {label}"
    if None in labels.values():
        return
    known = OF_PROMETHEUS.union(*labels.values())
    for group in BY.findall(expression):
        for label in re.findall(r"[a-z_]+", group):
            if label not in known:
                yield f"no metric in it has the label {label}"


def main():
    metrics = metrics_of("".join(read(source) for source in sys.argv[1].split(",")))
    seen, failed = set(), False
    for path in sys.argv[2:]:
        text = read(path)
        document = json.loads(text) if path.endswith(".json") else yaml.safe_load(text)
        for expression in expressions(document):
            seen |= set(NAME.findall(expression))
            for mistake in mistakes(expression, metrics):
                print(f"{path}: {mistake}: {' '.join(expression.split())}")
                failed = True
    print(f"{len(seen)} names of metrics in use, of {len(metrics)} that the service has")
    sys.exit(failed or not seen)


main()
