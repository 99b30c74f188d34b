"""doctor: what keeps a service from being reached, step by step."""

import contextlib
import datetime
import json
import os
import socket
import subprocess
import threading

import pytest

from conftest import clean_environment
from certificates import DAY, Authority
from helpers import error, records

PHASES = ["resolve", "connect", "http2", "health", "rpc"]
FIELDS = ["phase", "endpoint", "ok", "elapsed_us", "expires", "detail", "hint"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def by_phase(result):
    return {(record["phase"], record["endpoint"]): record for record in records(result)}


def test_all_is_well(run, mock):
    result = run("doctor", "-s", mock.address)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    found = records(result)
    assert [list(record) for record in found] == [FIELDS] * 5
    assert [record["phase"] for record in found] == PHASES
    assert all(record["ok"] for record in found)
    assert found[1]["endpoint"] == found[4]["endpoint"] == mock.address
    assert all(record["elapsed_us"] > 0 for record in found)


def test_as_a_table_and_as_json(run, mock):
    table = run("doctor", "-s", mock.address, "-o", "table").stdout.decode().splitlines()
    assert table[0].split() == ["PHASE", "ENDPOINT", "OK", "ELAPSED", "DETAIL"]
    assert [line.split()[0] for line in table[1:]] == PHASES
    array = json.loads(run("doctor", "-s", mock.address, "-o", "json").stdout)
    assert [record["phase"] for record in array] == PHASES


def test_tells_when_the_certificate_expires(run, start_mock, authority):
    pair = authority.sign("doctored", end=20 * DAY)
    server = start_mock(*pair.as_server())
    result = run("doctor", "--tls", "-s", server.address, "--cacert", str(authority.file))
    assert result.returncode == 0, result.stderr
    tls = by_phase(result)["tls", server.address]
    assert tls["ok"]
    expires = datetime.date.fromisoformat(tls["expires"])
    left = expires - datetime.datetime.now(datetime.timezone.utc).date()
    assert 18 <= left.days <= 21
    assert "h2" in tls["detail"] and tls["expires"] in tls["detail"]
    assert "expires in" in tls["hint"]
    assert tls["elapsed_us"] > 0


def test_says_which_step_fails_in_tls_and_why(run, start_mock, authority):
    pair = authority.sign("past", start=-3 * DAY, end=-2 * DAY)
    server = start_mock(*pair.as_server())
    result = run("doctor", "--tls", "-s", server.address, "--cacert", str(authority.file))
    assert result.returncode == 5
    found = by_phase(result)
    assert found["resolve", ""]["ok"]
    assert found["connect", server.address]["ok"]
    tls = found["tls", server.address]
    assert not tls["ok"]
    assert "expired" in tls["detail"]
    assert tls["hint"]
    assert error(result)["phase"] == "tls"


def test_nobody_listens(run, free_port):
    address = f"127.0.0.1:{free_port}"
    result = run("doctor", "-s", address)
    assert result.returncode == 5
    found = by_phase(result)
    assert not found["connect", address]["ok"]
    assert "refused" in found["connect", address]["detail"]
    assert "refused" in error(result)["message"]


def test_a_name_that_is_unknown(run):
    result = run("doctor", "-s", "nobody.invalid:50051", "--plaintext")
    assert result.returncode == 5
    found = records(result)
    assert [record["phase"] for record in found] == ["resolve"]
    assert not found[0]["ok"]
    assert "nobody.invalid" in found[0]["detail"]
    assert error(result)["phase"] == "resolve"


def test_one_endpoint_of_two_is_down(run, mock, free_port):
    down = f"127.0.0.1:{free_port}"
    result = run("doctor", "-s", f"{mock.address},{down}")
    assert result.returncode == 6
    found = by_phase(result)
    assert found["connect", mock.address]["ok"]
    assert not found["connect", down]["ok"]
    assert "refused" in found["connect", down]["detail"]
    assert "1 endpoint" in error(result)["message"]


def test_a_service_that_refuses(run, start_mock):
    server = start_mock("--fault", "status=PERMISSION_DENIED")
    result = run("doctor", "-s", server.address)
    assert result.returncode == 64 + 7
    found = by_phase(result)
    assert found["connect", server.address]["ok"]
    assert not found["rpc", server.address]["ok"]


def serve(answer):
    """Listens, and says `answer` to whoever connects. Gives the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    def run():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError):
                    connection.recv(1024)
                    connection.sendall(answer)
                connection.close()
    threading.Thread(target=run, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_of_http_1(run):
    address = serve(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    result = run("doctor", "-s", address)
    assert result.returncode != 0
    found = by_phase(result)
    assert found["connect", address]["ok"]
    assert not found["http2", address]["ok"]
    assert "HTTP/1.1" in found["http2", address]["detail"]
    assert "gRPC port" in found["http2", address]["hint"]


def test_tls_is_wanted_and_was_not_tried(run, start_mock, authority):
    pair = authority.sign("encrypted")
    server = start_mock(*pair.as_server())
    result = run("doctor", "-s", server.address)
    assert result.returncode == 5
    http2 = by_phase(result)["http2", server.address]
    assert not http2["ok"]
    assert "TLS" in http2["detail"]


def test_a_server_that_is_not_ready_to_serve(run, start_mock):
    mock = start_mock("--admin", "127.0.0.1:0")
    subprocess.run([os.environ["DISPATCH_MOCK"], "ctl", "health", "--set", "not-serving", "--admin", mock.admin], check=True,
                   env=clean_environment(), stdout=subprocess.DEVNULL)
    result = run("doctor", "-s", mock.address)
    assert result.returncode == 6
    health = by_phase(result)["health", mock.address]
    assert not health["ok"]
    assert health["detail"] == "NOT_SERVING"
    assert health["hint"]


def test_lists_the_certificates_when_asked(run, start_mock, authority):
    pair = authority.sign("shown")
    server = start_mock(*pair.as_server())
    result = run("doctor", "-v", "--tls", "-s", server.address, "--cacert", str(authority.file))
    assert result.returncode == 0
    assert b"certificate CN=shown" in result.stderr
