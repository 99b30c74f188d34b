"""A picture for each bar and each curve, drawn from the records of a run."""

import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import svg  # noqa: E402

import memory  # noqa: E402
import report  # noqa: E402

LEFT, RIGHT, TOP, GAP = 64, 24, 40, 84
WIDTH, HEIGHT = 470, 190
LABELS, STRIP, ROW = 250, 620, 34
STRIP_GAP = 70
DOTS = 120
POINTS = 250
INK, LIMIT, DOT, LINE = svg.COLOURS[0], svg.COLOURS[1], svg.COLOURS[2], svg.COLOURS[3]


def thinned(values, most):
    """Some of them, evenly, the first included."""
    step = max(1, -(-len(values) // most))
    return values[::step]


class Strip:
    """Rows of samples along one axis: each one a dot, their middle half a box, the median a line in it.

    `rows` are (label, samples, limit, how the limit reads); a limit may be None.
    """

    def __init__(self, title, rows):
        self.title, self.rows = title, rows
        shown = [limit for _, _, limit, _ in rows if limit is not None]
        for _, samples, _, _ in rows:
            ordered = sorted(samples)
            # A single round that took ten times as long must not squeeze all the others.
            cut = len(ordered) // 20
            shown += [ordered[cut], ordered[-1 - cut]]
        low, high = min(shown), max(shown)
        if low > 0 and high / low > 4:
            self.across = svg.decades([low, high])
            self.ticks = self.across.ticks()
        else:
            margin = max((high - low) * 0.08, abs(high) * 0.01, 1e-9)
            self.across = svg.Linear(low - margin, high + margin)
            self.ticks = svg.round_steps(self.across.low, self.across.high)

    @property
    def height(self):
        return len(self.rows) * ROW

    def draw(self, y):
        panel = svg.Panel(LABELS, y, STRIP, self.height, self.title, self.across, svg.Linear(0, 1))
        yield svg.text("title", 10, y - 10, self.title)
        yield from panel.columns(self.ticks, lambda value: f"{value:.4g}", grid=True)
        for number, (label, samples, limit, reading) in enumerate(self.rows):
            top = y + number * ROW
            yield svg.text("tick", LABELS - 10, top + ROW / 2 + 4, label, "end")
            yield from self.samples(panel, top, samples)
            if limit is not None:
                x = panel.px(limit)
                yield (f'<line x1="{x:.1f}" y1="{top + 2}" x2="{x:.1f}" y2="{top + ROW - 2}" stroke="{LIMIT}" '
                       'stroke-width="2"/>')
                at_the_right = x > LABELS + STRIP * 0.8
                yield svg.text("tick", f"{x + (-5 if at_the_right else 5):.1f}", top + 12, reading,
                               "end" if at_the_right else None)

    @staticmethod
    def samples(panel, top, samples):
        shown = thinned(samples, DOTS)
        dots = "".join(f'<circle cx="{panel.px(value):.1f}" cy="{top + 10 + (number * 7) % 15}" r="2"/>'
                       for number, value in enumerate(shown))
        yield f'<g fill="{DOT}" fill-opacity="0.5">{dots}</g>'
        low, high = (panel.px(value) for value in report.middle_half(samples))
        yield (f'<rect x="{low:.1f}" y="{top + 7}" width="{max(high - low, 1):.1f}" height="20" fill="{LINE}" '
               'fill-opacity="0.25"/>')
        middle = panel.px(statistics.median(samples))
        yield (f'<line x1="{middle:.1f}" y1="{top + 5}" x2="{middle:.1f}" y2="{top + 29}" stroke="{LINE}" '
               'stroke-width="2.5"/>')


def strips(parts):
    """The picture of some strips below each other, and what their marks mean."""
    height = TOP + sum(part.height + STRIP_GAP for part in parts) + 4
    body = [f'<rect x="{LABELS}" y="{height - 26}" width="24" height="14" fill="{LINE}" fill-opacity="0.25"/>',
            svg.text("key", LABELS + 30, height - 14, "middle half and median"),
            f'<circle cx="{LABELS + 190}" cy="{height - 19}" r="2.5" fill="{DOT}"/>',
            svg.text("key", LABELS + 200, height - 14, "a round"),
            f'<line x1="{LABELS + 270}" y1="{height - 27}" x2="{LABELS + 270}" y2="{height - 11}" stroke="{LIMIT}" '
            'stroke-width="2"/>', svg.text("key", LABELS + 280, height - 14, "bar")]
    y = TOP
    for part in parts:
        body += part.draw(y)
        y += part.height + STRIP_GAP
    return svg.document(LABELS + STRIP + RIGHT, height, body)


def paired_strip(record):
    subject = next(iter(record["samples"]))
    relation, _ = report.bounds(record)
    rows = []
    for label in list(record["samples"])[1:]:
        limit = record["bars"].get(label)
        rows.append((f"against {label}", report.ratios(record, label), limit,
                     None if limit is None else f"{relation} {limit:g}"))
    return Strip(f"{record['key']}, {record['title']}: {subject}'s {record['measure']} over the other's", rows) if rows else None


def slices_strips(record):
    for name, title in (("time_ratio", "time over the stub's"), ("more_cpu_us_per_call", "more CPU a call, us")):
        limit = record["bars"][name]
        yield Strip(f"P5, {title}", [(form["mode"], form["samples"][name], limit, f"<= {limit:g}")
                                     for form in record["forms"]])
    limit = record["bars"]["more_allocations_per_call"]
    yield Strip("P5, more allocations a call", [(form["mode"], [report.more_allocations(form)], limit, f"<= {limit}")
                                               for form in record["forms"]])


def nanoseconds_strip(record):
    return Strip("P6, CPU of an admission and its verdict, ns",
                 [(f"{row['operation']}, {report.threads(row)}", row["nanoseconds"], row["limit_ns"],
                   f"<= {row['limit_ns']}") for row in record["rows"]])


def bar_strips(records):
    parts = []
    for record in records:
        if record["kind"] == "paired":
            parts += filter(None, [paired_strip(record)])
        elif record["kind"] == "slices":
            parts += slices_strips(record)
        elif record["kind"] == "nanoseconds":
            parts.append(nanoseconds_strip(record))
    return parts


def memory_picture(record):
    """What was held over time, a panel for each run, from the first sample on."""
    body = []
    for number, run in enumerate(record["runs"]):
        samples = thinned(run["samples"], POINTS)
        panel = svg.Panel(LEFT + number * (WIDTH + LEFT), TOP, WIDTH, HEIGHT,
                          f"P8, {run['units']:,} by {run['label']}: MiB resident", svg.Linear(0, run["seconds"]),
                          svg.rounded([most / 1024 for _, _, most in samples]))
        body.append(panel.heading())
        body.append(panel.band(0, run["seconds"] * memory.WARM_UP_SHARE))
        body += panel.rows()
        body += panel.columns(svg.round_steps(0, run["seconds"]), lambda seconds: f"{seconds:.3g} s")
        body.append(panel.line([(seconds, held / 1024) for seconds, held, _ in samples], LINE))
        warm, _ = memory.growth_mib(run)
        limit = warm + record["flat_within_mib"]
        body += panel.limit(limit, f"bar: {limit:.1f}")
    height = TOP + HEIGHT + GAP
    body.append(f'<rect class="fault" x="{LEFT}" y="{height - 28}" width="24" height="14"/>')
    body.append(svg.text("key", LEFT + 32, height - 16, "warm-up"))
    return svg.document(LEFT + len(record["runs"]) * (WIDTH + LEFT), height, body)


def curve_panel(panel, x, y):
    places = sorted({place for _, points in panel["lines"] for place, _ in points})
    values = [value for _, points in panel["lines"] for _, samples in points for value in samples]
    up = svg.decades(values) if panel["logarithmic"] else svg.rounded(values)
    across = svg.Logarithmic(places[0], places[-1]) if len(places) > 1 else svg.Linear(0, places[0] * 2)
    drawn = svg.Panel(x, y, WIDTH, HEIGHT, f"{panel['title']}, {panel['unit']}", across, up)
    yield drawn.heading()
    yield from drawn.rows()
    shown = thinned(places, 8) if len(places) > 9 else places
    yield from drawn.columns(shown, svg.binary if panel["across"].startswith("bytes") else svg.brief)
    yield svg.text("tick", x + WIDTH, y + HEIGHT + 34, panel["across"], "end")
    colours = svg.COLOURS[3:] if len(panel["lines"]) == 1 else svg.COLOURS[3:] + svg.COLOURS[1:3]
    for (_, points), colour in zip(panel["lines"], colours):
        yield drawn.dots([(place, value) for place, samples in points for value in samples], colour)
        yield drawn.line([(place, statistics.median(samples)) for place, samples in points], colour)
    if len(panel["lines"]) > 1:
        elements, _ = svg.key(x, y + HEIGHT + 30, [(label, colour) for (label, _), colour in zip(panel["lines"], colours)])
        yield from elements


def curve_picture(record):
    """The curve's panels, two beside each other."""
    body = []
    for number, panel in enumerate(record["panels"]):
        body += curve_panel(panel, LEFT + number % 2 * (WIDTH + LEFT), TOP + number // 2 * (HEIGHT + GAP))
    columns, rows = min(len(record["panels"]), 2), (len(record["panels"]) + 1) // 2
    return svg.document(LEFT + columns * (WIDTH + LEFT) - LEFT + RIGHT, TOP + rows * (HEIGHT + GAP), body)


def picture(records):
    """The lines of the picture of all records of one key; None where there is nothing to draw."""
    if records[0]["kind"] == "curve":
        return curve_picture(records[0])
    if records[0]["kind"] == "memory":
        return memory_picture(records[0])
    parts = bar_strips(records)
    return strips(parts) if parts else None
