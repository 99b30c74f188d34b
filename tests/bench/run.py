#!/usr/bin/env python3
"""Measures the project against the bars it is held to, and how its cost changes with size; scripts/bench starts it."""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import bars  # noqa: E402
import make_page  # noqa: E402
import paired  # noqa: E402
import report  # noqa: E402
import scale  # noqa: E402
import servers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
NODE = ROOT / "tests/bench/node"
PROGRAMS = ("dispatchctl", "dispatch-mock", "bench_raw_lookup", "bench_raw_unary", "bench_raw_stream",
            "bench_unary_slices", "bench_circuit_breaker", "bench_sdk_footprint")
MISSED = 9

HELP = """
Builds the release preset and the programs in tests/bench, starts the servers, and times pairs of programs in turn:
what counts is the ratio within a round, whose median is held to the bar. Prints Markdown. Exits 9 when a bar was
missed, 1 when something could not be measured.

  P1  dispatchctl lookup, as a process      against a bare gRPC C++ program, Go, buf curl and grpc-js
  P2  dispatchctl assign, NDJSON to NDJSON  against a bare gRPC C++ program, Go, buf curl and grpc-js
  P3  dispatchctl assign, with resume       against --no-resume, and into a checkpoint
  P4  dispatchctl lookup -f, --parallel 64  against a bare completion-queue client
  P5  the client library's lookups          against the generated stub's, blocking and asynchronous
  P6  the breaker's admission and verdict   in nanoseconds, on 1 and on 16 threads
  P7  dispatch-mock                         against a Go server, same load client
  P8  dispatchctl's memory                  over 10,000,000 assignments and 1,000,000 lookups

--scale measures these instead, CPU and rate against size:
"""
EPILOG = """
The Go programs are built where Debian's Go and grpc-go are, and grpc-js is compared with where npm has installed it
(scripts/setup --bench does both); buf where it is in PATH. What is absent is named and left out. Keep the machine
otherwise idle: with two cores, client and server need both.
"""


def parse_arguments(argv):
    curves = "  " + ", ".join(scale.CURVES) + "\n"
    parser = argparse.ArgumentParser(prog="scripts/bench", description=HELP + "\n" + curves, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="only this bar or curve (repeatable, or a comma list)")
    parser.add_argument("--scale", action="store_true", help="the curves instead of the bars")
    parser.add_argument("--quick", action="store_true",
                        help="a tenth of the work and fewer rounds: a look, not a measurement")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds that count, in each comparison and curve")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="where all samples go, a line for each table (default: bench.jsonl in the build directory)")
    parser.add_argument("--write-docs", action="store_true",
                        help="then rewrite the measured parts of docs/performance.md, and its pictures; without --only "
                             "and --scale, bars and curves are measured. tests/bench/make_page.py FILE does it later")
    parser.add_argument("--no-build", action="store_true", help="use the programs as they are")
    parser.add_argument("--build-dir", type=pathlib.Path, metavar="DIR", default=ROOT / "build/release",
                        help="where they are built (default: build/release)")
    options = parser.parse_args(argv)
    options.keys = [name for words in options.only for name in words.split(",") if name]
    known = {**bars.BARS, **scale.CURVES}
    for name in options.keys:
        if name not in known:
            parser.error(f"--only knows {', '.join(known)}, not '{name}'")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.write_docs and options.quick:
        parser.error("--quick is a look, which is not for the docs")
    if not options.keys:
        if options.scale:
            options.keys = list(scale.CURVES)
        else:
            options.keys = list(known if options.write_docs else bars.BARS)
    options.build_dir = options.build_dir.resolve()
    options.json = (options.json or options.build_dir / "bench.jsonl").resolve()
    return options


def build(build_dir):
    """Everything goes to standard error: standard output is the report's."""
    def run(*command):
        if subprocess.run([str(word) for word in command], stdout=sys.stderr, check=False).returncode != 0:
            sys.exit("scripts/bench: the build failed")

    run(ROOT / "scripts/setup")
    run(ROOT / "scripts/build", "--build-dir", build_dir, *PROGRAMS)
    if "build bench_go:" in (build_dir / "build.ninja").read_text(encoding="utf-8"):
        run(ROOT / "scripts/build", "--build-dir", build_dir, "bench_go")


def output_of(*command):
    """The first line of what a program says; "unknown" where it cannot."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, cwd=ROOT)
        return done.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/loadavg", encoding="ascii") as file:
        load = " ".join(file.read().split()[:3])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return {"cpus": os.cpu_count(), "model": models[0] if models else platform.machine(), "memory_mib": memory,
            "system": f"{platform.system()} {platform.release()}", "load": load}


def versions(peers):
    found = {"gRPC C++": output_of("pkg-config", "--modversion", "grpc++"), "compiler": output_of("c++", "--version")}
    if peers.go:
        found["grpc-go"] = output_of("dpkg-query", "-W", "-f=${Version}\n", "golang-google-grpc-dev")
    if peers.buf:
        found["buf"] = output_of(peers.buf, "--version")
    if peers.node:
        package = json.loads((NODE / "node_modules/@grpc/grpc-js/package.json").read_text(encoding="utf-8"))
        found["grpc-js"] = f"{package['version']} on Node {output_of('node', '--version')}"
    return found


def describe_run(options, argv, peers):
    return {"kind": "run", "date": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H:%MZ}",
            "commit": output_of("git", "describe", "--always", "--dirty"), "quick": options.quick,
            "command": shlex.join(["scripts/bench", *argv]), "machine": machine(), "versions": versions(peers)}


@contextlib.contextmanager
def working_folder(build_dir, peers):
    """A folder to be in, where commands name what they use by short relative paths."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="dispatchctl-bench-") as folder:
        links = {"bin": build_dir / "bin", "proto": ROOT / "proto", "node": NODE, "buf": peers.buf}
        for name, where in links.items():
            if where is not None:
                os.symlink(where, os.path.join(folder, name))
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def prepare_process():
    """What whoever runs this has set has no say in what is measured."""
    for name in list(os.environ):
        if name.startswith(("DISPATCHCTL_", "GRPC_", "OTEL_")):
            del os.environ[name]
    os.environ["XDG_CONFIG_HOME"] = "/nonexistent"
    # 500 endpoints are as many listeners and connections.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def measurements(options, peers):
    """(key, the generator of its records)."""
    bar_amounts = bars.QUICK if options.quick else bars.Amounts()
    scale_amounts = scale.QUICK if options.quick else scale.Amounts()
    if options.rounds is not None:
        bar_amounts, scale_amounts = bar_amounts.with_rounds(options.rounds), scale_amounts.with_rounds(options.rounds)
    for key in options.keys:
        if key in bars.BARS:
            yield key, bars.BARS[key](bar_amounts, peers)
        else:
            yield key, scale.CURVES[key](scale_amounts)


def measure(options, argv, say):
    """Measures, writes and prints; how many bars were missed, and how much could not be measured."""
    peers = bars.Peers.find(options.build_dir / "bin", NODE)
    missed = not_made = 0
    with open(options.json, "w", encoding="utf-8") as file, working_folder(options.build_dir, peers):
        def keep(record):
            file.write(json.dumps(record, separators=(",", ":")) + "\n")
            file.flush()

        run = describe_run(options, argv, peers)
        keep(run)
        say("\n".join(["## Measured", "", *report.run_lines({**run, "keys": options.keys}), ""]))
        for key, records in measurements(options, peers):
            try:
                for record in records:
                    keep(record)
                    missed += sum(not verdict.met for verdict in report.verdicts(record))
                    say("\n".join([f"### {key}: {record['title']}", "", *report.section(record), ""]))
            except (paired.Failed, servers.NotReady, subprocess.CalledProcessError) as failure:
                # The other comparisons stand on their own.
                say(f"### {key}\n\n**Not measured: {failure}**\n")
                not_made += 1
    return missed, not_made


def main(argv):
    options = parse_arguments(argv)
    if not options.no_build:
        build(options.build_dir)
    for program in PROGRAMS:
        if not shutil.which(options.build_dir / "bin" / program):
            sys.exit(f"scripts/bench: {program} is not in {options.build_dir}/bin; run without --no-build")
    prepare_process()
    missed, not_made = measure(options, argv, lambda text: print(text, flush=True))
    print(f"All samples are in {options.json}.", flush=True)
    if options.write_docs:
        try:
            make_page.make([options.json], ROOT / "docs/performance.md", ROOT / "docs/images")
        except (ValueError, make_page.Unusable) as problem:
            sys.exit(f"scripts/bench: {problem}")
    if not_made > 0:
        print(f"scripts/bench: {not_made} comparison(s) could not be made", file=sys.stderr)
        return 1
    if missed > 0:
        print(f"**{missed} bar(s) missed.**")
        return MISSED
    print("Every bar measured was met.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
