#!/usr/bin/env python3
"""Whether `dispatchctl bench` reports the latencies that the server was told to have, a stall included.

latency_proof.py BIN_DIRECTORY [OPTION...]

dispatch-mock answers nine in ten lookups after --fast and the others after --slow. In the middle of the run it stalls
for --stall: it is stopped (--kind pause), and has to deal with all that came meanwhile when it goes on; or the answers
to all lookups that should start meanwhile are held back for so long (--kind hold), and nothing piles up. What each
lookup then takes, counted from when it should have started, is known, and so is each percentile. Prints measured
against expected in Markdown, and what a closed loop with as many in flight makes of a server that is stopped. Exits 9
when a figure is further off than --tolerance.

A percentile where the distribution has a step is either end of it: as many lookups as chance may have put there
(three standard deviations) and the moments between a signal and its effect give each expected figure its two ends.
"""

import argparse
import bisect
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import time

PERCENTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}
SLOW_SHARE = 0.1
PATIENCE = 60
MISSED = 9


def arguments():
    parser = argparse.ArgumentParser(description="Measures what dispatchctl bench reports against what it should.")
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rps", type=int, default=10_000)
    parser.add_argument("--duration", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--warmup", type=float, default=2.0, metavar="SECONDS")
    parser.add_argument("--stall", type=float, default=1.0, metavar="SECONDS", help="0: none")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="ADDRESS",
                        help="where the server listens; unix:PATH costs both sides least")
    parser.add_argument("--kind", choices=["pause", "hold"], default="pause")
    parser.add_argument("--fast", type=int, default=50, metavar="MS")
    parser.add_argument("--slow", type=int, default=100, metavar="MS")
    parser.add_argument("--tolerance", type=float, default=0.02, help="as a share of the expected figure")
    parser.add_argument("--allowance", type=float, default=0.0, metavar="MS",
                        help="how much later than that a busy machine may be")
    parser.add_argument("--no-closed-loop", action="store_true", help="leave the closed loop out")
    return parser.parse_args()


class Mock:
    """A running server with the two latencies."""

    def __init__(self, options, kind):
        faults = [f"latency={options.slow - options.fast}ms,prob={SLOW_SHARE}"]
        if kind == "hold":
            before = round(options.rps * (options.warmup + (options.duration - options.stall) / 2))
            held = round(options.rps * options.stall)
            faults.append(f"latency={options.stall * 1000:.0f}ms,after={before},first={held}")
        self.process = subprocess.Popen(
            [str(options.bin / "dispatch-mock"), "serve", "--listen", options.listen, "--latency",
             f"{options.fast}ms", *(word for fault in faults for word in ("--fault", fault))],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.address = json.loads(self.process.stdout.readline())["listen"][0]

    def wait_until_stopped(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat")
        deadline = time.monotonic() + PATIENCE
        while stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, "the server did not stop"
            time.sleep(0.0001)

    def pause(self, seconds):
        """Stops, and goes on. How long that took, at the least and at the most."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGSTOP)
        self.wait_until_stopped()
        surely_stopped = time.monotonic()
        time.sleep(seconds)
        surely_not_going = time.monotonic()
        self.process.send_signal(signal.SIGCONT)
        return surely_not_going - surely_stopped, time.monotonic() - begin

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def bench(options, mock, kind, *load):
    """Runs the benchmark with a stall in its middle; its report, and the stall's least and most length in seconds."""
    process = subprocess.Popen(
        [str(options.bin / "dispatchctl"), "bench", "lookup", "-s", mock.address, "-o", "json", "--duration",
         f"{options.duration * 1000:.0f}ms", "--warmup", f"{options.warmup * 1000:.0f}ms", *load],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        stall = (options.stall, options.stall)
        if kind == "pause" and options.stall > 0:
            time.sleep(options.warmup + (options.duration - options.stall) / 2)
            stall = mock.pause(options.stall)
        output, _ = process.communicate(timeout=options.duration + PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)
    report = json.loads(output)
    assert process.returncode == 0, (process.returncode, report)
    return report, stall


def expected_latencies(options, stall):
    """What each lookup of the run takes, in milliseconds: (latency, weight), shortest first."""
    begin = options.duration / 2
    end = begin + stall
    weighted = []
    for number in range(int(options.rps * options.duration)):
        start = number / options.rps
        inside = begin <= start < end
        for latency, weight in ((options.fast / 1000, 1 - SLOW_SHARE), (options.slow / 1000, SLOW_SHARE)):
            if options.kind == "hold":
                taken = latency + (options.stall if inside else 0)
            else:
                # It arrives when the server goes on, and is due later; what falls due in a stall is sent after it.
                due = (end if inside else start) + latency
                taken = (end if begin <= due < end else due) - start
            weighted.append((taken * 1000, weight))
    return sorted(weighted)


class Expected:
    """The distribution of what lookups take, for a stall of one length."""

    def __init__(self, options, stall):
        weighted = expected_latencies(options, stall)
        self.latencies = [latency for latency, _ in weighted]
        self.count = sum(weight for _, weight in weighted)
        self.mean = sum(latency * weight for latency, weight in weighted) / self.count
        self.shares = []
        seen = 0.0
        for _, weight in weighted:
            seen += weight
            self.shares.append(seen / self.count)

    def quantile(self, share):
        at = bisect.bisect_left(self.shares, share)
        return self.latencies[min(at, len(self.latencies) - 1)]

    def ends(self, share):
        """The quantile where three standard deviations fewer lookups, or more, are below it."""
        chance = 3 * (share * (1 - share) / self.count) ** 0.5
        return self.quantile(max(share - chance, 0.0)), self.quantile(min(share + chance, 1.0))


def compare(options, report, stall):
    """Prints the table; whether every figure is within bounds."""
    shorter, longer = Expected(options, stall[0]), Expected(options, stall[1])
    rows = {name: (shorter.ends(share)[0], longer.ends(share)[1]) for name, share in PERCENTILES.items()}
    rows["mean"] = (shorter.mean, longer.mean)
    print("| figure | expected | measured | off by | |")
    print("|---|---|---|---|---|")
    good = True
    for name, (low, high) in rows.items():
        measured = report["latency_ms"][name]
        off = 0.0 if low <= measured <= high else measured / (low if measured < low else high) - 1
        within = low * (1 - options.tolerance) <= measured <= high * (1 + options.tolerance) + options.allowance
        good = good and within
        span = f"{low:.1f} ms" if high - low < 0.05 else f"{low:.1f} to {high:.1f} ms"
        print(f"| {name.replace('_', '.')} | {span} | {measured:.2f} ms | {off:+.2%} | {'' if within else '**missed**'} |")
    return good


def show_closed_loop(options, open_report):
    """Prints what a closed loop makes of a stall as long."""
    in_flight = max(1, round(options.rps * (options.fast * (1 - SLOW_SHARE) + options.slow * SLOW_SHARE) / 1000))
    with contextlib.closing(Mock(options, "pause")) as mock:
        report, _ = bench(options, mock, "pause", "--concurrency", str(in_flight))
    print(f"\nClosed loop, {in_flight} in flight, {report['rate_per_s']:.0f}/s:")
    for name in ("p50", "p95", "p99", "p99_9", "max"):
        print(f"  {name.replace('_', '.'):>6} {report['latency_ms'][name]:10.2f} ms, open loop "
              f"{open_report['latency_ms'][name]:10.2f} ms")


def main():
    options = arguments()
    options.bin = options.bin.resolve()
    with contextlib.closing(Mock(options, options.kind)) as mock:
        report, stall = bench(options, mock, options.kind, "--rps", str(options.rps), "--concurrency", "65536")
    delay = report["start_delay_ms"]
    print(f"{options.rps}/s for {options.duration:g} s, {options.fast} ms, one in ten {options.slow} ms, stalled "
          f"({options.kind}) for {stall[0] * 1000:.0f} to {stall[1] * 1000:.0f} ms; rate {report['rate_per_s']:.1f}/s, "
          f"started late by p50 {delay['p50']:.3f} ms, p99 {delay['p99']:.3f} ms, at most {delay['max']:.3f} ms\n")
    assert report["total"] == report["ok"] == options.rps * options.duration, report
    good = compare(options, report, stall)
    if options.stall > 0 and not options.no_closed_loop:
        show_closed_loop(options, report)
    sys.exit(0 if good else MISSED)


if __name__ == "__main__":
    main()
