"""Lookups, one and many: answers, errors, deadlines and traces."""

import json
import time

import pytest

from conftest import PATIENCE, metadata_of, wait_for

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BIKE = {"courier_id": "courier-42", "transport_mode": "bike", "availability": "available", "current_zone": "zone-7"}


def test_a_courier(bff):
    answer = bff.get("/v1/couriers/courier-42")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Age"] is None and answer.headers["Warning"] is None
    assert answer.json() == BIKE


def test_an_id_may_hold_anything_that_is_text(bff, mock):
    problem = bff.get("/v1/couriers/a%2Fb%20%C3%A4%0A").problem()
    assert problem["status"] == 404
    assert mock.calls()[0]["messages"][0]["message"] == {"courier_id": "a/b ä\n"}


def test_an_unknown_courier(bff):
    problem = bff.get("/v1/couriers/nobody").problem()
    assert (problem["status"], problem["title"]) == (404, "Not Found")
    assert "nobody" in problem["detail"]
    assert problem["cause"]["code"] == "NOT_FOUND"
    assert (problem["cause"]["origin"], problem["cause"]["attempts"]) == ("server", 1)


@pytest.mark.parametrize("path", ["/v1/couriers/", "/v1/couriers/%FF", "/v1/couriers/" + "x" * 1025,
                                  "/v1/couriers/" + "x" * 8000],
                         ids=["empty", "no UTF-8", "too long", "much too long"])
def test_an_id_that_cannot_be_one(bff, mock, path):
    problem = bff.get(path).problem()
    assert problem["status"] == 400
    assert problem["cause"]["code"] == "INVALID_ARGUMENT"
    assert problem["cause"]["origin"] == "local"
    assert mock.calls() == []


# The rows of README.md that a server can give.
@pytest.mark.parametrize("code, status", [
    ("CANCELLED", 503), ("UNKNOWN", 500), ("INVALID_ARGUMENT", 400), ("DEADLINE_EXCEEDED", 504), ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409), ("PERMISSION_DENIED", 502), ("RESOURCE_EXHAUSTED", 429), ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409), ("OUT_OF_RANGE", 400), ("UNIMPLEMENTED", 501), ("INTERNAL", 500), ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500), ("UNAUTHENTICATED", 502)])
def test_every_grpc_status_has_its_http_status(bff, mock, code, status):
    mock.faults(f"status={code},message=because")
    answer = bff.get("/v1/couriers/courier-42")
    problem = answer.problem()
    assert problem["status"] == status
    assert problem["cause"]["code"] == code
    assert "because" in problem["cause"]["message"]
    assert answer.headers["Retry-After"] is None


def test_a_reply_that_is_too_large_is_not_the_callers_fault(bff, mock):
    mock.faults("big-message=5MiB")
    problem = bff.get("/v1/couriers/courier-42").problem()
    assert problem["status"] == 502
    assert (problem["cause"]["code"], problem["cause"]["origin"]) == ("RESOURCE_EXHAUSTED", "local")


def test_pushback_becomes_retry_after(bff, mock):
    # Longer than the lookup may take: it is the HTTP client's turn to wait.
    mock.faults("status=UNAVAILABLE,pushback=90500ms")
    answer = bff.get("/v1/couriers/courier-42")
    problem = answer.problem()
    assert problem["status"] == 503
    assert problem["retry_after_ms"] == 90500
    assert answer.headers["Retry-After"] == "91"


def test_the_deadline_is_carried(bff, mock):
    mock.faults("hang")
    began = time.monotonic()
    problem = bff.get("/v1/couriers/courier-42", Grpc_Timeout="300m").problem()
    elapsed = time.monotonic() - began
    assert problem["status"] == 504
    assert problem["cause"]["code"] == "DEADLINE_EXCEEDED"
    assert 0.3 <= elapsed < PATIENCE


def test_a_deadline_that_is_long_enough_is_waited_for(start_bff, mock):
    mock.faults("latency=1500ms")
    bff = start_bff(mock.address, "--timeout", "100ms")
    assert bff.get("/v1/couriers/courier-42").problem()["status"] == 504
    assert bff.get("/v1/couriers/courier-42", Grpc_Timeout="29S").json() == BIKE


def test_a_deadline_has_its_limit(start_bff, mock):
    mock.faults("hang")
    bff = start_bff(mock.address, "--max-timeout", "200ms")
    assert bff.get("/v1/couriers/courier-42", Grpc_Timeout="1H").problem()["status"] == 504


@pytest.mark.parametrize("timeout", ["5s", "0S", "-1S", "soon", "123456789n"])
def test_a_deadline_that_is_none(bff, mock, timeout):
    problem = bff.get("/v1/couriers/courier-42", Grpc_Timeout=timeout).problem()
    assert problem["status"] == 400
    assert "Grpc-Timeout" in problem["detail"]
    assert mock.calls() == []


def test_the_trace_is_carried(bff, mock):
    assert bff.get("/v1/couriers/courier-42", traceparent=TRACEPARENT, tracestate="a=1,b=2").status == 200
    assert bff.batch(["courier-1"], traceparent=TRACEPARENT).status == 200
    assert bff.get("/v1/couriers/courier-42", traceparent="00-broken", tracestate="a=1").status == 200
    whole, without_state, none = [metadata_of(call) for call in mock.calls()]
    assert (whole["traceparent"], whole["tracestate"]) == (TRACEPARENT, "a=1,b=2")
    assert without_state["traceparent"] == TRACEPARENT and "tracestate" not in without_state
    assert "traceparent" not in none and "tracestate" not in none


def test_a_batch_keeps_its_order(bff):
    ids = ["courier-42", "courier-7", "courier-1", "courier-42"]
    answer = bff.batch(ids)
    assert answer.status == 200
    couriers = answer.json()["couriers"]
    assert [courier["courier_id"] for courier in couriers] == ids
    assert couriers[0] == couriers[3] == BIKE


def test_each_id_of_a_batch_has_its_own_outcome(bff, mock):
    mock.faults("status=INTERNAL,courier_id=courier-7")
    answer = bff.batch(["courier-42", "nobody", "courier-7", ""])
    assert answer.status == 200
    found, unknown, broken, invalid = answer.json()["couriers"]
    assert found == BIKE
    assert set(unknown) == {"courier_id", "error"}
    assert (unknown["courier_id"], unknown["error"]["status"]) == ("nobody", 404)
    assert (broken["courier_id"], broken["error"]["cause"]["code"]) == ("courier-7", "INTERNAL")
    assert (invalid["courier_id"], invalid["error"]["status"]) == ("", 400)


def test_a_batch_of_which_nothing_is_known_is_one_problem(bff, mock):
    mock.faults("status=UNAVAILABLE")
    assert bff.batch(["courier-1", "courier-2"]).problem()["status"] == 503
    # That there is no such courier is an answer.
    mock.faults("status=NOT_FOUND")
    assert bff.batch(["courier-1", "courier-2"]).status == 200


def test_a_batch_may_be_large(bff):
    ids = [f"courier-{number}" for number in range(1, 1001)]
    couriers = bff.batch(ids, Grpc_Timeout="30S").json()["couriers"]
    assert [courier["courier_id"] for courier in couriers] == ids
    assert not any("error" in courier for courier in couriers)
    assert "1 to 1000" in bff.batch(ids + ["one-more"]).problem()["detail"]


def test_a_batch_is_bounded_by_its_deadline(bff, mock):
    mock.faults("hang,courier_id=courier-7")
    quick, slow = bff.batch(["courier-42", "courier-7"], Grpc_Timeout="500m").json()["couriers"]
    assert quick == BIKE
    assert slow["error"]["status"] == 504


def test_a_client_that_leaves_cancels_its_lookup(bff, mock):
    mock.faults("hang")
    connection = bff.socket()
    connection.sendall(b"GET /v1/couriers/courier-42 HTTP/1.1\r\nHost: bff\r\nGrpc-Timeout: 30S\r\n\r\n")
    wait_for(lambda: len(mock.calls()) == 1)
    connection.close()
    assert wait_for(lambda: mock.calls()[0].get("status")) == "CANCELLED"


def test_a_client_that_leaves_cancels_its_batch(bff, mock):
    mock.faults("hang")
    connection = bff.socket()
    body = json.dumps({"courier_ids": ["courier-1", "courier-2"]}).encode()
    connection.sendall(b"POST /v1/couriers:batch HTTP/1.1\r\nHost: bff\r\nContent-Type: application/json\r\nGrpc-Timeout: 30S\r\n"
                       + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    wait_for(lambda: len(mock.calls()) == 2)
    connection.close()
    wait_for(lambda: [call.get("status") for call in mock.calls()] == ["CANCELLED", "CANCELLED"])
