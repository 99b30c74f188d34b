"""Servers that allow one HTTP/2 stream at a time."""

from h2.settings import SettingCodes

from helpers import records

ONE = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}


def test_f32_lookups_wait_their_turn(run, start_peer):
    peer = start_peer(settings=ONE)
    ids = [f"courier-{number}" for number in range(1, 101)]
    done = run("lookup", "-s", peer.address, "--parallel", "32", *ids)
    assert done.returncode == 0, done.stderr
    assert [record["courier_id"] for record in records(done)] == ids
    assert len(peer.calls) == 100
    assert {connection.most_open_calls for connection in peer.connections} == {1}


def test_f32_streams_of_one_endpoint_wait_their_turn(run, start_peer):
    peer = start_peer(settings=ONE)
    done = run("assign", "-s", peer.address, "-f", "-", "--streams", "2", stdin="".join(
        f'{{"assignment_id":"a-{number}","courier_id":"courier-{number}","destination_zone":"z"}}\n'
        for number in range(100)))
    assert done.returncode == 0, done.stderr
    assert len(records(done)) == 100
