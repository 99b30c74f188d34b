"""What the machine gives the client runs out: file descriptors, threads, memory."""

import os
import resource
import shutil
import subprocess
import threading
import time

import pytest

from helpers import error, update, updates
from programs import PATIENCE, clean_environment

SANITIZED = bool(os.environ.get("DISPATCHCTL_TEST_SANITIZER"))
MIB = 1024 * 1024
# Of no other process on this machine, which would count against its limit.
NOBODY_ELSE = "61234"


def open_descriptors(process):
    return {int(name) for name in os.listdir(f"/proc/{process.pid}/fd")}


def peak_memory(process):
    """The most the process has had in memory, in bytes."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


needs_own_descriptors = pytest.mark.skipif(
    SANITIZED, reason="a sanitizer looks at memory through pipes, which it cannot open either")


@needs_own_descriptors
def test_f40_without_descriptors_to_connect_with_a_lookup_says_so_and_recovers(start, start_mock):
    server = start_mock()
    running = start("lookup", "-s", server.address, "-f", "-", "--parallel", "1", "--max-attempts", "1")

    def ask():
        running.send("courier-1\n")
        return running.record().get("error", {"message": ""})

    assert ask()["message"] == ""
    connected = open_descriptors(running.process)
    server.kill()
    until(lambda: len(open_descriptors(running.process)) < len(connected), "the connection is still open")
    given = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
    free = next(number for number in range(given[0]) if number not in open_descriptors(running.process))
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (free, given[1]))
    start_mock(listen=server.address)
    until(lambda: "Too many open files" in ask()["message"], "never heard of the reason")
    found = ask()
    assert (found["code"], found["kind"], found["phase"]) == ("UNAVAILABLE", "connect", "connect")
    assert found["retryable"] is True
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, given)
    until(lambda: ask()["message"] == "", "did not recover")
    running.process.stdin.close()
    assert running.wait() == 6


@needs_own_descriptors
def test_f40_a_stream_without_descriptors_waits_for_them_and_loses_nothing(start, start_mock):
    server = start_mock()
    running = start("assign", "-s", server.address, "-f", "-", "-vvv")
    running.send(update(0))
    assert running.record()["assignment_id"] == "a-0"
    connected = open_descriptors(running.process)
    given = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
    server.kill()
    until(lambda: len(open_descriptors(running.process)) < len(connected), "the connection is still open")
    free = next(number for number in range(given[0]) if number not in open_descriptors(running.process))
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (free, given[1]))
    start_mock(listen=server.address)
    running.send("".join(update(number) for number in range(1, 100)))
    # Longer than the first pauses between two attempts to connect.
    with pytest.raises(TimeoutError):
        line_within(running, 2)
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, given)
    assert [running.record()["assignment_id"] for _ in range(99)] == [f"a-{number}" for number in range(1, 100)]
    running.process.stdin.close()
    assert running.wait() == 0


def line_within(running, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not running.lines.empty():
            return running.line()
        assert running.process.poll() is None
        time.sleep(0.05)
    raise TimeoutError


@needs_own_descriptors
@pytest.mark.parametrize("command, stdin", [(("lookup", "courier-42"), None), (("assign", "-f", "-"), update(1))])
@pytest.mark.parametrize("descriptors", [4, 6, 8, 10])
def test_f40_without_descriptors_to_start_with_it_says_so(run, mock, command, stdin, descriptors):
    result = run(*command, "-s", mock.address, stdin=stdin, prefix=("prlimit", f"--nofile={descriptors}"))
    assert result.returncode == 1, result.stderr
    assert "Too many open files" in error(result)["message"]


def limited_to_threads(count):
    """A command that lets what it starts have so many threads: root may have any number."""
    return ("setpriv", "--reuid", NOBODY_ELSE, "--clear-groups", "prlimit", f"--nproc={count}")


def why_threads_cannot_be_limited():
    if SANITIZED:
        return "a sanitizer starts threads of its own"
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return "needs root and setpriv"
    probe = subprocess.run([*limited_to_threads(64), os.environ["DISPATCHCTL"], "version"], capture_output=True,
                           env=clean_environment({"HOME": "/nonexistent"}), timeout=PATIENCE, check=False)
    return "another user cannot run it here: " + probe.stderr.decode().strip() if probe.returncode != 0 else None


UNLIMITED = why_threads_cannot_be_limited()


@pytest.mark.skipif(UNLIMITED is not None, reason=str(UNLIMITED))
@pytest.mark.parametrize("command, stdin", [(("lookup", "courier-42"), None), (("assign", "-f", "-"), update(1))])
@pytest.mark.parametrize("threads", [1, 2, 4, 6, 8])
def test_f40_without_threads_to_start_with_it_says_so(run, mock, command, stdin, threads):
    environment = {"HOME": "/nonexistent"}
    result = run(*command, "-s", mock.address, stdin=stdin, prefix=limited_to_threads(threads), env=environment)
    assert result.returncode == 1, result.stderr
    found = error(result)
    assert "no threads left" in found["message"] and "Resource temporarily unavailable" in found["message"]
    assert run(*command, "-s", mock.address, stdin=stdin, prefix=limited_to_threads(64), env=environment).returncode == 0


class Flood:
    """Writes assignments without end to a process, and counts what was taken."""

    def __init__(self, process):
        self.process = process
        self.written = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        piece = updates(2000).encode()
        try:
            while True:
                self.process.stdin.write(piece)
                self.written += len(piece)
        except OSError:
            pass

    def until_it_stands_still(self):
        """Waits until nothing has been taken for a second."""
        deadline = time.monotonic() + PATIENCE
        since, before = time.monotonic(), -1
        while time.monotonic() - since < 1:
            assert time.monotonic() < deadline, f"takes ever more: {self.written} bytes"
            if self.written != before:
                since, before = time.monotonic(), self.written
            time.sleep(0.05)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory is more than the bound")
@pytest.mark.parametrize("fault", ["slow-read=10", "hang,method=assign", "blackhole-after=5000"])
def test_f41_a_server_that_does_not_read_holds_up_a_flood_in_bounded_memory(start, start_mock, fault):
    server = start_mock("--fault", fault)
    running = start("assign", "-s", server.address, "-f", "-", "--timeout", "10m", "--drain-timeout", "100ms")
    # So that a queue without a bound would end it.
    resource.prlimit(running.process.pid, resource.RLIMIT_DATA, (512 * MIB, 512 * MIB))
    flood = Flood(running.process)
    flood.until_it_stands_still()
    assert flood.written < 16 * MIB
    assert peak_memory(running.process) < 64 * MIB
    running.process.terminate()
    running.rest_of_notes()
    assert running.wait() == -15
    flood.thread.join(PATIENCE)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory is more than the bound")
@pytest.mark.parametrize("ordered", [[], ["--ordered"]])
def test_f41_a_reader_that_does_not_read_holds_up_a_flood_in_bounded_memory(start, start_mock, ordered, tmp_path):
    server = start_mock()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = start("assign", "-s", server.address, "-f", "-", "--out", str(fifo), "--drain-timeout", "100ms", *ordered)
    with open(fifo, "rb"):
        flood = Flood(running.process)
        flood.until_it_stands_still()
        assert flood.written < 16 * MIB
        assert peak_memory(running.process) < 64 * MIB
        running.process.terminate()
        assert running.wait() == -15
        flood.thread.join(PATIENCE)
