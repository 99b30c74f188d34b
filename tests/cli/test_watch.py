"""lookup --watch: the same couriers again and again."""

import datetime
import json
import os
import signal

import pytest

from helpers import error, records

FIELDS = ["time", "courier_id", "transport_mode", "availability", "current_zone"]


@pytest.fixture
def couriers(tmp_path):
    """A fleet of one, who is busy."""
    path = tmp_path / "couriers.json"
    path.write_text(json.dumps([{"courier_id": "c-1", "transport_mode": "bike", "availability": "busy",
                                 "current_zone": "zone-1"}]))
    return str(path)


def test_looks_them_up_again_and_again(start, mock):
    watch = start("lookup", "-s", mock.address, "courier-42", "courier-1", "--watch", "--interval", "20ms")
    found = [watch.record() for _ in range(6)]
    assert [list(record) for record in found] == [FIELDS] * 6
    assert [record["courier_id"] for record in found] == ["courier-42", "courier-1"] * 3
    times = [datetime.datetime.fromisoformat(record["time"].replace("Z", "+00:00")) for record in found]
    assert times == sorted(times) and times[0] < times[-1]
    watch.process.send_signal(signal.SIGINT)
    assert watch.wait() == -signal.SIGINT


def test_ends_after_a_time(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "--watch", "--interval", "20ms", "--for", "100ms")
    assert result.returncode == 0
    assert 1 <= len(records(result)) <= 6


def test_prints_changes_only(start, start_mock):
    mock = start_mock("--fault", "status=UNAVAILABLE,nth=3")
    watch = start("lookup", "-s", mock.address, "courier-42", "--watch", "--interval", "20ms", "--changes-only",
                  "--max-attempts", "1", "--for", "60s")
    assert watch.record()["availability"] == "available"
    assert watch.record()["error"]["code"] == "UNAVAILABLE"
    assert watch.record()["availability"] == "available"
    watch.process.send_signal(signal.SIGTERM)
    assert watch.wait() == -signal.SIGTERM
    assert watch.rest_of_lines() == []


def test_ends_once_a_condition_is_met(run, start_mock):
    mock = start_mock("--fault", "status=UNAVAILABLE,first=3")
    result = run("lookup", "-s", mock.address, "courier-42", "courier-1", "--watch", "--interval", "20ms",
                 "--max-attempts", "1", "--parallel", "1", "--until", "availability=available", "--until",
                 "transport_mode!=boat")
    assert result.returncode == 0, result.stderr
    found = records(result)
    assert ["error" in record for record in found] == [True, True, True, False, False, False]


def test_says_what_was_not_met(run, start_mock, couriers):
    mock = start_mock("--couriers", couriers)
    result = run("lookup", "-s", mock.address, "c-1", "--watch", "--interval", "20ms", "--changes-only",
                 "--until", "availability=available", "--for", "100ms")
    assert result.returncode == 7
    assert len(records(result)) == 1
    found = error(result)
    assert found["kind"] == "negative"
    assert "c-1: availability is 'busy', not 'available'" in found["message"]


def test_reads_ids_once(run, mock):
    result = run("lookup", "-s", mock.address, "-f", "-", "--watch", "--interval", "20ms", "--for", "60s",
                 "--until", "availability=available", stdin=b"courier-42\n\ncourier-1\n")
    assert result.returncode == 0
    assert [record["courier_id"] for record in records(result)] == ["courier-42", "courier-1"]


def test_a_line_that_is_no_id_ends_it_before_it_begins(run, mock):
    result = run("lookup", "-s", mock.address, "-f", "-", "--watch", stdin=b"courier-42\n{\"courier_id\":7}\n")
    assert result.returncode == 4
    assert result.stdout == b""
    assert error(result)["message"].startswith("stdin:2: ")


@pytest.mark.parametrize("arguments, said", [
    (["--until", "availability=available"], "--watch"),
    (["--changes-only"], "--watch"),
    (["--for", "1s"], "--watch"),
    (["--watch", "--until", "zone=7"], "current_zone"),
    (["--watch", "--until", "availability"], "FIELD=VALUE"),
    (["--watch", "--interval", "1ms"], "at least 10ms"),
])
def test_usage(run, mock, arguments, said):
    result = run("lookup", "-s", mock.address, "courier-42", *arguments)
    assert result.returncode == 2
    found = error(result)
    assert said in found["message"] + (found["hint"] or "")


def test_f36_a_reader_that_goes_away_ends_it(start, mock):
    watch = start("lookup", "-s", mock.address, "courier-42", "--watch", "--interval", "20ms")
    watch.record()
    watch.process.stdout.close()
    assert watch.wait() == -signal.SIGPIPE


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_f38_a_full_disk_ends_it(run, mock):
    with open("/dev/full", "wb") as full:
        result = run("lookup", "-s", mock.address, "courier-42", "--watch", "--interval", "20ms", stdout=full)
    assert result.returncode == 1
    assert error(result)["kind"] == "output"
