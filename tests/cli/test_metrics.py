"""dispatch-mock serve --metrics, as Prometheus's own parser, and Prometheus itself, read it."""

import http.client
import json
import os
import re
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import PATIENCE, clean_environment
from helpers import update, updates


@pytest.fixture
def served(start_mock):
    return start_mock("--metrics", "127.0.0.1:0", "--fault", "status=UNAVAILABLE,courier_id=courier-9,first=2")


def scrape(mock):
    """The families by name."""
    with urllib.request.urlopen(f"http://{mock.ready['metrics']}/metrics", timeout=PATIENCE) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        text = response.read().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families, sample, **labels):
    """The value of the one series with these labels."""
    found = [each.value for family in families.values() for each in family.samples
             if each.name == sample and labels.items() <= each.labels.items()]
    assert len(found) == 1, (sample, labels, found)
    return found[0]


def test_calls_are_counted_by_method_and_code(run, served):
    assert run("lookup", "-s", served.address, "courier-42", "courier-1").returncode == 0
    assert run("lookup", "-s", served.address, "nobody").returncode == 69
    assert run("assign", "-s", served.address, "-f", "-",
               stdin=updates(3) + update(7, "nobody") + update(1)).returncode == 0
    families = scrape(served)

    def handled(method, code):
        return value(families, "grpc_server_handled_total", grpc_method=method, grpc_code=code, listen="0")

    assert handled("GetCourierStatus", "OK") == 2
    assert handled("GetCourierStatus", "NotFound") == 1
    assert handled("StreamAssignments", "OK") == 1
    assert handled("StreamAssignments", "Unavailable") == 0
    assert value(families, "grpc_server_started_total", grpc_method="GetCourierStatus") == 3
    assert value(families, "grpc_server_msg_received_total", grpc_method="StreamAssignments") == 5
    assert value(families, "grpc_server_msg_sent_total", grpc_method="StreamAssignments") == 5
    assert value(families, "dispatch_mock_assignments_total", decision="accepted", replay="false") == 3
    assert value(families, "dispatch_mock_assignments_total", decision="rejected", replay="false") == 1
    assert value(families, "dispatch_mock_assignments_total", decision="accepted", replay="true") == 1
    assert value(families, "dispatch_mock_faults_total", kind="status") == 0
    assert value(families, "dispatch_mock_build_info") == 1
    assert families["grpc_server_handled"].type == "counter"
    assert families["grpc_server_handling_seconds"].type == "histogram"


def test_latencies_are_a_histogram_of_seconds(run, start_mock):
    mock = start_mock("--metrics", "127.0.0.1:0", "--latency", "20ms")
    assert run("lookup", "-s", mock.address, "courier-42").returncode == 0
    families = scrape(mock)
    labels = {"grpc_method": "GetCourierStatus", "listen": "0"}
    assert value(families, "grpc_server_handling_seconds_count", **labels) == 1
    assert 0.02 <= value(families, "grpc_server_handling_seconds_sum", **labels) < PATIENCE
    buckets = [(float(each.labels["le"]), each.value) for each in families["grpc_server_handling_seconds"].samples
               if each.name.endswith("_bucket") and labels.items() <= each.labels.items()]
    assert [count for _, count in buckets] == sorted(count for _, count in buckets)
    assert buckets[-1] == (float("inf"), 1)
    assert all(count == 0 for limit, count in buckets if limit < 0.02)


def test_an_open_stream_is_open(start, served):
    running = start("assign", "-s", served.address, "-f", "-")
    running.send(update(1))
    running.line()
    open_streams = ("dispatch_mock_calls_open", "StreamAssignments")
    assert value(scrape(served), open_streams[0], grpc_method=open_streams[1]) == 1
    running.process.stdin.close()
    assert running.wait() == 0
    assert value(scrape(served), open_streams[0], grpc_method=open_streams[1]) == 0


def test_faults_are_counted_by_kind(run, served):
    assert run("lookup", "-s", served.address, "courier-9").returncode == 0
    families = scrape(served)
    assert value(families, "dispatch_mock_faults_total", kind="status") == 2
    assert value(families, "grpc_server_handled_total", grpc_method="GetCourierStatus", grpc_code="Unavailable") == 2
    assert value(families, "grpc_server_handled_total", grpc_method="GetCourierStatus", grpc_code="OK") == 1


def test_backends_have_series_of_their_own(run, start_mock):
    mock = start_mock("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0")
    assert len(mock.addresses) == 2
    assert run("lookup", "-s", mock.addresses[1], "courier-42").returncode == 0
    families = scrape(mock)
    for listen, count in (("0", 0), ("1", 1)):
        assert value(families, "grpc_server_handled_total", grpc_method="GetCourierStatus", grpc_code="OK",
                     listen=listen) == count


def test_nothing_else_is_served_there(served):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{served.ready['metrics']}/", timeout=PATIENCE)
    assert refused.value.code == 404
    refused.value.close()


def test_what_speaks_no_http_does_not_disturb(run, served):
    host, port = served.ready["metrics"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(b"\x00\xff" * 4096)
    half_open = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    half_open.connect()
    assert run("lookup", "-s", served.address, "courier-42").returncode == 0
    assert value(scrape(served), "grpc_server_handled_total", grpc_method="GetCourierStatus", grpc_code="OK") == 1
    half_open.close()


def test_without_the_option_nothing_listens(mock):
    assert mock.ready["metrics"] is None


def test_a_taken_port_is_exit_1_at_once(served):
    taken = subprocess.run(
        [os.environ["DISPATCH_MOCK"], "serve", "--listen", "127.0.0.1:0", "--metrics", served.ready["metrics"]],
        env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert taken.returncode == 1
    assert taken.stdout == ""
    assert taken.stderr == (f"dispatch-mock: cannot listen on {served.ready['metrics']}: Address already in use\n")


def test_a_name_is_an_address_too(start_mock):
    mock = start_mock("--metrics", "localhost:0")
    assert mock.ready["metrics"].startswith("localhost:")
    assert value(scrape(mock), "dispatch_mock_build_info") == 1


def test_ipv6_works_or_says_why_not(tmp_path):
    log = tmp_path / "log"
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            [os.environ["DISPATCH_MOCK"], "serve", "--listen", "127.0.0.1:0", "--metrics", "[::1]:0"],
            env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    try:
        if line := process.stdout.readline():
            with urllib.request.urlopen(f"http://{json.loads(line)['metrics']}/metrics", timeout=PATIENCE) as response:
                assert response.status == 200
        else:
            assert process.wait(PATIENCE) == 1
            # Where the machine has no IPv6, the reason is the operating system's.
            assert re.fullmatch(r"dispatch-mock: cannot (serve metrics at \[::1\]:0: the HTTP library knows no IPv6; use an "
                                r"IPv4 address|listen on \[::1\]:0: .*)\n", log.read_text())
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def test_it_stops_cleanly_while_it_is_scraped(served):
    host, port = served.ready["metrics"].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    connection.request("GET", "/metrics")
    connection.getresponse().read()
    served.terminate()
    assert served.process.wait(PATIENCE) == 0
    connection.close()
