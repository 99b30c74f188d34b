"""The client is stopped for longer than it would have waited, and goes on."""

import json
import signal
import time

from admin import calls, wait_for_calls
from helpers import sent_all, update
from programs import PATIENCE

# Seconds. Longer than every wait of these tests' clients.
STOPPED = 4


def stop(process):
    """Returns once it runs no more."""
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + PATIENCE
    while True:
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "T":
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def sleep_through(process, meanwhile=lambda: None):
    """Stops a process for STOPPED seconds."""
    stop(process)
    until = time.monotonic() + STOPPED
    meanwhile()
    time.sleep(max(0, until - time.monotonic()))
    process.send_signal(signal.SIGCONT)


def test_f34_a_deadline_passed_in_sleep_ends_the_call_and_is_not_retried(start, start_mock, relay_to):
    server = start_mock("--admin", "127.0.0.1:0", "--fault", "hang")
    relay = relay_to(server)
    running = start("lookup", "-s", relay.address, "courier-42", "--timeout", "3s", "--attempt-timeout", "2500ms")
    relay.wait_for("courier-42")
    sleep_through(running.process)
    awake = time.monotonic()
    assert running.wait() == 68
    assert time.monotonic() - awake < 10
    found = json.loads(running.rest_of_notes()[-1])["error"]
    assert (found["code"], found["attempts"]) == ("DEADLINE_EXCEEDED", 1)
    assert found["elapsed_ms"] >= 1000 * STOPPED
    assert len(calls(server, "GetCourierStatus")) == 1


def test_f34_a_stream_whose_server_was_replaced_in_its_sleep_reconnects_once(start, start_mock):
    server = start_mock("--fault", "hang,assignment_id=a-1")
    running = start("assign", "-s", server.address, "-f", "-", "--summary", "json")
    running.send(update(0))
    assert running.record()["assignment_id"] == "a-0"
    running.send("".join(update(number) for number in range(1, 101)))
    sent_all(running)
    replaced = []

    def replace():
        server.kill()
        replaced.append(start_mock("--admin", "127.0.0.1:0", listen=server.address))

    sleep_through(running.process, replace)
    assert [running.record()["assignment_id"] for _ in range(100)] == [f"a-{number}" for number in range(1, 101)]
    running.process.stdin.close()
    assert running.wait() == 0
    told = json.loads(running.rest_of_notes()[-1])["summary"]
    assert (told["reconnects"], told["unacknowledged"], told["acknowledged"]) == (1, 0, 101)
    [stream] = calls(replaced[0], "StreamAssignments")
    # Each of them once: what was not sent before the sleep is not sent twice after it.
    ids = [each["message"]["assignment_id"] for each in stream["messages"] if each["from"] == "client"]
    assert ids == [f"a-{number}" for number in range(1, 101)]


def test_f34_a_stream_that_had_no_trouble_goes_on_where_it_was(start, start_mock):
    server = start_mock("--admin", "127.0.0.1:0")
    running = start("assign", "-s", server.address, "-f", "-", "--summary", "json", "--keepalive", "10s")
    running.send(update(0))
    assert running.record()["assignment_id"] == "a-0"
    sleep_through(running.process)
    running.send(update(1))
    assert running.record()["assignment_id"] == "a-1"
    running.process.stdin.close()
    assert running.wait() == 0
    assert json.loads(running.rest_of_notes()[-1])["summary"]["reconnects"] == 0
    assert len(calls(server, "StreamAssignments")) == 1


def test_f34_missed_rounds_of_a_watch_are_not_made_up_for(start, start_mock):
    server = start_mock("--admin", "127.0.0.1:0")
    interval = 0.2
    running = start("lookup", "-s", server.address, "courier-42", "--watch", "--interval", f"{interval}s")
    running.record()
    sleep_through(running.process)
    before = len(calls(server, "GetCourierStatus"))
    awake = time.monotonic()
    wait_for_calls(server, "GetCourierStatus", before + 3)
    rounds = len(calls(server, "GetCourierStatus")) - before
    # One at once, and from then on one an interval; two for what was under way on either side.
    assert rounds <= (time.monotonic() - awake) / interval + 3
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT


def test_f34_paced_assignments_are_not_sent_in_a_burst(start, start_mock, tmp_path):
    server = start_mock("--admin", "127.0.0.1:0")
    source = tmp_path / "updates"
    source.write_text("".join(update(number) for number in range(500)))
    rate = 20
    began = time.monotonic()
    running = start("assign", "-s", server.address, "-f", str(source), "--rate", f"{rate}/s")
    running.record()
    sleep_through(running.process)
    running.record()
    [stream] = calls(server, "StreamAssignments")
    sent = sum(each["from"] == "client" for each in stream["messages"])
    # Less than what the sleep would have had room for.
    assert sent <= (time.monotonic() - began - STOPPED) * rate + 5
    running.process.send_signal(signal.SIGINT)
    assert running.wait() == -signal.SIGINT
