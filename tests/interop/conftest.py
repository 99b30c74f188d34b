"""dispatchctl and dispatch-mock beside programs that others have written in other languages."""

import json
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
pytest.register_assert_rewrite("certificates", "helpers", "programs")

from programs import PATIENCE, clean_environment, run, start, start_mock  # noqa: E402, F401 (fixtures among them)

WORK = pathlib.Path(os.environ["DISPATCHCTL_TEST_WORK"])


def free_port():
    """For programs that take no port 0: it was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def wait_until_listening(process, port, log):
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
            return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    from certificates import Authority
    return Authority(tmp_path_factory.mktemp("certificates"), "authority")


def build_go():
    """Builds the Go programs as Debian's grpc-go wants it, in GOPATH mode; their folder."""
    gopath = WORK / "go"
    (gopath / "src").mkdir(parents=True, exist_ok=True)
    subprocess.run([os.environ["DISPATCHCTL_TEST_PROTOC"], f"--proto_path={PROTO}",
                    f"--plugin=protoc-gen-go={os.environ['DISPATCHCTL_TEST_PROTOC_GEN_GO']}",
                    f"--go_out=plugins=grpc:{gopath / 'src'}", "--go_opt=paths=source_relative",
                    "dispatchpb/dispatch.proto"], check=True, timeout=PATIENCE)
    environment = {name: value for name, value in os.environ.items() if name not in ("GOROOT", "GOFLAGS")}
    environment.update(GO111MODULE="off", CGO_ENABLED="0", GOCACHE=str(gopath / "cache"),
                       GOPATH=f"{gopath}:{os.environ['DISPATCHCTL_TEST_GOCODE']}")
    for role in ("server", "client"):
        built = subprocess.run(
            [os.environ["DISPATCHCTL_TEST_GO"], "build", "-trimpath", "-o", str(gopath / role),
             str(pathlib.Path(__file__).resolve().parent / "go" / role / "main.go")],
            env=environment, capture_output=True, text=True, timeout=PATIENCE * 20, check=False)
        assert built.returncode == 0, built.stderr
    return gopath


@pytest.fixture(scope="session")
def go():
    if not os.environ.get("DISPATCHCTL_TEST_GO"):
        pytest.skip("Debian's Go and grpc-go are not installed (scripts/setup --interop)")
    return build_go()


class GoServer:
    """The service in Go, with what it saw of each call."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        env=clean_environment())
        self.address = json.loads(self.process.stdout.readline())["listen"][0]
        self.started, self.calls = queue.Queue(), queue.Queue()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        with self.process.stdout as lines:
            for line in lines:
                told = json.loads(line)
                (self.started if told["event"] == "started" else self.calls).put(told)

    def call(self):
        """The next call that has ended."""
        return self.calls.get(timeout=PATIENCE)

    def close(self):
        self.process.kill()
        self.process.wait(PATIENCE)


@pytest.fixture
def start_go_server(go):
    servers = []

    def start_server(*arguments):
        servers.append(GoServer(go / "server", *arguments))
        return servers[-1]

    yield start_server
    for server in servers:
        server.close()


@pytest.fixture
def go_client(go):
    """Makes one call from Go; what came of it."""

    def call(*arguments):
        done = subprocess.run([go / "client", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=clean_environment(), timeout=PATIENCE * 2, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="session")
def generated():
    """The contract's code for Python's grpcio: messages, services."""
    pytest.importorskip("grpc", reason="python3-grpcio is not installed (scripts/setup --interop)")
    plugin = shutil.which("grpc_python_plugin")
    if plugin is None:
        pytest.skip("grpc_python_plugin is not installed (scripts/setup)")
    folder = WORK / "python"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([os.environ["DISPATCHCTL_TEST_PROTOC"], f"--proto_path={PROTO}", f"--python_out={folder}",
                    f"--plugin=protoc-gen-grpc={plugin}", f"--grpc_out={folder}", "dispatchpb/dispatch.proto"],
                   check=True, timeout=PATIENCE)
    sys.path.insert(1, str(folder))
    from dispatchpb import dispatch_pb2, dispatch_pb2_grpc
    return dispatch_pb2, dispatch_pb2_grpc
