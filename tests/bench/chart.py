"""The chart: throughput, latency and CPU of the servers by window, drawn by gnuplot."""
import subprocess

from processes import Failure

# Told apart by shape and by place as well as by colour; these are safe for the colour-blind.
SERVERS = [
    ("forwarder", "bare paho forwarder", "#7f7f7f", 4),
    ("service", "outputd", "#0072b2", 7),
    ("service_hp", "outputd, with a faster paho", "#56b4e9", 13),
    ("peer", "peer on mqtt.js", "#d55e00", 9),
]
PANELS = [
    ("requests per second", [("rate_per_s", 1, 1)], False),
    ("round trip, ms: p50 (line), p99 (dots)", [("p50_us", 1000, 1), ("p99_us", 1000, 3)], True),
    ("CPU of the server, µs per request", [("server_cpu_us_per_request", 1, 1)], False),
]

HEAD = """set terminal svg size 1140,390 font "Helvetica,Arial,sans-serif,13" background "#ffffff" enhanced
set output "%s"
set multiplot layout 1,3 margins 0.055,0.985,0.17,0.80 spacing 0.055,0
set logscale x
set border 3 lc rgb "#404040"
set tics nomirror out
set grid ytics lc rgb "#e0e0e0" lt 1
set xlabel "requests in flight (window)" offset 0,0.3
set key off
"""


COLUMNS = ["rate_per_s", "p50_us", "p99_us", "server_cpu_us_per_request"]  # behind the window


def data_blocks(rows):
    """One of windows and figures for each server that was measured."""
    text = ""
    for name, _, _, _ in SERVERS:
        mine = sorted((row for row in rows if row["server"] == name and row["broker"] == "tuned"),
                      key=lambda row: row["window"])
        if mine:
            lines = [" ".join("%g" % row[figure] for figure in ["window", *COLUMNS]) for row in mine]
            text += "$%s << EOD\n%s\nEOD\n" % (name, "\n".join(lines))
    return text


def legend(measured):
    """In a line over all panels: gnuplot's own key belongs to one of them."""
    shown = [server for server in SERVERS if server[0] in measured]
    text = ""
    for i, (_, title, colour, point) in enumerate(shown):
        text += 'set label %d "  %s" at screen %g,0.955 left point lc rgb "%s" pt %d ps 0.9 textcolor rgb "%s"\n' % (
            i + 1, title, 0.5 + (i - len(shown) / 2) * 0.22, colour, point, colour)
    return text


def curves(measured, figures):
    parts = []
    for figure, divisor, dash in figures:
        for name, _, colour, point in SERVERS:
            if name not in measured:
                continue
            parts.append('$%s using 1:($%d/%d) with linespoints lc rgb "%s" lw 2 dt %d pt %d ps 0.8'
                         % (name, COLUMNS.index(figure) + 2, divisor, colour, dash, point))
    return "plot " + ", \\\n  ".join(parts) + "\n"


def script(rows, path):
    measured = {row["server"] for row in rows}
    windows = sorted({row["window"] for row in rows if row["broker"] == "tuned"})
    text = HEAD % path + data_blocks(rows)
    text += "set xtics (%s)\nset xrange [%g:%g]\n" % (", ".join(str(window) for window in windows),
                                                      windows[0] * 0.8, windows[-1] * 1.25)
    text += legend(measured)
    for title, figures, logarithmic in PANELS:
        text += 'set title "%s" offset 0,-0.3\n' % title
        text += "set logscale y\nset yrange [*:*]\n" if logarithmic else "unset logscale y\nset yrange [0:*]\n"
        text += curves(measured, figures)
        text += "unset label\n"
    return text + "unset multiplot\n"


def draw(rows, path):
    done = subprocess.run(["gnuplot", "-"], input=script(rows, path), capture_output=True, text=True)
    if done.returncode:
        raise Failure("gnuplot: %s" % done.stderr.strip())
