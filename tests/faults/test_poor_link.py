"""A link that takes 200 ms a packet, more or less by 100 ms, loses one in twenty and has them overtake each other."""

import json
import os

import pytest

from helpers import records, summary, updates
from network import FAR, NEAR, missing, network, port_of  # noqa: F401 (a fixture)

MISSING = missing()
if MISSING is None and not os.path.exists("/dev/net/tun"):
    MISSING = "needs /dev/net/tun, to make a network interface"
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

DELAY, JITTER, LOSS = 0.2, 0.1, 0.05
LEAST_ROUND_TRIP_MS = 2 * (DELAY - JITTER) * 1000
# Of the policy, see "dispatchctl help": one lookup in twenty gets a hedge, beside a few at the start.
HEDGES = 0.05


@pytest.fixture
def target(network, start_mock):
    """Three backends at the far end."""
    if (reason := network.start_poor_link(DELAY, JITTER, LOSS)) is not None:
        pytest.skip(reason)
    return ",".join(f"{FAR}:{port_of(start_mock(listen=f'{NEAR}:0', prefix=network.prefix).address)}"
                    for _ in range(3))


@pytest.fixture
def bench(run, network, target):

    def call(*options):
        result = run("bench", "lookup", "-s", target, "--plaintext", "--quiet", "-o", "ndjson", "--max-attempts", "4",
                     *options, prefix=network.prefix)
        return result.returncode, records(result)[0]

    return call


def test_f15_no_lookup_fails_that_has_the_time(bench):
    code, report = bench("--rps", "20", "--count", "300", "--timeout", "60s")
    assert code == 0
    assert (report["ok"], report["attempts"]) == (300, 300), "and none was made twice"
    assert report["latency_ms"]["min"] >= LEAST_ROUND_TRIP_MS


def test_f15_lookups_without_the_time_fail_by_their_deadline_alone(bench):
    code, report = bench("--rps", "20", "--count", "200", "--timeout", "600ms")
    assert code == 6
    assert set(report["errors_by_code"]) == {"DEADLINE_EXCEEDED"}
    assert report["ok"] > 0
    assert report["error_latency_ms"]["min"] >= 600
    assert report["error_latency_ms"]["p99"] < 6000


def test_f15_hedges_stay_within_their_budget_and_latencies_where_they_were(bench):
    plain, hedged = (bench("--rps", "20", "--count", "400", "--warmup", "2s", "--timeout", "60s", "--hedge", hedge)[1]
                     for hedge in ("off", "auto"))
    assert plain["errors"] == hedged["errors"] == 0
    assert 400 <= hedged["attempts"] <= 400 * (1 + HEDGES) + 10
    for figure in ("p50", "p90"):
        assert 0.3 < hedged["latency_ms"][figure] / plain["latency_ms"][figure] < 3, figure


def test_f15_a_stream_loses_nothing_and_stays(run, network, target):
    count = 3000
    result = run("assign", "-s", target, "--plaintext", "-f", "-", "--window", "300", "--summary", "json",
                 stdin=updates(count), prefix=network.prefix)
    assert result.returncode == 0, result.stderr
    assert [record["assignment_id"] for record in records(result)] == [f"a-{n}" for n in range(count)]
    told = summary(result)
    assert (told["reconnects"], told["resent"]) == (0, 0), json.dumps(told)
