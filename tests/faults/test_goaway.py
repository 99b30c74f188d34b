"""Servers that send the client away: GOAWAY that disowns its stream, GOAWAY for too many pings."""

from h2.errors import ErrorCodes

from helpers import error, records, summary, trace_events, update, updates
from http2_peer import ASSIGN, LOOKUP, in_turn, serve

KEEPALIVE = 10.0  # seconds; the shortest there is


async def disown(call):
    """GOAWAY that says the stream was never looked at."""
    await call.message()
    call.connection.send_goaway(last_stream=max(call.stream - 2, 0))


def send_away(connection):
    """What a server does with a client that pings too often for it."""
    connection.send_goaway(2 ** 31 - 1, ErrorCodes.ENHANCE_YOUR_CALM, b"too_many_pings")
    connection.transport.close()


def lookup(run, peer, *arguments):
    return run("lookup", "-s", peer.address, "courier-42", *arguments)


def test_f05_goaway_below_our_stream_is_no_attempt(run, start_peer):
    peer = start_peer(in_turn(disown, serve))
    # The policy allows one attempt.
    done = lookup(run, peer, "--max-attempts", "1")
    assert done.returncode == 0, done.stderr
    assert records(done)[0]["courier_id"] == "courier-42"
    assert [call.path for call in peer.calls] == [LOOKUP] * 2
    assert peer.calls[0].connection is not peer.calls[1].connection


def test_f05_goaway_below_our_stream_is_retried_at_once(run, start_peer, tmp_path):
    peer = start_peer(in_turn(disown, disown, serve))
    trace = tmp_path / "trace"
    done = lookup(run, peer, "--trace", str(trace))
    assert done.returncode == 0, done.stderr
    assert len(peer.calls) == 3
    assert [end["code"] for end in trace_events(trace, "attempt_end")] == ["UNAVAILABLE", "UNAVAILABLE", "OK"]
    # The first time without a pause; the second time as any failed attempt, 20 ms later at the least.
    first, second = (delay["delay_us"] for delay in trace_events(trace, "retry_delay"))
    assert first < second
    assert second >= 20_000


def test_f05_goaway_below_our_stream_is_retried_once(run, start_peer):
    peer = start_peer(disown)
    done = lookup(run, peer, "--max-attempts", "1")
    assert done.returncode == 78
    assert error(done)["code"] == "UNAVAILABLE"
    assert len(peer.calls) == 2
    peer = start_peer(disown)
    assert lookup(run, peer, "--max-attempts", "3").returncode == 78
    assert len(peer.calls) == 4


def test_f05_goaway_below_our_stream_costs_no_budget(run, start_peer):
    # The first call of each connection is answered, the second disowned: two for each lookup but the first.
    async def disown_the_second(call):
        await (serve if call is call.connection.calls[0] else disown)(call)

    peer = start_peer(disown_the_second)
    ids = [f"courier-{number}" for number in range(1, 31)]
    done = run("lookup", "-s", peer.address, "--parallel", "1", *ids)
    assert done.returncode == 0, done.stderr
    assert [record["courier_id"] for record in records(done)] == ids
    assert len(peer.calls) == 2 * len(ids) - 1


def test_f05_stream_that_goaway_disowns_is_opened_again(run, start_peer):
    peer = start_peer(in_turn(disown, serve))
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", stdin=updates(20))
    assert done.returncode == 0, done.stderr
    assert [record["assignment_id"] for record in records(done)] == [f"a-{number}" for number in range(20)]
    assert len(peer.calls_of(ASSIGN)) == 2
    assert summary(done)["unacknowledged"] == 0


def test_f12_too_many_pings_are_made_fewer(start, start_peer):
    async def keep_open(call):
        call.send_headers()
        await call.request()
        call.send_trailers()

    def send_the_first_away(connection):
        if connection is peer.connections[0]:
            send_away(connection)

    peer = start_peer(keep_open, on_ping=send_the_first_away)
    # -vv lets gRPC's own log through.
    running = start("assign", "-vv", "-s", peer.address, "-f", "-", "--keepalive", f"{KEEPALIVE:.0f}s")
    peer.wait_for(lambda: len(peer.connections) == 2 and peer.connections[1].pings)
    first, second = peer.connections
    assert KEEPALIVE * 0.9 <= first.pings[0] - first.opened
    assert KEEPALIVE * 1.8 <= second.pings[0] - second.opened
    running.process.stdin.close()
    assert running.wait() == 0
    assert sum("too_many_pings" in note for note in running.rest_of_notes()) == 1
    assert [len(connection.calls) for connection in peer.connections] == [1, 1]


def test_f12_server_that_sends_everybody_away_sees_no_reconnect_storm(start, start_peer):
    # Long enough for the client to take it for a connection.
    peer = start_peer(on_connection=lambda connection: connection.call_later(0.02, send_away, connection))
    running = start("endpoints", "--watch", "-s", peer.address)
    # The attempts of the call that the command begins with connect too, a few times in quick succession.
    peer.wait_for(lambda: len(peer.connections) >= 10)
    # By then each pause is drawn from up to 3 s: five make less than this once in 100,000 times. Without any there would
    # be 30 connections a second.
    assert peer.connections[9].opened - peer.connections[4].opened >= 0.8
    assert running.process.poll() is None


def test_f12_stream_that_is_sent_away_every_time_is_given_up(run, start_peer):
    async def send_it_away(call):
        await call.message()
        send_away(call.connection)

    peer = start_peer(send_it_away)
    done = run("assign", "-s", peer.address, "-f", "-", "--summary", "json", "--keepalive", "10s", stdin=updates(20))
    assert done.returncode == 8, done.stderr
    assert error(done)["code"] == "UNAVAILABLE"
    assert summary(done)["unacknowledged"] == 20
    assert len(peer.connections) <= 8


def test_f12_stream_loses_nothing_over_too_many_pings(start, start_peer):
    peer = start_peer(on_connection=lambda connection: connection.call_later(0.3, send_away, connection))
    running = start("assign", "-s", peer.address, "-f", "-", "--summary", "json")
    for number in range(40):
        running.send(update(number))
        assert running.record()["assignment_id"] == f"a-{number}"
        peer.wait_for(lambda: len(peer.connections) > min(number // 10, 2))
    running.process.stdin.close()
    assert running.rest_of_lines() == []
    assert running.wait() == 0
