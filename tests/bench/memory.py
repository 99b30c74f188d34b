"""How much memory a process holds while it works, from its beginning to its end."""

import shlex
import subprocess
import time

from paired import Failed

# Of the run: what is held by then is warm.
WARM_UP_SHARE = 0.1


def resident_kib(pid):
    """What a process holds now, and the most it ever held; None once it has ended."""
    found = {}
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in ("VmRSS", "VmHWM"):
                    found[name] = int(value.split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (found["VmRSS"], found["VmHWM"]) if len(found) == 2 else None


def follow(source, command, lines, interval=0.05):
    """Runs `source | command`, which must print so many lines: [seconds, held, most ever held in KiB] over time."""
    started = time.monotonic()
    samples = []
    with subprocess.Popen(source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as writer, \
            subprocess.Popen(command, stdin=writer.stdout, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL) as program, \
            subprocess.Popen(["wc", "-l"], stdin=program.stdout, stdout=subprocess.PIPE) as counter:
        writer.stdout.close()
        program.stdout.close()
        while True:
            held = resident_kib(program.pid)
            if held is not None:
                samples.append([round(time.monotonic() - started, 3), *held])
            try:
                program.wait(interval)
                break
            except subprocess.TimeoutExpired:
                pass
        seconds = time.monotonic() - started
        counted = int(counter.stdout.read())
    if program.returncode != 0 or counted != lines:
        raise Failed(f"exit {program.returncode}, {counted} lines of output, not {lines}: {shlex.join(command)}")
    if len(samples) < 10:
        raise Failed(f"over after {seconds:.1f} s, too soon to be sampled: {shlex.join(command)}")
    return {"seconds": seconds, "samples": samples}


def growth_mib(run):
    """What the process came to hold at most by the end of its warm-up, and by how much more afterwards."""
    warm = run["seconds"] * WARM_UP_SHARE
    most = [[seconds, most] for seconds, _, most in run["samples"]]
    at_warm = max(most_then for seconds, most_then in most if seconds <= max(warm, most[0][0]))
    return at_warm / 1024, (most[-1][1] - at_warm) / 1024
