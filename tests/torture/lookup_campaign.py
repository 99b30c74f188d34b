#!/usr/bin/env python3
"""Looks couriers up through a fleet of mock servers that is being torn down and put up again.

Prints one JSON object with what was seen, and exits 1 when a lookup failed, one was lost or answered twice, or the
process held ever more memory, descriptors or threads.
"""

import argparse
import collections
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from fleet import PATIENCE, Fleet, Footprint, watching

COURIERS = 1000
ANSWER = re.compile(rb'"courier_id":"courier-(\d+)"')


def feed(pipe, lines):
    try:
        for first in range(0, lines, 1000):
            pipe.write("".join(f"courier-{n % COURIERS + 1}\n" for n in range(first, min(first + 1000, lines))).encode())
        pipe.close()
    except BrokenPipeError:
        pass  # the exit status says more


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dispatchctl", default=os.environ.get("DISPATCHCTL", "build/release/bin/dispatchctl"))
    parser.add_argument("--mock", default=os.environ.get("DISPATCH_MOCK", "build/release/bin/dispatch-mock"))
    parser.add_argument("--tear", choices=["none", "kill", "drain"], default="kill",
                        help="kill -9 or SIGTERM of a random server")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--parallel", type=int, default=64, help="lookups in flight")
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between hits")
    parser.add_argument("--least-hits", type=int, default=0, help="fail when there were fewer")
    parser.add_argument("--most-growth", type=float, metavar="MIB",
                        help="fail when dispatchctl's resident memory grows by more after a quarter of the run")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    fleet = Fleet(arguments.mock, arguments.servers, ["--grace", "200ms"] if arguments.tear == "drain" else [])
    footprint, over = Footprint(), threading.Event()
    started = time.monotonic()
    client = subprocess.Popen(
        [arguments.dispatchctl, "lookup", "-s", fleet.addresses, "-f", "-", "--parallel", str(arguments.parallel),
         "-o", "ndjson"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    threads = [watching(footprint, lambda: client.pid, over),
               threading.Thread(target=feed, args=(client.stdin, arguments.lines))]
    if arguments.tear != "none":
        number = signal.SIGKILL if arguments.tear == "kill" else signal.SIGTERM
        threads.append(threading.Thread(target=fleet.tear, args=(number, arguments.interval, arguments.seed, over)))
    for thread in threads[1:]:
        thread.start()
    notes = collections.deque(maxlen=5)
    threads.append(threading.Thread(target=lambda: notes.extend(client.stderr)))
    threads[-1].start()
    answers = [0] * (COURIERS + 1)
    lines = 0
    errors = []
    try:
        for line in client.stdout:
            lines += 1
            found = ANSWER.search(line)
            if found is None or b'"error"' in line:
                errors.append(line.decode())
            else:
                answers[int(found[1])] += 1
        client.wait(PATIENCE)
    finally:
        if client.poll() is None:
            client.kill()
            client.wait(PATIENCE)
        over.set()
        for thread in threads:
            thread.join()
        fleet.close()
    asked = [0] + [arguments.lines // COURIERS + (n < arguments.lines % COURIERS) for n in range(COURIERS)]
    good = (client.returncode == 0 and not errors and answers == asked and fleet.hits >= arguments.least_hits
            and (arguments.most_growth is None or footprint.is_flat(arguments.most_growth)))
    report = {"tear": arguments.tear, "lines": arguments.lines, "parallel": arguments.parallel,
              "exit_code": client.returncode, "result_lines": lines, "errors": len(errors),
              "each_answered_once": answers == asked, "hits": fleet.hits,
              "seconds": round(time.monotonic() - started, 1), "footprint": footprint.report(), "good": good}
    if not good:
        report["notes"] = errors[:5] + [note.decode() for note in notes]
    print(json.dumps(report))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
