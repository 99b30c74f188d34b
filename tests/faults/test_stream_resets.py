"""RST_STREAM with each of its meanings, and TCP RST in the middle of a response."""

import json
import threading

import pytest
from h2.errors import ErrorCodes

from helpers import error, records, summary, trace_events, update, updates
from http2_peer import first_text, framed, in_turn, result, serve, status_reply, until


def reset(error_code):
    """A script that ends its call with RST_STREAM."""

    async def run(call):
        await call.message()
        call.reset(error_code)

    return run


def lookup(run, peer, *arguments):
    return run("lookup", "-s", peer.address, "courier-42", *arguments)


def test_f06_refused_stream_is_retried(run, start_peer, tmp_path):
    peer = start_peer(in_turn(reset(ErrorCodes.REFUSED_STREAM), serve))
    trace = tmp_path / "trace"
    done = lookup(run, peer, "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    assert [end["code"] for end in trace_events(trace, "attempt_end")] == ["UNAVAILABLE", "OK"]
    assert len(peer.calls) == 2
    assert peer.calls[0].connection is peer.calls[1].connection


def test_f06_refused_stream_is_unavailable(run, start_peer):
    peer = start_peer(reset(ErrorCodes.REFUSED_STREAM))
    done = lookup(run, peer, "--max-attempts", "1")
    assert done.returncode == 78
    found = error(done)
    assert (found["code"], found["attempts"], found["retryable"]) == ("UNAVAILABLE", 1, True)
    assert len(peer.calls) == 1


def test_f06_refused_stream_of_assignments_is_opened_again(run, start_peer):
    peer = start_peer(in_turn(reset(ErrorCodes.REFUSED_STREAM), serve))
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", stdin=updates(20))
    assert done.returncode == 0, done.stderr
    assert [record["assignment_id"] for record in records(done)] == [f"a-{number}" for number in range(20)]
    assert len(peer.calls) == 2


def test_f06_refused_stream_that_may_not_be_repeated_is_not(run, start_peer):
    peer = start_peer(reset(ErrorCodes.REFUSED_STREAM))
    done = run("assign", "-s", peer.address, "-f", "-", "--no-resume", "--summary", "json", stdin=updates(20))
    assert done.returncode == 78
    assert error(done)["code"] == "UNAVAILABLE"
    assert len(peer.calls) == 1
    assert summary(done)["unacknowledged"] == 20


@pytest.mark.parametrize("sent, code, exit_code", [
    (ErrorCodes.INTERNAL_ERROR, "INTERNAL", 77),
    (ErrorCodes.PROTOCOL_ERROR, "INTERNAL", 77),
    (ErrorCodes.FLOW_CONTROL_ERROR, "INTERNAL", 77),
    (ErrorCodes.ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED", 72),
    (ErrorCodes.INADEQUATE_SECURITY, "PERMISSION_DENIED", 71),
])
def test_f07_code_of_a_reset_is_kept_and_not_retried(run, start_peer, sent, code, exit_code):
    peer = start_peer(reset(sent))
    done = lookup(run, peer)
    assert done.returncode == exit_code, done.stderr
    found = error(done)
    assert (found["code"], found["attempts"]) == (code, 1)
    assert len(peer.calls) == 1


def test_f07_reset_with_cancel_is_retried_and_its_code_kept(run, start_peer, tmp_path):
    # gRPC's C++ servers end so what they have not taken up when they shut down.
    peer = start_peer(in_turn(reset(ErrorCodes.CANCEL), serve))
    trace = tmp_path / "trace"
    done = lookup(run, peer, "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    assert [end["code"] for end in trace_events(trace, "attempt_end")] == ["CANCELLED", "OK"]
    peer = start_peer(reset(ErrorCodes.CANCEL))
    done = lookup(run, peer)
    assert done.returncode == 65
    found = error(done)
    assert (found["code"], found["attempts"]) == ("CANCELLED", 4)
    assert len(peer.calls) == 4


def calls_that_reached(run, peer, count=60):
    """Many lookups, one after another; how many the peer saw."""
    done = run("lookup", "-s", peer.address, "--parallel", "1", "--max-attempts", "1", "-f", "-",
               stdin="".join(f"courier-{number}\n" for number in range(1, count + 1)))
    assert done.returncode == 6
    return len(peer.calls), [record["error"] for record in records(done)]


@pytest.mark.parametrize("sent", [ErrorCodes.INTERNAL_ERROR, ErrorCodes.ENHANCE_YOUR_CALM, ErrorCodes.REFUSED_STREAM])
def test_f07_breaker_opens_on_resets_that_are_the_servers_failure(run, start_peer, sent):
    reached, errors = calls_that_reached(run, start_peer(reset(sent)))
    assert 10 <= reached < 60
    assert any("circuit breaker" in one["message"] for one in errors)


def test_f07_breaker_stays_closed_on_resets_that_are_the_callers_fault(run, start_peer):
    reached, errors = calls_that_reached(run, start_peer(reset(ErrorCodes.INADEQUATE_SECURITY)))
    assert reached == 60
    assert {one["code"] for one in errors} == {"PERMISSION_DENIED"}


@pytest.mark.parametrize("sent", [ErrorCodes.INTERNAL_ERROR, ErrorCodes.REFUSED_STREAM])
def test_f07_stream_that_is_reset_in_passing_is_resumed(run, start_peer, sent):
    async def reset_after_five(call):
        call.send_headers()
        for _ in range(5):
            call.send_message(result(first_text(await call.message())))
        call.reset(sent)

    peer = start_peer(in_turn(reset_after_five, serve))
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", stdin=updates(20))
    assert done.returncode == 0, done.stderr
    assert [record["assignment_id"] for record in records(done)] == [f"a-{number}" for number in range(20)]
    assert len(peer.calls) == 2
    assert summary(done)["reconnects"] == 1


@pytest.mark.parametrize("sent, code, exit_code", [
    (ErrorCodes.CANCEL, "CANCELLED", 65),
    (ErrorCodes.ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED", 72),
    (ErrorCodes.INADEQUATE_SECURITY, "PERMISSION_DENIED", 71),
])
def test_f07_stream_that_is_reset_for_good_ends_with_the_code(run, start_peer, sent, code, exit_code):
    peer = start_peer(reset(sent))
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", stdin=updates(20))
    assert done.returncode == exit_code, done.stderr
    assert error(done)["code"] == code
    assert summary(done)["unacknowledged"] == 20
    assert len(peer.calls) == 1


def test_f08_tcp_reset_in_the_middle_of_a_reply_is_retried(run, start_peer, tmp_path):
    async def break_off(call):
        await call.request()
        call.send_headers()
        call.send_data(framed(status_reply())[:9])
        call.connection.abort()

    peer = start_peer(in_turn(break_off, serve))
    trace = tmp_path / "trace"
    done = lookup(run, peer, "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    assert [record["courier_id"] for record in records(done)] == ["courier-42"]
    assert [end["code"] for end in trace_events(trace, "attempt_end")] == ["UNAVAILABLE", "OK"]
    assert len(peer.calls) == 2
    assert peer.calls[0].connection is not peer.calls[1].connection


def test_f08_tcp_reset_is_unavailable(run, start_peer):
    async def break_off(call):
        await call.request()
        call.send_headers()
        call.connection.abort()

    peer = start_peer(break_off)
    done = lookup(run, peer, "--max-attempts", "1")
    assert done.returncode == 78
    found = error(done)
    assert (found["code"], found["origin"], found["attempts"]) == ("UNAVAILABLE", "local", 1)
    assert len(peer.calls) == 1


def test_f08_result_delivered_before_a_tcp_reset_is_not_asked_for_again(start, start_peer):
    delivered = threading.Event()

    async def break_off(call):
        call.send_headers()
        call.send_message(result(first_text(await call.message())))
        await until(delivered)
        call.connection.abort()

    peer = start_peer(in_turn(break_off, serve))
    running = start("assign", "-s", peer.address, "-f", "-", "--summary", "json")
    running.send(update(0) + update(1) + update(2))
    assert running.record()["assignment_id"] == "a-0"
    delivered.set()
    running.process.stdin.close()
    assert [line.count('"a-') for line in running.rest_of_lines()] == [1, 1]
    assert running.wait() == 0
    resent = [first_text(message) for message in peer.calls[1].messages]
    assert resent == ["a-1", "a-2"]
    assert len(peer.calls) == 2


def test_f08_stream_that_may_not_be_resumed_ends_at_a_tcp_reset(start, start_peer):
    delivered = threading.Event()

    async def break_off(call):
        call.send_headers()
        call.send_message(result(first_text(await call.message())))
        await until(delivered)
        call.connection.abort()

    peer = start_peer(break_off)
    running = start("assign", "-s", peer.address, "-f", "-", "--no-resume")
    running.send(update(0) + update(1))
    assert running.record()["assignment_id"] == "a-0"
    delivered.set()
    running.process.stdin.close()
    assert running.rest_of_lines() == []
    # The server said nothing that could be the exit code.
    assert running.wait() == 8
    assert json.loads(running.rest_of_notes()[-1])["error"]["code"] == "UNAVAILABLE"
    assert len(peer.calls) == 1
