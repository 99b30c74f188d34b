#!/usr/bin/env python3
"""Time commands against each other in one interleaved run.

A figure taken alone says little: machines drift from hour to hour. So each round runs every
command once, the order turned by one from round to round, and what is compared is the ratio
within a round. The median of those ratios is what a bar is held to.

    paired.py --rounds 15 --run 'ours=./a x y' --run 'bare=./b x y' --bar 'bare:1.2'

The first --run is the subject. A bar 'LABEL:R' asks for subject/LABEL <= R in wall time.
Standard library only.
"""

import argparse
import ctypes
import json
import os
import shlex
import statistics
import sys
import time


class Failed(Exception):
    """A command did not do the work it was timed for."""


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="append", required=True, metavar="LABEL=COMMAND",
                        help="a command, split as a shell would but run without one; repeatable")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=1, help="rounds that are not counted")
    parser.add_argument("--units", type=int, default=0, help="things done per run, for a rate")
    parser.add_argument("--unit", default="units", help="what those things are called")
    parser.add_argument("--bar", action="append", default=[], metavar="LABEL:RATIO",
                        help="subject's wall time over LABEL's must not exceed RATIO")
    parser.add_argument("--max-rss", type=float, metavar="MIB", help="bar on the subject's peak memory")
    parser.add_argument("--output", default=os.devnull, metavar="FILE",
                        help="where stdout goes, emptied before each run (default: nowhere)")
    parser.add_argument("--expect-lines", action="append", default=[], metavar="LABEL=N",
                        help="lines LABEL must leave in --output")
    parser.add_argument("--title", default="")
    parser.add_argument("--json", action="store_true", help="all samples as JSON instead of a table")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    return arguments


def labelled(text, separator):
    label, found, rest = text.partition(separator)
    if not found or not label or not rest:
        raise Failed(f"'{text}' is not LABEL{separator}VALUE")
    return label, rest


def spawn(command, output):
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    try:
        return os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error


def check(status, command):
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise Failed(f"exit {code}: {shlex.join(command)}")


def run_once(command, output):
    """Returns wall and CPU seconds of one process and its children."""
    started = time.perf_counter()
    pid = spawn(command, output)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    check(status, command)
    return wall, usage.ru_utime + usage.ru_stime


def become_subreaper():
    pr_set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) != 0:
        raise Failed("prctl(PR_SET_CHILD_SUBREAPER): " + os.strerror(ctypes.get_errno()))


def peak_mib(command, output):
    """Peak memory of one run, which is not timed.

    A child's peak starts at what its parent held at the moment of exec, and Python holds more than
    a whole lookup. A shell starts the command and leaves, so that the floor is the shell's and the
    orphan comes to us to be reaped.
    """
    shell = spawn(["sh", "-c", '"$@" & exit 0', "sh", *command], output)
    peak = None
    for _ in range(2):
        pid, status, usage = os.wait4(-1, 0)
        if pid != shell:
            check(status, command)
            peak = usage.ru_maxrss / 1024
    return peak


def count_lines(path):
    lines = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            lines += block.count(b"\n")
    return lines


def measure(commands, rounds, warmup, output, expected):
    """One list of (wall, cpu) per label, the n-th of each from the same round."""
    samples = {label: [] for label in commands}
    labels = list(commands)
    for number in range(warmup + rounds):
        turn = number % len(labels)
        for label in labels[turn:] + labels[:turn]:
            sample = run_once(commands[label], output)
            if label in expected and count_lines(output) != expected[label]:
                raise Failed(f"{label}: {count_lines(output)} lines of output, not {expected[label]}")
            if number >= warmup:
                samples[label].append(sample)
    return samples


def median(samples, column):
    return statistics.median(sample[column] for sample in samples)


def ratios(subject, other, column=0):
    return [a[column] / b[column] for a, b in zip(subject, other) if b[column] > 0]


def spread(values):
    """The middle half, so that a reader sees what a median is worth."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def duration(seconds):
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def report(arguments, samples, peaks):
    labels = list(samples)
    subject = labels[0]
    lines = []
    if arguments.title:
        lines += [f"### {arguments.title}", ""]
    rate = f" {arguments.unit}/s |" if arguments.units else ""
    per_unit = f" CPU us/{arguments.unit.rstrip('s')} |" if arguments.units > 1 else " CPU |"
    lines.append(f"| program | wall |{rate}{per_unit} peak | {subject} / this, wall | middle half |")
    lines.append("|---|---|" + ("---|" if rate else "") + "---|---|---|---|")
    for label in labels:
        wall, cpu = median(samples[label], 0), median(samples[label], 1)
        row = f"| {label} | {duration(wall)} |"
        if arguments.units:
            row += f" {arguments.units / wall:,.0f} |"
        row += f" {cpu / arguments.units * 1e6:.2f} |" if arguments.units > 1 else f" {duration(cpu)} |"
        row += f" {peaks[label]:.1f} MiB |"
        if label == subject:
            row += " | |"
        else:
            pairs = ratios(samples[subject], samples[label])
            low, high = spread(pairs)
            row += f" **{statistics.median(pairs):.3f}** | {low:.3f} to {high:.3f} |"
        lines.append(row)

    missed = 0
    verdicts = []
    for bar in arguments.bar:
        label, limit = labelled(bar, ":")
        if label not in samples:
            verdicts.append(f"- {subject} against {label}: not measured")
            continue
        ratio = statistics.median(ratios(samples[subject], samples[label]))
        met = ratio <= float(limit)
        missed += not met
        verdicts.append(f"- {subject} takes {ratio:.3f} of {label}'s time; bar: at most {float(limit):.3f}: "
                        + ("met" if met else "**MISSED**"))
    if arguments.max_rss is not None:
        peak = peaks[subject]
        met = peak < arguments.max_rss
        missed += not met
        verdicts.append(f"- {subject} peaks at {peak:.1f} MiB; bar: under {arguments.max_rss:g} MiB: "
                        + ("met" if met else "**MISSED**"))
    if verdicts:
        lines += [""] + verdicts
    return lines, missed


def main(argv):
    arguments = parse_arguments(argv)
    try:
        commands = {}
        for run in arguments.run:
            label, command = labelled(run, "=")
            commands[label] = shlex.split(command)
        expected = {label: int(n) for label, n in (labelled(e, "=") for e in arguments.expect_lines)}
        become_subreaper()
        peaks = {label: peak_mib(command, arguments.output) for label, command in commands.items()}
        samples = measure(commands, arguments.rounds, arguments.warmup, arguments.output, expected)
    except Failed as failure:
        print(f"paired.py: {failure}", file=sys.stderr)
        return 1
    if arguments.json:
        json.dump({"title": arguments.title, "commands": commands, "peak_mib": peaks,
                   "samples": samples}, sys.stdout)
        print()
        return 0
    lines, missed = report(arguments, samples, peaks)
    print("\n".join(lines), flush=True)
    return 9 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
