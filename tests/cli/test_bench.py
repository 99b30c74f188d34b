"""bench: what a service answers under a load, and what that is held to."""

import csv
import io
import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import PATIENCE, clean_environment
from helpers import error, read_terminal, records, update

FIGURES = ["min", "mean", "p50", "p75", "p90", "p95", "p99", "p99_9", "p99_99", "max"]


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def report(result):
    """The report, which is all there is on stdout."""
    found = records(result)
    assert len(found) == 1, result.stdout
    return found[0]


def journal(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_open_loop(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "100")
    assert result.returncode == 0, result.stderr
    found = report(result)
    assert (found["bench"], found["loop"], found["partial"]) == ("lookup", "open", False)
    assert found["target"] == mock.address
    assert (found["total"], found["ok"], found["errors"], found["attempts"]) == (100, 100, 0, 100)
    assert found["errors_by_code"] == {}
    assert found["rate_asked_per_s"] == 500
    assert 0 < found["rate_per_s"] < 600
    # The last call should start 198 ms after the first.
    assert found["elapsed_ms"] >= 198
    assert list(found["latency_ms"]) == FIGURES
    values = [found["latency_ms"][name] for name in FIGURES if name != "mean"]
    assert values == sorted(values)
    assert values[0] > 0
    assert found["error_latency_ms"] is None
    assert list(found["start_delay_ms"]) == FIGURES
    assert sum(bar["count"] for bar in found["histogram"]) == 100
    for name in ("streams", "accepted", "rejected", "resent", "reconnects", "duration_ms"):
        assert found[name] is None


def test_closed_loop(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--concurrency", "4", "--count", "200")
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    found = report(result)
    assert found["loop"] == "closed"
    assert found["concurrency"] == 4
    assert found["ok"] == 200
    assert found["rate_asked_per_s"] is None
    assert found["start_delay_ms"] is None
    assert found["late"] == 0


def test_closed_loop_for_a_time(run, mock):
    found = report(run("bench", "lookup", "-s", mock.address, "--concurrency", "2", "--duration", "200ms",
                       "--warmup", "100ms"))
    assert found["duration_ms"] == 200
    assert found["ok"] == found["total"] > 0
    assert found["elapsed_ms"] >= 100


def test_a_closed_loop_keeps_no_more_in_flight(run, start_mock):
    mock = start_mock("--latency", "100ms")
    found = report(run("bench", "lookup", "-s", mock.address, "--concurrency", "2", "--count", "6"))
    assert found["elapsed_ms"] >= 290
    # Not what it waited for its turn.
    assert 99 <= found["latency_ms"]["min"] <= found["latency_ms"]["p50"] < 200


def test_the_couriers_are_those_named(run, mock, tmp_path):
    ids = tmp_path / "ids"
    ids.write_text('courier-2\n\n{"courier_id":"nobody"}\n')
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "30", "-f", ids, "courier-1")
    assert result.returncode == 6
    found = report(result)
    # One in three.
    assert found["errors_by_code"] == {"NOT_FOUND": 10}
    assert list(found["error_latency_ms"]) == FIGURES
    said = error(result)
    assert said["kind"] == "partial"
    assert said["message"] == "10 of 30 lookups failed: NOT_FOUND 10"
    assert "--threshold" in said["hint"]


def test_the_couriers_of_standard_input(run, mock):
    found = report(run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "10", "-f", "-",
                       stdin="courier-1\ncourier-2\n"))
    assert found["ok"] == 10


def test_generated_couriers(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--rps", "1000", "--count", "30", "--couriers", "10")
    assert report(result)["ok"] == 30
    # The server has a thousand.
    result = run("bench", "lookup", "-s", mock.address, "--rps", "2000", "--count", "1010", "--couriers", "1010")
    assert report(result)["errors_by_code"] == {"NOT_FOUND": 10}


def test_a_line_that_is_no_id(run, mock, tmp_path):
    ids = tmp_path / "ids"
    ids.write_bytes(b"courier-1\n\xff\n")
    result = run("bench", "lookup", "-s", mock.address, "-f", ids)
    assert result.returncode == 4
    assert error(result)["message"] == f"{ids}:2: column 1: invalid UTF-8"
    assert result.stdout == b""


def test_a_file_that_is_empty(run, mock, tmp_path):
    ids = tmp_path / "ids"
    ids.write_text("\n")
    result = run("bench", "lookup", "-s", mock.address, "-f", ids)
    assert result.returncode == 4
    assert str(ids) in error(result)["message"]


def test_json(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "10", "-o", "json")
    assert json.loads(result.stdout)["ok"] == 10


def test_csv(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "10", "-o", "csv", "courier-1",
                 "nobody", "--threshold", "errors<1", "--threshold", "p99<1h")
    rows = list(csv.DictReader(io.StringIO(result.stdout.decode(), newline="")))
    assert len(rows) == 1
    assert (rows[0]["bench"], rows[0]["total"], rows[0]["ok"]) == ("lookup", "10", "5")
    assert rows[0]["errors_by_code"] == "NOT_FOUND=5"
    assert rows[0]["thresholds_missed"] == "errors<1"
    assert float(rows[0]["p99_9_ms"]) > 0
    assert rows[0]["streams"] == ""


def test_table(run, mock):
    arguments = ["bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "20", "-o", "table"]
    text = run(*arguments, env={"LC_ALL": "C.UTF-8"}).stdout.decode()
    assert text.startswith("lookups: open loop, 500/s asked")
    assert "20 (100 %)" in text
    assert "\u2588" in text
    plain = run(*arguments, env={"LC_ALL": "C"}).stdout.decode()
    assert plain.isascii()
    assert "####" in plain


def test_thresholds_that_are_met(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "20", "--threshold", "p99<1m",
                 "--threshold", "mean<=1m", "--threshold", "errors<0.1%", "--threshold", "rate>1/s")
    assert result.returncode == 0
    assert [(each["threshold"], each["met"]) for each in report(result)["thresholds"]] == [
        ("p99<1m", True), ("mean<=1m", True), ("errors<0.1%", True), ("rate>1/s", True)]


def test_a_threshold_that_is_missed(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "20", "--threshold", "p99<1ns",
                 "--threshold", "max<1m")
    assert result.returncode == 7
    said = error(result)
    assert said["kind"] == "negative"
    assert said["message"].startswith("threshold missed: p99 is ")
    assert said["message"].endswith(" ms, not <1ns")
    assert [each["met"] for each in report(result)["thresholds"]] == [False, True]
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "20", "--threshold", "p99<1ns",
                 "--threshold", "rate>1000000", "--error-format", "text")
    assert result.returncode == 7
    assert b"2 thresholds missed: p99 is " in result.stderr
    assert b"; rate is " in result.stderr


def test_a_threshold_on_errors_says_how_many_may_fail(run, mock):
    arguments = ["bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "10", "courier-1", "nobody"]
    assert run(*arguments, "--threshold", "errors<=50%").returncode == 0
    result = run(*arguments, "--threshold", "errors<5")
    assert result.returncode == 7
    assert error(result)["message"] == "threshold missed: errors is 5, not <5"


def test_failures_are_graver_than_thresholds(run, mock):
    result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "10", "nobody", "--threshold",
                 "p99<1h")
    assert result.returncode == 6
    assert b"note: bench: threshold missed: p99: nothing to hold to p99<1h" in result.stderr
    assert report(result)["latency_ms"] is None


@pytest.mark.parametrize("arguments, said", [
    ([], "nothing to measure"),
    (["courier-1"], "cannot measure 'courier-1'"),
    (["lookup", "--threshold", "p99=20ms"], "invalid value 'p99=20ms' for --threshold: expected METRIC<VALUE"),
    (["lookup", "--threshold", "p99<20"], "invalid value 'p99<20' for --threshold: a duration needs a unit"),
    (["lookup", "--rps", "0"], "invalid value '0' for --rps"),
    (["lookup", "--rps", "fast"], "invalid value 'fast' for --rps"),
    (["lookup", "--count", "0"], "invalid value '0' for --count"),
    (["lookup", "--concurrency", "100000"], "invalid value '100000' for --concurrency"),
    (["lookup", "--streams", "2"], "--streams is for bench assign"),
    (["lookup", "--window", "2"], "--window is for bench assign"),
    (["lookup", "--zone", "z"], "--zone is for bench assign"),
    (["assign", "--window", "2", "--concurrency", "3"], "two names of one bound"),
    (["lookup", "--fields", "ok"], "--fields picks fields of records"),
    (["lookup", "-f", "-", "-f", "-"], "standard input can be read once only"),
    (["lookup", "x" * 2000], "courier id"),
])
def test_usage_errors(run, arguments, said):
    result = run("bench", "-s", "localhost:1", *arguments)
    assert result.returncode == 2
    assert result.stdout == b""
    assert said in error(result)["message"]


def test_no_server(run, free_port):
    result = run("bench", "lookup", "-s", f"127.0.0.1:{free_port}", "--rps", "100", "--count", "10")
    assert result.returncode == 5
    assert result.stdout == b""
    assert error(result)["kind"] == "connect"
    assert run("bench", "assign", "-s", f"127.0.0.1:{free_port}").returncode == 5


def test_a_name_that_is_not_known(run):
    result = run("bench", "lookup", "-s", "no-such-host.invalid:1")
    assert result.returncode == 5
    assert error(result)["phase"] == "resolve"


def test_what_the_warm_up_meets_is_left_out(run, start_mock):
    mock = start_mock("--fault", "latency=2s,first=20")
    found = report(run("bench", "lookup", "-s", mock.address, "--rps", "200", "--warmup", "100ms", "--count", "20"))
    assert found["total"] == 20
    assert found["latency_ms"]["max"] < 2000
    found = report(run("bench", "lookup", "-s", start_mock("--fault", "latency=2s,first=20").address, "--rps", "200",
                       "--count", "40"))
    assert found["latency_ms"]["max"] >= 2000


def test_calls_that_find_no_room_keep_their_time(run, start_mock):
    mock = start_mock("--latency", "50ms")
    result = run("bench", "lookup", "-s", mock.address, "--rps", "200", "--concurrency", "1", "--count", "20")
    assert result.returncode == 0
    found = report(result)
    # They are made one after another, for a second; the last one should have started after 95 ms.
    assert found["latency_ms"]["max"] >= 20 * 50 - 95
    assert found["start_delay_ms"]["max"] >= 19 * 50 - 95
    assert found["late"] >= found["waited"] > 10
    assert b"were started late" in result.stderr
    assert b"as 1 were in flight (--concurrency)" in result.stderr
    assert run("bench", "lookup", "-s", mock.address, "--rps", "200", "--concurrency", "1", "--count", "20",
               "-q").stderr == b""


def test_calls_for_which_there_never_was_room_are_counted(run, start_mock):
    mock = start_mock("--latency", "400ms")
    result = run("bench", "lookup", "-s", mock.address, "--rps", "100", "--concurrency", "1", "--duration", "1s")
    assert result.returncode == 6
    found = report(result)
    assert found["total"] == 100
    assert found["errors_by_code"]["not_started"] == 100 - found["ok"] > 50
    # None of them was made.
    assert found["attempts"] == found["ok"]


def test_a_call_gets_one_attempt(run, start_mock):
    mock = start_mock("--fault", "status=UNAVAILABLE,every=10")
    arguments = ["bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "50"]
    found = report(run(*arguments))
    assert found["errors_by_code"] == {"UNAVAILABLE": 5}
    assert found["attempts"] == 50
    found = report(run(*arguments, "--max-attempts", "3"))
    assert found["ok"] == 50
    assert found["attempts"] > 50


def test_no_breaker_hides_what_the_server_does(run, start_mock):
    mock = start_mock("--fault", "status=UNAVAILABLE")
    found = report(run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "100"))
    assert found["errors_by_code"] == {"UNAVAILABLE": 100}
    assert found["attempts"] == 100


def test_a_server_that_dies_is_counted(start, start_mock):
    mock = start_mock()
    running = start("bench", "lookup", "-s", mock.address, "--rps", "100", "--duration", "2s", "-v")
    running.note()
    mock.kill()
    assert running.wait() == 6
    found = running.record()
    assert found["total"] == 200
    assert found["ok"] >= 1
    assert found["errors"] >= 50
    assert set(found["errors_by_code"]) <= {"UNAVAILABLE", "no_connection"}
    assert "no_connection" in found["errors_by_code"]
    assert not found["partial"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_prints_what_there_is(start, mock, number):
    # The second falls due long after the signal.
    running = start("bench", "lookup", "-s", mock.address, "--rps", "0.01", "--duration", "1h", "-v")
    running.note()
    running.process.send_signal(number)
    assert running.wait() == -number
    found = running.record()
    assert running.line() is None
    assert found["partial"]
    assert found["ok"] == found["total"] >= 1
    assert found["unfinished"] == 0
    assert json.loads(running.rest_of_notes()[-1])["error"]["kind"] == "interrupted"


def test_a_signal_leaves_what_does_not_end(start, start_mock, relay_to):
    relay = relay_to(start_mock("--fault", "hang"))
    running = start("bench", "lookup", "-s", relay.address, "--rps", "100", "--duration", "1h", "--timeout", "1h")
    relay.wait_for("courier-3")
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    found = running.record()
    assert found["unfinished"] >= 1
    assert (found["total"], found["errors"]) == (0, 0)


def test_what_was_due_when_a_signal_came_is_no_failure_of_the_server(run, start, start_mock, relay_to):
    relay = relay_to(start_mock("--fault", "hang"))
    running = start("bench", "lookup", "-s", relay.address, "--rps", "10000", "--duration", "1h", "--timeout", "1h",
                    "--concurrency", "3")
    relay.wait_for("courier-3")
    # No room for more: dozens fall due and wait while another program runs.
    assert run("version").returncode == 0
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    found = running.record()
    assert found["unfinished"] > 6
    assert (found["total"], found["errors"]) == (0, 0)


def test_the_second_signal_ends_it_at_once(start, start_mock, relay_to):
    relay = relay_to(start_mock("--fault", "hang"))
    running = start("bench", "lookup", "-s", relay.address, "--rps", "100", "--duration", "1h", "--timeout", "1h")
    relay.wait_for("courier-3")
    running.process.send_signal(signal.SIGINT)
    assert "a second signal" in running.note()
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    assert running.line() is None


def test_a_signal_while_it_connects(start):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        running = start("bench", "lookup", "-s", f"127.0.0.1:{listener.getsockname()[1]}", "--connect-timeout", "1h")
        connection, _ = listener.accept()
        with connection:
            # It has come as far as to connect.
            assert connection.recv(1)
            running.process.send_signal(signal.SIGTERM)
            assert running.wait() == -signal.SIGTERM
    assert running.line() is None


def test_a_reader_that_goes_ends_it(mock):
    process = subprocess.Popen(
        [os.environ["DISPATCHCTL"], "bench", "lookup", "-s", mock.address, "--duration", "1h"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
    process.stdout.close()
    assert process.wait(PATIENCE) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_full_disk(run, mock):
    with open("/dev/full", "wb") as full:
        result = run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "10", stdout=full)
    assert result.returncode == 1
    assert b"stdout" in result.stderr


def test_the_trace_has_every_lookup(run, mock, tmp_path):
    trace = tmp_path / "trace"
    assert run("bench", "lookup", "-s", mock.address, "--rps", "500", "--count", "10", "--trace",
               trace).returncode == 0
    events = [json.loads(line)["event"] for line in trace.read_text().splitlines()]
    assert events.count("call_end") == 10


def on_terminal(arguments, **environment):
    """What is written to a terminal on stderr, and to a pipe on stdout."""
    master, slave = pty.openpty()
    process = subprocess.Popen([os.environ["DISPATCHCTL"], *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=slave,
                               env=clean_environment({"TERM": "xterm", **environment}))
    os.close(slave)
    output = []
    reader = threading.Thread(target=lambda: output.append(process.stdout.read()))
    reader.start()
    text = read_terminal(master)
    reader.join(PATIENCE)
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    return text, output[0].decode()


def test_a_terminal_shows_how_far_it_is(mock):
    arguments = ["bench", "lookup", "-s", mock.address, "--rps", "200", "--duration", "2s"]
    text, output = on_terminal(arguments)
    first, *shown, last = text.split("\r\x1b[K")
    assert first == ""
    # The line is gone in the end; a busy machine may be told of.
    assert last == "" or last.startswith("dispatchctl: warning: ")
    assert shown
    assert all(line.startswith("[") and " answers " in line for line in shown)
    assert any(" p50 " in line and " p99 " in line for line in shown)
    assert json.loads(output)["ok"] == 400
    assert on_terminal([*arguments, "-q"])[0] == ""
    assert " answers " not in on_terminal(arguments, TERM="dumb")[0]


def test_assignments(run, start_mock, tmp_path):
    path = tmp_path / "journal"
    mock = start_mock("--journal", str(path))
    arguments = ["bench", "assign", "-s", mock.address, "--rps", "1000", "--count", "200", "--couriers", "10",
                 "--zone", "zone-9"]
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    found = report(result)
    assert (found["bench"], found["loop"], found["streams"], found["concurrency"]) == ("assign", "open", 1, 4096)
    assert (found["total"], found["ok"], found["accepted"] + found["rejected"]) == (200, 200, 200)
    assert found["attempts"] is None
    assert (found["resent"], found["reconnects"]) == (0, 0)
    assert found["elapsed_ms"] >= 199
    assert run(*arguments, "--streams", "2").returncode == 0
    entries = journal(path)
    # A second run has ids of its own.
    assert len({entry["assignment_id"] for entry in entries}) == len(entries) == 400
    assert not any(entry["replay"] for entry in entries)
    assert {entry["courier_id"] for entry in entries} == {f"courier-{i}" for i in range(1, 11)}
    assert {entry["destination_zone"] for entry in entries} == {"zone-9"}


def test_assignments_of_a_file(run, start_mock, tmp_path):
    path = tmp_path / "journal"
    mock = start_mock("--journal", str(path))
    orders = tmp_path / "orders.ndjson"
    orders.write_text(update(1, "courier-1", "zone-a") + update(2, "courier-2", "zone-b"))
    found = report(run("bench", "assign", "-s", mock.address, "--rps", "1000", "--count", "10", "-f", orders))
    assert found["ok"] == 10
    entries = journal(path)
    assert [(entry["courier_id"], entry["destination_zone"]) for entry in entries] == \
        [("courier-1", "zone-a"), ("courier-2", "zone-b")] * 5
    orders.write_text(update(1) + "{}\n")
    result = run("bench", "assign", "-s", mock.address, "-f", orders)
    assert result.returncode == 4
    assert error(result)["message"].startswith(f"{orders}:2: ")


def test_rejections_are_answers(run, start_mock):
    mock = start_mock("--accept", "never")
    result = run("bench", "assign", "-s", mock.address, "--window", "8", "--count", "100")
    assert result.returncode == 0
    found = report(result)
    assert (found["loop"], found["concurrency"]) == ("closed", 8)
    assert (found["ok"], found["rejected"], found["accepted"]) == (100, 100, 0)


def test_a_stream_that_is_lost_is_resumed(run, start_mock):
    mock = start_mock("--fault", "close-after=100:UNAVAILABLE")
    found = report(run("bench", "assign", "-s", mock.address, "--rps", "1000", "--count", "250"))
    assert found["ok"] == 250
    assert found["reconnects"] >= 2


def test_a_stream_that_is_refused_ends_it(run, start_mock):
    mock = start_mock("--fault", "close-after=10:PERMISSION_DENIED")
    result = run("bench", "assign", "-s", mock.address, "--rps", "200", "--duration", "1h")
    assert result.returncode == 71
    found = report(result)
    assert found["partial"]
    assert found["ok"] >= 10
    said = error(result)
    assert (said["kind"], said["code"], said["phase"]) == ("rpc", "PERMISSION_DENIED", "stream")


def test_assignments_that_are_not_answered_are_failures(run, start_mock):
    mock = start_mock("--fault", "slow-read=10")
    result = run("bench", "assign", "-s", mock.address, "--rps", "200", "--count", "20", "--timeout", "500ms")
    assert result.returncode == 6
    found = report(result)
    assert found["ok"] == 10
    assert found["errors_by_code"] == {"DEADLINE_EXCEEDED": 10}
    assert found["error_latency_ms"]["min"] >= 500


def test_a_signal_ends_streams(start, start_mock, tmp_path):
    path = tmp_path / "journal"
    mock = start_mock("--journal", str(path))
    running = start("bench", "assign", "-s", mock.address, "--rps", "100", "--duration", "1h")
    deadline = time.monotonic() + PATIENCE
    while path.stat().st_size == 0:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    found = running.record()
    assert found["partial"]
    assert found["ok"] >= 1
