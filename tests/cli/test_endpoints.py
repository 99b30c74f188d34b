"""endpoints: the pool as a person sees it."""

import csv
import io
import json
import os
import signal
import socket
import subprocess

import pytest

from conftest import PATIENCE, clean_environment
from helpers import error, records

NEVER_CONNECTED = 5
FIELDS = ["address", "state", "breaker", "in_flight", "latency_us", "successes", "failures", "rejections", "slow",
          "last_error"]


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_lists_the_pool(run, start_mock):
    mock = start_mock("--listen", "127.0.0.1:0")
    result = run("endpoints", "-s", ",".join(mock.addresses))
    assert result.returncode == 0
    assert result.stderr == b""
    found = records(result)
    assert [list(record) for record in found] == [FIELDS, FIELDS]
    assert [record["address"] for record in found] == mock.addresses
    assert {record["state"] for record in found} == {"ready"}
    assert {record["breaker"] for record in found} == {"closed"}
    assert {record["latency_us"] for record in found} == {None}


def test_in_every_format(run, mock):
    table = run("endpoints", "-s", mock.address, "-o", "table").stdout.decode().splitlines()
    assert table[0].split() == ["ADDRESS", "STATE", "BREAKER", "IN_FLIGHT", "LATENCY", "SUCCESSES", "FAILURES"]
    assert table[1].split() == [mock.address, "ready", "closed", "0", "-", "0", "0"]
    array = json.loads(run("endpoints", "-s", mock.address, "-o", "json").stdout)
    assert [record["address"] for record in array] == [mock.address]
    text = run("endpoints", "-s", mock.address, "-o", "csv").stdout.decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert rows[0]["address"] == mock.address
    assert rows[0]["latency_us"] == ""


def test_one_of_two_is_enough(run, mock, free_port):
    result = run("endpoints", "-s", f"127.0.0.1:{free_port},{mock.address}")
    assert result.returncode == 0
    assert [record["state"] for record in records(result)] == ["transient_failure", "ready"]


def test_none_is_reachable(run, free_port):
    result = run("endpoints", "-s", f"127.0.0.1:{free_port}")
    assert result.returncode == NEVER_CONNECTED
    assert records(result)[0]["address"] == f"127.0.0.1:{free_port}"
    found = error(result)
    assert found["kind"] == "connect"
    assert "refused" in found["message"].lower()
    assert "is the server running" in found["hint"]


def test_a_name_that_is_not_known(run):
    result = run("endpoints", "-s", "no-such-host.invalid:1", "-o", "json")
    assert result.returncode == NEVER_CONNECTED
    assert json.loads(result.stdout) == []
    found = error(result)
    assert found["phase"] == "resolve"
    assert "no-such-host.invalid" in found["message"]


def test_a_server_that_says_nothing(run):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        result = run("endpoints", "-s", f"127.0.0.1:{listener.getsockname()[1]}", "--connect-timeout", "300ms")
    assert result.returncode == NEVER_CONNECTED
    assert len(records(result)) == 1
    assert error(result)["kind"] == "connect"


def test_watch_follows_the_pool(start, start_mock):
    mock = start_mock()
    running = start("endpoints", "-s", mock.address, "--watch", "--interval", "50ms")
    first = running.record()
    assert list(first) == ["time", *FIELDS]
    assert first["state"] == "ready"
    mock.kill()
    while running.record()["state"] == "ready":
        pass
    running.process.terminate()
    assert running.wait() == -signal.SIGTERM


def test_watch_ends_with_its_reader(mock):
    process = subprocess.Popen(
        [os.environ["DISPATCHCTL"], "endpoints", "-s", mock.address, "--watch", "--interval", "1h"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment())
    process.stdout.readline()
    process.stdout.close()
    # Long before there would be something to write again.
    assert process.wait(PATIENCE) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_watch_waits_for_a_server_to_come(start, free_port):
    running = start("endpoints", "-s", f"127.0.0.1:{free_port}", "--watch", "--interval", "50ms")
    assert running.record()["state"] != "ready"
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT


def test_no_server(run):
    result = run("endpoints")
    assert result.returncode == 2
    assert "no server given" in error(result)["message"]
