"""A server that stops reading: what assign holds, and what it lets in, stays bounded."""

import json
import os
import pathlib
import select
import signal

import pytest

from helpers import eventually, update
from programs import PATIENCE

WINDOW = 1000
LINES = 50_000
ZONE = "z" * 800  # so that a window is more than HTTP/2 takes in of a stream that nobody reads
# What the pipe and the buffers on the way hold besides the window, in bytes.
ON_THE_WAY = 1 << 20
# What memory may grow by; a sanitizer keeps what is freed.
GROWTH = 64 << 20 if os.environ.get("DISPATCHCTL_TEST_SANITIZER") else ON_THE_WAY


class Producer:
    """Writes updates to a process as fast as it takes them, from update 1 on."""

    def __init__(self, running):
        self.running = running
        self.pipe = running.process.stdin.fileno()
        os.set_blocking(self.pipe, False)
        self.text = "".join(update(number, zone=ZONE) for number in range(1, LINES + 1)).encode()
        self.written = 0

    def write(self, wait):
        """Writes what is taken within so many seconds. True: something was."""
        if self.written == len(self.text) or not select.select([], [self.pipe], [], wait)[1]:
            return False
        self.written += os.write(self.pipe, self.text[self.written:self.written + 65536])
        return True

    def write_until_held_back(self):
        while self.write(1):
            pass
        assert self.written < len(self.text), "all was taken"


def freeze(mock):
    """Stops the server, and waits until none of its threads does anything any more."""
    mock.process.send_signal(signal.SIGSTOP)
    threads = pathlib.Path(f"/proc/{mock.process.pid}/task")
    # The state follows the name, which is in brackets.
    eventually(lambda: all((thread / "stat").read_text().rpartition(")")[2].split()[0] == "T"
                           for thread in threads.iterdir()), "all threads stopped")


def memory(running):
    """Bytes resident."""
    with open(f"/proc/{running.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024


@pytest.fixture
def start_stream(start):
    """Starts assign with one update answered, and a producer for the others."""

    def call(*mocks):
        running = start("assign", "-s", ",".join(mock.address for mock in mocks), "-f", "-", "--detail", "--window",
                        str(WINDOW), "--summary", "json")
        running.send(update(0))
        return running, Producer(running), running.record()["endpoint"]

    return call


def end(running, producer, first):
    """Writes the rest. Each update from `first` on has one answer, and the stream ends well."""
    numbers = []
    while producer.written < len(producer.text):
        producer.write(PATIENCE)
        while not running.lines.empty():
            numbers.append(int(running.record()["assignment_id"][2:]))
    running.process.stdin.close()
    numbers += [int(json.loads(line)["assignment_id"][2:]) for line in running.rest_of_lines()]
    assert numbers == list(range(first, LINES + 1))
    assert running.wait() == 0
    return json.loads(running.rest_of_notes()[-1])["summary"]


def test_f14_a_server_that_stops_reading_holds_back_the_producer_and_not_the_answers(start_stream, start_mock):
    answered = 300
    running, producer, _ = start_stream(start_mock("--fault", f"slow-read={answered}"))
    producer.write_until_held_back()
    # Answers to what had been read come all the same.
    assert [running.record()["assignment_id"] for _ in range(answered - 1)] == [f"a-{n}" for n in range(1, answered)]
    producer.write_until_held_back()
    assert producer.written <= (answered + WINDOW) * len(update(LINES, zone=ZONE)) + ON_THE_WAY


def test_f14_a_frozen_server_costs_no_memory_and_is_left_for_another(start_stream, start_mock):
    mocks = [start_mock(), start_mock()]
    running, producer, endpoint = start_stream(*mocks)
    frozen = next(mock for mock in mocks if mock.address == endpoint)
    freeze(frozen)
    producer.write_until_held_back()
    before = memory(running)
    most = WINDOW * len(update(LINES, zone=ZONE)) + ON_THE_WAY
    while running.lines.empty():
        # For as long as nothing is answered; after 30 s without an answer the stream goes elsewhere.
        producer.write(1)
        if running.lines.empty():
            assert producer.written <= most
            assert memory(running) <= before + GROWTH
    resumed = running.record()
    assert (resumed["assignment_id"], resumed["endpoint"]) == ("a-1", mocks[1 - mocks.index(frozen)].address)
    told = end(running, producer, 2)
    assert told["reconnects"] == 1
    assert told["acknowledged"] == LINES + 1
