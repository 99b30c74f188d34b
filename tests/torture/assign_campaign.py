#!/usr/bin/env python3
"""Streams assignments through a fleet of mock servers that is being torn down and put up again.

Prints one JSON object with what was seen, and exits 1 when anything was lost, doubled or decided otherwise than
the servers' journals say. See --help for the ways of tearing.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PATIENCE = 120


def updates(first, last):
    return "".join(
        f'{{"assignment_id":"a-{n}","courier_id":"courier-{n % 1000 + 1}","destination_zone":"z"}}\n'
        for n in range(first, last)).encode()


class Server:
    """One mock server with an address of its own, and a journal for each of its lives."""

    def __init__(self, program, directory, number, extra):
        self.program, self.directory, self.number, self.extra = program, directory, number, extra
        self.lives, self.address, self.process = 0, "127.0.0.1:0", None
        self.start()

    def start(self):
        journal = self.directory / f"journal-{self.number}-{self.lives}.ndjson"
        self.lives += 1
        # Decisions are drawn from the seed and the id: the same in every life of every server.
        self.process = subprocess.Popen(
            [self.program, "serve", "--listen", self.address, "--accept", "prob=0.5", "--seed", "7",
             "--journal", journal, *self.extra],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.address = json.loads(self.process.stdout.readline())["listen"][0]

    def stop(self, number):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class Campaign:
    def __init__(self, arguments, directory):
        self.arguments, self.directory = arguments, directory
        extra = []
        if arguments.tear == "age":
            extra = ["--max-connection-age", "1s", "--grace", "100ms"]
        elif arguments.tear == "drain":
            extra = ["--grace", "200ms"]
        self.servers = [Server(arguments.mock, directory, n, extra) for n in range(arguments.servers)]
        self.input = directory / "input.ndjson"
        self.out = directory / "out.ndjson"
        self.over = threading.Event()
        self.hits = 0
        self.memory = []
        self.client = None
        self.client_starts = 0

    def run(self):
        started = time.monotonic()
        tearing = threading.Thread(target=self.tear)
        watching = threading.Thread(target=self.watch_memory)
        if self.arguments.tear == "client":
            self.write_input()
        self.start_client()
        tearing.start()
        watching.start()
        try:
            summary = self.feed_and_wait()
        finally:
            self.over.set()
            tearing.join()
            watching.join()
            if self.client.poll() is None:
                self.client.kill()
                self.client.wait(PATIENCE)
            for server in self.servers:
                server.stop(signal.SIGKILL)
        return self.judge(summary, time.monotonic() - started)

    def command(self):
        command = [self.arguments.dispatchctl, "assign", "-s", ",".join(s.address for s in self.servers),
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
        chance = random.Random(self.arguments.seed)
        if way == "client":
            for kill in range(self.arguments.client_kills):
                # Somewhere in the middle of its share of the work.
                share = self.arguments.lines * (kill + 1) // (self.arguments.client_kills + 1)
                while self.answered() < share:
                    if self.over.wait(0.02) or self.client.poll() is not None:
                        return
                starts = self.client_starts
                self.client.kill()
                self.hits += 1
                while self.client_starts == starts and not self.over.wait(0.01):
                    pass
            return
        while not self.over.wait(self.arguments.interval):
            victim = chance.choice(self.servers)
            victim.stop(signal.SIGKILL if way == "kill" else signal.SIGTERM)
            self.hits += 1
            victim.start()

    def answered(self):
        """About how many lines the results file has."""
        try:
            return self.out.stat().st_size // 45
        except FileNotFoundError:
            return 0

    def watch_memory(self):
        while not self.over.wait(0.1):
            try:
                status = Path(f"/proc/{self.client.pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for line in status.splitlines():
                if line.startswith("VmRSS:"):
                    self.memory.append(int(line.split()[1]) / 1024)

    def memory_is_flat(self):
        quarter = len(self.memory) // 4
        if self.arguments.most_growth is None or quarter == 0:
            return True
        return max(self.memory[quarter:]) <= max(self.memory[:quarter]) + self.arguments.most_growth

    def judge(self, ended, seconds):
        results = {}
        lines = 0
        order_kept = True
        last = -1
        with self.out.open("rb") as file:
            for line in file:
                record = json.loads(line)
                lines += 1
                number = int(record["assignment_id"][2:])
                order_kept = order_kept and number > last
                last = number
                results[number] = record["accepted"]
        differing = 0
        journaled = set()
        for path in self.directory.glob("journal-*"):
            with path.open("rb") as file:
                for line in file:
                    # A server that was killed may have left half a line.
                    if not line.endswith(b"}\n"):
                        continue
                    entry = json.loads(line)
                    number = int(entry["assignment_id"][2:])
                    journaled.add(number)
                    if results.get(number) != entry["accepted"]:
                        differing += 1
        settled = self.memory[len(self.memory) // 4:] or [0]
        report = {
            "tear": self.arguments.tear, "streams": self.arguments.streams, "ordered": self.arguments.ordered,
            "lines": self.arguments.lines, "exit_code": self.client.returncode, "result_lines": lines,
            "distinct_results": len(results), "differing_from_journal": differing,
            "in_no_journal": len(set(results) - journaled), "hits": self.hits, "order_kept": order_kept,
            "client_starts": self.client_starts, "seconds": round(seconds, 1),
            "memory_mib": {"first_quarter_max": round(max(self.memory[:len(self.memory) // 4 or 1] or [0]), 1),
                           "later_max": round(max(settled), 1)},
            "summary": ended["summary"],
        }
        expected = self.arguments.lines
        good = (self.client.returncode == 0 and lines == expected and len(results) == expected
                and differing == 0 and report["in_no_journal"] == 0
                and self.hits >= self.arguments.least_hits
                and (order_kept or not self.arguments.ordered)
                and self.memory_is_flat())
        report["good"] = good
        if not good:
            report["notes"] = ended["notes"]
        return report


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
