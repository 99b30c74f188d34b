"""One of three backends takes a hundred times as long as the others."""

import json

import pytest

from programs import Mock, Running

USUAL, SLOW = 5, 500  # milliseconds
WARM_UP, CALLS = 300, 2000


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """What the trace tells of each lookup after the first ones, and all that it tells of breakers."""
    mocks = [Mock("--latency", f"{latency}ms") for latency in (USUAL, USUAL, SLOW)]
    trace = tmp_path_factory.mktemp("slow") / "trace"
    running = Running(
        ["lookup", "-s", ",".join(mock.address for mock in mocks), "-f", "-", "-o", "ndjson", "--parallel", "4",
         "--hedge", "auto", "--trace", str(trace)])
    try:
        running.send("".join(f"courier-{1 + n % 1000}\n" for n in range(CALLS)))
        running.process.stdin.close()
        assert len(running.rest_of_lines()) == CALLS
        assert running.wait() == 0, running.rest_of_notes()
    finally:
        running.close()
        for mock in mocks:
            mock.close()
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    ends = [event for event in events if event["event"] == "call_end"]
    assert len(ends) == CALLS
    return {"ends": ends[WARM_UP:], "slow": mocks[2].address,
            "refusals": [event for event in events if event["event"] == "breaker_refusal"]}


def test_f16_hedges_stay_within_their_budget(calls):
    hedges = sum(end["hedges"] for end in calls["ends"])
    print(f"{hedges} hedges of {len(calls['ends'])} lookups")
    assert hedges <= 0.05 * len(calls["ends"])


def test_f16_nearly_nobody_waits_for_the_slow_one(calls):
    p99 = percentile([end["elapsed_us"] / 1000 for end in calls["ends"]], 0.99)
    print(f"p99 {p99:.1f} ms")
    assert p99 < SLOW / 2
    assert sum(end["endpoint"] == calls["slow"] for end in calls["ends"]) <= len(calls["ends"]) / 30


def test_f16_no_breaker_opens(calls):
    assert calls["refusals"] == []
