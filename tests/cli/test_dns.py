"""lookup follows what the name service says: a real dnsmasq in a network of the test's own."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from conftest import PATIENCE
from helpers import error, records, update
from network import missing, network  # noqa: F401 (a fixture)

NEVER_CONNECTED = 5
NAME = "couriers.test"
# The network is the test's own, hence so are all ports.
PORT = 50051
TARGET = f"dns:///{NAME}:{PORT}"
BETWEEN_LOOKUPS = 0.05  # seconds
# As many answers in a row as round robin over three endpoints cannot leave one of them out of.
SETTLED = 30

# Says SERVFAIL to every question, and tells that it has. Header flags: response, recursion available, code 2.
SERVFAIL_SERVER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("started", flush=True)
while True:
    question, client = server.recvfrom(4096)
    end = question.index(0, 12) + 5  # of the name, its type and its class
    flags = bytes([0x80 | question[2] & 0x01, 0x82])
    server.sendto(question[:2] + flags + question[4:6] + bytes(6) + question[12:end], client)
    print("SERVFAIL", flush=True)
"""

# Tells that it was asked, and nobody anything.
HANGING_SERVER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("started", flush=True)
while True:
    server.recvfrom(4096)
    print("asked", flush=True)
"""


MISSING = missing("dnsmasq")
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


class Told:
    """A process in the network, and the lines it says."""

    def __init__(self, network, *command):
        self.process = subprocess.Popen([*network.prefix, *command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = []
        self.changed = threading.Condition()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        with self.process.stdout:
            for line in self.process.stdout:
                with self.changed:
                    self.lines.append(line.decode())
                    self.changed.notify_all()

    def count(self, text):
        with self.changed:
            return sum(text in line for line in self.lines)

    def wait_for(self, text, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: sum(text in line for line in self.lines) >= count,
                                         PATIENCE), self.lines

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)


class NameServer(Told):
    """dnsmasq, and the addresses it gives for NAME."""

    def __init__(self, network, folder, addresses, *options):
        self.hosts = folder / "addresses"
        self._write(addresses)
        super().__init__(network, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--no-resolv",
                         "--no-hosts", f"--addn-hosts={self.hosts}", "--local=/test/", "--local-ttl=1",
                         "--listen-address=127.0.0.1", "--bind-interfaces", "--log-queries", "--log-facility=-",
                         *options)
        self.reads = 1
        self.wait_for(self._read())

    def _read(self):
        return f"read {self.hosts} - "

    def _write(self, addresses):
        self.hosts.write_text("".join(f"{address} {NAME}\n" for address in addresses))

    def set(self, *addresses):
        self._write(addresses)
        self.reads += 1
        self.process.send_signal(signal.SIGHUP)
        self.wait_for(self._read(), self.reads)


class Lookups:
    """One running lookup whose ids come one at a time."""

    def __init__(self, running):
        self.running = running

    def one(self):
        """Looks up once, which must succeed. Returns the backend that answered."""
        self.running.send("courier-1\n")
        try:
            line = self.running.line()
        except queue.Empty:
            pytest.fail("a lookup without an answer")
        assert line is not None, self.running.rest_of_notes()
        record = json.loads(line)
        assert "error" not in record, record
        time.sleep(BETWEEN_LOOKUPS)
        return record["current_zone"]

    def many(self, count):
        return [self.one() for _ in range(count)]

    def until(self, condition, what):
        """Looks up until the condition holds for the answers so far. Returns them."""
        answers = []
        end = time.monotonic() + PATIENCE
        while not condition(answers):
            assert time.monotonic() < end, f"{what}: not within {PATIENCE} s: {answers[-SETTLED:]}"
            answers.append(self.one())
        return answers

    def until_from_exactly(self, *backends):
        self.until(lambda answers: len(answers) >= SETTLED and set(answers[-SETTLED:]) == set(backends),
                   f"answers from {', '.join(backends)}")

    def end(self):
        self.running.process.stdin.close()
        assert self.running.wait() == 0, self.running.rest_of_notes()


@pytest.fixture
def start_told(network):
    started = []

    def call(kind, *arguments):
        started.append(kind(network, *arguments))
        return started[-1]

    yield call
    for process in started:
        process.close()


@pytest.fixture
def serve_names(start_told, tmp_path):
    """Starts the name server, with the addresses it gives."""

    def call(*addresses, options=()):
        return start_told(NameServer, tmp_path, addresses, *options)

    return call


@pytest.fixture
def start_backend(start_mock, network, tmp_path):
    """Starts a backend whose only courier is in a zone named after the backend's address."""

    def call(address):
        couriers = tmp_path / f"couriers-{address}.json"
        couriers.write_text(json.dumps([{"courier_id": "courier-1", "transport_mode": "bike",
                                         "availability": "available", "current_zone": address}]))
        host = f"[{address}]" if ":" in address else address
        return start_mock("--couriers", str(couriers), listen=f"{host}:{PORT}", prefix=network.prefix)

    return call


@pytest.fixture
def backends(start_backend):
    addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    for address in addresses:
        start_backend(address)
    return addresses


@pytest.fixture
def start_lookups(start, network):

    def call(*options):
        return Lookups(start("lookup", "-f", "-", "-s", TARGET, "--plaintext", "-o", "ndjson", *options,
                             prefix=network.prefix))

    return call


def endpoints_of(run, network):
    return {record["address"]: record for record in
            records(run("endpoints", "-s", TARGET, "--plaintext", "-o", "ndjson", prefix=network.prefix))}


def test_f28_a_backend_that_is_added_gets_traffic(serve_names, backends, start_lookups):
    names = serve_names(*backends[:2])
    lookups = start_lookups()
    lookups.until_from_exactly(*backends[:2])
    names.set(*backends)
    lookups.until_from_exactly(*backends)
    lookups.end()


def test_f28_a_backend_that_is_removed_gets_none_any_more(serve_names, backends, start_lookups):
    names = serve_names(*backends)
    lookups = start_lookups()
    lookups.until_from_exactly(*backends)
    names.set(*backends[:2])
    lookups.until_from_exactly(*backends[:2])
    assert set(lookups.many(2 * SETTLED)) == set(backends[:2])
    lookups.end()


def test_f28_all_backends_are_replaced(serve_names, backends, start_lookups):
    names = serve_names(backends[0])
    lookups = start_lookups()
    assert set(lookups.many(SETTLED)) == {backends[0]}
    names.set(*backends[1:])
    lookups.until_from_exactly(*backends[1:])
    lookups.end()


def test_f28_a_backend_that_moves_is_found_where_it_moved(serve_names, start_backend, start_lookups):
    names = serve_names("127.0.0.2", "127.0.0.3")
    moving, _ = start_backend("127.0.0.2"), start_backend("127.0.0.3")
    lookups = start_lookups()
    lookups.until_from_exactly("127.0.0.2", "127.0.0.3")
    start_backend("127.0.0.4")
    names.set("127.0.0.3", "127.0.0.4")
    moving.kill()
    lookups.until_from_exactly("127.0.0.3", "127.0.0.4")
    lookups.end()


@pytest.mark.parametrize("options, answer", [((), "is NXDOMAIN"), ((f"--txt-record={NAME},x",), "is NODATA")],
                         ids=["NXDOMAIN", "NODATA"])
def test_f28_a_name_that_vanishes_loses_nothing(serve_names, backends, start_lookups, options, answer):
    names = serve_names(*backends, options=options)
    lookups = start_lookups()
    lookups.until_from_exactly(*backends)
    names.set()
    # Three resolutions of A and AAAA: that the second was made shows that the first was taken in.
    lookups.until(lambda _: names.count(f"{NAME} {answer}") >= 6, answer)
    assert set(lookups.many(SETTLED)) == set(backends)
    names.set(backends[1])
    lookups.until_from_exactly(backends[1])
    lookups.end()


def test_f28_a_name_server_that_fails_loses_nothing(serve_names, backends, start_lookups, start_told):
    names = serve_names(*backends)
    lookups = start_lookups()
    lookups.until_from_exactly(*backends)
    names.close()
    failing = start_told(Told, sys.executable, "-c", SERVFAIL_SERVER)
    failing.wait_for("started")
    lookups.until(lambda _: failing.count("SERVFAIL") >= 12, "SERVFAIL")
    assert set(lookups.many(SETTLED)) == set(backends)
    failing.close()
    serve_names(backends[1])
    lookups.until_from_exactly(backends[1])
    lookups.end()


def test_f28_a_name_that_is_not_known_at_start(run, network, serve_names, backends):
    serve_names()
    result = run("lookup", "-s", TARGET, "--plaintext", "-o", "ndjson", "courier-1", prefix=network.prefix)
    assert result.returncode == NEVER_CONNECTED, result.stderr
    found = error(result)
    assert found["kind"] == "connect"
    assert found["phase"] == "resolve"
    assert found["origin"] == "local"
    assert NAME in found["message"]
    assert "no such host" in found["message"]


def test_f28_no_name_server_at_start(run, network, backends):
    result = run("lookup", "-s", TARGET, "--plaintext", "-o", "ndjson", "courier-1", prefix=network.prefix)
    assert result.returncode == NEVER_CONNECTED, result.stderr
    found = error(result)
    assert found["phase"] == "resolve"
    assert NAME in found["message"]


def test_both_families_get_traffic(network, serve_names, start_backend, start_lookups):
    if b"::1/128" not in network.run("ip", "-6", "address", "show", "dev", "lo").stdout:
        pytest.skip("the machine has no IPv6")
    serve_names("127.0.0.2", "::1")
    start_backend("127.0.0.2")
    start_backend("::1")
    lookups = start_lookups()
    lookups.until_from_exactly("127.0.0.2", "::1")
    lookups.end()


def test_f29_an_address_without_a_route_fails_no_lookup(run, network, serve_names, backends, start_lookups):
    serve_names(backends[0], "2001:db8::2")
    found = endpoints_of(run, network)
    assert set(found) == {f"{backends[0]}:{PORT}", f"[2001:db8::2]:{PORT}"}
    assert found[f"[2001:db8::2]:{PORT}"]["state"] != "ready"
    lookups = start_lookups()
    assert set(lookups.many(2 * SETTLED)) == {backends[0]}
    lookups.end()


@pytest.mark.parametrize("policy", ["round_robin", "pick_first", "least_request", "ring_hash"])
def test_f10_an_address_that_swallows_connections_fails_no_lookup(network, serve_names, backends, start_lookups, policy):
    if shutil.which("nft") is None:
        pytest.skip("needs nft; scripts/setup installs it")
    if (reason := network.drop(f"ip daddr {backends[0]}")) is not None:
        pytest.skip(reason)
    serve_names(*backends)
    lookups = start_lookups("--lb", policy)
    assert set(lookups.many(2 * SETTLED)) <= set(backends[1:])
    lookups.end()
    assert network.dropped() > 0


def hanging(start_told):
    """A name server that hears every question and answers none."""
    server = start_told(Told, sys.executable, "-c", HANGING_SERVER)
    server.wait_for("started")
    return server


def test_f28_a_name_server_that_hangs_at_start_is_given_up_at_the_connect_timeout(run, network, start_told):
    names = hanging(start_told)
    began = time.monotonic()
    result = run("lookup", "-s", TARGET, "--plaintext", "-o", "ndjson", "--connect-timeout", "1s", "--timeout", "50s",
                 "courier-1", prefix=network.prefix)
    assert result.returncode == NEVER_CONNECTED, result.stderr
    assert time.monotonic() - began < 30
    assert error(result)["phase"] == "resolve"
    assert names.count("asked") > 0


def test_f28_a_name_server_that_comes_to_hang_loses_nothing(serve_names, backends, start_lookups, start_told):
    names = serve_names(*backends)
    lookups = start_lookups()
    lookups.until_from_exactly(*backends)
    names.close()
    silent = hanging(start_told)
    lookups.until(lambda _: silent.count("asked") >= 2, "a question")
    assert set(lookups.many(SETTLED)) == set(backends)
    silent.close()
    serve_names(backends[1])
    lookups.until_from_exactly(backends[1])
    lookups.end()


def test_f28_a_name_that_is_not_known_is_waited_for_where_asked_to(start, network, serve_names, backends):
    names = serve_names()
    running = start("lookup", "-s", TARGET, "--plaintext", "-o", "ndjson", "--wait-for-ready", "--timeout", "50s",
                    "courier-1", prefix=network.prefix)
    names.wait_for(f"{NAME} is NXDOMAIN", 2)
    names.set(*backends)
    assert running.record()["current_zone"] in backends
    assert running.wait() == 0


def test_f28_a_name_that_is_never_known_is_waited_for_until_the_deadline(run, network, serve_names):
    serve_names()
    result = run("lookup", "-s", TARGET, "--plaintext", "-o", "ndjson", "--wait-for-ready", "--timeout", "3s",
                 "courier-1", prefix=network.prefix)
    found = error(result)
    assert found["elapsed_ms"] >= 3000
    assert found["phase"] == "resolve"
    assert result.returncode == NEVER_CONNECTED, result.stderr


@pytest.fixture
def dark_ipv6(network):
    """An IPv6 address that is this machine's, and swallows all that is sent to it."""
    address = "2001:db8::2"
    if network.run("ip", "-6", "address", "add", f"{address}/128", "dev", "lo", "nodad").returncode != 0:
        pytest.skip("the machine has no IPv6")
    if shutil.which("nft") is None:
        pytest.skip("needs nft; scripts/setup installs it")
    if (reason := network.drop(f"ip6 daddr {address}")) is not None:
        pytest.skip(reason)
    return address


@pytest.mark.parametrize("policy", ["round_robin", "pick_first"])
def test_f29_lookups_go_to_ipv4_while_ipv6_is_dark(run, network, serve_names, backends, dark_ipv6, policy):
    serve_names(dark_ipv6, backends[0])
    began = time.monotonic()
    result = run("lookup", "-s", TARGET, "--plaintext", "-o", "ndjson", "--lb", policy, "--connect-timeout", "60s",
                 "--timeout", "50s", *["courier-1"] * SETTLED, prefix=network.prefix)
    assert result.returncode == 0, result.stderr
    assert [record["current_zone"] for record in records(result)] == [backends[0]] * SETTLED
    # Not even the connect time-out is waited for: all addresses are connected to at once.
    assert time.monotonic() - began < 30
    assert network.dropped() > 0


def test_f29_a_stream_goes_to_ipv4_within_the_connect_timeout(run, network, serve_names, backends, dark_ipv6):
    serve_names(dark_ipv6, backends[0])
    began = time.monotonic()
    result = run("assign", "-s", TARGET, "--plaintext", "-f", "-", "--detail", "--connect-timeout", "2s",
                 stdin=update(1), prefix=network.prefix)
    assert result.returncode == 0, result.stderr
    assert records(result)[0]["endpoint"] == f"{backends[0]}:{PORT}"
    assert time.monotonic() - began < 20
    assert network.dropped() > 0
