"""Runs dispatchctl and dispatch-mock as processes, the way their users do."""

import json
import os
import queue
import socket
import subprocess
import threading

import pytest

# Generous: it only bounds how long a failure takes.
PATIENCE = 60


class Mock:
    """A running dispatch-mock; `prefix` is a command that starts others, such as nsenter."""

    def __init__(self, *arguments, listen="127.0.0.1:0", prefix=(), stderr=subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [*prefix, os.environ["DISPATCH_MOCK"], "serve", "--listen", listen, *arguments],
            stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL)
        ready = json.loads(self.process.stdout.readline())
        assert ready["event"] == "ready", ready
        self.ready = ready
        self.addresses = ready["listen"]
        self.address = self.addresses[0]
        self.admin = ready["admin"]

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def terminate(self):
        self.process.terminate()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()
        if self.process.stderr is not None:
            self.process.stderr.close()


class Relay:
    """Passes one connection on to a server, and knows what the client has sent."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.server_address = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.seen = b""
        self.changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        try:
            server = socket.create_connection(self.server_address)
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()
        self._pass_on(client, server, True)

    def _pass_on(self, source, target, watched):
        with source:
            try:
                while piece := source.recv(65536):
                    target.sendall(piece)
                    if watched:
                        with self.changed:
                            self.seen += piece
                            self.changed.notify_all()
            except OSError:
                pass
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def wait_for(self, text):
        """Waits until the client has sent `text`; ids go over the wire as they are."""
        with self.changed:
            assert self.changed.wait_for(lambda: text.encode() in self.seen, PATIENCE)

    def close(self):
        self.listener.close()


class Running:
    """A running dispatchctl, with the lines of its stdout and stderr as they come; `prefix` as for Mock."""

    def __init__(self, arguments, env=None, stdin=subprocess.PIPE, prefix=()):
        self.process = subprocess.Popen(
            [*prefix, os.environ["DISPATCHCTL"], *arguments], stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=clean_environment(env))
        self.lines = self._follow(self.process.stdout)
        self.notes = self._follow(self.process.stderr)

    @staticmethod
    def _follow(pipe):
        lines = queue.Queue()

        def run():
            with pipe:
                for line in pipe:
                    lines.put(line.decode())
            lines.put(None)

        threading.Thread(target=run, daemon=True).start()
        return lines

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def line(self):
        """The next line of stdout; None at its end."""
        return self.lines.get(timeout=PATIENCE)

    def record(self):
        return json.loads(self.line())

    def note(self):
        """The next line of stderr; None at its end."""
        return self.notes.get(timeout=PATIENCE)

    def rest_of_notes(self):
        return list(iter(self.note, None))

    def rest_of_lines(self):
        return list(iter(self.line, None))

    def wait(self):
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        if self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass


def clean_environment(extra=None):
    """The environment without what would change the tests' outcome."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("DISPATCHCTL_", "GRPC_", "CLICOLOR", "OTEL_"))
            and name not in ("TRACEPARENT", "TRACESTATE", "NO_COLOR", "FORCE_COLOR", "http_proxy", "https_proxy", "grpc_proxy", "HTTP_PROXY",
                             "HTTPS_PROXY")}
    # Whoever runs the tests may have contexts of their own.
    kept["XDG_CONFIG_HOME"] = "/nonexistent"
    kept.update(extra or {})
    return kept


@pytest.fixture
def run():
    """Runs dispatchctl to its end."""

    def call(*arguments, stdin=None, env=None, **options):
        if isinstance(stdin, str):
            stdin = stdin.encode()
        if stdin is None and "input_file" not in options:
            options["stdin"] = subprocess.DEVNULL
        input_file = options.pop("input_file", None)
        prefix = options.pop("prefix", ())
        if input_file is not None:
            options["stdin"] = input_file
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.run([*prefix, os.environ["DISPATCHCTL"], *arguments], input=stdin,
                              env=clean_environment(env), timeout=PATIENCE * 5, check=False, **options)

    return call


@pytest.fixture
def start():
    """Starts dispatchctl and leaves it running."""
    running = []

    def call(*arguments, **options):
        running.append(Running(arguments, **options))
        return running[-1]

    yield call
    for process in running:
        process.close()


@pytest.fixture(scope="module")
def mock():
    """A server that stays up."""
    server = Mock()
    yield server
    server.close()


@pytest.fixture
def start_mock():
    """Starts a server of the test's own."""
    servers = []

    def call(*arguments, **options):
        servers.append(Mock(*arguments, **options))
        return servers[-1]

    yield call
    for server in servers:
        server.close()


@pytest.fixture
def relay_to():
    """Puts a relay in front of a server."""
    relays = []

    def call(server):
        relays.append(Relay(server.address))
        return relays[-1]

    yield call
    for relay in relays:
        relay.close()
