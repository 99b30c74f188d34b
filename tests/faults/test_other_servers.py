"""What listens is an HTTP server, and none of gRPC's."""

import http.server
import threading

import pytest

from helpers import error, summary, updates
from http2_peer import in_turn, serve

NEVER_CONNECTED = 5
PAGE = b"<html><body><h1>Not here</h1></body></html>"


def page(status):
    """A script that answers like a web server."""

    async def run(call):
        await call.message()
        call.send_headers(status=str(status), content_type="text/html")
        call.send_data(PAGE, end=True)

    return run


def bare(status):
    """A script that answers with a status line and nothing else."""

    async def run(call):
        await call.message()
        call.send_headers(status=str(status), content_type="text/plain", end=True)

    return run


def lookup(run, peer, *arguments):
    return run("lookup", "-s", peer.address, "courier-42", *arguments)


@pytest.mark.parametrize("answer", [page, bare])
@pytest.mark.parametrize("status, code, exit_code", [
    (400, "INTERNAL", 77),
    (401, "UNAUTHENTICATED", 80),
    (403, "PERMISSION_DENIED", 71),
    (404, "UNIMPLEMENTED", 76),
    (500, "UNKNOWN", 66),
])
def test_f30_http_error_has_its_code_and_is_not_retried(run, start_peer, answer, status, code, exit_code):
    peer = start_peer(answer(status))
    done = lookup(run, peer)
    assert done.returncode == exit_code, done.stderr
    found = error(done)
    assert (found["code"], found["attempts"], found["retryable"]) == (code, 1, False)
    assert str(status) in found["message"]
    assert len(peer.calls) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_f30_passing_http_error_is_unavailable_and_retried(run, start_peer, status):
    peer = start_peer(page(status))
    done = lookup(run, peer)
    assert done.returncode == 78, done.stderr
    found = error(done)
    assert (found["code"], found["attempts"], found["retryable"]) == ("UNAVAILABLE", 4, True)
    assert str(status) in found["message"]
    assert len(peer.calls) == 4
    peer = start_peer(in_turn(page(status), serve))
    assert lookup(run, peer).returncode == 0
    assert len(peer.calls) == 2


@pytest.mark.parametrize("answer", [page, bare])
def test_f30_web_page_is_no_reply(run, start_peer, answer):
    peer = start_peer(answer(200))
    done = lookup(run, peer)
    assert done.returncode == 66, done.stderr
    assert done.stdout == b""
    found = error(done)
    assert (found["code"], found["origin"], found["phase"]) == ("UNKNOWN", "local", "call")
    assert "what came is not gRPC" in found["message"]
    assert found["hint"] == f"is it a Dispatch service that listens at {peer.address}?"
    # Nothing tells it from a connection that broke.
    assert found["attempts"] == len(peer.calls) == 4


@pytest.mark.parametrize("answer", [page, bare])
def test_f30_web_page_is_no_stream(run, start_peer, answer):
    peer = start_peer(answer(200))
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", stdin=updates(20))
    assert done.returncode == 66, done.stderr
    assert error(done)["code"] == "UNKNOWN"
    assert summary(done)["unacknowledged"] == 20
    assert 2 <= len(peer.calls) <= 8


@pytest.mark.parametrize("status, code, exit_code", [(404, "UNIMPLEMENTED", 76), (403, "PERMISSION_DENIED", 71)])
def test_f30_http_error_ends_a_stream(run, start_peer, status, code, exit_code):
    peer = start_peer(page(status))
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", stdin=updates(20))
    assert done.returncode == exit_code, done.stderr
    assert error(done)["code"] == code
    assert summary(done)["unacknowledged"] == 20
    assert len(peer.calls) == 1


def test_f30_stream_outlives_a_passing_http_error(run, start_peer):
    peer = start_peer(in_turn(page(503), serve))
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", stdin=updates(20))
    assert done.returncode == 0, done.stderr
    assert summary(done)["acknowledged"] == 20
    assert len(peer.calls) == 2


@pytest.fixture
def http_server():
    """Python's own, which speaks HTTP/1.1 only."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", [("lookup", "courier-42"), ("assign", "-f", "-")], ids=["lookup", "assign"])
def test_f30_http_1_is_never_connected(run, http_server, command):
    name, *arguments = command
    done = run(name, "-s", http_server, *arguments, stdin=updates(1))
    assert done.returncode == NEVER_CONNECTED, done.stderr
    found = error(done)
    assert (found["kind"], found["code"], found["phase"]) == ("connect", "UNAVAILABLE", "connect")
    assert "does not speak plaintext HTTP/2" in found["hint"]
