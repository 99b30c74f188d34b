#!/usr/bin/env python3
"""Breaks each decision of the pure pieces in turn, and asks their tests whether they notice.

A piece and its tests are built into a program of their own, apart from the rest, and run with one mutant at a time:
a failing test, a crash or a run that does not end kills it. One that survives is a decision that no test looks at.
Most mutants of a piece are built into one program, which is told the one to be; where that cannot be written, or
a run does not meet it, the mutant is built alone. The pieces stand in mutation_pieces.toml;
equivalent_mutants.toml lists survivors that no test can tell from the original, each with the reason. All is built
from a copy of the sources; nothing outside the work folder is written to.

Exit status: 0 when none survived but those listed, 9 when another one did, 1 when the sources do not build or pass
as they are, 2 for wrong arguments and for lists that do not fit the sources.
"""

import argparse
import hashlib
import json
import math
import os
import queue
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from mutation_points import Mutant, enumerators_of, mutants_of, switched

HERE = Path(__file__).resolve().parent
EXIT_SURVIVED = 9
# Address space of a test program: a mutant that fills a container without end soon has filled this.
MOST_MEMORY = 4 << 30
# A program may take so many times what it takes of the original, and no less than so many seconds.
SLOWER, LEAST_CPU, LEAST_WALL = 10, 3, 20
# Exit status of a program that is asked for a mutant that would not compile; kNotBuilt in mutation_switch.h.
NOT_BUILT = 77
KILLED = ("failed", "crashed", "did not end")


class CannotCheck(Exception):
    def __init__(self, message, exit_status):
        super().__init__(message)
        self.exit_status = exit_status


@dataclass
class Piece:
    """Sources to mutate, what else they are built with, and the tests that must notice. `program`: ctest's, which
    has these tests too."""

    name: str
    program: str
    mutate: list
    tests: list
    needs: list = field(default_factory=list)
    packages: list = field(default_factory=list)  # of pkg-config
    filter: str = "*"
    environment: dict = field(default_factory=dict)

    def files(self):
        return [*self.mutate, *self.needs, *self.tests]

    def units(self):
        return [name for name in self.files() if name.endswith(".cc")]


@dataclass
class Case:
    """A mutant of one of a piece's files, and what became of it."""

    piece: Piece
    file: str
    mutant: Mutant
    outcome: str = ""

    def lines(self):
        return range(self.mutant.line, self.mutant.line + self.mutant.line_count)

    def key(self):
        return self.file, self.mutant.before, self.mutant.after

    def __str__(self):
        return f"{self.file}:{self.mutant.line}: {self.mutant.before}  ->  {self.mutant.after}"


def read_toml(path):
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CannotCheck(f"{path}: {error}", 2) from error


def read_pieces(table, root):
    pieces = [Piece(**entry) for entry in table["piece"]]
    for piece in pieces:
        for name in piece.files():
            if not (root / name).is_file():
                raise CannotCheck(f"{piece.name}: there is no {name}", 2)
    return pieces


def cases_of(pieces, root):
    cases = []
    for piece in pieces:
        texts = {name: (root / name).read_text() for name in piece.files()}
        enumerators = enumerators_of(texts.values())
        cases += [Case(piece, name, mutant)
                  for name in piece.mutate for mutant in mutants_of(texts[name], enumerators)]
    return cases


def mark_equivalents(cases, entries):
    """Each entry must mean one mutant, so that the list stays as long as it has to be: the `line` of a `file`, what
    it `becomes`, and `nth` where the file has several such lines."""
    by_key = {}
    for case in cases:
        by_key.setdefault(case.key(), []).append(case)
    for entry in entries:
        same = by_key.get((entry["file"], entry["line"], entry["becomes"]), [])
        where = f"equivalent: {entry['file']}: {entry['line']}  ->  {entry['becomes']}"
        if not entry["reason"].strip():
            raise CannotCheck(f"{where}: no reason is given", 2)
        if len(same) > 1 and "nth" not in entry:
            raise CannotCheck(f"{where}: there are {len(same)} of them: say which by nth", 2)
        nth = entry.get("nth", 1)
        if not 1 <= nth <= len(same):
            raise CannotCheck(f"{where}: there is no such mutant", 2)
        same[nth - 1].outcome = "equivalent"


class Workshop:
    """Private copies of the sources, one for each place of work, and what is built of them."""

    ORIGINAL = "original"

    def __init__(self, root, work, table):
        self.root, self.work = root, work
        self.copied, self.includes = table["copy"], table["include"]
        self.compiler = os.environ.get("CXX", "g++")
        linkers = [name for name in ("mold", "lld", "gold") if shutil.which(f"ld.{name}")]
        self.linker = [f"-fuse-ld={name}" for name in linkers[:1]]
        self.kits = {}  # by piece
        self.compiled = set()  # objects of the original
        self.lock = threading.Lock()
        self.make_place(self.ORIGINAL)

    def make_place(self, place):
        shutil.rmtree(self.work / place, ignore_errors=True)
        for name in self.copied:
            shutil.copytree(self.root / name, self.tree(place) / name, ignore=shutil.ignore_patterns("__pycache__"))

    def tree(self, place):
        return self.work / place / "tree"

    def prepare(self, piece):
        flags = {option: self.output_of(["pkg-config", option, *piece.packages]).split() if piece.packages else []
                 for option in ("--cflags", "--libs")}
        # Warnings would keep mutants from being built that a test is to find.
        compile_ = [self.compiler, "-std=c++20", "-O0", "-w", "-pipe", "-D_GLIBCXX_ASSERTIONS", *flags["--cflags"]]
        users, others = self.includes_of(piece)
        self.kits[piece.name] = _Kit(compile_, self.precompile(compile_, others),
                                     [*self.linker, *flags["--libs"], "-pthread"], users)

    def includes_of(self, piece):
        """Of each of our files the units it is in, and the headers of others."""
        users, others = {}, set()
        for unit in piece.units():
            wanted = [self.tree(self.ORIGINAL) / unit]
            while wanted:
                path = wanted.pop()
                units = users.setdefault(str(path.relative_to(self.tree(self.ORIGINAL))), [])
                if unit in units:
                    continue
                units.append(unit)
                text = path.read_text()
                for sign, name in re.findall(r"^#include ([<\"])([^>\"]+)[>\"]", text, re.MULTILINE):
                    ours = [path.parent / name] if sign == '"' else []
                    ours += [self.tree(self.ORIGINAL) / directory / name for directory in self.includes]
                    ours = [candidate for candidate in ours if candidate.is_file()]
                    wanted += ours[:1]
                    # Left out where a macro may change what the header is.
                    if not ours and sign == "<" and not re.search(r"^#\s*(define|if)", text, re.MULTILINE):
                        others.add(name)
        return users, others

    def precompile(self, compile_, headers):
        text = "".join(f"#include <{name}>\n" for name in sorted(headers))
        version = self.output_of([self.compiler, "--version"])
        header = self.work / "precompiled" / hashlib.sha256(f"{compile_}{version}{text}".encode()).hexdigest() / "all.h"
        if not header.with_suffix(".h.gch").exists():
            header.parent.mkdir(parents=True, exist_ok=True)
            header.write_text(text)
            # Not there before it is whole.
            unfinished = header.with_suffix(".unfinished")
            self.output_of([*compile_, "-x", "c++-header", header, "-o", unfinished])
            unfinished.rename(header.with_suffix(".h.gch"))
        return header

    def output_of(self, command):
        result = run(command)
        if result.returncode != 0:
            raise CannotCheck(f"{' '.join(map(str, command))}\n{result.stdout}", 1)
        return result.stdout

    # ---- Commands.

    def object_file(self, piece, unit, place):
        return self.work / place / piece.name / f"{unit.replace('/', '_')}.o"

    def program(self, piece, place):
        return self.work / place / piece.name / "program"

    def compile_command(self, piece, unit, place, *options):
        target = self.object_file(piece, unit, place)
        target.parent.mkdir(parents=True, exist_ok=True)
        kit = self.kits[piece.name]
        return [*kit.compile, "-include", kit.precompiled, *(f"-I{self.tree(place) / name}" for name in self.includes),
                *options, "-c", self.tree(place) / unit, "-o", target]

    def link_command(self, piece, place, changed):
        """Links what was compiled in `place` with the rest, which is compiled if it was not yet."""
        objects = []
        for unit in piece.units():
            target = self.object_file(piece, unit, place if unit in changed else self.ORIGINAL)
            objects.append(target)
            with self.lock:
                if unit not in changed and target not in self.compiled:
                    self.output_of(self.compile_command(piece, unit, self.ORIGINAL))
                    self.compiled.add(target)
        self.program(piece, place).parent.mkdir(parents=True, exist_ok=True)
        return [self.compiler, *objects, *self.kits[piece.name].link, "-o", self.program(piece, place)]

    def test_command(self, piece, place):
        return [self.program(piece, place), f"--gtest_filter={piece.filter}", "--gtest_fail_fast", "--gtest_brief=1"]

    def passes_as_it_is(self, piece, place):
        """Runs a program without a mutant, to know how long it takes too. Its output where it fails."""
        kit = self.kits[piece.name]
        cpu_before, wall_before = children_cpu_seconds(), time.monotonic()
        result = run(self.test_command(piece, place), os.environ | piece.environment)
        if result.returncode == 0:
            kit.cpu_seconds = max(LEAST_CPU, math.ceil(SLOWER * (children_cpu_seconds() - cpu_before)))
            kit.wall_seconds = max(LEAST_WALL, SLOWER * (time.monotonic() - wall_before))
        return result.returncode == 0, result.stdout

    def test(self, piece, place, environment):
        kit = self.kits[piece.name]
        return run_bounded(self.test_command(piece, place), kit.wall_seconds, kit.cpu_seconds,
                           piece.environment | environment)

    # ---- Mutants.

    def build_together(self, cases):
        """Builds one program of all `cases`, which are of one piece. Those that are in it by number, and its
        place; what cannot be written so that it compiles is left out, by its line."""
        piece = cases[0].piece
        place = f"{piece.name}-together"
        self.make_place(place)
        users = self.kits[piece.name].users
        numbered = {number: case for number, case in enumerate(cases, 1) if case.mutant.switch}
        changed = {case.file for case in numbered.values()}
        units = [unit for unit in piece.units() if any(unit in users.get(name, []) for name in changed)]
        stale = set(units)
        while stale:
            for name in changed:
                here = {number: case.mutant for number, case in numbered.items() if case.file == name}
                text = (self.tree(self.ORIGINAL) / name).read_text()
                (self.tree(place) / name).write_text(switched(text, here))
            refused, before = set(), len(numbered)
            for unit in units:
                if unit not in stale:
                    continue
                result = run(self.compile_command(piece, unit, place, "-include", HERE / "mutation_switch.h"))
                if result.returncode == 0:
                    stale.discard(unit)
                    continue
                found = re.findall(rf"{re.escape(str(self.tree(place)))}/(\S+?):(\d+)", result.stdout)
                refused = {(name, int(line)) for name, line in found}
                break
            numbered = {number: case for number, case in numbered.items()
                        if not any((case.file, line) in refused for line in case.lines())}
            changed = {name for name, _ in refused}
            stale |= {unit for name in changed for unit in users.get(name, [])}
            if stale and len(numbered) == before:
                return {}, None
        self.output_of(self.link_command(piece, place, units))
        return (numbered, place) if numbered and self.passes_as_it_is(piece, place)[0] else ({}, None)

    def build_original(self, piece):
        self.output_of(self.link_command(piece, self.ORIGINAL, []))
        passes, output = self.passes_as_it_is(piece, self.ORIGINAL)
        if not passes:
            raise CannotCheck(f"{piece.name}: the tests fail without a mutant:\n{output}", 1)

    def try_alone(self, case, place):
        """What became of it: one of KILLED, "did not compile" or "survived"."""
        piece = case.piece
        source = self.tree(place) / case.file
        original = source.read_text()
        source.write_text(case.mutant.apply(original))
        try:
            changed = self.kits[piece.name].users.get(case.file, [])
            for unit in changed:
                if run(self.compile_command(piece, unit, place)).returncode != 0:
                    return "did not compile"
            if run(self.link_command(piece, place, changed)).returncode != 0:
                return "did not compile"
            return self.test(piece, place, {})
        finally:
            source.write_text(original)


@dataclass
class _Kit:
    """How a piece is built, and what its tests may take."""

    compile: list
    precompiled: Path
    link: list
    users: dict
    cpu_seconds: float = 0
    wall_seconds: float = 0


def run(command, environment=None):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=environment, text=True, errors="replace", check=False)


def children_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_bounded(command, wall_seconds, cpu_seconds, environment):
    limits = ["prlimit", f"--cpu={cpu_seconds}:{cpu_seconds + 5}", f"--as={MOST_MEMORY}", "--core=0"]
    with subprocess.Popen([*limits, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=os.environ | environment) as process:
        try:
            status = process.wait(wall_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return "did not end"
        except BaseException:
            process.kill()
            raise
    if status == NOT_BUILT:
        return "did not compile"
    if status == -signal.SIGXCPU:
        return "did not end"
    return "survived" if status == 0 else "failed" if status > 0 else "crashed"


def try_all(cases, workshop, jobs, quick):
    """Sets the outcome of each. `quick`: but of those that have to be built alone."""
    progress = Progress(len(cases))
    with Workers(jobs) as workers:
        for piece in {case.piece.name: case.piece for case in cases}.values():
            mine = [case for case in cases if case.piece is piece]
            workshop.prepare(piece)
            numbered, together = workshop.build_together(mine)
            print(f"{piece.name}: {len(numbered)} of {len(mine)} mutants in one program", flush=True)

            def try_together(item):
                number, case = item
                reached = workshop.work / together / f"reached-{number}"
                outcome = workshop.test(piece, together, {"MUTANT": str(number), "MUTANT_REACHED": str(reached)})
                was_reached = reached.exists()
                reached.unlink(missing_ok=True)
                return case, outcome, was_reached

            for case, outcome, was_reached in workers.each(try_together, numbered.items()):
                # One that was not may have been computed away with the original, by the compiler.
                if outcome in KILLED or was_reached:
                    case.outcome = outcome
                    progress.tell(case)
            alone = [case for case in mine if not case.outcome]
            if alone and not numbered:
                workshop.build_original(piece)
            if quick and numbered:
                for case in alone:
                    case.outcome = "not tried"
                continue
            places = queue.SimpleQueue()
            for number in range(jobs):
                place = f"{piece.name}-alone-{number}"
                workshop.make_place(place)
                places.put(place)

            def try_alone(case):
                place = places.get()
                try:
                    return case, workshop.try_alone(case, place)
                finally:
                    places.put(place)

            for case, outcome in workers.each(try_alone, alone):
                case.outcome = outcome
                progress.tell(case)


class Workers:
    def __init__(self, jobs):
        self.pool = ThreadPoolExecutor(jobs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.shutdown(cancel_futures=True)

    def each(self, work, items):
        """Results as they come."""
        for future in as_completed([self.pool.submit(work, item) for item in items]):
            yield future.result()


class Progress:
    def __init__(self, total):
        self.total, self.done, self.started = total, 0, time.monotonic()

    def tell(self, case):
        self.done += 1
        if case.outcome == "survived":
            print(f"survived: {case}", flush=True)
        if self.done % 100 == 0:
            seconds = time.monotonic() - self.started
            print(f"{self.done} of {self.total}, {seconds / self.done:.2f} s each", flush=True)


def report_of(cases):
    """Outcomes by piece and file."""
    pieces = {}
    for case in cases:
        files = pieces.setdefault(case.piece.name, {"program": case.piece.program, "files": {}})["files"]
        row = files.setdefault(case.file, Counter())
        row["mutants"] += 1
        row["killed" if case.outcome in KILLED else case.outcome] += 1
    out = []
    for name, piece in pieces.items():
        files = []
        for file, row in piece["files"].items():
            survivors = [{"line": case.mutant.line, "before": case.mutant.before, "after": case.mutant.after}
                         for case in cases if case.piece.name == name and case.file == file
                         and case.outcome == "survived"]
            files.append({"file": file, "mutants": row["mutants"], "killed": row["killed"],
                          "did_not_compile": row["did not compile"], "equivalent": row["equivalent"],
                          "not_tried": row["not tried"], "survivors": survivors})
        out.append({"piece": name, "program": piece["program"], "files": files})
    return out


def print_report(report):
    for piece in report:
        print(f"{piece['piece']} ({piece['program']})")
        for row in piece["files"]:
            print(f"  {row['file']}: {row['mutants']} mutants, {row['killed']} killed, "
                  f"{row['did_not_compile']} did not compile, {row['equivalent']} equivalent, "
                  f"{row['not_tried']} not tried, {len(row['survivors'])} survived")
            for survivor in row["survivors"]:
                print(f"    {row['file']}:{survivor['line']}: {survivor['before']}\n"
                      f"      -> {survivor['after']}")


def choose(cases, arguments):
    if arguments.only:
        cases = [case for case in cases if case.file in arguments.only or case.piece.name in arguments.only]
        missing = set(arguments.only) - {name for case in cases for name in (case.file, case.piece.name)}
        if missing:
            raise CannotCheck(f"--only {', '.join(sorted(missing))}: no piece, nor a file with a mutant", 2)
    if arguments.survivors_of:
        before = json.loads(arguments.survivors_of.read_text())
        survived = {(row["file"], survivor["before"], survivor["after"])
                    for piece in before["pieces"] for row in piece["files"] for survivor in row["survivors"]}
        cases = [case for case in cases if case.key() in survived]
    if arguments.sample is not None and arguments.sample < len(cases):
        chosen = random.Random(arguments.seed).sample(range(len(cases)), arguments.sample)
        cases = [cases[i] for i in sorted(chosen)]
    return cases


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="a piece or a file of one; may be repeated")
    parser.add_argument("--sample", type=int, metavar="N", help="try N mutants, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--quick", action="store_true", help="leave out the one in twenty that has to be built alone")
    parser.add_argument("--survivors-of", type=Path, metavar="FILE", help="try what survived in this report of --json")
    parser.add_argument("--jobs", type=int, default=1, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    parser.add_argument("--list", action="store_true", help="print the mutants and build nothing")
    parser.add_argument("--root", type=Path, default=HERE.parent.parent, help="of the sources")
    parser.add_argument("--work", type=Path, help="folder to build in (default: build/mutation under the root)")
    parser.add_argument("--pieces", type=Path, default=HERE / "mutation_pieces.toml", metavar="FILE")
    parser.add_argument("--equivalents", type=Path, default=HERE / "equivalent_mutants.toml", metavar="FILE")
    return parser.parse_args(argv)


def main(argv):
    arguments = parse(argv)
    root = arguments.root.resolve()
    table = read_toml(arguments.pieces)
    pieces = read_pieces(table, root)
    cases = cases_of(pieces, root)
    mark_equivalents(cases, read_toml(arguments.equivalents).get("equivalent", []))
    cases = choose(cases, arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.outcome or case.mutant.kind}: {case}")
        return 0
    workshop = Workshop(root, (arguments.work or root / "build" / "mutation").resolve(), table)
    to_try = [case for case in cases if not case.outcome]
    try_all(to_try, workshop, arguments.jobs, arguments.quick)
    report = report_of(cases)
    totals = Counter("killed" if case.outcome in KILLED else case.outcome for case in cases)
    print_report(report)
    print(f"{len(cases)} mutants: {totals['killed']} killed, {totals['did not compile']} did not compile, "
          f"{totals['equivalent']} equivalent, {totals['not tried']} not tried, {totals['survived']} survived")
    if arguments.json:
        arguments.json.write_text(json.dumps(
            {"mutants": len(cases), "killed": totals["killed"], "did_not_compile": totals["did not compile"],
             "equivalent": totals["equivalent"], "not_tried": totals["not tried"], "survived": totals["survived"],
             "sample": arguments.sample, "seed": arguments.seed if arguments.sample is not None else None, "pieces": report}, indent=1) + "\n")
    return EXIT_SURVIVED if totals["survived"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotCheck as problem:
        print(f"mutation_check.py: {problem}", file=sys.stderr)
        sys.exit(problem.exit_status)
