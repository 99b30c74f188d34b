"""Signals while a stream waits to be connected again, and while it sends again what was lost."""

import collections
import json
import os
import signal
import time

import pytest

from admin import wait_for_calls
from helpers import sent_all, updates, wait_for_lines
from programs import PATIENCE

COUNT = 50


def ids(path):
    return [json.loads(line)["assignment_id"] for line in path.read_text().splitlines()]


class Interrupted:
    """A stream with half of its assignments answered, into a file, and the others not; its server gone."""

    def __init__(self, start, start_mock, folder, *arguments):
        self.out, self.left = folder / "results.ndjson", folder / "left.ndjson"
        lost = start_mock("--fault", f"slow-read={COUNT // 2}")
        self.address = lost.address
        self.running = start("assign", "-s", self.address, "-f", "-", "--out", str(self.out), "--unacknowledged",
                             str(self.left), "--summary", "json", *arguments)
        self.running.send(updates(COUNT))
        sent_all(self.running)
        wait_for_lines(self.running, self.out, COUNT // 2)
        lost.kill()

    def ended_by(self, number):
        assert self.running.wait() == -number
        final = json.loads(self.running.rest_of_notes()[-1])
        assert final["error"]["kind"] == "interrupted"
        assert final["exit_code"] == 128 + number
        return final["error"]["message"]

    def nothing_is_lost(self, run, mock, listed=True):
        """What has an answer and what is listed to have none is all of it, and another run answers the rest."""
        answered = ids(self.out)
        assert self.out.read_text().endswith("\n")
        assert self.left.exists() == listed
        if listed:
            assert sorted(answered + ids(self.left)) == sorted(f"a-{number}" for number in range(COUNT))
        result = run("assign", "-s", mock.address, "-f", "-", "--out", str(self.out), "--continue", stdin=updates(COUNT))
        assert result.returncode == 0, result.stderr
        assert collections.Counter(ids(self.out)) == {f"a-{number}": 1 for number in range(COUNT)}


@pytest.fixture
def interrupted(start, start_mock, tmp_path):
    return lambda *arguments: Interrupted(start, start_mock, tmp_path, *arguments)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_f39_a_stream_in_backoff_ends_within_its_bound(run, mock, interrupted, number):
    stream = interrupted("--drain-timeout", "300ms")
    began = time.monotonic()
    stream.running.process.send_signal(number)
    assert f"{COUNT // 2} assignments unacknowledged" in stream.ended_by(number)
    assert time.monotonic() - began < 15
    stream.nothing_is_lost(run, mock)


def test_f39_a_stream_in_backoff_uses_a_server_that_comes_back_in_time(interrupted, start_mock):
    stream = interrupted("--drain-timeout", "10m")
    stream.running.process.send_signal(signal.SIGTERM)
    while "SIGTERM" not in stream.running.note():
        pass
    start_mock(listen=stream.address)
    assert "unacknowledged" not in stream.ended_by(signal.SIGTERM)
    assert sorted(ids(stream.out)) == sorted(f"a-{number}" for number in range(COUNT))
    assert ids(stream.left) == []


def test_f39_a_second_signal_in_backoff_leaves_at_once(run, mock, interrupted):
    stream = interrupted("--drain-timeout", "10m")
    stream.running.process.send_signal(signal.SIGINT)
    while "SIGINT" not in stream.running.note():
        pass
    stream.running.process.send_signal(signal.SIGINT)
    stream.ended_by(signal.SIGINT)
    stream.nothing_is_lost(run, mock, listed=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_f39_a_stream_that_sends_again_ends_within_its_bound(run, mock, interrupted, start_mock, number):
    stream = interrupted("--drain-timeout", "300ms")
    # It takes some of what is sent again, and answers none of it.
    server = start_mock("--admin", "127.0.0.1:0", "--fault", "hang,method=assign", listen=stream.address)
    wait_for_calls(server, "StreamAssignments")
    began = time.monotonic()
    stream.running.process.send_signal(number)
    assert f"{COUNT // 2} assignments unacknowledged" in stream.ended_by(number)
    assert time.monotonic() - began < 15
    stream.nothing_is_lost(run, mock)


def test_f39_a_second_signal_while_it_sends_again_leaves_at_once(run, mock, interrupted, start_mock):
    stream = interrupted("--drain-timeout", "10m")
    server = start_mock("--admin", "127.0.0.1:0", "--fault", "hang,method=assign", listen=stream.address)
    wait_for_calls(server, "StreamAssignments")
    stream.running.process.send_signal(signal.SIGTERM)
    while "SIGTERM" not in stream.running.note():
        pass
    stream.running.process.send_signal(signal.SIGTERM)
    stream.ended_by(signal.SIGTERM)
    stream.nothing_is_lost(run, mock, listed=False)


def test_f39_the_servers_journal_is_whole_when_it_is_told_to_stop(start, start_mock, tmp_path):
    journal = tmp_path / "journal.ndjson"
    server = start_mock("--journal", str(journal))
    running = start("assign", "-s", server.address, "-f", "-", "--no-resume")
    running.send(updates(1000))
    running.record()
    server.process.send_signal(signal.SIGTERM)
    running.process.stdin.close()
    answered = {json.loads(line)["assignment_id"] for line in running.rest_of_lines()} | {"a-0"}
    assert server.process.wait(PATIENCE) == 0
    running.wait()
    assert journal.read_text().endswith("\n")
    assert answered <= set(ids(journal))
    assert os.path.getsize(journal) > 0
