"""Targets xds:///NAME: a control plane made with go-control-plane tells gRPC where the servers are."""

import json
import os
import pathlib
import queue
import subprocess
import threading

import pytest

from admin import calls
from conftest import PATIENCE, WORK, clean_environment, free_port
from helpers import error, records, summary, update, updates

SOURCE = pathlib.Path(__file__).resolve().parent / "go" / "control_plane"
TARGET = ("--plaintext", "-s", "xds:///dispatch")
LOOKUP, ASSIGN = "GetCourierStatus", "StreamAssignments"


class ControlPlane:
    """A running control plane; what it says of its clients' requests is kept."""

    def __init__(self, program, folder):
        self.log = open(folder / "control_plane.log", "wb")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, env=clean_environment())
        self.address = json.loads(self.process.stdout.readline())["listen"]
        self.requests, self.set = queue.Queue(), queue.Queue()
        self.version = 0
        threading.Thread(target=self._follow, daemon=True).start()
        self.bootstrap = {"GRPC_XDS_BOOTSTRAP": str(write_bootstrap(folder, self.address))}

    def _follow(self):
        with self.process.stdout as lines:
            for line in lines:
                event = json.loads(line)
                (self.requests if event["event"] == "request" else self.set).put(event)

    def tell(self, *backends, service="dispatch", retries=0):
        """Replaces what clients are told from now on."""
        plan = {"service": service, "backends": backends, "retries": retries}
        self.process.stdin.write(json.dumps(plan).encode() + b"\n")
        self.process.stdin.flush()
        self.set.get(timeout=PATIENCE)
        self.version += 1

    def wait_until_taken(self):
        """Waits until a client has taken what was told last; it must not refuse it."""
        while True:
            request = self.requests.get(timeout=PATIENCE)
            assert not request["error"], request
            if request["type"].endswith(".ClusterLoadAssignment") and request["version"] == str(self.version):
                return

    def close(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.log.close()


def write_bootstrap(folder, address):
    path = folder / "bootstrap.json"
    path.write_text(json.dumps({
        "xds_servers": [{"server_uri": address, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
        "node": {"id": "test"}}))
    return path


@pytest.fixture(scope="session")
def control_plane_program():
    """Builds the control plane. Debian has no go-control-plane: its modules come from where Go gets modules."""
    go = os.environ.get("DISPATCHCTL_TEST_GO")
    if not go:
        pytest.skip("Debian's Go is not installed (scripts/setup --interop)")
    environment = {name: value for name, value in os.environ.items() if name not in ("GOROOT", "GOFLAGS")}
    environment.update(GO111MODULE="on", GOPROXY="off", CGO_ENABLED="0")

    def run_go(*arguments):
        return subprocess.run([go, *arguments], cwd=SOURCE, env=environment, capture_output=True, text=True,
                              timeout=PATIENCE * 20, check=False)

    if run_go("list", "-deps", ".").returncode != 0:
        pytest.skip(f"go-control-plane is not there (cd {SOURCE} && {go} mod download)")
    program = WORK / "control_plane"
    built = run_go("build", "-trimpath", "-buildvcs=false", "-o", str(program), ".")
    assert built.returncode == 0, built.stderr
    return program


@pytest.fixture
def control_plane(control_plane_program, tmp_path):
    started = ControlPlane(control_plane_program, tmp_path)
    yield started
    started.close()


@pytest.fixture
def mocks(start_mock):
    return [start_mock("--admin", "127.0.0.1:0") for _ in range(2)]


def look_up(running, number):
    running.send(f"courier-{number}\n")
    assert running.record()["courier_id"] == f"courier-{number}"


def test_a_lookup(run, control_plane, mocks):
    control_plane.tell(mocks[0].address)
    result = run("lookup", *TARGET, "courier-42", env=control_plane.bootstrap)
    assert result.returncode == 0, result.stderr
    assert records(result) == [{"courier_id": "courier-42", "transport_mode": "bike", "availability": "available",
                                "current_zone": "zone-7"}]
    assert result.stderr.decode().count("warning") == 1


def test_lookups_are_balanced(run, control_plane, mocks):
    control_plane.tell(*(mock.address for mock in mocks))
    result = run("lookup", *TARGET, "-f", "-", env=control_plane.bootstrap,
                 stdin="".join(f"courier-{i % 1000 + 1}\n" for i in range(5000)))
    assert result.returncode == 0, result.stderr
    assert len(records(result)) == 5000
    endpoint, = records(run("endpoints", *TARGET, env=control_plane.bootstrap))
    assert (endpoint["address"], endpoint["state"]) == ("xds:///dispatch", "ready")
    # The mocks keep the latest calls.
    shares = [len(calls(mock, LOOKUP)) for mock in mocks]
    assert min(shares) >= 500, shares


def test_calls_follow_what_the_control_plane_says(start, control_plane, mocks):
    first, second = mocks
    control_plane.tell(first.address)
    running = start("lookup", *TARGET, "-f", "-", env=control_plane.bootstrap)
    look_up(running, 1)
    control_plane.tell(first.address, second.address)
    control_plane.wait_until_taken()
    sent = 1
    while not calls(second, LOOKUP):
        sent += 1
        assert sent < 1000
        look_up(running, sent)
    control_plane.tell(second.address)
    control_plane.wait_until_taken()
    # gRPC goes over once the new list is connected; then nothing goes to the first any more.
    before = -1
    while (now := len(calls(first, LOOKUP))) != before:
        before = now
        for _ in range(20):
            sent += 1
            assert sent < 1000
            look_up(running, sent)
    first.kill()
    for number in range(sent + 1, sent + 20):
        look_up(running, number % 1000 + 1)
    running.process.stdin.close()
    assert running.wait() == 0


def test_calls_go_on_without_the_control_plane(start, control_plane, mocks):
    control_plane.tell(*(mock.address for mock in mocks))
    running = start("lookup", *TARGET, "-f", "-", env=control_plane.bootstrap)
    look_up(running, 1)
    control_plane.close()
    for number in range(2, 200):
        look_up(running, number)
    running.process.stdin.close()
    assert running.wait() == 0


def test_assignments(run, control_plane, mocks):
    control_plane.tell(*(mock.address for mock in mocks))
    result = run("assign", *TARGET, "-f", "-", "--summary", "json", env=control_plane.bootstrap, stdin=updates(1000))
    assert result.returncode == 0, result.stderr
    assert sorted(record["assignment_id"] for record in records(result)) == sorted(f"a-{i}" for i in range(1000))
    assert summary(result)["reconnects"] == 0


def test_a_stream_is_resumed_on_another_server(start, control_plane, mocks):
    control_plane.tell(*(mock.address for mock in mocks))
    running = start("assign", *TARGET, "-f", "-", env=control_plane.bootstrap)
    running.send(update(1))
    assert running.record()["accepted"]
    has_it = next(mock for mock in mocks if calls(mock, ASSIGN))
    has_it.kill()
    running.send(update(2))
    assert running.record() == {"assignment_id": "a-2", "accepted": True}
    running.process.stdin.close()
    assert running.wait() == 0


@pytest.mark.parametrize("command", ["lookup", "assign", "health", "endpoints", "doctor"])
@pytest.mark.parametrize("missing", ["bootstrap", "control plane"])
def test_what_is_missing_at_the_start_is_said_at_once(run, tmp_path, command, missing):
    environment = {}
    cause = "GRPC_XDS_BOOTSTRAP or GRPC_XDS_BOOTSTRAP_CONFIG not defined"
    if missing == "control plane":
        address = f"127.0.0.1:{free_port()}"
        environment = {"GRPC_XDS_BOOTSTRAP": str(write_bootstrap(tmp_path, address))}
        cause = "Connection refused"
    arguments = {"lookup": ["courier-1"], "assign": ["-f", "-"]}.get(command, [])
    result = run(command, *TARGET, *arguments, "-o", "ndjson", env=environment,
                 **({"stdin": updates(3)} if command == "assign" else {}))
    assert result.returncode == 5, result.stderr
    failure = error(result)
    assert (failure["kind"], failure["phase"]) == ("connect", "resolve")
    assert cause in failure["message"]
    assert "GRPC_XDS_BOOTSTRAP" in failure["hint"]
    if missing == "control plane":
        assert address in failure["message"]
    if command == "doctor":
        resolve = records(result)[0]
        assert (resolve["phase"], resolve["ok"]) == ("resolve", False)
        assert cause in resolve["detail"]


def test_a_service_that_the_control_plane_does_not_know(run, control_plane, mocks):
    control_plane.tell(mocks[0].address)
    result = run("lookup", "--plaintext", "-s", "xds:///nonesuch", "courier-1", "--timeout", "1s",
                 env=control_plane.bootstrap)
    assert result.returncode == 5
    assert error(result)["code"] == "DEADLINE_EXCEEDED"


def test_no_server_of_the_service_is_there(run, control_plane):
    control_plane.tell()
    none = run("lookup", *TARGET, "courier-1", env=control_plane.bootstrap)
    assert none.returncode == 5
    assert "empty localities" in error(none)["message"]
    address = f"127.0.0.1:{free_port()}"
    control_plane.tell(address)
    refused = run("lookup", *TARGET, "courier-1", env=control_plane.bootstrap)
    assert refused.returncode == 5
    assert f"{address}: Failed to connect to remote host: Connection refused" in error(refused)["message"]


def test_the_routes_retries_do_not_multiply_with_the_clients(run, control_plane, start_mock):
    mock = start_mock("--admin", "127.0.0.1:0", "--fault", "status=UNAVAILABLE")
    control_plane.tell(mock.address, retries=4)
    result = run("lookup", *TARGET, "courier-1", "--max-attempts", "2", env=control_plane.bootstrap)
    assert result.returncode == 78
    assert len(calls(mock, LOOKUP)) == 2


def test_a_proxy_in_the_environment_is_not_asked(run, control_plane, mocks):
    control_plane.tell(mocks[0].address)
    result = run("lookup", *TARGET, "courier-1",
                 env={**control_plane.bootstrap, "http_proxy": f"http://127.0.0.1:{free_port()}",
                      "no_proxy": control_plane.address.rsplit(":", 1)[0]})
    assert result.returncode == 0, result.stderr


def test_health_and_doctor(run, control_plane, mocks):
    control_plane.tell(*(mock.address for mock in mocks))
    health, = records(run("health", *TARGET, env=control_plane.bootstrap))
    assert (health["endpoint"], health["status"]) == ("xds:///dispatch", "SERVING")
    doctor = run("doctor", *TARGET, env=control_plane.bootstrap)
    assert doctor.returncode == 0, doctor.stdout
    assert [record["phase"] for record in records(doctor)] == ["resolve", "connect", "health", "rpc"]
    assert all(record["ok"] for record in records(doctor))


def test_tls(run, control_plane, start_mock, authority):
    mock = start_mock(*authority.sign("xds", names=("dispatch",)).as_server())
    control_plane.tell(mock.address)
    trusted = ("--cacert", str(authority.file), "-s", "xds:///dispatch", "courier-1")
    # The name of the target is what the certificate must be for.
    result = run("lookup", *trusted, env=control_plane.bootstrap)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    assert run("lookup", *trusted, "--server-name", "another", env=control_plane.bootstrap).returncode == 5
    plaintext = run("lookup", *TARGET, "courier-1", env=control_plane.bootstrap)
    assert plaintext.returncode == 5
