"""lookup against servers that fail as asked."""

import json
import os
import subprocess

import pytest

from helpers import error, records


def has_faults():
    text = subprocess.run([os.environ["DISPATCH_MOCK"], "serve", "--help"], stdout=subprocess.PIPE, check=True).stdout
    return b"--fault" in text


pytestmark = pytest.mark.skipif(not has_faults(), reason="this dispatch-mock has no --fault")


def lookup_of_many(run, mock, *arguments, count=200):
    ids = "".join(f"courier-{n + 1}\n" for n in range(count))
    return run("lookup", "-s", mock.address, "-f", "-", *arguments, stdin=ids)


def test_failures_are_retried(run, start_mock, tmp_path):
    mock = start_mock("--fault", "status=UNAVAILABLE,first=2,message=busy")
    trace = tmp_path / "trace"
    result = run("lookup", "-s", mock.address, "courier-42", "-v", "--trace", str(trace))
    assert result.returncode == 0
    notes = result.stderr.decode().splitlines()
    assert len(notes) == 4
    assert "attempt 2 to" in notes[1] and "UNAVAILABLE" in notes[1] and "busy" in notes[1]
    assert "courier-42: OK after" in notes[3] and "3 attempts" in notes[3]
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [event["event"] for event in events].count("retry_delay") == 2
    for event in events:
        if event["event"] == "retry_delay":
            assert event["delay_us"] >= 15_000


def test_f19_attempts_run_out(run, start_mock):
    mock = start_mock("--fault", "status=UNAVAILABLE,message=busy")
    result = run("lookup", "-s", mock.address, "courier-42")
    assert result.returncode == 78
    found = error(result)
    assert (found["attempts"], found["origin"], found["retryable"]) == (4, "server", True)
    assert found["message"] == "courier courier-42: busy (gave up after 4 attempts: no attempts left)"
    assert "--max-attempts" in found["hint"]
    once = error(run("lookup", "-s", mock.address, "courier-42", "--max-attempts", "1"))
    assert (once["attempts"], once["message"]) == (1, "courier courier-42: busy")


def test_what_is_not_retryable_is_tried_once(run, start_mock):
    mock = start_mock("--fault", "status=FAILED_PRECONDITION")
    found = error(run("lookup", "-s", mock.address, "courier-42"))
    assert (found["attempts"], found["code"], found["retryable"]) == (1, "FAILED_PRECONDITION", False)


def test_a_service_config_says_what_is_retryable(run, start_mock, tmp_path):
    mock = start_mock("--fault", "status=ABORTED,first=1")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"methodConfig": [{
        "name": [{}],
        "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.1s", "backoffMultiplier": 2,
                        "retryableStatusCodes": ["ABORTED"]}}]}))
    assert run("lookup", "-s", mock.address, "courier-42", "--service-config", str(config)).returncode == 0


def test_f21_pushback_beyond_the_deadline(run, start_mock):
    mock = start_mock("--fault", "status=UNAVAILABLE,pushback=1h")
    found = error(run("lookup", "-s", mock.address, "courier-42"))
    assert found["attempts"] == 1
    assert "--timeout" in found["hint"]


def test_f19_the_breaker_opens(run, start_mock, tmp_path):
    mock = start_mock("--fault", "status=UNAVAILABLE,message=busy")
    trace = tmp_path / "trace"
    result = lookup_of_many(run, mock, "--parallel", "4", "--trace", str(trace))
    assert result.returncode == 6
    errors = [record["error"] for record in records(result)]
    refused = [one for one in errors if "circuit breaker open" in one["message"]]
    # The cause is still told.
    assert refused and all("busy" in one["message"] for one in refused)
    assert all("left alone" in one["hint"] for one in refused)
    assert {(one["attempts"], one["origin"], one["retryable"]) for one in refused} >= {(0, "local", True)}
    assert any("retry budget" in one["message"] and "add to the load" in one["hint"] for one in errors)
    events = [json.loads(line)["event"] for line in trace.read_text().splitlines()]
    assert "breaker_refusal" in events


def test_f18_last_known_statuses_stand_in_for_a_broken_server(run, start_mock, tmp_path):
    mock = start_mock("--fault", "status=UNAVAILABLE,courier_id=courier-2,nth=2")
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    arguments = ["lookup", "-s", mock.address, "courier-1", "courier-2", "--stale-if-error", "1h", "--max-attempts", "1"]
    assert not any("stale" in record for record in records(run(*arguments, env=cache)))
    second = run(*arguments, env=cache)
    assert second.returncode == 0
    assert [record.get("stale", False) for record in records(second)] == [False, True]
    assert b"1 of 2 are last known statuses" in second.stderr
