"""Signals: drain, give up, leave at once."""

import json
import os
import signal
import subprocess

import pytest

from conftest import PATIENCE, clean_environment
from helpers import sent_all, update, updates


def ended_by(running, number):
    assert running.wait() == -number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_f39_idle_stream_ends_by_the_signal(start, mock, number):
    running = start("assign", "-s", mock.address, "-f", "-")
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"
    running.process.send_signal(number)
    ended_by(running, number)
    final = json.loads(running.rest_of_notes()[-1])
    assert final["error"]["kind"] == "interrupted"
    assert final["exit_code"] == 128 + number


def test_f39_results_under_way_are_waited_for(start, start_mock):
    server = start_mock("--latency", "700ms")
    running = start("assign", "-s", server.address, "-f", "-", "--drain-timeout", "50s")
    running.send(updates(5))
    sent_all(running)
    running.process.send_signal(signal.SIGINT)
    ended_by(running, signal.SIGINT)
    assert len(running.rest_of_lines()) == 5
    assert "unacknowledged" not in running.rest_of_notes()[-1]


def test_f39_the_wait_has_a_bound(start, start_mock, tmp_path):
    left = tmp_path / "left"
    server = start_mock("--latency", "10m")
    running = start("assign", "-s", server.address, "-f", "-", "--drain-timeout", "100ms", "--summary", "json",
                    "--unacknowledged", str(left))
    running.send(updates(4))
    sent_all(running)
    running.process.send_signal(signal.SIGTERM)
    ended_by(running, signal.SIGTERM)
    notes = running.rest_of_notes()
    assert "4 assignments unacknowledged" in json.loads(notes[-1])["error"]["message"]
    assert json.loads(notes[-2])["summary"]["unacknowledged"] == 4
    assert len(left.read_text().splitlines()) == 4


def test_f39_the_second_signal_leaves_at_once(start, start_mock):
    server = start_mock("--latency", "10m")
    running = start("assign", "-s", server.address, "-f", "-", "--drain-timeout", "10m")
    running.send(update(1))
    sent_all(running)
    running.process.send_signal(signal.SIGINT)
    assert "SIGINT" in running.note()
    running.process.send_signal(signal.SIGINT)
    ended_by(running, signal.SIGINT)


def test_f39_reading_stops_at_the_first_signal(start, start_mock):
    server = start_mock("--latency", "700ms")
    running = start("assign", "-s", server.address, "-f", "-", "--drain-timeout", "50s")
    running.send(update(1))
    sent_all(running)
    running.process.send_signal(signal.SIGINT)
    assert "SIGINT" in running.note()
    try:
        running.send(update(2))
    except BrokenPipeError:
        pass
    ended_by(running, signal.SIGINT)
    assert [json.loads(line)["assignment_id"] for line in running.rest_of_lines()] == ["a-1"]


def test_f39_a_lookup_that_waits(start, start_mock):
    server = start_mock("--latency", "10m")
    running = start("lookup", "-s", server.address, "courier-42", "-o", "json", "--timeout", "10m")
    while not established(running.process.pid):
        assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    ended_by(running, signal.SIGINT)
    final = json.loads(running.rest_of_notes()[-1])
    assert final["error"]["kind"] == "interrupted"
    assert final["exit_code"] == 130


def established(pid):
    """True once the process has a socket: its handlers are in place before that."""
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:") for fd in os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError:
        return False


def test_f39_lookups_of_many(start, start_mock):
    server = start_mock("--latency", "10m")
    running = start("lookup", "-s", server.address, "-f", "-", "--timeout", "10m")
    running.send("courier-1\ncourier-2\n")
    sent_all(running)
    running.process.send_signal(signal.SIGTERM)
    ended_by(running, signal.SIGTERM)
    assert json.loads(running.rest_of_notes()[-1])["error"]["kind"] == "interrupted"


def test_an_ignored_signal_stays_ignored(mock):
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$0" assign -s "$1" -f -', os.environ["DISPATCHCTL"], mock.address],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment())
    process.stdin.write(update(1).encode())
    process.stdin.flush()
    assert b"a-1" in process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(update(2).encode(), timeout=PATIENCE)
    assert b"a-2" in out
    assert process.returncode == 0


def test_f39_a_reader_that_does_not_read_cannot_hold_it(mock, tmp_path):
    """Its stdout is full, its threads wait to write: signals must still end it."""
    source = tmp_path / "many"
    source.write_text(updates(20_000))
    process = subprocess.Popen([os.environ["DISPATCHCTL"], "assign", "-s", mock.address, "-f", str(source),
                                "--drain-timeout", "100ms"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=clean_environment())
    process.stdout.read(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == -signal.SIGTERM
    process.stdout.close()
