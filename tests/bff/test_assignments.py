"""Streams of assignments, in both directions at once."""

import json
import os
import socket
import threading

import pytest

from conftest import PATIENCE, metadata_of, update, wait_for

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def stream(bff):
    opened = []

    def call(**headers):
        opened.append(bff.stream(**headers))
        return opened[-1]

    yield call
    for each in opened:
        each.close()


def test_results_come_while_the_request_goes_on(stream):
    both_ways = stream()
    for number in range(5):
        both_ways.send_updates(number)
        # The request has not ended: the result of this line is not held back for the next one.
        assert both_ways.record() == {"assignment_id": f"a-{number}", "accepted": True}
    assert both_ways.status == 200
    assert both_ways.answer.headers["Content-Type"] == "application/x-ndjson"
    both_ways.end()
    assert both_ways.records() == []


def test_a_whole_body_is_taken_too(bff):
    body = "".join(update(number) for number in range(1000))
    answer = bff.request("POST", "/v1/assignments", body.rstrip("\n"), {"Content-Type": "application/x-ndjson; charset=utf-8"})
    assert answer.status == 200
    lines = answer.body.decode().splitlines()
    assert len(lines) == 1000
    assert lines[999] == '{"assignment_id":"a-999","accepted":true}'


def test_nothing_in_is_nothing_out(bff):
    answer = bff.request("POST", "/v1/assignments", "", {"Content-Type": "application/x-ndjson"})
    assert (answer.status, answer.body) == (200, b"")


def test_a_rejection_is_a_result(start_mock, start_bff):
    bff = start_bff(start_mock("--accept", "never").address)
    answer = bff.request("POST", "/v1/assignments", update(1), {"Content-Type": "application/x-ndjson"})
    assert answer.json() == {"assignment_id": "a-1", "accepted": False}


def test_bad_lines_have_their_place(bff):
    body = ("{broken\n" + update(1) + '{"assignment_id":"a-2"}\n\n' + "x" * 70000 + "\n"
            + '{"assignment_id":"","courier_id":"c"}\n' + update(3)).encode() + b'{"assignment_id":"\xff","courier_id":"c"}\n'
    answer = bff.request("POST", "/v1/assignments", body, {"Content-Type": "application/x-ndjson"})
    records = [json.loads(line) for line in answer.body.decode().splitlines()]
    results = [record for record in records if "error" not in record]
    errors = {record["line"]: record["error"]["detail"] for record in records if "error" in record}
    assert [record["assignment_id"] for record in results] == ["a-1", "a-3"]
    assert sorted(errors) == [1, 3, 5, 6, 8]
    assert "not JSON" in errors[1]
    assert "courier_id is missing" in errors[3]
    assert "line too long" in errors[5]
    assert "assignment_id" in errors[6]
    assert "wrong at byte" in errors[8]


def test_the_trace_is_carried(stream, mock):
    traced = stream(traceparent=TRACEPARENT, tracestate="a=1")
    traced.send_updates(1)
    assert traced.record()["accepted"]
    metadata = metadata_of(mock.calls()[0])
    assert (metadata["traceparent"], metadata["tracestate"]) == (TRACEPARENT, "a=1")
    traced.end()


def test_the_deadline_is_carried(stream, mock):
    mock.faults("slow-read=1")
    late = stream(Grpc_Timeout="700m")
    late.send_updates(1, 3)
    records = late.records()
    unanswered = [record for record in records if record.get("error")]
    assert {record.get("assignment_id") for record in unanswered} >= {"a-2", "a-3"}
    for record in unanswered:
        assert (record["error"]["status"], record["error"]["cause"]["code"]) == (504, "DEADLINE_EXCEEDED")
    # The request was not at its end.
    assert records[-1]["lines_read"] == 3


def test_a_server_that_refuses_ends_it_with_its_reason(stream, mock):
    mock.faults("close-after=1:PERMISSION_DENIED")
    refused = stream()
    refused.send_updates(1, 2)
    records = refused.records()
    assert records[0] == {"assignment_id": "a-1", "accepted": True}
    assert records[1]["assignment_id"] == "a-2" and records[1]["line"] == 2
    assert records[1]["error"]["status"] == 502
    assert records[1]["error"]["cause"]["code"] == "PERMISSION_DENIED"
    assert records[-1]["lines_read"] == 2 and "assignment_id" not in records[-1]


def test_a_lost_stream_is_resumed_unseen(stream, mock):
    mock.faults("close-after=3:UNAVAILABLE,first=2")
    resumed = stream()
    resumed.send_updates(0, 10)
    resumed.end()
    assert [record["assignment_id"] for record in resumed.records()] == [f"a-{number}" for number in range(10)]
    assert len(mock.calls()) == 3


def test_a_client_that_leaves_cancels_the_stream(stream, mock):
    left = stream()
    left.send_updates(1)
    assert left.record()["accepted"]
    left.close()
    assert wait_for(lambda: mock.calls()[0].get("status")) == "CANCELLED"


def test_a_client_that_leaves_while_an_answer_is_due_cancels_the_stream(stream, mock):
    mock.faults("hang")
    left = stream()
    left.send_updates(1)
    left.end()
    wait_for(mock.calls)
    left.close()
    assert wait_for(lambda: mock.calls()[0].get("status")) == "CANCELLED"


def memory_in_use(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) * 1024


def test_who_does_not_read_is_not_read_from(bff, stream, mock):
    unread = stream()
    unread.send_updates(0)
    assert unread.record()["accepted"]
    before = memory_in_use(bff.process)
    # Small buffers on this side, so that it is the other's that could grow.
    unread.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    unread.connection.settimeout(3)
    sent_lines = 1
    pending = b""
    with pytest.raises(TimeoutError):
        # Until nobody takes a byte for three seconds: the sender is being held back.
        while sent_lines < 2_000_000:
            if not pending:
                lines = "".join(update(number) for number in range(sent_lines, sent_lines + 1000))
                pending = f"{len(lines):x}\r\n{lines}\r\n".encode()
                sent_lines += 1000
            pending = pending[unread.connection.send(pending):]
    # A sanitizer keeps what was freed for a while.
    bound = (512 if os.environ.get("DISPATCHCTL_TEST_SANITIZER") else 64) * 1024 * 1024
    assert memory_in_use(bff.process) - before < bound
    # Once it is read, it goes on to its end.
    unread.connection.settimeout(PATIENCE)
    rest = threading.Thread(target=lambda: (unread.connection.sendall(pending), unread.end()))
    rest.start()
    results = unread.records()
    rest.join(PATIENCE)
    assert [result["assignment_id"] for result in results] == [f"a-{number}" for number in range(1, sent_lines)]
