"""What the tests say often."""

import array
import fcntl
import json
import os
import termios
import time

from programs import PATIENCE


def update(number, courier="courier-42", zone="zone-7"):
    """One line of input for assign."""
    return json.dumps({"assignment_id": f"a-{number}", "courier_id": courier, "destination_zone": zone}) + "\n"


def updates(count):
    return "".join(update(number) for number in range(count))


def records(result):
    """The records on stdout."""
    return [json.loads(line) for line in result.stdout.decode().splitlines()]


def error(result):
    """The terminal error: one JSON object, the last line of stderr."""
    lines = result.stderr.decode().splitlines()
    assert lines, "nothing on stderr"
    last = json.loads(lines[-1])
    assert last["v"] == 1
    for line in lines[:-1]:
        assert '"exit_code"' not in line, "more than one error object"
    if result.returncode >= 0:
        assert last["exit_code"] == result.returncode
    else:
        assert last["exit_code"] == 128 - result.returncode
    return last["error"]


def summary(result):
    found = [json.loads(line)["summary"] for line in result.stderr.decode().splitlines()
             if line.startswith('{"summary"')]
    assert len(found) == 1, result.stderr
    return found[0]


def eventually(condition, what, patience=PATIENCE):
    """Looks again until the condition holds."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {patience} s"
        time.sleep(0.02)


def trace_events(path, event):
    """The events of that name in a file of --trace."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [one for one in events if one["event"] == event]


def sent_all(running):
    """Waits until the process has read everything that was sent to it."""
    size = array.array("i", [1])
    while size[0] != 0:
        assert running.process.poll() is None
        fcntl.ioctl(running.process.stdin, termios.FIONREAD, size)
        time.sleep(0.001)


def wait_for_lines(running, path, lines):
    """Waits until the file has so many lines, or until nothing can add any."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert running.process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)


def read_terminal(master):
    """All that is written to a pseudo-terminal until its last writer has gone; closes it."""
    with os.fdopen(master, "rb", buffering=0) as terminal:
        text = b""
        while True:
            try:
                piece = terminal.read(4096)
            except OSError:  # how Linux tells that nobody writes any more
                piece = b""
            if not piece:
                return text.decode()
            text += piece
