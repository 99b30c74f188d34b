"""How cost changes with size: a generator for each curve, of a record as report.py and plots.py read it.

The rounds go over all places of a curve in turn, so that a machine's drift does not look like a knee. What an
operation costs is what a run takes more than one of a single operation: connecting, to 500 endpoints say, is
not part of it.
"""

import collections
import dataclasses
import json
import shlex

import bars
import paired
import servers


@dataclasses.dataclass(frozen=True)
class Amounts:
    rounds: int = 5
    lookups: int = 50_000
    in_flight: tuple = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    endpoints: tuple = (1, 2, 5, 10, 20, 50, 100, 200, 500)
    stream_lengths: tuple = (10_000, 100_000, 1_000_000, 10_000_000)
    message_sizes: tuple = (20, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
    line_sizes: tuple = (96, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
    bytes_at_most: int = 256 << 20
    messages_at_most: int = 200_000
    messages_at_least: int = 200
    calls_held: tuple = (16, 64, 256, 1024, 4096, 16_384)
    assignments_held: tuple = (256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)

    def with_rounds(self, rounds):
        return dataclasses.replace(self, rounds=rounds)

    def messages(self, size):
        return max(self.messages_at_least, min(self.messages_at_most, self.bytes_at_most // size))


QUICK = Amounts(rounds=1, lookups=5_000, in_flight=(1, 16, 256, 4096), endpoints=(1, 10, 100, 500),
                stream_lengths=(10_000, 100_000), message_sizes=(20, 1024, 65_536, 1_048_576),
                line_sizes=(96, 1024, 65_536, 1_048_576), bytes_at_most=8 << 20, messages_at_most=20_000,
                messages_at_least=8, calls_held=(16, 256, 4096), assignments_held=(256, 4096, 65_536))


# The contract's longest zone and two short ids; with three long ids a message has three times as many bytes.
LONGEST_UPDATE = 1024


class Panel:
    """The samples of one chart, by line and place across."""

    def __init__(self, **described):
        self.described = described
        self.samples = collections.defaultdict(lambda: collections.defaultdict(list))

    def add(self, x, value, line=None):
        self.samples[line][x].append(value)

    def finished(self):
        return {**self.described, "lines": [[line, sorted(places.items())] for line, places in self.samples.items()]}


class Curve:
    """One curve: its charts share what goes across, most of them."""

    def __init__(self, key, title):
        self.about = {"kind": "curve", "key": key, "title": title, "commands": []}
        self.panels = []

    def panel(self, title, unit, across, logarithmic=False):
        self.panels.append(Panel(title=title, unit=unit, across=across, logarithmic=logarithmic))
        return self.panels[-1]

    def shown(self, *commands):
        self.about["commands"] += commands

    def finished(self):
        return {**self.about, "panels": [panel.finished() for panel in self.panels]}


def run_bench(target, in_flight, count):
    """`dispatchctl bench lookup`: its report, and its CPU seconds."""
    command = (f"bin/dispatchctl bench lookup --server {target} --concurrency {in_flight} --count {count} "
               "--timeout 60s -o json")
    _, cpu = paired.run_once(shlex.split(command), bars.OUTPUT)
    with open(bars.OUTPUT, encoding="utf-8") as file:
        found = json.load(file)
    if found["ok"] != count:
        raise paired.Failed(f"{found['ok']} of {count} lookups were answered: {command}")
    return found, cpu


def microseconds_each(cpu, cpu_of_one, count):
    return max(cpu - cpu_of_one, 0.0) / (count - 1) * 1e6


def in_flight(amounts):
    curve = Curve("in-flight", "lookups in flight")
    across = "lookups in flight"
    costs = curve.panel("CPU of the client", "us a lookup", across)
    rates = curve.panel("lookups", "a second", across)
    latencies = curve.panel("latency", "ms", across, logarithmic=True)
    curve.shown(f"dispatchctl bench lookup --server T --concurrency N --count {amounts.lookups} -o json")
    for _ in range(amounts.rounds):
        for number in amounts.in_flight:
            with servers.mock("bin") as server:
                _, cpu_of_one = run_bench(server.address, number, 1)
                found, cpu = run_bench(server.address, number, amounts.lookups)
            costs.add(number, microseconds_each(cpu, cpu_of_one, amounts.lookups))
            rates.add(number, found["rate_per_s"])
            for percentile in ("p50", "p99"):
                latencies.add(number, found["latency_ms"][percentile], percentile)
    yield curve.finished()


def endpoints(amounts):
    curve = Curve("endpoints", "endpoints, 64 lookups in flight")
    across = "endpoints"
    costs = curve.panel("CPU of the client", "us a lookup", across)
    rates = curve.panel("lookups", "a second", across)
    curve.shown(f"dispatchctl bench lookup --server T1,T2,... --concurrency 64 --count {amounts.lookups} -o json")
    with servers.mock("bin", backends=max(amounts.endpoints)) as server:
        for _ in range(amounts.rounds):
            for number in amounts.endpoints:
                target = ",".join(server.addresses[:number])
                _, cpu_of_one = run_bench(target, 64, 1)
                found, cpu = run_bench(target, 64, amounts.lookups)
                costs.add(number, microseconds_each(cpu, cpu_of_one, amounts.lookups))
                rates.add(number, found["rate_per_s"])
    yield curve.finished()


def start_up(amounts):
    curve = Curve("start-up", "starting the client library")
    across = "endpoints"
    times = curve.panel("time since the client was made", "ms", across)
    costs = curve.panel("CPU of the whole process until then", "ms", across)
    curve.shown("bench_sdk_footprint T1,T2,...")
    with servers.mock("bin", backends=max(amounts.endpoints)) as server:
        for _ in range(amounts.rounds):
            for number in amounts.endpoints:
                found = bars.run_json(f"bin/bench_sdk_footprint {','.join(server.addresses[:number])}")
                times.add(number, found["first_answer_ms"], "first answer")
                times.add(number, found["all_ready_ms"], "every endpoint connected")
                costs.add(number, found["cpu_ms"])
    yield curve.finished()


def stream_length(amounts):
    curve = Curve("stream-length", "length of a stream of assignments")
    across = "lines"
    costs = curve.panel("CPU of the client", "us a line", across)
    rates = curve.panel("lines", "a second", across)
    peaks = curve.panel("peak memory", "MiB", across)
    # Longer ones read the same file more than once: an id decided before is answered all the same.
    longest_file = min(max(amounts.stream_lengths), 1_000_000)
    curve.shown("dispatchctl assign -f LINES --server T -o ndjson")
    for length in amounts.stream_lengths:
        if length <= longest_file:
            bars.make_input(bars.MAKE_UPDATES, length, f"updates-{length}.ndjson")
    bars.make_input(bars.MAKE_UPDATES, 1, "one.ndjson")
    for _ in range(amounts.rounds):
        for length in amounts.stream_lengths:
            with servers.mock("bin") as server:
                rest = f"--server {server.address} -o ndjson"
                _, cpu_of_one = paired.run_once(shlex.split(f"bin/dispatchctl assign -f one.ndjson {rest}"), bars.OUTPUT)
                files = f" -f updates-{min(length, longest_file)}.ndjson" * max(length // longest_file, 1)
                wall, cpu, peak = paired.run_with_peak(shlex.split(f"bin/dispatchctl assign{files} {rest}"), bars.OUTPUT)
            if (lines := paired.count_lines(bars.OUTPUT)) != length:
                raise paired.Failed(f"assign: {lines} lines of output, not {length}")
            costs.add(length, microseconds_each(cpu, cpu_of_one, length))
            rates.add(length, length / wall)
            peaks.add(length, peak)
    yield curve.finished()


def varint_bytes(value):
    return max(1, (value.bit_length() + 6) // 7)


def update_line(number, size):
    """A line of input whose message has `size` bytes on the wire: two fields of 20, and the zone."""
    prefix = f'{{"assignment_id":"{number:07d}","courier_id":"courier-1"'
    left = size - 20
    if left < 3:
        return prefix + "}\n"
    zone = left - 2
    while 1 + varint_bytes(zone) + zone > left:
        zone -= 1
    return f'{prefix},"destination_zone":"{"z" * zone}"}}\n'


def padded_line(number, size):
    """A line of so many bytes, of which JSON ignores all but a message of 27."""
    line = f'{{"assignment_id":"{number:07d}","courier_id":"courier-1","destination_zone":"zone-'
    end = '1"}\n'
    return line + end[:-2] + " " * (size - len(line) - len(end)) + "}\n"


def write_lines(make_line, size, count):
    path = f"{make_line.__name__}-{size}-{count}.ndjson"
    with open(path, "w", encoding="ascii") as file:
        for number in range(count):
            file.write(make_line(number, size))
    return path


def assign_cost(path, one, count, address):
    """CPU microseconds a line of `assign`, and lines a second."""
    rest = f"--max-line 4MiB --server {address} -o ndjson"
    wall_of_one, cpu_of_one = paired.run_once(shlex.split(f"bin/dispatchctl assign -f {one} {rest}"), bars.OUTPUT)
    wall, cpu = paired.run_once(shlex.split(f"bin/dispatchctl assign -f {path} {rest}"), bars.OUTPUT)
    if (lines := paired.count_lines(bars.OUTPUT)) != count:
        raise paired.Failed(f"assign: {lines} lines of output, not {count}")
    return microseconds_each(cpu, cpu_of_one, count), (count - 1) / max(wall - wall_of_one, 1e-6)


def message_size(amounts):
    curve = Curve("message-size", "size of a message")
    across = "bytes of a message"
    costs = curve.panel("CPU of the client", "us a message", across, logarithmic=True)
    rates = curve.panel("throughput", "MiB a second", across, logarithmic=True)
    curve.shown("dispatchctl assign -f LINES --max-line 4MiB --server T -o ndjson",
                "dispatchctl bench lookup --server T --concurrency 64 --count N -o json",
                "dispatch-mock serve --fault method=lookup,big-message=SIZE")
    sent = {size: write_lines(update_line, size, amounts.messages(size)) for size in amounts.message_sizes
            if size <= LONGEST_UPDATE}
    one = write_lines(update_line, amounts.message_sizes[0], 1)
    for _ in range(amounts.rounds):
        for size in amounts.message_sizes:
            count = amounts.messages(size)
            if size in sent:
                with servers.mock("bin") as server:
                    cpu, rate = assign_cost(sent[size], one, count, server.address)
                costs.add(size, cpu, "assignment sent")
                rates.add(size, rate * size / (1 << 20), "assignment sent")
            # The mock's plain reply has some 35 bytes.
            bigger = ("--fault", f"big-message={size - 35},method=lookup") if size > 35 else ()
            with servers.mock("bin", *bigger) as server:
                _, cpu_of_one = run_bench(server.address, 64, 1)
                found, cpu = run_bench(server.address, 64, count)
            costs.add(size, microseconds_each(cpu, cpu_of_one, count), "reply received")
            rates.add(size, found["rate_per_s"] * size / (1 << 20), "reply received")
    yield curve.finished()


def line_size(amounts):
    curve = Curve("line-size", "size of a line of input, for a message that stays the same")
    across = "bytes of a line"
    costs = curve.panel("CPU of the client", "us a line", across, logarithmic=True)
    rates = curve.panel("input", "MiB a second", across, logarithmic=True)
    curve.shown("dispatchctl assign -f LINES --max-line 4MiB --server T -o ndjson")
    padded = {size: write_lines(padded_line, size, amounts.messages(size)) for size in amounts.line_sizes}
    one = write_lines(padded_line, amounts.line_sizes[0], 1)
    for _ in range(amounts.rounds):
        for size in amounts.line_sizes:
            count = amounts.messages(size)
            with servers.mock("bin") as server:
                cpu, rate = assign_cost(padded[size], one, count, server.address)
            costs.add(size, cpu)
            rates.add(size, rate * size / (1 << 20))
    yield curve.finished()


def footprint(amounts):
    """Memory of one more: each run's growth over what the smallest run of its kind holds."""
    curve = Curve("memory", "memory of each endpoint, call and assignment")
    kinds = (("an endpoint", "endpoints", amounts.endpoints, None),
             ("a lookup in flight", "lookups in flight", amounts.calls_held, "--lookups"),
             ("an assignment without an answer", "unanswered assignments", amounts.assignments_held, "--assignments"))
    panels = {of: curve.panel(of, "KiB", across) for of, across, _, _ in kinds}
    curve.shown("bench_sdk_footprint T1,T2,...", "bench_sdk_footprint T --lookups N", "bench_sdk_footprint T --assignments N",
                "dispatch-mock serve --fault hang")
    with servers.mock("bin", backends=max(amounts.endpoints)) as answering, \
            servers.mock("bin", "--fault", "hang") as silent:
        for _ in range(amounts.rounds):
            for of, _, sizes, option in kinds:
                least = None
                for size in sizes:
                    target = ",".join(answering.addresses[:size]) if option is None else silent.address
                    words = f" {option} {size}" if option is not None else ""
                    found = bars.run_json(f"bin/bench_sdk_footprint {target}{words}")
                    if least is None:
                        least = found
                        continue
                    more = found["items"] - least["items"]
                    for line, name in (("malloc", "heap_bytes"), ("resident", "resident_bytes")):
                        panels[of].add(size, (found[name] - least[name]) / more / 1024, line)
    yield curve.finished()


CURVES = {"in-flight": in_flight, "endpoints": endpoints, "start-up": start_up, "stream-length": stream_length,
          "message-size": message_size, "line-size": line_size, "memory": footprint}
