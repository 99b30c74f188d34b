"""What was measured, as Markdown: each record's table, what it says of the bars, and the table of all bars.

A record is a JSON object with `kind`, `key` (the bar's or the curve's) and `title`; the rest is by its kind.
"""

import dataclasses
import pathlib
import statistics
import sys

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import memory  # noqa: E402
from page import table  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One figure that is held to a bar."""

    bar: str
    what: str
    measured: str
    asked: str
    met: bool
    note: str = ""


def middle_half(values):
    """Its ends, so that a reader sees what a median is worth."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def median_of(samples, column):
    return statistics.median(sample[column] for sample in samples)


def ratios(record, label):
    """Of each round: the subject's time over the other's, or where rates are compared the other way round."""
    samples = record["samples"]
    subject = samples[next(iter(samples))]
    pairs = [(ours[0], theirs[0]) for ours, theirs in zip(subject, samples[label])]
    return [theirs / ours if record["measure"] == "rate" else ours / theirs for ours, theirs in pairs]


def duration(seconds):
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def span(values, form="{:.3f}"):
    low, high = middle_half(values)
    return f"{form.format(low)} to {form.format(high)}"


def bounds(record):
    """How a paired record's bars read, and whether a ratio meets one."""
    if record["measure"] == "rate":
        return ">=", lambda ratio, limit: ratio >= limit
    return "<=", lambda ratio, limit: ratio <= limit


def paired_verdicts(record):
    subject = next(iter(record["samples"]))
    relation, meets = bounds(record)
    for label, limit in record["bars"].items():
        values = ratios(record, label)
        ratio = statistics.median(values)
        yield Verdict(record["key"], f"{record['title']}: {subject}'s {record['measure']} over {label}'s", f"{ratio:.3f}",
                      f"{relation} {limit:g}", meets(ratio, limit),
                      f"{len(values)} rounds, middle half {span(values)}")
    if record["max_peak_mib"] is not None:
        peak = record["peak_mib"][subject]
        yield Verdict(record["key"], f"{record['title']}: peak memory of {subject}", f"{peak:.1f} MiB",
                      f"< {record['max_peak_mib']} MiB", peak < record["max_peak_mib"])


def paired_table(record):
    """Every program with its medians."""
    subject = next(iter(record["samples"]))
    units, unit = record["units"], record["unit"]
    header = ["program", "wall"]
    header += [f"{unit}/s", f"CPU us/{unit.removesuffix('s')}"] if units > 1 else ["CPU"]
    header += ["peak", f"{subject}'s {record['measure']} over this", "middle half"]
    rows = []
    for label, samples in record["samples"].items():
        wall, cpu = median_of(samples, 0), median_of(samples, 1)
        row = [label, duration(wall)]
        row += [f"{units / wall:,.0f}", f"{cpu / units * 1e6:.2f}"] if units > 1 else [duration(cpu)]
        row.append(f"{record['peak_mib'][label]:.1f} MiB")
        if label == subject:
            row += ["", ""]
        else:
            values = ratios(record, label)
            row += [f"**{statistics.median(values):.3f}**", span(values)]
        rows.append(row)
    return table(header, rows)


def more_allocations(form):
    return form["allocations_per_call"]["library"] - form["allocations_per_call"]["stub"]


def slices_verdicts(record):
    limits = record["bars"]
    for form in record["forms"]:
        of = f"{form['mode']} lookups, library against stub"
        note = f"{form['rounds']} rounds"
        times, cpus = form["samples"]["time_ratio"], form["samples"]["more_cpu_us_per_call"]
        ratio, more = statistics.median(times), statistics.median(cpus)
        yield Verdict("P5", f"{of}: time", f"{ratio:.3f}", f"<= {limits['time_ratio']:g}", ratio <= limits["time_ratio"],
                      f"{note}, middle half {span(times)}")
        limit = limits["more_cpu_us_per_call"]
        yield Verdict("P5", f"{of}: more CPU a call", f"{more:.2f} us", f"<= {limit:g} us", more <= limit,
                      f"{note}, middle half {span(cpus, '{:.2f}')}")
        limit, extra = limits["more_allocations_per_call"], more_allocations(form)
        # Whole ones: what a call in some tens makes besides, as a table grows or a block is used up, makes none more.
        yield Verdict("P5", f"{of}: more allocations a call", f"{extra:.2f}", f"<= {limit:g}", round(extra) <= limit)


def slices_table(record):
    rows = []
    for form in record["forms"]:
        samples = form["samples"]
        times, more = samples["time_ratio"], samples["more_cpu_us_per_call"]
        rows.append([f"{form['mode']}, {form['in_flight']} in flight", f"{statistics.median(times):.3f} ({span(times)})",
                     f"{statistics.median(samples['cpu_ratio']):.3f}",
                     f"{statistics.median(more):.2f} us ({span(more, '{:.2f}')})",
                     "{library:.2f}, {stub:.2f}".format(**form["allocations_per_call"])])
    return table(["form", "time over the stub's", "CPU over the stub's", "more CPU a call",
                  "allocations a call, library and stub"], rows)


def threads(row):
    return "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"


def nanoseconds_verdicts(record):
    for row in record["rows"]:
        middle = statistics.median(row["nanoseconds"])
        yield Verdict("P6", f"{row['operation']}, {threads(row)}: CPU", f"{middle:.0f} ns", f"<= {row['limit_ns']} ns",
                      middle <= row["limit_ns"])
    most = max(max(row["allocations"]) for row in record["rows"])
    yield Verdict("P6", "allocations of any of them", f"{most:g}", "0", most == 0)


def nanoseconds_table(record):
    rows = [[row["operation"], row["threads"], f"{statistics.median(row['nanoseconds']):.1f} ns",
             f"{min(row['nanoseconds']):.1f} to {max(row['nanoseconds']):.1f} ns", f"{max(row['allocations']):g}"]
            for row in record["rows"]]
    return table(["operation", "threads", "CPU", "lowest to highest", "allocations"], rows)


def memory_verdicts(record):
    limit = record["flat_within_mib"]
    for run in record["runs"]:
        warm, growth = memory.growth_mib(run)
        yield Verdict("P8", f"{run['units']:,} by {run['label']}: growth of the peak after the first tenth of the run",
                      f"{growth:.2f} MiB", f"<= {limit:g} MiB", growth <= limit, f"{warm:.1f} MiB by then")


def memory_table(record):
    rows = []
    for run in record["runs"]:
        warm, growth = memory.growth_mib(run)
        rows.append([run["label"], f"{run['units']:,}", f"{run['seconds']:.1f}", f"{warm:.2f} MiB", f"{warm + growth:.2f} MiB"])
    return table(["command", "operations", "seconds", "peak by the end of the first tenth", "peak of all"], rows)


def figure(value):
    """A number with three digits that say something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def curve_table(record):
    """A row for each place across; the panels that share them side by side."""
    by_axis = {}
    for panel in record["panels"]:
        for label, points in panel["lines"]:
            name = panel["title"] if label is None else f"{panel['title']}: {label}"
            heading = f"{name}, {panel['unit']}"
            by_axis.setdefault(panel["across"], {})[heading] = {x: statistics.median(values) for x, values in points}
    tables = []
    for across, columns in by_axis.items():
        places = sorted({x for column in columns.values() for x in column})
        tables.append(table([across, *columns],
                            [[f"{x:,}", *(figure(column[x]) if x in column else "" for column in columns.values())]
                             for x in places]))
    return "\n".join(tables)


TABLES = {"paired": paired_table, "slices": slices_table, "nanoseconds": nanoseconds_table, "memory": memory_table,
          "curve": curve_table}
VERDICTS = {"paired": paired_verdicts, "slices": slices_verdicts, "nanoseconds": nanoseconds_verdicts,
            "memory": memory_verdicts}


def verdicts(record):
    return list(VERDICTS.get(record["kind"], lambda _: ())(record))


def commands(record):
    """What was run, as one would type it."""
    if "command" in record:
        return [record["command"]]
    if "commands" in record:
        return list(record["commands"].values()) if isinstance(record["commands"], dict) else record["commands"]
    return [part["command"] for part in record.get("forms", record.get("runs", []))]


def section(record):
    """Everything about one record, below a heading that is not its own."""
    if record["kind"] in TABLES:
        yield TABLES[record["kind"]](record).rstrip()
    if found := verdicts(record):
        yield ""
    for verdict in found:
        yield (f"- {verdict.what}: {verdict.measured}; bar: {verdict.asked}: {'met' if verdict.met else '**missed**'}"
               f"{f' ({verdict.note})' if verdict.note else ''}")
    for reason in record.get("left_out", ()):
        yield from ("", f"Not compared: {reason}.")
    if typed := commands(record):
        yield ""
        yield from (f"    {command}" for command in typed)


def summary(records):
    """The table of all bars."""
    rows = [[verdict.bar, verdict.what, verdict.measured + (f" ({verdict.note})" if verdict.note else ""), verdict.asked,
             "met" if verdict.met else "**missed**"] for record in records for verdict in verdicts(record)]
    return table(["bar", "what", "measured", "asked", ""], rows)


def run_lines(run):
    """Where, when and of what a run was."""
    machine = run["machine"]
    yield (f"- {run['date']}: {', '.join(run['keys'])}, commit {run['commit']}"
           f"{' (--quick: a look, not a measurement)' if run['quick'] else ''}, by `{run['command']}`; load before: "
           f"{machine['load']}")
    yield f"- machine: {machine['cpus']} x {machine['model']}, {machine['memory_mib']:,} MiB, {machine['system']}"
    yield "- " + ", ".join(f"{name} {version}" for name, version in run["versions"].items())
