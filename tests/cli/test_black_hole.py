"""assign when packets vanish without a trace, in a network of the test's own."""

import json
import time

import pytest

from helpers import update
from network import missing, network  # noqa: F401 (a fixture)

MISSING = missing("nft")
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

# Seconds. More than --keepalive 10s and the 3 s for an answer to its ping; less than the 30 s after which a
# stream without results is given up anyway, which would prove nothing of keepalive.
LONGEST_GAP = 25


def test_f09_a_stream_in_a_black_hole_goes_on_elsewhere_and_loses_nothing(network, start, start_mock):
    servers = [start_mock(prefix=network.prefix) for _ in range(2)]
    running = start("assign", "-s", ",".join(server.address for server in servers), "-f", "-", "--detail",
                    "--keepalive", "10s", prefix=network.prefix)
    running.send(update(0))
    first = running.record()
    port = first["endpoint"].rsplit(":", 1)[1]
    if (reason := network.drop(f"tcp dport {port}")) or (reason := network.drop(f"tcp sport {port}")):
        pytest.skip(reason)
    began = time.monotonic()
    running.send("".join(update(number) for number in range(1, 1001)))
    second = running.record()
    gap = time.monotonic() - began
    print(f"resumed after {gap:.1f} s")
    assert second["endpoint"] != first["endpoint"]
    assert network.dropped() > 0
    assert gap < LONGEST_GAP
    running.process.stdin.close()
    rest = [json.loads(line) for line in running.rest_of_lines()]
    assert running.wait() == 0
    assert [record["assignment_id"] for record in [second, *rest]] == [f"a-{n}" for n in range(1, 1001)]
