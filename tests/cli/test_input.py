"""Everything that can be wrong with a line."""

import json
import os
import subprocess

import pytest

from conftest import PATIENCE, clean_environment
from helpers import error, records, summary, update

GOOD = update(1).encode()

# What is on line 2, and what is said of it.
BAD_LINES = {
    "broken": (b'{"assignment_id":"a"', "column"),
    "text": (b"hello", "column"),
    "array": (b"[1]", "expected an object"),
    "number for a string": (b'{"assignment_id":7,"courier_id":"c"}', 'field "assignment_id": expected a string'),
    "null for a string": (b'{"assignment_id":"a","courier_id":null}', 'field "courier_id": expected a string'),
    "object for a string": (b'{"assignment_id":"a","courier_id":{}}', 'field "courier_id": expected a string'),
    "missing assignment_id": (b'{"courier_id":"c","destination_zone":"z"}', 'missing field "assignment_id"'),
    "missing courier_id": (b'{"assignment_id":"a","destination_zone":"z"}', 'missing field "courier_id"'),
    "unknown": (b'{"assignment_id":"a","courier_id":"c","zone":"z"}', 'unknown field "zone"'),
    "duplicate": (b'{"assignment_id":"a","courier_id":"c","courier_id":"d"}', 'duplicate field "courier_id"'),
    "duplicate in camel case": (b'{"assignment_id":"a","courier_id":"c","courierId":"d"}', "duplicate field"),
    "empty id": (b'{"assignment_id":"","courier_id":"c"}', "assignment_id is empty"),
    "empty courier": (b'{"assignment_id":"a","courier_id":""}', "courier_id is empty"),
    "id too long": (b'{"assignment_id":"' + b"x" * 1025 + b'","courier_id":"c"}', "1024"),
    "invalid UTF-8": (b'{"assignment_id":"\xff","courier_id":"c"}', "column 19: invalid UTF-8"),
    "lone surrogate": (b'{"assignment_id":"\\udc00","courier_id":"c"}', ""),
    "too long": (b"x" * 5000, "longer than 4096 bytes"),
    "NUL": (b'{"assignment_id":"a\0","courier_id":"c"}', "column 20: NUL byte"),
    "NUL after": (b'{"assignment_id":"a","courier_id":"c"}\0', "NUL byte"),
    "two objects": (b"{}{}", "column"),
    "garbage after": (GOOD.rstrip() + b" x", "column"),
}


@pytest.fixture(params=list(BAD_LINES))
def bad(request):
    line, what = BAD_LINES[request.param]
    return {"input": GOOD + line + b"\n" + update(3).encode(), "what": what}


def test_f25_fail_stops_there_and_keeps_what_was_sent(run, mock, bad):
    result = run("assign", "-s", mock.address, "-f", "-", "--max-line", "4KiB", stdin=bad["input"])
    assert result.returncode == 4
    assert [record["assignment_id"] for record in records(result)] == ["a-1"]
    found = error(result)
    assert found["kind"] == "input"
    assert found["message"].startswith("stdin:2: ")
    assert bad["what"] in found["message"]


def test_f25_skip_goes_on(run, mock, bad):
    result = run("assign", "-s", mock.address, "-f", "-", "--max-line", "4KiB", "--bad-record", "skip", "--summary",
                 "json", stdin=bad["input"])
    assert result.returncode == 6
    assert [record["assignment_id"] for record in records(result)] == ["a-1", "a-3"]
    assert error(result)["kind"] == "partial"
    assert (summary(result)["skipped"], summary(result)["failed"]) == (1, 0)
    assert b"stdin:2: " in result.stderr
    assert bad["what"].encode() in result.stderr


def test_f25_report_says_so_in_the_stream(run, mock, bad):
    result = run("assign", "-s", mock.address, "-f", "-", "--max-line", "4KiB", "--bad-record", "report", "--summary",
                 "json", stdin=bad["input"])
    assert result.returncode == 6
    failed = [record for record in records(result) if "error" in record]
    assert len(records(result)) == 3
    assert len(failed) == 1
    assert failed[0]["line"] == 2
    assert bad["what"] in failed[0]["error"]["message"]
    assert failed[0]["error"]["kind"] == "input"
    assert summary(result)["failed"] == 1


def test_fail_names_the_file(run, mock, tmp_path):
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    first.write_text(update(1))
    second.write_text("\n\nbroken\n")
    result = run("assign", "-s", mock.address, "-f", str(first), "-f", str(second))
    assert result.returncode == 4
    assert error(result)["message"].startswith(f"{second}:3: ")
    assert len(records(result)) == 1


@pytest.mark.parametrize("text, count", [
    ("", 0), ("\n", 0), ("\n \t \r\n\n", 0),
    (update(1).rstrip("\n"), 1),
    (update(1).replace("\n", "\r\n"), 1),
    ("\ufeff" + update(1), 1),
    ("\ufeff", 0),
    ("\n\n" + update(1) + "\n" + update(2), 2),
    ('{"assignmentId":"a-1","courierId":"courier-42","destinationZone":"z"}', 1),
    (' { "courier_id" : "courier-42" , "assignment_id" : "a-1" } ', 1),
    ('{"assignment_id":"\\u00e9\\ud83d\\ude00","courier_id":"courier-42","destination_zone":""}', 1),
])
def test_what_is_accepted(run, mock, text, count):
    result = run("assign", "-s", mock.address, "-f", "-", stdin=text)
    assert result.returncode == 0, result.stderr
    assert len(records(result)) == count


def test_f41_a_long_line_is_passed_over_in_little_memory(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-", "--bad-record", "report", "--max-line", "64KiB")
    piece = "x" * (1 << 20)
    for _ in range(128):
        running.send(piece)
    assert running.record()["line"] == 1
    running.send("\n" + update(2))
    assert running.record()["assignment_id"] == "a-2"
    with open(f"/proc/{running.process.pid}/status", encoding="ascii") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 64 * 1024 or os.environ.get("DISPATCHCTL_TEST_SANITIZER")
    running.process.stdin.close()
    assert running.wait() == 6


def test_a_bad_line_is_reported_at_once(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-", "--bad-record", "report")
    running.send("broken\n")
    assert running.record()["line"] == 1
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"


def test_ids_survive_unharmed(run, mock):
    strange = 'quote " backslash \\ tab \t newline \n \u00e9 \U0001f600 \x7f </script>'
    line = json.dumps({"assignment_id": strange, "courier_id": "courier-42", "destination_zone": strange}) + "\n"
    result = run("assign", "-s", mock.address, "-f", "-", "--detail", stdin=line)
    assert result.returncode == 0
    assert records(result)[0]["assignment_id"] == strange
    assert records(result)[0]["destination_zone"] == strange


@pytest.mark.parametrize("path, what", [("/nonexistent/file", "No such file"), ("/", "Is a directory")])
def test_input_that_cannot_be_read(run, mock, path, what):
    result = run("assign", "-s", mock.address, "-f", path)
    assert result.returncode == 4
    found = error(result)
    assert found["kind"] == "input"
    assert path in found["message"] and what in found["message"]


def test_f37_closed_stdin(mock):
    result = subprocess.run(["sh", "-c", 'exec "$0" assign -s "$1" -f - <&-', os.environ["DISPATCHCTL"], mock.address],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
                            timeout=PATIENCE, check=False)
    assert result.returncode == 4
    assert "stdin" in error(result)["message"]


def test_stdin_twice(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", "-f", "-", stdin="")
    assert result.returncode == 2


def test_no_input(run, mock):
    result = run("assign", "-s", mock.address, stdin=update(1))
    assert result.returncode == 2
    assert "-f -" in error(result)["hint"]
