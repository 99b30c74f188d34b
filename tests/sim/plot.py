#!/usr/bin/env python3
"""Draw what a simulation wrote: attempts and success over time of --csv, connects over time of --reconnects-csv."""

import argparse
import collections
import csv
import math
import sys

COLOURS = ("#6b7280", "#d1495b", "#e8a33d", "#2a7f62", "#3b6ea8")
WIDTH, PANEL_HEIGHT, LEFT, RIGHT, TOP, GAP = 470, 190, 64, 24, 76, 62
# Of outage_simulation and fleet_simulation: a kind of clients keeps its colour from picture to picture.
VARIANTS = ("no retries", "naive retries", "budget", "budget and breaker", "and hedges")
# Longer than it takes most to be back from the shorter losses.
RECONNECT_SECONDS = 10


class Panel:
    """One chart: seconds across, a quantity from 0 to `top` up."""

    def __init__(self, x, y, title, top, unit, seconds, every=30):
        self.x, self.y, self.title, self.top, self.unit = x, y, title, top, unit
        self.seconds, self.every = seconds, every

    def px(self, second):
        return self.x + WIDTH * second / self.seconds

    def py(self, value):
        return self.y + PANEL_HEIGHT * (1 - min(value, self.top) / self.top)

    def frame(self, fault):
        left, right = self.px(fault[0]), self.px(fault[1])
        yield f'<text class="title" x="{self.x}" y="{self.y - 10}">{self.title}</text>'
        yield (f'<rect class="fault" x="{left:.1f}" y="{self.y}" width="{right - left:.1f}" '
               f'height="{PANEL_HEIGHT}"/>')
        for step in range(5):
            value = self.top * step / 4
            y = self.py(value)
            yield f'<line class="grid" x1="{self.x}" y1="{y:.1f}" x2="{self.x + WIDTH}" y2="{y:.1f}"/>'
            yield (f'<text class="tick" text-anchor="end" x="{self.x - 8}" y="{y + 4:.1f}">'
                   f'{value:g}{self.unit}</text>')
        for second in range(0, self.seconds + 1, self.every):
            yield (f'<text class="tick" text-anchor="middle" x="{self.px(second):.1f}" '
                   f'y="{self.y + PANEL_HEIGHT + 18}">{second} s</text>')

    def line(self, values, colour, step=1.0):
        """A value for each `step` seconds."""
        points = " ".join(f"{self.px((index + 0.5) * step):.1f},{self.py(value):.1f}"
                          for index, value in enumerate(values))
        return f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{points}"/>'


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        sys.exit(f"plot.py: {path} holds no run; write it with outage_simulation or fleet_simulation")
    return rows


def group(rows, outer, inner, numbers):
    """{outer: {inner: [row]}}, in the order of the file."""
    groups = collections.OrderedDict()
    for row in rows:
        values = {key: int(row[key]) for key in numbers}
        groups.setdefault(row[outer], collections.OrderedDict()).setdefault(row[inner], []).append(values)
    return groups


def head(width, height, keys):
    """The picture's start, with a key of names and colours."""
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
           f'height="{height}" font-family="system-ui, sans-serif">')
    yield ("<style>.title{font-size:14px;font-weight:600;fill:#1f2937}.tick,.key{font-size:12px;fill:#4b5563}"
           ".grid{stroke:#e5e7eb}.fault{fill:#fef3c7}</style>")
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    x = LEFT
    for name, colour in keys:
        yield f'<line x1="{x}" y1="24" x2="{x + 24}" y2="24" stroke="{colour}" stroke-width="3"/>'
        yield f'<text class="key" x="{x + 32}" y="28">{name}</text>'
        x += 60 + 8 * len(name)
    yield f'<rect class="fault" x="{x}" y="15" width="24" height="17"/>'
    yield f'<text class="key" x="{x + 32}" y="28">the fault</text>'


def draw_faults(runs):
    """For each scenario a panel of attempts over one of success, two scenarios in a row."""
    present = [name for name in VARIANTS if any(name in by_variant for by_variant in runs.values())]
    colours = dict(zip(VARIANTS, COLOURS))
    columns = min(len(runs), 2)
    width = LEFT + columns * (WIDTH + LEFT) + RIGHT - LEFT
    row_height = 2 * (PANEL_HEIGHT + GAP)
    yield from head(width, TOP + math.ceil(len(runs) / columns) * row_height, [(name, colours[name]) for name in present])
    for place, (scenario, by_variant) in enumerate(runs.items()):
        rows = next(iter(by_variant.values()))
        in_fault = [row["second"] for row in rows if row["fault"]]
        fault = (min(in_fault), max(in_fault) + 1)
        x = LEFT + place % columns * (WIDTH + LEFT)
        y = TOP + place // columns * row_height
        attempts = Panel(x, y, f"{scenario}: attempts a second, of the normal rate", 8, " x", len(rows))
        success = Panel(x, y + PANEL_HEIGHT + GAP, f"{scenario}: calls that succeed, by when they start", 100, " %",
                        len(rows))
        yield from attempts.frame(fault)
        yield from success.frame(fault)
        for variant, rows in by_variant.items():
            normal = sum(row["attempts"] for row in rows[: fault[0]]) / fault[0]
            yield attempts.line([row["attempts"] / normal for row in rows], colours[variant])
            yield success.line([100 * row["successes"] / max(row["calls"], 1) for row in rows], colours[variant])
    yield "</svg>"


def draw_reconnects(losses):
    """A panel for each length of the loss: attempts of each 10 ms, of all clients."""
    names = list(next(iter(losses.values())))
    columns = min(len(losses), 2)
    shown = list(losses.items())[:columns]
    colours = dict(zip(names, (COLOURS[1], COLOURS[3], COLOURS[4])))
    width = LEFT + columns * (WIDTH + LEFT) + RIGHT - LEFT
    yield from head(width, TOP + PANEL_HEIGHT + GAP, colours.items())
    for column, (away, by_name) in enumerate(shown):
        clients = max(row["attempts"] for rows in by_name.values() for row in rows)
        panel = Panel(LEFT + column * (WIDTH + LEFT), TOP, f"lost for {int(away) / 1000:g} s: clients that try in 10 ms",
                      clients, "", RECONNECT_SECONDS, every=2)
        yield from panel.frame((0, int(away) / 1000))
        for name, rows in by_name.items():
            yield panel.line([row["attempts"] for row in rows if row["millisecond"] < 1000 * RECONNECT_SECONDS],
                             colours[name], step=0.01)
    yield "</svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", help="what a simulation wrote")
    parser.add_argument("svg", help="where the picture goes")
    arguments = parser.parse_args()
    rows = read_rows(arguments.csv)
    if "away" in rows[0]:
        lines = draw_reconnects(group(rows, "away", "what", ("millisecond", "attempts")))
    else:
        lines = draw_faults(group(rows, "scenario", "variant", ("second", "fault", "calls", "successes", "attempts")))
    with open(arguments.svg, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
