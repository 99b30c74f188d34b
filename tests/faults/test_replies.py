"""Replies that no server should give: metadata too large, bytes that are no message, too few and too many messages."""

import threading

import pytest
from h2.errors import ErrorCodes

from helpers import error, records, summary, updates
from http2_peer import first_text, framed, in_turn, result, serve, status_reply, text_field, until

# A client takes 8 KiB of metadata, of which names, and 32 bytes for each, are a part.
LARGE = {"one large value": [("x-large", "v" * 16_384)],
         "many small values": [(f"x-small-{number}", "v" * 100) for number in range(160)]}


def lookup(run, peer, *arguments):
    return run("lookup", "-s", peer.address, "courier-42", *arguments)


def assign(run, peer, *arguments, count=20):
    return run("assign", "-s", peer.address, "-f", "-", "--summary", "json", *arguments, stdin=updates(count))


def accepted(count):
    return [{"assignment_id": f"a-{number}", "accepted": True} for number in range(count)]


# Metadata

async def in_headers(call, large):
    call.send_headers(*large)
    call.send_message(status_reply())
    call.send_trailers()


async def in_trailers(call, large):
    call.send_headers()
    call.send_message(status_reply())
    call.send_trailers(0, *large)


async def in_a_lone_status(call, large):
    call.send_status(14, "busy", *large)


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("where", [in_headers, in_trailers, in_a_lone_status])
def test_f23_metadata_beyond_the_limit_is_not_asked_for_again(run, start_peer, where, large):
    async def answer(call):
        await call.request()
        await where(call, LARGE[large])

    peer = start_peer(answer)
    done = lookup(run, peer)
    assert done.returncode == 72, done.stderr
    found = error(done)
    assert (found["code"], found["attempts"], found["retryable"]) == ("RESOURCE_EXHAUSTED", 1, False)
    assert (found["origin"], found["phase"]) == ("local", "call")
    assert "8 KiB" in found["hint"]
    assert len(peer.calls) == 1


def test_f23_metadata_within_the_limit_is_taken(run, start_peer):
    async def answer(call):
        await call.request()
        await in_headers(call, [("x-large", "v" * 7_500)])

    assert lookup(run, start_peer(answer)).returncode == 0


def test_f23_metadata_beyond_the_limit_ends_a_stream(run, start_peer):
    async def answer(call):
        await call.message()
        call.send_headers(*LARGE["one large value"])

    peer = start_peer(answer)
    done = assign(run, peer)
    assert done.returncode == 72, done.stderr
    assert error(done)["code"] == "RESOURCE_EXHAUSTED"
    assert summary(done)["unacknowledged"] == 20
    assert len(peer.calls) == 1


# Bytes

NO_STATUS_REPLY = {
    "a string that is cut short": text_field(1, "courier-42")[:-3],
    "a length without end": b"\x0a" + b"\xff" * 11,
    "text that is no UTF-8": text_field(1, b"courier-\xc3\x28"),
    "an overlong encoding": text_field(4, "") + text_field(3, b"\xc0\xaf"),
    "half of a surrogate pair": text_field(2, b"\xed\xa0\x80"),
    "field number 0": b"\x02\x01x",
    "the end of a group": b"\x0c",
    "text": b"<html>not found</html>",
}


@pytest.mark.parametrize("reply", NO_STATUS_REPLY)
def test_f24_reply_that_does_not_parse_is_an_error(run, start_peer, reply):
    async def answer(call):
        await call.request()
        call.answer(NO_STATUS_REPLY[reply])

    peer = start_peer(answer)
    done = lookup(run, peer)
    assert done.returncode == 79, done.stderr
    assert done.stdout == b""
    found = error(done)
    assert (found["code"], found["attempts"], found["origin"]) == ("DATA_LOSS", 1, "local")
    assert "could not be decoded" in found["message"]
    assert len(peer.calls) == 1


def test_f24_fields_of_a_later_contract_are_no_fault(run, start_peer):
    async def answer(call):
        await call.request()
        # A number, a 32-bit and a 64-bit value, a group and bytes.
        call.answer(status_reply() + b"\x50\x96\x01" + b"\x5d1234" + b"\x6112345678" + b"\x6b\x08\x01\x6c"
                    + text_field(14, b"\xff\xfe"))

    done = lookup(run, start_peer(answer))
    assert done.returncode == 0, done.stderr
    assert records(done)[0]["current_zone"] == "zone-7"


@pytest.mark.parametrize("data", [framed(status_reply(), length=1000), framed(status_reply())[:3]],
                         ids=["less than its prefix says", "within the prefix"])
def test_f24_message_that_ends_too_early_is_an_error(run, start_peer, data):
    async def answer(call):
        await call.request()
        call.send_headers()
        call.send_data(data)
        call.send_trailers()

    peer = start_peer(answer)
    done = lookup(run, peer)
    assert done.returncode == 79, done.stderr
    assert done.stdout == b""
    found = error(done)
    assert (found["code"], found["attempts"], found["origin"]) == ("DATA_LOSS", 1, "local")
    assert len(peer.calls) == 1


@pytest.mark.parametrize("reply", ["a string that is cut short", "text that is no UTF-8"])
def test_f24_stream_that_stays_open_after_a_bad_result_is_left(run, start_peer, reply):
    never = threading.Event()

    async def stay(call):
        call.send_headers()
        if call.number == 0:
            call.send_message(result(first_text(await call.message())))
        await call.message()
        call.send_message(NO_STATUS_REPLY[reply])
        await until(never)

    peer = start_peer(in_turn(stay, serve))
    done = assign(run, peer)
    assert (done.returncode, records(done)) == (0, accepted(20))
    assert peer.calls[0].reset_by_client == ErrorCodes.CANCEL
    assert [first_text(message) for message in peer.calls[1].messages] == [f"a-{number}" for number in range(1, 20)]
    # Twice at the same place, it would come a third time.
    peer = start_peer(stay)
    done = assign(run, peer)
    assert (done.returncode, records(done), summary(done)["unacknowledged"]) == (79, accepted(1), 19)
    assert error(done)["code"] == "DATA_LOSS"
    assert len(peer.calls) == 2
    peer.wait_for(lambda: all(call.reset_by_client == ErrorCodes.CANCEL for call in peer.calls))


# Messages

def test_f31_ok_without_a_message_is_an_error(run, start_peer):
    async def answer(call):
        await call.request()
        call.send_headers()
        call.send_trailers()

    async def answer_with_trailers_only(call):
        await call.request()
        call.send_status(0, "")

    for script in (answer, answer_with_trailers_only):
        peer = start_peer(script)
        done = lookup(run, peer)
        assert done.returncode == 79, done.stderr
        assert done.stdout == b""
        found = error(done)
        assert (found["code"], found["attempts"], found["origin"]) == ("DATA_LOSS", 1, "local")
        assert "without a whole reply" in found["message"]
        assert len(peer.calls) == 1


def test_f31_empty_message_is_a_message(run, start_peer):
    async def answer(call):
        await call.request()
        call.answer(b"")

    done = lookup(run, start_peer(answer))
    assert done.returncode == 0, done.stderr
    assert records(done)[0]["availability"] == ""


async def answer_twice(call):
    await call.request()
    call.send_headers()
    call.send_message(status_reply("courier-1"))
    call.send_message(status_reply("courier-2"))
    call.send_trailers()


def test_f31_two_messages_are_never_taken_for_an_answer(run, start_peer):
    # gRPC gives no status while a message is left unread (grpc #36769): what ends such a call is its deadline.
    peer = start_peer(answer_twice)
    done = lookup(run, peer, "--timeout", "1s")
    assert (done.returncode, done.stdout) == (68, b"")
    found = error(done)
    assert (found["code"], found["origin"], found["attempts"]) == ("DEADLINE_EXCEEDED", "local", 1)
    assert 1000 <= found["elapsed_ms"] < 10_000
    assert len(peer.calls) == 1


def test_f31_two_messages_are_left_for_another_attempt(run, start_peer):
    peer = start_peer(in_turn(answer_twice, serve))
    done = lookup(run, peer, "--attempt-timeout", "500ms", "--timeout", "60s")
    assert done.returncode == 0, done.stderr
    assert [record["courier_id"] for record in records(done)] == ["courier-42"]
    assert len(peer.calls) == 2


def test_f31_error_after_a_message_wins(run, start_peer):
    async def answer(call):
        await call.request()
        call.send_headers()
        call.send_message(status_reply())
        call.send_trailers(9, ("grpc-message", "off duty"))

    peer = start_peer(answer)
    done = lookup(run, peer)
    assert done.returncode == 73, done.stderr
    assert done.stdout == b""
    found = error(done)
    assert (found["code"], found["origin"], found["attempts"]) == ("FAILED_PRECONDITION", "server", 1)
    assert "off duty" in found["message"]
    assert len(peer.calls) == 1


def test_f31_passing_error_after_a_message_is_retried(run, start_peer):
    async def answer(call):
        await call.request()
        call.send_headers()
        call.send_message(status_reply("courier-1"))
        call.send_trailers(14, ("grpc-message", "busy"))

    peer = start_peer(in_turn(answer, serve))
    done = lookup(run, peer)
    assert done.returncode == 0, done.stderr
    assert [record["courier_id"] for record in records(done)] == ["courier-42"]
    assert len(peer.calls) == 2


async def end_with_the_message(call):
    await call.request()
    call.send_headers()
    call.send_message(status_reply())
    call.send_data(b"", end=True)


async def end_with_trailers_that_say_nothing(call):
    await call.request()
    call.send_headers()
    call.send_message(status_reply())
    call.connection.h2.send_headers(call.stream, [("x-request-id", "7")], end_stream=True)
    call.connection.flush()


@pytest.mark.parametrize("end", [end_with_the_message, end_with_trailers_that_say_nothing])
def test_f31_end_without_a_status_is_an_error(run, start_peer, end):
    peer = start_peer(end)
    done = lookup(run, peer)
    assert done.returncode == 66, done.stderr
    assert done.stdout == b""
    found = error(done)
    assert (found["code"], found["origin"], found["attempts"]) == ("UNKNOWN", "local", 4)
    assert "without a status" in found["message"]
    assert len(peer.calls) == 4
    assert lookup(run, start_peer(in_turn(end, serve))).returncode == 0


def test_f31_results_before_an_error_count(run, start_peer):
    async def answer(call):
        call.send_headers()
        for _ in range(5):
            call.send_message(result(first_text(await call.message())))
        call.send_trailers(7, ("grpc-message", "no more for you"))

    peer = start_peer(answer)
    done = assign(run, peer)
    assert (done.returncode, records(done)) == (71, accepted(5))
    assert summary(done)["unacknowledged"] == 15
    assert len(peer.calls) == 1
