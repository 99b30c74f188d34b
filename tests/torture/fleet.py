"""A fleet of mock servers that is torn down and put up again, and an eye on the process that works through it."""

import json
import random
import re
import signal
import subprocess
import threading
from pathlib import Path

PATIENCE = 120


class Server:
    """One mock server with an address of its own, and a journal for each of its lives where `journals` is a folder."""

    def __init__(self, program, number, arguments, journals=None):
        self.program, self.number, self.arguments, self.journals = program, number, arguments, journals
        self.lives, self.address, self.process = 0, "127.0.0.1:0", None
        self.start()

    def start(self):
        journal = [] if self.journals is None else [
            "--journal", self.journals / f"journal-{self.number}-{self.lives}.ndjson"]
        self.lives += 1
        self.process = subprocess.Popen(
            [self.program, "serve", "--listen", self.address, *self.arguments, *journal],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.address = json.loads(self.process.stdout.readline())["listen"][0]

    def stop(self, number):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class Fleet:
    """Servers of which one at a time, drawn by the seed, is hit every `interval` seconds once tear() runs."""

    def __init__(self, program, count, arguments, journals=None):
        self.servers = [Server(program, number, arguments, journals) for number in range(count)]
        self.hits = 0

    @property
    def addresses(self):
        return ",".join(server.address for server in self.servers)

    def tear(self, number, interval, seed, over):
        """Sends signal `number` to one server after the other and starts each again, until the event `over`."""
        chance = random.Random(seed)
        while not over.wait(interval):
            victim = chance.choice(self.servers)
            victim.stop(number)
            self.hits += 1
            victim.start()

    def close(self):
        for server in self.servers:
            server.stop(signal.SIGKILL)


class Footprint:
    """What a process holds, looked at ten times a second: resident memory in MiB, descriptors, threads."""

    KINDS = ("memory_mib", "descriptors", "threads")

    def __init__(self):
        self.samples = {kind: [] for kind in self.KINDS}

    def watch(self, pid, over):
        """Until the event `over`; `pid` is asked each time, as the process may be replaced."""
        while not over.wait(0.1):
            process = Path(f"/proc/{pid()}")
            try:
                status = (process / "status").read_text()
                descriptors = len(list((process / "fd").iterdir()))
            except (FileNotFoundError, ProcessLookupError):
                continue
            found = dict(re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE))
            if "VmRSS" in found:
                self.samples["memory_mib"].append(int(found["VmRSS"]) / 1024)
                self.samples["descriptors"].append(descriptors)
                self.samples["threads"].append(int(found["Threads"]))

    def report(self):
        """The most of each in the first quarter of the time, and in the rest."""
        told = {}
        for kind, values in self.samples.items():
            quarter = len(values) // 4 or 1
            told[kind] = {"first_quarter_max": round(max(values[:quarter] or [0]), 1),
                          "later_max": round(max(values[quarter:] or [0]), 1)}
        return told

    def is_flat(self, most_growth_mib):
        """Whether memory grew by no more than that after a quarter of the time, and descriptors and threads by a few
        at most: connections that are being replaced."""
        told = self.report()
        allowed = {"memory_mib": most_growth_mib, "descriptors": 8, "threads": 2}
        return all(told[kind]["later_max"] <= told[kind]["first_quarter_max"] + allowed[kind] for kind in self.KINDS)


def watching(footprint, pid, over):
    thread = threading.Thread(target=footprint.watch, args=(pid, over))
    thread.start()
    return thread
