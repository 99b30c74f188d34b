"""assign against a server that answers, and one that goes away."""

import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE, clean_environment
from helpers import error, records, summary, update, updates


def test_each_line_gets_one_result(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", stdin=updates(500))
    assert result.returncode == 0
    assert result.stderr == b""
    found = records(result)
    assert {record["assignment_id"] for record in found} == {f"a-{n}" for n in range(500)}
    assert len(found) == 500
    assert all(list(record) == ["assignment_id", "accepted"] for record in found)
    assert all(isinstance(record["accepted"], bool) for record in found)


def test_detail(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", "--detail", stdin="\n" + update(1))
    record = records(result)[0]
    assert list(record) == ["assignment_id", "accepted", "courier_id", "destination_zone", "line", "latency_us",
                            "attempt", "endpoint"]
    assert (record["courier_id"], record["destination_zone"], record["line"]) == ("courier-42", "zone-7", 2)
    assert record["latency_us"] > 0
    assert (record["attempt"], record["endpoint"]) == (1, mock.address)


def test_json_is_one_array(run, mock):
    assert len(json.loads(run("assign", "-s", mock.address, "-f", "-", "-o", "json", stdin=updates(3)).stdout)) == 3
    assert run("assign", "-s", mock.address, "-f", "-", "-o", "json", stdin="").stdout == b"[]\n"


def test_csv(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", "-o", "csv", stdin=update(1))
    assert result.stdout.split(b"\r\n")[0] == b"assignment_id,accepted,line,error"
    assert result.stdout.split(b"\r\n")[1].startswith(b"a-1,")


def test_several_files_follow_each_other(run, mock, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(update(1).rstrip("\n"))
    second.write_text(update(2))
    result = run("assign", "-s", mock.address, "-f", str(first), "-f", "-", "-f", str(second), stdin=update(3))
    assert result.returncode == 0
    assert {record["assignment_id"] for record in records(result)} == {"a-1", "a-2", "a-3"}


def test_fifo(start, mock, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = start("assign", "-s", mock.address, "-f", str(fifo))
    with open(fifo, "w", encoding="utf-8") as writer:
        writer.write(update(1))
        writer.flush()
        assert running.record()["assignment_id"] == "a-1"
    assert running.wait() == 0


def test_f37_a_result_comes_at_once_though_stdin_stays_open(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-")
    for number in range(3):
        running.send(update(number))
        assert running.record()["assignment_id"] == f"a-{number}"
    running.process.stdin.close()
    assert running.wait() == 0


def test_f37_half_a_line_waits_for_the_rest(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-")
    line = update(1)
    running.send(update(0) + line[:20])
    assert running.record()["assignment_id"] == "a-0"
    running.send(line[20:])
    assert running.record()["assignment_id"] == "a-1"


@pytest.mark.parametrize("window", ["1", "2", "7", "1000"])
def test_any_window_gives_every_result(run, mock, window):
    result = run("assign", "-s", mock.address, "-f", "-", "--window", window, stdin=updates(300))
    assert result.returncode == 0
    assert len(records(result)) == 300


def test_summary_as_json(run, start_mock):
    server = start_mock("--accept", "never")
    result = run("assign", "-s", server.address, "-f", "-", "--summary", "json", "--bad-record", "skip",
                 stdin=updates(10) + "broken\n")
    assert result.returncode == 6
    found = summary(result)
    assert list(found) == ["sent", "acknowledged", "accepted", "rejected", "failed", "skipped", "unacknowledged",
                           "resent", "unknown_results", "reconnects", "p50_ms", "p99_ms", "rate_per_s", "elapsed_ms"]
    assert (found["sent"], found["acknowledged"], found["accepted"], found["rejected"]) == (10, 10, 0, 10)
    assert (found["failed"], found["skipped"], found["unacknowledged"]) == (0, 1, 0)
    assert found["p99_ms"] >= found["p50_ms"] > 0
    assert error(result)["kind"] == "partial"


def test_summary_as_text(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", "--summary", "text", stdin=updates(2))
    assert result.stderr.startswith(b"sent 2, acknowledged 2 ")
    assert run("assign", "-s", mock.address, "-f", "-", stdin=updates(2)).stderr == b""


def test_fail_on_rejected(run, start_mock):
    server = start_mock("--accept", "never")
    result = run("assign", "-s", server.address, "-f", "-", stdin=update(1))
    assert result.returncode == 0
    assert records(result) == [{"assignment_id": "a-1", "accepted": False}]
    result = run("assign", "-s", server.address, "-f", "-", "--fail-on", "rejected", stdin=update(2))
    assert result.returncode == 7
    assert error(result)["kind"] == "negative"
    result = run("assign", "-s", server.address, "-f", "-", "--fail-on", "rejected", "--bad-record", "skip",
                 stdin=update(3) + "broken\n")
    assert result.returncode == 6


def test_dry_run_needs_no_server(run, tmp_path):
    good = tmp_path / "good"
    good.write_text(updates(3))
    result = run("assign", "-f", str(good), "--dry-run")
    assert (result.returncode, result.stdout) == (0, b"")
    assert b"3 assignments valid" in result.stderr
    result = run("assign", "-f", "-", "--dry-run", stdin=update(1) + "{}\n")
    assert result.returncode == 4
    assert "stdin:2: missing field" in error(result)["message"]
    result = run("assign", "-f", "-", "--dry-run", "--bad-record", "report", stdin=update(1) + "{}\n")
    assert result.returncode == 6
    assert records(result)[0]["line"] == 2


def test_rate_is_kept(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-", "--rate", "50/s")
    began = time.monotonic()
    running.send(updates(30))
    assert running.record()["assignment_id"] == "a-0"
    for _ in range(29):
        running.record()
    # The last of them may go after 29/50 s, less a burst of 50 ms; how much later it does is up to the machine.
    assert 0.5 < time.monotonic() - began < 10
    running.process.stdin.close()
    assert running.wait() == 0


def test_a_slow_rate_does_not_hold_up_a_signal(start, mock):
    running = start("assign", "-s", mock.address, "-f", "-", "--rate", "1/h")
    running.send(updates(2))
    assert running.record()["assignment_id"] == "a-0"
    running.process.send_signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM


@pytest.mark.parametrize("rate", ["5", "0/s", "-1/s", "5/d", "x/s", "/s", "nan/s", "2e9/s"])
def test_a_rate_that_means_nothing(run, mock, rate):
    result = run("assign", "-s", mock.address, "-f", "-", "--rate=" + rate, stdin="")
    assert result.returncode == 2
    assert "--rate" in error(result)["message"]


def test_killed_server_ends_it_though_stdin_is_idle(start, start_mock, relay_to):
    server = start_mock("--latency", "10m")
    relay = relay_to(server)
    running = start("assign", "-s", relay.address, "-f", "-", "--summary", "json", "--no-resume")
    running.send(updates(3))
    relay.wait_for("a-2")
    server.kill()
    assert running.wait() == 8
    notes = running.rest_of_notes()
    final = json.loads(notes[-1])
    assert final["error"]["kind"] == "stream"
    assert final["error"]["phase"] == "stream"
    assert "3 assignments unacknowledged" in final["error"]["message"]
    assert json.loads(notes[-2])["summary"]["unacknowledged"] == 3
    assert any("unacknowledged: a-0 (stdin:1)" in note for note in notes)


def test_killed_server_with_everything_answered_is_not_a_success(start, start_mock):
    server = start_mock()
    running = start("assign", "-s", server.address, "-f", "-", "--no-resume")
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"
    server.kill()
    assert running.wait() == 78
    assert json.loads(running.rest_of_notes()[-1])["error"]["code"] == "UNAVAILABLE"


def test_terminated_server_ends_it_though_stdin_is_idle(start, start_mock):
    server = start_mock("--grace", "100ms")
    running = start("assign", "-s", server.address, "-f", "-", "--no-resume")
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"
    server.terminate()
    assert running.wait() in (0, 8, 65, 78)


def test_unacknowledged_assignments_can_be_sent_again(start, start_mock, relay_to, run, mock, tmp_path):
    left = tmp_path / "left.ndjson"
    server = start_mock("--latency", "10m")
    relay = relay_to(server)
    running = start("assign", "-s", relay.address, "-f", "-", "--unacknowledged", str(left), "--no-resume")
    running.send(updates(3))
    relay.wait_for("a-2")
    server.kill()
    assert running.wait() == 8
    assert [json.loads(line)["assignment_id"] for line in left.read_text().splitlines()] == ["a-0", "a-1", "a-2"]
    result = run("assign", "-s", mock.address, "-f", str(left), "--unacknowledged", str(left))
    assert result.returncode == 0
    assert {record["assignment_id"] for record in records(result)} == {"a-0", "a-1", "a-2"}
    assert left.read_text() == ""
    assert os.listdir(tmp_path) == ["left.ndjson"]


def test_f02_lost_stream_is_resumed_on_a_server_that_comes_back(start, start_mock, relay_to):
    lost = start_mock("--latency", "10m")
    other = start_mock()
    relay = relay_to(lost)
    running = start("assign", "-s", f"{relay.address},{other.address}", "-f", "-", "--summary", "json")
    running.send(updates(1))
    # Whichever of the two the stream has chosen: the first is lost before it has answered anything.
    lost.kill()
    assert running.record() == {"assignment_id": "a-0", "accepted": True}
    running.process.stdin.close()
    assert running.wait() == 0
    assert json.loads(running.rest_of_notes()[-1])["summary"]["unacknowledged"] == 0


def test_f38_unacknowledged_file_that_cannot_be_written(run, mock):
    result = run("assign", "-s", mock.address, "-f", "-", "--unacknowledged", "/nonexistent/file", stdin=update(1))
    assert result.returncode == 1
    found = error(result)
    assert found["kind"] == "output"
    assert "/nonexistent/file" in found["message"]
    assert len(records(result)) == 1


def test_deadline_of_a_stream(run, start_mock):
    server = start_mock("--latency", "10m")
    result = run("assign", "-s", server.address, "-f", "-", "--timeout", "300ms", stdin=update(1))
    assert result.returncode == 68
    assert error(result)["code"] == "DEADLINE_EXCEEDED"


def test_deadline_of_a_lookup(run, start_mock):
    server = start_mock("--latency", "10m")
    result = run("lookup", "-s", server.address, "--timeout", "300ms", "courier-42")
    assert result.returncode == 68
    assert "--timeout" in error(result)["hint"]


def test_wait_for_ready_waits_for_the_server(start, start_mock):
    server = start_mock()
    address = server.address
    server.kill()
    running = start("lookup", "-s", address, "--wait-for-ready", "--timeout", "60s", "courier-42")
    second = subprocess.Popen([os.environ["DISPATCH_MOCK"], "serve", "--listen", address], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    try:
        assert json.loads(second.stdout.readline())["event"] == "ready"
        assert running.record()["courier_id"] == "courier-42"
        assert running.wait() == 0
    finally:
        second.kill()
        second.wait(PATIENCE)
        second.stdout.close()


def test_f41_many_lines_in_little_memory(mock, tmp_path):
    lines = int(os.environ.get("DISPATCHCTL_TEST_LINES", "100000"))
    source = tmp_path / "many.ndjson"
    with open(source, "w", encoding="utf-8") as file:
        for number in range(lines):
            file.write(f'{{"assignment_id":"m-{number}","courier_id":"courier-{number % 1000 + 1}",'
                       f'"destination_zone":"zone-{number % 50}"}}\n')
    process = subprocess.Popen([os.environ["DISPATCHCTL"], "assign", "-s", mock.address, "-f", str(source)],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=clean_environment())
    seen = bytearray(lines)
    for line in process.stdout:
        number = int(line[len('{"assignment_id":"m-'):line.index(b'"', len('{"assignment_id":"m-'))])
        seen[number] += 1
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.stderr.read() == b""
    process.stdout.close()
    process.stderr.close()
    assert process.returncode == 0
    assert seen == b"\x01" * lines
    if not os.environ.get("DISPATCHCTL_TEST_SANITIZER"):
        assert usage.ru_maxrss < 64 * 1024, f"{usage.ru_maxrss} KiB"


def test_says_what_it_waits_for_and_that_it_goes_on(start, start_mock):
    first = start_mock()
    run = start("assign", "-s", first.address, "-f", "-")
    run.send(update(1))
    assert run.record()["assignment_id"] == "a-1"
    first.kill()
    waiting = run.note()
    assert waiting.startswith("dispatchctl: warning: waiting for a server to go on with: ")
    assert first.address in waiting and "0 assignments unacknowledged" in waiting
    second = start_mock(listen=first.address)
    assert run.note().startswith(f"dispatchctl: note: the stream goes on with {second.address} after ")
    run.send(update(2))
    assert run.record()["assignment_id"] == "a-2"
    run.process.stdin.close()
    assert run.wait() == 0


def test_says_nothing_of_short_interruptions(run, start_mock):
    mock = start_mock("--fault", "close-after=100:UNAVAILABLE")
    result = run("assign", "-s", mock.address, "-f", "-", stdin=updates(1000).encode())
    assert result.returncode == 0
    assert result.stderr == b""
    assert len(records(result)) == 1000
