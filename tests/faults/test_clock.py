"""The wall clock jumps under a running client, which must live by the steady one."""

import datetime
import json
import os
import pathlib
import signal
import time

import pytest

from admin import calls, ctl, wait_for_calls
from helpers import update
from programs import PATIENCE

LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = [
    pytest.mark.skipif(LIBRARY is None, reason="needs faketime; scripts/setup installs it"),
    pytest.mark.skipif(bool(os.environ.get("DISPATCHCTL_TEST_SANITIZER")),
                       reason="a sanitizer must be loaded before anything else"),
]

HOUR = 3600
LEAP_SECOND = -1
JUMPS = [HOUR, -HOUR, LEAP_SECOND]


class WallClock:
    """The wall clock as the programs that it starts see it; the steady one stays as it is."""

    def __init__(self, folder, start):
        self.offset = folder / "offset"
        self.jump(0)
        self.start_program = start
        self.started = []

    def start(self, *arguments, env=None):
        self.started.append(self.start_program(*arguments, env={
            "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.offset), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", **(env or {})}))
        return self.started[-1]

    def jump(self, seconds):
        # A program may read it at any moment.
        new = self.offset.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.offset)

    def close(self):
        for running in self.started:
            running.close()
            # Left behind by a program that leaves without destructors, and in the way of the next with its pid.
            for name in ("faketime_shm_", "sem.faketime_sem_"):
                pathlib.Path(f"/dev/shm/{name}{running.process.pid}").unlink(missing_ok=True)


@pytest.fixture
def clock(tmp_path, start):
    made = WallClock(tmp_path, start)
    yield made
    made.close()


@pytest.mark.parametrize("seconds", JUMPS)
def test_f33_a_deadline_keeps_its_length(start_mock, clock, seconds):
    server = start_mock("--admin", "127.0.0.1:0", "--fault", "hang")
    began = time.monotonic()
    running = clock.start("lookup", "-s", server.address, "courier-42", "--timeout", "3s")
    wait_for_calls(server, "GetCourierStatus")
    clock.jump(seconds)
    # Each side ends the call for itself. faketime does not reach the futex that core's timers wait by, with a deadline
    # of the wall clock: where the client's is late for that, the server is not.
    assert running.wait() == 68
    assert 3 <= time.monotonic() - began < 30
    found = json.loads(running.rest_of_notes()[-1])["error"]
    assert 3000 <= found["elapsed_ms"] < 30_000


@pytest.mark.parametrize("seconds", JUMPS)
def test_f33_a_breaker_stays_open_for_its_time_and_no_longer(start_mock, clock, seconds):
    server = start_mock("--admin", "127.0.0.1:0", "--fault", "status=UNAVAILABLE")
    running = clock.start("lookup", "-s", server.address, "-f", "-", "--parallel", "1", "--max-attempts", "1")

    def message_of_one():
        running.send("courier-1\n")
        return running.record().get("error", {}).get("message", "")

    while "circuit breaker open" not in message_of_one():
        pass
    opened = time.monotonic()
    seen = len(calls(server, "GetCourierStatus"))
    clock.jump(seconds)
    refused = message_of_one()
    # Two seconds, less 20 % of jitter; on a machine too slow to ask within them there is nothing to see.
    if time.monotonic() - opened < 1.5:
        assert "circuit breaker open" in refused
        assert len(calls(server, "GetCourierStatus")) == seen
    assert ctl(server, "faults", "--clear").returncode == 0
    while message_of_one() != "":
        assert time.monotonic() - opened < 30
        time.sleep(0.02)
    running.process.stdin.close()
    assert running.wait() == 6


@pytest.mark.parametrize("seconds", JUMPS)
def test_f33_a_status_stays_as_old_as_it_is(start_mock, clock, tmp_path, seconds):
    server = start_mock()
    running = clock.start("lookup", "-s", server.address, "courier-42", "--watch", "--interval", "50ms",
                          "--stale-if-error", "10m", env={"XDG_CACHE_HOME": str(tmp_path)})

    def time_and_age():
        record = running.record()
        assert "error" not in record, record
        return datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")), record.get("age_ms")

    _, age = time_and_age()
    assert age is None
    server.kill()
    before, age = time_and_age()
    while age is None:
        before, age = time_and_age()
    clock.jump(seconds)
    jumped = time.monotonic()
    moved = datetime.timedelta(0)
    while abs(moved - datetime.timedelta(seconds=seconds)) > abs(datetime.timedelta(seconds=seconds)) / 2:
        assert time.monotonic() - jumped < PATIENCE
        now, later_age = time_and_age()
        moved = now - before
    assert age <= later_age < age + 1000 * PATIENCE
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT


@pytest.mark.parametrize("seconds", JUMPS)
def test_f33_a_stream_comes_back_when_it_would_have(start_mock, clock, seconds):
    servers = {server.address: server for server in (start_mock(), start_mock())}
    running = clock.start("assign", "-s", ",".join(servers), "-f", "-", "--detail", "--summary", "json")
    running.send(update(0))
    lost = running.record()["endpoint"]
    servers[lost].kill()
    clock.jump(seconds)
    began = time.monotonic()
    running.send("".join(update(number) for number in range(1, 10)))
    assert [running.record()["assignment_id"] for _ in range(9)] == [f"a-{number}" for number in range(1, 10)]
    # The longest pause between two attempts is 3 s.
    assert time.monotonic() - began < 30
    running.process.stdin.close()
    assert running.wait() == 0
    assert json.loads(running.rest_of_notes()[-1])["summary"]["reconnects"] == 1
