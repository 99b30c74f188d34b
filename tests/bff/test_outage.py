"""What is served while the Dispatch service is down."""

import pytest

from conftest import wait_for


def test_last_known_answers_are_marked_as_such(start_mock, start_bff):
    mock = start_mock()
    bff = start_bff(mock.address)
    fresh = bff.get("/v1/couriers/courier-42").json()
    mock.kill()
    answer = bff.get("/v1/couriers/courier-42")
    assert answer.status == 200
    stale = answer.json()
    assert stale.pop("stale") is True
    age_ms = stale.pop("age_ms")
    assert age_ms >= 0
    assert stale == fresh
    assert answer.headers["Age"] == str(age_ms // 1000)
    assert answer.headers["Warning"] == '110 - "Response is Stale"'

    known, unknown = bff.batch(["courier-42", "courier-1"]).json()["couriers"]
    assert known["stale"] is True
    assert unknown["error"]["status"] == 503
    assert bff.get("/readyz").status == 200
    # What was never asked for is not known.
    assert bff.get("/v1/couriers/courier-1").problem()["cause"]["code"] == "UNAVAILABLE"


def test_answers_are_fresh_again_when_it_is_back(start_mock, start_bff):
    mock = start_mock()
    bff = start_bff(mock.address)
    bff.get("/v1/couriers/courier-42")
    mock.kill()
    assert bff.get("/v1/couriers/courier-42").json()["stale"]
    start_mock(listen=mock.address)
    wait_for(lambda: "stale" not in bff.get("/v1/couriers/courier-42").json())


def test_nothing_old_is_given_when_that_is_not_wanted(start_mock, start_bff):
    mock = start_mock()
    bff = start_bff(mock.address, "--stale-if-error", "0s")
    bff.get("/v1/couriers/courier-42")
    mock.kill()
    assert bff.get("/v1/couriers/courier-42").problem()["status"] == 503
    assert bff.batch(["courier-42"]).problem()["status"] == 503


def test_a_stream_tells_each_assignment_so(start_mock, start_bff):
    mock = start_mock()
    bff = start_bff(mock.address)
    mock.kill()
    stream = bff.stream()
    stream.send_updates(1, 2)
    stream.end()
    records = stream.records()
    stream.close()
    assert {record["error"]["status"] for record in records} == {503}
    # Those that were read before it turned out that there is nobody to send them to.
    told = [record["assignment_id"] for record in records if "assignment_id" in record]
    assert told == ["a-1", "a-2"] or len(told) == records[-1]["lines_read"]


def test_a_stream_that_waits_for_input_ends_when_there_is_nobody_to_send_it_to(start_mock, start_bff):
    mock = start_mock()
    bff = start_bff(mock.address)
    mock.kill()
    stream = bff.stream()
    # The request stays open.
    records = stream.records()
    stream.close()
    assert len(records) == 1
    assert records[0]["error"]["status"] == 503 and records[0]["lines_read"] == 0


def test_readiness_begins_with_a_connection_and_outlives_it(start_mock, start_bff):
    mock = start_mock()
    address = mock.address
    mock.kill()
    bff = start_bff(address)
    answer = bff.get("/readyz")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["status"] == "not connected yet"
    assert bff.get("/healthz").json() == {"status": "alive"}
    mock = start_mock(listen=address)
    bff.await_ready()
    assert bff.get("/readyz").json()["endpoints"][0]["address"] == address
    mock.kill()
    # It still has last known answers to give.
    wait_for(lambda: bff.get("/readyz").json()["endpoints"][0]["state"] != "ready")
    assert bff.get("/readyz").status == 200
