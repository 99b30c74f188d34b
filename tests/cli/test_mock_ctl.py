"""dispatch-mock ctl against a running dispatch-mock, as tests and people use it."""

import json
import os
import signal
import subprocess

import pytest

from admin import asked, ctl
from conftest import PATIENCE
from helpers import records, updates


@pytest.fixture
def served(start_mock):
    return start_mock("--admin", "127.0.0.1:0", "--connection-faults", "--fault", "latency=1ms,courier_id=courier-9")


def test_faults_are_changed_and_counted(run, served):
    assert asked(served, "faults") == [
        {"spec": "latency=1ms,courier_id=courier-9", "matched": 0, "fired": 0, "under_way": 0}]
    assert ctl(served, "faults", "--set", "status=NOT_FOUND,message=set").returncode == 0
    assert run("lookup", "-s", served.address, "courier-42").returncode == 69
    added = asked(served, "faults", "--add", "hang,nth=5")
    assert [(fault["spec"], fault["fired"]) for fault in added] == [("status=NOT_FOUND,message=set", 1),
                                                                      ("hang,nth=5", 0)]
    text = ctl(served, "faults").stdout.splitlines()
    assert text[0].split() == ["SPEC", "MATCHED", "FIRED", "UNDER", "WAY"]
    assert text[1].split() == ["status=NOT_FOUND,message=set", "1", "1", "0"]
    assert ctl(served, "faults", "--clear").stdout == "no faults\n"
    assert run("lookup", "-s", served.address, "courier-42").returncode == 0


def test_reset_goes_back_to_the_start(run, served):
    ctl(served, "faults", "--clear")
    run("lookup", "-s", served.address, "courier-42")
    assert ctl(served, "reset").returncode == 0
    assert [fault["spec"] for fault in asked(served, "faults")] == ["latency=1ms,courier_id=courier-9"]
    assert asked(served, "calls") == {"calls": [], "dropped_calls": 0, "dropped_messages": 0}


def test_calls_are_listed_without_secrets(run, served, tmp_path):
    token = tmp_path / "headers"
    token.write_text("x-service-token: opensesame\n")
    token.chmod(0o600)
    assert run("lookup", "-s", served.address, "courier-42", "-H", f"@{token}", "-H", "x-test: shown").returncode == 0
    assert run("assign", "-s", served.address, "-f", "-", stdin=updates(2)).returncode == 0
    calls = asked(served, "calls")["calls"]
    assert [call["method"].split("/")[1] for call in calls] == ["GetCourierStatus", "StreamAssignments"]
    metadata = {each["key"]: each["value"] for each in calls[0]["metadata"]}
    assert metadata["x-service-token"] == "[redacted]"
    assert metadata["x-test"] == "shown"
    assert calls[0]["messages"][0]["message"] == {"courier_id": "courier-42"}
    assert calls[0]["messages"][1]["from"] == "server"
    assert calls[0]["status"] == "OK" and calls[0]["ended"] > calls[0]["started"]
    assert [each["message"].get("assignment_id") for each in calls[1]["messages"] if each["from"] == "client"] == [
        "a-0", "a-1"]
    text = ctl(served, "calls").stdout
    assert "opensesame" not in text and "x-test: shown" in text and "GetCourierStatus listen=0" in text


def test_a_verification_that_does_not_hold_is_exit_7(run, served):
    run("lookup", "-s", served.address, "courier-42")
    holds = ctl(served, "verify", "lookup,courier_id=courier-42,count=1", "--nothing-else")
    assert (holds.returncode, holds.stdout) == (
        0, "holds   expected lookup,courier_id=courier-42,count=1: 1, got 1\n")
    broken = ctl(served, "verify", "lookup,courier_id=courier-1", "update,count=0", "--nothing-else")
    assert broken.returncode == 7
    assert broken.stdout.splitlines()[:2] == [
        "BROKEN  expected lookup,courier_id=courier-1: at least 1, got 0",
        "holds   expected update,count=0: 0, got 0"]
    assert broken.stdout.splitlines()[2].startswith("BROKEN  unexpected lookup of 'courier-42' (call 1); nearest: ")
    result = ctl(served, "verify", "lookup,count=2", "-o", "json")
    assert result.returncode == 7
    assert json.loads(result.stdout) == {
        "holds": False, "findings": [{"expected": "lookup,count=2: 2", "actual": "1", "holds": False}],
        "unexpected": [], "unexpected_count": 0}


def test_sessions_are_apart(run, served):
    in_a, in_b = ("-H", "x-mock-session: a"), ("-H", "x-mock-session: b")
    ctl(served, "faults", "--session", "a", "--set", "status=NOT_FOUND")
    assert run("lookup", "-s", served.address, "courier-42", *in_a).returncode == 69
    assert run("lookup", "-s", served.address, "courier-42", *in_b).returncode == 0
    assert ctl(served, "verify", "lookup,status=OK,count=1", "--session", "b", "--nothing-else").returncode == 0
    assert ctl(served, "reset", "--session", "a").returncode == 0
    assert run("lookup", "-s", served.address, "courier-42", *in_a).returncode == 0
    assert ctl(served, "verify", "lookup,count=1", "--session", "b").returncode == 0


def test_a_scenario_is_set_and_its_errors_have_lines(run, served, tmp_path):
    play = tmp_path / "play"
    play.write_text("scenario lookup\n  expect\n    reply transport_mode=tandem\n")
    assert asked(served, "scenario", str(play)) == {"scenarios": 1}
    assert records(run("lookup", "-s", served.address, "courier-42"))[0]["transport_mode"] == "tandem"
    play.write_text("strict\nscenario lookup,courier_id=courier-1\n  expect\n")
    assert ctl(served, "scenario", str(play)).returncode == 0
    refused = run("lookup", "-s", served.address, "courier-42")
    assert refused.returncode == 73
    assert f"nearest: {play}:2: courier_id is 'courier-42', expected 'courier-1'" in refused.stderr.decode()
    play.write_text("scenario lookup\n  expect\n  explode\n")
    wrong = ctl(served, "scenario", str(play))
    assert wrong.returncode == 3
    assert wrong.stderr.startswith(f"dispatch-mock: {play}:3: fault 'explode'")
    assert ctl(served, "scenario", "--clear").returncode == 0
    assert run("lookup", "-s", served.address, "courier-42").returncode == 0


def test_health_is_changed(served):
    assert asked(served, "health") == [{"service": "", "status": "SERVING"},
                                       {"service": "dispatchpb.DispatchGateway", "status": "SERVING"}]
    changed = asked(served, "health", "--set", "not-serving", "--service", "dispatchpb.DispatchGateway")
    assert [each["status"] for each in changed] == ["SERVING", "NOT_SERVING"]
    assert "NOT_SERVING  dispatchpb.DispatchGateway" in ctl(served, "health").stdout
    assert [each["status"] for each in asked(served, "health", "--set", "not-serving")] == ["NOT_SERVING"] * 2


def test_f03_goaway_moves_a_stream_that_is_open(start, served, start_mock):
    running = start("assign", "-s", served.address, "-f", "-", "--summary", "json")
    running.send('{"assignment_id":"a-1","courier_id":"courier-42","destination_zone":"z"}\n')
    assert running.record() == {"assignment_id": "a-1", "accepted": True}
    assert ctl(served, "goaway").returncode == 0
    running.send('{"assignment_id":"a-2","courier_id":"courier-42","destination_zone":"z"}\n')
    assert running.record() == {"assignment_id": "a-2", "accepted": True}
    running.process.stdin.close()
    assert running.wait() == 0
    refused = ctl(start_mock("--admin", "127.0.0.1:0"), "goaway")
    assert refused.returncode == 73 and "connection_faults" in refused.stderr


def test_stop_ends_the_server_cleanly(served):
    assert ctl(served, "stop").returncode == 0
    assert served.process.wait(PATIENCE) == 0


def test_what_cannot_be_reached_is_exit_5(served):
    admin = served.admin
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(PATIENCE) == 0
    unreachable = ctl(admin, "calls", "--timeout", "5s")
    assert unreachable.returncode == 5
    assert unreachable.stderr.startswith(f"dispatch-mock: cannot reach the admin service at {admin}: ")


def test_errors_of_the_service_are_exit_64_and_up(served):
    refused = ctl(served, "goaway", "--listen", "7")
    assert refused.returncode == 67
    assert refused.stderr == "dispatch-mock: listen: there is no backend 7; use 0 to 0 (INVALID_ARGUMENT)\n"


def test_admin_answers_where_grpc_polls_each_server_apart(monkeypatch, start_mock):
    monkeypatch.setenv("GRPC_POLL_STRATEGY", "poll")
    assert asked(start_mock("--admin", "127.0.0.1:0"), "faults") == []


def test_usage_is_exit_2(served):
    assert ctl(served, "verify", "everything").returncode == 2
    assert ctl("nowhere", "calls").returncode == 2


def test_an_admin_service_for_all_is_warned_about(tmp_path):
    errors = tmp_path / "errors"
    with open(errors, "wb") as stderr:
        process = subprocess.Popen(
            [os.environ["DISPATCH_MOCK"], "serve", "--listen", "127.0.0.1:0", "--admin", "0.0.0.0:0"],
            stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL)
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["admin"].startswith("0.0.0.0:")
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
        process.stdout.close()
    assert "takes orders from whoever reaches it" in errors.read_text()
