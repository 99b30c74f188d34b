#!/usr/bin/env python3
"""Runs the tests of the fault catalogue, which are named after its rows, and tells what came of each row.

A row fails when one of its tests does or when it has none; it is skipped when all of them are. Exits 1 when a row
fails. The tests are those that ctest knows in the build folder: `F08...` of GoogleTest's, and `test_f08_...` in the
files of pytest's. --json writes all that the page in docs/ is made from.
"""

import argparse
import ast
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree
from pathlib import Path

ROW_OF_CASE = re.compile(r"F(\d\d)[A-Z]")
ROW_OF_FUNCTION = re.compile(r"test_f(\d\d)_")

Outcome = collections.namedtuple("Outcome", "row test outcome seconds reason")


def row_of(name):
    """The row a test's name says it proves, or None."""
    found = ROW_OF_CASE.match(name) or ROW_OF_FUNCTION.match(name)
    return f"F{found[1]}" if found else None


def functions_of(path):
    return [node.name for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef) and row_of(node.name)]


def known_tests(build):
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True)
    return json.loads(listed.stdout)["tests"]


def outcomes_in(report, name_of):
    """What a JUnit report says of the tests that have a row; several runs of one test are told as one, the worst."""
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        name = name_of(case)
        row = row_of(name.split(".")[-1].split("::")[-1])
        if row is None:
            continue
        outcome, reason = "passed", ""
        for tag in ("failure", "error", "skipped"):
            found = case.find(tag)
            if found is not None:
                outcome = "skipped" if tag == "skipped" else "failed"
                reason = found.get("message", "")
                break
        yield Outcome(row, name, outcome, float(case.get("time", 0)), reason)


def run_cases(build, rows, work, jobs):
    """The cases of GoogleTest's."""
    pattern = r"(^|[./])F(" + "|".join(row[1:] for row in rows) + ")[A-Z]"
    report = Path(work) / "cases.xml"
    # Its exit status is in the report, test by test.
    subprocess.run(["ctest", "--test-dir", build, "-R", pattern, "--parallel", str(jobs), "--output-junit", report,
                    "--output-on-failure"], stdout=sys.stderr, check=False)
    if report.exists():
        yield from outcomes_in(report, lambda case: case.get("name"))


def run_functions(tests, rows, work):
    """The functions of pytest's, with the environment ctest gives to their files."""
    for test in tests:
        command = test.get("command", [])
        if not command or "pytest" not in command[0] or not command[-1].endswith(".py"):
            continue
        path = Path(command[-1])
        chosen = [name for name in functions_of(path) if row_of(name) in rows]
        if not chosen:
            continue
        given = next((entry["value"] for entry in test.get("properties", []) if entry["name"] == "ENVIRONMENT"), [])
        report = Path(work) / f"{test['name']}.xml"
        subprocess.run([*command[:-1], f"--junitxml={report}", *(f"{path}::{name}" for name in chosen)],
                       env={**os.environ, **dict(entry.split("=", 1) for entry in given)}, stdout=sys.stderr, check=False)
        suite = f"{path.parent.name}/{path.name}"
        found = list(outcomes_in(report, lambda case: f"{suite}::{case.get('name')}")) if report.exists() else []
        yield from found
        for name in chosen:
            if not any(outcome.test.split("::")[-1].split("[")[0] == name for outcome in found):
                yield Outcome(row_of(name), f"{suite}::{name}", "failed", 0.0, "it was not run")


def judge(catalogue, outcomes):
    """The rows in order, each with its tests and what came of them together."""
    rows = []
    for row, texts in catalogue.items():
        tests = sorted(outcome for outcome in outcomes if outcome.row == row)
        if not tests:
            verdict = "no test"
        elif any(test.outcome == "failed" for test in tests):
            verdict = "failed"
        elif all(test.outcome == "skipped" for test in tests):
            verdict = "skipped"
        else:
            verdict = "as expected"
        rows.append({"row": row, **texts, "verdict": verdict,
                     "tests": [test._asdict() for test in tests]})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build-dir", default="build/release")
    parser.add_argument("--only", action="append", metavar="ROW", help="only this row, such as F08; repeatable")
    parser.add_argument("--json", metavar="FILE", help="where the rows go, with their tests")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cases of GoogleTest's at a time")
    arguments = parser.parse_args()
    catalogue = tomllib.loads((Path(__file__).parent / "fault_catalogue.toml").read_text())
    for row in arguments.only or []:
        if row not in catalogue:
            parser.error(f"--only: there is no row {row}; they are F01 to F{len(catalogue)}")
    if arguments.only:
        catalogue = {row: catalogue[row] for row in arguments.only}
    tests = known_tests(arguments.build_dir)
    with tempfile.TemporaryDirectory(prefix="fault-catalogue-") as work:
        outcomes = [*run_cases(arguments.build_dir, catalogue, work, arguments.jobs),
                    *run_functions(tests, catalogue, work)]
    rows = judge(catalogue, outcomes)
    for row in rows:
        print(f"{row['row']}  {row['verdict']:<12} {len(row['tests']):>3} tests  {row['fault']}")
        for test in row["tests"]:
            if test["outcome"] != "passed":
                print(f"     {test['outcome']}: {test['test']}: {test['reason']}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if any(row["verdict"] in ("failed", "no test") for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
