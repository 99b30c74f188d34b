#!/usr/bin/env python3
"""Draw what outage_simulation --csv wrote: attempts and success over time, a line for each variant."""

import argparse
import collections
import csv
import sys

COLOURS = ("#6b7280", "#d1495b", "#e8a33d", "#2a7f62")
WIDTH, PANEL_HEIGHT, LEFT, RIGHT, TOP, GAP = 470, 190, 64, 24, 76, 62


class Panel:
    """One chart: seconds across, a quantity from 0 to `top` up."""

    def __init__(self, x, y, title, top, unit, seconds):
        self.x, self.y, self.title, self.top, self.unit, self.seconds = x, y, title, top, unit, seconds

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
        for second in range(0, self.seconds + 1, 30):
            yield (f'<text class="tick" text-anchor="middle" x="{self.px(second):.1f}" '
                   f'y="{self.y + PANEL_HEIGHT + 18}">{second} s</text>')

    def line(self, values, colour):
        points = " ".join(f"{self.px(second + 0.5):.1f},{self.py(value):.1f}" for second, value in enumerate(values))
        return f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{points}"/>'


def read_runs(path):
    """{scenario: {variant: [row of each second]}}, in the order of the file."""
    runs = collections.OrderedDict()
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            second = {key: int(row[key]) for key in ("second", "fault", "calls", "successes", "attempts")}
            runs.setdefault(row["scenario"], collections.OrderedDict()).setdefault(row["variant"], []).append(second)
    if not runs:
        sys.exit(f"plot.py: {path} holds no run; write it with outage_simulation --csv")
    return runs


def draw(runs):
    variants = list(next(iter(runs.values())))
    rows = next(iter(next(iter(runs.values())).values()))
    seconds = len(rows)
    in_fault = [row["second"] for row in rows if row["fault"]]
    fault = (min(in_fault), max(in_fault) + 1)
    width = LEFT + len(runs) * (WIDTH + LEFT) + RIGHT - LEFT
    height = TOP + 2 * (PANEL_HEIGHT + GAP)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
           f'height="{height}" font-family="system-ui, sans-serif">')
    yield ("<style>.title{font-size:14px;font-weight:600;fill:#1f2937}.tick,.key{font-size:12px;fill:#4b5563}"
           ".grid{stroke:#e5e7eb}.fault{fill:#fef3c7}</style>")
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    x = LEFT
    for variant, colour in zip(variants, COLOURS):
        yield f'<line x1="{x}" y1="24" x2="{x + 24}" y2="24" stroke="{colour}" stroke-width="3"/>'
        yield f'<text class="key" x="{x + 32}" y="28">{variant}</text>'
        x += 60 + 8 * len(variant)
    yield f'<rect class="fault" x="{x}" y="15" width="24" height="17"/>'
    yield f'<text class="key" x="{x + 32}" y="28">the fault</text>'
    for column, (scenario, by_variant) in enumerate(runs.items()):
        x = LEFT + column * (WIDTH + LEFT)
        attempts = Panel(x, TOP, f"{scenario}: attempts a second, of the normal rate", 8, " x", seconds)
        success = Panel(x, TOP + PANEL_HEIGHT + GAP, f"{scenario}: calls that succeed, by when they start", 100, " %",
                        seconds)
        yield from attempts.frame(fault)
        yield from success.frame(fault)
        for variant, colour in zip(variants, COLOURS):
            rows = by_variant[variant]
            normal = sum(row["attempts"] for row in rows[: fault[0]]) / fault[0]
            yield attempts.line([row["attempts"] / normal for row in rows], colour)
            yield success.line([100 * row["successes"] / max(row["calls"], 1) for row in rows], colour)
    yield "</svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", help="what outage_simulation --csv wrote")
    parser.add_argument("svg", help="where the picture goes")
    arguments = parser.parse_args()
    picture = "\n".join(draw(read_runs(arguments.csv))) + "\n"
    with open(arguments.svg, "w", encoding="utf-8") as file:
        file.write(picture)


if __name__ == "__main__":
    main()
