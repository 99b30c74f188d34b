#!/usr/bin/env python3
"""Writes what scripts/torture has left as JSON in a folder into docs/reliability.md; parts without results stay."""

import argparse
import collections
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "tests" / "support"))

from page import replace_part, table  # noqa: E402

SIGNALS = {"kill": "kill -9", "drain": "SIGTERM", "age": "connections end after 1 s", "client": "kill -9 of dispatchctl",
           "none": "left alone"}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def taken(part):
    """When and how a part was run."""
    command = f"scripts/torture --only {part['name']}" + (" --long" if part["long"] else "")
    return f"`{command}`, {part['date']}, commit {part['commit']}, {part['seconds']} s: {part['verdict']}.\n\n"


def short_name(test):
    return re.sub(r"\[.*", "", test.split("/")[-1])


def faults(results):
    rows = []
    for row in json.loads((results / "faults.json").read_text()):
        tests = collections.OrderedDict()
        for test in row["tests"]:
            tests.setdefault(short_name(test["test"]), []).append(test)
        names = []
        for name, runs in tests.items():
            skipped = [run for run in runs if run["outcome"] == "skipped"]
            names.append(f"`{name}`" + (f" x {len(runs)}" if len(runs) > 1 else "")
                         + (f" ({len(skipped)} skipped)" if skipped else ""))
        rows.append([row["row"], row["fault"], row["outcome"], row["verdict"], ", ".join(names)])
    return table(["row", "fault", "what must come of it", "seen", "tests"], rows)


def footprint(told, kind, unit=""):
    return f"{told[kind]['first_quarter_max']:g}, then {told[kind]['later_max']:g}{unit}"


def soak(results):
    rows = []
    for run in lines_of(results / "soak.ndjson"):
        what = f"{run['lines']:,} " + ("assignments" if "streams" in run else f"lookups, {run['parallel']} in flight")
        if run.get("streams", 1) > 1:
            what += f", {run['streams']} streams" + (", in order" if run["ordered"] else "")
        lost = (f"{run['lines'] - run['distinct_results']} lost, {run['result_lines'] - run['distinct_results']} twice, "
                f"{run['differing_from_journal']} unlike the journals" if "streams" in run else
                f"{run['errors']} errors, " + ("each answered once" if run["each_answered_once"] else "NOT each answered once"))
        told = run["footprint"]
        rows.append([what, SIGNALS[run["tear"]], run["hits"] or "", lost, footprint(told, "memory_mib", " MiB"),
                     footprint(told, "descriptors"), footprint(told, "threads"), run["seconds"],
                     "as expected" if run["good"] else "**failed**"])
    return table(["work", "what is done to the servers", "times", "seen", "memory, at most", "descriptors", "threads", "seconds", ""],
                 rows)


def fuzz(results):
    rows = [[target["target"], f"{target['executions']:,}", target["seconds"], target["edges"], len(target["crashes"])]
            for target in json.loads((results / "fuzz.json").read_text())]
    return table(["target", "inputs run", "seconds", "edges covered", "crashes"], rows)


def mutation(results):
    rows = [[piece["piece"], f"`{file['file']}`", file["mutants"], file["killed"], file["did_not_compile"], file["equivalent"],
             file["not_tried"], len(file["survivors"])]
            for piece in json.loads((results / "mutation.json").read_text())["pieces"] for file in piece["files"]]
    return table(["piece", "file", "mutants", "noticed by a test", "did not compile", "equivalent", "not tried", "survived"], rows)


def sanitizers(results):
    rows = [[run["preset"], run["tests"], run["failed"], run["skipped"], run["verdict"]]
            for run in lines_of(results / "sanitizers.ndjson")]
    return table(["preset", "tests", "failed", "skipped", ""], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "reliability.md")
    arguments = parser.parse_args()
    text = arguments.page.read_text()
    for part in (faults, soak, fuzz, mutation, sanitizers):
        told = arguments.results / f"{part.__name__}.part.json"
        if told.exists():
            text = replace_part(text, part.__name__, taken(json.loads(told.read_text())) + part(arguments.results))
    arguments.page.write_text(text)


if __name__ == "__main__":
    main()
