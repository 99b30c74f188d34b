"""Failures to connect, each told apart from the others."""

import os
import socket
import subprocess

import pytest

from conftest import PATIENCE
from helpers import error, update

NEVER_CONNECTED = 5


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """openssl s_server with a certificate of its own, offering HTTP/2."""
    openssl = os.environ.get("DISPATCHCTL_TEST_OPENSSL", "openssl")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out",
                    str(certificate)], check=True, stderr=subprocess.DEVNULL, timeout=PATIENCE)
    server = subprocess.Popen([openssl, "s_server", "-accept", "127.0.0.1:0", "-key", str(key), "-cert",
                               str(certificate), "-alpn", "h2", "-naccept", "100"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    port = None
    for line in server.stdout:
        if line.startswith(b"ACCEPT"):
            port = int(line.decode().rsplit(":", 1)[1])
            break
    yield {"address": f"127.0.0.1:{port}", "port": port, "certificate": str(certificate)}
    server.kill()
    server.wait(PATIENCE)
    server.stdin.close()
    server.stdout.close()


def connect_error(result, phase):
    assert result.returncode == NEVER_CONNECTED, result.stderr
    assert result.stdout == b""
    found = error(result)
    assert found["kind"] == "connect"
    assert found["phase"] == phase
    assert found["origin"] == "local"
    return found


def test_refused(run, free_port):
    found = connect_error(run("lookup", "-s", f"127.0.0.1:{free_port}", "courier-42"), "connect")
    assert "refused" in found["message"].lower()
    assert found["hint"] == f"is the server running at 127.0.0.1:{free_port}?"
    assert found["code"] == "UNAVAILABLE"
    assert found["retryable"] is True


def test_refused_for_people(run, free_port):
    result = run("lookup", "-s", f"127.0.0.1:{free_port}", "courier-42", "--error-format", "text")
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("dispatchctl: lookup: ")
    assert "refused" in lines[0].lower()
    assert lines[1] == f"hint: is the server running at 127.0.0.1:{free_port}?"


def test_refused_for_many_ids(run, free_port):
    result = run("lookup", "-s", f"127.0.0.1:{free_port}", "courier-1", "courier-2")
    assert result.returncode == NEVER_CONNECTED
    assert error(result)["kind"] == "connect"


def test_refused_stream(run, free_port):
    result = run("assign", "-s", f"127.0.0.1:{free_port}", "-f", "-", stdin=update(1))
    found = connect_error(result, "connect")
    assert "refused" in found["message"].lower()


def test_refused_stream_ends_though_stdin_is_open(start, free_port):
    running = start("assign", "-s", f"127.0.0.1:{free_port}", "-f", "-")
    assert running.wait() == NEVER_CONNECTED


def test_f28_unknown_host(run):
    found = connect_error(run("lookup", "-s", "no-such-host.invalid:1", "courier-42"), "resolve")
    assert "no-such-host.invalid" in found["message"]
    assert "check the name" in found["hint"]
    assert found["peer"] is None
    assert found["attempts"] == 0


def test_unix_socket_that_is_not_there(run, tmp_path):
    found = connect_error(run("lookup", "-s", f"unix:{tmp_path}/none", "courier-42"), "connect")
    assert "is the server running" in found["hint"]


def test_f26_tls_to_a_plaintext_server(run, mock):
    found = connect_error(run("lookup", "--tls", "-s", mock.address, "courier-42"), "tls")
    assert "try --plaintext" in found["hint"]


def test_f26_plaintext_to_a_tls_server(run, tls_server):
    result = run("lookup", "--plaintext", "-s", tls_server["address"], "courier-42")
    found = connect_error(result, "tls")
    assert "try --tls" in found["hint"]


def test_f26_untrusted_certificate(run, tls_server):
    found = connect_error(run("lookup", "--tls", "-s", tls_server["address"], "courier-42"), "tls")
    assert "--cacert" in found["hint"]


def test_f26_certificate_for_another_name(run, tls_server):
    found = connect_error(run("lookup", "--cacert", tls_server["certificate"], "--server-name", "other.example",
                              "-s", tls_server["address"], "courier-42"), "tls")
    assert "--server-name" in found["hint"]


def test_missing_certificate_file(run):
    result = run("lookup", "--cacert", "/nonexistent/ca.pem", "-s", "localhost:1", "courier-42")
    assert result.returncode == 3
    assert "/nonexistent/ca.pem" in error(result)["message"]


def test_certificate_without_its_key(run):
    result = run("lookup", "--cert", "c.pem", "-s", "localhost:1", "courier-42")
    assert result.returncode == 2


def test_plaintext_away_from_here_is_warned_of_once(run):
    result = run("lookup", "--plaintext", "-s", "no-such-host.invalid:1", "courier-1", "courier-2",
                 "--error-format", "text")
    assert result.stderr.decode().count("warning: plaintext to no-such-host.invalid:1") == 1
    quiet = run("lookup", "--plaintext", "-s", "no-such-host.invalid:1", "courier-1", "-q", "--error-format", "text")
    assert b"warning" not in quiet.stderr
    local = run("lookup", "--plaintext", "-s", "localhost:1", "courier-1", "--error-format", "text")
    assert b"warning" not in local.stderr


def test_f13_a_server_that_says_nothing_is_given_up(run):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        result = run("lookup", "--connect-timeout", "300ms", "-s", address, "courier-42")
        assert result.returncode == NEVER_CONNECTED, result.stderr


def test_bad_target(run):
    result = run("lookup", "-s", "", "courier-42")
    assert result.returncode == 2
    result = run("lookup", "-s", "host-without-port:", "courier-42")
    assert result.returncode in (2, NEVER_CONNECTED)
