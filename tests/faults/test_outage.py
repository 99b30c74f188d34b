"""A server that many clients have goes away and comes back: nobody waits for long, and they do not come all at once."""

import os
import re
import time

import pytest

from helpers import eventually
from network import busiest, missing, network, port_of  # noqa: F401 (a fixture)

MISSING = missing("ss")
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

# Sanitizers need much more of the machine.
CLIENTS = 20 if os.environ.get("DISPATCHCTL_TEST_SANITIZER") else 50
ENDPOINTS = 40
# gRPC's backoff between attempts to connect, with the client's figures: seconds, and at their shortest.
FIRST_BACKOFF, FACTOR, JITTER, LONGEST_BACKOFF = 0.1, 1.6, 0.2, 3.0

# What gRPC says of a connection that could not be made, which names what it goes by.
FAILED = re.compile(r"address=ipv4:(?P<address>[\d.]+:\d+),"
                    r".*grpc\.initial_reconnect_backoff_ms=(?P<backoff>\d+),.*connect failed")


def most_attempts(elapsed):
    """How often one client may have tried to connect within so many seconds of losing its connection."""
    attempts, at, backoff = 1, FIRST_BACKOFF, FIRST_BACKOFF
    while at <= elapsed:
        attempts += 1
        backoff = min(backoff * FACTOR, LONGEST_BACKOFF)
        at += backoff * (1 - JITTER)
    return attempts


class Fleet:
    """One server, and clients that are connected to it and have nothing to do."""

    def __init__(self, network, start, start_mock):
        self.network = network
        self.start_mock = start_mock
        self.mock = start_mock(prefix=network.prefix)
        self.address = self.mock.address
        self.port = port_of(self.address)
        self.log = network.log_connects()
        self.clients = [start("lookup", "-s", self.address, "-f", "-", "-o", "ndjson", "--timeout", "60s",
                              prefix=network.prefix) for _ in range(CLIENTS)]
        # After the second lookup a client keeps its connection up.
        for _ in range(2):
            assert all("error" not in record for record in self.look_up())

    def look_up(self):
        """One lookup by each client."""
        for client in self.clients:
            client.send("courier-1\n")
        return [client.record() for client in self.clients]

    def kill(self):
        """When the server was gone."""
        before = time.time()
        self.mock.kill()
        return before

    def restart(self):
        """When it was not yet back."""
        before = time.time()
        self.mock = self.start_mock(listen=self.address, prefix=self.network.prefix)
        return before

    def wait_until_connected(self):
        eventually(lambda: self.network.connections(self.port) == CLIENTS, "all connected")


@pytest.fixture
def fleet(network, start, start_mock):
    return Fleet(network, start, start_mock)


def test_f18_with_the_server_down_every_lookup_fails_at_once_with_the_cause(fleet):
    fleet.kill()
    for _ in range(3):
        began = time.monotonic()
        errors = [record["error"] for record in fleet.look_up()]
        assert time.monotonic() - began < 20, "a third of the time-out"
        assert {failure["code"] for failure in errors} == {"UNAVAILABLE"}
        assert all("Connection re" in failure["message"] for failure in errors), errors


def test_f18_clients_are_back_soon_after_the_server_and_come_once(fleet):
    killed = fleet.kill()
    # Until each has come to the longest backoff.
    fleet.log.wait_for(8 * CLIENTS, killed, fleet.port)
    restarted = fleet.restart()
    fleet.wait_until_connected()
    assert all("error" not in record for record in fleet.look_up())
    connects = fleet.log.since(restarted, fleet.port)
    last = max(connects) - restarted
    print(f"{len(connects)} connects within {last:.1f} s, at most {busiest(connects, 0.1)} of them within 100 ms")
    # With its own figures, gRPC would take up to 144 s.
    assert last < 3 * LONGEST_BACKOFF * (1 + JITTER)
    # One or two may have come before it listened.
    assert len(connects) <= 1.5 * CLIENTS
    assert busiest(connects, 0.1) <= CLIENTS / 2


def test_f18_nobody_comes_more_often_than_the_backoff_allows(fleet):
    killed = fleet.kill()
    connects = fleet.log.wait_for(8 * CLIENTS, killed, fleet.port)
    for count, at in enumerate(sorted(connects), 1):
        assert count <= CLIENTS * most_attempts(at - killed), at - killed


def test_f45_clients_that_lose_their_server_at_one_instant_do_not_come_back_at_one(fleet):
    found = []
    for _ in range(3):  # a machine that stalls has them come together now and then
        killed = fleet.kill()
        first = sorted(fleet.log.wait_for(3 * CLIENTS, killed, fleet.port))
        found.append((busiest(first[:CLIENTS], 0.02), busiest(first, 0.02)))
        fleet.restart()
        fleet.wait_until_connected()
    print(f"within 20 ms at most, of the first {CLIENTS} connects and of all: {found}")
    # A tenth each, where chance has its way; half of them and more, if they all kept the same times.
    assert min(first for first, _ in found) <= CLIENTS / 3
    assert min(every for _, every in found) <= CLIENTS / 3


def test_f45_the_first_backoff_is_each_connections_own(network, start):
    # In this network nobody listens anywhere. Each endpoint has a connection, and it a backoff, of its own.
    addresses = [f"127.0.0.1:{20001 + number}" for number in range(ENDPOINTS)]
    running = start("lookup", "-vv", "-s", ",".join(addresses), "courier-1", "--wait-for-ready", "--timeout", "60s",
                    env={"GRPC_VERBOSITY": "INFO"}, prefix=network.prefix)
    backoffs = {}
    while len(backoffs) < ENDPOINTS:
        if said := FAILED.search(running.note()):
            backoffs[said["address"]] = int(said["backoff"])
    print(f"from {min(backoffs.values())} ms to {max(backoffs.values())} ms")
    assert set(backoffs) == set(addresses)
    assert min(backoffs.values()) >= FIRST_BACKOFF * 1000
    # Of 40 out of 200, some agree by chance.
    assert len(set(backoffs.values())) > ENDPOINTS / 2
