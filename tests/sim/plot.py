#!/usr/bin/env python3
"""Draw what a simulation wrote: attempts and success over time of --csv, connects over time of --reconnects-csv."""

import argparse
import collections
import csv
import math
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import svg  # noqa: E402

WIDTH, PANEL_HEIGHT, LEFT, RIGHT, TOP, GAP = 470, 190, 64, 24, 76, 62
# Of outage_simulation and fleet_simulation: a kind of clients keeps its colour from picture to picture.
VARIANTS = ("no retries", "naive retries", "budget", "budget and breaker", "and hedges")
# Longer than it takes most to be back from the shorter losses.
RECONNECT_SECONDS = 10


class Panel(svg.Panel):
    """One chart: seconds across, a quantity from 0 to `top` up."""

    def __init__(self, x, y, title, top, unit, seconds, every=30):
        super().__init__(x, y, WIDTH, PANEL_HEIGHT, title, svg.Linear(0, seconds), svg.Linear(0, top))
        self.unit, self.every = unit, every

    def frame(self, fault):
        yield self.heading()
        yield self.band(*fault)
        yield from self.rows(lambda value: f"{value:g}{self.unit}")
        yield from self.columns(range(0, self.across.high + 1, self.every), lambda second: f"{second} s")

    def steps(self, values, colour, step=1.0):
        """A value for each `step` seconds, at its middle."""
        return self.line([((index + 0.5) * step, value) for index, value in enumerate(values)], colour)


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


def head(keys):
    """What the lines are, and the fault."""
    elements, x = svg.key(LEFT, 24, keys)
    yield from elements
    yield f'<rect class="fault" x="{x}" y="15" width="24" height="17"/>'
    yield svg.text("key", x + 32, 28, "the fault")


def draw_faults(runs):
    """For each scenario a panel of attempts over one of success, two scenarios in a row. Width, height, elements."""
    present = [name for name in VARIANTS if any(name in by_variant for by_variant in runs.values())]
    colours = dict(zip(VARIANTS, svg.COLOURS))
    columns = min(len(runs), 2)
    width = LEFT + columns * (WIDTH + LEFT) + RIGHT - LEFT
    row_height = 2 * (PANEL_HEIGHT + GAP)
    body = list(head([(name, colours[name]) for name in present]))
    for place, (scenario, by_variant) in enumerate(runs.items()):
        rows = next(iter(by_variant.values()))
        in_fault = [row["second"] for row in rows if row["fault"]]
        fault = (min(in_fault), max(in_fault) + 1)
        x = LEFT + place % columns * (WIDTH + LEFT)
        y = TOP + place // columns * row_height
        attempts = Panel(x, y, f"{scenario}: attempts a second, of the normal rate", 8, " x", len(rows))
        success = Panel(x, y + PANEL_HEIGHT + GAP, f"{scenario}: calls that succeed, by when they start", 100, " %",
                        len(rows))
        body += attempts.frame(fault)
        body += success.frame(fault)
        for variant, rows in by_variant.items():
            normal = sum(row["attempts"] for row in rows[: fault[0]]) / fault[0]
            body.append(attempts.steps([row["attempts"] / normal for row in rows], colours[variant]))
            body.append(success.steps([100 * row["successes"] / max(row["calls"], 1) for row in rows], colours[variant]))
    return width, TOP + math.ceil(len(runs) / columns) * row_height, body


def draw_reconnects(losses):
    """A panel for each length of the loss: attempts of each 10 ms, of all clients. Width, height, elements."""
    names = list(next(iter(losses.values())))
    columns = min(len(losses), 2)
    shown = list(losses.items())[:columns]
    colours = dict(zip(names, (svg.COLOURS[1], svg.COLOURS[3], svg.COLOURS[4])))
    width = LEFT + columns * (WIDTH + LEFT) + RIGHT - LEFT
    body = list(head(colours.items()))
    for column, (away, by_name) in enumerate(shown):
        clients = max(row["attempts"] for rows in by_name.values() for row in rows)
        panel = Panel(LEFT + column * (WIDTH + LEFT), TOP, f"lost for {int(away) / 1000:g} s: clients that try in 10 ms",
                      clients, "", RECONNECT_SECONDS, every=2)
        body += panel.frame((0, int(away) / 1000))
        for name, rows in by_name.items():
            body.append(panel.steps([row["attempts"] for row in rows if row["millisecond"] < 1000 * RECONNECT_SECONDS],
                                    colours[name], step=0.01))
    return width, TOP + PANEL_HEIGHT + GAP, body


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", help="what a simulation wrote")
    parser.add_argument("svg", help="where the picture goes")
    arguments = parser.parse_args()
    rows = read_rows(arguments.csv)
    if "away" in rows[0]:
        picture = draw_reconnects(group(rows, "away", "what", ("millisecond", "attempts")))
    else:
        picture = draw_faults(group(rows, "scenario", "variant", ("second", "fault", "calls", "successes", "attempts")))
    svg.write(arguments.svg, svg.document(*picture))


if __name__ == "__main__":
    main()
