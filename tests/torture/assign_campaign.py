#!/usr/bin/env python3
"""Streams assignments through a fleet of mock servers that is being torn down and put up again.

Prints one JSON object with what was seen, and exits 1 when anything was lost, doubled or decided otherwise than
the servers' journals say. See --help for the ways of tearing.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from fleet import PATIENCE, Fleet, Footprint, watching

RESULT = re.compile(rb'"assignment_id":"a-(\d+)".*"accepted":(true|false)')


def updates(first, last):
    return "".join(
        f'{{"assignment_id":"a-{n}","courier_id":"courier-{n % 1000 + 1}","destination_zone":"z"}}\n'
        for n in range(first, last)).encode()


class Campaign:
    def __init__(self, arguments, directory):
        self.arguments, self.directory = arguments, directory
        # Decisions are drawn from the seed and the id: the same in every life of every server.
        extra = ["--accept", "prob=0.5", "--seed", "7"]
        if arguments.tear == "age":
            extra += ["--max-connection-age", "1s", "--grace", "100ms"]
        elif arguments.tear == "drain":
            extra += ["--grace", "200ms"]
        self.fleet = Fleet(arguments.mock, arguments.servers, extra, directory)
        self.input = directory / "input.ndjson"
        self.out = directory / "out.ndjson"
        self.over = threading.Event()
        self.footprint = Footprint()
        self.client = None
        self.client_starts = 0

    def run(self):
        started = time.monotonic()
        tearing = threading.Thread(target=self.tear)
        if self.arguments.tear == "client":
            self.write_input()
        self.start_client()
        tearing.start()
        watch = watching(self.footprint, lambda: self.client.pid, self.over)
        try:
            summary = self.feed_and_wait()
        finally:
            self.over.set()
            tearing.join()
            watch.join()
            if self.client.poll() is None:
                self.client.kill()
                self.client.wait(PATIENCE)
            self.fleet.close()
        return self.judge(summary, time.monotonic() - started)

    def command(self):
        command = [self.arguments.dispatchctl, "assign", "-s", self.fleet.addresses,
                   "--summary", "json", "--streams", str(self.arguments.streams)]
        if self.arguments.ordered:
            command.append("--ordered")
        if self.arguments.tear == "client":
            command += ["-f", str(self.input), "--out", str(self.out), "--continue",
                        "--rate", f"{self.arguments.rate}/s"]
        else:
            command += ["-f", "-"]
        return command

    def start_client(self):
        self.client_starts += 1
        if self.arguments.tear == "client":
            self.client = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        else:
            with self.out.open("wb") as out:
                self.client = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=out,
                                               stderr=subprocess.PIPE)

    def write_input(self):
        with self.input.open("wb") as file:
            for first in range(0, self.arguments.lines, 10000):
                file.write(updates(first, min(first + 10000, self.arguments.lines)))

    def feed_and_wait(self):
        if self.arguments.tear == "client":
            # Every start but the last is ended by tear().
            for _ in range(self.arguments.client_kills):
                _, _ = self.client.communicate()
                self.start_client()
            _, errors = self.client.communicate(timeout=PATIENCE * 10)
        else:
            reader = {}
            reading = threading.Thread(
                target=lambda: reader.update(errors=self.client.stderr.read()), daemon=True)
            reading.start()
            self.feed()
            self.client.wait(PATIENCE * 10)
            reading.join()
            errors = reader["errors"]
        lines = errors.decode().splitlines()
        summaries = [json.loads(line)["summary"] for line in lines if line.startswith('{"summary"')]
        return {"summary": summaries[-1] if summaries else None, "notes": lines[-5:]}

    def feed(self):
        begin = time.monotonic()
        try:
            for first in range(0, self.arguments.lines, 500):
                self.client.stdin.write(updates(first, min(first + 500, self.arguments.lines)))
                # Pacing, not synchronising: the run is to last for as many hits as were asked for.
                ahead = (first + 500) / self.arguments.rate - (time.monotonic() - begin)
                if ahead > 0:
                    time.sleep(ahead)
            self.client.stdin.close()
        except BrokenPipeError:
            pass  # its exit status says more

    def tear(self):
        way = self.arguments.tear
        if way in ("none", "age"):
            return
        if way == "client":
            for kill in range(self.arguments.client_kills):
                # Somewhere in the middle of its share of the work.
                share = self.arguments.lines * (kill + 1) // (self.arguments.client_kills + 1)
                while self.answered() < share:
                    if self.over.wait(0.02) or self.client.poll() is not None:
                        return
                starts = self.client_starts
                self.client.kill()
                self.fleet.hits += 1
                while self.client_starts == starts and not self.over.wait(0.01):
                    pass
            return
        self.fleet.tear(signal.SIGKILL if way == "kill" else signal.SIGTERM, self.arguments.interval,
                        self.arguments.seed, self.over)

    def answered(self):
        """About how many lines the results file has."""
        try:
            return self.out.stat().st_size // 45
        except FileNotFoundError:
            return 0

    def judge(self, ended, seconds):
        expected = self.arguments.lines
        # By number: 0 for none, 1 and 2 for refused and accepted. A dictionary of ten million is too much.
        results, journaled = bytearray(expected), bytearray(expected)
        lines = 0
        order_kept = True
        last = -1
        with self.out.open("rb") as file:
            for line in file:
                number, decision = decision_of(line)
                lines += 1
                order_kept = order_kept and number > last
                last = number
                results[number] = decision
        differing = 0
        for path in self.directory.glob("journal-*"):
            with path.open("rb") as file:
                for line in file:
                    # A server that was killed may have left half a line.
                    if not line.endswith(b"}\n"):
                        continue
                    number, decision = decision_of(line)
                    journaled[number] = 1
                    differing += results[number] != decision
        distinct = expected - results.count(0)
        unknown = sum(1 for result, journal in zip(results, journaled) if result and not journal)
        good = (self.client.returncode == 0 and lines == expected and distinct == expected
                and differing == 0 and unknown == 0
                and self.fleet.hits >= self.arguments.least_hits
                and (order_kept or not self.arguments.ordered)
                and (self.arguments.most_growth is None or self.footprint.is_flat(self.arguments.most_growth)))
        report = {
            "tear": self.arguments.tear, "streams": self.arguments.streams, "ordered": self.arguments.ordered,
            "lines": expected, "exit_code": self.client.returncode, "result_lines": lines,
            "distinct_results": distinct, "differing_from_journal": differing,
            "in_no_journal": unknown, "hits": self.fleet.hits, "order_kept": order_kept,
            "client_starts": self.client_starts, "seconds": round(seconds, 1),
            "footprint": self.footprint.report(), "summary": ended["summary"], "good": good,
        }
        if not good:
            report["notes"] = ended["notes"]
        return report


def decision_of(line):
    """The number of a result's or journal's assignment, and 2 where it was accepted, else 1."""
    found = RESULT.search(line)
    assert found, line
    return int(found[1]), 2 if found[2] == b"true" else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dispatchctl", default=os.environ.get("DISPATCHCTL", "build/release/bin/dispatchctl"))
    parser.add_argument("--mock", default=os.environ.get("DISPATCH_MOCK", "build/release/bin/dispatch-mock"))
    parser.add_argument("--tear", choices=["none", "kill", "drain", "age", "client"], default="kill",
                        help="kill -9 or SIGTERM of a random server, connections that end at the age of one "
                             "second, or kill -9 of dispatchctl itself")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=40_000, help="lines per second handed to dispatchctl")
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--ordered", action="store_true")
    parser.add_argument("--interval", type=float, default=0.2, help="seconds between hits")
    parser.add_argument("--client-kills", type=int, default=10)
    parser.add_argument("--least-hits", type=int, default=0, help="fail when there were fewer")
    parser.add_argument("--most-growth", type=float, metavar="MIB",
                        help="fail when dispatchctl's resident memory grows by more after a quarter of the run")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="assign-campaign-"))
    try:
        report = Campaign(arguments, directory).run()
    finally:
        shutil.rmtree(directory)
    print(json.dumps(report))
    return 0 if report["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
