"""Every fault of dispatch-mock as dispatchctl meets it; docs/faults.md lists them with these tests' names."""

import json

from helpers import error, records, summary, updates

COUNT = 20


def accepted(count=COUNT):
    return [{"assignment_id": f"a-{number}", "accepted": True} for number in range(count)]


def lookup(run, mock, *arguments):
    return run("lookup", "-s", mock.address, "courier-42", *arguments)


def assign(run, mock, *arguments, count=COUNT):
    return run("assign", "-s", mock.address, "-f", "-", "--summary", "json", *arguments, stdin=updates(count))


def by_id(result):
    return sorted(records(result), key=lambda record: int(record["assignment_id"].split("-")[1]))


def attempts(path):
    return [json.loads(line) for line in path.read_text().splitlines() if '"attempt_end"' in line]


# Lookups

def test_f13_lookup_latency_is_left_for_another_attempt(run, start_mock, tmp_path):
    mock = start_mock("--fault", "latency=20s,first=1")
    trace = tmp_path / "trace"
    result = lookup(run, mock, "--attempt-timeout", "300ms", "--timeout", "60s", "--trace", str(trace))
    assert result.returncode == 0
    assert [end["code"] for end in attempts(trace)] == ["DEADLINE_EXCEEDED", "OK"]


def test_lookup_status_is_kept(run, start_mock):
    for number, (code, caller) in enumerate([("INVALID_ARGUMENT", 67), ("PERMISSION_DENIED", 71), ("INTERNAL", 77),
                                             ("DATA_LOSS", 79), ("UNAUTHENTICATED", 80)]):
        mock = start_mock("--fault", f"status={code},message=number {number}")
        result = lookup(run, mock)
        assert result.returncode == caller
        found = error(result)
        assert (found["code"], found["attempts"], found["origin"]) == (code, 1, "server")
        assert f"number {number}" in found["message"]


def test_f21_lookup_pushback_that_forbids_is_obeyed(run, start_mock):
    for pushback in ("-1", "abc"):
        mock = start_mock("--fault", f"status=UNAVAILABLE,pushback={pushback}")
        result = lookup(run, mock)
        assert result.returncode == 78
        assert error(result)["attempts"] == 1


def test_f13_lookup_hang_ends_at_the_deadline(run, start_mock):
    result = lookup(run, start_mock("--fault", "hang"), "--timeout", "500ms")
    assert result.returncode == 68
    assert error(result)["elapsed_ms"] >= 500


def test_f22_lookup_big_message_is_not_asked_for_again(run, start_mock):
    mock = start_mock("--fault", "big-message=5MiB")
    result = lookup(run, mock)
    assert result.returncode == 72
    assert (error(result)["attempts"], error(result)["retryable"]) == (1, False)
    assert lookup(run, mock, "--max-recv-bytes", "6MiB").returncode == 0


def test_f24_lookup_reply_that_does_not_parse_is_an_error(run, start_mock):
    for kind in ("bad-utf8", "bad-bytes"):
        result = lookup(run, start_mock("--fault", kind))
        assert result.returncode == 79, kind
        assert result.stdout == b""
        found = error(result)
        assert (found["code"], found["attempts"], found["origin"]) == ("DATA_LOSS", 1, "local")
        assert "could not be decoded" in found["message"]


def test_f23_lookup_headers_beyond_the_limit_are_not_asked_for_again(run, start_mock):
    result = lookup(run, start_mock("--fault", "headers=16KiB"))
    assert result.returncode == 72
    assert error(result)["attempts"] == 1


# Streams

def test_stream_latency_loses_nothing(run, start_mock):
    result = assign(run, start_mock("--fault", "latency=100ms,nth-message=2"))
    assert (result.returncode, records(result)) == (0, accepted())


def test_stream_that_breaks_is_resumed(run, start_mock):
    for fault in ("close-after=5:UNAVAILABLE,first=2", "clean-close-after=5,first=2",
                  "status=UNAVAILABLE,method=assign,first=2", "status=ABORTED,assignment_id=a-7,first=2"):
        result = assign(run, start_mock("--fault", fault))
        assert (result.returncode, records(result)) == (0, accepted()), fault
        told = summary(result)
        assert (told["reconnects"], told["unacknowledged"], told["unknown_results"]) == (2, 0, 0), fault


def test_stream_that_is_refused_ends_with_the_code(run, start_mock):
    result = assign(run, start_mock("--fault", "close-after=5:PERMISSION_DENIED"))
    assert (result.returncode, records(result)) == (71, accepted(5))
    assert summary(result)["reconnects"] == 0
    assert "15 assignments unacknowledged" in error(result)["message"]


def test_f43_stream_that_is_closed_at_once_for_ever_is_given_up(run, start_mock):
    result = assign(run, start_mock("--fault", "clean-close-after=0"))
    assert (result.returncode, records(result)) == (8, [])
    told = summary(result)
    assert told["unacknowledged"] == COUNT
    assert 1 <= told["reconnects"] <= 10
    assert '"a-0"' in error(result)["message"]


def test_f42_stream_duplicates_are_counted_and_not_shown(run, start_mock):
    result = assign(run, start_mock("--fault", "duplicate=2"))
    assert (result.returncode, records(result)) == (0, accepted())
    assert summary(result)["unknown_results"] == COUNT // 2


def test_f42_stream_results_that_are_missing_are_asked_for_again(run, start_mock):
    result = assign(run, start_mock("--fault", "drop-result=3,first=2"))
    assert (result.returncode, by_id(result)) == (0, accepted())
    told = summary(result)
    assert (told["resent"], told["acknowledged"]) == (2, COUNT)


def test_f42_stream_unknown_results_are_counted_and_not_shown(run, start_mock):
    result = assign(run, start_mock("--fault", "unknown-id=3"))
    assert (result.returncode, records(result)) == (0, accepted())
    assert summary(result)["unknown_results"] == COUNT // 3


def test_stream_results_in_another_order_are_matched(run, start_mock):
    result = assign(run, start_mock("--fault", "reorder=4"))
    assert result.returncode == 0
    assert records(result) != accepted()
    assert by_id(result) == accepted()


def test_f14_stream_that_is_not_read_ends_at_its_deadline(run, start_mock):
    for fault, answered in (("slow-read=10", 10), ("hang,method=assign", 0)):
        result = assign(run, start_mock("--fault", fault), "--timeout", "2s")
        assert (result.returncode, records(result)) == (68, accepted(answered)), fault
        assert summary(result)["unacknowledged"] == COUNT - answered


def test_f24_stream_result_that_does_not_parse_once_is_asked_for_again(run, start_mock):
    for kind in ("bad-utf8", "bad-bytes"):
        result = assign(run, start_mock("--fault", f"{kind},nth-message=3,first=1"))
        assert (result.returncode, records(result)) == (0, accepted()), kind
        assert summary(result)["reconnects"] == 1


def test_f24_stream_result_that_never_parses_ends_it(run, start_mock):
    for kind in ("bad-utf8", "bad-bytes"):
        result = assign(run, start_mock("--fault", f"{kind},assignment_id=a-3"))
        assert (result.returncode, records(result)) == (79, accepted(3)), kind
        assert error(result)["code"] == "DATA_LOSS"


def test_f22_stream_big_message_ends_it(run, start_mock):
    result = assign(run, start_mock("--fault", "big-message=5MiB,nth-message=3"))
    assert (result.returncode, records(result)) == (72, accepted(2))
    assert summary(result)["reconnects"] == 0


def test_f23_stream_headers_beyond_the_limit_end_it(run, start_mock):
    result = assign(run, start_mock("--fault", "headers=16KiB"))
    assert (result.returncode, records(result)) == (72, [])


# Connections

def test_f03_goaway_is_not_noticed(run, start_mock):
    ids = [f"courier-{number + 1}" for number in range(50)]
    result = run("lookup", "-s", start_mock("--fault", "goaway-after=5").address, *ids)
    assert result.returncode == 0
    assert [record["courier_id"] for record in records(result)] == ids
    result = assign(run, start_mock("--fault", "goaway-after=5"))
    assert (result.returncode, records(result)) == (0, accepted())


def test_f08_tcp_reset_is_retried_and_resumed(run, start_mock, tmp_path):
    trace = tmp_path / "trace"
    result = lookup(run, start_mock("--fault", "tcp-reset-after=300,first=1"), "--trace", str(trace))
    assert result.returncode == 0
    assert [end["code"] for end in attempts(trace)] == ["UNAVAILABLE", "OK"]
    result = assign(run, start_mock("--fault", "tcp-reset-after=400,first=2"))
    assert (result.returncode, records(result)) == (0, accepted())
    assert summary(result)["reconnects"] == 2


def test_f18_refuse_is_never_connected(run, start_mock):
    mock = start_mock("--fault", "refuse")
    result = lookup(run, mock)
    assert result.returncode == 5
    assert "refused" in error(result)["message"]
    assert assign(run, mock).returncode == 5


def test_refuse_of_one_backend_is_not_noticed(run, start_mock):
    mock = start_mock("--listen", "127.0.0.1:0", "--fault", "refuse,listen=0")
    ids = [f"courier-{number + 1}" for number in range(50)]
    result = run("lookup", "-s", ",".join(mock.addresses), *ids)
    assert result.returncode == 0
    assert [record["courier_id"] for record in records(result)] == ids


def test_f13_drip_is_bounded_by_the_timeouts(run, start_mock):
    result = lookup(run, start_mock("--fault", "drip=5B/s"), "--timeout", "1s")
    assert result.returncode == 5
    assert error(result)["elapsed_ms"] >= 1000
    result = assign(run, start_mock("--fault", "drip=500B/s"))
    assert (result.returncode, records(result)) == (0, accepted())


def test_bad_bytes_break_the_connection_and_nothing_else(run, start_mock, tmp_path):
    trace = tmp_path / "trace"
    result = lookup(run, start_mock("--fault", "bad-bytes-after=100,first=1"), "--trace", str(trace))
    assert result.returncode == 0, result.stderr
    assert [end["code"] for end in attempts(trace)] == ["UNKNOWN", "OK"]
    result = assign(run, start_mock("--fault", "bad-bytes-after=200,first=1"))
    assert (result.returncode, records(result)) == (0, accepted())
    assert summary(result)["reconnects"] == 1


def test_f13_blackhole_of_new_connections_is_given_up_at_the_connect_timeout(run, start_mock):
    result = lookup(run, start_mock("--fault", "blackhole"), "--connect-timeout", "1s", "--timeout", "50s")
    assert result.returncode == 5
    assert 1000 <= error(result)["elapsed_ms"] < 20_000


def test_f10_blackhole_of_one_backend_is_not_noticed(run, start_mock):
    mock = start_mock("--listen", "127.0.0.1:0", "--fault", "blackhole,listen=0")
    ids = [f"courier-{number + 1}" for number in range(50)]
    result = run("lookup", "-s", ",".join(mock.addresses), "--connect-timeout", "2s", "--timeout", "60s", *ids)
    assert result.returncode == 0, result.stderr
    assert [record["courier_id"] for record in records(result)] == ids


def test_f09_blackhole_of_a_connection_ends_at_the_deadline(run, start_mock):
    result = lookup(run, start_mock("--fault", "blackhole-after=300"), "--timeout", "1s")
    assert result.returncode == 68
    result = assign(run, start_mock("--fault", "blackhole-after=400"), "--timeout", "1s")
    assert result.returncode == 68
    assert summary(result)["unacknowledged"] == COUNT


def test_f09_blackhole_of_a_connection_is_left_where_keepalive_is_on(run, start_mock):
    result = assign(run, start_mock("--fault", "blackhole-after=400,first=1"), "--keepalive", "10s")
    assert (result.returncode, records(result)) == (0, accepted())
    assert summary(result)["reconnects"] == 1


# Selectors, and how often

def test_the_nth_call_is_the_one(run, start_mock):
    mock = start_mock("--fault", "status=NOT_FOUND,nth=3,courier_id=courier-4*")
    codes = [run("lookup", "-s", mock.address, courier).returncode
             for courier in ("courier-42", "courier-1", "courier-41", "courier-43", "courier-42")]
    assert codes == [0, 0, 0, 69, 0]


def test_zones_and_ids_select_updates(run, start_mock):
    mock = start_mock("--fault", "unknown-id=1,assignment_id=a-1?", "--fault", "duplicate=1,zone=elsewhere")
    result = assign(run, mock)
    assert (result.returncode, records(result)) == (0, accepted())
    assert summary(result)["unknown_results"] == 10


def test_chance_is_the_seeds(run, start_mock):
    def failures(seed):
        mock = start_mock("--fault", "status=NOT_FOUND,prob=0.5", "--seed", seed)
        result = run("lookup", "-s", mock.address, "-f", "-", "--parallel", "1",
                     stdin="".join(f"courier-{number + 1}\n" for number in range(60)))
        return [number for number, record in enumerate(records(result)) if "error" in record]

    first = failures("7")
    assert 10 < len(first) < 50
    assert failures("7") == first
    assert failures("8") != first


def test_a_call_asks_for_its_own_fault(run, start_mock):
    mock = start_mock("--allow-metadata-faults")
    assert lookup(run, mock, "-H", "x-mock-fault: status=NOT_FOUND").returncode == 69
    assert lookup(run, mock).returncode == 0
    wrong = lookup(run, mock, "-H", "x-mock-fault: refuse")
    assert wrong.returncode == 67
    assert "x-mock-fault: fault 'refuse' concerns a connection" in error(wrong)["message"]
    result = assign(run, mock, "-H", "x-mock-fault: duplicate=2")
    assert (result.returncode, summary(result)["unknown_results"]) == (0, COUNT // 2)
    assert lookup(run, start_mock(), "-H", "x-mock-fault: status=NOT_FOUND").returncode == 0
