#!/usr/bin/env python3
"""Rewrites the measured parts of docs/performance.md, and its pictures, from what scripts/bench --json wrote.

    make_page.py MEASURED.jsonl...

Its parts are the bars (P1) and the curves (in-flight), `machine`, and `bars`, the table of all of them. What the files
hold nothing of stays as it is. Of several runs of the same bar or curve the last one counts.
"""

import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "tests/support"))

import plots  # noqa: E402
import report  # noqa: E402
import svg  # noqa: E402
from page import replace_part  # noqa: E402


class Unusable(Exception):
    """What was measured is not for the page."""


def read(paths):
    """The runs, and the records by key, both of the last run of each key."""
    runs, records = [], {}
    for path in paths:
        run = None
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["kind"] == "run":
                run = {**record, "keys": []}
                runs.append(run)
                continue
            if run is None:
                raise Unusable(f"{path} does not say of which run its records are")
            key = record["key"]
            if key not in run["keys"]:
                for earlier in runs:
                    earlier["keys"] = [kept for kept in earlier["keys"] if kept != key]
                run["keys"].append(key)
                records[key] = []
            records[key].append(record)
    return [run for run in runs if run["keys"]], records


def image_name(key):
    return f"performance-{key.lower()}.svg"


def parts(runs, records, pictures):
    """The text of each part that there is something for; the lines of pictures go into `pictures` by name."""
    found = {"machine": [line for run in runs for line in report.run_lines(run)]}
    bars = [record for of_key in records.values() for record in of_key if report.verdicts(record)]
    if bars:
        found["bars"] = [report.summary(sorted(bars, key=lambda record: record["key"]))]
    for key, of_key in records.items():
        lines = []
        drawn = plots.picture(of_key)
        if drawn is not None:
            pictures[image_name(key)] = list(drawn)
            lines.append(f"![{key}: {of_key[0]['title']}](images/{image_name(key)})")
        for record in of_key:
            lines += ["", f"{record['title'][0].upper()}{record['title'][1:]}:", "", *report.section(record)]
        found[key] = lines
    return found


def make(measured, page, images, allow_quick=False):
    """Writes the page and its pictures."""
    runs, records = read(measured)
    if not records:
        raise Unusable("nothing was measured")
    if not allow_quick and any(run["quick"] for run in runs):
        raise Unusable("a look taken with --quick is no measurement")
    pictures = {}
    text = page.read_text(encoding="utf-8")
    for key, lines in parts(runs, records, pictures).items():
        text = replace_part(text, key, "\n".join(lines))
    images.mkdir(exist_ok=True)
    for name, lines in pictures.items():
        svg.write(images / name, lines)
    page.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", nargs="+", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path, default=ROOT / "docs/performance.md")
    parser.add_argument("--images", type=pathlib.Path, help="default: images, beside the page")
    parser.add_argument("--allow-quick", action="store_true", help="take what --quick gave too, for a page to look at")
    options = parser.parse_args()
    try:
        make(options.measured, options.page, options.images or options.page.parent / "images", options.allow_quick)
    except (OSError, ValueError, Unusable) as problem:
        sys.exit(f"make_page.py: {problem}")


if __name__ == "__main__":
    main()
