"""Prometheus, as Debian has it, scrapes dispatch-mock."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import PATIENCE, clean_environment

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None,
                                reason="prometheus is not installed (scripts/setup --interop)")

CONFIGURATION = """
global:
  scrape_interval: 200ms
scrape_configs:
  - job_name: dispatch-mock
    static_configs:
      - targets: ['{}']
"""


class Prometheus:
    def __init__(self, folder, target):
        configuration = folder / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(target))
        # It takes no port 0: this one was free a moment ago.
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={configuration}", f"--web.listen-address={self.address}",
                 f"--storage.tsdb.path={folder / 'data'}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=clean_environment())

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}?{query}", timeout=PATIENCE) as response:
            answer = json.loads(response.read())
        assert answer["status"] == "success", answer
        return answer["data"]

    def wait_for(self, query, wanted):
        """Asks until a query has the value: scrapes come when they come."""
        last = None
        deadline = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                last = [each["value"][1] for each in self.ask("query", query=query)["result"]]
            except (OSError, urllib.error.URLError) as error:
                last = error
            if last == [wanted]:
                return
            time.sleep(0.1)
        raise AssertionError(f"{query}: {last}, not {wanted}\n{self.log.read_text()}")

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


@pytest.fixture
def served(start_mock):
    return start_mock("--metrics", "127.0.0.1:0")


@pytest.fixture
def prometheus(served, tmp_path):
    server = Prometheus(tmp_path, served.ready["metrics"])
    yield server
    server.close()


def test_prometheus_scrapes_it(run, served, prometheus):
    assert run("lookup", "-s", served.address, "courier-42", "courier-1", "courier-2").returncode == 0
    assert run("lookup", "-s", served.address, "nobody").returncode == 69
    prometheus.wait_for('up{job="dispatch-mock"}', "1")
    prometheus.wait_for('sum(grpc_server_handled_total{grpc_method="GetCourierStatus",grpc_code="OK"})', "3")
    # As dashboards ask.
    prometheus.wait_for('sum(grpc_server_handled_total{grpc_code!="OK"}) / sum(grpc_server_handled_total)', "0.25")
    prometheus.wait_for('histogram_quantile(0.99, sum by (le) (grpc_server_handling_seconds_bucket'
                        '{grpc_method="GetCourierStatus"})) < bool 60', "1")
    families = prometheus.ask("metadata")
    assert families["grpc_server_handling_seconds"][0]["type"] == "histogram"
    assert families["dispatch_mock_calls_open"][0]["type"] == "gauge"
    assert prometheus.ask("targets")["activeTargets"][0]["lastError"] == ""
