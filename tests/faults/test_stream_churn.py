"""A server that ends every stream with OK as soon as it is open, for ever."""

import datetime
import json
import os
import signal

from admin import wait_for_calls
from helpers import update

ROUNDS = 8
# Seconds: StreamOptions::initial_reconnect_backoff and max_reconnect_backoff, less their jitter.
FIRST_PAUSE, LONGEST_PAUSE, JITTER = 0.05, 3, 0.2


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def end(running):
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    return [json.loads(line)["summary"] for line in running.rest_of_notes() if line.startswith('{"summary"')][0]


def test_f43_the_pauses_grow_and_nothing_spins_meanwhile(start, start_mock):
    server = start_mock("--admin", "127.0.0.1:0", "--fault", "clean-close-after=0")
    running = start("assign", "-s", server.address, "-f", "-", "--summary", "json")
    wait_for_calls(server, "StreamAssignments")
    before = cpu_seconds(running.process)
    streams = wait_for_calls(server, "StreamAssignments", ROUNDS)
    spent = cpu_seconds(running.process) - before
    starts = [datetime.datetime.fromisoformat(stream["started"].replace("Z", "+00:00")) for stream in streams]
    pauses = [(later - sooner).total_seconds() for sooner, later in zip(starts, starts[1:])]
    for number, pause in enumerate(pauses):
        assert pause >= (1 - JITTER) * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** number), pauses
    # Of more than five seconds.
    assert sum(pauses) > 4.5
    assert spent < 0.5
    assert end(running)["reconnects"] >= ROUNDS - 1


def test_f43_a_stream_goes_on_once_the_server_lets_it(start, start_mock):
    server = start_mock("--admin", "127.0.0.1:0", "--fault", "clean-close-after=0,first=5")
    running = start("assign", "-s", server.address, "-f", "-", "--summary", "json")
    wait_for_calls(server, "StreamAssignments", 6)
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"
    told = end(running)
    assert (told["reconnects"], told["unacknowledged"]) == (5, 0)
