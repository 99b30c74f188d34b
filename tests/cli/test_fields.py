"""--fields: a part of each record, in an order of the user's own."""

import json

import pytest

from helpers import error, records, updates


def test_of_a_lookup_in_every_format(run, mock):
    arguments = ["lookup", "-s", mock.address, "courier-42", "--fields", "current_zone,courier_id"]
    assert run(*arguments).stdout == b'{"current_zone":"zone-7","courier_id":"courier-42"}\n'
    assert json.loads(run(*arguments, "-o", "json").stdout) == {"current_zone": "zone-7", "courier_id": "courier-42"}
    assert run(*arguments, "-o", "csv").stdout == b"current_zone,courier_id,error\r\nzone-7,courier-42,\r\n"
    table = run(*arguments, "-o", "table").stdout.decode().splitlines()
    assert [line.split() for line in table] == [["CURRENT_ZONE", "COURIER_ID"], ["zone-7", "courier-42"]]


def test_a_failed_record_keeps_its_error(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", "nobody", "--fields", "availability")
    assert result.returncode == 6
    good, failed = records(result)
    assert good == {"availability": "available"}
    assert list(failed) == ["error"]


def test_of_other_commands(run, mock):
    assert records(run("endpoints", "-s", mock.address, "--fields", "state"))[0] == {"state": "ready"}
    assert records(run("health", "-s", mock.address, "--fields", "status"))[0] == {"status": "SERVING"}
    assert list(records(run("doctor", "-s", mock.address, "--fields", "phase,ok"))[0]) == ["phase", "ok"]
    result = run("assign", "-s", mock.address, "-f", "-", "--fields", "accepted", stdin=updates(2).encode())
    assert records(result) == [{"accepted": True}] * 2


def test_from_the_environment(run, mock):
    result = run("lookup", "-s", mock.address, "courier-42", env={"DISPATCHCTL_FIELDS": "courier_id"})
    assert records(result) == [{"courier_id": "courier-42"}]


@pytest.mark.parametrize("fields, said", [
    ("current_zon", "current_zone"),
    ("a,,b", "commas"),
    ("courier_id,courier_id", "twice"),
])
def test_what_makes_no_sense(run, mock, fields, said):
    result = run("lookup", "-s", mock.address, "courier-42", "--fields", fields)
    assert result.returncode == 2
    assert result.stdout == b""
    found = error(result)
    assert "--fields" in found["message"]
    assert said in found["message"] + (found["hint"] or "")


def test_a_file_to_go_on_with_has_all_fields(run, mock, tmp_path):
    result = run("assign", "-s", mock.address, "-f", "-", "--out", str(tmp_path / "out"), "--continue", "--fields",
                 "accepted", stdin=b"")
    assert result.returncode == 2
    assert "--fields" in error(result)["hint"]
