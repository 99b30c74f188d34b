"""lookup where servers fail: retries, hedges, policies from files, and what is told of them."""

import json
import os
import stat

import pytest

from helpers import error, records

NEVER_CONNECTED = 5


def listed(*mocks):
    return ",".join(mock.address for mock in mocks)


def notes(result):
    return [line for line in result.stderr.decode().splitlines() if line.startswith("dispatchctl: note: ")]


def trace_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_time(events):
    return [event["event"] for event in events]


@pytest.fixture
def dead_then_alive(start_mock):
    """A target whose first address refuses connections."""
    dead, alive = start_mock(), start_mock()
    dead.kill()
    return dead, alive


@pytest.fixture
def cache(tmp_path):
    """An environment with a cache of the test's own."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def cache_files(cache):
    found = []
    for folder, _, names in os.walk(cache["XDG_CACHE_HOME"]):
        found += [os.path.join(folder, name) for name in names]
    return found


def test_a_dead_backend_is_not_noticed(run, dead_then_alive):
    dead, alive = dead_then_alive
    result = run("lookup", "-s", listed(dead, alive), "courier-42")
    assert result.returncode == 0
    assert records(result)[0]["courier_id"] == "courier-42"
    assert result.stderr == b""


@pytest.mark.parametrize("policy", ["round_robin", "pick_first", "least_request", "weighted_round_robin",
                                    "ring_hash"])
def test_every_policy_finds_the_living(run, dead_then_alive, policy):
    dead, alive = dead_then_alive
    ids = [f"courier-{n + 1}" for n in range(50)]
    result = run("lookup", "-s", listed(dead, alive), "--lb", policy, *ids)
    assert result.returncode == 0, result.stderr
    assert [record["courier_id"] for record in records(result)] == ids


def test_f18_all_backends_dead(run, start_mock):
    dead = [start_mock(), start_mock()]
    for mock in dead:
        mock.kill()
    result = run("lookup", "-s", listed(*dead), "courier-42")
    assert result.returncode == NEVER_CONNECTED
    found = error(result)
    assert found["kind"] == "connect"
    assert "refused" in found["message"].lower()
    assert found["retryable"] is True


def test_f13_attempts_that_time_out_are_counted(run, start_mock, tmp_path):
    slow = start_mock("--latency", "60s")
    trace = tmp_path / "trace"
    result = run("lookup", "-s", slow.address, "courier-42", "--attempt-timeout", "300ms", "--max-attempts", "2",
                 "--timeout", "40s", "--trace", str(trace))
    assert result.returncode == 68, result.stderr
    found = error(result)
    assert found["attempts"] == 2
    assert found["elapsed_ms"] >= 600
    assert found["retryable"] is True
    assert found["peer"] == slow.address
    assert slow.address in found["message"] and "2 attempts" in found["message"]
    assert "--attempt-timeout" in found["hint"]
    assert without_time(trace_of(trace)) == ["trace_start", "call_start", "attempt_start", "attempt_end",
                                             "retry_delay", "attempt_start", "attempt_end", "call_end"]
    once = run("lookup", "-s", slow.address, "courier-42", "--attempt-timeout", "100ms", "--max-attempts", "1",
               "--timeout", "40s")
    assert error(once)["attempts"] == 1


def test_f16_a_slow_answer_is_hedged(run, start_mock, tmp_path):
    slow = start_mock("--latency", "4s", "--listen", "127.0.0.1:0")
    trace = tmp_path / "trace"
    result = run("lookup", "-s", ",".join(slow.addresses), "courier-42", "--hedge", "1s", "--trace", str(trace), "-v")
    assert result.returncode == 0
    events = trace_of(trace)
    hedge = next(event for event in events if event["event"] == "hedge")
    assert hedge["after_us"] >= 1_000_000
    starts = [event for event in events if event["event"] == "attempt_start"]
    assert [start["hedge"] for start in starts] == [False, True]
    assert sorted(start["endpoint"] for start in starts) == sorted(slow.addresses)
    assert any("(hedge)" in note for note in notes(result))
    assert any("2 attempts of which 1 hedge" in note for note in notes(result))


def test_verbose_tells_each_attempt(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "-v")
    assert result.returncode == 0
    told = notes(result)
    assert len(told) == 2
    assert told[0].startswith(f"dispatchctl: note: courier-42: attempt 1 to {mock.address}: OK after ")
    assert told[1].startswith("dispatchctl: note: courier-42: OK after ")
    assert f"1 attempt, endpoint {mock.address}" in told[1]
    many = run("lookup", "-s", mock.address, "courier-1", "nobody", "-v")
    assert any("courier-1: OK after" in note for note in notes(many))
    assert any("nobody: NOT_FOUND after" in note for note in notes(many))


def test_trace_tells_a_lookup(run, mock, tmp_path):
    trace = tmp_path / "trace"
    result = run("lookup", "-s", mock.address, "courier-42", "--trace", str(trace), "-H", "authorization: hunter2")
    assert result.returncode == 0
    assert result.stderr == b""
    events = trace_of(trace)
    assert without_time(events) == ["trace_start", "call_start", "attempt_start", "attempt_end", "call_end"]
    assert events[0]["v"] == 1
    assert events[0]["target"] == mock.address
    assert events[1]["courier_id"] == "courier-42"
    assert events[2]["endpoint"] == mock.address
    assert events[4]["code"] == "OK"
    times = [event["ts_us"] for event in events]
    assert times == sorted(times)
    assert "hunter2" not in trace.read_text()


def test_trace_tells_many_lookups(run, mock, tmp_path):
    trace = tmp_path / "trace"
    ids = [f"courier-{n + 1}" for n in range(200)] + ["nobody \"1\""]
    result = run("lookup", "-s", mock.address, "-f", "-", "--trace", str(trace), stdin="\n".join(ids))
    assert result.returncode == 6
    events = trace_of(trace)
    starts = [event for event in events if event["event"] == "call_start"]
    ends = [event for event in events if event["event"] == "call_end"]
    assert sorted(event["courier_id"] for event in starts) == sorted(ids)
    assert sorted(event["call"] for event in ends) == list(range(1, len(ids) + 1))
    assert [event["code"] for event in ends].count("NOT_FOUND") == 1
    for start, end in zip(starts, ends):
        assert start["call"] == end["call"]
        assert end["ts_us"] - start["ts_us"] == pytest.approx(end["elapsed_us"], abs=1)


@pytest.mark.parametrize("path, reason", [("/dev/full", "No space left"), ("/nonexistent/trace", "No such file")])
@pytest.mark.parametrize("ids", [["courier-42"], ["courier-1", "courier-2"]])
def test_f38_trace_that_cannot_be_written(run, mock, path, reason, ids):
    result = run("lookup", "-s", mock.address, *ids, "--trace", path)
    assert result.returncode == 1
    found = error(result)
    assert found["kind"] == "output"
    assert path in found["message"] and reason in found["message"]
    if path == "/dev/full":
        # What was asked for is there all the same.
        assert len(records(result)) == len(ids)


def test_trace_to_stderr_leaves_what_is_there(run, mock, tmp_path):
    log = tmp_path / "log"
    with log.open("w") as stderr:
        stderr.write("before\n")
        stderr.flush()
        result = run("lookup", "-s", mock.address, "courier-42", "-v", "--trace", "/dev/stderr", stderr=stderr)
    assert result.returncode == 0
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert "attempt 1 to" in lines[1]
    assert without_time(map(json.loads, lines[3:]))[-1] == "call_end"


def test_trace_to_stdout_is_refused(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "--trace", "-")
    assert result.returncode == 2
    assert "--trace" in error(result)["message"]


def test_service_config_is_obeyed(run, start_mock, tmp_path):
    # An answer may overtake the shortest of time-outs.
    mock = start_mock("--latency", "500ms")
    config = tmp_path / "config.json"
    config.write_text(json.dumps({
        "loadBalancingConfig": [{"least_request_experimental": {}}, {"round_robin": {}}],
        "methodConfig": [{
            "name": [{"service": "dispatchpb.DispatchGateway"}],
            "timeout": "0.02s",
            "retryPolicy": {"maxAttempts": 3, "initialBackoff": "0.01s", "maxBackoff": "0.1s",
                            "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}))
    result = run("lookup", "-s", mock.address, "courier-42", "--service-config", str(config))
    assert error(result)["code"] == "DEADLINE_EXCEEDED"
    # A flag beats it.
    result = run("lookup", "-s", mock.address, "courier-42", "--service-config", str(config), "--timeout", "30s")
    assert result.returncode == 0


@pytest.mark.parametrize("text, said", [
    ("{", "line 1"),
    ('{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 1}}]}', "methodConfig[0].retryPolicy"),
    ('{"methodConfig": 7}', "methodConfig"),
])
def test_service_config_that_is_invalid(run, mock, tmp_path, text, said):
    config = tmp_path / "config.json"
    config.write_text(text)
    result = run("lookup", "-s", mock.address, "courier-42", "--service-config", str(config))
    assert result.returncode == 3
    found = error(result)
    assert found["kind"] == "config"
    assert str(config) in found["message"]
    assert said in found["message"]


def test_service_config_that_is_missing(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "--service-config", "/nonexistent/config")
    assert result.returncode == 3
    assert "/nonexistent/config: No such file" in error(result)["message"]


def test_flags_may_come_from_the_environment(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", env={
        "DISPATCHCTL_HEDGE": "auto", "DISPATCHCTL_LB": "ring_hash", "DISPATCHCTL_MAX_ATTEMPTS": "2",
        "DISPATCHCTL_ATTEMPT_TIMEOUT": "5s"})
    assert result.returncode == 0
    result = run("lookup", "-s", mock.address, "courier-42", env={"DISPATCHCTL_HEDGE": "often"})
    assert result.returncode == 2
    assert "DISPATCHCTL_HEDGE" in error(result)["message"]


def test_f18_a_last_known_status_stands_in(run, start_mock, cache):
    mock = start_mock()
    fresh = run("lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h", env=cache)
    assert fresh.returncode == 0
    assert "stale" not in records(fresh)[0]
    mock.kill()
    stale = run("lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h", env=cache)
    assert stale.returncode == 0, stale.stderr
    record = records(stale)[0]
    assert record.pop("stale") is True
    assert record.pop("age_ms") >= 0
    assert record == records(fresh)[0]
    assert len(notes(stale)) == 1
    assert "courier-42" in notes(stale)[0] and "refused" in notes(stale)[0].lower()
    assert notes(run("lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h", "-q", env=cache)) == []
    table = run("lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h", "-o", "table", env=cache)
    assert b"STALE" in table.stdout and b"AGE_MS" in table.stdout
    # What was never known stays an error.
    assert run("lookup", "-s", mock.address, "courier-1", "--stale-if-error", "1h", env=cache).returncode == 5


def test_f18_last_known_statuses_of_many(run, start_mock, cache):
    mock = start_mock()
    ids = [f"courier-{n + 1}" for n in range(300)]
    arguments = ["lookup", "-s", mock.address, "-f", "-", "--stale-if-error", "1h"]
    assert run(*arguments, stdin="\n".join(ids), env=cache).returncode == 0
    mock.kill()
    result = run(*arguments, stdin="\n".join(ids), env=cache)
    assert result.returncode == 0, result.stderr
    assert [record["courier_id"] for record in records(result)] == ids
    assert all(record["stale"] for record in records(result))
    assert len(notes(result)) == 1
    assert "300 of 300" in notes(result)[0]


def test_an_answer_is_never_hidden(run, start_mock, cache, tmp_path):
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps([{"courier_id": "c-1", "transport_mode": "bike", "availability": "available",
                                  "current_zone": "z"}]))
    mock = start_mock("--couriers", str(fleet))
    arguments = ["lookup", "-s", mock.address, "c-1", "--stale-if-error", "1h"]
    assert run(*arguments, env=cache).returncode == 0
    missing = run("lookup", "-s", mock.address, "c-2", "--stale-if-error", "1h", env=cache)
    assert missing.returncode == 69


def test_nothing_is_kept_unasked(run, mock, cache):
    assert run("lookup", "-s", mock.address, "courier-42", env=cache).returncode == 0
    assert cache_files(cache) == []


def test_the_cache_is_private_and_one_file_a_target(run, start_mock, cache):
    first, second = start_mock(), start_mock()
    for mock in (first, second, first):
        run("lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h", env=cache)
    files = cache_files(cache)
    assert len(files) == 2
    for path in files:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_damaged_cache_is_a_warning(run, start_mock, cache):
    mock = start_mock()
    arguments = ["lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h"]
    run(*arguments, env=cache)
    with open(cache_files(cache)[0], "w", encoding="utf-8") as file:
        file.write("nonsense")
    result = run(*arguments, env=cache)
    assert result.returncode == 0
    assert b"warning: " in result.stderr and cache_files(cache)[0].encode() in result.stderr
    assert run(*arguments, env=cache).stderr == b""


def test_a_cache_that_cannot_be_written_is_a_warning(run, mock, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = run("lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h",
                 env={"XDG_CACHE_HOME": str(blocked)})
    assert result.returncode == 0
    assert records(result)[0]["courier_id"] == "courier-42"
    assert b"warning: " in result.stderr
    nowhere = run("lookup", "-s", mock.address, "courier-42", "--stale-if-error", "1h",
                  env={"XDG_CACHE_HOME": "", "HOME": ""})
    assert nowhere.returncode == 0
    assert b"XDG_CACHE_HOME" in nowhere.stderr


def test_f01_a_backend_killed_midway_is_not_noticed(start, start_mock):
    backends = [start_mock() for _ in range(3)]
    running = start("lookup", "-s", listed(*backends), "-f", "-", "-v")
    ids = [f"courier-{n + 1}" for n in range(300)]
    running.send("\n".join(ids[:100]) + "\n")
    answered = [running.record()["courier_id"] for _ in range(100)]
    backends[0].kill()
    running.send("\n".join(ids[100:]) + "\n")
    running.process.stdin.close()
    answered += [json.loads(line)["courier_id"] for line in running.rest_of_lines()]
    assert answered == ids
    assert running.wait() == 0
    endpoints = {mock.address for mock in backends}
    told = running.rest_of_notes()
    assert all(any(endpoint in note for endpoint in endpoints) for note in told)
    # Nobody goes to the dead for long.
    assert sum(backends[0].address in note for note in told[-300:]) < 30


def test_f18_the_only_backend_killed_midway(start, start_mock):
    mock = start_mock()
    running = start("lookup", "-s", mock.address, "-f", "-")
    running.send("courier-1\n")
    assert "error" not in running.record()
    mock.kill()
    running.send("".join(f"courier-{n + 1}\n" for n in range(200)))
    running.process.stdin.close()
    failed = [json.loads(line) for line in running.rest_of_lines()]
    assert len(failed) == 200
    for record in failed:
        assert record["error"]["code"] == "UNAVAILABLE"
        assert record["error"]["retryable"] is True
        assert record["error"]["hint"]
    assert running.wait() == 6
