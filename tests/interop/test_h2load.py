"""h2load, which knows HTTP/2 and nothing of gRPC, against dispatch-mock."""

import re
import shutil
import struct
import subprocess
import time
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import PATIENCE, clean_environment

pytestmark = pytest.mark.skipif(shutil.which("h2load") is None,
                                reason="h2load is not installed (scripts/setup --interop)")


@pytest.fixture
def message(tmp_path):
    """A lookup of courier-42 as gRPC frames it: not compressed, its length, CourierLookupRequest."""
    courier = b"courier-42"
    request = b"\x0a" + bytes([len(courier)]) + courier
    path = tmp_path / "message"
    path.write_bytes(b"\x00" + struct.pack(">I", len(request)) + request)
    return path


def load(scheme, address, message, *arguments):
    done = subprocess.run(
        ["h2load", *arguments, "-d", str(message), "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"{scheme}://{address}/dispatchpb.DispatchGateway/GetCourierStatus"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE * 5, env=clean_environment(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def handled(mock, code):
    with urllib.request.urlopen(f"http://{mock.ready['metrics']}/metrics", timeout=PATIENCE) as response:
        text = response.read().decode()
    return sum(sample.value for family in text_string_to_metric_families(text) for sample in family.samples
               if sample.name == "grpc_server_handled_total" and sample.labels["grpc_code"] == code)


def counts(output, line):
    text = re.search(f"^{line}: (.*)$", output, re.MULTILINE)[1]
    return {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", text)}


def test_many_connections_with_many_streams(start_mock, message):
    mock = start_mock("--metrics", "127.0.0.1:0")
    output = load("http", mock.address, message, "-n", "20000", "-c", "10", "-m", "50")
    assert counts(output, "requests") == {"total": 20000, "started": 20000, "done": 20000, "succeeded": 20000,
                                          "failed": 0, "errored": 0, "timeout": 0}
    assert counts(output, "status codes")["2xx"] == 20000
    assert handled(mock, "OK") == 20000


def test_a_limit_of_streams_is_kept_to(start_mock, message):
    mock = start_mock("--metrics", "127.0.0.1:0", "--max-concurrent-streams", "5", "--latency", "20ms")
    started = time.monotonic()
    output = load("http", mock.address, message, "-n", "2000", "-c", "4", "-m", "100")
    # 20 at a time, one after another; 400 at a time would take a twentieth of that.
    assert time.monotonic() - started >= 2000 / 20 * 0.02
    assert counts(output, "requests")["succeeded"] == 2000
    assert handled(mock, "OK") == 2000


def test_over_tls(start_mock, message, authority):
    mock = start_mock("--metrics", "127.0.0.1:0", *authority.sign("mock").as_server())
    output = load("https", mock.address, message, "-n", "2000", "-c", "4", "-m", "20")
    assert "Application protocol: h2" in output
    assert counts(output, "requests")["succeeded"] == 2000
    assert handled(mock, "OK") == 2000


def test_errors_are_answers_too(start_mock, message):
    mock = start_mock("--metrics", "127.0.0.1:0", "--fault", "status=INTERNAL,every=2")
    output = load("http", mock.address, message, "-n", "2000", "-c", "2", "-m", "10")
    # gRPC's errors are HTTP's 200, with the status in the trailers.
    assert counts(output, "status codes")["2xx"] == 2000
    assert (handled(mock, "OK"), handled(mock, "INTERNAL"), handled(mock, "Internal")) == (1000, 0, 1000)
