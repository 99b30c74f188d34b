"""What HTTP clients get wrong, and what they are not to get."""

import json
import os
import socket
import subprocess

import pytest

from conftest import PATIENCE, clean_environment, wait_for

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("body, place", [
    ("", "not JSON"), ("{", "wrong at byte"), ("[]", "expected a JSON object"), ("{}", "courier_ids"),
    ('{"courier_ids":[]}', "got 0"), ('{"courier_ids":[1]}', "courier_ids[0]"), (b'{"courier_ids":["\xff"]}', "byte 18"),
    ("[" * 100_000, "not JSON"),
])
def test_a_batch_that_is_none(bff, mock, body, place):
    problem = bff.request("POST", "/v1/couriers:batch", body, JSON).problem()
    assert problem["status"] == 400
    assert place in problem["detail"]
    assert mock.calls() == []


def test_a_batch_that_is_too_large(bff):
    answer = bff.request("POST", "/v1/couriers:batch", json.dumps({"courier_ids": ["x" * 2_000_000]}), JSON)
    assert answer.problem()["status"] == 413
    assert answer.headers["Connection"] == "close"


def test_a_batch_that_is_too_large_and_does_not_say_so_beforehand(bff):
    def pieces():
        for _ in range(2000):
            yield b" " * 1000

    assert bff.request("POST", "/v1/couriers:batch", pieces(), JSON).problem()["status"] == 413


def test_a_body_that_does_not_come_is_not_waited_for(bff):
    with bff.socket() as connection:
        connection.sendall(b"POST /v1/couriers:batch HTTP/1.1\r\nHost: bff\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 10\r\nGrpc-Timeout: 300m\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("path, wanted", [("/v1/couriers:batch", "application/json"),
                                          ("/v1/assignments", "application/x-ndjson")])
def test_another_media_type(bff, path, wanted):
    for given in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data; boundary=x"},
                  {"Content-Type": wanted + "x"}):
        problem = bff.request("POST", path, "{}", given).problem()
        assert problem["status"] == 415
        assert wanted in problem["detail"]


@pytest.mark.parametrize("method, path, status, allowed", [
    ("GET", "/v1/couriers:batch", 405, "POST"), ("GET", "/v1/assignments", 405, "POST"),
    ("DELETE", "/v1/couriers/courier-42", 405, "GET, HEAD, POST"), ("PUT", "/", 405, "GET, HEAD, POST"),
    ("GET", "/nowhere", 404, None), ("POST", "/nowhere", 404, None), ("GET", "/v1/couriers", 404, None)])
def test_a_path_or_method_that_is_not_there(bff, method, path, status, allowed):
    answer = bff.request(method, path, "body" if method == "POST" else None)
    assert answer.problem()["status"] == status
    assert answer.headers["Allow"] == allowed


def test_head_is_get_without_the_body(bff):
    answer = bff.request("HEAD", "/v1/couriers/courier-42")
    assert (answer.status, answer.body) == (200, b"")


def test_a_range_is_not_taken_out_of_an_answer(bff):
    assert bff.get("/v1/couriers/courier-42", Range="bytes=0-3").json()["courier_id"] == "courier-42"


def test_a_connection_is_used_again(bff):
    connection = bff.connection()
    for _ in range(20):
        connection.request("GET", "/v1/couriers/courier-42")
        response = connection.getresponse()
        assert json.loads(response.read())["courier_id"] == "courier-42"
        socket_in_use = connection.sock
        assert socket_in_use is not None
    connection.close()


def test_a_body_that_was_not_read_is_no_request(bff, mock):
    smuggled = b"GET /v1/couriers/courier-666 HTTP/1.1\r\nHost: bff\r\n\r\n"
    for path in (b"/nowhere", b"/v1/couriers:batch"):
        with bff.socket() as connection:
            connection.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: bff\r\nContent-Length: "
                               + str(len(smuggled)).encode() + b"\r\n\r\n" + smuggled)
            answers = b""
            while piece := connection.recv(65536):
                answers += piece
        assert answers.count(b"HTTP/1.1 ") == 1
    assert mock.calls() == []


def test_headers_have_their_limit(bff):
    with bff.socket() as connection:
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\n" + b"x: " + b"y" * 5000 + b"\r\n")
            for _ in range(20):
                connection.sendall(b"x: " + b"y" * 5000 + b"\r\n")
            connection.sendall(b"\r\n")
            answer = connection.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert b" 200 " not in answer
    assert bff.get("/healthz").status == 200


@pytest.mark.parametrize("request_", [b"\x00\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
def test_what_is_no_request_ends_the_connection(bff, request_):
    with bff.socket() as connection:
        connection.sendall(request_)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert bff.get("/healthz").status == 200


def test_connections_have_their_limit(start_bff, mock):
    bff = start_bff(mock.address, "--max-connections", "2")
    held = [bff.connection() for _ in range(2)]
    for connection in held:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
    answer = bff.get("/healthz")
    assert answer.problem()["status"] == 503
    assert answer.headers["Retry-After"] == "1"
    for connection in held:
        connection.close()
    wait_for(lambda: bff.get("/healthz").status == 200)


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run([os.environ["BFF"], "--server", "127.0.0.1:1", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"],
                              env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"cannot listen on 127.0.0.1:" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--server", "x", "--listen", "80"], ["--server", "x", "--timeout", "5"],
                                       ["--server", "x", "--max-connections", "0"], ["--server", "x", "--grace", "-1s"]])
def test_a_wrong_command_line(arguments):
    done = subprocess.run([os.environ["BFF"], *arguments], env=clean_environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr
