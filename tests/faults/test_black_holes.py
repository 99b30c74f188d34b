"""Packets that vanish without a trace: of a live connection, and of those that are to be made."""

import json
import time

import pytest

from helpers import error, eventually, records, update
from network import missing, network, port_of  # noqa: F401 (a fixture)
from programs import PATIENCE

MISSING = missing("nft", "ss")
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

DEADLINE_EXCEEDED = 68
KEEPALIVE = ("--keepalive", "10s")
# A connection attempt, and nothing else.
SYN = "tcp flags & (syn | ack) == syn"


def drop(network, what):
    if (reason := network.drop(what)) is not None:
        pytest.skip(reason)


def go_dark(network, port):
    """From now on nothing comes through between the port and its clients."""
    drop(network, f"tcp dport {port}")
    drop(network, f"tcp sport {port}")


@pytest.fixture
def start_stream(start, start_mock, network):
    """Starts assign to so many servers, has it connected, and tells where to."""

    def call(servers):
        addresses = [start_mock(prefix=network.prefix).address for _ in range(servers)]
        running = start("assign", "-s", ",".join(addresses), "-f", "-", "--detail", *KEEPALIVE, prefix=network.prefix)
        running.send(update(0))
        endpoint = running.record()["endpoint"]
        assert network.connections(port_of(endpoint)) == 1
        return running, endpoint, addresses

    return call


def end(running, *ids):
    """These are all that is left, and the stream ends well."""
    running.process.stdin.close()
    assert [json.loads(line)["assignment_id"] for line in running.rest_of_lines()] == list(ids)
    assert running.wait() == 0, running.rest_of_notes()


def test_f09_a_lookup_in_a_black_hole_ends_at_its_deadline(network, start, start_mock):
    mock = start_mock(prefix=network.prefix)
    running = start("lookup", "-f", "-", "-s", mock.address, "--timeout", "2s", "-o", "ndjson", prefix=network.prefix)
    running.send("courier-1\n")
    assert "error" not in running.record()
    go_dark(network, port_of(mock.address))
    began = time.monotonic()
    running.send("courier-2\n")
    failure = running.record()["error"]
    elapsed = time.monotonic() - began
    assert failure["code"] == "DEADLINE_EXCEEDED"
    assert 2 <= elapsed < 20
    assert network.dropped() > 0
    running.process.stdin.close()
    assert running.wait() == 6


def test_f09_a_stream_in_a_black_hole_ends_at_its_deadline(network, start, start_mock):
    mock = start_mock(prefix=network.prefix)
    running = start("assign", "-f", "-", "-s", mock.address, "--timeout", "3s", "-o", "ndjson", prefix=network.prefix)
    running.send(update(0))
    assert running.record()["accepted"] is True
    go_dark(network, port_of(mock.address))
    began = time.monotonic()
    running.send(update(1))
    assert running.rest_of_lines() == []
    assert running.wait() == DEADLINE_EXCEEDED
    assert json.loads(running.rest_of_notes()[-1])["error"]["code"] == "DEADLINE_EXCEEDED"
    assert time.monotonic() - began < 30


def test_f09_keepalive_drops_a_connection_that_has_gone_dark(network, start_stream):
    running, endpoint, _ = start_stream(1)
    go_dark(network, port_of(endpoint))
    running.send(update(1))
    # By itself, TCP would hold on to it for a quarter of an hour.
    eventually(lambda: network.connections(port_of(endpoint)) == 0, "connection dropped")


def test_f09_a_stream_resumes_where_packets_pass_again(network, start_stream):
    running, endpoint, _ = start_stream(1)
    go_dark(network, port_of(endpoint))
    running.send(update(1))
    eventually(lambda: network.connections(port_of(endpoint)) == 0, "connection dropped")
    network.pass_everything()
    assert running.record()["assignment_id"] == "a-1"
    end(running)


def test_f11_a_connection_that_goes_dark_under_an_idle_stream_is_noticed(network, start_stream):
    running, endpoint, addresses = start_stream(2)
    other = next(address for address in addresses if address != endpoint)
    # Pings alone carry data now. gRPC by itself would send two of them, and no more.
    if (reason := network.count(f"tcp dport {port_of(endpoint)} tcp flags & psh == psh")) is not None:
        pytest.skip(reason)
    eventually(lambda: network.counted() >= 3, "pings", 3 * PATIENCE)
    go_dark(network, port_of(endpoint))
    eventually(lambda: network.connections(port_of(endpoint)) == 0, "connection dropped")
    eventually(lambda: network.connections(port_of(other)) == 1, "another connection")
    running.send(update(1))
    second = running.record()
    assert (second["assignment_id"], second["endpoint"]) == ("a-1", other)
    end(running)


@pytest.fixture
def backends(network, start_mock):
    """Three, of which the first takes no new connections."""
    addresses = [start_mock(prefix=network.prefix).address for _ in range(3)]
    drop(network, f"tcp dport {port_of(addresses[0])} {SYN}")
    return addresses


@pytest.mark.parametrize("policy", ["round_robin", "pick_first"])
def test_f10_connections_that_cannot_be_made_hold_up_no_lookup(network, run, backends, policy):
    # With either policy all endpoints are connected at once: none of them waits for another's connect time-out.
    ids = [f"courier-{n + 1}" for n in range(300)]
    began = time.monotonic()
    result = run("lookup", "-s", ",".join(backends), "--lb", policy, "--connect-timeout", "60s", "--timeout", "50s",
                 "--max-attempts", "1", "--parallel", "1", "-o", "ndjson", *ids, prefix=network.prefix)
    assert result.returncode == 0, result.stderr
    assert [record["courier_id"] for record in records(result)] == ids
    assert time.monotonic() - began < 30
    assert network.dropped() > 0


def test_f10_a_stream_moves_on_after_the_connect_timeout(network, run, backends):
    result = run("assign", "-s", ",".join(backends), "-f", "-", "--detail", "--connect-timeout", "1s",
                 stdin=update(0), prefix=network.prefix)
    assert result.returncode == 0, result.stderr
    assert records(result)[0]["endpoint"] in backends[1:]
    assert network.dropped() > 0


def test_f10_the_only_backend_is_given_up_at_the_connect_timeout(network, run, backends):
    began = time.monotonic()
    result = run("lookup", "-s", backends[0], "courier-1", "--connect-timeout", "1s", "--max-attempts", "1",
                 "--timeout", "50s", "-o", "ndjson", prefix=network.prefix)
    assert result.returncode == 5, result.stderr
    assert error(result)["phase"] == "connect"
    assert time.monotonic() - began < 30
