"""The service in Go under dispatchctl, and a client in Go under dispatch-mock."""

import base64
import signal

import pytest

from conftest import PATIENCE
from helpers import error, records, summary, update, updates

SERVICE = "dispatchpb.DispatchGateway"
LOOKUP, ASSIGN = f"/{SERVICE}/GetCourierStatus", f"/{SERVICE}/StreamAssignments"


def test_a_lookup_brings_deadline_and_metadata(run, start_go_server):
    server = start_go_server()
    result = run("lookup", "-s", server.address, "courier-42", "--timeout", "20s", "-H", "x-request-id: r-1",
                 "-H", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert result.returncode == 0, result.stderr
    assert records(result) == [{"courier_id": "courier-42", "transport_mode": "bike", "availability": "available",
                                "current_zone": "zone-42"}]
    call = server.call()
    assert (call["method"], call["code"]) == (LOOKUP, "OK")
    assert call["metadata"]["x-request-id"] == ["r-1"]
    assert call["metadata"]["traceparent"] == ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]
    assert call["metadata"]["content-type"] == ["application/grpc"]
    assert call["metadata"][":authority"] == [server.address]
    assert 0 < call["time_left_ms"] <= 20_000


@pytest.mark.parametrize("courier, exit_code, code, message", [
    ("nobody", 69, "NOT_FOUND", "courier nobody not found"),
    ("forbidden", 71, "PERMISSION_DENIED", "not your courier: ä✓ 100%")])
def test_a_status_arrives_as_it_was_sent(run, start_go_server, courier, exit_code, code, message):
    server = start_go_server()
    result = run("lookup", "-s", server.address, courier, "-o", "json")
    assert result.returncode == exit_code
    failure = error(result)
    assert failure["message"].endswith(message)
    assert (failure["code"], failure["origin"], failure["attempts"]) == (code, "server", 1)


def test_details_of_a_status_arrive(run, start_go_server):
    server = start_go_server()
    result = run("lookup", "-s", server.address, "busy", "--max-attempts", "1", "-o", "json")
    assert result.returncode == 72
    detail, = error(result)["details"]
    assert detail["type"] == "type.googleapis.com/google.rpc.RetryInfo"
    # RetryInfo's retry_delay, 2 s.
    assert base64.b64decode(detail["value_base64"]) == b"\x0a\x02\x08\x02"


def test_the_deadline_ends_a_call_on_both_sides(run, start_go_server):
    server = start_go_server()
    result = run("lookup", "-s", server.address, "slow", "--timeout", "500ms")
    assert result.returncode == 68
    assert error(result)["code"] == "DEADLINE_EXCEEDED"
    call = server.call()
    assert 0 < call["time_left_ms"] <= 500
    assert call["cause"] in ("context deadline exceeded", "context canceled")


def test_an_interrupt_cancels_the_call(start, start_go_server):
    server = start_go_server()
    running = start("lookup", "-s", server.address, "slow", "--timeout", "10m")
    assert server.started.get(timeout=PATIENCE)["method"] == LOOKUP
    running.process.send_signal(signal.SIGINT)
    assert running.wait() in (-signal.SIGINT, 130)
    call = server.call()
    assert (call["method"], call["cause"]) == (LOOKUP, "context canceled")


def test_what_is_unavailable_is_tried_again(run, start_go_server):
    server = start_go_server("-flaky", "2")
    assert run("lookup", "-s", server.address, "courier-1").returncode == 0
    assert [server.call()["code"] for _ in range(3)] == ["Unavailable", "Unavailable", "OK"]


def test_a_large_reply(run, start_go_server):
    server = start_go_server()
    record, = records(run("lookup", "-s", server.address, "large-1"))
    assert record["current_zone"] == "z" * (1 << 20)
    refused = run("lookup", "-s", server.address, "large-1", "--max-recv-bytes", "64KiB", "--max-attempts", "1")
    assert refused.returncode == 72


def test_a_stream_has_one_result_for_each_update(run, start_go_server):
    server = start_go_server()
    result = run("assign", "-s", server.address, "-f", "-", "--summary", "json",
                 stdin=updates(20_000) + update("unknown", "nobody"))
    assert result.returncode == 0, result.stderr
    assert {record["assignment_id"]: record["accepted"] for record in records(result)} == {
        **{f"a-{i}": True for i in range(20_000)}, "a-unknown": False}
    assert summary(result)["acknowledged"] == 20_001
    call = server.call()
    assert (call["method"], call["code"], call["time_left_ms"]) == (ASSIGN, "OK", -1)


def test_a_stream_that_breaks_is_resumed(run, start_go_server):
    server = start_go_server("-break-after", "100")
    result = run("assign", "-s", server.address, "-f", "-", "--summary", "json", stdin=updates(500))
    assert result.returncode == 0, result.stderr
    assert sorted(record["assignment_id"] for record in records(result)) == sorted(f"a-{i}" for i in range(500))
    assert summary(result)["reconnects"] == 1
    assert [server.call()["code"] for _ in range(2)] == ["Unavailable", "OK"]


def test_a_stream_answers_as_it_goes(start, start_go_server):
    server = start_go_server()
    running = start("assign", "-s", server.address, "-f", "-")
    for number in range(20):
        running.send(update(number))
        assert running.record() == {"assignment_id": f"a-{number}", "accepted": True}
    running.process.stdin.close()
    assert running.wait() == 0


def test_a_graceful_stop_lets_the_stream_end(start, start_go_server):
    server = start_go_server()
    running = start("assign", "-s", server.address, "-f", "-")
    running.send(update(1))
    assert running.record()["accepted"]
    server.process.terminate()
    # The server sends GOAWAY and waits for the stream.
    running.send(update(2))
    assert running.record() == {"assignment_id": "a-2", "accepted": True}
    running.process.stdin.close()
    assert running.wait() == 0
    assert server.process.wait(PATIENCE) == 0


def test_health_and_doctor(run, start_go_server):
    server = start_go_server()
    health = run("health", "-s", server.address, "--service", SERVICE)
    assert health.returncode == 0
    assert records(health)[0]["status"] == "SERVING"
    doctor = run("doctor", "-s", server.address)
    assert doctor.returncode == 0, doctor.stdout
    assert all(record["ok"] for record in records(doctor))
    unwell = start_go_server("-not-serving")
    assert run("health", "-s", unwell.address, "--service", SERVICE).returncode == 7


def test_tls(run, start_go_server, authority):
    pair = authority.sign("go")
    server = start_go_server("-cert", str(pair.certificate), "-key", str(pair.key))
    trusted = ("--tls", "--cacert", str(authority.file), "-s", server.address)
    assert run("lookup", *trusted, "courier-1").returncode == 0
    assert run("assign", *trusted, "-f", "-", stdin=updates(100)).returncode == 0
    assert run("doctor", *trusted).returncode == 0
    assert run("lookup", "--tls", "-s", server.address, "courier-1").returncode == 5


def test_go_looks_up(go_client, start_mock):
    mock = start_mock()
    found = go_client("lookup", mock.address, "courier-42")
    assert (found["code"], found["reply"]) == ("OK", {
        "courier_id": "courier-42", "transport_mode": "bike", "availability": "available", "current_zone": "zone-7"})
    missing = go_client("lookup", mock.address, "nobody")
    assert (missing["code"], missing["message"]) == ("NotFound", "courier nobody not found")


def test_go_reads_headers_and_trailers(go_client, start_mock):
    mock = start_mock("--fault", "status=RESOURCE_EXHAUSTED,pushback=500ms,message=ä ✓ 100%,courier_id=courier-1",
                      "--fault", "headers=1KiB,courier_id=courier-2")
    refused = go_client("lookup", mock.address, "courier-1")
    assert (refused["code"], refused["message"]) == ("ResourceExhausted", "ä ✓ 100%")
    assert refused["trailer"]["grpc-retry-pushback-ms"] == ["500"]
    answered = go_client("lookup", mock.address, "courier-2")
    assert answered["code"] == "OK"
    assert sum(len(value) for values in answered["header"].values() for value in values) >= 1024


def test_go_shows_its_token(go_client, start_mock, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("opensesame lookup\n")
    mock = start_mock("--token-file", str(tokens))
    assert go_client("lookup", mock.address, "courier-42")["code"] == "Unauthenticated"
    bearer = "authorization=Bearer opensesame"
    assert go_client("-metadata", bearer, "lookup", mock.address, "courier-42")["code"] == "OK"
    assert go_client("-metadata", bearer, "assign", mock.address)["code"] == "PermissionDenied"


def test_gos_deadline(go_client, start_mock):
    mock = start_mock("--latency", "10m")
    assert go_client("-timeout", "300ms", "lookup", mock.address, "courier-42")["code"] == "DeadlineExceeded"


def test_go_streams(go_client, start_mock):
    mock = start_mock("--fault", "clean-close-after=3,nth=2", "--fault", "close-after=3:ABORTED,nth=3")
    whole = go_client("-count", "5000", "assign", mock.address)
    assert (whole["code"], whole["reply"]) == ("OK", [f"go-{i}:true" for i in range(5000)])
    closed = go_client("-count", "10", "assign", mock.address)
    assert (closed["code"], closed["reply"]) == ("OK", ["go-0:true", "go-1:true", "go-2:true"])
    aborted = go_client("-count", "10", "assign", mock.address)
    assert (aborted["code"], aborted["reply"]) == ("Aborted", ["go-0:true", "go-1:true", "go-2:true"])


def test_go_gives_a_stream_up(go_client, start_mock, run):
    mock = start_mock("--admin", "127.0.0.1:0")
    assert go_client("cancel", mock.address)["code"] == "Canceled"
    # The server goes on.
    assert run("lookup", "-s", mock.address, "courier-42").returncode == 0


def test_go_checks_health(go_client, start_mock):
    mock = start_mock()
    assert go_client("check", mock.address, SERVICE)["reply"] == "SERVING"
    assert go_client("check", mock.address, "nonesuch")["code"] == "NotFound"


def test_go_over_tls(go_client, start_mock, authority):
    mock = start_mock(*authority.sign("mock").as_server())
    port = mock.address.rsplit(":", 1)[1]
    trusted = ("-cacert", str(authority.file))
    assert go_client(*trusted, "lookup", f"localhost:{port}", "courier-42")["code"] == "OK"
    assert go_client("-timeout", "2s", "lookup", f"localhost:{port}", "courier-42")["code"] == "Unavailable"
