"""Runs the bff in front of a dispatch-mock, and speaks HTTP to it: whole requests by http.client, others by hand."""

import http.client
import json
import os
import socket
import subprocess
import tempfile
import time

import pytest

# Generous: it only bounds how long a failure takes.
PATIENCE = 60


def clean_environment():
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("DISPATCHCTL_", "GRPC_")) and not name.lower().endswith("_proxy")}


class Program:
    """A running program that says on its first line where it listens."""

    def __init__(self, *command):
        # A file takes any number of lines without being read.
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.stderr, env=clean_environment())
        line = self.process.stdout.readline()
        assert line, self.errors()
        self.ready = json.loads(line)
        assert self.ready["event"] == "ready"
        self.address = self.ready["listen"][0]

    def errors(self):
        self.stderr.seek(0)
        return self.stderr.read().decode()

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def terminate(self):
        self.process.terminate()

    def wait(self):
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()
        self.stderr.close()


class Mock(Program):
    def __init__(self, *arguments, listen="127.0.0.1:0"):
        super().__init__(os.environ["DISPATCH_MOCK"], "serve", "--listen", listen, "--admin", "127.0.0.1:0", *arguments)

    def ctl(self, *arguments):
        done = subprocess.run([os.environ["DISPATCH_MOCK"], "ctl", *arguments, "--admin", self.ready["admin"], "-o", "json"],
                              env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE,
                              check=False, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def calls(self):
        """The calls that were made of it, oldest first."""
        return self.ctl("calls")["calls"]

    def faults(self, *specs):
        """What goes wrong from now on."""
        return self.ctl("faults", "--set", *specs) if specs else self.ctl("faults", "--clear")


def metadata_of(call):
    return {entry["key"]: entry["value"] for entry in call["metadata"]}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.reason = response.reason
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def problem(self):
        """The problem that this is; what every one of them has is checked here."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        problem = self.json()
        assert problem["type"] == "about:blank"
        assert problem["status"] == self.status >= 400
        assert problem["title"] and problem["detail"]
        return problem


class Bff(Program):
    def __init__(self, server, *arguments):
        super().__init__(os.environ["BFF"], "--server", server, "--listen", "127.0.0.1:0", *arguments)
        host, port = self.address.rsplit(":", 1)
        self.host, self.port = host, int(port)
        self.url = f"http://{self.address}"

    def connection(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)

    def request(self, method, path, body=None, headers=None):
        connection = self.connection()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def batch(self, ids, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", "/v1/couriers:batch", json.dumps({"courier_ids": ids}),
                            {"Content-Type": "application/json", **headers})

    def socket(self):
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def stream(self, **headers):
        return Stream(self, {name.replace("_", "-"): value for name, value in headers.items()})

    def await_ready(self):
        """Returns once it has a connection to its server."""
        wait_for(lambda: self.get("/readyz").status == 200)


def wait_for(condition):
    """Asks again and again, as there is nothing to be notified by."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited for in vain"
        time.sleep(0.02)
    return result


class Stream:
    """A stream of assignments, whose two directions are used independently."""

    def __init__(self, bff, headers=()):
        self.connection = bff.socket()
        head = "POST /v1/assignments HTTP/1.1\r\nHost: bff\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in dict(headers).items())
        self.connection.sendall((head + "\r\n").encode())
        self.answer = None

    def send(self, text):
        data = text.encode()
        self.connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def send_updates(self, first, count=1):
        self.send("".join(update(number) for number in range(first, first + count)))

    def end(self):
        self.connection.sendall(b"0\r\n\r\n")

    def _response(self):
        if self.answer is None:
            self.answer = http.client.HTTPResponse(self.connection, method="POST")
            self.answer.begin()
        return self.answer

    @property
    def status(self):
        return self._response().status

    def record(self):
        """The next record; None at the orderly end of the response."""
        line = self._response().readline()
        return json.loads(line) if line else None

    def records(self):
        return list(iter(self.record, None))

    def close(self):
        self.connection.close()
        if self.answer is not None:
            self.answer.close()


def update(number, courier="courier-42"):
    return json.dumps({"assignment_id": f"a-{number}", "courier_id": courier, "destination_zone": "zone-7"}) + "\n"


def starter(kind):
    def fixture():
        running = []

        def start(*arguments, **options):
            running.append(kind(*arguments, **options))
            return running[-1]

        yield start
        for program in running:
            program.close()

    return fixture


start_mock = pytest.fixture(starter(Mock))
start_bff = pytest.fixture(starter(Bff))


@pytest.fixture
def mock(start_mock):
    return start_mock()


@pytest.fixture
def bff(start_bff, mock):
    return start_bff(mock.address)
