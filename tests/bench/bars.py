"""What each bar is measured with: a generator for each, of records as report.py reads them.

They run in a working folder of run.py's making, in which bin, proto, node and buf are links, so that commands are
short and free of spaces: readable in the report, and there to be typed again.
"""

import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import subprocess

import memory
import paired
import servers

UPDATES, IDS, OUTPUT = "updates.ndjson", "ids.txt", "output"
MAKE_UPDATES = ('BEGIN { for (i = 1; i <= n; ++i) printf "{\\"assignment_id\\":\\"a-%d\\",\\"courier_id\\":'
                '\\"courier-%d\\",\\"destination_zone\\":\\"zone-%d\\"}\\n", i, i % 1000 + 1, i % 50 }')
MAKE_IDS = 'BEGIN { for (i = 0; i < n; ++i) print "courier-" i % 1000 + 1 }'
# P8: what a run may still grow by once its first tenth is over.
FLAT_WITHIN_MIB = 1.0


@dataclasses.dataclass(frozen=True)
class Amounts:
    """How much is done of each."""

    lookups: int = 100_000
    assignments: int = 1_000_000
    lookup_rounds: int = 200
    stream_rounds: int = 11
    unary_rounds: int = 11
    slice_rounds: int = 600
    # Programs that are ten times as slow and more get a comparison of their own, with less to do.
    slow_assignments: int = 50_000
    slow_lookup_rounds: int = 40
    slow_stream_rounds: int = 5
    breaker_rounds: int = 10
    flat_assignments: int = 10_000_000
    flat_lookups: int = 1_000_000

    def with_rounds(self, rounds):
        return dataclasses.replace(self, **{field.name: rounds for field in dataclasses.fields(self)
                                            if field.name.endswith("_rounds")})


QUICK = Amounts(lookups=10_000, assignments=100_000, lookup_rounds=20, stream_rounds=5, unary_rounds=5,
                slice_rounds=60, slow_assignments=20_000, slow_lookup_rounds=5, slow_stream_rounds=3,
                breaker_rounds=3, flat_assignments=1_000_000, flat_lookups=100_000)


def is_binary(path):
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def find_buf():
    """buf itself, or None: npm puts a Node program into PATH that starts it, whose own start is not buf's."""
    found = shutil.which("buf")
    if found is None or is_binary(found):
        return found
    packages = pathlib.Path(found).resolve().parents[1:3]
    candidates = (path for folder in (packages[0] / "node_modules/@bufbuild", packages[1])
                  for path in sorted(folder.glob("buf-linux-*/bin/buf")))
    return next((str(path) for path in candidates if is_binary(path)), None)


@dataclasses.dataclass(frozen=True)
class Peers:
    """Which programs are there to be compared with; where one is not, why."""

    go: bool = False
    buf: str | None = None
    node: bool = False

    REASONS = {
        "go": "no Go programs: scripts/setup --bench installs what they need",
        "buf": "buf is not in PATH (npm install --global @bufbuild/buf)",
        "node": "no grpc-js: scripts/setup --bench installs it where npm is",
    }

    @classmethod
    def find(cls, bin_directory, node_directory):
        go = all(os.access(pathlib.Path(bin_directory) / f"bench_go_{role}", os.X_OK) for role in ("client", "server"))
        node = (shutil.which("node") is not None
                and (pathlib.Path(node_directory) / "node_modules/@grpc/grpc-js/package.json").is_file())
        return cls(go=go, buf=find_buf(), node=node)

    def missing(self, *names):
        return [self.REASONS[name] for name in names if not getattr(self, name)]


def buf_curl(address, method, data):
    return (f"./buf curl --schema proto --protocol grpc --http2-prior-knowledge -d {shlex.quote(data)} "
            f"http://{address}/dispatchpb.DispatchGateway/{method}")


def compare(key, title, commands, bars, *, rounds, measure="time", units=1, unit="runs", warmup=1, lines=None,
            max_peak_mib=None, left_out=()):
    """A paired comparison; the first command is the subject. `bars`: for a label, what subject and it are held to.

    `measure`: "time" holds the subject's time over the other's to at most that, "rate" its rate to at least that.
    """
    words = {label: shlex.split(command) for label, command in commands.items()}
    peaks = paired.peaks(words, OUTPUT)
    samples = paired.measure(words, rounds, warmup, OUTPUT, lines)
    return {"kind": "paired", "key": key, "title": title, "measure": measure, "units": units, "unit": unit,
            "commands": commands, "bars": bars, "max_peak_mib": max_peak_mib, "left_out": list(left_out),
            "peak_mib": peaks, "samples": samples}


def make_input(program, count, path):
    """A file of the first `count` lines that the awk program writes."""
    with open(path, "wb") as file:
        subprocess.run(generator(program, count), stdout=file, check=True)
    return path


def generator(program, count):
    return ["awk", "-v", f"n={count}", program]


def p1(amounts, peers):
    with servers.mock("bin") as server:
        address = server.address
        ours = f"bin/dispatchctl lookup courier-42 --server {address} -o ndjson"
        commands = {"dispatchctl": ours, "bare": f"bin/bench_raw_lookup ipv4:{address} courier-42"}
        bars = {"bare": 1.2}
        if peers.go:
            commands["go"] = f"bin/bench_go_client lookup {address} courier-42"
            bars["go"] = 1.0
        yield compare("P1", "one lookup as a process", commands, bars, rounds=amounts.lookup_rounds, warmup=3,
                      lines={"dispatchctl": 1, "bare": 1, "go": 1}, left_out=peers.missing("go"))
        commands, bars = {"dispatchctl": ours}, {}
        if peers.buf:
            commands["buf"] = buf_curl(address, "GetCourierStatus", '{"courier_id":"courier-42"}')
            bars["buf"] = 0.1
        if peers.node:
            commands["grpc-js"] = f"node node/client.js lookup {address} courier-42 proto"
        yield compare("P1", "one lookup as a process, against slow starters", commands, bars,
                      rounds=amounts.slow_lookup_rounds, warmup=2, left_out=peers.missing("buf", "node"))


def p2(amounts, peers):
    make_input(MAKE_UPDATES, amounts.assignments, UPDATES)
    with servers.mock("bin") as server:
        address = server.address
        ours = f"bin/dispatchctl assign -f {UPDATES} --server {address} -o ndjson"
        commands = {"dispatchctl": ours, "bare": f"bin/bench_raw_stream ipv4:{address} -f {UPDATES}"}
        bars = {"bare": 0.7}
        if peers.go:
            commands["go"] = f"bin/bench_go_client assign {address} {UPDATES}"
            bars["go"] = 1.1
        yield compare("P2", f"{amounts.assignments:,} assignments, NDJSON to NDJSON", commands, bars, measure="rate",
                      rounds=amounts.stream_rounds, units=amounts.assignments, unit="lines", max_peak_mib=64,
                      lines=dict.fromkeys(commands, amounts.assignments), left_out=peers.missing("go"))
    fewer = make_input(MAKE_UPDATES, amounts.slow_assignments, "fewer.ndjson")
    with servers.mock("bin") as server:
        address = server.address
        commands, bars = {"dispatchctl": f"bin/dispatchctl assign -f {fewer} --server {address} -o ndjson"}, {}
        if peers.buf:
            commands["buf"] = buf_curl(address, "StreamAssignments", f"@{fewer}")
            bars["buf"] = 8
        if peers.node:
            commands["grpc-js"] = f"node node/client.js assign {address} {fewer} proto"
        yield compare("P2", f"{amounts.slow_assignments:,} assignments, against slow ones", commands, bars,
                      measure="rate", rounds=amounts.slow_stream_rounds, units=amounts.slow_assignments, unit="lines",
                      lines={label: amounts.slow_assignments for label in commands if label != "buf"},
                      left_out=peers.missing("buf", "node"))


def p3(amounts, _peers):
    make_input(MAKE_UPDATES, amounts.assignments, UPDATES)
    every = {"rounds": amounts.stream_rounds, "units": amounts.assignments, "unit": "lines"}
    with servers.mock("bin") as server:
        plain = f"bin/dispatchctl assign -f {UPDATES} --server {server.address} -o ndjson"
        commands = {"resume": plain, "no-resume": f"{plain} --no-resume"}
        yield compare("P3", "resume and its checks", commands, {"no-resume": 1.05},
                      lines=dict.fromkeys(commands, amounts.assignments), **every)
        # A checkpoint of its own each time: the file is emptied before each run.
        checkpoint = f"bin/dispatchctl assign -f {UPDATES} --server {server.address} --out {OUTPUT} --continue"
        commands = {"checkpoint": checkpoint, "ordered": f"{checkpoint} --ordered", "plain": plain}
        yield compare("P3", "results in a file that is a checkpoint", commands, {"plain": 1.05}, max_peak_mib=64,
                      lines=dict.fromkeys(commands, amounts.assignments), **every)


def p4(amounts, _peers):
    make_input(MAKE_IDS, amounts.lookups, IDS)
    with servers.mock("bin") as server:
        bare = f"bin/bench_raw_unary ipv4:{server.address} -f {IDS} --in-flight 64"
        # The bar's peer prints nothing; the one that prints shows how much of a gap is output.
        yield compare("P4", f"{amounts.lookups:,} lookups, 64 in flight",
                      {"dispatchctl": f"bin/dispatchctl lookup -f {IDS} --parallel 64 --server {server.address} -o ndjson",
                       "bare": bare, "bare-printing": f"{bare} --print"}, {"bare": 0.85}, measure="rate",
                      rounds=amounts.unary_rounds, units=amounts.lookups, unit="lookups",
                      lines={"dispatchctl": amounts.lookups, "bare-printing": amounts.lookups})


def run_json(command):
    """What a program that prints one JSON object says."""
    words = shlex.split(command)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise paired.Failed(f"exit {done.returncode}: {command}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def p5(amounts, _peers):
    """Library and stub in one process, in slices of some 50 ms: two would not share the machine's ups and downs."""
    forms = []
    with servers.mock("bin") as server:
        for option in ("", " --blocking"):
            command = f"bin/bench_unary_slices ipv4:{server.address} --rounds {amounts.slice_rounds}{option}"
            forms.append({"command": command, **run_json(command)})
    yield {"kind": "slices", "key": "P5", "title": "lookups through the library, against the generated stub's",
           "forms": forms, "bars": {"time_ratio": 1.03, "more_cpu_us_per_call": 1.0, "more_allocations_per_call": 1}}


def p6(amounts, _peers):
    command = ("bin/bench_circuit_breaker --benchmark_filter=^Admission --benchmark_min_time=0.3 "
               f"--benchmark_repetitions={amounts.breaker_rounds} --benchmark_format=json")
    limits = {1: 100, 16: 300}
    rows = {}
    for run in run_json(command)["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        assert run["time_unit"] == "ns", run
        operation = run["run_name"].partition("/")[0]
        row = rows.setdefault((operation, run["threads"]), {
            "operation": operation, "threads": run["threads"], "limit_ns": limits[run["threads"]],
            "nanoseconds": [], "allocations": []})
        row["nanoseconds"].append(run["cpu_time"])
        row["allocations"].append(run["allocations"])
    yield {"kind": "nanoseconds", "key": "P6", "title": "breaker, admission and verdict: CPU time of both together",
           "command": command, "rows": list(rows.values())}


def p7(amounts, peers):
    if not peers.go:
        yield {"kind": "left out", "key": "P7", "title": "the servers", "left_out": peers.missing("go")}
        return
    loads = (("unary, 64 in flight", f"bin/bench_raw_unary ipv4:ADDRESS --count {amounts.lookups} --in-flight 64",
              amounts.unary_rounds, amounts.lookups, "lookups"),
             ("one stream, corked client", f"bin/bench_raw_stream ipv4:ADDRESS --count {amounts.assignments}",
              amounts.stream_rounds, amounts.assignments, "lines"))
    with servers.mock("bin") as ours, servers.Server("bin/bench_go_server") as theirs:
        for title, load, rounds, units, unit in loads:
            yield compare("P7", f"the servers: {title}",
                          {"dispatch-mock": load.replace("ADDRESS", ours.address),
                           "go-server": load.replace("ADDRESS", theirs.address)},
                          {"go-server": 1.0}, measure="rate", rounds=rounds, units=units, unit=unit)


def p8(amounts, _peers):
    works = (("assign", "assign -f - -o ndjson", MAKE_UPDATES, amounts.flat_assignments),
             ("lookup", "lookup -f - --parallel 64 -o ndjson", MAKE_IDS, amounts.flat_lookups))
    runs = []
    for label, words, program, count in works:
        with servers.mock("bin") as server:
            command = f"bin/dispatchctl {words} --server {server.address}"
            runs.append({"label": label, "units": count, "command": f"{shlex.join(generator(program, count))} | {command}",
                         **memory.follow(generator(program, count), shlex.split(command), count)})
    yield {"kind": "memory", "key": "P8", "title": "memory over time", "flat_within_mib": FLAT_WITHIN_MIB, "runs": runs}


BARS = {"P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": p5, "P6": p6, "P7": p7, "P8": p8}
