"""Times commands against each other in one interleaved run.

A figure taken alone says little: machines drift from hour to hour. So each round runs every
command once, the order turned by one from round to round, and what is compared is the ratio
within a round. The median of those ratios is what a bar is held to.
"""

import ctypes
import os
import shlex
import time


class Failed(Exception):
    """A command did not do the work it was timed for."""


def spawn(command, output, more_actions=()):
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        *more_actions,
    ]
    try:
        return os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error


def check(status, command):
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise Failed(f"exit {code}: {shlex.join(command)}")


def run_once(command, output=os.devnull):
    """Wall and CPU seconds of one process and its children."""
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


def run_with_peak(command, output=os.devnull):
    """Wall and CPU seconds of one process, with a shell's start in the former, and its peak memory in MiB.

    A child's peak starts at what its parent held at the moment of exec, and Python holds more than
    a whole lookup. A shell starts the command and leaves, so that the floor is a shell's and the
    orphan, which says who it is, comes to us to be reaped.
    """
    become_subreaper()
    read_end, write_end = os.pipe()
    started = time.perf_counter()
    try:
        shell = spawn(["sh", "-c", 'sh -c "$0" sh "$@" & exit 0', 'echo $$ >&3; exec "$@" 3>&-', *command], output,
                      [(os.POSIX_SPAWN_DUP2, write_end, 3)])
    finally:
        os.close(write_end)
    with os.fdopen(read_end) as pipe:
        pid = int(pipe.readline())
    os.waitpid(shell, 0)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    check(status, command)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def count_lines(path):
    lines = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            lines += block.count(b"\n")
    return lines


def measure(commands, rounds, warmup=1, output=os.devnull, expected=None):
    """One list of (wall, CPU seconds) per label, the n-th of each from the same round.

    `commands` are lists of words by label; `expected` says how many lines a label leaves in `output`.
    """
    expected = expected or {}
    samples = {label: [] for label in commands}
    labels = list(commands)
    for number in range(warmup + rounds):
        turn = number % len(labels)
        for label in labels[turn:] + labels[:turn]:
            sample = run_once(commands[label], output)
            if label in expected and (lines := count_lines(output)) != expected[label]:
                raise Failed(f"{label}: {lines} lines of output, not {expected[label]}")
            if number >= warmup:
                samples[label].append(sample)
    return samples


def peaks(commands, output=os.devnull):
    """The peak memory of each in MiB, of runs that are not timed."""
    return {label: run_with_peak(command, output)[2] for label, command in commands.items()}
