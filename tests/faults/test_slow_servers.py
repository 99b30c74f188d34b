"""Servers that are slow to death: a byte a second, and not a word of HTTP/2."""

import asyncio
import contextlib
import socket

import pytest

from helpers import error, records, trace_events, updates
from http2_peer import framed, in_turn, serve, status_reply

NEVER_CONNECTED = 5


async def a_byte_a_second(call):
    """Headers at once, then the reply a byte a second."""
    request = await call.request()
    assert request
    call.send_headers()
    for byte in framed(status_reply()):
        call.send_data(bytes([byte]))
        await asyncio.sleep(1)
    call.send_trailers()


@contextlib.contextmanager
def silent_server():
    """Takes TCP connections and never speaks."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def connections_to(listener):
    """How many connections have been made to a server that takes none."""
    listener.setblocking(False)
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


def address_of(listener):
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_f13_byte_a_second_is_left_for_another_attempt(run, start_peer, tmp_path):
    peer = start_peer(in_turn(a_byte_a_second, serve))
    trace = tmp_path / "trace"
    done = run("lookup", "-s", peer.address, "courier-42", "--attempt-timeout", "500ms", "--timeout", "60s",
               "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    ends = trace_events(trace, "attempt_end")
    assert [end["code"] for end in ends] == ["DEADLINE_EXCEEDED", "OK"]
    assert ends[0]["elapsed_us"] >= 500_000
    assert len(peer.calls) == 2
    peer.wait_for(lambda: peer.calls[0].reset_by_client is not None)


def test_f13_byte_a_second_ends_at_the_deadline(run, start_peer):
    peer = start_peer(a_byte_a_second)
    done = run("lookup", "-s", peer.address, "courier-42", "--timeout", "1s")
    assert done.returncode == 68
    found = error(done)
    assert (found["code"], found["origin"], found["phase"], found["attempts"]) == (
        "DEADLINE_EXCEEDED", "local", "call", 1)
    assert 1000 <= found["elapsed_ms"] < 10_000
    assert len(peer.calls) == 1


def test_f13_byte_a_second_opens_the_breaker(run, start_peer):
    peer = start_peer(a_byte_a_second)
    done = run("lookup", "-s", peer.address, "--attempt-timeout", "300ms", "--max-attempts", "1", "--parallel", "4",
               "-f", "-", stdin="".join(f"courier-{number}\n" for number in range(1, 61)))
    assert done.returncode == 6
    errors = [record["error"] for record in records(done)]
    assert {one["code"] for one in errors} == {"DEADLINE_EXCEEDED", "UNAVAILABLE"}
    refused = [one for one in errors if "circuit breaker" in one["message"]]
    assert refused and {one["attempts"] for one in refused} == {0}
    assert len(peer.calls) <= len(errors) - len(refused)


@pytest.mark.parametrize("security", ["--plaintext", "--tls"])
def test_f13_silence_is_given_up_at_the_connect_timeout(run, security):
    with silent_server() as listener:
        done = run("lookup", security, "-s", address_of(listener), "courier-42", "--connect-timeout", "500ms",
                   "--timeout", "60s")
        assert done.returncode == NEVER_CONNECTED, done.stderr
        found = error(done)
        assert (found["code"], found["origin"]) == ("UNAVAILABLE", "local")
        assert found["phase"] == ("tls" if security == "--tls" else "connect")
        assert "timed out" in found["message"]
        assert 500 <= found["elapsed_ms"] < 10_000
        assert 1 <= connections_to(listener) <= 3


def test_f13_silence_towards_a_stream_is_given_up_at_the_connect_timeout(run):
    with silent_server() as listener:
        done = run("assign", "-s", address_of(listener), "-f", "-", "--connect-timeout", "500ms", stdin=updates(3))
        assert done.returncode == NEVER_CONNECTED, done.stderr
        assert "timed out" in error(done)["message"]


def test_f13_silence_of_one_endpoint_is_not_noticed(run, start_peer):
    peer = start_peer()
    with silent_server() as listener:
        ids = [f"courier-{number}" for number in range(1, 21)]
        done = run("lookup", "-s", f"{address_of(listener)},{peer.address}", "--connect-timeout", "1s", *ids)
        assert done.returncode == 0, done.stderr
        assert [record["courier_id"] for record in records(done)] == ids
        assert len(peer.calls) == 20
