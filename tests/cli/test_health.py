"""health: what each endpoint says of itself."""

import json
import os
import signal
import socket
import subprocess

import pytest

from conftest import clean_environment
from helpers import error, records

SERVICE = "dispatchpb.DispatchGateway"


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def set_health(mock, serving, service=None):
    command = [os.environ["DISPATCH_MOCK"], "ctl", "health", "--set",
               "serving" if serving else "not-serving", "--admin", mock.admin]
    if service is not None:
        command += ["--service", service]
    subprocess.run(command, check=True, env=clean_environment(), stdout=subprocess.DEVNULL)


def test_all_are_serving(run, start_mock):
    mock = start_mock("--listen", "127.0.0.1:0")
    result = run("health", "-s", ",".join(mock.addresses), "--service", SERVICE)
    assert result.returncode == 0
    assert result.stderr == b""
    found = records(result)
    assert [list(record) for record in found] == [["endpoint", "service", "status", "elapsed_us"]] * 2
    assert [record["endpoint"] for record in found] == mock.addresses
    assert all(record["status"] == "SERVING" and record["service"] == SERVICE for record in found)


def test_as_a_table_names_the_service_only_where_there_is_one(run, mock):
    table = run("health", "-s", mock.address, "-o", "table").stdout.decode().splitlines()
    assert table[0].split() == ["ENDPOINT", "STATUS", "ELAPSED"]
    assert table[1].split()[:2] == [mock.address, "SERVING"]
    named = run("health", "-s", mock.address, "-o", "table", "--service", SERVICE).stdout.decode().splitlines()
    assert named[0].split() == ["ENDPOINT", "SERVICE", "STATUS", "ELAPSED"]
    assert named[1].split()[1] == SERVICE


def test_not_serving_is_a_negative_answer(run, start_mock):
    mock = start_mock("--admin", "127.0.0.1:0")
    set_health(mock, False, SERVICE)
    result = run("health", "-s", mock.address, "--service", SERVICE)
    assert result.returncode == 7
    assert records(result)[0]["status"] == "NOT_SERVING"
    assert error(result)["kind"] == "negative"
    assert run("health", "-s", mock.address).returncode == 0


def test_a_service_that_the_server_does_not_know(run, mock):
    result = run("health", "-s", mock.address, "--service", "no.Such")
    assert result.returncode == 7
    assert records(result)[0]["status"] == "SERVICE_UNKNOWN"


def test_one_of_two_is_down(run, mock, free_port):
    down = f"127.0.0.1:{free_port}"
    result = run("health", "-s", f"{mock.address},{down}")
    assert result.returncode == 6
    found = {record["endpoint"]: record for record in records(result)}
    assert found[mock.address]["status"] == "SERVING"
    assert found[down]["error"]["kind"] == "connect"
    assert "refused" in found[down]["error"]["message"]
    assert error(result)["kind"] == "partial"


def test_nobody_is_there(run, free_port):
    result = run("health", "-s", f"127.0.0.1:{free_port}")
    assert result.returncode == 5
    assert error(result)["kind"] == "connect"


def test_a_name_that_is_unknown(run):
    result = run("health", "-s", "nobody.invalid:50051", "--plaintext")
    assert result.returncode == 5
    assert result.stdout == b""
    assert error(result)["phase"] == "resolve"


def test_watch_prints_what_changes(start, start_mock):
    mock = start_mock("--admin", "127.0.0.1:0")
    watch = start("health", "-s", mock.address, "--watch", "--interval", "20ms")
    first = watch.record()
    assert list(first) == ["time", "endpoint", "service", "status", "elapsed_us"]
    assert first["status"] == "SERVING"
    set_health(mock, False)
    assert watch.record()["status"] == "NOT_SERVING"
    set_health(mock, True)
    assert watch.record()["status"] == "SERVING"
    mock.kill()
    assert watch.record()["error"]["kind"] in ("connect", "rpc")
    watch.process.send_signal(signal.SIGINT)
    assert watch.wait() == -signal.SIGINT
    assert json.loads(watch.rest_of_notes()[-1])["exit_code"] == 130


def test_an_interrupt_does_not_wait_for_an_answer(start, start_mock):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        watch = start("health", "-s", f"127.0.0.1:{silent.getsockname()[1]}", "--watch", "--timeout", "300s",
                      "--connect-timeout", "300s")
        silent.accept()
        watch.process.send_signal(signal.SIGTERM)
        assert watch.wait() == -signal.SIGTERM
