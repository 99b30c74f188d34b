"""lookup against a server that answers."""

import csv
import io
import json
import os

import pytest

from helpers import error, records

BIKE = {"courier_id": "courier-42", "transport_mode": "bike", "availability": "available"}


def test_one_courier_is_one_object(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "-o", "json")
    assert result.returncode == 0
    record = json.loads(result.stdout)
    assert list(record) == ["courier_id", "transport_mode", "availability", "current_zone"]
    assert BIKE.items() <= record.items()
    assert result.stdout.count(b"\n") == 1
    assert result.stderr == b""


def test_ndjson_is_the_default_in_a_pipe(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "courier-1")
    assert result.returncode == 0
    assert [record["courier_id"] for record in records(result)] == ["courier-42", "courier-1"]


def test_many_couriers_are_one_array(run, mock):
    result = run("lookup", "-s", mock.address, "courier-1", "courier-2", "-o", "json")
    assert [record["courier_id"] for record in json.loads(result.stdout)] == ["courier-1", "courier-2"]


def test_no_couriers_are_an_empty_array(run, mock):
    result = run("lookup", "-s", mock.address, "-f", "-", "-o", "json", stdin="")
    assert (result.returncode, result.stdout) == (0, b"[]\n")


def test_csv_has_a_header_row(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "nobody", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout.decode(), newline="")))
    assert BIKE.items() <= rows[0].items()
    assert rows[0]["error"] == ""
    assert rows[1]["courier_id"] == "nobody"
    assert rows[1]["error"].startswith("NOT_FOUND: ")


def test_unknown_courier(run, mock):
    result = run("lookup", "-s", mock.address, "nobody")
    assert result.returncode == 69
    assert result.stdout == b""
    assert len(result.stderr.splitlines()) == 1
    found = error(result)
    assert list(found) == ["kind", "code", "number", "message", "phase", "origin", "method", "target", "peer",
                           "attempts", "elapsed_ms", "retryable", "details", "hint"]
    assert found["kind"] == "rpc"
    assert (found["code"], found["number"]) == ("NOT_FOUND", 5)
    assert "nobody" in found["message"]
    assert (found["phase"], found["origin"]) == ("call", "server")
    assert found["method"] == "dispatchpb.DispatchGateway/GetCourierStatus"
    assert found["target"] == mock.address
    assert found["peer"] == mock.address
    assert found["attempts"] == 1
    assert found["elapsed_ms"] > 0
    assert found["retryable"] is False
    assert found["details"] == []


def test_unknown_courier_for_people(run, mock):
    result = run("lookup", "-s", mock.address, "nobody", "--error-format", "text")
    assert result.returncode == 69
    assert result.stderr.decode().splitlines()[0].startswith("dispatchctl: lookup: ")
    assert result.stderr.decode().splitlines()[0].endswith("nobody not found (NOT_FOUND)")


def test_some_unknown_couriers(run, mock):
    result = run("lookup", "-s", mock.address, "courier-1", "nobody", "courier-2")
    assert result.returncode == 6
    found = records(result)
    assert [record["courier_id"] for record in found] == ["courier-1", "nobody", "courier-2"]
    assert ["error" in record for record in found] == [False, True, False]
    assert set(found[1]) == {"courier_id", "error"}
    assert found[1]["error"]["code"] == "NOT_FOUND"
    assert error(result)["kind"] == "partial"


def test_one_unknown_courier_of_a_file(run, mock):
    result = run("lookup", "-s", mock.address, "-f", "-", stdin="nobody\n")
    assert result.returncode == 69
    assert records(result)[0]["error"]["code"] == "NOT_FOUND"


def test_ids_from_everywhere_keep_their_order(run, mock, tmp_path):
    first = tmp_path / "first"
    first.write_bytes(b"\xef\xbb\xbfcourier-2\r\n\n  \ncourier-3")
    result = run("lookup", "-s", mock.address, "courier-1", "-f", str(first), "courier-4", "-f", "-", "courier-6",
                 stdin="courier-5\n")
    assert result.returncode == 0
    assert [record["courier_id"] for record in records(result)] == [f"courier-{n}" for n in range(1, 7)]


@pytest.mark.parametrize("parallel", ["1", "3", "64"])
def test_order_is_kept_at_any_parallelism(run, mock, parallel):
    ids = [f"courier-{n % 1000 + 1}" for n in range(3000)]
    result = run("lookup", "-s", mock.address, "-f", "-", "--parallel", parallel, stdin="\n".join(ids))
    assert result.returncode == 0
    assert [record["courier_id"] for record in records(result)] == ids


def test_unordered_gives_the_same_records(run, mock):
    ids = [f"courier-{n + 1}" for n in range(500)]
    result = run("lookup", "-s", mock.address, "-f", "-", "--unordered", stdin="\n".join(ids))
    assert sorted(record["courier_id"] for record in records(result)) == sorted(ids)


def test_results_are_read_back_as_input(run, mock):
    first = run("lookup", "-s", mock.address, "courier-1", "courier-2")
    second = run("lookup", "-s", mock.address, "-f", "-", stdin=first.stdout.decode())
    assert second.stdout == first.stdout


def test_an_id_appears_as_soon_as_it_is_sent(start, mock):
    running = start("lookup", "-s", mock.address, "-f", "-")
    running.send("courier-42\n")
    assert running.record()["courier_id"] == "courier-42"
    running.send("courier-1\n")
    assert running.record()["courier_id"] == "courier-1"
    running.process.stdin.close()
    assert running.wait() == 0


def test_f25_bad_lines_keep_their_place(run, mock):
    lines = [b"courier-1", b"bad\xff", b"x" * 100_000, b"courier-2", b"nul\0", b"{broken", b"x" * 2000]
    result = run("lookup", "-s", mock.address, "-f", "-", stdin=b"\n".join(lines))
    assert result.returncode == 6
    found = records(result)
    assert ["error" in record for record in found] == [False, True, True, False, True, True, True]
    assert "stdin:2: column 4: invalid UTF-8" in found[1]["error"]["message"]
    assert "stdin:3: line too long" in found[2]["error"]["message"]
    assert found[2]["line"] == 3
    assert "NUL" in found[4]["error"]["message"]
    assert "1024" in found[6]["error"]["message"]


def test_id_that_cannot_be_one_is_a_usage_error(run, mock):
    result = run("lookup", "-s", mock.address, "")
    assert result.returncode == 2
    assert "courier id" in error(result)["message"]


def test_stdin_is_left_alone(run, mock):
    read_end, write_end = os.pipe()
    os.write(write_end, b"courier-7\n")
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stdin:
        assert run("lookup", "-s", mock.address, "courier-42", input_file=stdin).returncode == 0
        assert run("lookup", "-s", mock.address, "courier-1", "courier-2", input_file=stdin).returncode == 0
        assert stdin.read() == b"courier-7\n"


def test_missing_file(run, mock):
    result = run("lookup", "-s", mock.address, "-f", "/nonexistent/ids", "courier-1")
    assert result.returncode == 4
    assert result.stdout == b""
    assert "/nonexistent/ids" in error(result)["message"]


def test_server_from_the_environment(run, mock):
    result = run("lookup", "courier-42", env={"DISPATCHCTL_SERVER": mock.address, "DISPATCHCTL_OUTPUT": "csv"})
    assert result.returncode == 0
    assert result.stdout.startswith(b"courier_id,")
    result = run("lookup", "courier-42", "-o", "json", env={"DISPATCHCTL_SERVER": mock.address,
                                                            "DISPATCHCTL_OUTPUT": "csv"})
    assert result.stdout.startswith(b"{")


def test_f25_headers_are_checked_and_never_repeated(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "-H", "x-request-id: 1", "-H", "Trace-Bin: AAEC")
    assert result.returncode == 0
    for header in ("no-colon-hunter2", "bad key: hunter2", "grpc-x: hunter2", "k: hunter2\x01"):
        result = run("lookup", "-s", mock.address, "courier-42", "-H", header)
        assert result.returncode == 2, header
        assert b"hunter2" not in result.stderr + result.stdout


def test_headers_from_a_file(run, mock, tmp_path):
    good = tmp_path / "good"
    good.write_text("# who we are\nauthorization: Bearer hunter2\n\nx-tenant: a\n")
    assert run("lookup", "-s", mock.address, "courier-42", "-vv", "-H", f"@{good}").returncode == 0
    bad = tmp_path / "bad"
    bad.write_text("a: b\nauthorization: hunter2\x01\n")
    result = run("lookup", "-s", mock.address, "courier-42", "-H", f"@{bad}")
    assert result.returncode == 3
    assert f"{bad}:2" in error(result)["message"]
    assert b"hunter2" not in result.stderr
    assert run("lookup", "-s", mock.address, "courier-42", "-H", "@/nonexistent/f").returncode == 3


def test_verbose_goes_to_stderr(run, mock):
    quiet = run("lookup", "-s", mock.address, "courier-42")
    verbose = run("lookup", "-s", mock.address, "courier-42", "-v")
    assert verbose.stdout == quiet.stdout
    assert mock.address.encode() in verbose.stderr
