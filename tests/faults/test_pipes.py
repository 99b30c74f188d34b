"""Pipes: input that ends too soon or comes slowly, and readers that go away."""

import json
import os
import signal
import subprocess
import time

import pytest

from helpers import error, records, sent_all, summary, update, updates
from programs import PATIENCE, clean_environment

WHOLE = update(1)
# Cut off at any of these it is no record any more.
HALVES = [1, len(WHOLE) // 2, len(WHOLE) - 2]


@pytest.mark.parametrize("length", HALVES)
def test_f37_a_last_record_that_is_cut_off_is_an_error(run, mock, length):
    result = run("assign", "-s", mock.address, "-f", "-", "--summary", "json", stdin=update(0) + WHOLE[:length])
    assert result.returncode == 4
    assert [record["assignment_id"] for record in records(result)] == ["a-0"]
    found = error(result)
    assert found["kind"] == "input"
    assert found["message"].startswith("stdin:2: ")
    assert summary(result)["sent"] == 1


@pytest.mark.parametrize("length", HALVES)
def test_f37_a_last_record_that_is_cut_off_is_reported_in_its_place(run, mock, length):
    result = run("assign", "-s", mock.address, "-f", "-", "--bad-record", "report", stdin=update(0) + WHOLE[:length])
    assert result.returncode == 6
    found = sorted(records(result), key=lambda record: "error" in record)
    assert found[0]["assignment_id"] == "a-0"
    assert found[1]["line"] == 2 and found[1]["error"]["kind"] == "input"


def test_f37_a_last_record_needs_no_newline(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", stdin=update(0) + WHOLE.rstrip("\n"))
    assert result.returncode == 0
    assert [record["assignment_id"] for record in records(result)] == ["a-0", "a-1"]


def test_f37_a_last_record_of_csv_that_is_cut_off_is_an_error(run, mock):
    header = "assignment_id,courier_id,destination_zone\n"
    result = run("assign", "-s", mock.address, "-f", "-", "--in", "csv", stdin=header + 'a-0,courier-42,z\na-1,"cour')
    assert result.returncode == 4
    assert [record["assignment_id"] for record in records(result)] == ["a-0"]
    assert error(result)["message"].startswith("stdin:3: ")


@pytest.mark.parametrize("command", ["assign", "lookup"])
def test_f37_an_input_that_is_empty_from_the_start_is_all_done(run, mock, command):
    with open(os.devnull, "rb") as nothing:
        result = run(command, "-s", mock.address, "-f", "-", input_file=nothing)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize("command", ["assign", "lookup"])
def test_f37_a_closed_stdin_is_named(mock, command):
    result = subprocess.run(["sh", "-c", 'exec "$0" "$1" -s "$2" -f - <&-', os.environ["DISPATCHCTL"], command,
                             mock.address], capture_output=True, env=clean_environment(), timeout=PATIENCE, check=False)
    assert result.returncode == 4
    assert result.stdout == b""
    assert "stdin" in error(result)["message"]


def test_f37_an_input_that_ends_while_answers_are_due_is_drained(start, start_mock):
    server = start_mock("--latency", "700ms")
    running = start("assign", "-s", server.address, "-f", "-", "--drain-timeout", "0s")
    running.send(updates(20))
    sent_all(running)
    running.process.stdin.close()
    assert [json.loads(line)["assignment_id"] for line in running.rest_of_lines()] == [f"a-{n}" for n in range(20)]
    assert running.wait() == 0


def test_f37_records_that_come_byte_by_byte_are_answered_as_they_become_whole(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-")
    for number in range(3):
        for byte in update(number):
            assert running.lines.empty()
            running.send(byte)
            sent_all(running)
        assert running.record()["assignment_id"] == f"a-{number}"
    running.process.stdin.close()
    assert running.wait() == 0


def unread(mock, *arguments):
    """A stream whose reader goes after the first result. Returns it and what that reader has read."""
    running = subprocess.Popen([os.environ["DISPATCHCTL"], "assign", "-s", mock.address, *arguments],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=clean_environment())
    read = json.loads(running.stdout.readline())
    running.stdout.close()
    return running, read


def test_f36_what_is_unanswered_when_the_reader_goes_is_told_and_kept(start_mock, tmp_path):
    server = start_mock("--fault", "slow-read=100")
    source, left = tmp_path / "updates", tmp_path / "left"
    source.write_text(updates(1000))
    running, read = unread(server, "-f", str(source), "--unacknowledged", str(left))
    assert read["assignment_id"] == "a-0"
    assert running.wait(PATIENCE) == -signal.SIGPIPE
    final = json.loads(running.stderr.read().decode().splitlines()[-1])
    running.stderr.close()
    assert final["exit_code"] == 141
    listed = [json.loads(line)["assignment_id"] for line in left.read_text().splitlines()]
    assert f"the reader of stdout has gone; {len(listed)} assignments unacknowledged" in final["error"]["message"]
    # Those that were answered are the first, and no other is left out.
    assert listed == [f"a-{number}" for number in range(100, 100 + len(listed))]


def test_f36_work_stops_when_the_reader_goes(start_mock, tmp_path):
    server = start_mock("--latency", "1ms")
    source = tmp_path / "updates"
    source.write_text(updates(100_000))
    running, _ = unread(server, "-f", str(source), "--rate", "1000/s")
    began = time.monotonic()
    assert running.wait(PATIENCE) == -signal.SIGPIPE
    running.stderr.close()
    # All of it would have taken 100 s.
    assert time.monotonic() - began < 50
