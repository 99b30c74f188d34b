"""The end of the program, with and without requests under way."""

import signal
import threading
import time

import pytest

from conftest import PATIENCE, wait_for


def in_background(call):
    """Runs `call`; the function that is returned waits for its result."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()

    def result():
        thread.join(PATIENCE)
        assert results, "it has not ended"
        return results[0]

    return result


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_requests_it_ends_at_once(start_bff, mock, number):
    bff = start_bff(mock.address, "--grace", "10m")
    idle = bff.connection()
    idle.request("GET", "/healthz")
    idle.getresponse().read()
    bff.process.send_signal(number)
    assert bff.wait() == 0
    idle.close()


def test_a_lookup_under_way_is_answered(start_bff, mock):
    mock.faults("latency=1s")
    bff = start_bff(mock.address, "--grace", "10m")
    answer = in_background(lambda: bff.get("/v1/couriers/courier-42", Grpc_Timeout="30S"))
    wait_for(mock.calls)
    bff.terminate()
    assert answer().status == 200
    assert bff.wait() == 0


def test_a_stream_under_way_gets_the_results_that_are_due(start_bff, mock):
    mock.faults("latency=1s")
    bff = start_bff(mock.address, "--grace", "10m")
    stream = bff.stream()
    stream.send_updates(1, 3)
    wait_for(lambda: mock.calls() and mock.calls()[0]["messages"])
    wait_for(lambda: sum(message["from"] == "client" for message in mock.calls()[0]["messages"]) == 3)
    bff.terminate()
    records = stream.records()
    stream.close()
    assert records[:3] == [{"assignment_id": f"a-{number}", "accepted": True} for number in (1, 2, 3)]
    assert len(records) == 4
    assert records[3]["error"]["status"] == 503 and records[3]["lines_read"] == 3
    assert bff.wait() == 0
    assert mock.calls()[0]["status"] == "OK"


def test_what_takes_longer_than_the_grace_is_cut_off(start_bff, mock):
    mock.faults("hang")
    bff = start_bff(mock.address, "--grace", "300ms")
    lookup = in_background(lambda: outcome(lambda: bff.get("/v1/couriers/courier-42", Grpc_Timeout="30S")))
    stream = bff.stream()
    stream.send_updates(1)
    wait_for(lambda: len(mock.calls()) == 2)
    began = time.monotonic()
    bff.terminate()
    assert bff.wait() == 0
    assert 0.3 <= time.monotonic() - began < 15
    assert lookup() == "cut off"
    stream.close()
    assert "cutting off" in bff.errors()
    wait_for(lambda: [call.get("status") for call in mock.calls()] == ["CANCELLED", "CANCELLED"])


def test_a_second_signal_leaves_at_once(start_bff, mock):
    mock.faults("hang")
    bff = start_bff(mock.address, "--grace", "10m")
    stream = bff.stream()
    stream.send_updates(1)
    wait_for(mock.calls)
    bff.terminate()
    wait_for(lambda: refused(bff))
    bff.terminate()
    assert bff.wait() == 0
    stream.close()


def test_balancers_are_told_before_it_stops(start_bff, mock):
    bff = start_bff(mock.address, "--shutdown-delay", "10m")
    bff.await_ready()
    bff.terminate()
    answer = wait_for(lambda: (found := bff.get("/readyz")).status == 503 and found)
    assert answer.json()["status"] == "shutting down"
    # What still comes is served.
    assert bff.get("/v1/couriers/courier-42").status == 200
    bff.terminate()
    assert bff.wait() == 0


def outcome(call):
    try:
        return call().status
    except OSError:
        return "cut off"
    except Exception as error:  # http.client's own: the answer ended before it had begun
        assert type(error).__module__ == "http.client", error
        return "cut off"


def refused(bff):
    try:
        bff.socket().close()
        return False
    except ConnectionRefusedError:
        return True
