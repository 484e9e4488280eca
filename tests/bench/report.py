"""What people read: the tables."""

COLUMNS = [  # (head, figure, how it is printed)
    ("requests/s", "rate_per_s", "%.0f"),
    ("p50 us", "p50_us", "%.0f"),
    ("p99 us", "p99_us", "%.0f"),
    ("p99.9 us", "p999_us", "%.0f"),
    ("CPU us", "server_cpu_us_per_request", "%.1f"),
    ("broker", "broker_cpu_us_per_request", "%.1f"),
    ("load", "loadgen_cpu_us_per_request", "%.1f"),
    ("peak MiB", "peak_rss_kib", "mib"),
]
LABELS = {"service_hp": "service, hp"}


def number(value, how):
    if value is None:
        return ""
    return "%.1f" % (value / 1024) if how == "mib" else how % value


def table(head, rows, left=(0,)):
    """left: the columns of words."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [str(cell).ljust(width) if i in left else str(cell).rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print()


def ratio_cells(row, other):
    found = row.get("to_" + other, {})
    return ["%.2f" % found[figure] if figure in found else "" for _, figure, _ in COLUMNS]


def print_side_by_side(part, notes):
    print("\nSide by side: medians of the rounds; below each server its ratios, round by round, to the others.")
    print("CPU: of the server, of its broker, of the load, in us per request.\n")
    head = ["", *(head for head, _, _ in COLUMNS)]
    for kind, window in dict.fromkeys((row["broker"], row["window"]) for row in part["medians"]):
        rows = []
        for row in part["medians"]:
            if (row["broker"], row["window"]) != (kind, window):
                continue
            rows.append([LABELS.get(row["server"], row["server"]),
                         *(number(row.get(figure), how) for _, figure, how in COLUMNS)])
            rows += [["  / " + other, *ratio_cells(row, other)] for other in ("forwarder", "peer")
                     if "to_" + other in row]
        print("%s broker, window %d" % (kind, window))
        table(head, rows)
    print("At half of the rate at which each is full (tuned broker)")
    table(["", "requests/s", "p50 us", "p99 us", "p99.9 us", "max us"],
          [[LABELS.get(row["server"], row["server"]), "%.0f" % row["rate_per_s"],
            *("%.0f" % row[figure] for figure in ("p50_us", "p99_us", "p999_us", "max_us"))]
           for row in part["half_rate"]])
    print("Memory, MiB (1000 trackers; tuned broker)")
    table(["", "at rest", "in the end", "most"],
          [[LABELS.get(name, name), *(number(memory[field], "mib") for field in
                                      ("at_rest_kib", "rss_kib", "peak_rss_kib"))]
           for name, memory in part["memory"].items()])
    for note in notes:
        print(note)


def print_scales(part):
    print("\nThe service at scale (window 200, tuned broker)\n")
    table(["", "size", "requests/s", "CPU us", "to the smallest", "p99 us"],
          [[row["group"], row["size"], "%.0f" % row["rate_per_s"], "%.1f" % row["server_cpu_us_per_request"],
            "%.2f" % row["cpu_to_smallest"], "%.0f" % row["p99_us"]]
           for row in part["medians"]])
    print("Reading the registry file (--check-config), and the memory of the service that has read it, MiB")
    table(["trackers", "seconds", "CPU s", "memory", "most"],
          [[row["trackers"], "%.2f" % row["wall_s"], "%.2f" % row["cpu_s"], number(row["rss_kib"], "mib"),
            number(row["peak_rss_kib"], "mib")]
           for row in part["registry_load"]])
    reload = part["registry_reload"]
    print("Reloading %d trackers under %d requests/s: longest turn of the loop %s, longest round trip %.1f ms\n" % (
        reload["trackers"], reload["rate_per_s"],
        "n/a" if reload["turn_longest_ms"] is None else "%.1f ms" % reload["turn_longest_ms"], reload["max_us"] / 1000))


def print_members(members, indent="  "):
    for name, value in members.items():
        if isinstance(value, dict):
            print("%s%s" % (indent, name))
            print_members(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                print("%s%s: %s" % (indent, name, ", ".join("%s %s" % pair for pair in item.items())))
        else:
            print("%s%-28s %s" % (indent, name, "{:,}".format(value) if isinstance(value, (int, float)) else value))


def print_alone(part):
    for name, figures in part.items():
        print("The %s alone" % name)
        if figures:
            print_members(figures)
        else:
            print("  not measured: there is no tests/bench/%s.c" % name)
        print()


def print_budget(rows):
    print("BUDGET")
    table(["", "budget", "measured", ""],
          [[row["what"], row["budget"], row["measured"], row["verdict"]] for row in rows], left=(0, 3))
